"""Recurrence between Graph's patterns and rules of iCalendar. Pure.

Graph's ``patternedRecurrence`` (microsoft-graph-docs, ``recurrencePattern``, ``recurrenceRange``)
has six patterns. Exchange reads a day of the month that a month lacks as its last one, where a
rule of iCalendar leaves that month out; so the 29th to the 31st of each month have no pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

from syncd.core.instances import rule_descending, rule_walls, wall_of
from syncd.core.model import AllDay, Recurrence, Timed, When
from syncd.core.rrule import BadRecurrence, Freq, Rule, canonical_rule, parse
from syncd.core.zones import to_utc

Pattern: TypeAlias = dict[str, Any]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_INDEXES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_INDEX_NAMES = {number: name for name, number in _INDEXES.items()}
_LAST_DAYS = {29: "BYMONTHDAY=28,29;BYSETPOS=-1", 30: "BYMONTHDAY=28,29,30;BYSETPOS=-1"}
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MOST_INTERVAL = 99
_MOST_COUNT = 999


class NoPattern(ValueError):
    """Graph has no pattern for the recurrence: says why, without personal data."""


def pattern_of(when: When, recurrence: Recurrence, zone_name: str) -> Pattern:
    """The ``recurrence`` of a series that begins with ``when``. Raises :class:`NoPattern`.

    ``zone_name``: the zone of the event as Graph is told it; the range must name the same.
    """
    if recurrence.dates:
        raise NoPattern("it has further dates")
    if len(recurrence.rules) != 1:
        raise NoPattern("it has not exactly one rule")
    try:
        rule = parse(recurrence.rules[0])
        start = wall_of(when)
        if not any(True for _ in rule_walls(rule, when, start, start)):
            raise NoPattern("its first occurrence does not follow its rule")
        pattern = _pattern(rule, start)
        return {"pattern": pattern, "range": _range(rule, when, zone_name)}
    except BadRecurrence as error:
        raise NoPattern(str(error)) from error


def _pattern(rule: Rule, start: datetime) -> Pattern:
    if any((rule.weeknos, rule.yeardays, rule.hours, rule.minutes, rule.seconds)):
        raise NoPattern("its rule has parts that Graph has not")
    if rule.interval > _MOST_INTERVAL:
        raise NoPattern(f"it repeats less than every {_MOST_INTERVAL} periods")
    if rule.freq is Freq.DAILY:
        return _daily(rule)
    if rule.freq is Freq.WEEKLY:
        return _weekly(rule, start)
    if rule.freq is Freq.MONTHLY and not rule.months:
        return _in_month(rule, start, "Monthly")
    if rule.freq is Freq.YEARLY and len(rule.months) <= 1:
        month = rule.months[0] if rule.months else start.month
        if not rule.months and rule.days:
            raise NoPattern("it counts weekdays in a year")
        return {**_in_month(rule, start, "Yearly", month), "month": month}
    raise NoPattern("its rule repeats too often, or in some months only")


def _daily(rule: Rule) -> Pattern:
    if any((rule.months, rule.monthdays, rule.days, rule.positions)):
        raise NoPattern("it repeats on some days only")
    return {"type": "daily", "interval": rule.interval}


def _weekly(rule: Rule, start: datetime) -> Pattern:
    if any((rule.months, rule.monthdays, rule.positions)) or any(n for _, n in rule.days):
        raise NoPattern("it repeats in some weeks only")
    days = [weekday for weekday, _ in rule.days] or [start.weekday()]
    return {
        "type": "weekly",
        "interval": rule.interval,
        "daysOfWeek": [_DAYS[weekday] for weekday in sorted(days)],
        "firstDayOfWeek": _DAYS[rule.wkst],
    }


def _in_month(rule: Rule, start: datetime, period: str, month: int = 0) -> Pattern:
    if rule.days:
        if rule.monthdays:
            raise NoPattern("it repeats on certain weekdays of certain dates")
        weekdays, index = _relative(rule)
        return {
            "type": f"relative{period}",
            "interval": rule.interval,
            "daysOfWeek": [_DAYS[weekday] for weekday in weekdays],
            "index": _INDEX_NAMES[index],
        }
    if rule.positions or len(rule.monthdays) > 1:
        raise NoPattern("it repeats on several days of a month")
    day = rule.monthdays[0] if rule.monthdays else start.day
    safe = _MONTH_DAYS[month - 1] if month else 28
    if day == -1:
        day = 31
    elif not 1 <= day <= safe:
        raise NoPattern("some of its months lack that day")
    return {"type": f"absolute{period}", "interval": rule.interval, "dayOfMonth": day}


def _relative(rule: Rule) -> tuple[list[int], int]:
    """The weekdays and which of them in the month."""
    numbers = {number for _, number in rule.days}
    if rule.positions:
        if numbers != {0} or len(rule.positions) != 1 or rule.positions[0] not in _INDEX_NAMES:
            raise NoPattern("it takes several of its days")
        return [weekday for weekday, _ in rule.days], rule.positions[0]
    if len(rule.days) != 1 or not numbers <= _INDEX_NAMES.keys():
        raise NoPattern("it repeats on several weekdays of a month")
    return [rule.days[0][0]], rule.days[0][1]


def _range(rule: Rule, when: When, zone_name: str) -> Pattern:
    begin = {"startDate": f"{wall_of(when):%Y-%m-%d}", "recurrenceTimeZone": zone_name}
    if rule.count is not None:
        if rule.count > _MOST_COUNT:
            raise NoPattern(f"it has more than {_MOST_COUNT} occurrences")
        return {"type": "numbered", **begin, "numberOfOccurrences": rule.count}
    if not rule.until:
        return {"type": "noEnd", **begin}
    last = next(rule_descending(rule, when), None)
    if last is None:
        raise NoPattern("it has no occurrence")
    return {"type": "endDate", **begin, "endDate": f"{last:%Y-%m-%d}"}


def recurrence_of(patterned: Mapping[str, Any], when: When) -> Recurrence:
    """The rule that Graph's ``recurrence`` means. Raises :class:`NoPattern` if none does."""
    pattern, span = patterned.get("pattern"), patterned.get("range")
    if not isinstance(pattern, Mapping) or not isinstance(span, Mapping):
        raise NoPattern("its recurrence has no pattern or no range")
    try:
        rule = f"{_rule(pattern)}{_end(span, when)}"
        return Recurrence((canonical_rule(rule),))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NoPattern("its recurrence cannot be read") from error


