"""The instances of a series as its rules have them: wall times, recurrence ids, instants.

Expansion runs on naive wall times in the series' own zone, so 09:00 stays 09:00 across a
change of the clocks; a recurrence id is that nominal wall time, also where it does not exist
and the occurrence begins after the gap. ``DTSTART`` is always an instance.

``default_zone`` reads floating times and whole days. Raises :class:`BadRecurrence`, and nothing
else, where a rule or an id cannot be read or expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice

from syncd.core.expansion import between, last_counted
from syncd.core.model import AllDay, Appointment, Recurrence, RecurrenceId, Timed, When
from syncd.core.rrule import (
    FIRST,
    LAST,
    BadRecurrence,
    Freq,
    Rule,
    parse,
    until_of,
)
from syncd.core.zones import UTC_ZONE, from_utc, midnight, to_utc

MARGIN = timedelta(days=2)
"""More than any zone is away from UTC, and more than any gap in a zone's history."""

ONCE = Recurrence()
"""What stands for the recurrence of an appointment that has none."""

_ID = re.compile(r"\d{8}(T\d{6})?", re.ASCII)
_PERIODS = {
    Freq.YEARLY: timedelta(days=366),
    Freq.MONTHLY: timedelta(days=31),
    Freq.WEEKLY: timedelta(days=7),
    Freq.DAILY: timedelta(days=1),
    Freq.HOURLY: timedelta(hours=1),
    Freq.MINUTELY: timedelta(minutes=1),
    Freq.SECONDLY: timedelta(seconds=1),
}


def rid_of(when: When) -> RecurrenceId:
    """The id of an occurrence that begins as ``when`` does, in ``when``'s own zone."""
    return rid_at(when, wall_of(when))


def rid_start(rid: RecurrenceId) -> datetime | date:
    """The nominal start that an id names, naive. Raises :class:`BadRecurrence`."""
    if not _ID.fullmatch(rid):
        raise BadRecurrence("a recurrence id is no date")
    try:
        day = date(int(rid[:4]), int(rid[4:6]), int(rid[6:8]))
        if len(rid) == 8:
            return day
        return datetime(
            day.year, day.month, day.day, int(rid[9:11]), int(rid[11:13]), int(rid[13:])
        )
    except ValueError as error:
        raise BadRecurrence("a recurrence id is no date") from error


def span_utc(when: When, default_zone: str = UTC_ZONE) -> tuple[datetime, datetime]:
    """The instants (aware UTC) at which ``when`` begins and ends."""
    if isinstance(when, AllDay):
        return midnight(when.start, default_zone), midnight(when.end, default_zone)
    start = to_utc(when.start, when.zone, default_zone)
    return start, max(start, to_utc(when.end, when.zone, default_zone))


def occurrence_ids(
    appointment: Appointment,
    start_utc: datetime,
    end_utc: datetime,
    default_zone: str = UTC_ZONE,
    limit: int = 2000,
) -> tuple[RecurrenceId, ...]:
    """The first ``limit`` instances that overlap ``start_utc`` to ``end_utc`` (exclusive).

    As the rules have them: without regard to overrides, deleted ones included.
    """
    recurrence = appointment.recurrence or ONCE
    return _ids(appointment.when, recurrence, start_utc, end_utc, default_zone, limit)


def is_occurrence(appointment: Appointment, rid: RecurrenceId) -> bool:
    """Whether the rules have an instance with this id (which an override may have deleted)."""
    return _is_instance(appointment.when, appointment.recurrence or ONCE, rid)


def own_times(appointment: Appointment) -> Mapping[RecurrenceId, When]:
    """The times of occurrences that were moved, by recurrence id."""
    found: dict[RecurrenceId, When] = {}
    for rid, override in appointment.overrides:
        if override.deleted:
            continue
        for name, value in override.values:
            if name == "when" and isinstance(value, Timed | AllDay):
                found[rid] = value
    return found


def instant(when: When, wall: datetime, default_zone: str) -> datetime:
    """When (aware UTC) an instance of a series like ``when`` begins whose wall time is ``wall``."""
    zone = when.zone if isinstance(when, Timed) else None
    return to_utc(wall, zone, default_zone)


def ascending(
    when: When, recurrence: Recurrence, lower: datetime, upper: datetime
) -> Iterator[datetime]:
    """The wall times of all instances from ``lower`` to ``upper`` inclusive, each once."""
    single = sorted({wall_of(when), *_dates(when, recurrence)})
    rules = (rule_walls(parse(text), when, lower, upper) for text in recurrence.rules)
    walls = merge([wall for wall in single if lower <= wall <= upper], *rules)
    return (wall for wall, _ in groupby(walls))


def descending(when: When, recurrence: Recurrence) -> Iterator[datetime]:
    """The wall times of all instances of a finite series, the last one first."""
    single = sorted({wall_of(when), *_dates(when, recurrence)}, reverse=True)
    rules = (rule_descending(parse(text), when) for text in recurrence.rules)
    return (wall for wall, _ in groupby(merge(single, *rules, reverse=True)))


