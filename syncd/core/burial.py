"""When nothing is left of an appointment, and what stays of it then.

A cancelled appointment whose CRM could not be asked is not buried before it was: a record that
nobody has seen would meet its tombstone and be deleted, though nobody deleted it.
"""

from __future__ import annotations

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.draft import Draft
from syncd.core.model import Status
from syncd.core.state import Case, Kind, Plan, Record, Remains, Tombstone

BURIED_RULE = "built-in: nothing is left of it"


def waits_for_sight(draft: Draft, policy: Policy, moment: Moment) -> bool:
    """Whether it was brought back while channels that may get a copy could not be looked at, or
    nobody knows yet whether a CRM has a record of it."""
    if draft.deleting is not None:
        return False
    unmet = [policy.channels.get(name) for name in draft.unmet]
    if any(channel is not None and channel.is_crm for channel in unmet):
        return True
    before = draft.before
    if before is None or before.copies:
        return False
    return bool(moment.blind) and draft.appointment.status is not Status.CANCELLED


def buried(case: Case, draft: Draft) -> Plan:
    """Nothing is left. What a write without an answer may have made meets the tombstone."""
    keys = {(place[0], settled.copy.key) for place, settled in draft.copies.items()}
    if draft.before is not None:
        keys |= {(p[0], settled.copy.key) for p, settled in draft.before.copies.items()}
    cancelled = draft.deleting is None and draft.appointment.status is Status.CANCELLED
    uids = frozenset(draft.uids)
    stone = Tombstone(case.id, draft.now, uids, frozenset(keys), cancelled)
    closed = tuple(intent.id for intent in case.intents)
    if draft.setters:  # else nothing was ever agreed: it is a copy that met a tombstone
        behind = {name: was for name, was in draft.gone.items() if was != draft.appointment}
        since = draft.now if cancelled else None
        remains = Remains(draft.appointment, draft.born, uids, behind, since)
        draft.records.append(Record(Kind.BURIED, (), BURIED_RULE, remains=remains))
    return Plan(case.id, None, (), tuple(draft.records), closed, stone)
