"""More plays that once ended in complaints, shrunk: single occurrences of series."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, BOB, CHEN, company_of, two
from tests.world.steps import Act, Cycle, Step

SERIES: dict[str, tuple[Company, list[Step]]] = {
    "an occurrence with a title of its own is dropped, and its series is renamed": (
        two(0, 0, person=""),
        [
            *(Act("series", "cal1", "t1", 1), Cycle(), Act("retitle occurrence", "crm", "t1", 2)),
            *(Cycle(), Act("drop occurrence", "cal1", "t1", 2), Act("retitle", "crm", "t1", 3)),
        ],
    ),
    "a row is edited and comes under another key after its series was split": (
        company_of(2, (1, ALICE), (5, "")),
        [
            *(Act("series", "cal1", "t3", 3, ALICE), Cycle(), Act("split", "cal1", "t3", 6, "t6")),
            *(Cycle(), Act("retitle", "crm", "t6", 10), Act("move key", "crm", "t6", 19)),
        ],
    ),
    "a row comes under another key after its series was split": (
        company_of(2, (1, ALICE), (5, "")),
        [
            *(Act("series", "cal1", "t3", 3, ALICE), Cycle(), Act("split", "cal1", "t3", 6, "t6")),
            *(Cycle(), Act("move key", "crm", "t6", 19)),
        ],
    ),
    "a series is set to what one of its occurrences has, and then to something else": (
        company_of(1, (2, ALICE), (1, "")),
        [
            *(Act("series", "cal1", "t3", 3, ALICE), Cycle(), Act("answer", "crm", "t3", 19)),
            *(Cycle(), Act("answer", "cal1", "t3", 27), Cycle(), Act("answer", "cal2", "t3", 36)),
        ],
    ),
    "what goes on from a series that is cut could go on from its duplicate, too": (
        company_of(2, (1, ""), (0, "")),
        [
            *(Act("series", "cal1", "t2", 2), Cycle(), Act("duplicate", "cal2", "t2", 5, "t5")),
            *(Cycle(), Cycle(), Act("invite", "cal1", "t5", 12)),
            *(Act("split", "cal1", "t2", 22, "t22"), Act("series", "cal1", "t23", 23)),
        ],
    ),
    "what is duplicated has no occurrence left": (
        company_of(2, (0, ""), (4, BOB), (2, CHEN)),
        [
            *(Act("series", "cal3", "t3", 3, CHEN), Cycle(), Act("delete", "crm", "t3", 6)),
            *(Act("split", "cal1", "t3", 12, "t12"), Cycle()),
            Act("duplicate", "cal1", "t3", 43, "t43"),
        ],
    ),
}
