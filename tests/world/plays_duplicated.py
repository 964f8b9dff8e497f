"""More plays that once ended in complaints, shrunk: the original of a duplicate is deleted.

Before the duplicate has waited a cycle beside it, that is a move (design, section 5).
"""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, company_of, two
from tests.world.steps import Act, Cycle, Kill, Step

DUPLICATED: dict[str, tuple[Company, list[Step]]] = {
    "a duplicate takes the place of its original, and its short title is no new one": (
        two(1, 2),
        [
            *(Act("visit", "crm", "t2", 2, ALICE), Cycle()),
            *(Act("duplicate", "cal1", "t2", 21, "t21"), Act("delete", "cal1", "t2", 22)),
        ],
    ),
    "a duplicate has waited one look, and takes the place of its original": (
        two(1, 2),
        [
            *(Act("visit", "crm", "t2", 2, ALICE), Cycle()),
            *(Act("duplicate", "cal1", "t2", 21, "t21"), Act("place", "cal1", "t21", 5), Cycle()),
            *(Act("place", "cal1", "t2", 6), Act("delete", "cal1", "t2", 22)),
        ],
    ),
    "of three duplicates of a series one takes the place of their original": (
        two(0, 2),
        [
            *(Act("series", "crm", "t2", 2, ALICE), Cycle()),
            *(Act("move occurrence", "cal1", "t2", 3), Act("duplicate", "cal1", "t2", 21, "t21")),
            Act("duplicate", "cal1", "t2", 31, "t31"),
            *(Act("duplicate", "cal1", "t31", 41, "t41"), Act("delete", "cal1", "t2", 22)),
        ],
    ),
    "nobody can tell how long a duplicate has waited when the daemon died": (
        two(1, 2),
        [
            *(Act("visit", "crm", "t2", 2, ALICE), Cycle()),
            *(Act("duplicate", "cal1", "t2", 21, "t21"), Cycle(), Kill(3), Cycle()),
            Act("delete", "cal1", "t2", 22),
        ],
    ),
    "a record was duplicated and deleted in one look, and is put back beside its duplicate": (
        company_of(2, (0, ""), (3, "")),
        [
            *(Act("visit", "cal1", "t3", 3), Cycle(), Act("duplicate", "crm", "t3", 4, "t4")),
            *(Act("delete", "crm", "t3", 7), Cycle(), Act("put back", "crm", "t3", 35)),
        ],
    ),
}
