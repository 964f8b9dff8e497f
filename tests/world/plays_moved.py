"""More plays that once ended in complaints, shrunk: what is moved or duplicated in a calendar."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, company_of
from tests.world.steps import Act, Cycle, Step

MOVED: dict[str, tuple[Company, list[Step]]] = {
    "a client moves a copy that was never seen to another key, in a cycle that pairs twice": (
        company_of(1, (4, ALICE), (0, ""), (3, ""), (1, "")),
        [
            *(Act("visit", "cal4", "t19", 19, ALICE), Act("series", "cal3", "t21", 21, ALICE)),
            *(Cycle(), Act("place", "crm", "t19", 23), Act("move key", "cal2", "t21", 24)),
        ],
    ),
}
