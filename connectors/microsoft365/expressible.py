"""Which series Graph can hold as a series. All others must stand as single events. Pure.

Beyond the rule (``patterns``) Exchange asks that occurrences lie one after the other: none may
be longer than the time to the next, and none may be moved to the day of its neighbour or past
it (``ErrorOccurrenceCrossingBoundary``, ``ErrorOccurrenceTimeSpanTooBig``; EWS ResponseCode).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise

from connectors.microsoft365.patterns import NoPattern, pattern_of
from syncd.core.instances import ascending, own_times, rid_at, wall_of, wall_of_rid
from syncd.core.model import AllDay, Appointment, Timed, When
from syncd.core.rrule import LAST, BadRecurrence
from syncd.core.zones import from_utc, to_utc

_LOOKED_AT = 60
_FAR = timedelta(days=3660)


def why_not(appointment: Appointment) -> str:
    """Why Graph cannot hold this as one series; empty if it can, or if it is none."""
    recurrence, when = appointment.recurrence, appointment.when
    if recurrence is None:
        return "" if not appointment.overrides else "it has occurrences but no recurrence"
    try:
        pattern_of(when, recurrence, "UTC")
        return _overlaps(appointment) or _strays(appointment)
    except NoPattern as error:
        return str(error)
    except BadRecurrence as error:
        return str(error)


@lru_cache(maxsize=256)  # it is asked several times while one appointment is settled
def expresses(appointment: Appointment) -> bool:
    """Whether Graph can hold this series itself (and every appointment that is none)."""
    return not why_not(appointment)


def _walls(appointment: Appointment) -> Iterator[datetime]:
    recurrence = appointment.recurrence
    if recurrence is None:
        return iter(())
    return ascending(appointment.when, recurrence, wall_of(appointment.when), LAST)


def _overlaps(appointment: Appointment) -> str:
    first = list(islice(_walls(appointment), _LOOKED_AT))
    gaps = (after - before for before, after in pairwise(first))
    if any(gap < appointment.when.duration for gap in gaps):
        return "its occurrences are longer than the time between them"
    return ""


def _strays(appointment: Appointment) -> str:
    """Whether an override stands for no occurrence, or lies where Exchange does not let it."""
    moved = own_times(appointment)
    for rid, _ in appointment.overrides:
        try:
            wall = wall_of_rid(rid)
        except BadRecurrence:
            return "an override is of no occurrence"
        if rid_at(appointment.when, wall) != rid:
            return "an override is of no occurrence"
        before, here, after = _neighbours(appointment, wall)
        if not here:
            return "an override is of no occurrence"
        if rid in moved and _crosses(appointment, moved[rid], before, after):
            return "an occurrence is moved to the day of another, or past it"
    return _all_deleted(appointment)


def _neighbours(
    appointment: Appointment, wall: datetime
) -> tuple[datetime | None, bool, datetime | None]:
    """The instance before, whether ``wall`` is one, and the one after."""
    recurrence = appointment.recurrence
    assert recurrence is not None
    before, here = None, False
    lower = max(wall_of(appointment.when), wall - _FAR)
    for each in ascending(appointment.when, recurrence, lower, min(LAST, wall + _FAR)):
        if each < wall:
            before = each
        elif each == wall:
            here = True
        else:
            return before, here, each
    return before, here, None


def _crosses(
    appointment: Appointment, own: When, before: datetime | None, after: datetime | None
) -> bool:
    """Whether an occurrence at ``own`` reaches a neighbour, where that was or where it is now."""
    series, times = appointment.when, own_times(appointment)
    if isinstance(own, AllDay) != isinstance(series, AllDay):
        return True
    first, last = _span_of(own, series)
    if before is not None:
        ends = [before + series.duration]
        if (other := times.get(rid_at(series, before))) is not None:
            ends.append(_span_of(other, series)[1])
        if first.date() <= before.date() or first < max(ends) or _same_day(first, other, series):
            return True
    if after is None:
        return False
    starts = [after]
    if (other := times.get(rid_at(series, after))) is not None:
        starts.append(_span_of(other, series)[0])
    return first.date() >= min(starts).date() or last > min(starts)


def _same_day(first: datetime, other: When | None, series: When) -> bool:
    return other is not None and _span_of(other, series)[0].date() >= first.date()


def _span_of(own: When, series: When) -> tuple[datetime, datetime]:
    """Start and end as wall times in the zone of the series."""
    if isinstance(own, Timed) and isinstance(series, Timed) and own.zone and series.zone:
        if own.zone != series.zone:
            start = from_utc(to_utc(own.start, own.zone), series.zone)
            return start, from_utc(to_utc(own.end, own.zone), series.zone)
        return own.start, own.end
    return _midnight(own.start), _midnight(own.end)


def _midnight(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)


def _all_deleted(appointment: Appointment) -> str:
    deleted = {rid for rid, own in appointment.overrides if own.deleted}
    if deleted and all(
        rid_at(appointment.when, wall) in deleted
        for wall in islice(_walls(appointment), len(deleted) + 1)
    ):
        return "none of its occurrences takes place"
    return ""
