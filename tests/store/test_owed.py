"""Writes that were put off: who is called, in which order, and what is told of them."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.state import Plan
from syncd.store import Debt, Owed, PutOff, Store
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, settled, update, visit

OLD = copy("k1")
WANG = "sales/王芳"


def owed(id: str, channel: str = CAL, **how: object) -> Owed:
    """A write that its system did not take."""
    return replace(Owed(id, channel, "", "dav", NOW, f"HTTP 503 ({id})", NOW), **how)  # type: ignore[arg-type]  # its own fields


def put_off(store: Store, *writes: Owed) -> None:
    """They are tried again in half an hour."""
    store.put_off([PutOff(each, after(30), intent=0) for each in writes])


def test_the_intent_of_a_write_in_doubt_stays(store: Store) -> None:
    """Invariant 10: in one transaction with what is owed, and when it is tried again."""
    settled(store, "a1", NOW, {("cal", ""): OLD, ("crm", ""): copy("c1")})
    writes = (update("cal", OLD, visit("x")), update("crm", copy("c1"), visit("x")))
    first, second = store.commit("sales", "c1", NOW, [Plan("a1", agreement({}), writes)])
    store.put_off(
        [
            PutOff(owed("a1"), after(30), first.id, doubtful=True),
            PutOff(owed("a1", CRM), after(20), second.id),
        ]
    )
    assert store.open_intents("sales") == [("a1", replace(first, doubtful=True))]
    assert store.next_retry("sales") == after(20)
    store.put_off([PutOff(owed("a1", failures=2), after(60), first.id)])
    assert store.open_intents("sales") == []
    assert store.owed(["a1"])["a1", CAL, ""].failures == 2


def test_another_one_tries_each_time(store: Store) -> None:
    """Never tried first, then least lately."""
    times = {"a1": after(2), "a2": None, "a3": after(1)}
    put_off(store, *(owed(id, tried=at) for id, at in times.items()))
    order = []
    for minute in range(3, 6):
        store.call_owed(after(minute), bridge="sales", systems=["dav"], most=1)
        (id,) = store.due("sales", after(minute))
        order.append(id)
        # It is settled, and fails: its due time is a new one.
        store.commit("sales", "c", after(minute), [Plan(id, agreement({}), quiet=True)])
        put_off(store, owed(id, tried=after(minute)))
    assert order == ["a2", "a3", "a1"]


def test_whom_an_accepted_write_calls(store: Store) -> None:
    """All that wait for the system, in each bridge, once: of what failed for a reason of its own
    that of the same channel only; and none that failed too often after others were accepted."""
    put_off(
        store,
        owed("same"),
        owed("other", WANG),
        owed("elsewhere", "service/cal"),
        owed("lone", CAL, lone=True),
        owed("alone", WANG, lone=True),
        owed("blamed", overtaken=3),
        owed("again", overtaken=2),
        owed("crm", CRM, system="crm"),
        owed("tried"),
    )
    but = {("tried", CAL, "")}
    store.call_overtaken(after(1), {"dav"}, {CAL}, 3, but)
    assert store.due("sales", after(1)) == ["again", "lone", "other", "same"]
    assert store.due("service", after(1)) == ["elsewhere"]
    called = store.owed(["same", "alone", "blamed"])
    assert {id: each.called for (id, _, _), each in called.items()} == {
        "same": True,
        "alone": False,
        "blamed": False,
    }


def test_what_is_told(store: Store) -> None:
    """By channel: how many, since when, the words of the last try, and when the next one is."""
    put_off(store, owed("a1"), owed("a2", since=after(-9), tried=after(-3)), owed("a3", tried=None))
    put_off(store, owed("a4", WANG, reason="HTTP 423"))
    store.call_owed(after(5), channels=[WANG])
    assert store.debts() == [
        Debt(CAL, "dav", 3, after(-9), "HTTP 503 (a1)", after(30)),
        Debt(WANG, "dav", 1, NOW, "HTTP 423", after(5)),
    ]
    assert store.debts("service") == []
    levels = store.levels()
    assert levels.owed == {CAL: 3, WANG: 1}
    assert levels.owed_since == {CAL: after(-9), WANG: NOW}
    store.forget_owed([("a1", CAL, ""), ("a2", CAL, "")])
    store.forget_channel(WANG)
    assert [(debt.channel, debt.writes) for debt in store.debts()] == [(CAL, 1)]


def test_what_is_settled_otherwise_is_owed_no_longer(store: Store) -> None:
    """A plan tells all that its appointment is owed."""
    settled(store, "a1", NOW, {("cal", ""): OLD, ("crm", ""): copy("c1")})
    put_off(store, owed("a1"), owed("a1", CRM), owed("a2"))
    plan = Plan("a1", agreement({}), (update("cal", OLD, visit("x")),))
    store.commit("sales", "c1", after(1), [plan])
    assert sorted(store.owed(["a1", "a2"])) == [("a1", CAL, ""), ("a2", CAL, "")]
    store.commit("sales", "c2", after(2), [Plan("a1", agreement({}), quiet=True)])
    assert list(store.owed(["a1", "a2"])) == [("a2", CAL, "")]
