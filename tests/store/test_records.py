"""History, put-backs, what was set aside, doubts, holds and the log of writes."""

from __future__ import annotations

from datetime import timedelta

from syncd.core.model import Status
from syncd.core.state import Kind, Order, Plan, Record
from syncd.store import HoldState, LoggedWrite, Store
from syncd.store.holds import LOG_KEPT
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, settled, visit

TITLE = ("title",)


def commit(store: Store, minutes: float, *records: Record, id_: str = "a1") -> None:
    cycle = f"c{minutes}"
    store.commit("sales", cycle, after(minutes), [Plan(id_, agreement({}), records=records)])


def conflict(winner: str = "crm") -> Record:
    claims = (("crm", "演示"), ("cal", "Demo"))
    return Record(Kind.CONFLICT, TITLE, "default.toml:3", winner, "演示", "old", claims, "note")


def test_history_tells_everything_in_order(store: Store) -> None:
    """Invariant 2: both values of a conflict are there."""
    status = Record(Kind.SET, ("status",), "r:1", "cal", Status.CANCELLED, Status.CONFIRMED)
    commit(store, 1, conflict(), status)
    commit(store, 2, Record(Kind.BORN, (), "", "crm"), id_="a2")
    commit(store, 3, conflict())
    found = store.history()
    assert [(each.appointment, each.cycle, each.at, each.bridge) for each in found] == [
        ("a1", "c1", after(1), "sales"),
        ("a1", "c1", after(1), "sales"),
        ("a2", "c2", after(2), "sales"),
        ("a1", "c3", after(3), "sales"),
    ]
    assert [each.record for each in found[:2]] == [conflict(), status]
    assert found[1].record.value is Status.CANCELLED
    ids = [each.id for each in found]
    assert [each.id for each in store.history(limit=2)] == ids[2:]
    assert [each.id for each in store.history(appointment="a1")] == [ids[0], ids[1], ids[3]]
    assert [each.id for each in store.history(since=after(2))] == ids[2:]
    assert [each.id for each in store.history(cycle="c2", bridge="sales")] == [ids[2]]
    assert store.history(bridge="other") == []


def test_put_backs_are_counted_by_copy_and_field(store: Store) -> None:
    """Invariant 7."""
    put_back = Record(Kind.PUT_BACK, TITLE, "r:2", "crm", "a", "a", (("cal", "b"),))
    commit(store, 1, conflict())
    commit(store, 2, put_back, Record(Kind.SET, TITLE, "r", "cal", "z", "y", (("cal", "z"),)))
    commit(store, 3, put_back, id_="a2")
    element = ("attendees", "o.hara@example.com")
    commit(store, 4, Record(Kind.OVERWRITTEN, element, "", "crm", None, None, (("cal", True),)))
    both = (("crm", "x"), ("cal", "y"))
    commit(store, 5, Record(Kind.CONFLICT, ("description",), "r", "", "xy", "", both))
    assert store.put_backs(["a1"], after(1)) == {
        ("a1", "cal", TITLE): 2,
        ("a1", "cal", element): 1,
        ("a1", "crm", ("description",)): 1,
        ("a1", "cal", ("description",)): 1,
    }
    assert store.put_backs(["a1", "a2"], after(2))[("a2", "cal", TITLE)] == 1
    assert store.put_backs(["a1"], after(2))[("a1", "cal", TITLE)] == 1


def test_what_is_set_aside_is_left_alone_until_then(store: Store) -> None:
    """Invariant 7."""
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    until = after(24 * 60)
    store.set_aside("sales", "a1", "cal", "", TITLE, "three times", after(1), until)
    store.set_aside("sales", "a1", "cal", "", TITLE, "four times", after(2), until)
    store.set_aside("sales", "a1", "crm", "20260302", (), "stale", after(3), until)
    found = store.asides("sales")
    assert [(each.channel, each.slot, each.path, each.reason) for each in found] == [
        ("cal", "", TITLE, "four times"),
        ("crm", "20260302", (), "stale"),
    ]
    assert store.asides("other") == []
    (case,) = store.cases("sales", ["a1"], after(5))
    assert case.aside == {(("cal", ""), TITLE), (("crm", "20260302"), ())}
    store.commit("sales", "c1", after(5), [Plan("a1", agreed)])
    assert len(store.asides()) == 2
    assert store.next_due("sales") == until
    assert store.due("sales", until - timedelta(seconds=1)) == []
    assert store.due("sales", until) == ["a1"]
    (case,) = store.cases("sales", ["a1"], until)
    assert case.aside == frozenset()
    store.commit("sales", "c2", until, [Plan("a1", agreed, quiet=True)])
    assert store.asides() == []
    assert store.due("sales", until) == []


