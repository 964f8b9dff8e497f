"""Whose turn it is, in a deployment at work; and what a new configuration takes over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connectors.sql.crm.schema import visit
from syncd import plugins
from syncd.config import load
from syncd.deployment import Deployment
from syncd.results import State
from tests.engine.listening import dead_server
from tests.engine.test_dead_server import Clock, company, deployed, visits
from tests.servers import Server

SECONDS = timedelta(seconds=1)
POLLS = """[daemon]
poll_interval = "60s"
poll_fastest = "10s"
poll_slowest = "240s"
"""


def looked_at(deployment: Deployment) -> set[str]:
    """Poll; the channels that were looked at."""
    deployment.poll(deployment.settings.bridges[0])
    (bridge,) = deployment.bridges()
    return set(bridge.looks.seen)


def test_a_busy_channel_is_asked_often_and_a_silent_one_seldom(
    tmp_path: Path, radicale_server: Server
) -> None:
    """The CRM is edited every few seconds; nobody touches the second calendar."""
    clock = Clock()
    urls = [radicale_server.calendar(f"t{n}-{uuid4().hex[:8]}") for n in range(2)]
    paths = [f"/{url.removeprefix(radicale_server.url).lstrip('/')}" for url in urls]
    text = POLLS + company(tmp_path, radicale_server.url, paths).replace(
        'holds = "all"', 'holds = "own"'
    )
    counts = {"crm": 0, "dav-c0": 0, "dav-c1": 0}
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    visits(tmp_path, 1)
    with deployed(tmp_path, text, clock) as deployment:
        assert looked_at(deployment) == set(counts)
        for turn in range(180):
            with engine.begin() as connection:
                connection.execute(sa.update(visit).values(subject=f"拜访 {turn}"))
            clock.later(10 * SECONDS)
            assert deployment.next_turn() <= 60 * SECONDS
            for name in looked_at(deployment):
                counts[name] += 1
    engine.dispose()
    assert counts["crm"] >= 150, "at the fastest"
    assert 6 <= counts["dav-c1"] <= 20, "at the slowest, every four minutes of these thirty"


def test_a_channel_that_was_written_to_is_looked_at_soon(
    tmp_path: Path, radicale_server: Server
) -> None:
    clock = Clock()
    url = radicale_server.calendar(f"t-{uuid4().hex[:8]}")
    path = f"/{url.removeprefix(radicale_server.url).lstrip('/')}"
    with deployed(
        tmp_path, POLLS + company(tmp_path, radicale_server.url, [path]), clock
    ) as deployment:
        assert looked_at(deployment) == {"crm", "dav-c0"}
        assert looked_at(deployment) == {"crm", "dav-c0"}, "of the last round: none came since"
        visits(tmp_path, 1)
        clock.later(60 * SECONDS)
        assert looked_at(deployment) == {"crm", "dav-c0"}
        clock.later(10 * SECONDS)
        assert looked_at(deployment) == {"dav-c0"}
        clock.later(10 * SECONDS)
        (result,) = deployment.cycle()
        assert result.state is State.CONVERGED


@pytest.mark.parametrize(
    ("old", "new", "asked"),
    [
        ('name = "sales"', 'name = "sales"\nrules = "crm-first"', False),
        ('password = "x"', 'password = "y"', True),
    ],
    ids=["rules", "password"],
)
def test_unchanged_systems_go_on_as_they_were(
    tmp_path: Path, old: str, new: str, asked: bool
) -> None:
    """A dead server is not asked anew since something else was configured; it is if its own
    options were."""
    clock = Clock()
    with dead_server() as server:
        text = company(tmp_path, server.url, [f"/dav/c{n}/" for n in range(20)])
        with deployed(tmp_path, text, clock) as before:
            before.cycle()
            count = server.count
            (tmp_path / "syncd.toml").write_text(text.replace(old, new), "utf-8")
            fresh = load(tmp_path / "syncd.toml", plugins.Plugins(), {})
            with Deployment(fresh, before.store, clock=clock, sleep=lambda _: None) as after:
                after.inherit(before)
                assert after.cycle()[0].state is State.FAILED
                assert (server.since(count) > 0) == asked
