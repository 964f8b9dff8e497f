"""A calendar that takes no writes for now is left alone; the others of its system are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from syncd import plugins
from syncd.config import load
from syncd.connector import Collection, Connector, Identity, Manifest, System, Written
from syncd.core.model import Appointment
from syncd.deployment import Deployment
from syncd.errors import ConnectorError, Unauthorized, Unavailable
from syncd.results import State
from syncd.store import Store
from tests.engine.test_dead_server import company, visits
from tests.office import Desk
from tests.servers import Server


@dataclass
class Shy:
    """The real plugin; the calendar whose name ends so takes no new events."""

    real: Any
    ending: str
    error: ConnectorError

    @property
    def manifest(self) -> Manifest:
        found: Manifest = self.real.manifest
        return found

    def connect(self, system: System, collection: Collection) -> Connector:
        connector: Connector = self.real.connect(system, collection)

        def create(identity: Identity, content: Appointment) -> Written:
            raise self.error

        if collection.calendar.endswith(self.ending):
            connector.create = create  # type: ignore[method-assign]  # what the vendor answers
        return connector


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("one mailbox asks to wait", retry_after=60.0, lone=True),
        Unauthorized("one mailbox is only read", lone=True),
    ],
)
def test_one_calendar_that_takes_no_writes_stops_no_other(
    error: ConnectorError, tmp_path: Path, radicale_server: Server
) -> None:
    """Invariant 9: its neighbour at the same server gets all its visits in the same cycle."""
    names = [f"{name}-{uuid4().hex[:8]}" for name in ("alice", "bob")]
    desks = [Desk(name, radicale_server, radicale_server.calendar(name)) for name in names]
    text = company(tmp_path, radicale_server.url, _paths(radicale_server, desks))
    visits(tmp_path, 12)
    config = tmp_path / "syncd.toml"
    config.write_text(text, "utf-8")
    settings = load(config, plugins.Plugins(), {})

    def find(name: str) -> Any:
        real = plugins.plugin(name)
        return Shy(real, f"{names[0]}/", error) if name == "caldav" else real

    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store, find=find, sleep=lambda _: None) as deployment,
    ):
        (result,) = deployment.cycle()
    assert result.state is State.FAILED
    assert len(desks[0].items()) == 0
    assert len(desks[1].items()) == 12


def _paths(server: Server, desks: Sequence[Desk]) -> list[str]:
    return [desk.url.removeprefix(server.url.rstrip("/")) for desk in desks]
