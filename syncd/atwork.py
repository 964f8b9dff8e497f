"""What the daemon leaves in the state about itself, for whoever looks while its configuration
cannot be read: since when it is at work, with which configuration, and why it refused another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from syncd.store import Store

_NAME = "daemon"


@dataclass(frozen=True, slots=True)
class AtWork:
    """One run of the daemon. ``since``: its start; ``configured``: when it took the configuration
    that it goes by, from ``file``. ``refused``: why it kept that one when it was last told to read
    it again, at ``refused_at``."""

    since: datetime
    configured: datetime
    file: str = ""
    refused: str = ""
    refused_at: datetime | None = None


class Attendance:
    """Keeps what is known of this run in the state, as soon as that can be written."""

    def __init__(self, now: datetime) -> None:
        self._now = AtWork(now, now)
        self._kept: AtWork | None = None

    def configured(self, file: str, now: datetime) -> None:
        """Another configuration is at work; with the first one the daemon is."""
        self._now = AtWork(self._now.since if self._now.file else now, now, file)

    def refused(self, reason: str, now: datetime) -> None:
        """A configuration was refused; the one before stays."""
        if reason != self._now.refused:
            self._now = replace(self._now, refused=reason, refused_at=now)

    def keep(self, store: Store) -> None:
        """Store it, if it is not what is stored. Raises what the store raises: it is tried again
        at the next call."""
        if self._now != self._kept:
            told = {name: _text(value) for name, value in asdict(self._now).items()}
            store.meta_set(_NAME, json.dumps(told, ensure_ascii=False))
            self._kept = self._now


def last_at_work(store: Store) -> AtWork | None:
    """The last run of the daemon; ``None`` if there was none."""
    text = store.meta_get(_NAME)
    if not text:
        return None
    told: Mapping[str, Any] = json.loads(text)
    return AtWork(
        datetime.fromisoformat(told["since"]),
        datetime.fromisoformat(told["configured"]),
        told["file"],
        told["refused"],
        _instant(told["refused_at"]),
    )


def _text(value: object) -> object:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
