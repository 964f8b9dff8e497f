"""What channels show is stored once, and only what changed is looked at again."""

from __future__ import annotations

from datetime import datetime

import pytest

from syncd.connector import Unreadable
from syncd.core.state import Copy, Marker
from syncd.errors import Rejected
from syncd.store import ChannelState, Look, Store
from tests.store.given import CAL, CRM, NOW, after, copy, look, settled, visit


def dirty(store: Store, channel: str) -> set[str]:
    return {item.key for item in store.all_observed(channel) if item.dirty}


def clean_all(store: Store, channel: str) -> None:
    store.set_clean([(channel, item.key) for item in store.all_observed(channel)])


def test_a_first_look(store: Store) -> None:
    found = copy("k1", marker=Marker("abc", "a1", "20260302"))
    assert look(store, CAL, NOW, found) == 1
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.copy, item.state, item.dirty) == (found, "present", True)
    assert (item.at, item.before, item.appointment) == (NOW, None, None)
    assert store.channel_state(CAL) == ChannelState(
        CAL, cursor=str(NOW), looked=NOW, full=None, fingerprint=""
    )


def test_cursor_and_health_are_stored_with_the_look(store: Store) -> None:
    store.save_channel_state(ChannelState(CAL, failures=3, retry_at=after(5), error="HTTP 503"))
    complete = Look(
        at=after(1),
        cursor="c7",
        identity="https://dav/x",
        complete=True,
        window_end=after(60),
        fingerprint="f1",
    )
    store.record_look(CAL, complete)
    expected = ChannelState(CAL, "c7", "https://dav/x", after(1), after(1), after(60), "f1")
    assert store.channel_state(CAL) == expected
    look(store, CAL, after(2))
    state = store.channel_state(CAL)
    assert state is not None
    assert (state.looked, state.full) == (after(2), after(1))


def test_an_unchanged_copy_is_not_touched(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"))
    clean_all(store, CAL)
    assert look(store, CAL, after(1), copy("k1")) == 0
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.dirty, item.at) == (False, NOW)


@pytest.mark.parametrize(
    "changed",
    [copy("k1", "2"), copy("k1", "1", wire="other"), copy("k1", "2", visit("改期"))],
    ids=["version", "wire", "both"],
)
def test_a_changed_copy_is_dirty(store: Store, changed: Copy) -> None:
    look(store, CAL, NOW, copy("k1"))
    clean_all(store, CAL)
    assert look(store, CAL, after(1), changed) == 1
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.copy, item.dirty, item.at, item.before) == (changed, True, after(1), NOW)


def test_changes_that_were_not_settled_are_one_span(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"))
    clean_all(store, CAL)
    look(store, CAL, after(1), copy("k1", "2"))
    look(store, CAL, after(2), copy("k1", "3"))
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.before, item.at) == (NOW, after(2))


def test_gone_keeps_what_was_there(store: Store) -> None:
    """Invariant 4: only what is proven gone is gone."""
    look(store, CAL, NOW, copy("k1"), copy("k2"))
    clean_all(store, CAL)
    assert look(store, CAL, after(1), gone=("k1", "never-known")) == 1
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.state, item.dirty, item.copy) == ("gone", True, copy("k1"))
    assert (item.at, item.before) == (after(1), NOW)
    assert store.observed(CAL, "never-known") is None
    assert store.known(CAL) == {"k2": "1"}
    assert store.count_observed(CAL) == 1
    assert look(store, CAL, after(2), gone=("k1",)) == 0


def test_what_was_gone_and_comes_back_is_present_and_dirty(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"))
    look(store, CAL, after(1), gone=("k1",))
    clean_all(store, CAL)
    assert look(store, CAL, after(2), copy("k1")) == 1
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.state, item.dirty, item.before) == ("present", True, after(1))


def test_a_key_that_is_shown_and_said_to_be_gone_is_there(store: Store) -> None:
    """Invariant 4: in doubt, nothing is gone."""
    look(store, CAL, NOW, copy("k1"), copy("k2"))
    broken = (Unreadable("k2", "1", "?"),)
    shown = Look(at=after(1), copies=[copy("k1")], gone={"k1", "k2"}, unreadable=broken)
    assert store.record_look(CAL, shown) == 1
    assert store.known(CAL) == {"k1": "1", "k2": "1"}


