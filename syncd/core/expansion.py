"""Recurrence rules expanded on naive wall times, within bounds.

python-dateutil expands the same rules and the tests compare with it, but its generator cannot
be stopped between two matches: a rule that never matches runs to the year 9999, and one that
began in 1990 is walked from there. Rules come from remote systems, so here every expansion
starts at the period that it is asked for and has a budget.

Two readings where the RFC is silent or dateutil differs: BYWEEKNO without BYDAY means all days
of the week (as dateutil), and BYSETPOS counts in the whole first week (as the RFC).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from syncd.core.rrule import LAST, BadRecurrence, Freq, Rule

BUDGET = 100_000
"""The most days or periods that one expansion looks at."""


def between(rule: Rule, start: datetime, lower: datetime, upper: datetime) -> Iterator[datetime]:
    """The matches of a rule that begins at ``start``, from ``lower`` to ``upper`` inclusive.

    UNTIL is the caller's; COUNT counts the rule's own matches. In order. Raises
    :class:`BadRecurrence` where the budget ends.
    """
    if rule.count is not None:
        upper = min(upper, last_counted(rule, start))
    yield from _matches(rule, start, max(lower, start), upper)


@lru_cache(maxsize=4096)
def last_counted(rule: Rule, start: datetime) -> datetime:
    """The match with the number COUNT, ``LAST`` if the calendar ends before."""
    left = rule.count or 0
    for wall in _matches(rule, start, start, LAST):
        left -= 1
        if not left:
            return wall
    return LAST


def _matches(rule: Rule, start: datetime, lower: datetime, upper: datetime) -> Iterator[datetime]:
    if lower > upper:
        return
    complete = _completed(rule, start)
    expand = _by_clock if rule.freq >= Freq.HOURLY else _by_days
    for wall in expand(complete, start, lower, upper):
        if wall > upper:
            return
        if wall >= lower:
            yield wall


@lru_cache(maxsize=4096)
def _completed(rule: Rule, start: datetime) -> Rule:
    """The rule with what it leaves to its start written out."""
    added: dict[str, Any] = {}
    if not (rule.weeknos or rule.yeardays or rule.monthdays or rule.days):
        if rule.freq is Freq.WEEKLY:
            added["days"] = ((start.weekday(), 0),)
        elif rule.freq <= Freq.MONTHLY:
            added["monthdays"] = (start.day,)
        if rule.freq is Freq.YEARLY and not rule.months:
            added["months"] = (start.month,)
    clock = (("hours", start.hour), ("minutes", start.minute), ("seconds", start.second))
    for finest, (name, value) in enumerate(clock, start=Freq.HOURLY):
        if rule.freq < finest and not getattr(rule, name):
            added[name] = (value,)
    return replace(rule, **added)


def _by_days(rule: Rule, start: datetime, lower: datetime, upper: datetime) -> Iterator[datetime]:
    clock = [time(h, m, s) for h in rule.hours for m in rule.minutes for s in rule.seconds]
    filtered = bool(rule.months or rule.weeknos or rule.yeardays or rule.monthdays or rule.days)
    left = BUDGET
    for ordinals in _periods(rule, start.date(), lower.date(), upper.date()):
        left -= len(ordinals) or 1
        if left < 0:
            raise BadRecurrence("the rule matches too seldom or too often to be expanded")
        days: Iterable[date] = map(date.fromordinal, ordinals)
        if filtered:
            days = [day for day in days if _day_matches(rule, day)]
        walls = [datetime.combine(day, at) for day in days for at in clock]
        left -= len(walls)
        yield from _at_positions(walls, rule.positions) if rule.positions else walls


def _periods(rule: Rule, start: date, lower: date, upper: date) -> Iterator[list[int] | range]:
    """The days (as ordinals) of each period of the rule that reaches into lower..upper."""
    step, last = rule.interval, LAST.toordinal()
    if rule.freq is Freq.YEARLY:
        for year in range(_aligned(start.year, lower.year, step), upper.year + 1, step):
            months = rule.months or range(1, 13)
            yield [day for month in months for day in _month(year, month)]
    elif rule.freq is Freq.MONTHLY:
        first = start.year * 12 + start.month - 1
        begin, end = lower.year * 12 + lower.month - 1, upper.year * 12 + upper.month
        for index in range(_aligned(first, begin, step), end, step):
            yield _month(index // 12, index % 12 + 1)
    elif rule.freq is Freq.WEEKLY:
        first = start.toordinal() - (start.weekday() - rule.wkst) % 7
        for week in range(
            _aligned(first, lower.toordinal(), step * 7), upper.toordinal() + 1, step * 7
        ):
            yield range(max(week, 1), min(week + 7, last + 1))
    else:
        first = _aligned(start.toordinal(), lower.toordinal(), step)
        for day in range(first, upper.toordinal() + 1, step):
            yield range(day, day + 1)


def _aligned(first: int, wanted: int, step: int) -> int:
    """The last of first, first + step, … that is not after ``wanted``; at least ``first``."""
    return first + max(0, wanted - first) // step * step


def _month(year: int, month: int) -> range:
    first = date(year, month, 1).toordinal()
    return range(first, first + monthrange(year, month)[1])


def _day_matches(rule: Rule, day: date) -> bool:
    if rule.months and day.month not in rule.months:
        return False
    if rule.days and not _weekday_matches(rule, day):
        return False
    if rule.monthdays and day.day not in rule.monthdays:
        length = monthrange(day.year, day.month)[1]
        if day.day - length - 1 not in rule.monthdays:
            return False
    if rule.yeardays:
        number, length = _yearday(day)
        if number not in rule.yeardays and number - length - 1 not in rule.yeardays:
            return False
    if rule.weeknos:
        number, length = _week(day, rule.wkst)
        return number in rule.weeknos or number - length - 1 in rule.weeknos
    return True


def _weekday_matches(rule: Rule, day: date) -> bool:
    weekday = day.weekday()
    for wanted, nth in rule.days:
        if wanted != weekday:
            continue
        if not nth or rule.freq > Freq.MONTHLY:
            return True
        if rule.freq is Freq.MONTHLY or rule.months:
            number, length = day.day, monthrange(day.year, day.month)[1]
        else:
            number, length = _yearday(day)
        if nth == (number - 1) // 7 + 1 or nth == -((length - number) // 7 + 1):
            return True
    return False


def _yearday(day: date) -> tuple[int, int]:
    """The number of a day in its year, and the length of that year."""
    before = date(day.year, 1, 1).toordinal()
    return day.toordinal() - before + 1, date(day.year, 12, 31).toordinal() - before + 1


def _week(day: date, wkst: int) -> tuple[int, int]:
    """The number of a day's week, and of the last week of that year (4 days make a week)."""
    ordinal = day.toordinal() - (day.weekday() - wkst) % 7 + 3
    middle = date.fromordinal(min(max(ordinal, 1), LAST.toordinal()))
    late = date(middle.year, 12, 28)
    last = late.toordinal() - (late.weekday() - wkst) % 7 + 3 - date(middle.year, 1, 1).toordinal()
    return (_yearday(middle)[0] - 1) // 7 + 1, last // 7 + 1


