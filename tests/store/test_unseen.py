"""Accepted writes that no look has shown."""

from __future__ import annotations

from syncd.core.state import Gone, Operation, Plan, Present, Seen, Write
from syncd.store import Store
from tests.store.given import CAL, NOW, after, copy, look, settled, update, visit

OLD, NEW = copy("k1", "1"), copy("k1", "2", visit("改期"))
BOTH = {"cal", "crm"}


def answered(store: Store, write: Write, key: str) -> int:
    """The id of an intent that the system accepted under ``key``."""
    agreed = store.agreements(["a1"])["a1"]
    (intent,) = store.commit("sales", "c1", after(1), [Plan("a1", agreed, (write,))])
    store.answer(intent.id, key=key, version="2", at=after(2))
    return intent.id


def unseen(store: Store) -> list[int]:
    return [intent.id for intent in store.unseen("sales", BOTH)]


def test_a_create_is_unseen_until_its_key_shows_something(store: Store) -> None:
    settled(store, "a1", NOW, {("crm", ""): OLD})
    id = answered(store, Write("cal", "", Operation.CREATE, OLD.reads, OLD.reads), "made.ics")
    look(store, CAL, after(3), copy("another.ics"))
    assert unseen(store) == [id]
    assert store.unseen("sales", {"crm"}) == []
    assert store.unseen("another bridge", BOTH) == []
    look(store, CAL, after(4), copy("made.ics"))
    assert unseen(store) == []
    store.set_clean([(CAL, "made.ics")])
    assert unseen(store) == []


def test_an_update_is_unseen_while_its_base_is_shown(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    id = answered(store, update("cal", OLD, NEW.reads), "k1")
    assert unseen(store) == [id]
    look(store, CAL, after(3), NEW)
    assert unseen(store) == []  # it is dirty: settling sees it
    store.set_clean([(CAL, "k1")])
    assert unseen(store) == []


def test_a_write_that_was_not_accepted_is_not_asked_for(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): OLD})
    store.commit("sales", "c1", after(1), [Plan("a1", agreed, (update("cal", OLD, NEW.reads),))])
    assert unseen(store) == []


def test_what_was_made_and_is_gone_was_last_there_when_it_was_made(store: Store) -> None:
    """Invariant 2: the looks since said nothing of it; what was agreed since contests its end."""
    settled(store, "a1", NOW, {("crm", ""): OLD})
    made = Write("cal", "", Operation.CREATE, OLD.reads, OLD.reads)
    id = answered(store, made, "made.ics")
    look(store, CAL, after(30))
    store.record_vanished(id, after(31))
    assert unseen(store) == []
    (case,) = store.cases("sales", ["a1"])
    assert case.agreement is not None
    kept = case.agreement.copies["cal", ""]
    assert (kept.copy.key, kept.ours, kept.confirmed) == ("made.ics", True, after(1))
    assert case.views["cal", ""] == Seen(Gone(), after(31), after(1))
    assert store.due("sales", after(31)) == ["a1"]


def test_what_was_changed_and_is_gone_was_last_there_when_it_was_changed(store: Store) -> None:
    """Invariant 2."""
    settled(store, "a1", NOW, {("cal", ""): OLD})
    id = answered(store, update("cal", OLD, NEW.reads), "k1")
    look(store, CAL, after(30))
    store.record_vanished(id, after(31))
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""] == Seen(Gone(), after(31), after(1))


def test_a_write_that_has_ended_leaves_nothing_to_vanish(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): OLD})
    id = answered(store, update("cal", OLD, NEW.reads), "k1")
    store.confirm(id, NEW, after(2))
    store.record_vanished(id, after(31))
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""].observation == Present(NEW)
