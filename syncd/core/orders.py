"""An administrator's orders in a settling: ``resolve`` and ``undo``.

Their values are claims like any other, and rank above the channels' (see ``decide``). What
concerns whether the appointment goes on is carried out here.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.claims import BIRTH, Claim
from syncd.core.decide import PERSON_RULE
from syncd.core.draft import Draft
from syncd.core.existence import DELETING, STATUS, Deletion
from syncd.core.model import Status, Value
from syncd.core.paths import Path, get
from syncd.core.state import PERSON, WITHDRAWN, Agreement, Kind, Order, Record, Setter, Span

LEFT_NOTE = "undo: edited since"
"""The note of a conflict in which the earlier value was not put back."""


def ordered(order: Order) -> list[Claim]:
    """The values of an order as claims of the person who gave it."""
    at = Span(order.at, order.at)
    name = PERSON + order.by
    changes: dict[Path, Value] = dict(order.changes)
    if order.cancel:
        changes[STATUS] = Status.CANCELLED
    return [Claim(name, path, v, v, at, person=True) for path, v in changes.items()]


def restoring(orders: Sequence[Order]) -> Order | None:
    """The latest of the orders that says that the appointment takes place after all."""
    return max((each for each in orders if each.restore), key=lambda each: each.at, default=None)


def brought_back(orders: Sequence[Order]) -> Agreement | None:
    """What an order brings back of an appointment of which nothing is left, before its values
    are put in; ``None`` if none of them does."""
    found = max((o for o in orders if o.remains is not None), key=lambda o: o.at, default=None)
    if found is None or found.remains is None:
        return None
    remains = found.remains
    setters = {BIRTH: _setter(found)}
    return Agreement(remains.appointment, setters, uids=remains.uids, born=remains.born)


def bring_back(order: Order, draft: Draft, *, new: bool) -> None:
    """It is no longer being deleted, and absences since then are none any more.

    ``new``: nothing had been left of it.
    """
    if new or draft.deleting is not None:
        draft.deleting = None
        draft.setters.pop(DELETING, None)
        draft.records.append(Record(Kind.RESTORED, (), PERSON_RULE, PERSON + order.by))
    for place, absence in list(draft.absent.items()):
        if absence.reason != WITHDRAWN and (order.since is None or absence.since >= order.since):
            del draft.absent[place]


def overruled(found: Sequence[Deletion], restore: Order | None, draft: Draft) -> list[Deletion]:
    """The deletions that stand. Those that were not made after ``restore`` are recorded."""
    if restore is None:
        return list(found)
    given = Span(restore.at, restore.at)
    left = [each for each in found if given.certainly_before(each.span)]
    for each in found:
        if each in left:
            continue
        claims = ((each.channel, Status.CANCELLED),)
        record = Record(Kind.PUT_BACK, STATUS, PERSON_RULE, claims=claims)
        draft.records.append(record)
        if each.here is not None:
            draft.absent.pop(each.here.place, None)
            if not each.gone:
                draft.dispute(each.here, STATUS)
    return left


def carry_out(orders: Sequence[Order], draft: Draft) -> None:
    """What orders say besides values: that it is to go again, and which values they left."""
    for order in orders:
        for path, value in order.left.items():
            draft.records.append(_left(order, path, value, draft))
        if order.delete and draft.deleting is None:
            draft.deleting = draft.now
            draft.setters[DELETING] = _setter(order)
            draft.records.append(Record(Kind.DELETED, (), PERSON_RULE, PERSON + order.by))


def _left(order: Order, path: Path, value: Value, draft: Draft) -> Record:
    agreed = get(draft.appointment, path)
    setter = draft.setters.get(path) or draft.setters.get(BIRTH)
    name = setter.channel if setter is not None else draft.born
    claims = ((PERSON + order.by, value), (name, agreed))
    return Record(Kind.CONFLICT, path, PERSON_RULE, name, agreed, agreed, claims, LEFT_NOTE)


def _setter(order: Order) -> Setter:
    return Setter(PERSON + order.by, Span(order.at, order.at), order.at, PERSON_RULE)
