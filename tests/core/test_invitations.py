"""The vendor's own invitation, where a copy of ours is already: it takes the place of ours.

Alice invites Bob. Her meeting is seen first and copied to his calendar; then the vendor's own
invitation comes there, under the UID of hers.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.channel import Direction, Filter, FilterMode, OnExit
from syncd.core.marks import Unpaired
from syncd.core.model import Attendee, Recurrence, Response, Status
from syncd.core.pair import pair
from syncd.core.safety import INVITED, Census, Limits, refuse
from syncd.core.state import (
    WHOLE,
    Kind,
    Operation,
    Plan,
    Present,
    Seen,
    Write,
)
from tests.core.guests import BOB, MEETING, before, company, invite, kept, one_meeting
from tests.core.lookup import known_of
from tests.core.remote import Fault
from tests.core.values import CALDAV, at, channel


def test_it_takes_the_place_of_our_copy() -> None:
    """Invariants 3 and 6: ours goes, and nothing else is written."""
    made = company()
    invite(made)
    made.run()
    one_meeting(made)
    assert [(w.channel, w.operation) for w in made.written] == [("cal2", Operation.DELETE)]
    assert [(r.kind, r.winner) for r in made.history()] == [(Kind.REPLACED, "cal2")]


def test_our_copy_was_to_go_with_a_cancellation() -> None:
    """It takes place after all when the invitation comes: that ours went for it is said."""
    made = company()
    made.remotes["cal2"].down = True
    made.edit("crm", status=Status.CANCELLED)
    made.cycle()
    made.remotes["cal2"].down = False
    invite(made)
    made.edit("crm", status=Status.CONFIRMED)
    made.run()
    assert len(kept(made)["cal2"]) == 1
    assert [r.winner for r in made.history(Kind.REPLACED)] == ["cal2"]


def test_it_comes_together_with_the_organizers() -> None:
    """Nothing of ours was there: it joins."""
    made = before()
    invite(made)
    made.run()
    one_meeting(made)
    assert not [w for w in made.written if w.channel == "cal2"]


def test_where_there_is_no_copy_of_ours() -> None:
    """Bob's calendar holds what he takes part in, and nobody had said that he does."""
    made = company(replace(MEETING, attendees=()), holds=Filter(FilterMode.OWN))
    assert kept(made)["cal2"] == []
    invite(made)
    made.run()
    one_meeting(made)
    assert not made.history(Kind.REPLACED)


def test_where_our_copy_was_kept_that_is_no_longer_held() -> None:
    """It goes all the same: the invitation is there whatever is configured for copies of ours."""
    made = company(holds=Filter(FilterMode.OWN), on_exit=OnExit.KEEP)
    made.edit("crm", attendees=())
    made.run()
    assert len(kept(made)["cal2"]) == 1
    invite(made, replace(MEETING, attendees=()))
    made.run()
    one_meeting(made)


def test_where_others_take_part() -> None:
    """The same, with a customer among those who do; Alice's own list follows."""
    customer = Attendee("wang@kunde.example", "王")
    made = company(replace(MEETING, attendees=(customer,)), holds=Filter(FilterMode.OWN))
    assert kept(made)["cal2"] == []
    both = replace(MEETING, attendees=(*MEETING.attendees, customer))
    invite(made, both)
    made.run()
    made.edit("cal", attendees=both.attendees)
    made.run()
    one_meeting(made)


@pytest.mark.parametrize("seen", [True, False])
def test_the_organizer_moves_it(seen: bool) -> None:
    """Before our copy has gone, or when all is settled: the vendor moves both."""
    made = company()
    invite(made)
    if seen:
        made.run()
    else:
        made.fault("cal2", Fault.REFUSED)
        made.cycle()
    made.edit("cal", when=at(12, 9), location="München")
    made.edit("cal2", "invitation", when=at(12, 9), location="München")
    made.run(4)
    one_meeting(made)
    assert (made.agreed().when, made.agreed().location) == (at(12, 9), "München")


def test_it_was_moved_meanwhile() -> None:
    """Both calendars show another time by then: it is the organizer's edit."""
    made = company()
    made.edit("cal", when=at(12, 9))
    invite(made, replace(MEETING, when=at(12, 9)))
    made.run(4)
    one_meeting(made)
    assert made.agreed().when == at(12, 9)


