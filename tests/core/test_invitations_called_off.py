"""An invitation that is first seen when its organizer has called it off: nobody drives there.

Where a mailbox keeps it, marked; Google's calendars just lose it, which may be a decline as well.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.channel import Filter, FilterMode
from syncd.core.model import Attendee, Person, Status
from syncd.core.state import Kind
from tests.core.guests import ALICE, BOB, MEETING, UID, company, invite
from tests.core.harness import World, world
from tests.core.values import channel

WANG = Person("wang@kunde.example", "王")
RECEPTION = replace(
    MEETING, organizer=WANG, attendees=(Attendee(ALICE), Attendee(BOB)), title="招待会 Empfang"
)
CALLED_OFF = replace(RECEPTION, status=Status.CANCELLED)


def reception(*, own: bool = True) -> World:
    """A customer has invited Alice, whose invitation is in the CRM, and in Bob's calendar as a
    copy of ours; unless that is only for what his calendar holds of ``own``."""
    made = world(
        "crm",
        channel("cal", 1, person=ALICE),
        channel("cal2", 2, person=BOB, **({} if own else {"holds": Filter(FilterMode.OWN)})),
        domains=frozenset({"example.com"}),
    )
    made.cycle()
    guests = RECEPTION.attendees if own else RECEPTION.attendees[:1]
    made.add("cal", replace(RECEPTION, attendees=guests), "alice's", uid=UID, invited=True)
    made.run()
    assert made.reads("crm").status is Status.CONFIRMED
    assert len(made.all_reads("cal2")) == own
    return made


@pytest.mark.parametrize("written", ["over ours", "beside ours"])
def test_the_organizer_calls_it_off_before_the_second_invitation_is_seen(written: str) -> None:
    made = reception()
    key = next(iter(made.remotes["cal2"].copies)) if written == "over ours" else "invitation"
    made.remove("cal", "alice's")
    if written == "over ours":
        del made.remotes["cal2"].copies[key]
    invite(made, CALLED_OFF, key)
    made.run(4)
    assert made.reads("crm").status is Status.CANCELLED
    assert not [each for each in made.all_reads("cal2") if each.status is not Status.CANCELLED]
    assert [r.winner for r in made.history(Kind.SET) if r.path == ("status",)] == ["cal2"]


def test_the_other_invitation_stands() -> None:
    """Only Bob was taken off the list: his invitation says so in the same words."""
    made = reception()
    invite(made, CALLED_OFF)
    made.run(4)
    assert made.reads("crm").status is Status.CONFIRMED
    assert made.reads("cal", "alice's").status is Status.CONFIRMED


def test_a_colleagues_own_meeting_stands() -> None:
    """Alice took Bob off the list of her meeting."""
    made = company()
    invite(made, replace(MEETING, status=Status.CANCELLED))
    made.run(4)
    assert made.reads("crm").status is Status.CONFIRMED
    assert made.reads("cal").status is Status.CONFIRMED


def test_somebody_has_changed_it_meanwhile() -> None:
    """The rule for deletions against edits decides, as for any cancellation. Invariant 2."""
    made = reception()
    made.remove("cal", "alice's")
    made.edit("crm", description="Anfahrt 地铁二号线")
    invite(made, CALLED_OFF)
    made.run(4)
    assert made.reads("crm").status is Status.CONFIRMED
    assert [r.path for r in made.history(Kind.CONFLICT)]


def test_what_is_cancelled_and_no_invitation_joins_as_before() -> None:
    """A copy that somebody put there says nothing of the meeting."""
    made = reception(own=False)
    made.remotes["cal2"].put("other", CALLED_OFF, uid=UID)
    made.run(4)
    assert made.reads("crm").status is Status.CONFIRMED


def test_where_there_was_no_copy_of_ours() -> None:
    made = reception(own=False)
    made.remove("cal", "alice's")
    invite(made, CALLED_OFF)
    made.run(4)
    assert made.reads("crm").status is Status.CANCELLED
