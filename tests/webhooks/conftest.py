"""A company whose calendars are told of: the connector ``told`` is installed beside the tests."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from tests.architecture.tree import ROOT
from tests.office import Desk, Office
from tests.servers import Server, free_port
from tests.webhooks.herald import Herald, herald


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the connector ``told`` on the path, of this process and of those that it starts."""
    place = tmp_path / "installed"
    info = place / "told_connector-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: told-connector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[syncd.connectors]\ntold = tests.webhooks.herald:plugin\n"
    )
    monkeypatch.syspath_prepend(str(place))
    path = os.pathsep.join(filter(None, [str(place), str(ROOT), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return place


@pytest.fixture
def told_by() -> Iterator[Herald]:
    """A herald."""
    with herald() as known:
        yield known


class Told(Office):
    """An office whose calendars have a herald. ``hooks``: the ``[daemon.webhooks]``."""

    def __init__(self, folder: Path, desks: Sequence[Desk], known: Herald, interval: str) -> None:
        self.herald, self.interval = known, interval
        self.port = free_port()
        self.hooks = (
            f'[daemon.webhooks]\nurl = "http://127.0.0.1:{self.port}/hooks/"\n'
            f'listen = "127.0.0.1:{self.port}"\n'
        )
        super().__init__(folder, desks, listen="127.0.0.1:0")

    def configure(self, *, holds: str = "all", rules: str = "", extra: str = "") -> None:
        """Write the configuration anew."""
        super().configure(holds=holds, rules=rules, extra=extra)
        told = f'connector = "told"\nherald = "{self.herald.url}"'
        self.replaced('connector = "caldav"', told)
        self.replaced('poll_interval = "1s"', f'poll_interval = "{self.interval}"')
        self.replaced("[people]", f"{self.hooks}[people]")

    def replaced(self, old: str, new: str) -> None:
        """Edit the configuration."""
        text = self.config.read_text("utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), "utf-8")

    @property
    def door(self) -> str:
        """Where the first calendar's system tells."""
        return f"http://127.0.0.1:{self.port}/hooks/{self.desks[0].name}-dav"

    def stored(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the state, while the daemon is at work."""
        connection = sqlite3.connect(f"file:{self.folder / 'state.db'}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


Opening = Callable[..., Told]


@pytest.fixture
def opened(
    tmp_path: Path, installed: Path, radicale_server: Server, told_by: Herald
) -> Iterator[Opening]:
    """``opened("alice", "wangfang", interval="300s")``: their office."""
    offices: list[Told] = []

    def make(*names: str, interval: str = "300s") -> Told:
        desks = [
            Desk(name, radicale_server, radicale_server.calendar(f"{name}-{uuid4().hex[:8]}"))
            for name in names or ("alice",)
        ]
        offices.append(Told(tmp_path, desks, told_by, interval))
        return offices[-1]

    yield make
    for office in offices:
        office.engine.dispose()
    assert told_by.unsound == []
