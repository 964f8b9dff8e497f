"""A series that is cut short, or moved: what remains of it, and which id stands for which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.instances import (
    MARGIN,
    ascending,
    instant,
    is_occurrence,
    occurrence_ids,
    own_times,
    rid_at,
    rule_descending,
    span_utc,
    wall_of,
    wall_of_rid,
)
from syncd.core.model import AllDay, Appointment, Override, Recurrence, RecurrenceId, Timed, When
from syncd.core.rrule import FIRST, Freq, Rule, parse
from syncd.core.zones import UTC_ZONE

LOOK_BACK = timedelta(days=400)
"""How far before the horizon occurrences are counted off against each other."""

Remap = Callable[[RecurrenceId], RecurrenceId | None]
"""From an old recurrence id to the new one that stands for it, ``None`` if there is none."""


def cut(
    appointment: Appointment, at_utc: datetime, default_zone: str = UTC_ZONE
) -> Appointment | None:
    """The series with only the occurrences that begin before ``at_utc``; ``None`` if none does.

    Judged by each occurrence's own time: one that was moved behind the cut becomes an exception,
    one that was moved before it stays as an RDATE with its override. Each rule that went on gets
    an UNTIL in the form that its series asks for (RFC 5545, 3.3.10): UTC with a zone, wall time
    if floating, a date for whole days. A rule that was over before keeps its COUNT or UNTIL.
    Raises :class:`BadRecurrence`.
    """
    when, recurrence = appointment.when, appointment.recurrence
    if recurrence is None:
        return appointment if span_utc(when, default_zone)[0] < at_utc else None
    moved = {
        rid: span_utc(own, default_zone)[0] < at_utc
        for rid, own in own_times(appointment).items()
        if is_occurrence(appointment, rid)
    }
    cut_rules = (_cut_rule(parse(text), when, at_utc, default_zone) for text in recurrence.rules)
    rules = tuple(
        text if kept is parse(text) else str(kept)
        for text, kept in zip(recurrence.rules, cut_rules, strict=True)
        if kept is not None
    )
    dates = {rid for rid in recurrence.dates if _begins_before(when, rid, at_utc, default_zone)}
    dates |= {
        rid
        for rid, stays in moved.items()
        if stays and not _begins_before(when, rid, at_utc, default_zone)
    }
    series = replace(appointment, recurrence=Recurrence(rules, tuple(dates)), overrides=())
    first = rid_at(when, wall_of(when))
    overrides = {
        rid: override
        for rid, override in appointment.overrides
        if is_occurrence(series, rid) and moved.get(rid, True)
    }
    behind = {rid for rid, stays in moved.items() if not stays and is_occurrence(series, rid)}
    if first not in moved and not _begins_before(when, first, at_utc, default_zone):
        behind.add(first)
    overrides |= dict.fromkeys(behind, Override(deleted=True))
    series = replace(series, overrides=tuple(overrides.items()))
    return series if _takes_place(series, at_utc) else None


def remap(old: Appointment, new: Appointment, horizon: datetime) -> Remap:
    """Which occurrence of ``new`` stands for which of ``old``, after the series itself changed.

    The same id, if at least half of the old ids up to ``horizon`` (aware) are still there, or all
    that are there now are old ones: then it has only become fewer, however few are left. Else
    the old one shifted as the start was, if that maps half of them; else the n-th for the n-th
    of those that begin in the 400 days before ``horizon``. Raises :class:`BadRecurrence`.
    """
    now = occurrence_ids(new, horizon - LOOK_BACK, horizon)
    if now and all(is_occurrence(old, rid) for rid in now):
        return lambda rid: rid if is_occurrence(new, rid) else None
    was = _ids_before(old, horizon)
    return pairing(was, old.when, new, horizon)


def pairing(was: Sequence[RecurrenceId], when: When, new: Appointment, horizon: datetime) -> Remap:
    """As :func:`remap`, for the old ids ``was`` of a series whose first one begins at ``when``."""

    def same(rid: RecurrenceId) -> RecurrenceId | None:
        return rid if is_occurrence(new, rid) else None

    def shifted(rid: RecurrenceId) -> RecurrenceId | None:
        moved = _shifted(rid, when, new.when)
        return moved if is_occurrence(new, moved) else None

    sample = was or (rid_at(when, wall_of(when)),)
    for candidate in (same, shifted):
        if 2 * sum(candidate(rid) is not None for rid in sample) >= len(sample):
            return candidate
    return dict(zip(was, _ids_before(new, horizon), strict=False)).get


def reslot(
    appointment: Appointment, old: Appointment, new: Appointment, horizon: datetime
) -> Appointment:
    """``appointment`` with its overrides under the ids that they have in ``new``.

    An override whose occurrence has no successor is dropped. Raises :class:`BadRecurrence`.
    """
    stands_for = remap(old, new, horizon)
    overrides: dict[RecurrenceId, Override] = {}
    for rid, override in appointment.overrides:
        target = stands_for(rid)
        if target is not None:
            overrides.setdefault(target, override)
    return replace(appointment, overrides=tuple(overrides.items()))


def _ids_before(series: Appointment, horizon: datetime) -> tuple[RecurrenceId, ...]:
    found = occurrence_ids(series, horizon - LOOK_BACK, horizon)
    gone = {rid for rid, override in series.overrides if override.deleted}
    return tuple(rid for rid in found if rid not in gone)


def _shifted(rid: RecurrenceId, old: When, new: When) -> RecurrenceId:
    wall = wall_of_rid(rid)
    if isinstance(old, Timed) and isinstance(new, Timed):
        return rid_at(new, wall + (new.start - old.start))
    days = timedelta(days=wall_of(new).toordinal() - wall_of(old).toordinal())
    return rid_at(new, datetime.combine((wall + days).date(), wall_of(new).time()))


def _begins_before(when: When, rid: RecurrenceId, at: datetime, default_zone: str) -> bool:
    return instant(when, wall_of_rid(rid), default_zone) < at


def _cut_rule(rule: Rule, when: When, at: datetime, default_zone: str) -> Rule | None:
    """The rule with an UNTIL before ``at``, itself if it ends before, ``None`` if it is empty."""
    if not rule.endless:
        last = next(rule_descending(rule, when), None)
        if last is None or instant(when, last, default_zone) < at:
            return rule
    upper = at.replace(tzinfo=None) + MARGIN
    before = (
        wall
        for wall in rule_descending(rule, when, upper)
        if instant(when, wall, default_zone) < at
    )
    last = next(before, None)
    if last is None:
        return None
    return replace(rule, count=None, until=_until(rule, when, last, at, default_zone))


def _until(rule: Rule, when: When, last: datetime, at: datetime, default_zone: str) -> str:
    """The last start that stays; where a day has several, the last second before the cut.

    (Around a gap the later wall time can be the earlier instant.)
    """
    if isinstance(when, AllDay) or when.zone is None:
        return rid_at(when, last)
    several = rule.freq >= Freq.HOURLY or any(
        len(each) > 1 for each in (rule.hours, rule.minutes, rule.seconds)
    )
    end = at - timedelta(seconds=1) if several else instant(when, last, default_zone)
    return f"{end:%Y%m%dT%H%M%S}Z"


def _takes_place(series: Appointment, at: datetime) -> bool:
    """Whether an occurrence of the cut series is left that is not deleted."""
    gone = {rid for rid, override in series.overrides if override.deleted}
    upper = at.replace(tzinfo=None) + MARGIN
    recurrence = series.recurrence or Recurrence()
    walls = ascending(series.when, recurrence, FIRST, upper)
    return any(rid_at(series.when, wall) not in gone for wall in walls) or any(
        rid not in gone for rid in recurrence.dates
    )