def _at_positions(walls: list[datetime], positions: tuple[int, ...]) -> list[datetime]:
    size = len(walls)
    chosen = {pos - 1 if pos > 0 else size + pos for pos in positions if abs(pos) <= size}
    return [walls[index] for index in sorted(chosen)]


_UNITS = {Freq.HOURLY: 3600, Freq.MINUTELY: 60, Freq.SECONDLY: 1}


def _by_clock(rule: Rule, start: datetime, lower: datetime, upper: datetime) -> Iterator[datetime]:
    """Rules of hours, minutes and seconds: what cannot match is jumped over."""
    unit = _UNITS[rule.freq]
    base = start.replace(
        minute=0 if unit == 3600 else start.minute, second=start.second if unit == 1 else 0
    )
    step = unit * rule.interval
    passed = (lower - base) // timedelta(seconds=step) * step
    last = (upper - base) // timedelta(seconds=1)
    left = BUDGET
    while passed <= last:
        left -= 1
        if left < 0:
            raise BadRecurrence("the rule matches too seldom or too often to be expanded")
        moment = base + timedelta(seconds=passed)
        skip = _seconds_to_skip(rule, moment)
        if skip:
            passed += -(-skip // step) * step
            continue
        walls = _within(rule, moment)
        left -= len(walls)
        yield from walls
        passed += step


def _seconds_to_skip(rule: Rule, moment: datetime) -> int:
    """Seconds to the next moment that may match, 0 if this period does."""
    into_hour = moment.minute * 60 + moment.second
    if not _day_matches(rule, moment.date()):
        return 86400 - moment.hour * 3600 - into_hour
    if rule.hours and moment.hour not in rule.hours:
        return 3600 - into_hour
    if rule.freq >= Freq.MINUTELY and rule.minutes and moment.minute not in rule.minutes:
        return 60 - moment.second
    if rule.freq is Freq.SECONDLY and rule.seconds and moment.second not in rule.seconds:
        return 1
    return 0


def _within(rule: Rule, moment: datetime) -> list[datetime]:
    minutes = rule.minutes if rule.freq is Freq.HOURLY else (moment.minute,)
    seconds = rule.seconds if rule.freq <= Freq.MINUTELY else (moment.second,)
    walls = [
        moment.replace(minute=minute, second=second) for minute in minutes for second in seconds
    ]
    return _at_positions(walls, rule.positions) if rule.positions else walls
