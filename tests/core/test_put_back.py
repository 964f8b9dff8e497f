"""What a phone that was away puts back: by its old UID, our marker and all."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.channel import Filter, FilterMode
from syncd.core.state import Copy, Kind
from tests.core.harness import World, settled_world
from tests.core.values import VISIT, channel

ALICE, BOB = "alice@example.com", "bob@example.com"


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def _handed_over() -> tuple[World, Copy]:
    """A visit that the CRM gave from Alice to Bob; the copy that has left her calendar."""
    own = Filter(FilterMode.OWN)
    alice, bob = channel("cal", 1, person=ALICE, holds=own), channel("cal2", 2, person=BOB)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner=ALICE))
    (copy,) = made.remotes["cal"].copies.values()
    made.edit("crm", owner=BOB)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    return made, copy


def _put_back(made: World, copy: Copy, **more: object) -> None:
    """Her phone puts the copy back, changed a moment ago."""
    remote = made.remotes["cal"]
    remote.put("phone", copy.reads, uid=copy.uid, marker=copy.marker, modified=made.now)
    if more:
        remote.put("phone", remote.copies["phone"].reads, **more)


def test_trace_34_a_copy_that_has_left_is_put_back() -> None:
    """Her phone puts it back as it was: it is no more hers than before, and goes again."""
    made, copy = _handed_over()
    _put_back(made, copy)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert not made.history(Kind.PUT_BACK)


def test_a_copy_that_has_left_is_put_back_and_says_something_else() -> None:
    """Invariant 2: what she wrote into it goes with it, and is on record with both values."""
    made, copy = _handed_over()
    _put_back(made, replace(copy, reads=replace(copy.reads, title="Müller fragt nach 报价")))
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    (told,) = made.history(Kind.PUT_BACK)
    assert (told.value, told.claims) == (VISIT.title, (("cal", "Müller fragt nach 报价"),))


def test_an_invitation_to_what_has_left_stays() -> None:
    """The customer invites her after all, by an address that nobody knows: that is no old copy."""
    made, copy = _handed_over()
    _put_back(made, copy, marker=None, invited=True)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
