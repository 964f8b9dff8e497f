"""What stood beside a copy of ours before we took that one away: a person's duplicate of it."""

from __future__ import annotations

from syncd.core.marks import Unpaired, slot_of
from syncd.core.model import Appointment, Status
from syncd.core.paired import Known
from syncd.core.state import (
    GAVE_WAY,
    WHOLE,
    WITHDRAWN,
    Absence,
    Agreement,
    AppointmentId,
    Place,
    Seen,
)


def is_left(each: Unpaired, id: AppointmentId, place: Place, known: Known) -> bool:
    """Whether a person duplicated a copy that we have taken from this ``place`` since, or may have,
    and this is the duplicate. What a write there that has no confirmation yet may have made is
    ours, whatever UID its system gave it. What bears the UID alone is no duplicate, but stood
    there of itself: an invitation that waited for ours to go."""
    agreement = known.agreements.get(id)
    if agreement is None:
        return False
    taken = each.waited and (id, place) in known.removing
    if agreement.deleting is None and place in agreement.copies and not taken:
        return False
    if each.copy.marker is None and each.copy.uid in agreement.uids:
        return False
    return each.waited or (
        (id, each.channel) not in known.begun and _stood_beside(each, place, agreement)
    )


def _stood_beside(each: Unpaired, place: Place, agreement: Agreement) -> bool:
    """Whether a copy was there before we took away its original, although nobody saw it in time:
    a duplicate has a UID of its own. So may what a phone puts back; but that is called the same.
    """
    if slot_of(each) != WHOLE or not agreement.uids:
        return False
    if each.copy.uid is None or each.copy.uid in agreement.uids:
        return False
    if _last_asked(place, agreement).title.startswith(each.copy.reads.title):
        return False
    if agreement.deleting is not None or agreement.appointment.status is Status.CANCELLED:
        return True
    absence = agreement.absent.get(place)
    return absence is not None and _may_precede(each.seen, absence)


def _last_asked(place: Place, agreement: Agreement) -> Appointment:
    """What our copy in ``place`` was called, too: it may not have been told of a new title."""
    settled = agreement.copies.get(place)
    if settled is not None:
        return settled.asked if settled.asked is not None else settled.copy.reads
    return agreement.gone.get(place[0], agreement.appointment)


def _may_precede(seen: Seen, absence: Absence) -> bool:
    """Whether what is seen may have been there before we took our copy from there: it was not
    looked for since, so that it is nothing that came back later."""
    taken = absence.reason in (WITHDRAWN, GAVE_WAY)
    return taken and (seen.before is None or seen.before <= absence.since)
