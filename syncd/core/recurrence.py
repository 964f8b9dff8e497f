"""Occurrences of a series: which there are, what each stands for, and when the series ends.

Expansion runs on naive wall times in the series' own zone, so 09:00 stays 09:00 across a
change of the clocks; a recurrence id is that nominal wall time, also where it does not exist
and the occurrence begins after the gap. ``DTSTART`` is always an instance. An override whose
id is no instance of the series stands for nothing.

``default_zone`` reads floating times and whole days. Nearly every function here raises
:class:`BadRecurrence`, and nothing else, where a rule or an id cannot be read or expanded.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from syncd.core.instances import (
    MARGIN,
    ONCE,
    ascending,
    descending,
    instant,
    instants,
    is_occurrence,
    occurrence_ids,
    overlaps,
    own_times,
    rid_at,
    rid_of,
    rid_start,
    span_utc,
    wall_of_rid,
    when_at,
)
from syncd.core.model import (
    OVERRIDABLE_FIELDS,
    Appointment,
    Override,
    Recurrence,
    RecurrenceId,
    Status,
    Timed,
    Value,
    When,
)
from syncd.core.reshape import cut, remap, reslot
from syncd.core.rrule import FIRST, LAST, BadRecurrence, canonical_rule, parse
from syncd.core.zones import UTC_ZONE

__all__ = [
    "BadRecurrence",
    "canonical_rule",
    "cut",
    "ended",
    "has_past",
    "is_called_off",
    "is_occurrence",
    "last_end",
    "occurrence",
    "occurrence_ids",
    "occurrences",
    "override_of",
    "remap",
    "reslot",
    "rid_of",
    "rid_start",
    "span_utc",
    "starts_utc",
]


def occurrence(appointment: Appointment, rid: RecurrenceId) -> Appointment | None:
    """The single appointment that stands for one occurrence; ``None`` if there is none."""
    if not is_occurrence(appointment, rid):
        return None
    return _standing_for(appointment, rid, appointment.override(rid))


def occurrences(
    appointment: Appointment,
    start_utc: datetime,
    end_utc: datetime,
    default_zone: str = UTC_ZONE,
    limit: int = 2000,
) -> dict[RecurrenceId, Appointment]:
    """What takes place from ``start_utc`` to ``end_utc`` (exclusive), by recurrence id, sorted.

    Judged by each occurrence's own time: one moved into the span is there, one moved out is not.
    """
    overrides = dict(appointment.overrides)
    moved = {rid for rid in own_times(appointment) if is_occurrence(appointment, rid)}
    ids = set(occurrence_ids(appointment, start_utc, end_utc, default_zone, limit))
    shown = {}
    for rid in sorted(ids | moved):
        single = _standing_for(appointment, rid, overrides.get(rid))
        if single is None:
            continue
        if rid in moved and not overlaps(span_utc(single.when, default_zone), start_utc, end_utc):
            continue
        shown[rid] = single
    return shown


def starts_utc(appointment: Appointment, default_zone: str = UTC_ZONE) -> datetime:
    """The instant at which the appointment, or the first instance of the series, begins."""
    return span_utc(appointment.when, default_zone)[0]


def last_end(appointment: Appointment, default_zone: str = UTC_ZONE) -> datetime | None:
    """The instant at which the last occurrence is over; ``None`` if the series has no end.

    Where every occurrence is deleted: when the first one would have been over.
    """
    if appointment.recurrence is None:
        return span_utc(appointment.when, default_zone)[1]
    return _last_end(appointment.when, appointment.recurrence, appointment.overrides, default_zone)


def ended(appointment: Appointment, now_utc: datetime, default_zone: str = UTC_ZONE) -> bool:
    """Whether the last occurrence is over; never of a series without end."""
    end = last_end(appointment, default_zone)
    return end is not None and end <= now_utc


def has_past(appointment: Appointment, now_utc: datetime, default_zone: str = UTC_ZONE) -> bool:
    """Whether an occurrence that takes place has begun before ``now_utc``."""
    own = own_times(appointment)
    for rid, when in own.items():
        if span_utc(when, default_zone)[0] < now_utc and is_occurrence(appointment, rid):
            return True
    overrides = dict(appointment.overrides)
    upper = now_utc.replace(tzinfo=None) + MARGIN
    when = appointment.when
    for wall in ascending(when, appointment.recurrence or ONCE, FIRST, upper):
        rid = rid_at(when, wall)
        if rid in own or (rid in overrides and overrides[rid].deleted):
            continue
        return instant(when, wall, default_zone) < now_utc
    return False


def is_called_off(series: Appointment) -> bool:
    """Whether nothing of a series takes place although it is not cancelled itself: each of its
    occurrences is, or was dropped. A series of which all were dropped is merely empty; of one
    that cannot be expanded, something may."""
    off = {rid for rid, own in series.overrides if own.deleted or _is_cancelled(own)}
    if series.recurrence is None or not any(_is_cancelled(own) for _, own in series.overrides):
        return False
    try:
        if any(parse(text).endless for text in series.recurrence.rules):
            return False
        instances = ascending(series.when, series.recurrence, FIRST, LAST)
        return all(rid_at(series.when, wall) in off for wall in instances)
    except BadRecurrence:
        return False


def override_of(series: Appointment, rid: RecurrenceId, single: Appointment) -> Override:
    """What ``single`` has of its own, compared with the series' plain occurrence ``rid``.

    The same instants in another zone are no time of its own. What the series has and ``single``
    lacks altogether (no customer) cannot be said by an override and is left out.
    """
    plain = _standing_for(series, rid, None)
    values: list[tuple[str, Value]] = []
    for name in OVERRIDABLE_FIELDS:
        own = getattr(single, name)
        usual = getattr(plain, name)
        if own is None or own == usual:
            continue
        if name == "when" and _same_instants(own, usual):
            continue
        values.append((name, own))
    return Override(tuple(values))


@lru_cache(maxsize=4096)
def _last_end(
    when: When,
    recurrence: Recurrence,
    overrides: tuple[tuple[RecurrenceId, Override], ...],
    default_zone: str,
) -> datetime | None:
    rules = [parse(text) for text in recurrence.rules]
    if any(rule.endless for rule in rules):
        return None
    own = Appointment(when, recurrence=recurrence, overrides=overrides)
    moved = own_times(own)
    ends = [span_utc(moved[rid], default_zone)[1] for rid in moved if is_occurrence(own, rid)]
    gone = {rid for rid, override in overrides if override.deleted}
    for wall in descending(when, recurrence):
        rid = rid_at(when, wall)
        if rid not in moved and rid not in gone:
            ends.append(instants(when, wall, default_zone)[1])
            break
    return max(ends, default=span_utc(when, default_zone)[1])


def _standing_for(
    appointment: Appointment, rid: RecurrenceId, own: Override | None
) -> Appointment | None:
    if own is not None and own.deleted:
        return None
    values: dict[str, Any] = dict(own.values) if own is not None else {}
    values = {name: value for name, value in values.items() if name in OVERRIDABLE_FIELDS}
    if "when" not in values:
        values["when"] = when_at(appointment.when, wall_of_rid(rid))
    return replace(appointment, recurrence=None, overrides=(), **values)


def _is_cancelled(own: Override) -> bool:
    return not own.deleted and ("status", Status.CANCELLED) in own.values


def _same_instants(one: When, other: When) -> bool:
    if not isinstance(one, Timed) or not isinstance(other, Timed):
        return False
    if one.zone is None or other.zone is None:
        return False
    return span_utc(one) == span_utc(other)
