"""A second key with a known mark waits until its calendar was looked at once more."""

from __future__ import annotations

from datetime import timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.state import Copy, Marker
from syncd.pairing import pair_stored
from syncd.store import Store
from tests.core.values import USUAL, channels
from tests.store.given import CAL, CRM, NOW, after, copy, look, settled, visit

DAY = timedelta(days=1)
POLICY = Policy(channels("crm", "cal"), USUAL)


def _pair(store: Store, minutes: float) -> tuple[str, ...]:
    """The appointments that pairing at this time brought."""
    moment = Moment(after(minutes), NOW - 30 * DAY, NOW + 365 * DAY)
    return pair_stored(store, "sales", POLICY, moment, lambda: "new", ()).births


def _whose(store: Store, key: str) -> str | None:
    item = store.observed(CAL, key)
    assert item is not None
    return item.appointment


def _second(store: Store) -> Copy:
    """An item with the mark of what stands in the calendar under another key; it was told to wait.
    The CRM was looked at since, and pairing asked again."""
    mark = Marker(store.installation, "a1")
    first = copy("k1", uid="meeting-1", marker=mark)
    settled(store, "a1", NOW, {("crm", ""): copy("r1"), ("cal", ""): first})
    same = copy("k2", uid="meeting-1", marker=mark)
    look(store, CAL, after(1), same)
    assert _pair(store, 1.1) == ()
    look(store, CRM, after(1.2), copy("r1", "2", visit("改期")))
    for minutes in (1.3, 1.4):
        assert _pair(store, minutes) == ()
        assert _whose(store, "k2") is None
    return same


def test_it_has_moved_if_the_first_has_gone(store: Store) -> None:
    """Invariant 3, trace 32: however often pairing was asked within the cycle that first saw it,
    what is decided is what the next look shows."""
    second = _second(store)
    look(store, CAL, after(2), gone=("k1",))
    assert _pair(store, 2.1) == ()
    assert _whose(store, second.key) == "a1"


def test_it_is_another_if_both_are_there_still(store: Store) -> None:
    """Trace 31. That the look brought nothing new is news enough."""
    second = _second(store)
    look(store, CAL, after(2))
    assert _pair(store, 2.1) == ("new",)
    assert _whose(store, second.key) == "new"
