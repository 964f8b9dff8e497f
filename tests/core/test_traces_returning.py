"""Channels that leave the configuration and return."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.channel import Filter, FilterMode, Policy, Private
from syncd.core.model import Status, Visibility
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.values import USUAL, VISIT, at, channel, channels


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_trace_29_a_channel_that_returns_starts_without_agreements() -> None:
    """Taken out and back a month later: its stale copy is no edit, and is brought up to date."""
    made = settled_world("crm", "cal", "cal2")
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.edit("crm", title="einen Monat später", when=at(28, 10))
    made.run()
    assert made.reads("cal2").title == VISIT.title
    made.now += timedelta(days=3)
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    for name in made.remotes:
        assert (made.reads(name).title, made.reads(name).when) == ("einen Monat später", at(28, 10))
    assert {r.path for r in made.history(Kind.PUT_BACK)} == {("title",), ("when",)}


def test_trace_29_what_was_deleted_meanwhile_is_no_deletion() -> None:
    """Its copy was removed while it was out of the configuration: it is given a new one."""
    made = settled_world("crm", "cal", "cal2")
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.remove("cal2")
    made.run()
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.agreed().status is Status.CONFIRMED


def test_trace_29_of_two_with_our_mark_the_one_that_is_called_as_agreed_is_ours() -> None:
    """Invariant 2: a duplicate had taken the place of its original, which somebody puts back while
    the calendar is out of the configuration: that is another one, and keeps its title."""
    made = settled_world("crm", "cal", "cal2")
    remote = made.remotes["cal2"]
    (key, ours), id = remote.copies.popitem(), made.only
    double = replace(ours.reads, title="Kopie")
    remote.put("dup", double, uid="dup@cal2", marker=ours.marker)
    made.run()
    assert made.reads("crm").title == "Kopie"
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.cycle()
    remote.put(key, ours.reads, uid=ours.uid, marker=ours.marker)
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run(4)
    for name in made.remotes:
        assert {each.title for each in made.all_reads(name)} == {"Kopie", VISIT.title}, name
    assert made.rows["cal2", "dup"].id == id
    assert not made.history(Kind.PUT_BACK)


@pytest.mark.parametrize("died", [False, True], ids=["at once", "after a death"])
@pytest.mark.parametrize("marked", [True, False], ids=["ours", "hers"])
def test_trace_29_a_visit_handed_over_meanwhile_leaves_the_calendar_that_returns(
    marked: bool, died: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trace 34, one configuration later: our copy is no copy that she has put there. Nor is it
    where the daemon died between the first contact and the decision."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person="alice@example.com", holds=own)
    bob = channel("cal2", 2, person="bob@example.com", holds=own)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner="alice@example.com"))
    made.configure(Policy(channels("crm", bob), USUAL))
    if not marked:
        (key, copy), *_ = made.remotes["cal"].copies.items()
        made.remotes["cal"].copies[key] = replace(copy, marker=None)
    made.edit("crm", owner="bob@example.com")
    made.run()
    made.configure(Policy(channels("crm", alice, bob), USUAL))
    if died:
        monkeypatch.setattr("tests.core.harness.contacts_of", lambda world: frozenset())
    made.run()
    assert count(made) == {"crm": 1, "cal": 0 if marked else 1, "cal2": 1}


def test_trace_29_our_copy_is_ours_though_the_state_has_forgotten_its_appointment() -> None:
    """Its mark names nobody: what is made private then shows in no other calendar."""
    crm = channel("crm", 0, private=Private.STAY)
    made = settled_world(crm, "cal")
    made.configure(Policy(channels(crm), USUAL))
    made.lose_store()
    made.run()
    made.configure(Policy(channels(crm, "cal"), USUAL))
    made.run()
    assert count(made) == {"crm": 1, "cal": 1}
    assert made.reads("cal").title == VISIT.title
    made.edit("crm", visibility=Visibility.PRIVATE)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0}


def test_trace_29_what_is_deleted_elsewhere_meanwhile_has_not_moved_to_what_returns() -> None:
    """Invariant 4: our copy there is no newer than the deletion, and goes."""
    made = settled_world("crm", "cal", "cal2")
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.run()
    made.remove("cal")
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run()
    assert made.reads("crm").status is Status.CANCELLED
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}


@pytest.mark.parametrize(
    ("hours", "title", "lives"),
    [(2, VISIT.title, False), (2, "改期", True), (-2, "改期", False)],
    ids=["nothing was edited", "edited after it", "edited before it"],
)
def test_trace_29_a_clock_that_is_ahead_brings_nothing_back(
    hours: int, title: str, lives: bool
) -> None:
    """Invariant 4. The CRM deletes it just when a calendar leaves, whose clock says that its copy
    was written after that. An edit after it wins."""
    made = settled_world("crm", "cal", "cal2")
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.remove("crm")
    made.run()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 1}
    (key,) = made.remotes["cal2"].copies
    says = made.now + timedelta(hours=hours)
    made.remotes["cal2"].put(key, replace(made.reads("cal2"), title=title), modified=says)
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run()
    assert set(count(made).values()) == {int(lives)}


def test_trace_29_what_lives_again_has_what_its_copy_had_not_been_told_of() -> None:
    """Invariant 2: it is moved, and then deleted, while a calendar is out of the configuration, in
    which somebody renames it. That is all that she has set."""
    made = settled_world("crm", "cal", "cal2")
    made.configure(Policy(channels("crm", "cal"), USUAL))
    made.edit("crm", when=at(28, 10))
    made.run()
    made.remove("crm")
    made.run()
    (key,) = made.remotes["cal2"].copies
    renamed = replace(made.reads("cal2"), title="改期")
    made.remotes["cal2"].put(key, renamed, modified=made.now + timedelta(hours=1))
    made.now += timedelta(hours=2)
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.run()
    for name in made.remotes:
        assert (made.reads(name).title, made.reads(name).when) == ("改期", at(28, 10))
