"""More plays that once ended in complaints, shrunk: an old backup is used, a system is back, or
somebody goes on with what had left a calendar."""

from __future__ import annotations

from tests.world.company import Company
from tests.world.plays import ALICE, BOB, CHEN, DORA, FIVE, company_of, two
from tests.world.steps import Act, Cycle, Pass, Restart, Step, Weather

RESTORED: dict[str, tuple[Company, list[Step]]] = {
    "a backup from before a copy was made, which is deleted before anybody looks": (
        two(0, 4, person=""),
        [
            *(*FIVE[:4], Weather("cal1", "down", True), Act("visit", "crm", "t37", 37)),
            *(Cycle(), Weather("cal1", "down", False), Pass(600), Cycle()),
            *(Restart(backup=True), Act("delete", "cal1", "t37", 40)),
        ],
    ),
    "a backup from before a series with rows was renamed, and it is renamed again": (
        two(2, 3, person=""),
        [
            *(Act("series", "cal1", "t1", 1), *FIVE, Act("retitle", "cal1", "t1", 11), Cycle()),
            *(Restart(backup=True), Act("drop occurrence", "crm", "t1", 20), Cycle()),
            Act("retitle", "cal1", "t1", 38),
        ],
    ),
    "an edit is deleted before its calendar, which was locked, is listed again": (
        two(2, 5, person=""),
        [
            *(Act("visit", "crm", "t2", 2), Cycle(), Act("retitle", "cal1", "t2", 15)),
            *(Weather("cal1", "locked", True), Cycle(), Weather("cal1", "locked", False)),
            *(Cycle(), Act("retitle", "crm", "t2", 31), Act("delete", "cal1", "t2", 35)),
        ],
    ),
    "what is duplicated in a calendar that is locked is handed over before anybody looks": (
        company_of(2, (0, ALICE), (4, BOB)),
        [
            *(Act("visit", "crm", "t1", 1, ALICE), Cycle(), Weather("cal1", "locked", True)),
            *(Act("duplicate", "cal1", "t1", 6, "t6"), Cycle()),
            *(Act("hand over", "crm", "t1", 26, BOB), Weather("cal1", "locked", False)),
        ],
    ),
    "a series that was cancelled is split": (
        two(0, 0, person=""),
        [
            *(Act("series", "cal1", "t2", 2), Cycle(), Cycle(), Act("cancel", "crm", "t2", 5)),
            *(Cycle(), Cycle(), Act("split", "crm", "t2", 41, "t41")),
        ],
    ),
    "an answer is taken back to what an old backup has, before anybody looks": (
        two(0, 0, person=""),
        [
            *(Act("visit", "crm", "t1", 1), *FIVE, Act("answer", "cal1", "t1", 9), Cycle()),
            *(Act("answer", "cal1", "t1", 20), Restart(backup=True)),
        ],
    ),
    "a backup from before a series with rows, which its calendar has cancelled": (
        Company(company_of(1, (0, ALICE), (3, BOB)).desks, ("cal1", "crm", "cal2")),
        [
            *(*FIVE, Act("series", "cal2", "t18", 18, ALICE), Cycle()),
            *(Act("cancel", "cal2", "t18", 21), Restart(backup=True)),
        ],
    ),
    "what was just made is moved to another key, and its cycle settles twice": (
        company_of(0, (4, ALICE), (0, ""), (5, CHEN)),
        [
            *(Act("visit", "cal1", "t2", 2, ALICE), Act("visit", "crm", "t36", 36, CHEN), Cycle()),
            *(Act("move key", "cal2", "t36", 39), Act("hand over", "crm", "t2", 43, CHEN)),
        ],
    ),
    "a backup of which only an answer tells what the CRM has, and it is deleted after an edit": (
        Company(two(1, 0, person="").desks, ("cal1", "crm")),
        [
            *(*FIVE[:4], Act("visit", "cal1", "t24", 24), Cycle(), Act("note", "cal1", "t24", 29)),
            *(Cycle(), Cycle(), Act("delete", "crm", "t24", 38), Restart(backup=True)),
        ],
    ),
    "an old backup, a CRM that does not answer, and a visit that its calendar cancels": (
        two(0, 1),
        [
            *(*FIVE, Act("visit", "crm", "t1", 1, ALICE), Cycle(), Weather("crm", "down", True)),
            *(Restart(backup=True), Cycle(), Act("cancel", "cal1", "t1", 1), Cycle()),
            Weather("crm", "down", False),
        ],
    ),
    "an old backup, a CRM that does not answer, and a visit that goes from its calendar": (
        two(2, 4),
        [
            *(*FIVE, Act("visit", "crm", "t1", 1, ALICE), Cycle(), Weather("crm", "down", True)),
            *(Restart(backup=True), Cycle(), Act("delete", "cal1", "t1", 1), Cycle()),
            *(Weather("crm", "down", False), Cycle(), Act("note", "crm", "t1", 9)),
        ],
    ),
    "an old backup, a CRM that does not answer, and a series with rows that it has handed over": (
        two(0, 4),
        [
            *(*FIVE, Act("series", "crm", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Weather("crm", "down", True), Restart(backup=True), Cycle()),
            *(Act("hand over", "crm", "t1", 5, BOB), Act("cancel", "cal1", "t1", 2), Cycle()),
            Weather("crm", "down", False),
        ],
    ),
    "an old backup, and a visit that was moved where it left when nobody else took a write": (
        company_of(0, (0, ALICE), (0, BOB)),
        [
            *(Act("visit", "crm", "t1", 1, ALICE), Cycle(), Act("hand over", "crm", "t1", 15, BOB)),
            *(Weather("cal1", "locked", True), Act("move", "cal1", "t1", 20), *FIVE[1:]),
            *(Weather("cal2", "locked", True), Weather("crm", "locked", True)),
            *(Weather("cal1", "locked", False), Pass(600), Cycle(), Restart(backup=True)),
        ],
    ),
    "who set a time has moved on from it, and an old state has one that a calendar never showed": (
        company_of(1, (5, ""), (4, ""), (3, CHEN), (1, DORA)),
        [
            *(Act("visit", "cal4", "t1", 1, DORA), *[Cycle()] * 6, Act("move", "crm", "t1", 21)),
            *(Weather("cal2", "locked", True), *[Cycle()] * 4, Weather("cal2", "locked", False)),
            *(Act("move", "cal1", "t1", 29), Pass(600), Cycle(), Restart(backup=True)),
        ],
    ),
}
