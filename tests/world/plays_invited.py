"""More plays that once ended in complaints, shrunk: the vendor's invitation comes to our copy.

While it stands beside ours, somebody deletes one of the two: nothing has ended by that.
"""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import FIVE, two
from tests.world.steps import Act, Cycle, Restart, Step, Weather

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
    "an invitation is written over our copy, whose mark is left on a duplicate": (
        Company(two(0, 2, person="").desks, ("cal1", "crm")),
        [
            *(Act("series", "crm", "t5", 5), Cycle(), Act("retitle", "cal1", "t5", 10)),
            *(Act("duplicate", "cal1", "t5", 16, "t16"), Act("arrive", "cal1", "t5", 3)),
        ],
    ),
    "our copy is cancelled, and an invitation is written over it before anybody looks": (
        two(0, 4, person=""),
        [
            *(Act("visit", "crm", "t1", 1), Cycle(), Cycle(), Act("cancel", "cal1", "t1", 40)),
            Act("arrive", "cal1", "t1", 0),
        ],
    ),
    "an invitation to what an old backup does not know, and its record cannot be seen": (
        two(0, 0, person=""),
        [
            *(*FIVE, Act("visit", "crm", "t1", 1), Cycle(), Weather("crm", "down", True)),
            *(Restart(backup=True), Cycle(), Weather("crm", "down", False)),
            Act("arrive", "cal1", "t1", 1),
        ],
    ),
}
