"""Rows of single occurrences that are gone: what does not take place, and what has only moved on.

Deleting a row drops its occurrence from the series. But rows also go because the series has left
their calendar: by a person, or by us, and then an older state was put in place. That drops nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from syncd.core.belong import Moment, holds
from syncd.core.channel import Policy
from syncd.core.claims import deleted_path
from syncd.core.draft import Draft
from syncd.core.dropped import agreed_unseen
from syncd.core.existence import ENDED_RULE, MOVED_RULE, has_come
from syncd.core.model import Status
from syncd.core.paths import get
from syncd.core.recurrence import is_occurrence
from syncd.core.series import slot_start_utc
from syncd.core.situation import Here
from syncd.core.state import WHOLE, Absence, Agreement, Kind, Record, Setter, Slot


def occurrences_gone(
    heres: Collection[Here], draft: Draft, agreement: Agreement, policy: Policy, moment: Moment
) -> None:
    """A single occurrence that was deleted becomes an exception of its series, unless it is over
    or was edited elsewhere, which its copy did not show yet; or the series left that calendar."""
    for here in heres:
        slot = here.place[1]
        if not here.gone or slot == WHOLE or here.place in draft.absent:
            continue
        path = deleted_path(here)
        known = agreement.appointment
        if get(known, path) or not is_occurrence(known, slot) or draft.deleting is not None:
            continue
        claims = ((here.channel.name, True),)
        if slot_start_utc(slot, draft.appointment, moment.default_zone) < moment.now:
            draft.absent[here.place] = Absence(draft.now, ENDED_RULE, here.channel.person)
            draft.records.append(Record(Kind.ABSENT, path, ENDED_RULE, claims=claims))
        elif _has_left(here, heres, draft, agreement, policy):
            draft.records.append(Record(Kind.PUT_BACK, path, MOVED_RULE, claims=claims))
        elif not _went_with_all(here, heres, draft, agreement):
            _drop(here, draft, agreement)


def _went_with_all(here: Here, heres: Collection[Here], draft: Draft, agreement: Agreement) -> bool:
    """Whether none of a series is left in a calendar in the look in which it is deleted or called
    off elsewhere: it ends there, too, or nowhere. To drop each occurrence would take the CRM's
    rows of them, and of what lives again by an edit all but what was edited."""
    if here.channel.is_crm or not all(e.gone for e in heres if e.channel is here.channel):
        return False
    was, status = agreement.appointment.status, draft.appointment.status
    called_off = status is Status.CANCELLED and was is not Status.CANCELLED
    return called_off or any(other.gone and other.place[1] == WHOLE for other in heres)


def _drop(here: Here, draft: Draft, agreement: Agreement) -> None:
    """The row was deleted by somebody."""
    path, slot = deleted_path(here), here.place[1]
    edited = draft.appointment.override(slot) != agreement.appointment.override(slot)
    edited = edited or any(agreed_unseen(path, here, agreement))
    rule = "built-in: the edit of an occurrence wins" if edited else "only claim"
    kind = Kind.CONFLICT if edited else Kind.SET
    if not edited:
        draft.set(path, True, Setter(here.channel.name, here.span, here.span.latest, rule))
    value, claims = None if edited else True, ((here.channel.name, True),)
    draft.records.append(Record(kind, path, rule, here.channel.name, value, None, claims))


def _has_left(
    here: Here, heres: Collection[Here], draft: Draft, agreement: Agreement, policy: Policy
) -> bool:
    """Whether a row went along with the whole series: it belongs there no more by what is known
    now, or none of it is left in that calendar and a copy of ours has come that has it."""
    channel = here.channel
    if channel.is_crm:
        return False
    if not holds(channel, draft.appointment, policy):
        return holds(channel, agreement.appointment, policy)
    if any(other.channel is channel and other.copy and not other.newcomer for other in heres):
        return False
    return any(
        has_come(other, agreement, policy) and _shows(other, here.place[1]) for other in heres
    )


def _shows(here: Here, slot: Slot) -> bool:
    """Whether a copy of the whole series has this occurrence."""
    if here.copy is None or get(here.copy.reads, ("overrides", slot, "deleted")):
        return False
    return is_occurrence(here.copy.reads, slot)
