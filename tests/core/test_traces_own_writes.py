"""Own writes: what we wrote is never taken for a person's edit, and a person's never for ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Appointment, Attendee
from syncd.core.state import Kind, Operation
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.values import CALDAV, VISIT, at, channel, prefer, rules

EITHER = pytest.mark.parametrize("ranking", [("crm", "cal"), ("cal", "crm")])


def whens(made: World) -> list[object]:
    return [made.reads(name).when for name in made.policy.channels]


@EITHER
@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.TIMEOUT])
def test_trace_10_killed_after_the_remote_accepted(ranking: tuple[str, str], fault: Fault) -> None:
    """The remote took 11:00, nobody recorded it; the source then says 12:00. 12:00 wins whatever
    the ranking, for 11:00 in the calendar is ours."""
    made = settled_world("crm", "cal", "cal2", ruleset=rules(prefer(*ranking)))
    made.edit("crm", when=at(10, 11))
    made.fault("cal", fault)
    made.cycle()
    assert made.reads("cal").when == at(10, 11)
    made.edit("crm", when=at(10, 12))
    made.run()
    assert whens(made) == [at(10, 12)] * 3
    assert not made.history(Kind.CONFLICT)
    assert {r.winner for r in made.history(Kind.SET)} == {"crm"}


@EITHER
def test_trace_10_killed_before_it_was_sent(ranking: tuple[str, str]) -> None:
    """The same, but the write never left: it is derived again (invariant 10)."""
    made = settled_world("crm", "cal", ruleset=rules(prefer(*ranking)))
    made.edit("crm", when=at(10, 11))
    made.fault("cal", Fault.DEAD)
    made.cycle()
    made.run()
    assert whens(made) == [at(10, 11)] * 2


@pytest.mark.parametrize("fault", [None, Fault.SILENT, Fault.MUTE, Fault.KILLED])
def test_trace_11_an_edit_between_our_write_and_our_read(fault: Fault | None) -> None:
    """A person renames the copy right after our write: the new name reaches everybody."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", when=at(10, 11))
    made.remotes["cal"].after_write.append(lambda: made.edit("cal", title="接着改的"))
    made.fault("cal", fault)
    made.cycle()
    made.run()
    for name in made.policy.channels:
        assert (made.reads(name).when, made.reads(name).title) == (at(10, 11), "接着改的")


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.MUTE])
def test_trace_11_an_edit_of_the_very_field_we_wrote(fault: Fault) -> None:
    """The person overwrites our 11:00 with 12:00 before we looked: an edit, and nothing is lost."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", when=at(10, 11))
    made.remotes["cal"].after_write.append(lambda: made.edit("cal", when=at(10, 12)))
    made.fault("cal", fault)
    made.cycle()
    made.run()
    assert whens(made) == [at(10, 12)] * 3


def _trimmed(content: Appointment) -> Appointment:
    return replace(content, description=content.description.strip())


@pytest.mark.parametrize("fault", [None, Fault.SILENT])
def test_trace_12_a_server_that_rewrites_the_body(fault: Fault | None) -> None:
    """A trimmed blank: one write, then silence; the CRM keeps its blank."""
    made = settled_world("crm", "cal")
    made.remotes["cal"].rewrite = _trimmed
    made.edit("crm", description=" mit Rand ")
    made.fault("cal", fault)
    made.run()
    assert len(made.written) == 1
    assert made.reads("crm").description == " mit Rand "
    assert made.reads("cal").description == "mit Rand"


def _rounding_world() -> World:
    five = channel("cal", 1, fidelity=replace(CALDAV, resolution=300))
    return settled_world("crm", five, "cal2", visit=replace(VISIT, when=at(10, 10, 2)))


def test_trace_13_a_server_that_rounds_is_written_once() -> None:
    """10:02 is 10:00 there: nothing travels back, nothing is written again."""
    made = _rounding_world()
    assert made.reads("cal").when == at(10, 10, 0)
    assert whens(made)[::2] == [at(10, 10, 2)] * 2
    made.edit("crm", when=at(10, 11, 2))
    made.run()
    assert made.reads("cal").when == at(10, 11, 0)
    assert made.reads("cal2").when == at(10, 11, 2)
    assert [write.channel for write in made.written] == ["cal", "cal2"]


def test_trace_13_a_finer_value_typed_by_a_person_is_not_rounded_there() -> None:
    """12:02 typed in the rounding server's own page goes to the others and stays there."""
    made = _rounding_world()
    cal = made.remotes["cal"]
    cal.channel = replace(cal.channel, fidelity=CALDAV)  # its own page rounds nothing
    made.edit("cal", when=at(10, 12, 2))
    made.run()
    assert whens(made) == [at(10, 12, 2)] * 3
    assert {write.channel for write in made.written} == {"crm", "cal2"}


