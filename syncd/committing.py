"""What was decided is stored, and with it the intents of its writes, before any is begun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from syncd.core.channel import Policy
from syncd.core.state import AppointmentId, Operation, Plan
from syncd.outcome import Task
from syncd.settling import set_fights_aside
from syncd.store import Store


def commit(
    store: Store, bridge: str, policy: Policy, cycle: str, plans: Sequence[Plan], now: datetime
) -> list[Task]:
    """Store ``plans``; answers their writes, in their order, whose intents are stored now."""
    intents = store.commit(bridge, cycle, now, plans)
    set_fights_aside(store, bridge, policy, plans, now)
    uids = _uids_of(store, bridge, plans)
    of = [plan for plan in plans for _ in plan.writes]
    begun = zip(of, intents, strict=True)
    return [Task(plan.id, each, uids.get(plan.id), plan.follows) for plan, each in begun]


def _uids_of(store: Store, bridge: str, plans: Iterable[Plan]) -> dict[AppointmentId, str | None]:
    """The UIDs under which further copies of what is to be created are made: the one that a
    person's client chose, if any. What another appointment goes by, as the original of a
    duplicate that kept it does, is none: many a server has each UID once."""
    creating = {
        plan.id: plan.agreement.uids
        for plan in plans
        if plan.agreement is not None
        and any(write.operation is Operation.CREATE for write in plan.writes)
    }
    known = store.appointments_by_uid(bridge, frozenset().union(*creating.values()))
    return {
        id: min(
            (uid for uid in uids if known.get(uid, {id}) <= {id}),
            key=lambda uid: (id in uid, uid),
            default=None,
        )
        for id, uids in creating.items()
    }