def test_an_unreadable_item_is_known_but_not_dirty(store: Store) -> None:
    """Invariant 9: one bad item stops nothing."""
    look(store, CAL, NOW, copy("k1"))
    clean_all(store, CAL)
    broken = (Unreadable("k1", "9", "line 7: no DTSTART"), Unreadable("k9", None, "not UTF-8"))
    assert store.record_look(CAL, Look(at=after(1), unreadable=broken)) == 2
    items = store.observed_many(CAL, ["k1", "k9", "k0"])
    assert {key: item.state for key, item in items.items()} == {
        "k1": "unreadable",
        "k9": "unreadable",
    }
    assert items["k1"].copy is not None
    assert items["k1"].copy.wire == copy("k1").wire
    assert items["k9"].copy is None
    assert dirty(store, CAL) == set()
    assert store.known(CAL) == {"k1": "9", "k9": None}
    assert store.record_look(CAL, Look(at=after(2), unreadable=broken)) == 0
    assert look(store, CAL, after(3), copy("k1")) == 1
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.state, item.dirty, item.before) == ("present", True, NOW)


def test_a_fetch_leaves_the_cursor(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"))
    clean_all(store, CAL)
    broken = [Unreadable("k3", None, "?")]
    assert store.record_fetch(CAL, after(5), [copy("k1", "2"), copy("k2")], ["k0"], broken) == 3
    state = store.channel_state(CAL)
    assert state is not None
    assert (state.cursor, state.looked) == (str(NOW), NOW)
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.at, item.before, item.dirty) == (after(5), NOW, True)


def test_a_look_keeps_whose_copy_it_is(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"))
    store.assign([(CAL, "k1", "a1", "20260302T090000")])
    look(store, CAL, after(1), copy("k1", "2"))
    look(store, CAL, after(2), gone=("k1",))
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.appointment, item.slot) == ("a1", "20260302T090000")


def test_unpaired_items(store: Store) -> None:
    look(store, CRM, NOW, copy("b"), copy("a"), copy("c"))
    look(store, CAL, NOW, copy("x"), copy("y"), copy("z"), copy("é"), copy("Z"))
    look(store, "other/cal", NOW, copy("o"))
    store.assign([(CRM, "c", "a1", "")])
    store.set_clean([(CAL, "z")])
    store.record_look(CAL, Look(at=after(1), gone={"y"}))
    found = [(item.channel, item.key) for item in store.unpaired("sales")]
    assert found == [(CAL, "Z"), (CAL, "x"), (CAL, "é"), (CRM, "a"), (CRM, "b")]
    assert [item.key for item in store.pending_gone("sales")] == ["y"]
    store.drop_observed(CAL, ["y"])
    assert store.pending_gone("sales") == []
    assert store.observed(CAL, "y") is None
    store.unassign([(CRM, "c")])
    assert "c" in {item.key for item in store.unpaired("sales")}


def test_parked_items_wait(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"), copy("k2"))
    store.park(CAL, "k1", after(10))
    assert [item.key for item in store.unpaired("sales", after(9))] == ["k2"]
    assert [item.key for item in store.unpaired("sales", after(10))] == ["k1", "k2"]
    assert store.next_due("sales") == after(10)
    look(store, CAL, after(1), copy("k1", "2"))
    assert [item.key for item in store.unpaired("sales", after(2))] == ["k1", "k2"]


def test_a_change_of_configuration_makes_all_dirty(store: Store) -> None:
    look(store, CAL, NOW, copy("k1"), copy("k2"))
    look(store, CRM, NOW, copy("c1"))
    clean_all(store, CAL)
    clean_all(store, CRM)
    store.redirty(CAL)
    assert dirty(store, CAL) == {"k1", "k2"}
    assert dirty(store, CRM) == set()


def test_a_mended_mapping_rereads_observed_and_settled_copies(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("k1", appointment=visit("old"))})
    look(store, CAL, NOW, copy("bad", appointment=visit("bad")))
    clean_all(store, CAL)

    def read(key: str, version: str | None, wire: str) -> Copy:
        if key == "bad":
            raise Rejected("cannot be read")
        return copy(key, version, visit("new"), wire=wire, uid="new-uid")

    assert store.reread(CAL, read) == 2
    assert dirty(store, CAL) == set()
    (case,) = store.cases("sales", ["a1"])
    item = store.observed(CAL, "k1")
    assert item is not None
    assert item.copy is not None
    assert item.copy.reads == visit("new")
    assert [each.key for each in store.copies_by_uid("sales", ["new-uid"])] == ["k1"]
    assert case.agreement is not None
    now = case.agreement.copies["cal", ""]
    assert (now.copy.reads, now.asked) == (visit("new"), visit())
    bad = store.observed(CAL, "bad")
    assert bad is not None
    assert bad.copy == copy("bad", appointment=visit("bad"))


