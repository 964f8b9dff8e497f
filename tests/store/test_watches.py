"""Watches come back from either database as they were stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.connector import Watch
from syncd.store import Former, Kept, Store

NOW = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
WATCH = Watch("wach-看-1", "resource/+=", NOW + timedelta(days=7))
KEPT = Kept("sales/alice", "google", "王芳的日历", "alice@example.com", "https://a/hooks/g", NOW)
OPEN = replace(KEPT, watch=WATCH, digests=("ab", "cd"), told=NOW, failures=2, error="nein 不")


def test_what_is_stored_comes_back(store: Store) -> None:
    other = replace(KEPT, channel="sales/bob")
    store.save_watch(other)
    store.save_watch(KEPT)
    assert store.watches() == [KEPT, other]
    store.save_watch(OPEN)
    assert store.watches() == [OPEN, other]


def test_when_we_were_told(store: Store) -> None:
    """Of channels that are not there nothing is kept."""
    store.save_watch(OPEN)
    later = NOW + timedelta(hours=1)
    store.told_of({"sales/alice": later, "sales/nobody": later})
    assert store.watches() == [replace(OPEN, told=later)]


def test_a_watch_that_another_one_follows_is_to_be_ended(store: Store) -> None:
    store.save_watch(OPEN)
    former = Former("google", "王芳的日历", "alice@example.com", WATCH)
    assert OPEN.former() == former
    fresh = replace(OPEN, watch=replace(WATCH, id="second"))
    store.save_watch(fresh, former)
    assert store.watches() == [fresh]
    assert store.former_watches() == [former]
    store.forget_former(former)
    store.forget_former(former)
    assert store.former_watches() == []


def test_channels_that_are_parted_with(store: Store) -> None:
    """One without a watch leaves nothing to be ended; a thousand leave a thousand."""
    many = [
        replace(OPEN, channel=f"sales/{n:04}", watch=replace(WATCH, id=f"w{n}"))
        for n in range(1200)
    ]
    for each in (*many, KEPT):
        store.save_watch(each)
    store.part_with([*many[:1000], KEPT])
    assert store.watches() == many[1000:]
    assert {each.watch.id for each in store.former_watches()} == {f"w{n}" for n in range(1000)}


def test_whether_it_stands() -> None:
    assert OPEN.is_open(NOW)
    assert not OPEN.is_open(WATCH.expires)
    assert not KEPT.is_open(NOW)
    assert KEPT.former() is None
