"""Rows that stand for another series than the one their marker names, since theirs was split.

"This and all following" makes two series of one. Where a channel holds single occurrences, those
after the cut stay as they are, with all that is written in them, and stand for the new series
from then on; the marker that they bear still names the old one. The state knows that. Without a
state, a marker that names no occurrence of its series leads to the one that goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from syncd.core.channel import Policy
from syncd.core.fidelity import project
from syncd.core.marks import Unpaired, marked_as, series_of, slot_of
from syncd.core.model import Appointment
from syncd.core.paired import Known
from syncd.core.recurrence import (
    BadRecurrence,
    is_occurrence,
    occurrences,
    starts_utc,
)
from syncd.core.state import WHOLE, AppointmentId, Marker, Slot


def inherited(
    items: Sequence[Unpaired], known: Known, policy: Policy, new_id: Callable[[], AppointmentId]
) -> list[Unpaired]:
    """The copies, those of a split series with markers that say what they stand for today."""
    found = [_passed_on(each, known) for each in items]
    marked: dict[AppointmentId, list[int]] = {}
    for index, each in enumerate(found):
        marker = each.copy.marker
        if marker is not None and marker.appointment not in known.agreements:
            marked.setdefault(marker.appointment, []).append(index)
    series = [index for index, each in enumerate(found) if each.copy.reads.recurrence is not None]
    bare = [found[index] for index in series if found[index].copy.marker is None]
    like: dict[object, list[Unpaired]] = {}
    for each in bare:
        for name in _names(each):
            like.setdefault(name, []).append(each)
    for members in marked.values():
        rows = [found[index] for index in members if slot_of(found[index]) != WHOLE]
        whole = [found[index] for index in members if slot_of(found[index]) == WHOLE]
        if not rows:
            continue
        whole = whole or series_of(rows, bare, policy)
        # Where somebody has just cut it in one calendar, the others have it whole still.
        whole += [other for each in whole for name in _names(each) for other in like.get(name, ())]
        strays = [index for index in members if _is_stray(found[index], whole)]
        if strays:
            # Whose series is not known might be of one without a marker, which pairing finds.
            others = [i for i in series if whole or found[i].copy.marker is not None]
            _follow(found, strays, [i for i in others if found[i] not in whole], policy, new_id)
    return found


def _passed_on(each: Unpaired, known: Known) -> Unpaired:
    """With the marker of what a copy with the same marker is known to stand for there."""
    marker = each.copy.marker
    if marker is None:
        return each
    target = known.passed.get((each.channel, marker.appointment, marker.slot))
    if target is None:
        return each
    return _standing_for(each, replace(marker, appointment=target[0]), target[1])


def _standing_for(row: Unpaired, marker: Marker, slot: Slot) -> Unpaired:
    """With this marker, and without the UID, which is that of its former series."""
    return marked_as(replace(row, copy=replace(row.copy, uid=None)), marker, slot)


def _names(series: Unpaired) -> list[object]:
    """By what a copy of a series is the same as one in another calendar."""
    reads, uid = series.copy.reads, series.copy.uid
    return [(reads.when, reads.title), *([uid] if uid is not None else [])]


def _is_stray(row: Unpaired, series: Iterable[Unpaired]) -> bool:
    """Whether the marker of a row names an occurrence of none of them. What is no series in its
    own channel does not tell."""
    if slot_of(row) == WHOLE:
        return False
    shown = [each.copy.reads for each in series]
    return all(reads.recurrence and not is_occurrence(reads, slot_of(row)) for reads in shown)


def _follow(
    found: list[Unpaired],
    strays: Sequence[int],
    others: Iterable[int],
    policy: Policy,
    new_id: Callable[[], AppointmentId],
) -> None:
    """Mark ``strays``, rows that bear one marker, and the series that they are occurrences of, as
    one. Without such a series they stay."""
    rows = [found[index] for index in strays]
    heirs = _heirs(rows, others, found, policy)
    marks = {mark for index in heirs if (mark := found[index].copy.marker) is not None}
    marker = rows[0].copy.marker
    if not heirs or marker is None:
        return
    mark = min(marks, key=str, default=None)
    if mark is None:
        mark = replace(marker, appointment=new_id())
        for index in heirs:
            found[index] = marked_as(found[index], mark, WHOLE)
    series = found[heirs[0]].copy.reads
    for index in strays:
        slot = _slot(found[index], series, policy)
        if slot is not None:
            found[index] = _standing_for(found[index], mark, slot)


def _heirs(
    rows: Sequence[Unpaired], others: Iterable[int], found: Sequence[Unpaired], policy: Policy
) -> list[int]:
    """The copies of the one series that has most of ``rows``: called the same, or with a guest from
    outside the company in common, and without rows of its own there. None if there are several."""
    taken = {(each.channel, each.copy.marker) for each in found}
    fits: dict[object, list[int]] = {}
    titled: set[object] = set()
    for index in others:
        other = found[index]
        reads, marker = other.copy.reads, other.copy.marker
        called = any(_is_titled(row, other, policy) for row in rows)
        if not called and not any(_share_guests(row.copy.reads, reads, policy) for row in rows):
            continue
        slots = [(r.channel, slot) for r in rows if (slot := _slot(r, reads, policy)) is not None]
        own = marker and any((c, replace(marker, slot=slot)) in taken for c, slot in slots)
        if own or 2 * len(slots) <= len(rows):
            continue
        name = marker or other.copy.uid or (other.channel, other.copy.key)
        fits.setdefault(name, []).append(index)
        titled |= {name} if called else set()
    chosen = {name: each for name, each in fits.items() if name in titled} or fits
    chosen = {name: each for name, each in chosen.items() if isinstance(name, Marker)} or chosen
    return next(iter(chosen.values())) if len(chosen) == 1 else []


def _slot(row: Unpaired, series: Appointment, policy: Policy) -> Slot | None:
    """Which occurrence of ``series`` a row is: the one that its marker names, else, where all were
    moved, the one that begins when it does."""
    if is_occurrence(series, slot_of(row)):
        return slot_of(row)
    zone = policy.channels[row.channel].fidelity.default_zone
    start = starts_utc(row.copy.reads, zone)
    try:
        near = occurrences(series, start, start + timedelta(seconds=1), zone, 9)
    except BadRecurrence:
        return None
    return next((rid for rid, each in near.items() if starts_utc(each, zone) == start), None)


def _is_titled(row: Unpaired, other: Unpaired, policy: Policy) -> bool:
    """Whether a row is called as a series, which its channel may have shortened."""
    title = row.copy.reads.title
    shown = project(other.copy.reads, policy.channels[row.channel].fidelity).title
    short = "title" in policy.channels[other.channel].fidelity.lengths
    return title.startswith(shown) if short and shown else title == shown


def _share_guests(a: Appointment, b: Appointment, policy: Policy) -> bool:
    """Colleagues meet all day, whatever it is about: they do not count."""
    guests = {each.email for each in a.attendees} & {each.email for each in b.attendees}
    return not all(map(policy.is_colleague, guests))