def test_release(store: Store) -> None:
    for id_ in ("a1", "a2"):
        for path in (TITLE, ("when",)):
            store.set_aside("sales", id_, "cal", "", path, "", NOW, after(60))
    first = store.asides()[0]
    assert store.release(after(1), ids=[first.id, 999]) == 1
    assert store.due("sales", after(1)) == ["a1"]
    assert store.release(after(2), appointment="a2") == 2
    assert store.due("sales", after(2)) == ["a1", "a2"]
    assert [(each.appointment, each.path) for each in store.asides()] == [("a1", ("when",))]


def test_doubts(store: Store) -> None:
    store.doubt(CAL, "k1", ["a1", "a2"], "two fit", after(1))
    store.doubt(CRM, "c1", [], "", NOW)
    store.doubt(CAL, "k1", ["a1"], "one fits", after(5))
    store.doubt("other/cal", "k1", ["b1"], "", NOW)
    found = store.doubts("sales")
    assert [(each.key, each.candidates, each.reason, each.at) for each in found] == [
        ("c1", (), "", NOW),
        ("k1", ("a1",), "one fits", after(1)),
    ]
    store.settle_doubt(CRM, "c1")
    store.settle_doubt(CAL, "k1")
    assert [each.channel for each in store.doubts()] == ["other/cal"]


WRITES = ({"channel": "销售/cal", "operation": "delete", "appointment": "a1"},)


def test_a_hold_names_its_writes(store: Store) -> None:
    hold = store.open_hold("sales", "30 of 100 would go", NOW, "d1", WRITES)
    assert (hold.state, hold.writes, hold.digest) == (HoldState.OPEN, WRITES, "d1")
    assert store.holds(HoldState.OPEN) == [hold]
    assert store.open_hold("sales", "again", after(1), "d1", WRITES) == hold
    assert store.approve_hold(hold.id, "ann", after(2))
    (approved,) = store.holds(HoldState.APPROVED)
    assert (approved.approved_by, approved.approved_at) == ("ann", after(2))
    assert not store.approve_hold(hold.id, "bob", after(3))
    store.close_hold(hold.id)
    assert [each.state for each in store.holds()] == [HoldState.GONE]


def test_a_hold_of_other_writes_replaces_the_one_shown(store: Store) -> None:
    """``approve`` names exactly the writes that it was shown."""
    first = store.open_hold("sales", "", NOW, "d1", WRITES)
    second = store.open_hold("sales", "", after(1), "d2", WRITES * 2)
    elsewhere = store.open_hold("other", "", NOW, "d1", ())
    assert not store.approve_hold(first.id, "ann", after(2))
    assert [hold.id for hold in store.holds(HoldState.OPEN)] == [second.id, elsewhere.id]
    assert store.stats().holds == 2


def test_the_log_of_writes_slides(store: Store) -> None:
    writes = [LoggedWrite(after(each), CAL, "delete", f"a{each}", each == 2) for each in (3, 1, 2)]
    store.log_writes(writes)
    store.log_writes([])
    assert store.writes_since(after(2)) == [writes[2], writes[0]]
    late = LoggedWrite(after(2) + LOG_KEPT, CRM, "update", "a9")
    store.log_writes([late])
    assert store.writes_since(NOW) == [writes[2], writes[0], late]


def test_stats(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("k1"), ("crm", ""): copy("c1")})
    look(store, CAL, after(1), copy("k2"), copy("k3"))
    look(store, CAL, after(2), gone=("k3",))
    store.doubt(CAL, "k2", [], "", NOW)
    store.give_order("a1", Order("person:ann", NOW, {TITLE: visit().title}))
    stats = store.stats()
    assert stats.copies == {CAL: 2, CRM: 1}
    assert stats.agreements == {"sales": 1}
    assert (stats.intents, stats.holds, stats.asides, stats.doubts) == (0, 0, 0, 1)
