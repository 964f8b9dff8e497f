"""A series cut short and a new one that starts at the cut: "this and all following".

Calendars store such an edit as two events (RFC 5545 has no other way), so that the new one looks
born there and the later occurrences look gone. :func:`find_split` recognises the pair and
:func:`carry_over` gives the new series what the channel cannot carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from syncd.core.alike import plain
from syncd.core.instances import (
    ONCE,
    descending,
    instant,
    occurrence_ids,
    rid_at,
    rid_of,
    span_utc,
    wall_of_rid,
    when_at,
)
from syncd.core.model import OVERRIDABLE_FIELDS, Appointment, Override, RecurrenceId, Status, Value
from syncd.core.reshape import LOOK_BACK, cut, pairing
from syncd.core.rrule import parse
from syncd.core.zones import UTC_ZONE

OUTCOMES = frozenset({Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED})
"""States of an occurrence that somebody wrote down and that a split must not undo."""

STRUCTURE = frozenset({"when", "recurrence", "overrides"})
"""The fields that make a series, in which what goes on is never the old one."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Split:
    """``cut_rid``: the first occurrence of the old series that is gone. ``rid_map``: the later
    old ids to those of the new series that stand for them; an old id that is not in it has none.
    ``apart``: how far from that occurrence the one begins that stands for it.
    """

    cut_rid: RecurrenceId
    rid_map: Mapping[RecurrenceId, RecurrenceId]
    apart: timedelta


def find_split(
    before: Appointment,
    after: Appointment,
    newcomer: Appointment,
    horizon: datetime,
    default_zone: str = UTC_ZONE,
    *,
    invited: bool = True,
    by_guests: bool = True,
) -> Split | None:
    """Whether ``newcomer`` goes on where the series ``before`` was cut short to ``after``.

    ``after`` and ``newcomer`` are readings of one channel; occurrences are mapped up to
    ``horizon`` (aware UTC). The newcomer begins after the last occurrence that is left and not
    later than a period (or the day) after the first one that is gone, has the same organizer,
    and the same title, customer, attendees, or, renamed, the very time at which the series would
    have gone on. One that is not ``invited`` is the calendar's own: who it names as organizer is
    no matter where the series names nobody, as a copy of ours without guests. The same attendees
    are enough only ``by_guests``.
    Raises :class:`BadRecurrence`.
    """
    same = _organizer(after) == _organizer(newcomer) or not (invited or _organizer(after))
    if before.recurrence is None or not same:
        return None
    kept, gone = _cut(before, after, horizon, default_zone)
    if not gone:
        return None
    earliest, latest = _reach(before, kept, gone, default_zone)
    begins = span_utc(newcomer.when, default_zone)[0]
    if not earliest < begins < latest:
        return None
    first = when_at(before.when, wall_of_rid(gone[0]))
    if not _is_alike(after, newcomer) and not (by_guests and _has_guests_of(after, newcomer)):
        goes_on = replace(before, when=first)
        if not _is_renamed(goes_on, newcomer, default_zone):
            return None
    stands_for = pairing(gone, first, newcomer, horizon)
    rid_map = {rid: new for rid in gone if (new := stands_for(rid)) is not None}
    goes_on_at = _starts(newcomer, rid_map[gone[0]], default_zone) if gone[0] in rid_map else begins
    apart = abs(goes_on_at - span_utc(first, default_zone)[0])
    return Split(gone[0], rid_map, apart)


def cut_off(
    before: Appointment, after: Appointment, horizon: datetime, default_zone: str = UTC_ZONE
) -> tuple[RecurrenceId, ...]:
    """The occurrences up to ``horizon`` that are gone where the series ``before`` was merely cut
    short to ``after``, both readings of one channel. Raises :class:`BadRecurrence`."""
    if before.recurrence is None or before.recurrence == after.recurrence:
        return ()
    return _cut(before, after, horizon, default_zone)[1]


def find_coming_split(
    series: Appointment,
    newcomer: Appointment,
    horizon: datetime,
    default_zone: str = UTC_ZONE,
    *,
    invited: bool = True,
) -> Split | None:
    """How ``newcomer`` would go on from a ``series`` that nobody has cut, if it was to be cut just
    for that; ``None`` if it cannot. Raises :class:`BadRecurrence`."""
    begins = span_utc(newcomer.when, default_zone)[0]
    plain_rules = replace(series, overrides=())
    before = occurrence_ids(plain_rules, begins - LOOK_BACK, begins, default_zone)[-1:]
    after = occurrence_ids(plain_rules, begins, horizon, default_zone, limit=2)
    for rid in dict.fromkeys((*before, *after)):
        left = cut(plain_rules, _starts(series, rid, default_zone), default_zone)
        if left is None:
            continue
        split = find_split(series, left, newcomer, horizon, default_zone, invited=invited)
        if split is not None:
            return split
    return None


