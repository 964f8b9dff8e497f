"""A copy leaves a calendar when what somebody set in it is in another place, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.channel import Channel, Direction, Filter, FilterMode
from syncd.core.model import Attendee, Override
from syncd.core.state import WHOLE
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import ROWS, VISIT, at, channel

ALICE, BOB, CHEN = "alice@example.com", "bob@example.com", "chen@example.com"
OWN = Filter(FilterMode.OWN)
MOVED = at(5, 15)


def _handed_over(*others: Channel | str) -> World:
    """The CRM gives a visit from Alice to Bob when she has just moved it. Only she took part."""
    alice = channel("cal", 1, person=ALICE, holds=OWN)
    made = settled_world("crm", alice, *others, visit=replace(VISIT, owner=ALICE))
    made.edit("crm", owner=BOB)
    made.edit("cal", when=MOVED)
    return made


def _bob() -> Channel:
    return channel("cal2", 2, person=BOB, holds=OWN)


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_a_copy_with_the_only_word_of_an_edit_waits_for_another() -> None:
    """Invariant 2. Nobody takes the new time: if her copy went now only the state would know it,
    and an older one may be put in its place. It goes when the CRM has it, whoever else has not."""
    made = _handed_over(_bob())
    made.fault("crm", Fault.REFUSED)
    made.fault("cal2", *[Fault.REFUSED] * 4)
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 0}
    made.cycle()
    assert (made.reads("crm").when, count(made)["cal"]) == (MOVED, 1)
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}
    made.cycle()
    made.run()
    assert (made.reads("cal2").when, count(made)["cal"]) == (MOVED, 0)


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.MUTE, Fault.TIMEOUT, Fault.LOST])
def test_an_answer_that_shows_no_copy_tells_that_it_may_go_when_it_is_seen(fault: Fault) -> None:
    """Invariants 1, 2."""
    made = _handed_over(_bob())
    made.fault("crm", fault)
    made.fault("cal2", Fault.REFUSED)
    made.cycle()
    assert count(made)["cal"] == 1
    made.run(5)
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 1}
    assert {made.reads("crm").when, made.reads("cal2").when} == {MOVED}


def test_whoever_has_it_of_another_keeps_it_when_it_is_the_last() -> None:
    """Invariant 2. Chen has what Alice set, so hers goes; when his is to go as well the CRM has
    still not taken it."""
    chen = channel("cal3", 2, person=CHEN, holds=OWN)
    alice = channel("cal", 1, person=ALICE, holds=OWN)
    visit = replace(VISIT, owner=ALICE, attendees=(Attendee(CHEN),))
    made = settled_world("crm", alice, chen, visit=visit)
    made.fault("crm", *[Fault.REFUSED] * 3)
    made.edit("cal", when=MOVED)
    made.cycle()
    made.edit("crm", owner=BOB)
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 0, "cal3": 1}
    made.edit("crm", attendees=())
    made.cycle()
    assert (made.reads("crm").when, made.reads("cal3").when) == (VISIT.when, MOVED)
    made.run(4)
    assert made.reads("crm").when == MOVED
    assert count(made) == {"crm": 1, "cal": 0, "cal3": 0}


def test_what_is_only_written_to_is_no_other_place() -> None:
    """Nobody reads there what it holds, so an edit that is there alone is lost with the state."""
    made = _handed_over(channel("cal3", 2, direction=Direction.TO))
    made.fault("crm", Fault.REFUSED)
    made.cycle()
    assert (made.reads("cal3").when, count(made)["cal"]) == (MOVED, 1)
    made.run(4)
    assert (made.reads("crm").when, count(made)["cal"]) == (MOVED, 0)


def test_nobody_waits_for_what_does_not_take_it() -> None:
    """Invariant 1. The CRM has refused the new time for good: her copy need not stay for that."""
    made = _handed_over()
    made.aside = frozenset({(("crm", WHOLE), ())})
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 0}


def test_what_nobody_else_edited_goes_at_once() -> None:
    """Trace 34: the CRM has what it set itself."""
    alice = channel("cal", 1, person=ALICE, holds=OWN)
    made = settled_world("crm", alice, _bob(), visit=replace(VISIT, owner=ALICE))
    made.edit("crm", owner=BOB, when=MOVED)
    made.fault("cal2", Fault.REFUSED)
    made.cycle()
    assert count(made) == {"crm": 1, "cal": 0, "cal2": 0}


def test_the_rows_of_a_series_show_that_one_of_them_was_dropped() -> None:
    """Invariant 2: Chen drops an occurrence, Alice's calendar of single rows is told, and hands all
    of it over before the CRM takes either: her rows wait until that knows."""
    alice = channel("single", 1, person=ALICE, holds=OWN, fidelity=ROWS)
    made = settled_world("crm", alice, "cal", visit=replace(WEEKLY, owner=ALICE))
    made.edit("cal", overrides=((RIDS[1], Override(deleted=True)),))
    made.fault("crm", Fault.REFUSED)
    made.cycle()
    made.cycle()
    made.edit("crm", owner=BOB)
    made.fault("crm", Fault.REFUSED)
    made.run()
    assert count(made) == {"crm": 1, "single": 0, "cal": 1}
    assert made.reads("crm").overrides == ((RIDS[1], Override(deleted=True)),)
