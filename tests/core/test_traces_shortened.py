"""Shortened and reread values: what a channel cannot hold is not lost by its being there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Appointment, Status
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.values import VISIT, at

FULL = replace(VISIT, title="Visit Mueller GmbH")


@pytest.mark.parametrize("order", [("short", "cal"), ("cal", "short")])
def test_trace_17_a_lost_store_keeps_the_full_title(order: tuple[str, str]) -> None:
    """One channel shows twelve characters, the other all of them: all of them stay."""
    made = settled_world(*order, visit=FULL, born="cal")
    made.lose_store()
    made.run()
    assert len(made.agreements) == 1
    assert made.reads("short").title == "Visit Muelle"
    assert made.reads("cal").title == "Visit Mueller GmbH"
    assert made.written == []
    assert not made.history(Kind.CONFLICT, Kind.PUT_BACK)


def test_trace_18_a_mended_short_title_leaves_the_tail_unharmed() -> None:
    """In the short channel a person mends a typing error; the full title is mended likewise."""
    made = settled_world("crm", "cal", "short", visit=replace(VISIT, title="Vizit Mueller GmbH"))
    assert made.reads("short").title == "Vizit Muelle"
    made.edit("short", title="Visit Muelle")
    made.run()
    assert made.reads("cal").title == made.reads("crm").title == "Visit Mueller GmbH"
    assert made.reads("short").title == "Visit Muelle"
    assert not made.history(Kind.CONFLICT)


def test_trace_18_a_replaced_short_title_is_a_conflict() -> None:
    """Where the edit cannot be carried over to the full title, it contradicts it: recorded."""
    made = settled_world("crm", "cal", "short", visit=FULL)
    made.edit("short", title="全新的标题")
    made.run()
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims)["short"] == "全新的标题"
    assert dict(conflict.claims)["crm"] == FULL.title


def _outcome(reads: Appointment) -> Appointment:
    return replace(reads, status=Status.COMPLETED)


def _mended(*names: str) -> World:
    made = settled_world(*names)
    made.reread("crm", _outcome)
    return made


def test_trace_19_a_mended_mapping_is_no_edit() -> None:
    """Records read as completed since the value table was mended: nobody edited, nothing moves."""
    made = _mended("crm", "cal", "rows")
    made.quiet()
    assert made.reads("crm").status is Status.COMPLETED
    assert made.agreed().status is Status.CONFIRMED


def test_trace_19_later_edits_of_other_fields_leave_it_alone() -> None:
    """A new title is written to the record without the old reading of its status."""
    made = _mended("crm", "rows")
    made.edit("rows", title="新的")
    made.run()
    assert (made.reads("crm").title, made.reads("crm").status) == ("新的", Status.COMPLETED)
    assert made.reads("rows").status is Status.CONFIRMED


def test_trace_19_a_value_that_the_copy_was_given_counts_as_asked() -> None:
    """The copy that we wrote reads differently with today's mapping: it is not written again."""
    made = settled_world("cal", "crm", born="cal")
    made.reread("crm", lambda reads: replace(reads, location="Berlin, DE"))
    made.quiet()
    made.edit("cal", when=at(12, 9))
    made.run()
    assert made.reads("crm").location == "Berlin, DE"
    assert made.reads("cal").location == "Berlin"
