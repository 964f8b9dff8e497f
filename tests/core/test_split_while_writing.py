"""This and all following, before anybody has seen what was just written to a later row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Override, Recurrence
from syncd.core.state import Intent, Operation, Write
from tests.core.harness import settled_world
from tests.core.remote import Fault
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import at, prefer, rules

UNTIL = Recurrence(("FREQ=WEEKLY;UNTIL=20260324T100000Z",))
REST = replace(WEEKLY, when=at(31, 10), recurrence=Recurrence(("FREQ=WEEKLY;COUNT=3",)))


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.MUTE, Fault.TIMEOUT])
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
def test_what_was_written_to_a_row_is_nobodys_edit(listed: bool, fault: Fault) -> None:
    """Invariants 3 and 7: an occurrence was moved in the calendar, then the series was split there,
    and what goes on knows of no exception. The row shows what it was told, and no more; and what
    was written to it is not waited for by the series that it has left."""
    made = settled_world("cal", "rows", visit=WEEKLY, ruleset=rules(prefer("rows", "cal")))
    row = made.agreements[made.only].copies["rows", RIDS[4]].copy.key
    moved = Override((("when", at(38, 15)),))
    made.edit("cal", overrides=((RIDS[4], moved),))
    made.remotes["rows"].faults.append(fault)
    made.cycle()
    assert made.remotes["rows"].copies[row].reads.when == at(38, 15)
    assert any(made.intents.values())
    made.edit("cal", recurrence=UNTIL, overrides=())
    made.add("cal", REST, "rest")
    made.remotes["rows"].unlisted = not listed
    made.cycle()
    made.remotes["rows"].unlisted = False
    made.run(5)
    assert len(made.agreements) == 2
    assert not any(made.intents.values())
    assert made.remotes["cal"].copies["rest"].reads.overrides == ()
    assert made.remotes["rows"].copies[row].reads.when == at(38, 10)


def test_what_was_written_to_a_row_that_has_gone_elsewhere_is_not_waited_for() -> None:
    """Invariant 3: the daemon died after the series had let go of the row, and before what goes on
    had taken it, and what was written to it, over. Nothing that the series shows will end that."""
    made = settled_world("cal", "rows", visit=WEEKLY)
    (row, *_) = made.remotes["rows"].copies.values()
    write = Write(
        "rows", "20270101T100000", Operation.UPDATE, row.reads, row.reads, (("when",),), row
    )
    made.intents[made.only] = [Intent(99, write, made.now, key=row.key, done=True)]
    made.cycle()
    assert made.intents[made.only] == []


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.MUTE, Fault.KILLED])
def test_a_copy_that_nobody_has_seen_yet_is_split(fault: Fault) -> None:
    """Invariant 2: what is written in the later rows meanwhile stays, and they with it."""
    made = settled_world("cal", "rows", "cal2")
    made.add("cal", replace(WEEKLY, title="新的"), "series")
    made.fault("cal2", fault)
    made.cycle()
    (id,) = set(made.agreements) - {"a1"}
    if fault is not Fault.KILLED:
        assert ("cal2", "") not in made.agreements[id].copies
    (key,) = (k for k, copy in made.remotes["cal2"].copies.items() if copy.reads.title == "新的")
    rows = {c.reads.when: k for k, c in made.remotes["rows"].copies.items()}
    made.edit("rows", rows[at(31, 10)], location="上海")
    made.edit("cal2", key, recurrence=UNTIL, overrides=())
    made.add("cal2", replace(REST, title="新的"), "rest")
    made.run(5)
    assert {c.reads.when: k for k, c in made.remotes["rows"].copies.items()} == rows
    assert made.remotes["rows"].copies[rows[at(31, 10)]].reads.location == "上海"
    assert len(made.agreements) == 3
