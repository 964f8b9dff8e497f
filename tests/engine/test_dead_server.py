"""A dead server costs nothing: its connections are counted at the socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connectors.sql.crm.schema import create_schema, visit
from syncd import plugins
from syncd.breakers import CIRCUIT, decode
from syncd.cli.status import status
from syncd.config import load
from syncd.deployment import Deployment
from syncd.results import State
from syncd.schedule import BACKOFF_FIRST, SILENT_LIMIT, Flow
from syncd.store import Store
from tests.engine.listening import dead_server
from tests.office import MONDAY, Desk
from tests.servers import Server

ATTEMPTS_AT_FIRST = 80
"""Connections until the circuit opens: three attempts for each look under way when it does, and
what the client itself tries again."""


class Clock:
    """The machine's clock, and what was added."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def later(self, span: timedelta) -> None:
        """Let time pass."""
        self.shift += span


@contextmanager
def deployed(folder: Path, text: str, clock: Clock) -> Iterator[Deployment]:
    """A deployment of this configuration; nobody sleeps."""
    config = folder / "syncd.toml"
    config.write_text(text, "utf-8")
    settings = load(config, plugins.Plugins(), {})
    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store, clock=clock, sleep=lambda _: None) as deployment,
    ):
        yield deployment


def company(folder: Path, url: str, calendars: Sequence[str]) -> str:
    """A CRM, and a calendar for each colleague at one server."""
    engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
    create_schema(engine)
    engine.dispose()
    rows = [f"同事 {n},c{n}@example.com,{path}" for n, path in enumerate(calendars)]
    (folder / "people.csv").write_text("\n".join(["name,email,dav", *rows]), "utf-8")
    return f"""
[people]
file = "people.csv"
domains = ["example.com"]
[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
[systems.dav]
connector = "caldav"
url = "{url}"
username = "alice"
password = "x"
[[bridges]]
name = "sales"
[[bridges.channels]]
system = "crm"
[[bridges.channels]]
system = "dav"
people = "all"
calendar = "{{dav}}"
holds = "all"
"""


def visits(folder: Path, number: int) -> None:
    """Put coming visits into the CRM."""
    start = MONDAY + timedelta(days=1)
    rows = [
        {
            "subject": f"拜访 Besuch {each}",
            "starts_at": start + timedelta(hours=each),
            "ends_at": start + timedelta(hours=each, minutes=45),
            "state": "confirmed",
        }
        for each in range(number)
    ]
    engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
    with engine.begin() as connection:
        connection.execute(sa.insert(visit), rows)
    engine.dispose()


def test_a_thousand_channels_of_a_dead_server_cost_one_connection_a_probe(tmp_path: Path) -> None:
    """Some until it is known, none while it is left alone, one for each probe."""
    clock = Clock()
    thousand = [f"/dav/c{number}/" for number in range(1000)]
    with (
        dead_server() as server,
        deployed(tmp_path, company(tmp_path, server.url, thousand), clock) as deployment,
    ):
        (result,) = deployment.cycle()
        assert result.state is State.FAILED
        assert result.reason.count("dav") < 40, "said of the system, not of each channel"
        assert SILENT_LIMIT <= server.count <= ATTEMPTS_AT_FIRST
        before = server.count
        for _ in range(3):
            assert deployment.cycle()[0].state is State.FAILED
        assert server.since(before) == 0
        for probe in range(1, 6):
            clock.later(BACKOFF_FIRST * 2**probe)
            deployment.cycle()
            deployment.cycle()
            assert server.since(before) == probe
        store = deployment.store
        circuit = decode(store.meta_get(f"{CIRCUIT}dav"))
        assert circuit.flow(clock()) is Flow.OPEN
        assert circuit.error
        assert store.meta_get(f"{CIRCUIT}crm") in (None, "")
        failing = [s for s in store.channel_states() if s.failures and s.channel != "sales/crm"]
        assert len(failing) == 1000, "each knows that it has missed something"


def test_a_server_that_is_back_is_asked_for_all_of_its_calendars(
    tmp_path: Path, radicale_server: Server
) -> None:
    """Invariant 9: one probe closes the circuit, and what all calendars missed reaches them."""
    clock = Clock()
    urls = [radicale_server.calendar(f"c{number}-{uuid4().hex[:8]}") for number in range(12)]
    desks = [Desk("any", radicale_server, url) for url in urls]
    paths = [f"/{url.removeprefix(radicale_server.url).lstrip('/')}" for url in urls]
    with dead_server() as server:
        text = company(tmp_path, server.url, paths)
        with deployed(tmp_path, text, clock) as deployment:
            visits(tmp_path, 2)
            assert deployment.cycle()[0].state is State.FAILED
            before = server.count
            server.target = radicale_server.url
            assert deployment.cycle()[0].state is State.FAILED
            assert server.since(before) == 0, "it is not asked yet"
            clock.later(BACKOFF_FIRST * 2)
            (result,) = deployment.cycle()
            assert result.state is State.CONVERGED, result.reason
            assert [len(desk.items()) for desk in desks] == [2] * 12
            assert not deployment.store.meta_get(f"{CIRCUIT}dav")


def test_status_shows_what_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failing channel with its error, and the system once, until when."""
    clock = Clock()
    with (
        dead_server() as server,
        deployed(tmp_path, company(tmp_path, server.url, ["/dav/a/", "/dav/b/"]), clock) as at_work,
    ):
        clock.later(timedelta(hours=1))
        for _ in range(SILENT_LIMIT):
            at_work.cycle()
            clock.later(BACKOFF_FIRST * 4)
        capsys.readouterr()
        status(at_work.settings, at_work.store, clock(), json=True)
        (told,) = json.loads(capsys.readouterr().out)["systems"]
        assert told["system"] == "dav"
        assert told["state"] in ("open", "probing")
        assert told["error"]
