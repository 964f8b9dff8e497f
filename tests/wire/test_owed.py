"""What an administrator sees while a system answers looks and takes no writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus

from syncd.breakers import Breakers
from syncd.pulse import Pulse
from syncd.schedule import BACKOFF_MOST
from syncd.web import Sources
from syncd.web.pages import answer
from tests.web.scrape import Page
from tests.wire.proxy import Fault
from tests.wire.world import World, at

ALWAYS = 10**6
SECRETS = ("拜访客户 Müller", "alice@example.com", "Mueller GmbH")
"""What is never told (invariant 11)."""


def test_what_a_channel_is_owed_is_told(make: Callable[..., World]) -> None:
    """In status, for people and programs, on the pages and in the result of a cycle: how many,
    since when, why, and when it is tried again; and no more once it has arrived."""
    world = make("cal", "cal2")
    for _ in range(4):
        world.add_visit(subject="拜访客户 Müller")
    world.doors["cal"].fail(Fault("PUT", status=503, times=ALWAYS))
    began = world.now()
    for _ in range(3):
        assert world.cycle().state == "failed"
        world.later(minutes=10)
    done = world.office.run("status", "--json")
    assert done.returncode == 1
    (told,) = json.loads(done.stdout)["owed"]
    assert (told["channel"], told["system"], told["writes"]) == ("sales/cal", "cal-dav", 4)
    assert "HTTP 503" in told["reason"]
    since, next_ = (datetime.fromisoformat(told[name]) for name in ("since", "next"))
    assert timedelta(0) <= since.replace(microsecond=999_999) - began < timedelta(minutes=1)
    assert next_ <= world.now() + BACKOFF_MOST
    shown = world.office.run("status")
    assert shown.returncode == 1
    words = " ".join(shown.stdout.split())
    assert "owed: sales/cal: 4 writes, since " in words
    assert "HTTP 503 tried again at " in words
    page, ready = _pages(world)
    assert page.value("syncd_writes_owed", bridge="sales", channel="cal") == 4
    assert page.value("syncd_writes_owed", bridge="sales", channel="cal2") == 0
    told_since = page.value(
        "syncd_writes_owed_since_timestamp_seconds", bridge="sales", channel="cal"
    )
    assert since.timestamp() == int(told_since)
    (detail,) = [part["detail"] for part in ready["parts"] if part["name"] == "bridge sales"]
    assert detail == f"failed; 4 writes owed in 1 channel since {since:%Y-%m-%dT%H:%M:%SZ}"
    for text in (done.stdout, shown.stdout, page.text, json.dumps(ready, ensure_ascii=False)):
        assert not [secret for secret in SECRETS if secret in text]
    world.doors["cal"].mend()
    world.later(minutes=10)
    world.converge()
    assert json.loads(world.office.run("status", "--json").stdout)["owed"] == []
    page, _ = _pages(world)
    assert page.value("syncd_writes_owed", bridge="sales", channel="cal") == 0
    assert "syncd_writes_owed_since_timestamp_seconds" not in page.values
    assert world.counts() == {"crm": 4, "cal": 4, "cal2": 4}


def test_what_is_no_longer_wanted_is_owed_no_longer(make: Callable[..., World]) -> None:
    """A new visit that its calendar does not take is deleted in the CRM: nobody waits for it."""
    world = make("cal")
    row = world.add_visit()
    world.doors["cal"].fail(Fault("PUT", status=503, times=ALWAYS))
    world.cycle()
    assert [debt.writes for debt in world.store.debts()] == [1]
    world.change(row, deleted_at=at(0))
    world.later(hours=1)
    world.cycle()
    assert world.store.debts() == []


def test_a_restart_tries_what_is_owed(make: Callable[..., World]) -> None:
    """It survives the process, and whoever starts anew has mended something."""
    world = make("cal")
    world.add_visit()
    world.doors["cal"].fail(Fault("PUT", status=503, times=ALWAYS))
    for _ in range(12):
        world.cycle()
        world.later(minutes=10)
    (before,) = world.store.debts()
    world.close()
    world.doors["cal"].mend()
    world.open()
    assert world.store.debts()[0].since == before.since
    assert world.cycle().state == "converged"
    assert world.counts() == {"crm": 1, "cal": 1}


def _pages(world: World) -> tuple[Page, dict[str, list[dict[str, str]]]]:
    pulse = Pulse()
    pulse.configured(["sales"], ["crm", "cal-dav", "cal2-dav"])
    pulse.cycled([world.cycle()], 0.0, world.now())
    channels = frozenset({"sales/crm", "sales/cal", "sales/cal2"})
    sources = Sources(world.store, pulse, Breakers(world.now), channels, dict, dict)
    ready = answer("/readyz", sources, 0.0)
    assert ready.status == HTTPStatus.OK, "what a system of yours does not take is not our fault"
    return Page(answer("/metrics", sources, 0.0).body.decode()), json.loads(ready.body)