def test_rereading_keeps_what_was_asked(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})  # asked equals its reading
    store.reread(CAL, lambda key, version, wire: copy(key, version, visit("new"), wire=wire))
    (case,) = store.cases("sales", ["a1"])
    assert case.agreement is not None
    assert case.agreement.copies["cal", ""].asked == visit()


def test_look_ups_for_pairing(store: Store) -> None:
    long_uid = "UID-" + "é" * 5000
    look(
        store,
        CAL,
        NOW,
        copy("k1", uid="u1", marker=Marker("abc", "a1")),
        copy("k2", uid=long_uid, marker=Marker("abc", "a2", "20260101")),
    )
    look(store, CRM, NOW, copy("c1", uid="u1"))
    look(store, "other/cal", NOW, copy("o", uid="u1", marker=Marker("abc", "a1")))
    found = store.copies_by_uid("sales", {"u1", "u7"})
    assert [(item.channel, item.key) for item in found] == [(CAL, "k1"), (CRM, "c1")]
    (long,) = store.copies_by_uid("sales", [long_uid])
    assert long.copy is not None
    assert (long.key, long.copy.uid) == ("k2", long_uid)
    store.assign([(CAL, "k1", "a9", "")])
    assert store.others_marked(CAL, "a1") == {"k1"}
    assert store.others_marked(CAL, "a2") == store.others_marked(CRM, "a1") == frozenset()


def test_all_observed_walks_in_pieces(store: Store) -> None:
    keys = {f"k{number}é{chr(0x4E00 + number)}" for number in range(25)}
    look(store, CAL, NOW, *(copy(key) for key in keys))
    found = [item.key for item in store.all_observed(CAL, size=4)]
    assert len(found) == 25
    assert set(found) == keys


def test_text_that_databases_refuse_is_stored_all_the_same(store: Store) -> None:
    """Invariant 9: NUL, lone surrogates and our own escape, in every part of a copy."""
    odd = "a\x00b\ud800c\x01"
    found = Copy(odd, odd, "\x01" + odd, visit(odd), odd, Marker(odd, odd, odd), NOW)
    look(store, CAL, NOW, found)
    item = store.observed(CAL, odd)
    assert item is not None
    assert item.copy == found
    assert store.known(CAL) == {odd: odd}
    assert len(store.copies_by_uid("sales", [odd])) == 1
    look(store, CAL, after(1), gone=(odd,))
    assert store.known(CAL) == {}


def test_absurd_keys_and_markers_do_not_stop_a_look(store: Store) -> None:
    """Invariant 9: PostgreSQL cannot index them; the rest of the look is stored."""
    noise = "".join(chr(0x3400 + number * 7 % 20000) for number in range(3000))
    endless = copy("k2", uid=noise, marker=Marker("abc", noise))
    assert look(store, CAL, NOW, copy(noise), endless, copy("k1")) == 2
    assert store.known(CAL) == {"k1": "1", "k2": "1"}
    item = store.observed(CAL, "k2")
    assert item is not None
    assert item.copy is not None
    assert (item.copy.uid, item.copy.marker) == (noise, None)


def test_a_large_look(store: Store) -> None:
    many = [copy(f"k{number}", appointment=visit(f"拜访 {number}")) for number in range(2500)]
    assert look(store, CAL, NOW, *many) == 2500
    assert look(store, CAL, after(1), *many) == 0
    assert store.count_observed(CAL) == 2500
    assert len(store.observed_many(CAL, [each.key for each in many])) == 2500


