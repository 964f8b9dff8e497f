"""A bug in one bridge is that bridge's: the daemon in this process, with one that always fails."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from syncd.config import BridgeSettings
from syncd.daemon import Daemon
from syncd.deployment import Deployment
from syncd.results import BridgeResult
from tests.office import Office

TWO = """[systems.other]
connector = "sql"
url = "sqlite:///other.db"
mapping = "visits"
[[bridges]]
name = "broken"
[[bridges.channels]]
system = "other"
"""


def test_a_bridge_that_breaks_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 9: its cycle fails each time; the one after it goes on, and so does the loop."""
    office = Office(tmp_path, [])
    text = office.config.read_text("utf-8")
    office.config.write_text(text.replace("[[bridges]]", TWO + "[[bridges]]", 1), "utf-8")
    told: list[str] = []
    poll = Deployment.poll

    def polled(self: Deployment, bridge: BridgeSettings) -> BridgeResult | None:
        told.append(bridge.name)
        if told.count("sales") == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        if bridge.name == "broken":
            raise ZeroDivisionError
        return poll(self, bridge)

    monkeypatch.setattr(Deployment, "poll", polled)
    Daemon(office.config).run()
    assert told[:4] == ["broken", "sales", "broken", "sales"]