def _rule(pattern: Mapping[str, Any]) -> str:
    kind = str(pattern["type"])
    interval = f";INTERVAL={int(pattern.get('interval') or 1)}"
    if kind == "daily":
        return f"FREQ=DAILY{interval}"
    if kind == "weekly":
        first = _DAYS.index(str(pattern.get("firstDayOfWeek") or "sunday"))
        return f"FREQ=WEEKLY{interval};BYDAY={_weekdays(pattern)};WKST={_SHORT[first]}"
    period = "YEARLY" if kind.endswith("Yearly") else "MONTHLY"
    month = f";BYMONTH={int(pattern['month'])}" if period == "YEARLY" else ""
    begin = f"FREQ={period}{interval}{month}"
    if kind.startswith("absolute"):
        return f"{begin};{_month_day(int(pattern['dayOfMonth']), int(pattern.get('month') or 0))}"
    if not kind.startswith("relative"):
        raise ValueError(kind)
    index, days = _INDEXES[str(pattern.get("index") or "first")], _weekdays(pattern)
    if "," in days:
        return f"{begin};BYDAY={days};BYSETPOS={index}"
    return f"{begin};BYDAY={index}{days}"


def _weekdays(pattern: Mapping[str, Any]) -> str:
    days = sorted({_DAYS.index(str(day)) for day in pattern["daysOfWeek"]})
    if not days:
        raise ValueError("no days")
    return ",".join(_SHORT[day] for day in days)


def _month_day(day: int, month: int) -> str:
    """A month that lacks the day has the occurrence on its last one."""
    if not 1 <= day <= 31:
        raise ValueError("no day")
    if day <= (_MONTH_DAYS[month - 1] if 1 <= month <= 12 else 28):
        return f"BYMONTHDAY={day}"
    return _LAST_DAYS.get(day, "BYMONTHDAY=-1") if month != 2 else "BYMONTHDAY=-1"


def _end(span: Mapping[str, Any], when: When) -> str:
    kind = str(span.get("type") or "noEnd")
    if kind == "noEnd":
        return ""
    if kind == "numbered":
        return f";COUNT={int(span['numberOfOccurrences'])}"
    if kind != "endDate":
        raise ValueError(kind)
    last = date.fromisoformat(str(span["endDate"])[:10])
    if isinstance(when, AllDay):
        return f";UNTIL={last:%Y%m%d}"
    return f";UNTIL={until_text(last, when)}"


def until_text(last: date, when: Timed) -> str:
    """The UNTIL that still has the occurrence of a day: when that begins, in UTC (RFC 5545)."""
    wall = datetime.combine(last, when.start.time())
    if when.zone is None:
        return f"{wall:%Y%m%dT%H%M%S}"
    return f"{to_utc(wall, when.zone):%Y%m%dT%H%M%S}Z"
