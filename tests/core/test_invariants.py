"""What must always hold, said of the pure core; the whole daemon is held to the same elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from syncd.core.channel import Direction, Policy, Privacy, Private
from syncd.core.model import Attendee, Recurrence, Status, Visibility
from syncd.core.rules import Rule
from syncd.core.settle import settle
from syncd.core.state import Absence, Gone, Kind, Operation, Seen, Unseen
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.values import CALDAV, USUAL, VISIT, at, channel, channels, prefer, rules

FULL = replace(VISIT, title="Visit Mueller GmbH & Söhne 客户拜访")


def copies(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_invariant_01_unequal_channels_agree_on_one_appointment() -> None:
    """Invariant 1: five channels of different fidelity, edited in all; two cycles, then silence."""
    made = settled_world("crm", "cal", "cal2", "short", "rows", visit=FULL)
    made.edit("crm", description="两行\n说明")
    made.edit("cal", when=at(11, 14, zone="Asia/Shanghai"))
    made.edit("cal2", location="Café 咖啡 ☕")
    made.edit("short", tags=frozenset({"vip"}))
    made.edit("rows", title="Neu: Visit Mueller GmbH")
    made.run(2)
    assert made.reads("short").title == "Neu: Visit M"
    assert made.reads("rows").when == at(11, 6)
    for name in ("crm", "cal", "cal2"):
        held = made.reads(name)
        assert (held.title, held.location) == ("Neu: Visit Mueller GmbH", "Café 咖啡 ☕")
        assert held.when == at(11, 14, zone="Asia/Shanghai")
    assert made.reads("crm").tags == {"vip"}


@pytest.mark.parametrize("fault", list(Fault))
def test_invariant_02_no_edit_is_lost_when_a_write_goes_wrong(fault: Fault) -> None:
    """Invariant 2: an edit that meets a contradicting edit and a failing write is on record."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", title="从CRM")
    made.edit("cal", title="vom Kalender")
    made.fault("cal", fault)
    made.cycle()
    made.edit("cal", title="noch einmal")
    made.run(4)
    claimed = {claim for record in made.history() for claim in record.claims}
    assert {("crm", "从CRM"), ("cal", "vom Kalender"), ("cal", "noch einmal")} <= claimed


def test_invariant_02_what_is_overwritten_while_an_intent_is_open_is_on_record() -> None:
    """Invariant 2: the version moved and the value did not, so it may be a person's; our write
    goes ahead, and what it wrote over is kept."""
    made = settled_world("crm", "cal")
    made.edit("crm", when=at(10, 11))
    made.fault("cal", Fault.DEAD)
    made.cycle()
    made.edit("cal", description="另外")
    made.run()
    (record,) = made.history(Kind.OVERWRITTEN)
    assert (record.path, record.claims) == (("when",), (("cal", VISIT.when),))
    assert made.reads("crm").description == "另外"


