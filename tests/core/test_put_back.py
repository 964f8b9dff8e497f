"""What a phone that was away puts back: by its old UID, our marker and all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.channel import Cancelled, Filter, FilterMode
from syncd.core.existence import MOVED_RULE
from syncd.core.model import Appointment, Attendee, Customer, Recurrence, Status
from syncd.core.state import Copy, Kind
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.values import VISIT, at, channel

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


def _put_back(made: World, copy: Copy, name: str = "cal", **more: object) -> None:
    """A phone puts the copy back, changed a moment ago."""
    remote = made.remotes[name]
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


def test_what_stood_beside_a_copy_that_has_left_stays() -> None:
    """Invariant 2. She duplicated it, and nobody saw that before it was handed over: the duplicate
    has a UID and a title of its own, and is hers."""
    own = Filter(FilterMode.OWN)
    alice, bob = channel("cal", 1, person=ALICE, holds=own), channel("cal2", 2, person=BOB)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner=ALICE))
    remote = made.remotes["cal"]
    (copy,) = remote.copies.values()
    remote.put("twin", replace(copy.reads, title="另一个"), marker=copy.marker, uid="twin@phone")
    remote.unlisted = True
    made.edit("crm", owner=BOB)
    made.cycle()
    assert set(remote.copies) == {"twin"}
    remote.unlisted = False
    made.run(5)
    assert [each.title for each in made.all_reads("cal")] == ["另一个"]
    assert {each.title: each.owner for each in made.all_reads("crm")} == {
        VISIT.title: BOB,
        "另一个": ALICE,
    }


def test_what_comes_after_it_has_left_did_not_stand_beside_it() -> None:
    """Her phone puts it back under a UID of its own, edited, when it was seen that nothing is
    there: it goes again, and what it said is on record."""
    made, copy = _handed_over()
    edited = replace(copy.reads, title="Müller fragt nach 报价")
    made.remotes["cal"].put("phone", edited, marker=copy.marker, uid="phone@vendor")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert len(made.history(Kind.PUT_BACK)) == 1


@pytest.mark.parametrize("same", [True, False], ids=["one look", "a look later"])
def test_a_copy_that_is_moved_to_a_colleagues_calendar_is_not_deleted(same: bool) -> None:
    """Invariant 1. By herself; or by us, and then an older state was put in place, which knows
    it in her calendar. Whoever deletes it when the other one was seen already does delete it."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person=ALICE, holds=own)
    bob = channel("cal2", 2, person=BOB, holds=own)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner=ALICE))
    (copy,) = made.remotes["cal"].copies.values()
    _put_back(made, copy, "cal2")
    if not same:
        made.run()
    made.remove("cal")
    made.run(5)
    stands = made.reads("crm").status is VISIT.status
    assert stands == same
    assert count(made)["cal"] == same
    assert [each.rule for each in made.history(Kind.PUT_BACK)] == [MOVED_RULE] * same


def test_an_invitation_to_what_has_left_stays() -> None:
    """The customer invites her after all, by an address that nobody knows: that is no old copy."""
    made, copy = _handed_over()
    _put_back(made, copy, marker=None, invited=True)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}


FULL = replace(
    VISIT,
    title="Besuch bei Müller GmbH 王先生",
    owner=ALICE,
    customer=Customer("Kunde AG", "+49 30 1", "wang@kunde.example"),
)


def _buried(*names: str, visit: Appointment = FULL) -> tuple[World, Copy]:
    """A visit that was deleted in the first channel; the copy that has gone from the last."""
    made = settled_world(*names, visit=visit)
    (copy,) = made.remotes[names[-1]].copies.values()
    made.remove(names[0])
    made.run()
    assert set(count(made).values()) == {0}
    made.now += timedelta(days=7)
    return made, copy


def test_trace_25_what_lives_again_is_all_of_it() -> None:
    """Invariant 8: it comes back by a calendar that knows neither owner nor customer, and cuts
    the title. The new CRM record has all three, and who had them."""
    made, copy = _buried("crm", "cal", "short")
    _put_back(made, copy, "short")
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "short": 1}
    assert made.reads("crm") == FULL
    assert made.reads("cal").title == FULL.title
    (told,) = made.history(Kind.RESTORED)
    assert (told.winner, told.rule) == ("short", "built-in: the edit after the deletion wins")


def test_trace_25_what_the_phone_says_differently_is_an_edit() -> None:
    """Its new time goes everywhere, with the time before on record; a word in the shortened title
    is applied to the full one."""
    made, copy = _buried("crm", "short")
    edited = replace(copy.reads, title="Demo bei M", when=at(12, 9))
    _put_back(made, replace(copy, reads=edited), "short")
    made.run()
    assert made.reads("crm") == replace(FULL, title="Demo bei Müller GmbH 王先生", when=at(12, 9))
    (moved,) = [each for each in made.history(Kind.SET) if each.path == ("when",)]
    assert (moved.before, moved.value) == (FULL.when, at(12, 9))


def test_what_the_record_had_not_been_given_is_no_edit_of_who_puts_it_back() -> None:
    """Invariant 2. A guest was added in the calendar, the CRM took no writes, and the record was
    deleted. It comes back without the guest, whom nobody has taken off."""
    made = settled_world("crm", "cal", born="cal")
    (record,) = made.remotes["crm"].copies.values()
    made.remotes["crm"].faults.extend([Fault.REFUSED] * 9)
    made.edit("cal", attendees=(*VISIT.attendees, Attendee("gast@kunde.example")))
    made.cycle()
    made.now += timedelta(minutes=5)
    made.cycle()
    made.remotes["crm"].faults.clear()
    made.now += timedelta(minutes=5)
    made.remove("crm")
    made.run()
    assert count(made) == {"crm": 0, "cal": 0}
    _put_back(made, record, "crm")
    made.run()
    assert count(made) == {"crm": 1, "cal": 1}
    guests = {guest.email for guest in made.reads("crm").attendees}
    assert guests == {*(each.email for each in VISIT.attendees), "gast@kunde.example"}


