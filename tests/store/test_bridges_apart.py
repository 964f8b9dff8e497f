"""Two bridges of one installation: a mark that wandered from one to the other with its event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.state import Marker, Plan, Tombstone
from syncd.pairing import pair_stored
from syncd.store import Store
from tests.core.values import USUAL, channels
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, visit

DAY = timedelta(days=1)
POLICY = Policy(channels("crm", "cal"), USUAL)


def _pair(store: Store, *others: str) -> tuple[str, ...]:
    moment = Moment(after(9), NOW - 30 * DAY, NOW + 365 * DAY)
    fresh = (f"new{number}" for number in range(9))
    found = pair_stored(store, "sales", POLICY, moment, lambda: next(fresh), (), others)
    return found.births


def _whose(store: Store, channel: str, key: str) -> str | None:
    item = store.observed(channel, key)
    assert item is not None
    return item.appointment


def _agreed(store: Store) -> None:
    store.commit("service", "c0", NOW, [Plan("svc1", agreement({("bob", ""): copy("k1")}))])


def _deleted(store: Store) -> None:
    store.commit("service", "c0", NOW, [Plan("svc1", None, tombstone=Tombstone("svc1", NOW))])


def _unborn(store: Store) -> None:
    look(store, "service/bob", NOW, copy("k1"))
    store.assign([("service/bob", "k1", "svc1", "")])


@pytest.mark.parametrize("there", [_agreed, _deleted, _unborn])
def test_an_event_that_came_from_another_bridge(store: Store, there: object) -> None:
    """Invariant 2: a person moved or copied it between calendars, mark and all. It is one of this
    bridge, under an id of its own; what comes later with the same mark is of the same one."""
    assert callable(there)
    there(store)
    before = store.agreements(["svc1"])
    mark = Marker(store.installation, "svc1")
    look(store, CAL, after(1), copy("moved.ics", uid="u9", marker=mark))
    (born,) = _pair(store, "service", "repairs")
    assert born != "svc1"
    assert _whose(store, CAL, "moved.ics") == born
    assert store.due("sales", after(9)) == [born]
    content = visit()
    store.commit("sales", "c1", after(2), [Plan(born, agreement({("cal", ""): copy("moved.ics")}))])
    look(store, CRM, after(3), copy("r7", appointment=content, uid="u8", marker=mark))
    assert _pair(store, "service") == ()
    assert _whose(store, CRM, "r7") == born
    assert store.agreements(["svc1"]) == before
    assert store.agreement_ids("service") == (["svc1"] if before else [])


def test_marks_of_nobody_are_as_ever(store: Store) -> None:
    """A lost state is rebuilt under the ids that are on the copies."""
    look(store, CAL, after(1), copy("e1", uid="u1", marker=Marker("other123", "lost1")))
    look(store, CRM, after(1), copy("r1", uid="u2", marker=Marker("other123", "lost1")))
    assert _pair(store) == ("lost1",)
    assert _whose(store, CRM, "r1") == _whose(store, CAL, "e1") == "lost1"


def test_a_bridge_that_got_another_name_keeps_its_appointments(store: Store) -> None:
    """The old name is in the configuration no more."""
    _agreed(store)
    look(store, CAL, after(1), copy("k1", uid="u9", marker=Marker(store.installation, "svc1")))
    assert _pair(store, "repairs") == ()
    assert _whose(store, CAL, "k1") == "svc1"