def test_the_guest_declines_it() -> None:
    """Only his goes: it takes place, as the organizer's own copy says."""
    made = company()
    invite(made)
    made.run()
    made.remove("cal2")
    made.run()
    assert {name: len(keys) for name, keys in kept(made).items()} == {"crm": 1, "cal": 1, "cal2": 0}
    assert made.agreed().status is Status.CONFIRMED
    answer = made.reads("crm").attendee(BOB)
    assert answer is not None
    assert answer.response is Response.DECLINED
    made.edit("cal", when=at(12, 9))
    made.run()
    assert (kept(made)["cal2"], made.reads("crm").when) == ([], at(12, 9))


def test_the_organizer_calls_it_off() -> None:
    """Both are gone in one look: no answer of the guest's, but the end of it."""
    made = company()
    invite(made)
    made.run()
    made.remove("cal")
    made.remove("cal2")
    made.run()
    assert made.reads("crm").status is Status.CANCELLED
    answer = made.reads("crm").attendee(BOB)
    assert answer is not None
    assert answer.response is Response.NONE


def test_the_guest_edits_our_copy_before_it_goes() -> None:
    """Invariant 2: seen with the invitation, or made while we delete."""
    made = company()
    invite(made)
    (ours,) = (key for key in made.remotes["cal2"].copies if key != "invitation")
    made.edit("cal2", ours, location="大堂")
    made.remotes["cal2"].before_write.append(
        lambda: made.edit("cal2", ours, description="带上合同")
    )
    made.run(4)
    one_meeting(made)
    assert (made.agreed().location, made.agreed().description) == ("大堂", "带上合同")


def test_the_guest_takes_ours_away_himself() -> None:
    """He sees the meeting twice and deletes one: nothing is called off."""
    made = company()
    invite(made)
    made.remove("cal2")  # ours, the first
    made.run()
    one_meeting(made)
    assert not made.history(Kind.SET, Kind.DELETED, Kind.CONFLICT)
    assert len(made.history(Kind.REPLACED)) == 1


def test_he_takes_it_away_while_our_deletion_fails() -> None:
    """The same, after it had been decided that ours goes."""
    made = company()
    invite(made)
    made.fault("cal2", Fault.REFUSED)
    made.cycle()
    made.remove("cal2")
    made.run()
    one_meeting(made)
    assert not made.history(Kind.SET, Kind.DELETED, Kind.CONFLICT)
    assert len(made.history(Kind.REPLACED)) == 1


def test_it_is_written_over_our_copy() -> None:
    """A server that keeps one item for each UID: what it left out was not taken out by Bob."""
    made = company(replace(MEETING, tags=frozenset({"大客户"})))
    (ours,) = kept(made)["cal2"]
    invite(made, key=ours)
    made.remotes["cal2"].copies[ours] = replace(made.remotes["cal2"].copies[ours], marker=None)
    made.run()
    assert {name: len(keys) for name, keys in kept(made).items()} == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.agreed().tags == {"大客户"}
    assert made.reads("cal2").tags == {"大客户"}
    settled = made.agreements[made.only].copies[("cal2", WHOLE)]
    assert (settled.copy.invited, settled.ours) == (True, False)
    assert len(made.history(Kind.REPLACED)) == 1
    made.remove("cal2")
    made.run()
    assert made.agreed().status is Status.CONFIRMED


def test_our_copy_was_cancelled_before_it_was_written_over() -> None:
    """Invariant 2: an invitation joins, so what differs in it is put back, and on record."""
    made = company()
    (ours,) = kept(made)["cal2"]
    invite(made, replace(MEETING, status=Status.CANCELLED), key=ours)
    made.remotes["cal2"].copies[ours] = replace(made.remotes["cal2"].copies[ours], marker=None)
    made.run()
    assert {made.reads(name).status for name in made.remotes} == {Status.CONFIRMED}
    (record,) = made.history(Kind.PUT_BACK)
    assert (record.path, record.claims) == (("status",), (("cal2", Status.CANCELLED),))


def test_a_series_for_which_single_occurrences_stand() -> None:
    """Bob's vendor has no form for it that we may write, but its invitation is there."""
    weekly = replace(MEETING, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))
    picky = replace(CALDAV, series=lambda held: held.title.startswith("!"))
    made = company(weekly, fidelity=picky)
    assert len(kept(made)["cal2"]) == 3
    made.remotes["cal2"].channel = channel("cal2", 2, fidelity=CALDAV)  # the vendor itself can
    invite(made, weekly)
    made.run(5)
    assert kept(made)["cal2"] == ["invitation"]
    assert len(kept(made)["crm"]) == 1


