"""Existence: deletions, cancellations, absences, tombstones."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.channel import Cancelled, Filter, FilterMode
from syncd.core.model import Attendee, Person, Response, Status
from syncd.core.rules import Contest, ContestRule
from syncd.core.state import Kind, Operation, Order, Seen, Unseen
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.values import USUAL, VISIT, at, channel, rules


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_trace_20_a_deleted_coming_visit_is_cancelled() -> None:
    """Deleted in one calendar: the CRM keeps the record as cancelled, the other copy goes."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("cal")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}
    assert made.reads("crm").status is Status.CANCELLED
    assert made.agreements[made.only].before_cancel == "confirmed"
    assert not made.stones


def test_trace_20_a_channel_that_marks_keeps_its_copy() -> None:
    """The other calendar is configured to mark: its copy stays, cancelled."""
    made = settled_world("crm", "cal", channel("cal2", 2, cancelled=Cancelled.MARK))
    made.remove("cal")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert made.reads("cal2").status is Status.CANCELLED


def test_trace_20_taken_back_in_the_crm_it_returns() -> None:
    """The CRM sets the cancelled visit to confirmed again: the calendars get it back."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("cal")
    made.run()
    made.edit("crm", status=Status.CONFIRMED)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}


def test_trace_21_what_has_ended_is_not_cancelled_by_a_calendar() -> None:
    """A calendar purges last month's visits: only its own copies go."""
    past = replace(VISIT, when=at(1, 9))
    made = world("crm", "cal", "cal2")
    made.cycle()
    for number in range(5):
        made.add("crm", replace(past, title=f"Besuch {number}"))
    made.run()
    made.remotes["cal"].copies.clear()
    made.run()
    assert count(made) == {"crm": 5, "cal": 0, "cal2": 5}
    assert all(each.status is Status.CONFIRMED for each in made.all_reads("crm"))
    assert len(made.history(Kind.ABSENT)) == 5


def test_trace_21_a_completed_visit_is_not_cancelled_by_a_calendar() -> None:
    """The same for a coming appointment whose outcome has been written."""
    made = settled_world("crm", "cal", visit=replace(VISIT, status=Status.COMPLETED))
    made.remove("cal")
    made.run()
    assert made.reads("crm").status is Status.COMPLETED


def test_trace_21_moved_into_the_future_the_absence_ends() -> None:
    """The purged visit is taken up again at a later date: its calendar gets it back."""
    made = settled_world("crm", "cal", visit=replace(VISIT, when=at(1, 9)))
    made.remove("cal")
    made.run()
    made.edit("crm", when=at(20, 9))
    made.run()
    assert made.reads("cal").when == at(20, 9)


def test_trace_21_a_purged_copy_that_is_put_back_is_there_again() -> None:
    """Somebody restores the purged visit in her calendar: it joins by its UID, and when she later
    moves it into the future and deletes it, that is a deletion like any other."""
    made = settled_world("crm", "cal", visit=replace(VISIT, when=at(1, 9)))
    (copy,) = made.remotes["cal"].copies.values()
    made.remove("cal")
    made.run()
    made.remotes["cal"].put("restored", copy.reads, uid=copy.uid)
    made.run()
    assert not made.agreements[made.only].absent
    assert count(made) == {"crm": 1, "cal": 1}
    made.edit("cal", when=at(20, 9))
    made.run()
    made.remove("cal")
    made.run()
    assert made.reads("crm").status is Status.CANCELLED


def test_trace_22_deleted_and_moved_the_edit_wins() -> None:
    """The order is unknown: the visit stays, the copy comes back at the new time; recorded."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("cal")
    made.edit("crm", when=at(12, 9))
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert all(made.reads(name).when == at(12, 9) for name in made.remotes)
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {"cal": Status.CANCELLED, "crm": at(12, 9)}


def test_trace_22_an_edit_that_the_deleter_had_not_been_given() -> None:
    """Moved while the calendar was down and its owner deleted it: contested on its behalf."""
    made = settled_world("crm", "cal", "cal2")
    made.remotes["cal"].down = True
    made.edit("crm", when=at(12, 9))
    made.cycle()
    made.remove("cal")
    made.remotes["cal"].down = False
    made.run()
    assert made.reads("cal").when == at(12, 9)
    assert made.reads("crm").status is Status.CONFIRMED
    assert len(made.history(Kind.CONFLICT)) == 1


def test_trace_22_an_edit_long_before_the_deletion_does_not_hold_it() -> None:
    """What the calendar had been given when it deleted does not contest."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", when=at(12, 9))
    made.run()
    made.remove("cal")
    made.run()
    assert made.reads("crm").status is Status.CANCELLED


def test_trace_22_edited_before_it_was_deleted() -> None:
    """The edit's own time lies before the last look that still showed the copy: deleted, and the
    lost edit is on record."""
    made = settled_world("crm", "cal", "cal2")
    made.now += timedelta(minutes=1)
    made.edit("crm", stamp=True, when=at(12, 9))
    made.remotes["crm"].down = True
    made.cycle()
    made.remotes["crm"].down = False
    made.remove("cal")
    made.run()
    assert made.reads("crm").status is Status.CANCELLED
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}
    assert any(("crm", at(12, 9)) in r.claims for r in made.history())


