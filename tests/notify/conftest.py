"""Places to be told, and a configuration that has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Language, NotifySettings, Service, Settings, Topic, load
from syncd.notify import Notifier, Seen
from syncd.plugins import Plugins
from syncd.secrets import Secret
from syncd.store import ChannelState, Store
from tests.notify.fakes import Vendor

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CONFIG = """
[daemon]
time_zone = "Asia/Shanghai"
[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
[systems.cloud]
connector = "caldav"
url = "https://cloud.example.com/"
[[bridges]]
name = "sales"
[[bridges.channels]]
system = "crm"
[[bridges.channels]]
name = "alice"
system = "cloud"
calendar = "a"
[[bridges.channels]]
name = "王芳"
system = "cloud"
calendar = "b"
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


def told_by(
    vendor: Vendor,
    *,
    name: str = "ops",
    secret: str | None = None,
    language: Language = Language.EN,
    topics: frozenset[Topic] = frozenset(Topic),
    recovered: bool = True,
) -> NotifySettings:
    """The ``[[notify]]`` of a robot."""
    key = vendor.secret if secret is None else secret
    return NotifySettings(
        name=name,
        service=Service(vendor.kind),
        url=Secret(vendor.url),
        secret=Secret(key) if key else None,
        language=language,
        topics=topics,
        recovered=recovered,
    )


@dataclass
class Site:
    """A configuration, a store, and notifiers that come and go. ``at``: the clock."""

    settings: Settings
    store: Store
    at: datetime = NOW
    free: int | None = None
    made: list[Notifier] = field(default_factory=list)

    def start(self, *vendors: Vendor, **options: Any) -> None:
        """A process begins (anew)."""
        self.stop()
        places = [told_by(v, name=f"ops-{n}", **options) for n, v in enumerate(vendors)]
        settings = replace(self.settings, notify=tuple(places))
        self.made.append(Notifier(settings, self.store, free=lambda: self.free))

    def stop(self) -> None:
        """And ends."""
        while self.made:
            self.made.pop().close()

    def look(self, after: timedelta = timedelta(), seen: Seen | None = None) -> None:
        """A cycle ends ``after`` the last; everything that it brings is waited for."""
        self.at += after
        self.made[-1].look(seen or Seen(), self.at)
        assert self.made[-1].flush(30)

    def answered(self, *names: str) -> None:
        """The channels have been seen."""
        for name in names or ("crm", "alice", "王芳"):
            self.store.save_channel_state(ChannelState(f"sales/{name}", looked=self.at))

    def failing(self, *names: str) -> None:
        """The channels do not answer."""
        for name in names:
            state = self.store.channel_state(f"sales/{name}") or ChannelState(f"sales/{name}")
            self.store.save_channel_state(replace(state, failures=1, error="timeout"))

    def hold(self, digest: str = "d", writes: int = 12) -> int:
        """The bridge stops itself."""
        shown = [
            {"channel": "alice", "operation": "delete", "appointment": str(n)}
            for n in range(writes)
        ]
        return self.store.open_hold("sales", "alice: 12 of 40", self.at, digest, shown).id


@pytest.fixture
def site(tmp_path: Path, store: Store) -> Iterator[Site]:
    (tmp_path / "syncd.toml").write_text(CONFIG, "utf-8")
    found = Site(load(tmp_path / "syncd.toml", Plugins(), {}), store)
    found.answered()
    yield found
    found.stop()
