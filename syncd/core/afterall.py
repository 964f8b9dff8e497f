"""A series that is cancelled as a whole, and single occurrences that are not.

Its occurrences are cancelled with it, whatever was said of them before. When one is set back
later, it takes place after all: the series does, with all others cancelled one by one. So it does
where a state was lost, and rows of single ones are in the right against a cancelled series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.belong import Moment
from syncd.core.claims import BIRTH
from syncd.core.draft import Draft
from syncd.core.instances import own_times
from syncd.core.model import Appointment, Override, RecurrenceId, Status, Value
from syncd.core.paths import Path
from syncd.core.recurrence import (
    BadRecurrence,
    cut,
    last_end,
    occurrence_ids,
    span_utc,
    starts_utc,
)
from syncd.core.state import Kind, Record, Setter

_STATUS: Path = ("status",)

FINAL = frozenset({Status.COMPLETED, Status.NO_SHOW})
"""What has happened is not cancelled."""

AFTER_ALL_RULE = "built-in: an occurrence takes place after all"

_MOST = 4000
"""So many occurrences are cancelled one by one, not more."""


def call_off(draft: Draft, setter: Setter) -> None:
    """The series was cancelled: an occurrence that had a status of its own is cancelled with it,
    unless it is over and done with."""
    for slot, own in draft.appointment.overrides:
        status = _status(own)
        if not is_alive(status):
            continue
        draft.set(_path(slot), None, setter)
        draft.records.append(
            Record(
                Kind.SET,
                _path(slot),
                setter.rule,
                setter.channel,
                None,
                status,
                ((setter.channel, Status.CANCELLED),),
            )
        )


def restore_one(draft: Draft, known: Mapping[RecurrenceId, Override], moment: Moment) -> None:
    """An occurrence of a series that was cancelled as a whole before was set back just now.
    ``known``: what was known of its occurrences before."""
    before, series = draft.before, draft.appointment
    if before is None or draft.deleting is not None or series.recurrence is None:
        return
    if not before.appointment.status is series.status is Status.CANCELLED:
        return
    fresh = [
        slot
        for slot, own in series.overrides
        if _takes_place(own) and not _takes_place(known.get(slot, Override()))
    ]
    _restore(draft, fresh, moment)


def born_after_all(draft: Draft, moment: Moment) -> None:
    """An appointment was born as a series that is cancelled, of which the rules left single
    occurrences alive. What has happened already speaks for no other one."""
    series = draft.appointment
    if series.recurrence is None or series.status is not Status.CANCELLED:
        return
    alive = [
        slot
        for slot, own in series.overrides
        if is_alive(_status(own)) and _path(slot) in draft.setters
    ]
    _restore(draft, alive, moment)


def is_alive(status: Value) -> bool:
    """Whether a status says that something is to take place; ``None`` says nothing."""
    return status is not None and status is not Status.CANCELLED and status not in FINAL


def _restore(draft: Draft, fresh: Sequence[RecurrenceId], moment: Moment) -> None:
    """The series takes place, with these."""
    if not fresh:
        return
    series = draft.appointment
    try:
        bounded = _bounded(series, moment)
        others = _others(bounded, moment)
    except BadRecurrence:
        return
    _take_place(draft, bounded, others, draft.setters[_path(fresh[0])])


def _take_place(
    draft: Draft, bounded: Appointment, others: Sequence[RecurrenceId], one: Setter
) -> None:
    was = draft.setters.get(_STATUS) or draft.setters.get(BIRTH, one)
    if bounded.recurrence != draft.appointment.recurrence:
        draft.setters[("recurrence",)] = was
    back = Status(draft.before_cancel or Status.CONFIRMED)
    draft.appointment = bounded
    for slot in others:
        draft.set(_path(slot), Status.CANCELLED, was)
    draft.set(_STATUS, back, replace(one, rule=AFTER_ALL_RULE))
    draft.records.append(
        Record(Kind.SET, _STATUS, AFTER_ALL_RULE, one.channel, back, Status.CANCELLED)
    )


def _bounded(series: Appointment, moment: Moment) -> Appointment:
    """The series to the end of the window: what would come after it was cancelled, too, and only
    what is in the window can be cancelled one by one."""
    zone = moment.default_zone
    last = last_end(series, zone)
    if last is not None and last <= moment.end:
        return series
    starts = [span_utc(when, zone)[0] + timedelta(seconds=1) for when in own_times(series).values()]
    shorter = cut(series, max([moment.end, *starts]), zone)
    return series if shorter is None else shorter


def _others(series: Appointment, moment: Moment) -> list[RecurrenceId]:
    """The occurrences that say nothing of their own about whether they take place."""
    end = last_end(series, moment.default_zone) or moment.end
    ids = _ids(series, starts_utc(series, moment.default_zone), end, moment)
    if len(ids) == _MOST:
        ids = _ids(series, moment.start, end, moment)
    if len(ids) == _MOST:
        raise BadRecurrence("the series has too many occurrences to be cancelled one by one")
    told = {slot for slot, own in series.overrides if own.deleted or _status(own) is not None}
    return [slot for slot in ids if slot not in told]


def _ids(
    series: Appointment, start: datetime, end: datetime, moment: Moment
) -> Sequence[RecurrenceId]:
    later = end + timedelta(days=1)  # one that was moved to an earlier time is one, too
    return occurrence_ids(series, start, later, moment.default_zone, _MOST)


def _path(slot: RecurrenceId) -> Path:
    return ("overrides", slot, "status")


def _status(own: Override) -> Value:
    return None if own.deleted else dict(own.values).get("status")


def _takes_place(own: Override) -> bool:
    return _status(own) not in (None, Status.CANCELLED)