@pytest.mark.parametrize("wish", [Contest.DELETE, Contest.EDIT, Contest.ASK])
def test_trace_22_by_rule(wish: Contest) -> None:
    """The rule for a deletion against an edit says who wins, or that a person is asked."""
    ruleset = rules(*USUAL.rules, ContestRule(name="contest", prefer=wish))
    made = settled_world("crm", "cal", "cal2", ruleset=ruleset)
    made.remove("cal")
    made.edit("crm", when=at(12, 9))
    made.run()
    status = Status.CANCELLED if wish is Contest.DELETE else Status.CONFIRMED
    assert made.reads("crm").status is status
    expected = {Contest.DELETE: 0, Contest.EDIT: 1, Contest.ASK: 0}[wish]
    assert count(made)["cal"] == expected
    assert (("status",) in made.agreements[made.only].open) == (wish is Contest.ASK)
    assert any(("crm", at(12, 9)) in r.claims and r.rule == "contest" for r in made.history())


@pytest.mark.parametrize("answer", [Status.CONFIRMED, Status.CANCELLED])
def test_trace_22_a_person_answers_whether_it_takes_place(answer: Status) -> None:
    """Asked about a deletion against an edit: confirmed, the copy comes back at the new time;
    cancelled, the others go."""
    ruleset = rules(*USUAL.rules, ContestRule(name="contest", prefer=Contest.ASK))
    made = settled_world("crm", "cal", "cal2", ruleset=ruleset)
    made.remove("cal")
    made.edit("crm", when=at(12, 9))
    made.run()
    made.order(Order("admin", made.now, {("status",): answer}))
    made.run()
    assert not made.agreements[made.only].open
    assert (made.reads("crm").when, made.reads("crm").status) == (at(12, 9), answer)
    here = 1 if answer is Status.CONFIRMED else 0
    assert count(made) == {"crm": 1, "cal": here, "cal2": here}


def test_trace_23_cancelled_and_moved() -> None:
    """Cancelling is contested like a deletion: it stays, at the new time, and is on record."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", status=Status.CANCELLED)
    made.edit("cal", when=at(12, 9))
    made.run()
    for name in made.remotes:
        held = made.reads(name)
        assert (held.when, held.status) == (at(12, 9), Status.CONFIRMED)
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {"crm": Status.CANCELLED, "cal": at(12, 9)}


def test_trace_23_by_rule_it_is_cancelled_at_the_old_time() -> None:
    """With the rule that deletions win, the move is dropped: never cancelled at the new time."""
    ruleset = rules(*USUAL.rules, ContestRule(name="contest", prefer=Contest.DELETE))
    made = settled_world("crm", "cal", ruleset=ruleset)
    made.edit("crm", status=Status.CANCELLED)
    made.edit("cal", when=at(12, 9))
    made.run()
    assert (made.reads("crm").when, made.reads("crm").status) == (VISIT.when, Status.CANCELLED)
    assert count(made)["cal"] == 0


def test_trace_24_a_deletion_stays_owed_where_it_failed() -> None:
    """Deleted in the CRM; one calendar confirms, one does not answer: nothing comes back."""
    made = settled_world("crm", "cal", "cal2", "cal3")
    made.remove("crm")
    made.fault("cal3", Fault.REFUSED, Fault.REFUSED)
    made.cycle()
    made.cycle()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 0, "cal3": 1}
    assert not made.stones
    made.run()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 0, "cal3": 0}
    assert len(made.stones) == 1
    assert not made.agreements


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.DEAD, Fault.TIMEOUT, Fault.LOST])
def test_trace_24_killed_while_it_deletes(fault: Fault) -> None:
    """The daemon dies in the middle of a deletion: it goes on, and nothing comes back."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("crm")
    made.fault("cal", fault)
    made.cycle()
    made.run(5)
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 0}
    assert not made.agreements
    assert len(made.stones) == 1


def _buried() -> World:
    made = settled_world("crm", "cal", "cal2")
    made.saved = dict(made.remotes["cal"].copies)  # type: ignore[attr-defined]  # for the phone
    made.remove("crm")
    made.run()
    made.now += timedelta(days=7)
    return made


def test_trace_25_a_phone_puts_a_deleted_event_back() -> None:
    """It meets the tombstone by its UID and is deleted again, never a second CRM record."""
    made = _buried()
    (copy,) = made.saved.values()  # type: ignore[attr-defined]  # see above
    made.remotes["cal"].put("phone", copy.reads, uid=copy.uid)
    made.run()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 0}


def test_trace_25_edited_after_the_deletion_it_lives_again() -> None:
    """Its own time of change is later than the deletion: contested, and the edit wins."""
    made = _buried()
    (copy,) = made.saved.values()  # type: ignore[attr-defined]  # see above
    made.remotes["cal"].put("phone", copy.reads, uid=copy.uid, modified=made.now)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert not made.stones


