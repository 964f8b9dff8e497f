"""The world's clock: time passes only when somebody says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""When simulated worlds begin: a Monday, 09:00 in Shanghai."""


class WorldClock:
    """True time (aware UTC) that stands still between calls of :meth:`advance`."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += timedelta(seconds=seconds)

    sleep = advance