def reach(
    before: Appointment, after: Appointment, horizon: datetime, default_zone: str = UTC_ZONE
) -> tuple[datetime, datetime] | None:
    """Between which instants, both exclusive, a newcomer begins that :func:`find_split` may take
    for what goes on; ``None`` if nothing was cut. Raises :class:`BadRecurrence`."""
    kept, gone = _cut(before, after, horizon, default_zone)
    return _reach(before, kept, gone, default_zone) if gone else None


def carry_over(
    before: Appointment, newcomer: Appointment, split: Split, uncarried: frozenset[str]
) -> Appointment:
    """The new series with what its channel does not carry (``uncarried`` fields) from the old one.

    Later occurrences keep what they had of their own in those fields, and their outcomes
    (completed, no show, cancelled), unless the newcomer says otherwise itself. Time, rule and
    exceptions are the newcomer's.
    """
    values: dict[str, Any] = {name: getattr(before, name) for name in uncarried - STRUCTURE}
    overrides = dict(newcomer.overrides)
    for rid, old in before.overrides:
        target = split.rid_map.get(rid)
        if target is None:
            continue
        own = overrides.get(target, Override())
        if own.deleted:
            continue
        carried = {name: value for name, value in old.values if _stays(name, value, uncarried)}
        overrides[target] = Override(tuple({**carried, **dict(own.values)}.items()))
    return replace(newcomer, **values, overrides=tuple(overrides.items()))


def _stays(name: str, value: Value, uncarried: frozenset[str]) -> bool:
    if name == "status" and value in OUTCOMES:
        return True
    return name in uncarried and name in OVERRIDABLE_FIELDS - STRUCTURE


def _cut(
    before: Appointment, after: Appointment, horizon: datetime, default_zone: str
) -> tuple[RecurrenceId, tuple[RecurrenceId, ...]]:
    """The last occurrence that is left, and those that are gone; none if it is no mere cut."""
    recurrence = after.recurrence or ONCE
    unchanged = rid_of(before.when) == rid_of(after.when)
    if not unchanged or any(parse(text).endless for text in recurrence.rules):
        return "", ()
    wall = next(descending(after.when, recurrence))
    last, starts = rid_at(after.when, wall), instant(after.when, wall, default_zone)
    span = (starts - LOOK_BACK, starts + timedelta(seconds=1), default_zone)
    earlier = [rid for rid in occurrence_ids(before, *span) if rid <= last]
    if earlier != [rid for rid in occurrence_ids(after, *span) if rid <= last]:
        return last, ()
    exceptions = {rid for rid, override in before.overrides if override.deleted}
    later = occurrence_ids(before, starts, horizon, default_zone)
    return last, tuple(rid for rid in later if rid > last and rid not in exceptions)


def _reach(
    before: Appointment, kept: RecurrenceId, gone: Sequence[RecurrenceId], default_zone: str
) -> tuple[datetime, datetime]:
    starts = [_starts(before, rid, default_zone) for rid in (kept, *gone[:2])]
    period = max([_DAY, *(later - earlier for earlier, later in pairwise(starts))])
    return starts[0], starts[1] + period


def _starts(series: Appointment, rid: RecurrenceId, default_zone: str) -> datetime:
    return instant(series.when, wall_of_rid(rid), default_zone)


def _organizer(appointment: Appointment) -> str:
    return appointment.organizer.email if appointment.organizer else ""


def _is_alike(after: Appointment, newcomer: Appointment) -> bool:
    """Whether both say that they are about the same: title or customer."""
    if plain(after.title) and plain(after.title) == plain(newcomer.title):
        return True
    if after.customer and newcomer.customer:
        one, other = after.customer, newcomer.customer
        return bool(one.email or one.name) and (one.email, one.name) == (other.email, other.name)
    return False


def _has_guests_of(after: Appointment, newcomer: Appointment) -> bool:
    people = {each.email for each in after.attendees} - {_organizer(after)}
    return bool(people) and people == {each.email for each in newcomer.attendees} - {
        _organizer(after)
    }


def _is_renamed(goes_on: Appointment, newcomer: Appointment, default_zone: str) -> bool:
    """Whether the newcomer takes place exactly when the series would have gone on."""
    if newcomer.recurrence is None or goes_on.recurrence is None:
        return False
    if span_utc(goes_on.when, default_zone) != span_utc(newcomer.when, default_zone):
        return False
    mine, theirs = (
        {(rule.freq, rule.interval) for rule in map(parse, each.rules)}
        for each in (goes_on.recurrence, newcomer.recurrence)
    )
    return mine == theirs
