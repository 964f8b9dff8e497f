"""The occurrences of a pattern, day by day: another way than the connector's, on purpose."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INDEX = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_NEEDS = {
    "daily": {"interval"},
    "weekly": {"interval", "daysOfWeek", "firstDayOfWeek"},
    "absoluteMonthly": {"interval", "dayOfMonth"},
    "relativeMonthly": {"interval", "daysOfWeek", "index"},
    "absoluteYearly": {"interval", "dayOfMonth", "month"},
    "relativeYearly": {"interval", "daysOfWeek", "index", "month"},
}
_LIMIT = timedelta(days=366 * 120)


def is_pattern(recurrence: object) -> bool:
    """Whether Graph would take this ``patternedRecurrence``: what a type uses, and no more."""
    if not isinstance(recurrence, dict) or set(recurrence) != {"pattern", "range"}:
        return False
    pattern, span = recurrence["pattern"], recurrence["range"]
    needs = _NEEDS.get(pattern.get("type"))
    if needs is None or set(pattern) != needs | {"type"} or not 1 <= pattern["interval"] <= 99:
        return False
    if not 1 <= pattern.get("dayOfMonth", 1) <= 31 or not 1 <= pattern.get("month", 1) <= 12:
        return False
    days = pattern.get("daysOfWeek", ["monday"])
    if not days or not set(days) <= set(_DAYS) or pattern.get("index", "first") not in _INDEX:
        return False
    ends = {"noEnd": set(), "endDate": {"endDate"}, "numbered": {"numberOfOccurrences"}}
    more = ends.get(span.get("type"))
    return more is not None and set(span) == {"type", "startDate", "recurrenceTimeZone"} | more


def days_of(recurrence: dict[str, Any], until: date) -> Iterator[date]:
    """The days of a series from its beginning up to ``until``."""
    pattern, span = recurrence["pattern"], recurrence["range"]
    start = date.fromisoformat(span["startDate"])
    last = min(until, start + _LIMIT)
    if span["type"] == "endDate":
        last = min(last, date.fromisoformat(span["endDate"]))
    left = span.get("numberOfOccurrences", 10**9)
    day = start
    while day <= last and left:
        if matches(pattern, start, day):
            yield day
            left -= 1
        day += timedelta(days=1)


def matches(pattern: dict[str, Any], start: date, day: date) -> bool:
    """Whether a pattern that begins on ``start`` has an occurrence on ``day``."""
    kind, interval = pattern["type"], pattern["interval"]
    if kind == "daily":
        return bool((day - start).days % interval == 0)
    if kind == "weekly":
        first = _DAYS.index(pattern["firstDayOfWeek"])
        weeks = (_week(day, first) - _week(start, first)).days // 7
        return weeks % interval == 0 and _DAYS[day.weekday()] in pattern["daysOfWeek"]
    months = (day.year - start.year) * 12 + day.month - start.month
    if kind.endswith("Yearly"):
        if day.month != pattern["month"] or (day.year - start.year) % interval:
            return False
    elif months % interval:
        return False
    length = calendar.monthrange(day.year, day.month)[1]
    if kind.startswith("absolute"):
        return day.day == min(int(pattern["dayOfMonth"]), length)
    found = [
        each
        for each in range(1, length + 1)
        if _DAYS[date(day.year, day.month, each).weekday()] in pattern["daysOfWeek"]
    ]
    wanted = found[_INDEX[pattern["index"]]]
    return bool(day.day == wanted)


def _week(day: date, first: int) -> date:
    return day - timedelta(days=(day.weekday() - first) % 7)
