"""Times in columns: ISO text, naive and aware timestamps, dates, seconds since 1970."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.sql.columns import Column, Kind
from syncd.core.zones import from_utc, midnight, to_utc
from syncd.errors import Rejected

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SHAPE = re.compile(
    r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d(?::?\d\d)?)?"
)
TEXT_FORMS = ("iso", "iso-utc", "blank")


@dataclass(frozen=True, slots=True)
class Clock:
    """How a table keeps its times.

    ``zone``: of values that carry none. ``milliseconds``: whole numbers count them, else
    seconds. ``text_form``: of new text values: ``iso`` (``2026-03-01T09:00:00``, in ``zone``),
    ``iso-utc`` (``2026-03-01T01:00:00Z``) or ``blank`` (``2026-03-01 09:00:00``, in ``zone``).
    """

    zone: str
    milliseconds: bool = False
    text_form: str = "iso"

    def parse(self, value: Any) -> datetime | date:
        """A JSON value of a row as a naive or aware datetime, or a date.

        Raises ``ValueError`` or ``OverflowError`` if it is no time.
        """
        if isinstance(value, str):
            text = value.strip()
            if len(text) == 10:
                return date.fromisoformat(text)
            return datetime.fromisoformat(text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("not a time")
        return EPOCH + timedelta(seconds=value / 1000 if self.milliseconds else value)

    def instant(self, value: Any) -> datetime:
        """A JSON value of a row as an aware UTC datetime. Raises as :meth:`parse`."""
        found = self.parse(value)
        if not isinstance(found, datetime):
            return midnight(found, self.zone)
        return found.astimezone(UTC) if found.tzinfo else to_utc(found, self.zone)

    def bind(self, instant: datetime, column: Column) -> Any:
        """An aware instant as ``column`` takes it.

        Raises ``Rejected`` where the column cannot tell it: a column of dates, or a naive one
        at the second of two like wall times (when summer time ends).
        """
        if column.kind is Kind.AWARE:
            return instant
        if column.kind is Kind.INTEGER or column.kind is Kind.NUMBER:
            return self._number(instant)
        if column.kind is Kind.TEXT and self.text_form == "iso-utc":
            return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
        if column.kind is Kind.DATE:
            raise Rejected(f"the column {column.name} holds dates, not times of day")
        wall = from_utc(instant, self.zone)
        if wall.fold and to_utc(wall.replace(fold=0), self.zone) != instant:
            raise Rejected(
                f"the column {column.name} has no zone and cannot tell the second "
                f"{wall:%H:%M} of the day on which the clocks go back"
            )
        return self._naive(wall.replace(fold=0), column)

    def bind_day(self, day: date, column: Column) -> Any:
        """A whole day's beginning as ``column`` takes it."""
        if column.kind is Kind.DATE:
            return day.isoformat() if column.as_text else day
        if column.kind is Kind.NAIVE or (column.kind is Kind.TEXT and self.text_form != "iso-utc"):
            return self._naive(datetime(day.year, day.month, day.day), column)
        return self.bind(midnight(day, self.zone), column)

    def limit(self, instant: datetime, column: Column) -> Any:
        """An instant to compare ``column`` with; exact to a day (text may be of any zone)."""
        if column.kind is Kind.AWARE:
            return instant
        if column.kind is Kind.INTEGER or column.kind is Kind.NUMBER:
            return self._number(instant)
        wall = from_utc(instant, self.zone).replace(fold=0)
        if column.kind is Kind.DATE:
            return wall.date().isoformat() if column.as_text else wall.date()
        if column.kind is Kind.TEXT or column.as_text:
            return f"{wall:%Y-%m-%d %H:%M:%S}"
        return wall

    def same(self, value: Any, column: Column) -> Any:
        """A JSON value of a row, to be compared with ``column`` for equality or order."""
        if column.as_text or column.kind not in (Kind.AWARE, Kind.NAIVE, Kind.DATE):
            return value
        found = self.parse(value)
        return found.astimezone(UTC) if isinstance(found, datetime) and found.tzinfo else found

    def later(self, now: datetime, old: Any, column: Column) -> Any:
        """The modification time of a write at ``now``: in the form of ``old``, always after it.

        ``old`` is the JSON value that the row has now (``None`` if none or not a time).
        """
        if column.kind is Kind.INTEGER or column.kind is Kind.NUMBER:
            number = self._number(now)
            return max(number, int(old) + 1) if isinstance(old, int | float) else number
        if column.kind is Kind.DATE:
            return self.bind_day(from_utc(now, self.zone).date(), column)
        shape = _SHAPE.fullmatch(old.strip()) if isinstance(old, str) else None
        if column.kind is Kind.TEXT or column.as_text:
            return self._later_text(now, shape, column)
        previous = self.parse(old) if shape else None
        stamp = now if column.kind is Kind.AWARE else from_utc(now, self.zone).replace(fold=0)
        return _after(stamp, previous, column.tick)

    def _later_text(self, now: datetime, shape: re.Match[str] | None, column: Column) -> str:
        if shape is None:
            fine = column.as_text
            digits, suffix = (6, "") if fine else (0, "Z" if self.text_form == "iso-utc" else "")
            separator = " " if fine or self.text_form == "blank" else "T"
            previous = None
        else:
            separator, suffix = shape[2], shape[5] or ""
            digits = min(len(shape[4] or ""), 6)
            previous = datetime.fromisoformat(shape[0])
        if suffix:
            zone = previous.tzinfo if previous is not None else UTC
            stamp = now.astimezone(zone)
        else:
            stamp = from_utc(now, self.zone).replace(fold=0)
        tick = timedelta(microseconds=10 ** (6 - digits))
        wall = _after(stamp, previous, tick)
        text = f"{wall:%Y-%m-%d}{separator}{wall:%H:%M:%S}"
        fraction = f".{wall.microsecond:06d}"[: digits + 1] if digits else ""
        return text + fraction + suffix

    def _naive(self, wall: datetime, column: Column) -> Any:
        if column.kind is Kind.TEXT:
            return f"{wall:%Y-%m-%d %H:%M:%S}" if self.text_form == "blank" else wall.isoformat()
        # The form in which SQLAlchemy itself keeps a DateTime in SQLite.
        return f"{wall:%Y-%m-%d %H:%M:%S.%f}" if column.as_text else wall

    def _number(self, instant: datetime) -> int:
        passed = instant - EPOCH
        return passed // timedelta(milliseconds=1 if self.milliseconds else 1000)


def _after(stamp: datetime, previous: datetime | date | None, tick: timedelta) -> datetime:
    """``stamp``, but at least a tick later than ``previous``, in whole ticks."""
    if isinstance(previous, datetime) and (previous.tzinfo is None) == (stamp.tzinfo is None):
        stamp = max(stamp, previous + tick)
    fine = tick // timedelta(microseconds=1)
    if fine >= 1_000_000:
        return stamp.replace(microsecond=0)
    return stamp.replace(microsecond=stamp.microsecond // fine * fine)
