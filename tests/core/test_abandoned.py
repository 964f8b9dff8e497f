"""Writes that were begun and never made, and that nobody wants any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.core.model import Status
from tests.core.harness import settled_world
from tests.core.remote import Fault
from tests.core.values import VISIT, prefer, rules

NEVER = [Fault.DEAD, Fault.LOST]


@pytest.mark.parametrize("fault", NEVER)
def test_who_sets_what_was_never_written_has_made_an_edit(fault: Fault) -> None:
    """Invariants 2 and 10: a title from the calendar did not reach the CRM, where somebody gave
    another one, and takes the calendar's after all."""
    made = settled_world("cal", "crm", ruleset=rules(prefer("crm", "cal")))
    made.edit("cal", title="复诊")
    made.fault("crm", fault)
    made.cycle()
    made.edit("crm", title="Nachsorge")
    made.run()
    assert made.reads("cal").title == "Nachsorge"
    made.edit("crm", title="复诊")
    made.run()
    assert made.reads("cal").title == made.reads("crm").title == "复诊"
    assert not any(made.intents.values())


@pytest.mark.parametrize("fault", NEVER)
def test_who_cancels_what_was_not_cancelled_has_cancelled_it(fault: Fault) -> None:
    """Invariants 2 and 10: the owner deleted his visit while the CRM could not be looked at, nor
    heard of it. A note that was taken there keeps it; then the CRM cancels it."""
    made = settled_world("cal", "crm")
    made.remove("cal")
    made.remotes["crm"].unlisted = True
    made.fault("crm", fault)
    made.cycle()
    made.remotes["crm"].unlisted = False
    made.edit("crm", description="带样品")
    made.run()
    assert made.agreed().status is VISIT.status
    made.edit("crm", status=Status.CANCELLED)
    made.run()
    assert made.agreed().status is Status.CANCELLED
    assert not made.remotes["cal"].copies


@pytest.mark.parametrize("fault", NEVER)
def test_who_deletes_what_was_not_deleted_has_deleted_it(fault: Fault) -> None:
    """Invariants 4 and 10: a cancelled visit takes place after all before it has left the calendar,
    where its time is changed, and which its owner deletes it from later."""
    made = settled_world("cal", "crm")
    made.edit("crm", status=Status.CANCELLED)
    made.fault("cal", fault)
    made.cycle()
    made.edit("crm", status=VISIT.status)
    made.edit("cal", title="改期")
    made.run()
    assert made.reads("cal").title == made.reads("crm").title == "改期"
    made.remove("cal")
    made.run()
    assert not made.remotes["cal"].copies
    assert made.agreed().status is Status.CANCELLED


@pytest.mark.parametrize("fault", NEVER)
@pytest.mark.parametrize("hours", [0, 2])
def test_who_sets_it_long_after_has_made_an_edit(fault: Fault, hours: int) -> None:
    """Invariants 2 and 10: the title is taken back in the calendar, so that the CRM is owed nothing
    any more, and nobody touches it. For an hour our write may still arrive there."""
    made = settled_world("cal", "crm", ruleset=rules(prefer("crm", "cal")))
    made.edit("cal", title="复诊")
    made.fault("crm", fault)
    made.cycle()
    made.edit("cal", title=VISIT.title)
    made.run()
    made.now += timedelta(hours=hours)
    made.run()
    made.edit("crm", title="复诊")
    made.run()
    assert made.reads("cal").title == made.reads("crm").title
    assert (made.reads("cal").title == "复诊") == bool(hours)
    assert not any(made.intents.values())
