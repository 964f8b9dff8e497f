"""Killed at any statement, the store holds all of a transaction or nothing (invariant 10)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from syncd.core.state import Kind, Operation, Order, Plan, Record, Tombstone, Write
from syncd.store import Look, Store
from tests.store.given import CAL, NOW, after, agreement, copy, look, settled, update, visit

NEW = copy("k1", "2", visit("改期"))


def state(store: Store) -> dict[str, Any]:
    """All that the store can tell."""
    ids = ["a1", "a2", "a3"]
    return {
        "cases": store.cases("sales", ids),
        "observed": [store.observed_many(CAL, ["k1", "k2", "k3"])],
        "states": store.channel_states(),
        "due": store.due("sales", after(99)),
        "history": store.history(),
        "intents": store.open_intents("sales"),
        "stones": store.tombstones_by("sales", ids=ids, uids=["uid-k2"], keys=[("cal", "k2")]),
        "uids": store.appointments_by_uid("sales", ["uid-k1", "uid-k2", "uid-k3"]),
        "stats": store.stats(),
    }


def begin(store: Store) -> None:
    """Two appointments, an order, an open intent, and news in the channel."""
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    settled(store, "a2", NOW, {("cal", ""): copy("k2")})
    agreed = store.agreements(["a1"])["a1"]
    store.commit("sales", "c1", NOW, [Plan("a1", agreed, (update("cal", copy("k1"), NEW.reads),))])
    store.give_order("a1", Order("person:ann", after(1)))
    look(store, CAL, after(1), copy("k3"), gone=("k2",))
    store.assign([(CAL, "k3", "a3", "")])


def commit(store: Store) -> None:
    first, _, _ = store.cases("sales", ["a1", "a2", "a3"])
    record = Record(Kind.CONFLICT, ("title",), "r", "crm", "a", "b", (("cal", "c"),))
    stone = Tombstone("a2", after(2), frozenset({"uid-k2"}), frozenset({("cal", "k2")}))
    write = Write("crm", "", Operation.CREATE, visit(), visit())
    assert first.agreement is not None
    closed = tuple(intent.id for intent in first.intents)
    store.commit(
        "sales",
        "c2",
        after(2),
        [
            Plan("a1", replace(first.agreement, born="cal"), (write,), (record,), closed),
            Plan("a2", None, tombstone=stone),
            Plan("a3", agreement({("cal", ""): copy("k3")}), (write, write)),
        ],
    )


def confirm(store: Store) -> None:
    ((_, intent),) = store.open_intents("sales")
    store.confirm(intent.id, replace(NEW, uid="uid-k3"), after(2))


def confirm_delete(store: Store) -> None:
    ((_, intent),) = store.open_intents("sales")
    store.confirm_delete(intent.id, after(2))


def record_look(store: Store) -> None:
    shown = Look(at=after(3), copies=[NEW], gone={"k3"}, cursor="c9", complete=True)
    store.record_look(CAL, shown)


def forget(store: Store) -> None:
    store.forget_channel(CAL)


def run(url: str, act: Callable[[Store], None], kill_at: int) -> bool:
    """Do ``act`` in a process that is killed at its ``kill_at``-th statement; whether it was."""
    child = os.fork()
    if not child:
        code = 1
        try:
            _act_and_die(url, act, kill_at)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def _act_and_die(url: str, act: Callable[[Store], None], kill_at: int) -> None:
    store = Store.open(url)
    left = kill_at

    def count_down(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._database._engine, "after_cursor_execute", count_down)
    event.listen(store._database._engine, "commit", count_down)
    act(store)


@pytest.mark.parametrize("act", [commit, confirm, confirm_delete, record_look, forget])
def test_killed_at_any_statement(tmp_path: Path, act: Callable[[Store], None]) -> None:
    """On SQLite; a transaction is the same code on PostgreSQL, where the server undoes it."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with Store.open(url) as store:
        begin(store)
        before = state(store)
    kills = 0
    while run(url, act, kills):
        kills += 1
        with Store.open(url) as store:
            assert state(store) == before
    assert kills > 4  # a transaction of several statements, killed at each of them
    with Store.open(url) as store:
        assert state(store) != before