def test_trace_26_an_invitation_that_is_deleted_is_declined() -> None:
    """The organizer is outside: only her copy goes, her answer is that she does not come."""
    customer = Person("wang@kunde.example", "王")
    alice = channel("cal", 1, person="alice@example.com")
    made = world("crm", alice, "cal2", domains=frozenset({"example.com"}))
    made.cycle()
    invitation = replace(
        VISIT, organizer=customer, attendees=(Attendee("alice@example.com", "Alice"),)
    )
    made.add("cal", invitation, invited=True)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    made.remove("cal")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert made.reads("crm").status is Status.CONFIRMED
    answer = made.reads("crm").attendee("alice@example.com")
    assert answer is not None
    assert answer.response is Response.DECLINED


def test_over_an_invitation_the_organizer_outside_decides_time_and_place() -> None:
    """The CRM moves a customer's invitation: put back, recorded; the description is ours."""
    customer = Person("wang@kunde.example", "王")
    made = world("crm", "cal", domains=frozenset({"example.com"}))
    made.cycle()
    made.add("cal", replace(VISIT, organizer=customer), invited=True)
    made.run()
    made.edit("crm", when=at(12, 9), location="bei uns", description="内部备注")
    made.run()
    for name in made.remotes:
        held = made.reads(name)
        assert (held.when, held.location) == (VISIT.when, VISIT.location)
        assert held.description == "内部备注"
    assert {r.path for r in made.history(Kind.PUT_BACK)} == {("when",), ("location",)}
    made.edit("cal", when=at(13, 9))
    made.run()
    assert made.reads("crm").when == at(13, 9)


def test_trace_27_what_is_not_seen_is_not_deleted() -> None:
    """Page failed, permission lost, calendar renamed: nothing is deleted (invariant 4)."""
    made = settled_world("crm", "cal", "cal2")
    made.remotes["cal"].unlisted = True
    key = next(iter(made.remotes["cal"].copies))
    row = made.rows[("cal", key)]
    row.seen, row.dirty = Seen(Unseen("403"), made.now, made.now), True
    made.edit("crm", title="weiter")
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert not any(write.operation is Operation.DELETE for write in made.written)
    assert made.reads("cal2").title == "weiter"
    made.remotes["cal"].unlisted = False
    row.seen = Seen(Unseen("403"), made.now, made.now)
    made.run()
    assert made.reads("cal").title == "weiter"


def test_trace_28_out_of_the_window_and_back() -> None:
    """Moved beyond the window in a calendar, later back: the same appointment throughout."""
    made = settled_world("crm", "cal", "cal2")
    id = made.only
    far = replace(at(10, 10), start=at(10, 10).start.replace(year=2031))
    far = replace(far, end=far.start + timedelta(hours=1))
    made.edit("cal", when=far)
    made.run()
    assert made.reads("crm").when == far
    made.edit("cal", when=at(11, 10))
    made.run()
    assert made.only == id
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.reads("cal2").when == at(11, 10)


def test_trace_34_a_visit_handed_to_a_colleague_moves() -> None:
    """The CRM gives it from Alice to Bob: it leaves her calendar and enters his."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person="alice@example.com", holds=own)
    bob = channel("cal2", 2, person="bob@example.com", holds=own)
    visit = replace(VISIT, owner="alice@example.com")
    made = settled_world("crm", alice, bob, visit=visit)
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 0}
    made.edit("crm", owner="bob@example.com")
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert made.reads("crm").status is Status.CONFIRMED
    made.edit("crm", owner="alice@example.com")
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 0}


def test_trace_34_gone_where_it_belongs_no_more_is_no_cancellation() -> None:
    """Seen in one look after an old state was put in place: handed over in the CRM, and gone from
    Alice's calendar a while later. We had taken it away ourselves; Bob's does not answer."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person="alice@example.com", holds=own)
    bob = channel("cal2", 2, person="bob@example.com", holds=own)
    made = settled_world("crm", alice, bob, visit=replace(VISIT, owner="alice@example.com"))
    made.remotes["cal2"].down = True
    made.edit("crm", stamp=True, owner="bob@example.com")
    made.now += timedelta(minutes=5)
    made.looked["cal"] = made.now
    made.remove("cal")
    made.cycle()
    made.remotes["cal2"].down = False
    made.run()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert made.reads("crm").status is Status.CONFIRMED


def test_within_the_same_second_nobody_knows_who_was_first() -> None:
    """Systems tell whole seconds, rounded down: an edit that seems older may be the later one."""
    made = settled_world("crm", "cal", "cal2")
    start = made.now
    made.now = start + timedelta(seconds=9, microseconds=300_000)
    made.edit("crm", stamp=True, status=Status.CANCELLED)
    made.now = start + timedelta(seconds=9)  # at 9.7 s in truth
    made.edit("cal", stamp=True, title="doch")
    made.now = start + timedelta(minutes=1)
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {"doch"}
    assert {made.reads(name).status for name in made.remotes} == {Status.CONFIRMED}
