"""Four channels through a storm: every edit arrives everywhere, and nobody is bothered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from syncd.core.state import Kind
from tests.servers import Server
from tests.vendors.bridge import CHANNELS, Bridge, Visit, four_channels
from tests.world.hosts import Vendors

VISITS, CANCELLED = 16, 3
_WORDS = ("Besuch Müller GmbH", "客户拜访：王先生", "Demo 🚗, Werk 2")


def _morning() -> datetime:
    today = datetime.now(UTC).replace(tzinfo=None, hour=1, minute=0, second=0, microsecond=0)
    return today + timedelta(days=5)


def _visit(number: int) -> Visit:
    title = f"v{number} {_WORDS[number % 3]}"
    start = _morning() + timedelta(days=number // 6, hours=number % 6)
    return Visit(title, start, f"上海市黄浦区 {number} 号")


_EDITS: tuple[Callable[[int, Visit], Visit], ...] = (
    lambda n, visit: replace(visit, title=f"{visit.title} – neu {n}"),
    lambda n, visit: replace(visit, place=f"Besprechungsraum {n} 展厅"),
    lambda n, visit: replace(visit, start=visit.start + timedelta(days=10, minutes=15 * (n % 4))),
)


def _storm(bridge: Bridge, random: Random, wanted: dict[str, Visit]) -> None:
    """Each field of each visit is edited once, in whatever channel, in whatever weather."""
    todo = [(token, edit) for token in wanted for edit in _EDITS]
    random.shuffle(todo)
    for number, (token, edit) in enumerate(todo):
        channel = random.choice(CHANNELS)
        change = partial(edit, number)
        if not bridge.change(channel, token, change):
            assert bridge.change("crm", token, change)
        wanted[token] = change(wanted[token])
        if random.random() < 0.3:
            bridge.blow(random)
        if random.random() < 0.2:
            bridge.clear()
        if random.random() < 0.3:
            bridge.cycle()
        if random.random() < 0.05:
            bridge.close()
            bridge.open()


@pytest.mark.parametrize("seed", range(2))
def test_four_channels_end_equal(
    seed: int, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 1 to 6 and 9: each edit is in every channel, each visit once, and no mail went
    out, whatever was down or lost meanwhile."""
    random = Random(seed)
    with four_channels(tmp_path, hosts, radicale_server) as bridge:
        wanted = {}
        for number in range(VISITS):
            visit = _visit(number)
            bridge.make(CHANNELS[number % 4], visit)
            wanted[f"v{number}"] = visit
        bridge.rest()
        for channel in CHANNELS:
            assert bridge.shown(channel) == sorted(wanted.values(), key=lambda each: each.title)
        _storm(bridge, random, wanted)
        bridge.rest()
        for token in random.sample(sorted(wanted), CANCELLED):
            assert bridge.delete(random.choice(CHANNELS[1:]), token)
            del wanted[token]
        bridge.rest()
        for channel in CHANNELS:
            assert bridge.shown(channel) == sorted(wanted.values(), key=lambda each: each.title)
        assert len(bridge.office.rows()) == VISITS
        assert bridge.mails == 0
        assert not bridge.records(Kind.CONFLICT)


def test_a_process_brings_all_four_together(
    hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariant 1: ``syncd sync`` as it is installed signs in to all of them."""
    with four_channels(tmp_path, hosts, radicale_server) as bridge:
        visits = [_visit(number) for number in range(8)]
        for number, visit in enumerate(visits):
            bridge.make(CHANNELS[number % 4], visit)
        bridge.close()
        told = bridge.office.sync()
        assert told["state"] == "converged"
        assert {each["name"]: each["created"] for each in told["channels"]} == dict.fromkeys(
            CHANNELS, 6
        )
        for channel in CHANNELS:
            assert bridge.shown(channel) == visits
        again = bridge.office.sync()
        assert [each["created"] + each["updated"] for each in again["channels"]] == [0] * 4
        assert bridge.mails == 0
        bridge.open()
