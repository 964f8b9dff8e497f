"""A state that is older than its systems: which copies prove it, and which do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.state import Copy, Kind, Marker, Operation, Plan, Record, Tombstone, Write
from syncd.store import Store
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, settled, visit

KNOWN = {CAL, CRM}


def marked(store: Store, id_: str = "new1", key: str = "一.ics", slot: str = "") -> Copy:
    """A copy with the mark of this installation."""
    return copy(key, marker=Marker(store.installation, id_, slot))


@pytest.fixture
def old(store: Store) -> Store:
    """A state with one appointment and its channels known to each other."""
    settled(store, "a1", NOW, {("crm", ""): copy("r1"), ("cal", ""): copy("k1")})
    for channel in (CAL, CRM):
        store.meta_set(f"contacted:{channel}", "1")
    return store


def test_copies_of_ours_that_it_does_not_know_prove_it(old: Store) -> None:
    """Told once, by appointment; those that are seen later tell again."""
    look(old, CAL, after(1), marked(old), marked(old, "new2", "二.ics", "20260302T010000"))
    look(old, CRM, after(1), marked(old, key="r2"))
    assert old.unheard_of("sales", KNOWN) == {"new1", "new2"}
    old.begin_anew("sales", after(2), 2)
    assert old.unheard_of("sales", KNOWN) == set()
    assert old.behind("sales") == (after(2), 2)
    look(old, CAL, after(3), marked(old, "new3", "三.ics"))
    assert old.unheard_of("sales", KNOWN) == {"new3"}


def test_every_channel_of_the_bridge_begins_anew(old: Store) -> None:
    """A full look and a first contact; the other bridges go on, whatever they are called."""
    other = "sales_2/cal", "salesX/cal"
    for channel in other:
        look(old, channel, after(1), copy("x"))
        old.meta_set(f"contacted:{channel}", "1")
    old.begin_anew("sales", after(2), 1)
    for channel in (CAL, CRM):
        state = old.channel_state(channel)
        assert state is not None
        assert (state.cursor, state.full, state.retry_at) == (None, None, None)
        assert old.meta_get(f"contacted:{channel}") is None
    for channel in other:
        state = old.channel_state(channel)
        assert state is not None
        assert state.cursor is not None
        assert old.meta_get(f"contacted:{channel}") == "1"
    assert old.behind("sales_2") is None


def _another_installation(store: Store) -> Copy:
    return copy("k9", marker=Marker("other123", "new1"))


def _a_duplicate(store: Store) -> Copy:
    return marked(store, "a1", "copied by hand")


def _deleted(store: Store) -> Copy:
    store.commit("sales", "c1", NOW, [Plan("new1", None, tombstone=Tombstone("new1", NOW))])
    return marked(store)


def _deleted_long_ago(store: Store) -> Copy:
    gone = Record(Kind.BURIED, (), "")
    stone = Tombstone("new1", NOW)
    store.commit("sales", "c1", NOW, [Plan("new1", None, records=(gone,), tombstone=stone)])
    assert store.purge_tombstones(after(1)) == 1
    return marked(store)


def _of_another_bridge(store: Store) -> Copy:
    store.commit("service", "c1", NOW, [Plan("new1", agreement({("crm", ""): copy("r7")}))])
    return marked(store)


def _deleted_in_another_bridge(store: Store) -> Copy:
    store.commit("service", "c1", NOW, [Plan("new1", None, tombstone=Tombstone("new1", NOW))])
    return marked(store)


def _being_written(store: Store) -> Copy:
    """Its intent is open, whatever became of the rest."""
    write = Write("cal", "", Operation.CREATE, visit(), visit())
    store.commit("sales", "c1", NOW, [Plan("new1", None, (write,))])
    return marked(store)


def _paired_and_not_settled(store: Store) -> Copy:
    """Killed in between, or held: its other copy has its appointment."""
    look(store, CRM, after(0.5), marked(store, key="r2"))
    store.assign([(CRM, "r2", "new1", "")])
    return marked(store)


def _with_a_known_uid(store: Store) -> Copy:
    """It was linked with another appointment before, and moved since."""
    return copy("k9", uid="uid-k1", marker=Marker(store.installation, "new1"))


def _with_the_uid_of_a_deleted_one(store: Store) -> Copy:
    stone = Tombstone("gone", NOW, frozenset({"uid-k8"}))
    store.commit("sales", "c1", NOW, [Plan("gone", None, tombstone=stone)])
    return copy("k9", uid="uid-k8", marker=Marker(store.installation, "new1"))


@pytest.mark.parametrize(
    "shown",
    [
        _another_installation,
        _a_duplicate,
        _deleted,
        _deleted_long_ago,
        _of_another_bridge,
        _deleted_in_another_bridge,
        _being_written,
        _paired_and_not_settled,
        _with_a_known_uid,
        _with_the_uid_of_a_deleted_one,
    ],
)
def test_nothing_else_proves_it(old: Store, shown: Callable[[Store], Copy]) -> None:
    """What this state has heard of, or what others have marked, says nothing of its age."""
    look(old, CAL, after(1), shown(old))
    assert old.unheard_of("sales", KNOWN) == set()


def test_a_first_contact_proves_nothing(old: Store) -> None:
    """A calendar that comes into the configuration again may hold what is known no more."""
    look(old, CAL, after(1), marked(old))
    assert old.unheard_of("sales", {CRM}) == set()


def test_what_is_not_admitted_is_no_news(old: Store) -> None:
    """A copy that was judged and left is not looked at again and again."""
    look(old, CAL, after(1), marked(old))
    old.set_clean([(CAL, "一.ics")])
    assert old.unheard_of("sales", KNOWN) == set()
