"""Where an observation goes on: the cursor, and from when on rows are read again. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sql.columns import Column, Kind
from connectors.sql.times import Clock
from syncd.connector import Window
from syncd.core.model import AllDay, When
from syncd.core.zones import from_utc, midnight, to_utc
from syncd.errors import CursorExpired

_MIXED_OFFSETS = timedelta(hours=26)
"""Texts of one instant differ by this much at most (UTC-12 to UTC+14)."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last look at a table.

    ``modified``: the latest value of the modified column until then, as in the wire form.
    ``at``: when the look was made, ``first``: when it was first the latest (our clock, aware
    UTC). ``window``: what the look covered.
    ``columns``: the fingerprint of the columns that were read.
    """

    modified: Any
    at: datetime
    first: datetime
    window: Window
    columns: str

    def text(self) -> str:
        """As it is stored."""
        parts = {
            "modified": self.modified,
            "at": self.at.isoformat(),
            "first": self.first.isoformat(),
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
            "columns": self.columns,
        }
        return json.dumps(parts, sort_keys=True)

    @classmethod
    def parse(cls, text: str, columns: str, now: datetime) -> Cursor:
        """Raises ``CursorExpired`` if it is none, if other columns are read by now, or if our clock
        was ahead when it was made: what was modified since may look older than what it has seen.
        """
        try:
            parts = json.loads(text)
            start, end = (datetime.fromisoformat(each) for each in parts["window"])
            at, first = (datetime.fromisoformat(parts[each]) for each in ("at", "first"))
            found = cls(parts["modified"], at, first, Window(start, end), parts["columns"])
        except (ValueError, KeyError, TypeError):
            raise CursorExpired("the cursor is not one of this connector") from None
        if found.columns != columns:
            raise CursorExpired("other columns of the table are read than at the last look")
        if found.at > now:
            raise CursorExpired("at the last look this machine's clock was ahead of what it is now")
        return found


@dataclass(frozen=True, slots=True)
class Bound:
    """From where on the modified column is read: later than ``value``, or (``inclusive``) equal."""

    value: Any
    inclusive: bool


def bound(
    cursor: Cursor, clock: Clock, column: Column, overlap: timedelta, now: datetime
) -> Bound | None:
    """What to read since ``cursor``; ``None`` means every row.

    A transaction that commits late, and a second edit within the same tick, show a time that
    is not later than the latest one seen. So everything of the last ``overlap`` before it is
    read again, until it has been the latest for so long that no such row can still come. That
    is told by our clock alone: the column may be in another zone than the mapping says.
    """
    try:
        latest = clock.parse(cursor.modified)
        instant = clock.instant(cursor.modified)
    except (ValueError, OverflowError):
        return None
    back = overlap + _put_back(latest, instant, clock, now)
    settled = cursor.at - cursor.first >= 2 * overlap + _grain(latest)
    if isinstance(cursor.modified, int | float):
        if settled:
            return Bound(cursor.modified, inclusive=False)
        step = overlap.total_seconds() * (1000 if clock.milliseconds else 1)
        return Bound(cursor.modified - int(step), inclusive=True)
    text = column.as_text or column.kind is Kind.TEXT
    foreign = text and isinstance(latest, datetime) and bool(latest.utcoffset())
    if settled and back == overlap and not foreign:
        strict = cursor.modified.replace("T", " ") if text else clock.same(cursor.modified, column)
        return Bound(strict, inclusive=False)
    if foreign:
        back += _MIXED_OFFSETS
    if not isinstance(latest, datetime):
        earlier: date = latest - back - timedelta(days=1)
        return Bound(earlier.isoformat() if text else earlier, inclusive=True)
    lower = latest - back
    return Bound(f"{lower:%Y-%m-%d %H:%M:%S}" if text else lower, inclusive=True)


def in_window(when: When, window: Window, zone: str) -> bool:
    """Whether an appointment touches the window."""
    try:
        if isinstance(when, AllDay):
            start, end = midnight(when.start, zone), midnight(when.end, zone)
        else:
            start, end = to_utc(when.start, when.zone, zone), to_utc(when.end, when.zone, zone)
    except OverflowError:
        # The first or the last day of the calendar, where some programs keep "no date".
        return False
    return start < window.end and end >= window.start


def _put_back(latest: datetime | date, instant: datetime, clock: Clock, now: datetime) -> timedelta:
    """How much wall clocks were put back since then: naive times of that hour come twice."""
    if isinstance(latest, datetime) and latest.tzinfo is not None:
        return timedelta()
    then = _offset(instant, clock.zone)
    return max(timedelta(), then - _offset(now, clock.zone))


def _offset(instant: datetime, zone: str) -> timedelta:
    return from_utc(instant, zone) - instant.astimezone(UTC).replace(tzinfo=None)


def _grain(latest: datetime | date) -> timedelta:
    return timedelta() if isinstance(latest, datetime) else timedelta(days=1)
