"""Copies that were paired and never settled: the process died in between, or the bridge is held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.state import Plan
from syncd.pairing import Paired, pair_stored
from syncd.store import Store
from tests.core.values import USUAL, channels
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, settled, visit

DAY = timedelta(days=1)
POLICY = Policy(channels("crm", "cal"), USUAL)


def _pair(store: Store, contacts: Collection[str] = ()) -> Paired:
    moment = Moment(after(9), NOW - 30 * DAY, NOW + 365 * DAY)
    fresh = (f"new{number}" for number in range(9))
    return pair_stored(store, "sales", POLICY, moment, lambda: next(fresh), contacts)


def _whose(store: Store, channel: str, key: str) -> str | None:
    item = store.observed(channel, key)
    assert item is not None
    return item.appointment


def test_what_was_never_settled_is_told(store: Store) -> None:
    settled(store, "a1", NOW, {("crm", ""): copy("r1")})
    look(store, CRM, after(1), copy("r1", "2"), copy("r2"), copy("r3"))
    store.assign([(CRM, "r2", "a2", "")])
    assert [(item.key, item.appointment) for item in store.unborn("sales")] == [("r2", "a2")]
    assert store.unborn("another bridge") == []
    store.commit("sales", "c1", after(2), [Plan("a2", agreement({("crm", ""): copy("r2")}))])
    assert store.unborn("sales") == []


def test_its_uid_leads_to_it(store: Store) -> None:
    """Invariant 3: the calendar answers only after the process died between pairing and settling
    the record, whose mark alone was left after an old backup."""
    look(store, CRM, after(1), copy("r1", uid="meeting-1"))
    store.assign([(CRM, "r1", "a1", "")])
    look(store, CAL, after(2), copy("e1", uid="meeting-1"))
    _pair(store)
    assert _whose(store, CAL, "e1") == "a1"


def test_first_contact_finds_it(store: Store) -> None:
    """Invariant 3: nothing but time, title and people tells that they are one."""
    look(store, CRM, after(1), copy("r1"), copy("r2", appointment=visit("Demo", 15)))
    store.assign([(CRM, "r1", "a1", ""), (CRM, "r2", "a2", "")])
    seen = replace(visit(), owner="", customer=replace(visit().customer, phone=""))
    look(store, CAL, after(2), copy("e1", appointment=seen))
    _pair(store, {"cal"})
    assert _whose(store, CAL, "e1") == "a1"


def test_its_place_is_taken(store: Store) -> None:
    """A second copy with its UID in the same channel waits, as it would had it been settled."""
    look(store, CAL, after(1), copy("e1", uid="meeting-1"))
    store.assign([(CAL, "e1", "a1", "")])
    look(store, CAL, after(2), copy("e2", uid="meeting-1"))
    _pair(store)
    assert _whose(store, CAL, "e2") is None
    parked = store.observed(CAL, "e2")
    assert parked is not None
    assert parked.parked is not None