@EITHER
@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.TIMEOUT])
def test_trace_14_our_own_value_met_as_stale(ranking: tuple[str, str], fault: Fault) -> None:
    """11:00 is in the calendar and nobody recorded it; the next write meets Stale and the fetch
    shows 11:00. It is ours: the source's 12:00 goes everywhere."""
    made = settled_world("crm", "cal", "cal2", ruleset=rules(prefer(*ranking)))
    made.edit("crm", when=at(10, 11))
    made.fault("cal", fault)
    made.remotes["cal"].unlisted = True
    made.cycle()
    made.edit("crm", when=at(10, 12))
    made.cycle()
    made.remotes["cal"].unlisted = False
    made.run()
    assert whens(made) == [at(10, 12)] * 3
    assert not made.history(Kind.CONFLICT)


@EITHER
def test_trace_15_going_back_meanwhile_still_contests(ranking: tuple[str, str]) -> None:
    """The CRM went to 11:00 and back to 10:00 while the calendar was down; a person's 12:00 there
    contests the 10:00 that stands."""
    made = settled_world("crm", "cal", "cal2", ruleset=rules(prefer(*ranking)))
    made.remotes["cal"].down = True
    made.edit("crm", when=at(10, 11))
    made.cycle()
    made.edit("cal", when=at(10, 12))
    made.edit("crm", when=at(10, 10))
    made.cycle()
    made.remotes["cal"].down = False
    made.run()
    expected = at(10, 10) if ranking[0] == "crm" else at(10, 12)
    assert whens(made) == [expected] * 3
    (conflict,) = made.history(Kind.CONFLICT)
    assert set(conflict.claims) == {("crm", at(10, 10)), ("cal", at(10, 12))}


def test_trace_16_the_same_news_three_times_has_one_result() -> None:
    """A change is reported again and again, also after its own result was written."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", title="einmal")
    made.cycle()
    first = dict(made.remotes["cal"].copies)
    for _ in range(3):
        for row in made.rows.values():
            row.dirty = True
        made.quiet()
    assert made.remotes["cal"].copies == first
    assert len(made.history(Kind.SET)) == 1


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.TIMEOUT, Fault.SILENT, Fault.MUTE])
def test_trace_35_a_create_without_an_answer_makes_one_copy(fault: Fault) -> None:
    """The server stored the copy, the answer was lost: there is one copy, and it is known."""
    made = world("crm", "cal")
    made.cycle()
    made.add("crm")
    made.fault("cal", fault)
    made.cycle()
    made.run()
    assert len(made.remotes["cal"].copies) == 1
    assert len(made.remotes["crm"].copies) == 1
    assert made.agreements[made.only].copies[("cal", "")].ours


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.TIMEOUT])
def test_trace_35_a_second_create_meets_the_first(fault: Fault) -> None:
    """The listing lags behind: the create is tried again, told that the key exists, and joins."""
    made = world("crm", "cal")
    made.cycle()
    made.add("crm")
    made.fault("cal", fault)
    made.remotes["cal"].unlisted = True
    made.cycle()
    made.cycle()
    made.remotes["cal"].unlisted = False
    made.run()
    assert len(made.remotes["cal"].copies) == 1
    assert sum(w.operation is Operation.CREATE for w in made.written) <= 2


def test_what_a_killed_write_brought_can_be_taken_back() -> None:
    """It was carried out and never recorded, and a person wrote over a part of it: the rest is
    ours, and is what this copy was asked for from now on."""
    guest, other = Attendee("li@kunde.example"), Attendee("wang@kunde.example")
    made = settled_world("crm", "cal")
    made.fault("crm", Fault.KILLED)
    made.edit("cal", description="von Hand", attendees=(guest,))
    made.cycle()
    made.edit("crm", description="im CRM")
    made.edit("cal", attendees=(other,))
    made.run(3)
    assert made.reads("crm").attendees == made.reads("cal").attendees == (other,)


def test_a_value_that_came_by_itself_can_be_taken_back() -> None:
    """A proxy sends our write twice: it arrives and is refused as stale. The copy holds what is
    agreed, which counts as asked; when it is changed back elsewhere, this copy is owed that."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("cal2", title="neu")
    made.remotes["cal"].down = True
    made.cycle()
    made.edit("cal", title="neu")
    made.remotes["cal"].down = False
    made.run()
    made.edit("cal2", title=VISIT.title)
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {VISIT.title}