def test_invariant_02_going_back_to_what_a_stale_write_left_alone_is_an_edit() -> None:
    """Invariant 2: a write of the title never left; the guest whom the CRM then adds and removes
    again is not in it, and yet her removal is an edit."""
    guest = Attendee("wang@kunde.example", "王")
    made = settled_world("crm", "cal")
    made.edit("cal", title="neu")
    made.fault("crm", Fault.DEAD)
    made.cycle()
    made.edit("crm", attendees=(guest,))
    made.fault("crm", Fault.REFUSED)
    made.cycle()
    assert made.reads("cal").attendees == (guest,)
    made.edit("crm", attendees=())
    made.run()
    assert made.reads("crm").attendees == made.reads("cal").attendees == ()


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("times", [1, 3])
def test_invariant_03_creates_make_one_copy(fault: Fault, times: int) -> None:
    """Invariant 3: whatever becomes of the answers to a create, there is one copy."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add("cal")
    for name in ("crm", "cal2"):
        made.fault(name, *[fault] * times)
    for _ in range(times):
        made.cycle()
    made.run(4)
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 1}


def test_invariant_03_nothing_is_created_where_nobody_has_looked() -> None:
    """Invariant 3: a channel that has never answered may hold the appointment already."""
    made = world("crm", "cal")
    made.remotes["cal"].down = True
    made.add("crm")
    made.add("cal", VISIT, uid="u@x")
    made.cycle()
    assert made.written == []
    made.remotes["cal"].down = False
    made.run()
    assert copies(made) == {"crm": 1, "cal": 1}


def test_invariant_04_only_gone_deletes() -> None:
    """Invariant 4: no view, an unreadable copy, an empty look: nothing is deleted or created."""
    made = settled_world("crm", "cal", "cal2")
    for seen in (None, Seen(Unseen("unreadable"), made.now, made.now)):
        views = {place: seen for place in made.case(made.only).views if seen is not None}
        case = replace(made.case(made.only), views=views)
        plan = settle(case, made.policy, made.moment())
        assert plan.writes == ()
        assert plan.agreement is not None
        assert plan.agreement.copies.keys() == made.agreements[made.only].copies.keys()


def test_invariant_04_an_agreed_absence_is_not_filled() -> None:
    """Invariant 4: what a person removed and what cancelled nothing does not come back."""
    made = settled_world("crm", "cal", visit=replace(VISIT, when=at(1, 9)))
    made.remove("cal")
    made.run()
    assert isinstance(made.agreements[made.only].absent[("cal", "")], Absence)
    for title in ("一", "二"):
        made.edit("crm", title=title)
        made.run()
        assert copies(made)["cal"] == 0


def test_invariant_05_attendees_are_not_written_where_they_would_be_mailed() -> None:
    """Invariant 5: a channel that does not carry attendees is never asked to write any."""
    mute = channel("cal", 1, fidelity=replace(CALDAV, carries=CALDAV.carries - {"attendees"}))
    guest = Attendee("wang@kunde.example", "王")
    made = settled_world("crm", mute, visit=replace(VISIT, attendees=(guest,)))
    made.edit("crm", attendees=(guest, Attendee("li@kunde.example")), title="neu")
    made.run()
    assert all(not write.content.attendees for write in made.written if write.content)
    assert made.reads("crm").attendees[1] == guest
    assert made.reads("cal").title == "neu"


def test_invariant_06_our_copy_in_a_third_system_is_not_imported() -> None:
    """Invariant 6: our calendar copy is mirrored into another channel by somebody's program."""
    made = settled_world("crm", "cal", "cal2")
    (ours,) = made.remotes["cal"].copies.values()
    made.remove("cal2")
    made.remotes["cal2"].put("mirrored", ours.reads, marker=ours.marker, uid=ours.uid)
    made.run()
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert len(made.agreements) == 1


def test_invariant_06_by_its_uid_alone() -> None:
    """Invariant 6: the mirror strips our marker and keeps the UID."""
    made = settled_world("crm", "cal")
    (ours,) = made.remotes["cal"].copies.values()
    made.remotes["cal2"] = type(made.remotes["cal"])(channel("cal2", 2))
    made.configure(Policy(channels("crm", "cal", "cal2"), USUAL))
    made.remotes["cal2"].put("mirrored", ours.reads, uid=ours.uid)
    made.run()
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert len(made.agreements) == 1


def test_invariant_07_a_copy_that_is_set_aside_is_left_alone() -> None:
    """Invariant 7: all of a copy is set aside: not written, not deleted; the others go on."""
    made = settled_world("crm", "cal", "cal2")
    made.aside = frozenset({(("cal", ""), ())})
    made.edit("crm", title="weiter")
    made.run()
    assert (made.reads("cal").title, made.reads("cal2").title) == (VISIT.title, "weiter")
    made.edit("crm", status=Status.CANCELLED)
    made.run()
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 0}
    made.aside = frozenset()
    made.run()
    assert copies(made) == {"crm": 1, "cal": 0, "cal2": 0}