def rule_walls(rule: Rule, when: When, lower: datetime, upper: datetime) -> Iterator[datetime]:
    """The instances of one rule from ``lower`` to ``upper``, up to its COUNT or UNTIL.

    An UNTIL in UTC is compared as an instant where the series has a zone; elsewhere, and
    without ``Z``, as wall time; in a series of whole days by its date.
    """
    start = wall_of(when)
    if not rule.until:
        yield from between(rule, start, lower, upper)
        return
    until = until_of(rule.until)
    if isinstance(when, AllDay):
        until = until.replace(hour=0, minute=0, second=0, microsecond=0)
    if not (isinstance(when, Timed) and when.zone and rule.until.endswith("Z")):
        yield from between(rule, start, lower, min(upper, until))
        return
    last = until.replace(tzinfo=UTC)
    for wall in between(rule, start, lower, min(upper, _moved(until, MARGIN))):
        if to_utc(wall, when.zone) <= last:
            yield wall


def rule_descending(rule: Rule, when: When, upper: datetime = LAST) -> Iterator[datetime]:
    """The instances of one rule not after ``upper``, the last one first."""
    start, top = wall_of(when), min(upper, LAST)
    if rule.count is not None:
        top = min(top, last_counted(rule, start))
    if rule.until:
        top = min(top, _moved(until_of(rule.until), MARGIN))
    span = min(rule.interval * 2, 10_000) * _PERIODS[rule.freq]
    while top >= start:
        low = max(start, _moved(top, -span))
        yield from reversed(list(rule_walls(rule, when, low, top)))
        top, span = _moved(low, timedelta(seconds=-1)), min(span * 4, timedelta(days=400_000))


def wall_of(when: When) -> datetime:
    """The start as a naive wall time, of whole days midnight."""
    start = when.start
    if isinstance(start, datetime):
        return start
    return datetime(start.year, start.month, start.day)


def rid_at(when: When, wall: datetime) -> RecurrenceId:
    """The id of the instance of a series like ``when`` at a wall time."""
    day = f"{wall.year:04}{wall.month:02}{wall.day:02}"
    if isinstance(when, AllDay):
        return day
    return f"{day}T{wall.hour:02}{wall.minute:02}{wall.second:02}"


def wall_of_rid(rid: RecurrenceId) -> datetime:
    """The nominal start that an id names, of whole days midnight. Raises BadRecurrence."""
    start = rid_start(rid)
    return start if isinstance(start, datetime) else datetime(start.year, start.month, start.day)


def _dates(when: When, recurrence: Recurrence) -> Iterator[datetime]:
    """The RDATEs as wall times; a mere date in a timed series means its time of day."""
    usual = wall_of(when)
    for rid in recurrence.dates:
        start = rid_start(rid)
        if not isinstance(start, datetime):
            yield datetime.combine(start, usual.time())
        elif isinstance(when, AllDay):
            yield datetime.combine(start.date(), usual.time())
        else:
            yield start


def _moved(wall: datetime, by: timedelta) -> datetime:
    """``wall + by`` within the calendar."""
    try:
        return min(wall + by, LAST)
    except OverflowError:
        return LAST if by > timedelta() else FIRST


def overlaps(span: tuple[datetime, datetime], start: datetime, end: datetime) -> bool:
    """Whether a span (of no length, too) touches ``start`` to ``end``, which is exclusive."""
    return span[0] < end and (span[1] > start or span[0] >= start)


@lru_cache(maxsize=512)
def _ids(
    when: When,
    recurrence: Recurrence,
    start: datetime,
    end: datetime,
    default_zone: str,
    limit: int,
) -> tuple[RecurrenceId, ...]:
    lower = _moved(start.replace(tzinfo=None), -MARGIN - when.duration)
    upper = _moved(end.replace(tzinfo=None), MARGIN)
    found = (
        rid_at(when, wall)
        for wall in ascending(when, recurrence, lower, upper)
        if overlaps(instants(when, wall, default_zone), start, end)
    )
    return tuple(islice(found, limit))


def instants(when: When, wall: datetime, default_zone: str) -> tuple[datetime, datetime]:
    """When an instance begins and ends; as :func:`when_at`, but quicker."""
    start = instant(when, wall, default_zone)
    end = instant(when, _moved(wall, when.duration), default_zone)
    if end > start or not when.duration:
        return start, end
    return span_utc(when_at(when, wall), default_zone)


@lru_cache(maxsize=32_768)
def _is_instance(when: When, recurrence: Recurrence, rid: RecurrenceId) -> bool:
    try:
        start = rid_start(rid)
    except BadRecurrence:
        return False
    if isinstance(start, datetime) == isinstance(when, AllDay):
        return False
    wall = wall_of_rid(rid)
    return any(True for _ in ascending(when, recurrence, wall, wall))


def when_at(when: When, wall: datetime) -> When:
    """The time of the instance at ``wall``; past a gap it keeps its length on the clock."""
    try:
        if isinstance(when, AllDay):
            return AllDay(wall.date(), wall.date() + when.duration)
        if when.zone is not None:
            wall = from_utc(to_utc(wall, when.zone), when.zone)
        return Timed(wall, wall + when.duration, when.zone)
    except OverflowError as error:
        raise BadRecurrence("an occurrence ends after the end of the calendar") from error
