"""More plays that once ended in complaints, shrunk: what was cancelled takes place after all, as
somebody else's, and the phone of who had it puts an old copy back."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, BOB, company_of
from tests.world.steps import Act, Cycle, Step, Weather

ENDED: dict[str, tuple[Company, list[Step]]] = {
    "a copy from before a cancellation is put back after it was handed over": (
        company_of(1, (4, ALICE), (3, BOB)),
        [
            *(Act("visit", "crm", "t2", 2, BOB), Cycle(), Act("delete", "cal2", "t2", 8)),
            *(Weather("crm", "down", True), Cycle(), Weather("cal2", "locked", True)),
            *(Act("hand over", "crm", "t2", 21, ALICE), Act("put back", "cal2", "t2", 29)),
            Cycle(),
        ],
    ),
    "a copy is put back after a cancellation, and moved, before an edit brings all of it back": (
        Company(company_of(2, (0, ""), (1, ""), (5, "")).desks, ("cal1", "crm", "cal3", "cal2")),
        [
            *(Act("visit", "cal2", "t2", 2), Cycle(), Weather("crm", "locked", True)),
            *(Act("delete", "cal2", "t2", 11), Act("retitle", "crm", "t2", 12), Cycle()),
            *(Act("put back", "cal3", "t2", 17), Act("move occurrence", "cal3", "t2", 28)),
        ],
    ),
}
