"""A series that was split, and then the state is lost: the CRM's rows keep what is in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wire.test_lost_store import _rebuilt
from tests.wire.test_traces_series import add_weekly, in_order, split_at_the_fourth
from tests.wire.world import World


@pytest.mark.parametrize("others", [("cal2",), ()], ids=["two calendars", "one"])
@pytest.mark.parametrize("later", [1, 0], ids=["a day later", "same time"])
def test_rows_of_what_goes_on_stay(
    make: Callable[..., World], others: tuple[str, ...], later: int
) -> None:
    """Invariant 2: their marks name the series that was cut short. Made in the calendar, so that
    with one calendar neither series bears a mark."""
    world = make("cal", *others)
    world.sync()
    add_weekly(world)
    world.converge()
    split_at_the_fourth(world, later)
    world.converge()
    world.change(in_order(world)[4]["id"], state="done", place="2 号楼")
    world.converge()
    _rebuilt(world)