def test_invariant_08_the_shortened_form_never_replaces_the_full_one() -> None:
    """Invariant 8: edits of other fields in the short channel, lost store, new channel: the full
    title stays."""
    made = settled_world("crm", "cal", "short", visit=FULL)
    made.edit("short", location="另一处")
    made.run()
    made.lose_store()
    made.run()
    assert made.reads("crm").title == made.reads("cal").title == FULL.title
    assert made.reads("crm").location == "另一处"


def test_invariant_08_a_write_touches_only_what_is_owed() -> None:
    """Invariant 8: the content of a write is the copy's own reading with the owed values put in,
    not the projection of what is agreed."""
    made = settled_world("rows", "cal")
    made.edit("rows", title="改名")
    made.run()
    (write,) = made.written
    assert write.paths == (("title",),)
    assert write.base is not None
    assert write.content == replace(write.base.reads, title="改名")


def _end(made: World) -> object:
    return [[copy.reads for copy in remote.copies.values()] for remote in made.remotes.values()]


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.DEAD])
@pytest.mark.parametrize("name", ["crm", "cal", "cal2"])
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_invariant_10_killed_anywhere_the_end_is_the_same(
    fault: Fault, name: str, nth: int
) -> None:
    """Invariant 10: the n-th write to a channel is the daemon's last instruction; started again
    it comes to the end to which an undisturbed one comes."""
    undisturbed = world("crm", "cal", "cal2")
    undisturbed.cycle()
    undisturbed.add("cal", FULL)
    undisturbed.run()
    disturbed = world("crm", "cal", "cal2")
    disturbed.cycle()
    disturbed.add("cal", FULL)
    disturbed.fault(name, *[None] * nth, fault)
    disturbed.run(4)
    for made in (undisturbed, disturbed):
        made.edit("crm", when=at(12, 9))
        made.edit("cal2", title="Umbenannt 改名")
        made.run(4)
        made.edit("cal", location="新地点")
        made.run(4)
    assert _end(disturbed) == _end(undisturbed)


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.DEAD])
def test_invariant_10_killed_before_the_deletion_is_recorded(fault: Fault) -> None:
    """Invariant 10: our own deletion is not taken for a person's."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", status=Status.CANCELLED)
    made.fault("cal", fault)
    made.cycle()
    made.edit("crm", status=Status.CONFIRMED)
    made.run(4)
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.reads("crm").status is Status.CONFIRMED


def test_invariant_10_our_own_deletion_is_seen_after_the_appointment_is_back() -> None:
    """Invariant 10: the calendar took our deletion and nobody recorded it; before it is looked at
    again the visit is confirmed. Its absence is our doing and cancels nothing."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", status=Status.CANCELLED)
    made.fault("cal", Fault.KILLED)
    made.cycle()
    made.remotes["cal"].unlisted = True
    made.edit("crm", status=Status.CONFIRMED)
    made.cycle()
    made.remotes["cal"].unlisted = False
    made.run(4)
    assert copies(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.reads("crm").status is Status.CONFIRMED
    assert not made.history(Kind.CONFLICT)


def test_an_edit_made_after_our_write_is_not_contested() -> None:
    """The calendar was looked at before the CRM's new title was seen, and was then given it: who
    changes it there knows it, and is no contradiction."""
    made = settled_world("cal", "crm", ruleset=rules(prefer("crm", "cal")))
    made.edit("crm", title="vom CRM")
    made.cycle()
    made.edit("cal", title="danach im Kalender")
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {"danach im Kalender"}
    assert not made.history(Kind.CONFLICT)


# Where copies belong, and what each channel may say


def test_a_channel_that_is_only_written_is_put_back_and_may_delete() -> None:
    """``direction = "to"``: edits are put back once and recorded, deletions respected."""
    made = settled_world("crm", channel("cal", 1, direction=Direction.TO), "cal2")
    made.edit("cal", title="不许")
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {VISIT.title}
    (record,) = made.history(Kind.PUT_BACK)
    assert record.claims == (("cal", "不许"),)
    made.remove("cal")
    made.run()
    assert made.reads("crm").status is Status.CANCELLED


def test_a_channel_that_is_only_read_is_never_written() -> None:
    """``direction = "from"``: its edits travel, nothing goes there."""
    made = world("crm", channel("cal", 1, direction=Direction.FROM))
    made.cycle()
    made.add("cal")
    made.run()
    made.edit("crm", title="anders")
    made.edit("cal", location="那里")
    made.run()
    assert made.reads("crm").location == "那里"
    assert made.reads("cal").title == VISIT.title
    assert all(write.channel == "crm" for write in made.written)


@pytest.mark.parametrize(
    ("private", "expected"),
    [(Private.STAY, None), (Private.BUSY, "Busy"), (Private.FULL, VISIT.title)],
)
def test_private_appointments_leave_their_channel_as_configured(
    private: Private, expected: str | None
) -> None:
    """They stay where they are, show only that somebody is busy, or leave in full."""
    made = world(channel("cal", 0, private=private), "cal2")
    made.cycle()
    made.add("cal", replace(VISIT, visibility=Visibility.PRIVATE, description="秘密"))
    made.run()
    found = [copy.reads for copy in made.remotes["cal2"].copies.values()]
    assert [each.title for each in found] == ([expected] if expected else [])
    if expected == "Busy":
        assert found[0].description == ""
        assert found[0].when == VISIT.when


def test_a_busy_channel_is_given_and_says_only_times() -> None:
    """``privacy = "busy"``: time goes out and comes back, a title typed there is put back."""
    made = settled_world("crm", channel("cal", 1, privacy=Privacy.BUSY))
    assert (made.reads("cal").title, made.reads("cal").location) == ("Busy", "")
    made.edit("cal", title="neugierig", when=at(12, 9))
    made.run()
    assert (made.reads("crm").title, made.reads("crm").when) == (VISIT.title, at(12, 9))
    assert made.reads("cal").title == "Busy"


def test_authority_does_not_judge_the_copy_that_it_is_born_in() -> None:
    """A calendar has no authority over customers' titles, and yet a visit is born there."""
    only = Rule(name="only", fields=frozenset({"title"}), authority=("crm",))
    made = settled_world("cal", "crm", ruleset=rules(only, prefer("crm")))
    assert made.reads("crm").title == VISIT.title


def test_the_owner_of_the_calendar_takes_part() -> None:
    """Born in Alice's calendar she owns it; in a colleague's invitation she only attends."""
    made = settled_world(channel("cal", 0, person="alice@example.com"), "crm")
    assert made.reads("crm").owner == "alice@example.com"


def test_a_series_with_rows_survives_a_lost_store() -> None:
    """Rows name their occurrence in their marker: one series again, nothing is written."""
    series = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))
    made = settled_world("cal", "rows", visit=series)
    before = dict(made.remotes["rows"].copies)
    made.lose_store()
    made.run()
    assert made.remotes["rows"].copies == before
    assert made.written == []
    assert len(made.agreements) == 1


def test_gone_of_what_was_never_settled_is_nothing() -> None:
    """A copy that came and went between two cycles leaves no trace."""
    made = settled_world("crm", "cal")
    case = made.case(made.only)
    views = {**case.views, ("cal2", ""): Seen(Gone(), made.now, made.now)}
    assert settle(replace(case, views=views), made.policy, made.moment()).quiet


WHERE: tuple[Callable[[World], None], ...] = (
    lambda made: made.edit("cal", location="别处"),
    lambda made: made.remove("cal"),
)


@pytest.mark.parametrize("change", WHERE)
def test_operations_after_quiet_are_as_few_as_there_are_channels(
    change: Callable[[World], None],
) -> None:
    """A change is written once to each other channel, whatever it is."""
    made = settled_world("crm", "cal", "cal2")
    change(made)
    made.run()
    assert sorted(write.channel for write in made.written) == ["cal2", "crm"]
    assert all(write.operation is not Operation.CREATE for write in made.written)