def test_an_invitation_to_one_occurrence_replaces_no_series() -> None:
    """Under the UID of the series: the series stays where it is."""
    weekly = replace(MEETING, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))
    made = company(weekly)
    (ours,) = kept(made)["cal2"]
    invite(made)
    made.run(4)
    assert ours in kept(made)["cal2"]
    assert not made.history(Kind.REPLACED)


def test_a_duplicate_is_still_one() -> None:
    """What a person copied from ours is no invitation, and what is his own does not give way."""
    made = company()
    (ours,) = made.remotes["cal2"].copies.values()
    made.remotes["cal2"].put("dup", ours.reads, uid="dup@cal2", marker=ours.marker)
    made.run(4)
    assert len(made.agreements) == 2


def test_an_invitation_that_somebody_duplicated_is_another_meeting() -> None:
    """It bears our marker, but not the UID of what it was copied from."""
    made = company()
    (ours,) = made.remotes["cal2"].copies.values()
    made.remotes["cal2"].put("dup", MEETING, uid="dup@cal2", invited=True, marker=ours.marker)
    made.run(4)
    assert len(made.agreements) == 2
    assert not made.history(Kind.REPLACED)


@pytest.mark.parametrize(("title", "visits"), [("另一个", 2), (MEETING.title, 1)])
def test_ours_was_duplicated_and_written_over_while_its_calendar_was_away(
    title: str, visits: int
) -> None:
    """Trace 29, invariant 2. Of what bears our marker there, only what is called the same can be
    our copy, and give way."""
    made = company()
    policy, remote = made.policy, made.remotes["cal2"]
    others = {name: each for name, each in policy.channels.items() if name != "cal2"}
    made.configure(replace(policy, channels=others))
    made.cycle()
    (key, ours) = remote.copies.popitem()
    invite(made, key=key)
    double = replace(ours.reads, title=title)
    remote.put("dup", double, uid="dup@cal2", marker=ours.marker)
    made.configure(policy)
    made.run(5)
    for name in made.remotes:
        assert {each.title for each in made.all_reads(name)} == {title, MEETING.title}
        assert len(made.all_reads(name)) == visits, name


def test_it_comes_twice() -> None:
    """Invariant 3. A server doubled it, both waited for ours to go: one stands for the meeting, the
    other, of which nobody can tell whether it may go, waits for a person and has no record."""
    made = company()
    invite(made)
    invite(made, key="invitation 2")
    for _ in range(4):
        made.cycle()
    assert {name: len(keys) for name, keys in kept(made).items()} == {"crm": 1, "cal": 1, "cal2": 2}
    assert len(made.agreements) == 1
    assert [(doubt.key, doubt.candidates) for doubt in made.doubts] == [
        ("invitation 2", (made.only,))
    ]


def test_ours_was_duplicated_before_it_went() -> None:
    """Invariant 2. Nobody saw the duplicate in time; it is no moved copy of what gave way."""
    made = company()
    (ours,) = made.remotes["cal2"].copies.values()
    invite(made)
    made.remotes["cal2"].before_write.append(
        lambda: made.remotes["cal2"].put(
            "dup", replace(ours.reads, title="另一个"), uid="dup@cal2", marker=ours.marker
        )
    )
    made.run(5)
    for name in made.remotes:
        assert sorted(each.title for each in made.all_reads(name)) == ["另一个", MEETING.title]
    assert set(kept(made)["cal2"]) == {"invitation", "dup"}


def test_a_channel_that_is_only_read_keeps_both() -> None:
    """Nothing may be deleted there, and nothing is to be settled for it."""
    made = company()
    bobs = channel("cal2", 2, person=BOB, direction=Direction.FROM)
    made.configure(replace(made.policy, channels={**made.policy.channels, "cal2": bobs}))
    invite(made)
    for _ in range(4):
        made.cycle()
    assert len(kept(made)["cal2"]) == 2
    assert len(kept(made)["crm"]) == 1
    assert not made.written
    invitation = made.remotes["cal2"].copies["invitation"]
    late = Unpaired("cal2", invitation, Seen(Present(invitation), made.now), waited=True)
    found = pair([late], known_of(made), made.policy, made.moment(), lambda: "new")
    assert (found.late, found.invited) == ([("cal2", "invitation")], {})


def test_no_limit_counts_what_gives_way() -> None:
    """A dozen invitations at once are no disaster: nothing is less than it was."""
    write = Write("cal2", WHOLE, Operation.DELETE, reason=INVITED)
    plans = [Plan(f"a{n}", None, (write,)) for n in range(12)]
    census = Census({"cal2": 12}, {}, total=12)
    assert refuse(plans, census, Limits()) == []
