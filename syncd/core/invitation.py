"""The vendor's own invitation to what we had copied already: it takes the place of our copy.

A colleague invites another one. We see the organizer's meeting first and copy it to the guest's
calendar; then the vendor puts its invitation there, under the UID of the organizer's. It is the
real one: the guest answers by it, and the organizer's changes reach it. So it waits, ours goes,
and it joins. A server that keeps one item for each UID writes it over ours instead.
"""

from __future__ import annotations

from enum import Enum, auto

from syncd.core.channel import Channel, Direction
from syncd.core.marks import Unpaired
from syncd.core.paired import Known
from syncd.core.state import WHOLE, AppointmentId, Copy, Key, Place, Settled


class Turn(Enum):
    """Whether an invitation waits for a copy of ours.

    ``NOW``: it does not. ``SOON``: until that copy is settled. ``LATER``: until it is known whether
    we made one, or as long as it may not be removed. ``OURS``: until it is removed.
    """

    NOW = auto()
    SOON = auto()
    LATER = auto()
    OURS = auto()


def turn_of(
    each: Unpaired, id: AppointmentId, place: Place, taken: Key | None, known: Known, to: Channel
) -> Turn:
    """Whose turn it is at ``place``, where the key ``taken`` is seen, and now ``each``."""
    same = id in known.by_uid.get(each.copy.uid or "", ())
    if not each.copy.invited or not same or place[1] != WHOLE or taken == each.copy.key:
        return Turn.NOW
    if taken is None:
        return Turn.LATER if (id, place) in known.creating else Turn.NOW
    agreement = known.agreements.get(id)
    settled = agreement.copies.get(place) if agreement is not None else None
    if agreement is None or settled is None:
        return Turn.SOON
    # Who is invited to one occurrence is not invited to the series.
    alike = (each.copy.reads.recurrence is None) == (settled.copy.reads.recurrence is None)
    if not alike or not is_ours(settled, id):
        return Turn.NOW
    return Turn.LATER if to.direction is Direction.FROM else Turn.OURS


def is_ours(settled: Settled, id: AppointmentId) -> bool:
    """Whether we made a copy, and it is still that. After a lost store its marker tells, also
    where the appointment was born anew: the copy that it truly was born in may not have been
    there to be seen, and has no marker."""
    copy = settled.copy
    marked = copy.marker is not None and copy.marker.appointment == id
    return not copy.invited and (settled.ours or marked)


def has_replaced(copy: Copy, settled: Settled) -> bool:
    """Whether ``copy`` is an invitation, where a copy of ours was ``settled``: beside it, before
    ours was known to be gone, or written over it, so that our marker is lost."""
    if not copy.invited or settled.copy.invited or not settled.ours:
        return False
    return copy.key != settled.copy.key or copy.marker is None