def test_versionless_copies_are_compared_by_their_wire_form(store: Store) -> None:
    look(store, CAL, NOW, copy("k1", None, wire="one"))
    assert look(store, CAL, after(1), copy("k1", None, wire="one")) == 0
    assert look(store, CAL, after(2), copy("k1", None, wire="two")) == 1


def test_forgetting_a_channel(store: Store) -> None:
    """A channel that returns starts without agreements; the others are untouched."""
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1"), ("crm", ""): copy("c1")})
    store.doubt(CAL, "k1", ["a1"], "two fit", NOW)
    for name in (CAL, CRM):
        store.meta_set(f"contacted:{name}", "1")
    store.forget_channel(CAL)
    assert store.channel_state(CAL) is None
    assert (store.meta_get(f"contacted:{CAL}"), store.meta_get(f"contacted:{CRM}")) == (None, "1")
    assert store.known(CAL) == {}
    assert store.doubts() == []
    (case,) = store.cases("sales", ["a1"])
    assert case.agreement is not None
    assert set(case.agreement.copies) == {("crm", "")}
    assert set(case.views) == {("crm", "")}
    assert case.agreement.setters == agreed.setters
    assert case.agreement.gone == {"cal": agreed.copies["cal", ""].asked}
    assert [state.channel for state in store.channel_states()] == [CRM]


def test_facts(store: Store) -> None:
    assert store.meta_get("paused") is None
    store.meta_set("paused", "销售")
    store.meta_set("paused", "所有")
    assert store.meta_get("paused") == "所有"
    assert len(store.installation) == 8
    assert store.installation.isalnum()
    assert store.installation == store.installation.lower()


def test_times_before_1970_and_far_away(store: Store) -> None:
    from datetime import UTC

    early, late = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
    store.save_channel_state(ChannelState(CAL, looked=early, window_end=late))
    state = store.channel_state(CAL)
    assert state is not None
    assert (state.looked, state.window_end) == (early, late)


def test_occurrences_that_were_passed_on_to_another_series(store: Store) -> None:
    """By the mark that they bear; gone ones, too. What was duplicated as a whole is none."""
    marks = [Marker("abc", "a1", slot) for slot in ("20260301", "20260302", "20260303")]
    copies = [copy(f"k{n}", marker=mark) for n, mark in enumerate(marks)]
    look(store, CRM, NOW, *copies)
    joined = [("k0", "a1", marks[0].slot), ("k1", "a9", "20260402"), ("k2", "a8", "")]
    store.assign((CRM, *each) for each in joined)
    passed = {(CRM, "a1", "20260302"): ("a9", "20260402")}
    assert store.passed_on("sales", {"a1"}) == passed
    look(store, CRM, after(1), copies[0], copies[2])
    assert store.passed_on("sales", {"a1", "a9"}) == passed
    assert store.passed_on("sales", {"a9"}) == store.passed_on("other", {"a1"}) == {}


def test_what_was_passed_on_is_known_of_a_channel_that_returns(store: Store) -> None:
    """As long as the series lives to which it was passed on."""
    settled(store, "a9", NOW, {("crm", ""): copy("c9")})
    marks = [Marker("abc", "a1", slot) for slot in ("20260301", "20260302")]
    look(store, CAL, NOW, *(copy(f"k{n}", marker=mark) for n, mark in enumerate(marks)))
    store.assign([(CAL, "k0", "a9", "20260402"), (CAL, "k1", "a8", "20260403")])
    store.forget_channel(CAL)
    passed = {(CAL, "a1", "20260301"): ("a9", "20260402")}
    assert store.passed_on("sales", {"a1"}) == passed
    assert store.passed_on("sales", {"a9"}) == store.passed_on("sale", {"a1"}) == {}
    store.forget_channel(CAL)
    assert store.passed_on("sales", {"a1"}) == passed
    look(store, CAL, after(1), copy("k0", marker=marks[0]))
    store.assign([(CAL, "k0", "a7", "20260405")])
    assert store.passed_on("sales", {"a1"}) == {(CAL, "a1", "20260301"): ("a7", "20260405")}
