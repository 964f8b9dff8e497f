"""More plays that once ended in complaints, shrunk: the vendor's invitation stands beside our copy,
and somebody deletes one of the two. Nothing has ended by that."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import two
from tests.world.steps import Act, Cycle, Step

INVITED: dict[str, tuple[Company, list[Step]]] = {
    "our copy is deleted beside an invitation that nobody has seen yet": (
        two(0, 4, person=""),
        [
            *(Act("visit", "crm", "t1", 1), Cycle(), Act("arrive", "cal1", "t1", 1)),
            Act("delete", "cal1", "t1", 39),
        ],
    ),
    "an invitation is deleted beside our copy before anybody looks": (
        two(0, 4, person=""),
        [
            *(Act("visit", "crm", "t1", 1), Cycle(), Act("arrive", "cal1", "t1", 1)),
            Act("delete", "cal1", "t1", 38),
        ],
    ),
}