def test_a_title_that_a_copy_never_had_makes_no_duplicate_of_it() -> None:
    """Invariant 3. Cancelled and renamed in the CRM at once; her phone puts the copy back under a
    UID of its own, called as it was."""
    made, copy = _of_alice()
    made.edit("crm", status=Status.CANCELLED, title="Müller sagt ab")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}
    made.remotes["cal"].put("phone", copy.reads, marker=copy.marker, uid="phone@vendor")
    made.run()
    assert count(made)["crm"] == 1


def test_what_was_cancelled_and_buried_takes_place_again() -> None:
    """Two calendars without a CRM: deleted in one, so cancelled, so gone from both."""
    made, copy = _buried("cal", "cal2", visit=VISIT)
    _put_back(made, copy, "cal2")
    made.run()
    assert count(made) == {"cal": 1, "cal2": 1}
    assert made.reads("cal").status is Status.CONFIRMED


def test_who_puts_it_back_takes_part() -> None:
    """Handed from Alice to Bob, then deleted; Alice's phone puts it back: it is Bob's, with her."""
    made, copy = _handed_over()
    made.remove("crm")
    made.run()
    _put_back(made, copy)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.reads("crm").owner == BOB
    assert made.reads("crm").attendees == (Attendee(ALICE),)


def test_a_row_of_a_deleted_series_does_not_bring_back_all_of_it() -> None:
    """One occurrence is put back where there are no series: that one lives again."""
    series = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))
    made = settled_world("crm", "rows", visit=series)
    row = next(iter(made.remotes["rows"].copies.values()))
    made.remove("crm")
    made.run()
    _put_back(made, row, "rows")
    made.run()
    assert count(made) == {"crm": 1, "rows": 1}
    assert made.reads("crm").recurrence is None


MARK = Cancelled.MARK


def _of_alice(cancelled: Cancelled = Cancelled.REMOVE) -> tuple[World, Copy]:
    """A visit of Alice's, and her copy; Bob has a calendar, too."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person=ALICE, holds=own, cancelled=cancelled)
    bob = channel("cal2", 2, person=BOB, holds=own, cancelled=cancelled)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner=ALICE))
    (copy,) = made.remotes["cal"].copies.values()
    return made, copy


def _cancelled_in(made: World, name: str) -> None:
    if name == "crm":
        made.edit("crm", status=Status.CANCELLED)
    else:
        made.remove(name)
    made.run()
    assert made.reads("crm").status is Status.CANCELLED


@pytest.mark.parametrize(
    ("name", "cancelled"), [("crm", Cancelled.REMOVE), ("cal", Cancelled.REMOVE), ("cal", MARK)]
)
def test_a_copy_from_before_a_cancellation_is_put_back(name: str, cancelled: Cancelled) -> None:
    """Invariant 4. Alice's visit was cancelled, and takes place after all as Bob's: the copy that
    her phone puts back is no copy of her own making, and goes again."""
    made, copy = _of_alice(cancelled)
    _cancelled_in(made, name)
    assert count(made)["cal"] == 0
    made.now += timedelta(days=1)
    made.run()
    made.edit("crm", status=Status.CONFIRMED, owner=BOB)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    _put_back(made, copy)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}


@pytest.mark.parametrize("name", ["crm", "cal"])
@pytest.mark.parametrize("cancelled", list(Cancelled))
def test_what_takes_place_after_all_reaches_who_it_belongs_to(
    name: str, cancelled: Cancelled
) -> None:
    """Invariant 1. It was cancelled, given to Bob, given back, and is on again: Alice has it."""
    made, _ = _of_alice(cancelled)
    _cancelled_in(made, name)
    for owner in (BOB, ALICE):
        made.edit("crm", owner=owner)
        made.run()
    made.edit("crm", status=Status.CONFIRMED)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 0}
    assert made.reads("cal").status is Status.CONFIRMED


def test_a_copy_from_before_a_deletion_is_put_back() -> None:
    """Invariant 4. Deleted in the CRM, which Bob's calendar does not hear of; there Alice is taken
    off meanwhile, and the edit wins. Her phone's old copy goes again."""
    own = Filter(FilterMode.OWN)
    alice, bob = channel("cal", 1, person=ALICE, holds=own), channel("cal2", 2)
    visit = replace(VISIT, attendees=(Attendee(ALICE), Attendee(BOB)))
    made = settled_world("crm", alice, bob, visit=visit)
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal2"].down = True
    made.remove("crm")
    made.cycle()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 1}
    made.remotes["cal2"].down = False
    made.edit("cal2", attendees=(Attendee(BOB),))
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    _put_back(made, copy)
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}


def test_what_is_put_back_after_the_end_and_says_something_else_is_on_record() -> None:
    """Invariant 2. It goes again, and the time that somebody had given it is in the history."""
    world = settled_world("crm", "cal", "cal2")
    (copy,) = world.remotes["cal2"].copies.values()
    world.remove("cal")
    world.run()
    assert not world.remotes["cal2"].copies
    moved = replace(copy.reads, when=at(12, 9))
    world.remotes["cal2"].put("again", moved, marker=copy.marker, uid=copy.uid)
    world.run()
    assert not world.remotes["cal2"].copies
    (record,) = world.history(Kind.PUT_BACK)
    assert record.claims == (("cal2", at(12, 9)),)
