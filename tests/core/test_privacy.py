"""``privacy = "busy"``: the channel is given the time only, and what somebody else put there keeps
its text. Nothing else than the time is read there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.channel import Cancelled, Direction, Privacy, Private
from syncd.core.model import Appointment, Override, Recurrence, Status, Visibility
from syncd.core.state import Kind
from tests.core.guests import BOB, MEETING, before, company, invite, kept
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.values import VISIT, at, channel

DESCRIPTION = "Bring the contract 合同"
INVITATION = replace(MEETING, description=DESCRIPTION)
SERIES = replace(INVITATION, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
OWN_ROOM = Override((("location", "Raum 3"),))


def text(made: World, name: str) -> tuple[str, str, str]:
    """What a copy says besides its time."""
    reads = made.reads(name)
    return reads.title, reads.description, reads.location


TEXT = (INVITATION.title, DESCRIPTION, INVITATION.location)


@pytest.mark.parametrize("first", ["ours", "together", "over"])
def test_an_invitation_keeps_what_its_organizer_wrote(first: str) -> None:
    """Invariants 2 and 8: beside our copy, instead of one, or written over it by its server."""
    make = before if first == "together" else company
    made = make(INVITATION, privacy=Privacy.BUSY)
    key = "invitation"
    if first == "over":
        (key,) = kept(made)["cal2"]
        made.remotes["cal2"].put(key, INVITATION, marker=None)
    invite(made, INVITATION, key)
    made.run(4)
    assert kept(made)["cal2"] == [key]
    assert text(made, "cal2") == text(made, "crm") == TEXT
    assert not made.history(Kind.PUT_BACK, Kind.OVERWRITTEN, Kind.CONFLICT)


@pytest.mark.parametrize("lost", [True, False])
def test_its_time_follows_and_nothing_else(lost: bool) -> None:
    made = company(INVITATION, privacy=Privacy.BUSY)
    invite(made, INVITATION)
    made.run()
    if lost:
        made.lose_store()
        made.run()
    made.edit("crm", when=at(12, 9), title="umbenannt", attendees=(), status=Status.COMPLETED)
    made.run()
    assert (made.reads("cal2").when, text(made, "cal2")) == (at(12, 9), TEXT)
    assert made.reads("cal2").attendees == INVITATION.attendees
    assert made.reads("cal").title == "umbenannt"


def test_its_text_is_not_read_and_not_put_back() -> None:
    """What the vendor carries on to the guest is the guest's; the company hears of the time."""
    made = company(INVITATION, privacy=Privacy.BUSY)
    invite(made, INVITATION)
    made.run()
    made.edit("cal2", title="geheim", description="", when=at(12, 9))
    made.run()
    assert text(made, "cal2") == ("geheim", "", INVITATION.location)
    assert text(made, "crm") == TEXT
    assert made.reads("crm").when == at(12, 9)
    assert not made.history(Kind.PUT_BACK)


def test_occurrences_of_an_invitation_keep_theirs() -> None:
    """One has a room of its own there, another one is moved by the CRM, a third falls away."""
    made = company(SERIES, privacy=Privacy.BUSY)
    invite(made, replace(SERIES, overrides=(("20260317T100000", OWN_ROOM),)))
    made.run()
    moved, off = Override((("when", at(25, 14)), ("title", "x"))), Override(deleted=True)
    made.edit("crm", overrides=(("20260324T100000", moved), ("20260331T100000", off)))
    made.run()
    assert made.reads("cal2").overrides == (
        ("20260317T100000", OWN_ROOM),
        ("20260324T100000", Override((("when", at(25, 14)),))),
        ("20260331T100000", off),
    )
    assert text(made, "cal2") == TEXT


def test_a_private_meeting_keeps_its_text_in_the_invitation() -> None:
    """``private = "busy"`` is what we give; her guest was told the rest by the vendor."""
    private = replace(INVITATION, visibility=Visibility.PRIVATE)
    made = before(private)
    alices = replace(made.policy.channels["cal"], private=Private.BUSY)
    made.configure(replace(made.policy, channels={**made.policy.channels, "cal": alices}))
    invite(made, private)
    made.run()
    assert text(made, "cal2") == TEXT
    assert text(made, "crm") == ("Busy", "", "")


