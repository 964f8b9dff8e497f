"""Markers that a person copied: whose a copy truly is, when its UID says more than its marker.

A client that duplicates an event keeps all that it does not know, our marker too, and gives
the duplicate a UID of its own. Once the duplicate has copies elsewhere, they carry that UID and
the marker of the new appointment: so it can still be told after a lost store or an old backup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.core.channel import Policy
from syncd.core.fidelity import project
from syncd.core.model import Appointment
from syncd.core.recurrence import occurrence
from syncd.core.state import (
    WHOLE,
    Agreement,
    AppointmentId,
    ChannelName,
    Copy,
    Marker,
    Seen,
    Slot,
    Tombstone,
)


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A copy without an agreement. ``waited``: it was seen beside the copy in its place before,
    and told to wait for that one to go. ``same_look``: its channel was not looked at since, so
    that nobody knows whether it has gone: it waits on."""

    channel: ChannelName
    copy: Copy
    seen: Seen
    waited: bool = False
    same_look: bool = False


def truly_marked(
    items: Sequence[Unpaired],
    by_uid: Mapping[str, AbstractSet[AppointmentId]],
    known: Container[AppointmentId],
) -> list[Unpaired]:
    """The copies with the markers that they should carry.

    ``by_uid``: the appointments known by a UID; for those the UID decides without this.
    ``known``: appointments that have copies besides ``items``, under other UIDs.
    """
    named = [(each.copy.uid or "", each.copy.marker) for each in items]
    both = Counter((uid, mark.appointment) for uid, mark in named if uid and mark)
    whole = Counter(mark.appointment for _, mark in named if mark)
    whole.update(id for id in list(whole) if id in known)
    rivals: dict[str, list[AppointmentId]] = {}
    for uid, id in both:
        if uid not in by_uid:
            rivals.setdefault(uid, []).append(id)
    owners = {
        uid: owner
        for uid, ids in rivals.items()
        if len(ids) > 1 and (owner := _owner(uid, ids, both, whole)) is not None
    }
    found = list(items)
    for index, (uid, mark) in enumerate(named):
        if mark is not None and uid in owners and mark.appointment != owners[uid]:
            found[index] = marked_as(items[index], replace(mark, appointment=owners[uid]), WHOLE)
    return found


def marked_as(each: Unpaired, marker: Marker, slot: Slot) -> Unpaired:
    """The copy as if it bore ``marker``, for ``slot``."""
    return replace(each, copy=replace(each.copy, marker=replace(marker, slot=slot)))


def _owner(
    uid: str,
    ids: Sequence[AppointmentId],
    both: Mapping[tuple[str, AppointmentId], int],
    whole: Mapping[AppointmentId, int],
) -> AppointmentId | None:
    """The marker whose copies go by this UID most of all; none if two do alike."""
    shares = sorted(((both[uid, id] / whole[id], id) for id in ids), reverse=True)
    return shares[0][1] if shares[0][0] > shares[1][0] else None


def goes_by_its_uid(copy: Copy, by_uid: Mapping[str, AbstractSet[AppointmentId]]) -> bool:
    """Whether the UID of a copy confirms its marker: then a rival for its place is a duplicate."""
    marker = copy.marker
    return marker is not None and marker.appointment in by_uid.get(copy.uid or "", frozenset())


def apart(group: Sequence[Unpaired]) -> tuple[list[Unpaired], list[Unpaired]]:
    """Copies of one marker: those that are alone in their place, and those that are not."""
    places = Counter(_place(each) for each in group)
    alone = [each for each in group if places[_place(each)] == 1]
    return alone, [each for each in group if places[_place(each)] > 1]


def series_of(
    rows: Sequence[Unpaired], others: Sequence[Unpaired], policy: Policy
) -> list[Unpaired]:
    """The series, born elsewhere and so without our marker, whose occurrences ``rows`` are."""
    uids = {row.copy.uid for row in rows} - {None}
    series = [each for each in others if each.copy.reads.recurrence is not None]
    found = [each for each in series if each.copy.uid in uids]
    found = found or [
        each for each in series if any(_is_row(r, each.copy.reads, policy) for r in rows)
    ]
    return found if len({each.copy.uid for each in found}) == 1 else []


