"""Writes of several steps that break off: a series first, then each occurrence of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.model import Appointment, Override, Recurrence
from syncd.core.state import Kind
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import at, prefer, rules

OWN = (
    (RIDS[1], Override((("title", "接待"),))),
    (RIDS[2], Override((("when", at(25, 14)),))),
    (RIDS[3], Override(deleted=True)),
)
SERIES = replace(WEEKLY, overrides=OWN)
EITHER = pytest.mark.parametrize("ranking", [("cal", "cal2"), ("cal2", "cal")])


def half_created(*ranking: str, visit: Appointment = SERIES, fault: Fault = Fault.BROKEN) -> World:
    """A series of which only the first step has reached ``cal2``, which nobody has seen yet."""
    made = world("cal", "cal2", "crm", ruleset=rules(prefer(*(ranking or ("cal", "cal2")))))
    made.cycle()
    made.add("cal", visit)
    made.fault("cal2", fault)
    made.cycle()
    assert not made.reads("cal2").overrides
    return made


def of_cal2(made: World, slot: str, **own: object) -> None:
    """Somebody changes an occurrence in ``cal2``."""
    kept = {rid: each for rid, each in made.reads("cal2").overrides if rid != slot}
    changed = own.pop("override", None) or Override(tuple(own.items()))  # type: ignore[arg-type]  # values
    made.edit("cal2", overrides=tuple({**kept, slot: changed}.items()))


def assert_all_read(made: World, *overrides: tuple[str, Override]) -> None:
    for name in made.remotes:
        assert dict(made.reads(name).overrides) == dict(overrides), name


@EITHER
def test_the_steps_that_are_missing_are_ours(ranking: tuple[str, str]) -> None:
    """Trace 35. A create broke off after its first step: what is missing is nobody's edit, whatever
    the ranking; it is written, and it is told that it was."""
    made = half_created(*ranking)
    made.run()
    assert_all_read(made, *OWN)
    assert not made.history(Kind.SET, Kind.CONFLICT)
    assert {r.path[:2] for r in made.history(Kind.OVERWRITTEN)} == {
        ("overrides", rid) for rid, _ in OWN
    }


@EITHER
def test_what_is_missing_is_what_is_agreed_by_then(ranking: tuple[str, str]) -> None:
    """The source has gone on before the copy is found."""
    made = half_created(*ranking)
    moved = ((RIDS[1], Override((("title", "参观"),))), *OWN[1:])
    made.edit("cal", overrides=moved)
    made.run()
    assert_all_read(made, *moved)
    assert not made.history(Kind.CONFLICT)


@EITHER
def test_an_edit_of_what_was_written_is_an_edit(ranking: tuple[str, str]) -> None:
    """Invariant 2. Somebody renames the half-made series and places one of its occurrences."""
    made = half_created(*ranking)
    made.edit("cal2", title="例会")
    of_cal2(made, RIDS[4], location="上海")
    made.run()
    assert_all_read(made, *OWN, (RIDS[4], Override((("location", "上海"),))))
    assert {made.reads(name).title for name in made.remotes} == {"例会"}
    assert not made.history(Kind.CONFLICT)


@EITHER
def test_an_edit_of_what_was_not_written_yet_meets_the_rules(ranking: tuple[str, str]) -> None:
    """Invariant 2. Who changes a value that was never shown there contests it."""
    made = half_created(*ranking)
    of_cal2(made, RIDS[1], title="Besuch")
    made.run()
    titles = {"cal": "接待", "cal2": "Besuch"}
    own = {**dict(OWN), RIDS[1]: Override((("title", titles[ranking[0]]),))}
    assert_all_read(made, *own.items())
    (conflict,) = made.history(Kind.CONFLICT)
    assert {value for _, value in conflict.claims} == set(titles.values())


def test_an_occurrence_that_is_dropped_meanwhile() -> None:
    """Invariant 2. It does not take place; what was set for it, and not shown there, is told."""
    made = settled_world("cal", "crm", visit=WEEKLY)
    made.edit("crm", overrides=(OWN[0],))
    made.configure(world("cal", "crm", "cal2").policy)
    made.fault("cal2", Fault.BROKEN)
    made.cycle()
    of_cal2(made, RIDS[1], override=Override(deleted=True))
    made.run()
    for name in made.remotes:
        assert dict(made.reads(name).overrides)[RIDS[1]].deleted
    (conflict,) = made.history(Kind.CONFLICT)
    assert conflict.path == ("overrides", RIDS[1], "title")
    assert ("crm", "接待") in conflict.claims


@EITHER
def test_what_a_confirmed_write_left_out_is_a_persons(ranking: tuple[str, str]) -> None:
    """The vendor said that all was done: then somebody took it back."""
    made = world("cal", "cal2", ruleset=rules(prefer(*ranking)))
    made.cycle()
    made.add("cal", replace(WEEKLY, overrides=OWN[:1]))
    made.remotes["cal2"].after_write.append(lambda: made.edit("cal2", overrides=()))
    made.fault("cal2", Fault.MUTE)
    made.cycle()
    made.run()
    assert all(not own.values for name in made.remotes for _, own in made.reads(name).overrides)


@EITHER
@pytest.mark.parametrize(
    "change",
    [
        {"when": at(10, 11), "overrides": tuple((r.replace("T10", "T11"), o) for r, o in OWN)},
        {"recurrence": Recurrence(("FREQ=WEEKLY;COUNT=9",))},
    ],
)
def test_another_time_or_rule_drops_what_occurrences_had(
    ranking: tuple[str, str], change: dict[str, object]
) -> None:
    """Exchange drops all exceptions with another time or rule; the write breaks off before they
    are there again. Nobody has taken them back."""
    made = settled_world("cal", "cal2", "crm", visit=SERIES, ruleset=rules(prefer(*ranking)))
    made.edit("cal", **change)
    made.fault("cal2", Fault.BROKEN)
    made.cycle()
    assert not made.reads("cal2").overrides
    made.run()
    wanted = change.get("overrides", OWN)
    assert_all_read(made, *wanted)  # type: ignore[misc]  # pairs
    assert not made.history(Kind.CONFLICT)


@EITHER
def test_what_a_write_did_not_touch_is_a_persons(ranking: tuple[str, str]) -> None:
    """A write that breaks off drops nothing if it leaves time and rule alone, or never came."""
    for change, fault in (
        ({"title": "例会"}, Fault.BROKEN),
        ({"recurrence": Recurrence(("FREQ=WEEKLY;COUNT=9",))}, Fault.LOST),
    ):
        made = settled_world("cal", "cal2", "crm", visit=SERIES, ruleset=rules(prefer(*ranking)))
        made.edit("cal", **change)
        made.fault("cal2", fault)
        made.cycle()
        made.now += timedelta(seconds=5)
        made.edit("cal2", overrides=OWN[1:])
        made.run()
        for name in made.remotes:
            assert not (made.reads(name).override(RIDS[1]) or Override()).values
