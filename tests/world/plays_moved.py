"""More plays that once ended in complaints, shrunk: what is moved in a calendar, or a whole
calendar."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, BOB, CHEN, company_of
from tests.world.steps import Act, Cycle, Expire, Step

MOVED: dict[str, tuple[Company, list[Step]]] = {
    "a client moves a copy that was never seen to another key, in a cycle that pairs twice": (
        company_of(1, (4, ALICE), (0, ""), (3, ""), (1, "")),
        [
            *(Act("visit", "cal4", "t19", 19, ALICE), Act("series", "cal3", "t21", 21, ALICE)),
            *(Cycle(), Act("place", "crm", "t19", 23), Act("move key", "cal2", "t21", 24)),
        ],
    ),
    "the only copy in a calendar is deleted, which is another one when it is looked at": (
        company_of(2, (0, ""), (2, BOB), (5, CHEN)),
        [
            *(Act("visit", "crm", "t3", 3, CHEN), Cycle(), Act("delete", "cal3", "t3", 13)),
            Expire("cal3", remade=True),
        ],
    ),
}
