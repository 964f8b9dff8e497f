"""More plays that once ended in complaints, shrunk: single occurrences of series."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import two
from tests.world.steps import Act, Cycle, Step

SERIES: dict[str, tuple[Company, list[Step]]] = {
    "an occurrence with a title of its own is dropped, and its series is renamed": (
        two(0, 0, person=""),
        [
            *(Act("series", "cal1", "t1", 1), Cycle(), Act("retitle occurrence", "crm", "t1", 2)),
            *(Cycle(), Act("drop occurrence", "cal1", "t1", 2), Act("retitle", "crm", "t1", 3)),
        ],
    ),
}
