"""Recurrence rules (RFC 5545, 3.3.10): read, and written in one spelling.

Rules come from remote systems: nothing in them is trusted, and no error quotes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import IntEnum
from functools import lru_cache
from typing import Any

FIRST = datetime(1, 1, 1)
LAST = datetime(9998, 12, 31, 23, 59, 59)
"""No wall time is earlier or later."""

MAX_COUNT = 20_000
"""The greatest COUNT that is believed; fifty years of every day are fewer."""

_LONGEST = 1_000
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class BadRecurrence(ValueError):
    """A rule or a recurrence id that cannot be read, or whose expansion has no end in sight."""


class Freq(IntEnum):
    """How often a rule's periods come."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, read. ``until`` is as written; ``days`` are (weekday from Monday 0, ordinal or 0).

    The order of the fields is the order of the parts in :func:`canonical_rule`.
    """

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: str = ""
    wkst: int = 0
    months: tuple[int, ...] = ()
    weeknos: tuple[int, ...] = ()
    yeardays: tuple[int, ...] = ()
    monthdays: tuple[int, ...] = ()
    days: tuple[tuple[int, int], ...] = ()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    seconds: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()

    @property
    def endless(self) -> bool:
        """Whether the rule names no end."""
        return self.count is None and not self.until

    def __str__(self) -> str:
        parts = [f"FREQ={self.freq.name}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until:
            parts.append(f"UNTIL={self.until}")
        if self.wkst and self._wkst_matters():
            parts.append(f"WKST={_DAYS[self.wkst]}")
        for part, (name, _, _) in _NUMBERS.items():
            if part == "BYHOUR" and self.days:
                days = (f"{n or ''}{_DAYS[weekday]}" for weekday, n in self.days)
                parts.append("BYDAY=" + ",".join(days))
            if values := getattr(self, name):
                parts.append(f"{part}=" + ",".join(map(str, values)))
        return ";".join(parts)

    def _wkst_matters(self) -> bool:
        if self.freq is Freq.WEEKLY:
            return bool(self.days) and (self.interval > 1 or bool(self.positions))
        return bool(self.weeknos)


_NUMBERS = {
    "BYMONTH": ("months", 1, 12),
    "BYWEEKNO": ("weeknos", -53, 53),
    "BYYEARDAY": ("yeardays", -366, 366),
    "BYMONTHDAY": ("monthdays", -31, 31),
    "BYHOUR": ("hours", 0, 23),
    "BYMINUTE": ("minutes", 0, 59),
    "BYSECOND": ("seconds", 0, 59),
    "BYSETPOS": ("positions", -366, 366),
}
"""Part to the field of :class:`Rule`, the least and the greatest value; 0 only from 0 on."""


def canonical_rule(text: str) -> str:
    """An RRULE value in one spelling, so that a server's reordering is no change.

    Upper case, no ``RRULE:``, FREQ first, parts and values in a fixed order, without
    ``INTERVAL=1`` and without a WKST that changes nothing. UNTIL stays as it is written.
    Raises :class:`BadRecurrence`.
    """
    return str(parse(text))


@lru_cache(maxsize=4096)
def parse(text: str) -> Rule:
    """The rule of an RRULE value. Raises :class:`BadRecurrence`, which never quotes the text."""
    if len(text) > _LONGEST:
        raise BadRecurrence("the rule is too long")
    bare = text.strip().upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in bare.split(";"))):
        name, equals, value = part.partition("=")
        if not equals or name in parts:
            raise BadRecurrence("a part of the rule is malformed or stands there twice")
        parts[name] = value
    frequency = parts.pop("FREQ", "")
    if frequency not in Freq.__members__:
        raise BadRecurrence("the rule has no FREQ that is known")
    rule = Rule(Freq[frequency])
    for name, value in parts.items():
        rule = _with_part(rule, name, value)
    return rule


def _with_part(rule: Rule, name: str, value: str) -> Rule:
    if name in _NUMBERS:
        field, least, most = _NUMBERS[name]
        numbers = {_number(each, least, most) for each in value.split(",")}
        if least and 0 in numbers:
            raise BadRecurrence(f"{name} has no 0")
        values: dict[str, Any] = {field: tuple(sorted(numbers))}
        return replace(rule, **values)
    match name:
        case "INTERVAL":
            return replace(rule, interval=_number(value, 1, 999_999_999))
        case "COUNT":
            return replace(rule, count=_number(value, 1, MAX_COUNT))
        case "UNTIL":
            until_of(value)
            return replace(rule, until=value)
        case "WKST" if value in _DAYS:
            return replace(rule, wkst=_DAYS.index(value))
        case "BYDAY":
            return replace(rule, days=tuple(sorted({_weekday(each) for each in value.split(",")})))
    raise BadRecurrence("the rule has a part that is not known")


def _number(text: str, least: int, most: int) -> int:
    if not _NUMBER.fullmatch(text.strip()) or not least <= int(text) <= most:
        raise BadRecurrence(f"a number of the rule is not between {least} and {most}")
    return int(text)


def _weekday(text: str) -> tuple[int, int]:
    found = _WEEKDAY.fullmatch(text.strip())
    if found is None or (found[1] and not 1 <= abs(int(found[1])) <= 53):
        raise BadRecurrence("BYDAY names no weekday")
    return _DAYS.index(found[2]), int(found[1] or 0)


@lru_cache(maxsize=4096)
def until_of(text: str) -> datetime:
    """The naive wall time of an UNTIL; a date means all of that day. Raises BadRecurrence."""
    if not _UNTIL.fullmatch(text):
        raise BadRecurrence("UNTIL is no date")
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        clock = time(int(text[9:11]), int(text[11:13]), int(text[13:15])) if text[8:] else time.max
    except ValueError as error:
        raise BadRecurrence("UNTIL is no date") from error
    return datetime.combine(day, clock)