def test_cancelled_it_goes_or_is_marked_like_any_other() -> None:
    made = company(INVITATION, privacy=Privacy.BUSY)
    invite(made, INVITATION)
    made.run()
    made.edit("crm", status=Status.CANCELLED)
    made.run()
    assert kept(made)["cal2"] == []


def own(**more: object) -> World:
    """Bob's calendar alone, and the CRM."""
    bobs = channel("cal2", 1, person=BOB, privacy=Privacy.BUSY, **more)
    made = world("crm", bobs, domains=frozenset({"example.com"}))
    made.cycle()
    return made


def test_what_is_born_there_keeps_its_own_text() -> None:
    """Invariant 2: its person wrote it into a calendar of the own."""
    made = own()
    made.add("cal2", replace(VISIT, description=DESCRIPTION))
    made.run()
    assert text(made, "cal2") == (VISIT.title, DESCRIPTION, VISIT.location)
    made.edit("crm", title="CRM", when=at(12, 9))
    made.run()
    assert text(made, "cal2") == (VISIT.title, DESCRIPTION, VISIT.location)
    assert made.reads("cal2").when == at(12, 9)
    made.edit("cal2", title="anders", when=at(13, 9))
    made.run()
    assert (made.reads("cal2").title, made.reads("crm").title) == ("anders", "CRM")
    assert made.reads("crm").when == at(13, 9)
    assert not made.history(Kind.PUT_BACK)


def test_what_joins_at_first_contact_keeps_its_own_text() -> None:
    made = world("crm", channel("cal2", 1, person=BOB, privacy=Privacy.BUSY))
    made.add("crm", replace(VISIT, description=DESCRIPTION))
    made.add("cal2", replace(VISIT, location="Raum 3"))
    made.run()
    assert text(made, "cal2") == (VISIT.title, "", "Raum 3")
    assert text(made, "crm") == (VISIT.title, DESCRIPTION, VISIT.location)


@pytest.mark.parametrize("direction", [Direction.BOTH, Direction.TO])
def test_a_copy_of_ours_is_what_we_gave(direction: Direction) -> None:
    """There the text goes back to what it was, as ever."""
    made = world("crm", channel("cal2", 1, privacy=Privacy.BUSY, direction=direction))
    made.cycle()
    made.add("crm", VISIT)
    made.run()
    made.edit("cal2", title="neugierig")
    made.run()
    assert text(made, "cal2") == ("Busy", "", "")
    assert len(made.history(Kind.PUT_BACK)) == 1


@pytest.mark.parametrize("cancelled", list(Cancelled))
def test_an_occurrence_that_is_cancelled_takes_no_time(cancelled: Cancelled) -> None:
    """It goes, or is marked, there as everywhere."""
    busy = channel("cal2", 1, privacy=Privacy.BUSY, cancelled=cancelled)
    made = world("crm", busy)
    made.cycle()
    made.add("crm", SERIES)
    made.run()
    off = Override((("status", Status.CANCELLED),))
    made.edit("crm", overrides=(("20260324T100000", off),))
    made.run()
    expected = off if cancelled is Cancelled.MARK else Override(deleted=True)
    assert made.reads("cal2").overrides == (("20260324T100000", expected),)


@pytest.mark.parametrize("private", [Private.STAY, Private.BUSY])
@pytest.mark.parametrize("visit", [MEETING, SERIES])
def test_a_copy_is_ours_though_its_create_was_answered_as_stale(
    visit: Appointment, private: Private
) -> None:
    """What was made private later shows in no other calendar: a proxy had sent the create twice,
    and the answer to the second one was that it is there."""
    made = settled_world(channel("crm", 0, private=private), "cal")
    made.add("crm", replace(visit, title="体检"), "private")
    made.fault("cal", Fault.DOUBLED)
    made.run()
    assert "体检" in [copy.reads.title for copy in made.remotes["cal"].copies.values()]
    made.edit("crm", "private", visibility=Visibility.PRIVATE)
    made.run()
    shown = [copy.reads.title for copy in made.remotes["cal"].copies.values()]
    assert "体检" not in shown
    assert len(shown) == 1 + (private is Private.BUSY)
