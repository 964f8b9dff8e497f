"""How a write ends: answered, confirmed, in doubt or failed."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.state import (
    Agreement,
    Copy,
    Gone,
    Intent,
    Operation,
    Plan,
    Present,
    Seen,
    Settled,
    Write,
)
from syncd.store import Store
from tests.store.given import CAL, NOW, after, copy, look, settled, update, visit

OLD, NEW = copy("k1", "1"), copy("k1", "2", visit("改期 🚗"))


def begin(store: Store, write: Write, id_: str = "a1") -> Intent:
    """An intent in the store."""
    agreed = store.agreements([id_])[id_]
    (intent,) = store.commit("sales", "c1", after(1), [Plan(id_, agreed, (write,))])
    return intent


def agreed_now(store: Store, id_: str = "a1") -> Agreement:
    return store.agreements([id_])[id_]


def shown(store: Store, id_: str = "a1") -> dict[tuple[str, str], Seen]:
    (case,) = store.cases("sales", [id_])
    return dict(case.views)


def test_a_confirmed_update_is_settled(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    asked = visit("改期 🚗, in full")
    intent = begin(store, replace(update("cal", OLD, NEW.reads), asked=asked))
    assert store.confirm(intent.id, NEW, after(2))
    assert agreed_now(store).copies["cal", ""] == Settled(NEW, asked, confirmed=after(2))
    assert shown(store) == {("cal", ""): Seen(Present(NEW), after(2), after(2))}
    assert store.open_intents("sales") == []
    assert store.due("sales", after(3)) == []
    assert look(store, CAL, after(4), NEW) == 0  # our own write is no edit (invariant 6)


def test_a_confirmed_create_is_ours(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    made = copy("c1", uid="vendor's own")
    intent = begin(store, Write("crm", "", Operation.CREATE, made.reads, made.reads))
    assert store.confirm(intent.id, made, after(2))
    assert agreed_now(store).copies["crm", ""] == Settled(
        made, made.reads, ours=True, confirmed=after(2)
    )
    assert "vendor's own" in agreed_now(store).uids
    assert store.appointments_by_uid("sales", ["vendor's own"]) == {"vendor's own": {"a1"}}
    item = store.observed("sales/crm", "c1")
    assert item is not None
    assert (item.appointment, item.slot, item.dirty) == ("a1", "", False)
    again = begin(store, update("crm", made, NEW.reads))
    assert store.confirm(again.id, copy("c1", "2", NEW.reads), after(3))
    assert agreed_now(store).copies["crm", ""].ours


def test_a_create_that_a_look_saw_first_is_paired_by_its_confirmation(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    made = copy("c1")
    intent = begin(store, Write("crm", "", Operation.CREATE, made.reads, made.reads))
    look(store, "sales/crm", after(2), made)
    assert len(store.unpaired("sales")) == 1
    assert store.confirm(intent.id, made, after(3))
    assert store.unpaired("sales") == []
    assert store.due("sales", after(3)) == []


def test_an_edit_seen_before_the_confirmation_stays_an_edit(store: Store) -> None:
    """Invariant 2, trace 11: a person edited between our write and its confirmation."""
    settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    edit = copy("k1", "3", visit("a person's"))
    look(store, CAL, after(2), edit)
    assert store.confirm(intent.id, NEW, after(3))
    assert agreed_now(store).copies["cal", ""].copy == NEW
    assert shown(store)["cal", ""].observation == Present(edit)
    assert store.due("sales", after(3)) == ["a1"]


def test_a_copy_that_is_gone_before_the_confirmation_is_gone(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    look(store, CAL, after(2), gone=("k1",))
    assert store.confirm(intent.id, NEW, after(3))
    assert shown(store)["cal", ""].observation == Gone()
    assert store.due("sales", after(3)) == ["a1"]


def test_what_we_replaced_is_no_edit_because_the_channel_is_looked_at_anew(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    store.redirty(CAL)
    assert store.confirm(intent.id, NEW, after(3))
    assert shown(store)["cal", ""].observation == Present(NEW)
    assert store.due("sales", after(3)) == ["a1"]


def test_a_versionless_edit_stays_an_edit(store: Store) -> None:
    old, new = copy("k1", None, wire="old"), copy("k1", None, wire="new")
    settled(store, "a1", NOW, {("cal", ""): old})
    intent = begin(store, update("cal", old, visit()))
    look(store, CAL, after(2), copy("k1", None, wire="person"))
    store.confirm(intent.id, new, after(3))
    item = store.observed(CAL, "k1")
    assert item is not None
    assert item.copy is not None
    assert (item.copy.wire, item.dirty) == ("person", True)


def test_a_confirmation_ends_older_intents_of_its_place_only(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD, ("crm", ""): copy("c1")})
    first = begin(store, update("cal", OLD, visit("first")))
    store.fail(first.id, doubtful=True)
    other = begin(store, update("crm", copy("c1"), visit("first")))
    second = begin(store, update("cal", OLD, NEW.reads))
    third = begin(store, update("cal", OLD, visit("third")))
    store.confirm(second.id, NEW, after(5))
    assert [intent.id for _, intent in store.open_intents("sales")] == [other.id, third.id]


def test_an_answer_without_a_copy_keeps_the_intent_open(store: Store) -> None:
    """Invariant 10: until a copy is stored, the intent tells that the value is ours."""
    settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    store.fail(intent.id, doubtful=True)
    (case,) = store.cases("sales", ["a1"])
    assert case.intents == (replace(intent, doubtful=True),)
    store.answer(intent.id, key="k1", version="2", at=after(2))
    (case,) = store.cases("sales", ["a1"])
    assert case.intents == (replace(intent, key="k1", answered="2", done=True),)
    assert case.agreement is not None
    assert case.agreement.copies["cal", ""].copy == OLD


def test_a_refused_write_leaves_nothing(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    store.fail(intent.id, doubtful=False)
    (case,) = store.cases("sales", ["a1"])
    assert (case.intents, case.agreement) == ((), agreed)


def deletion(base: Copy) -> Write:
    return Write("cal", "", Operation.DELETE, base=base)


def test_a_confirmed_deletion(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD, ("crm", ""): copy("c1")})
    intent = begin(store, deletion(OLD))
    assert store.confirm_delete(intent.id, after(2))
    assert set(agreed_now(store).copies) == {("crm", "")}
    assert set(shown(store)) == {("crm", "")}
    assert store.open_intents("sales") == []
    assert store.due("sales", after(9)) == []
    assert look(store, CAL, after(3), gone=("k1",)) == 0


def test_the_last_deletion_makes_its_appointment_due(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): OLD})
    deleting = replace(agreed, deleting=after(1))
    (intent,) = store.commit("sales", "c1", after(1), [Plan("a1", deleting, (deletion(OLD),))])
    assert store.due("sales", after(2)) == []
    store.confirm_delete(intent.id, after(2))
    assert store.due("sales", after(2)) == ["a1"]


def test_what_somebody_put_back_is_seen_after_our_deletion(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, deletion(OLD))
    look(store, CAL, after(2), copy("k1", "9", visit("back")))
    store.confirm_delete(intent.id, after(3))
    assert shown(store)["cal", ""].observation == Present(copy("k1", "9", visit("back")))
    assert agreed_now(store).copies == {}
    assert store.due("sales", after(3)) == ["a1"]


def test_a_closed_intent_confirms_nothing(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): OLD})
    intent = begin(store, update("cal", OLD, NEW.reads))
    store.commit("sales", "c2", after(2), [Plan("a1", agreed, closed=(intent.id,))])
    assert not store.confirm(intent.id, NEW, after(3))
    assert not store.confirm_delete(intent.id, after(3))
    assert agreed_now(store) == agreed
    assert shown(store)["cal", ""].observation == Present(OLD)


def test_a_confirmation_for_an_appointment_that_has_ended_goes_to_pairing(store: Store) -> None:
    """Invariant 2: a copy that exists in the remote is never forgotten."""
    settled(store, "a1", NOW, {("cal", ""): OLD})
    made = copy("c1")
    intent = begin(store, Write("crm", "", Operation.CREATE, made.reads, made.reads))
    store.commit("sales", "c2", after(2), [Plan("a1", None)])
    assert store.confirm(intent.id, made, after(3))
    assert [(item.key, item.appointment) for item in store.unpaired("sales")] == [("c1", None)]
    assert store.open_intents("sales") == []


def test_many_confirmations_at_once(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    settled(store, "a2", NOW, {("cal", ""): copy("k2")})
    first = begin(store, update("cal", OLD, visit("first")))
    second = begin(store, update("cal", OLD, NEW.reads))
    made = [copy("c1", uid="u1"), copy("c2", uid="u2"), copy("c3", uid="u3")]
    write = Write("crm", "", Operation.CREATE, visit(), visit())
    creates = [begin(store, replace(write, slot=slot), "a2") for slot in ("", "20260302", "x")]
    closed = creates.pop().id
    store.fail(closed, doubtful=False)
    results = [
        (closed, made[2]),
        (creates[1].id, made[1]),
        (second.id, NEW),
        (first.id, copy("k1", "1b", visit("first"))),
        (creates[0].id, made[0]),
    ]
    assert store.confirm_many(results, after(9)) == 4
    assert store.confirm_many([], after(9)) == 0
    assert store.open_intents("sales") == []
    assert agreed_now(store, "a1").copies["cal", ""].copy == NEW
    assert shown(store, "a1")["cal", ""].observation == Present(NEW)
    now = agreed_now(store, "a2")
    assert {place: (each.copy, each.ours) for place, each in now.copies.items()} == {
        ("cal", ""): (copy("k2"), False),
        ("crm", ""): (made[0], True),
        ("crm", "20260302"): (made[1], True),
    }
    assert now.uids == {"uid-k2", "u1"}  # not "u2": that is the row of an occurrence
    assert store.due("sales", after(9)) == []