def series_born_without(
    rows: Sequence[Unpaired], agreements: Mapping[AppointmentId, Agreement], policy: Policy
) -> AppointmentId | None:
    """The series, born anew while the channel of ``rows`` could not be looked at, whose
    occurrences they are: if there is one only, or one only that is called the same."""
    found = {
        id: agreed.appointment
        for id, agreed in agreements.items()
        if all(row.channel in agreed.unmet for row in rows)
        and agreed.appointment.recurrence is not None
        and 2 * sum(_is_slot(row, agreed.appointment) for row in rows) > len(rows)
    }
    if len(found) > 1:
        found = {i: s for i, s in found.items() if any(_is_row(row, s, policy) for row in rows)}
    return next(iter(found)) if len(found) == 1 else None


def _is_slot(row: Unpaired, series: Appointment) -> bool:
    return occurrence(series, slot_of(row)) is not None


def _is_row(row: Unpaired, series: Appointment, policy: Policy) -> bool:
    single = occurrence(series, slot_of(row))
    fidelity = policy.channels[row.channel].fidelity
    return single is not None and project(single, fidelity).title == row.copy.reads.title


def _place(each: Unpaired) -> tuple[ChannelName, Slot]:
    return each.channel, slot_of(each)


def slot_of(each: Unpaired) -> Slot:
    """Which occurrence its marker names; all of it without one."""
    return each.copy.marker.slot if each.copy.marker is not None else WHOLE


def by_slot(rows: Iterable[Unpaired]) -> list[list[Unpaired]]:
    """Rows of one series, those of each occurrence together."""
    slots: dict[Slot, list[Unpaired]] = {}
    for row in rows:
        slots.setdefault(slot_of(row), []).append(row)
    return list(slots.values())


def free_id(members: Iterable[Unpaired], taken: Container[AppointmentId]) -> AppointmentId | None:
    """The id that one of them bears, if no other appointment goes by it."""
    marks = (each.copy.marker for each in members)
    ids = (mark.appointment for mark in marks if mark is not None)
    return next((id for id in ids if id not in taken), None)


def is_duplicate(each: Unpaired, stone: Tombstone) -> bool:
    """Whether a copy that bears the marker of a deleted appointment was duplicated from it by a
    person: it stood beside its original, or has a UID of its own."""
    return each.waited or (each.copy.uid is not None and bool(stone.uids))


def ranked(
    items: Sequence[Unpaired],
    by_uid: Mapping[str, AbstractSet[AppointmentId]],
    known: Mapping[AppointmentId, Agreement],
) -> list[Unpaired]:
    """Who takes a place first: whose UID confirms its marker, then who is called as what is settled
    there, and of these who is no invitation."""
    renamed = {(each.channel, each.copy.key) for each in _renamed_rivals(items, by_uid, known)}
    return sorted(
        items,
        key=lambda each: (
            not goes_by_its_uid(each.copy, by_uid),
            (each.channel, each.copy.key) in renamed,
            each.copy.invited,
        ),
    )


def _renamed_rivals(
    items: Sequence[Unpaired],
    by_uid: Mapping[str, AbstractSet[AppointmentId]],
    known: Mapping[AppointmentId, Agreement],
) -> list[Unpaired]:
    """Of several with one marker in one place, those that are not called as what is settled there:
    if one of them is the original under another key, and another a duplicate, it is not these.
    Where nothing is settled, as on a calendar's return, those that are not called as the invitation
    that is there, or else as what is agreed."""
    places: dict[tuple[AppointmentId, tuple[ChannelName, Slot]], list[Unpaired]] = {}
    for each in items:
        if each.copy.marker is not None:
            place = (each.channel, each.copy.marker.slot)
            places.setdefault((each.copy.marker.appointment, place), []).append(each)
    invited = {
        (id, (each.channel, WHOLE)): each.copy
        for each in items
        if each.copy.invited and each.copy.marker is None
        for id in by_uid.get(each.copy.uid or "", ())
    }
    found: list[Unpaired] = []
    for (id, place), rivals in places.items():
        agreement, invitation = known.get(id), invited.get((id, place))
        settled = agreement.copies.get(place) if agreement is not None else None
        if len(rivals) + (invitation is not None) < 2:
            continue
        original = settled.copy if settled is not None else invitation
        agreed = agreement.appointment if agreement is not None else None
        shown = original.reads if original is not None else agreed
        if shown is not None:
            found += [each for each in rivals if each.copy.reads.title != shown.title]
    return found
