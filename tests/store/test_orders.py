"""Orders and what they need: all or none, with their approvals, whole histories, old forms."""

from __future__ import annotations

import pytest

from syncd.core.state import Kind, Order, Plan, Record, Remains, Tombstone
from syncd.store import Approval, HoldState, Store
from syncd.store.state_codec import decode_order, decode_record, encode_order, encode_record
from tests.store.given import CAL, NOW, after, agreement, copy, look, settled, visit

TITLE = ("title",)
REMAINS = Remains(visit("撤销 🚗"), "crm", frozenset({"uid-1", "王@x"}), {"cal": visit("从前")})
APPROVAL = Approval(
    "sales", "30 of 50", "digest", ({"write": "f1", "channel": "cal"},), "anna", NOW
)


def order(minutes: float = 1) -> Order:
    """An undo with everything that one can say."""
    return Order(
        "anna",
        after(minutes),
        {TITLE: "früher", ("attendees", "li@example.com"): None},
        reason="undo",
        restore=True,
        delete=True,
        since=NOW,
        remains=REMAINS,
        left={("location",): "上海"},
    )


def test_an_order_comes_back_as_it_was_given(store: Store) -> None:
    """Invariant 10: it is in the store, whole, before anybody carries it out."""
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    store.give_orders([("a1", order())])
    (case,) = store.cases("sales", ["a1"])
    assert case.orders == (order(),)
    assert store.due("sales", after(1)) == ["a1"]


def test_orders_are_given_all_or_none(store: Store) -> None:
    """One that is of no appointment: none of the others, and no approval."""
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    with pytest.raises(LookupError):
        store.give_orders([("a1", order()), ("a9", order())], [APPROVAL])
    (case,) = store.cases("sales", ["a1"])
    assert case.orders == ()
    assert store.holds() == []


def test_an_approval_is_on_record_with_who_gave_it(store: Store) -> None:
    """What would be held counts as approved by whoever ran it."""
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    store.give_orders([("a1", order())], [APPROVAL])
    (hold,) = store.holds(HoldState.APPROVED)
    assert (hold.scope, hold.approved_by, hold.approved_at) == ("sales", "anna", NOW)
    assert hold.writes == APPROVAL.writes


def test_a_deleted_one_takes_orders(store: Store) -> None:
    """Its tombstone tells the bridge; its history has what it was."""
    look(store, CAL, NOW, copy("k1"))
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    buried = Record(Kind.BURIED, (), "rule", remains=REMAINS)
    stone = Tombstone("a1", after(1), agreed.uids)
    store.commit("sales", "c2", after(1), [Plan("a1", None, (), (buried,), tombstone=stone)])
    store.give_orders([("a1", order(2))])
    assert store.due("sales", after(2)) == ["a1"]
    (entry,) = store.history(kind=Kind.BURIED)
    assert entry.record.remains == REMAINS


def test_histories_are_whole(store: Store) -> None:
    """Every record of each of them, oldest first."""
    for number, id_ in enumerate(("a1", "a2", "a1")):
        record = Record(Kind.SET, TITLE, "", "cal", str(number), None)
        plan = Plan(id_, agreement({}), records=(record,))
        store.commit("sales", f"c{number}", after(number), [plan])
    found = store.histories(["a1", "a2", "a9"])
    assert {id_: [e.record.value for e in entries] for id_, entries in found.items()} == {
        "a1": ["0", "2"],
        "a2": ["1"],
    }


def test_a_person_fights_nobody(store: Store) -> None:
    """Invariant 7: a value that an undo left is no put-back of the person's."""
    claims = (("person:anna", "früher"), ("cal", "jetzt"))
    record = Record(Kind.CONFLICT, TITLE, "", "cal", "jetzt", "jetzt", claims)
    store.commit("sales", "c1", after(1), [Plan("a1", agreement({}), records=(record,))])
    assert store.put_backs(["a1"], NOW) == {}


def test_what_an_older_version_stored_is_read() -> None:
    """Orders without the later parts."""
    assert decode_order('["ann",0,[[["title"],"x"]],false,"resolve"]').changes == {TITLE: "x"}
    assert decode_order(encode_order(order())) == order()
    record = Record(Kind.BURIED, (), "rule", remains=REMAINS)
    assert decode_record("buried", (), encode_record(record)) == record
