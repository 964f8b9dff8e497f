"""What real servers hold of what was written is what the fidelity declares."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.caldav.connector import CalDavConnector
from connectors.caldav.translate import FIDELITY
from syncd.connector import Identity
from syncd.core.fidelity import project
from syncd.core.model import Appointment
from syncd.core.state import Marker
from tests.caldav.connecting import WINDOW, connect
from tests.servers import Server
from tests.strategies import appointments

BATCH = 25
"""Appointments for each example: one look reads them all."""


def _round_trip(connector: CalDavConnector, contents: list[Appointment], run: str) -> None:
    keys = {}
    for number, content in enumerate(contents):
        written = connector.create(Identity(Marker("inst1", f"{run}n{number}")), content)
        keys[written.key] = content
    held = {copy.key: copy for copy in connector.observe(None, WINDOW, {}).copies}
    for key, content in keys.items():
        assert held[key].reads == project(content, FIDELITY), held[key].wire
    for key in keys:
        assert held[key].marker is not None
        connector.update(held[key], contents[0])
    again = {copy.key: copy for copy in connector.fetch(list(keys)).copies}
    assert {copy.reads for copy in again.values()} == {project(contents[0], FIDELITY)}


def _run(server: Server) -> None:
    runs = iter(range(100))

    @settings(
        max_examples=2,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(appointments(), min_size=BATCH, max_size=BATCH))
    def holds(contents: list[Appointment]) -> None:
        run = f"run{next(runs)}"
        _round_trip(connect(server.calendar(f"law-{run}")), contents, run)

    holds()


def test_radicale_holds_what_is_declared(radicale_server: Server) -> None:
    _run(radicale_server)


def test_xandikos_holds_what_is_declared(xandikos_server: Server) -> None:
    _run(xandikos_server)
