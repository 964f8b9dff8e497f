"""Plays that once ended in complaints, shrunk: a company and the steps of its people."""

from __future__ import annotations

from tests.world.company import CALENDARS, CRMS, DOMAIN, HOSTED, Company, Desk
from tests.world.steps import Act, Cycle, Kill, Pass, Restart, Step, Weather

ALICE, BOB, CHEN = f"alice@{DOMAIN}", f"bob@{DOMAIN}", f"陈@{DOMAIN}"
DORA = f"dora@{DOMAIN}"

FIVE: list[Step] = [Cycle()] * 5
"""Cycles up to a backup."""


def two(crm: int, calendar: int, *, person: str = ALICE) -> Company:
    """A CRM and one calendar, of these kinds; the CRM ranks first."""
    desks = (
        Desk(name="crm", abilities=CRMS[crm]),
        Desk(name="cal1", abilities=CALENDARS[calendar], person=person),
    )
    return Company(desks, ("crm", "cal1"))


def company_of(crm: int, *calendars: tuple[int, str]) -> Company:
    """A CRM and calendars, each of a kind and somebody's; ranked in this order."""
    desks = [Desk(name="crm", abilities=CRMS[crm])]
    for kind, person in calendars:
        desks.append(Desk(name=f"cal{len(desks)}", abilities=CALENDARS[kind], person=person))
    return Company(tuple(desks), tuple(desk.name for desk in desks))


def _hosted(name: str, vendor: str, person: str = "") -> Desk:
    """A calendar of a vendor over HTTP."""
    return Desk(name=name, abilities=HOSTED[vendor], person=person, vendor=vendor)


PLAYS: dict[str, tuple[Company, list[Step]]] = {
    "a client moves an item to another key": (
        two(0, 2),
        [Act("visit", "cal1", "t2", 2, ALICE), Cycle(), Act("move key", "cal1", "t2", 4)],
    ),
    "a client moves a series to another key": (
        two(1, 0, person=""),
        [Act("series", "cal1", "t3", 3, ALICE), Cycle(), Cycle(), Act("move key", "cal1", "t3", 4)],
    ),
    "an item is moved in the CRM while its time is changed": (
        two(2, 3),
        [
            *(Act("visit", "crm", "t4", 4, ALICE), Cycle(), Act("move key", "crm", "t4", 12)),
            Act("move", "cal1", "t4", 14),
        ],
    ),
    "an item is duplicated before it was ever seen": (
        two(0, 3, person=""),
        [Act("visit", "crm", "t2", 2), Act("duplicate", "crm", "t2", 5, "t5")],
    ),
    "the row of an occurrence is deleted before it was seen": (
        two(1, 5, person=""),
        [Act("series", "cal1", "t8", 8), Cycle(), Act("drop occurrence", "crm", "t8", 13)],
    ),
    "a backup from before a visit, while the CRM is down": (
        two(1, 4),
        [
            *FIVE,
            Act("visit", "cal1", "t15", 15, ALICE),
            Cycle(),
            Weather("crm", "down", True),
            Restart(backup=True),
            *(Cycle(), Pass(600), Cycle(), Pass(20), Cycle(), Pass(20)),
        ],
    ),
    "a backup from before a series that stands as rows": (
        two(2, 3),
        [*FIVE, Act("series", "cal1", "t16", 16, ALICE), Cycle(), Restart(backup=True)],
    ),
    "a record is deleted before it was seen": (
        two(1, 2, person=""),
        [Act("visit", "cal1", "t9", 9), Cycle(), Act("delete", "crm", "t9", 37)],
    ),
    "a record is duplicated before it was seen": (
        two(1, 0),
        [Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Act("duplicate", "crm", "t1", 28, "t28")],
    ),
    "what the CRM deleted is put back by a phone": (
        two(2, 0),
        [
            Act("visit", "crm", "t4", 4, ALICE),
            Cycle(),
            Act("delete", "crm", "t4", 12),
            Cycle(),
            Cycle(),
            Act("put back", "cal1", "t4", 16),
        ],
    ),
    "a duplicate is moved to another key while its original is deleted": (
        two(0, 5, person=""),
        [
            *(Act("visit", "crm", "t1", 1), Cycle(), Cycle()),
            *(Act("duplicate", "cal1", "t1", 22, "t22"), Cycle(), Cycle()),
            *(Act("move key", "cal1", "t22", 23), Act("delete", "cal1", "t1", 24)),
        ],
    ),
    "an occurrence is dropped from its series while its row is renamed": (
        two(1, 3, person=""),
        [
            *(Act("series", "cal1", "t2", 2), Cycle(), Cycle()),
            Act("drop occurrence", "cal1", "t2", 15),
            Act("retitle", "crm", "t2", 16),
        ],
    ),
    "what is cancelled is duplicated": (
        two(1, 0),
        [
            *(Act("visit", "cal1", "t2", 2, ALICE), Cycle()),
            *(Act("cancel", "crm", "t2", 13), Act("duplicate", "crm", "t2", 21, "t21")),
        ],
    ),
    "a backup from before a visit whose record is deleted": (
        two(0, 4, person=""),
        [
            *(*FIVE, Act("visit", "cal1", "t37", 37), Cycle()),
            *(Act("delete", "crm", "t37", 40), Restart(backup=True)),
        ],
    ),
    "an edit in a calendar that is down goes with its copy": (
        two(0, 5, person=""),
        [
            *(Act("visit", "crm", "t2", 2), Cycle(), Act("invite", "cal1", "t2", 25)),
            *(Weather("cal1", "down", True), Cycle()),
            *(Act("delete", "cal1", "t2", 33), Act("retitle", "crm", "t2", 38)),
        ],
    ),
    "what a person duplicated is deleted and has to be made again": (
        company_of(2, (0, BOB), (1, CHEN), (4, "")),
        [
            *(Act("visit", "crm", "t1", 1, CHEN), Cycle(), Act("invite", "crm", "t1", 27)),
            *(Weather("crm", "locked", True), Act("duplicate", "cal3", "t1", 34, "t34")),
            *(Cycle(), Cycle(), Act("delete", "cal3", "t1", 42)),
        ],
    ),
    "a record is duplicated and moved to another key": (
        two(0, 0),
        [
            *(Act("visit", "crm", "t3", 3, ALICE), Cycle(), Cycle()),
            *(Act("duplicate", "crm", "t3", 12, "t12"), Act("move key", "crm", "t3", 17)),
        ],
    ),
    "a backup from before a duplicate": (
        company_of(1, (0, ""), (4, BOB)),
        [
            *(Act("visit", "crm", "t1", 1, BOB), *FIVE),
            *(Act("duplicate", "cal1", "t1", 30, "t30"), Cycle()),
            *(Act("delete", "crm", "t1", 35), Cycle(), Restart(backup=True)),
        ],
    ),
    "a backup from before a duplicate of a record": (
        company_of(1, (5, ALICE), (2, BOB), (4, "")),
        [
            *(Cycle(), Cycle(), Act("visit", "cal1", "t15", 15, ALICE), Cycle(), Cycle(), Cycle()),
            *(Act("duplicate", "crm", "t15", 35, "t35"), Cycle(), Cycle(), Restart(backup=True)),
        ],
    ),
    "a series is split while the CRM does not answer": (
        two(0, 2),
        [
            *(Act("series", "crm", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Weather("crm", "down", True), Act("split", "cal1", "t1", 43, "t43"), Cycle()),
        ],
    ),
    "a record is deleted while its copy is duplicated": (
        company_of(2, (1, ALICE), (4, "")),
        [
            *(Act("visit", "crm", "t19", 19, ALICE), Cycle()),
            *(Act("delete", "crm", "t19", 26), Act("duplicate", "cal1", "t19", 27, "t27")),
        ],
    ),
    "a row is renamed whose occurrence was dropped": (
        two(2, 3, person=""),
        [
            *(Act("series", "cal1", "t10", 10), Cycle(), Cycle()),
            *(Weather("crm", "read_only", True), Act("drop occurrence", "cal1", "t10", 31)),
            *(Cycle(), Act("retitle occurrence", "crm", "t10", 43)),
        ],
    ),
    "a series is split in another calendar than it was born in": (
        company_of(1, (0, ALICE), (2, "")),
        [
            *(Act("series", "cal1", "t7", 7, ALICE), Cycle(), Cycle()),
            Act("split", "cal2", "t7", 41, "t41"),
        ],
    ),
    "an answer is taken back that came by a write that was sent twice": (
        company_of(0, (2, ALICE), (5, "")),
        [
            *(Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Act("answer", "cal2", "t1", 5)),
            *(Weather("cal1", "doubled", 0.6), Cycle(), Act("answer", "cal2", "t1", 12)),
        ],
    ),
    "killed before what an old backup does not know is settled": (
        two(1, 5),
        [
            *(*FIVE, Act("visit", "cal1", "t22", 22, ALICE), Cycle()),
            *(Weather("cal1", "locked", True), Restart(backup=True), Kill(12), Cycle()),
        ],
    ),
    "a row is renamed while its series is split before it": (
        company_of(1, (3, CHEN), (1, "")),
        [
            *(Act("series", "cal1", "t1", 1, BOB), Cycle(), Cycle()),
            *(Act("split", "cal2", "t1", 14, "t14"), Act("retitle", "crm", "t1", 15)),
        ],
    ),
    "a row that was never seen is deleted while its occurrence is moved": (
        two(1, 1, person=""),
        [
            *(Act("series", "cal1", "t3", 3), Cycle(), Weather("crm", "down", True)),
            *(Act("drop occurrence", "crm", "t3", 20), Cycle()),
            *(Act("move occurrence", "cal1", "t3", 20), Cycle()),
        ],
    ),
    "a backup from before a series is deleted, whose rows are cancelled": (
        two(1, 0, person=""),
        [
            *(*FIVE[:4], Act("series", "cal1", "t31", 31), Cycle()),
            *(Act("delete", "cal1", "t31", 37), Cycle(), Restart(backup=True)),
        ],
    ),
    "a backup from before a series that is deleted and stays in one calendar": (
        company_of(1, (5, ""), (2, "")),
        [
            *(*FIVE, Act("series", "cal2", "t31", 31), Cycle()),
            *(Act("delete", "cal1", "t31", 37), Weather("cal2", "read_only", True)),
            *(Cycle(), Restart(backup=True)),
        ],
    ),
    "a backup from before a series, while the CRM with its rows is down": (
        two(1, 2),
        [
            *(*FIVE, Act("series", "cal1", "t27", 27), Cycle()),
            *(Weather("crm", "down", True), Restart(backup=True), Cycle()),
        ],
    ),
    "a backup from before a series, while its calendar is down": (
        two(2, 3),
        [
            *(*FIVE, Act("series", "cal1", "t27", 27), Cycle()),
            *(Weather("cal1", "down", True), Restart(backup=True), Cycle()),
        ],
    ),
    "a guest of one row, and a backup from before its series": (
        two(1, 1),
        [
            *(*FIVE, Act("series", "cal1", "t16", 16), Cycle(), Cycle()),
            *(Act("invite", "crm", "t16", 31), Restart(backup=True)),
        ],
    ),
    "an invitation comes beside our copy, which cannot be taken away": (
        company_of(0, (0, ALICE), (1, "")),
        [
            *(Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Weather("cal2", "read_only", True), Act("arrive", "cal2", "t1", 1), Cycle()),
            *(Act("move", "cal1", "t1", 5), Act("place", "cal2", "t1", 6), Cycle(), Cycle()),
        ],
    ),
    "an invitation is written over our copy, which somebody had just changed": (
        company_of(1, (3, ALICE), (0, "")),
        [
            *(Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Act("note", "cal2", "t1", 5), Act("arrive", "cal2", "t1", 3)),
        ],
    ),
    "a backup from before an invitation took the place of our copy": (
        company_of(0, (2, ALICE), (4, "")),
        [
            *(Act("visit", "cal1", "t1", 1, ALICE), *FIVE, Act("arrive", "cal2", "t1", 1)),
            *(Cycle(), Cycle(), Act("retitle", "cal2", "t1", 6), Restart(backup=True)),
        ],
    ),
    "a backup from before a meeting, with an invitation beside our copy": (
        company_of(2, (1, ALICE), (0, "")),
        [
            *(*FIVE, Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Weather("cal2", "read_only", True), Act("arrive", "cal2", "t1", 1), Cycle()),
            Restart(backup=True),
        ],
    ),
    "a series to which an invitation comes while its occurrences are changed": (
        company_of(1, (0, ALICE), (2, "")),
        [
            *(Act("series", "cal1", "t1", 1, ALICE), Cycle(), Cycle()),
            *(Act("move occurrence", "cal1", "t1", 4), Act("arrive", "cal2", "t1", 1)),
            *(Cycle(), Act("drop occurrence", "cal2", "t1", 8), Cycle()),
        ],
    ),
    "a backup from before a series that one calendar has split": (
        Company(company_of(1, (0, ALICE), (1, ""), (3, "")).desks, ("crm", "cal1", "cal3", "cal2")),
        [
            *(*FIVE, Act("series", "cal1", "t33", 33, ALICE), Cycle()),
            *(Act("split", "cal2", "t33", 35, "t35"), Restart(backup=True)),
        ],
    ),
    "a series is handed over twice, in two of its rows": (
        Company(
            company_of(2, (0, ALICE), (1, BOB), (3, CHEN)).desks, ("crm", "cal3", "cal1", "cal2")
        ),
        [
            *(
                Act("series", "cal2", "t1", 1, BOB),
                Cycle(),
                Act("hand over", "crm", "t1", 8, ALICE),
            ),
            *(Cycle(), Act("hand over", "crm", "t1", 27, CHEN)),
        ],
    ),
    "a backup from before a series that is handed over and then stands in rows alone": (
        company_of(1, (3, ALICE), (4, BOB)),
        [
            *(*FIVE, Act("series", "cal1", "t3", 3, ALICE), Cycle(), Cycle()),
            *(Act("hand over", "crm", "t3", 8, BOB), Cycle(), Restart(backup=True)),
        ],
    ),
    "a backup from before an edit, and a deletion before anybody looks": (
        Company(company_of(0, (0, ""), (1, "")).desks, ("cal1", "cal2", "crm")),
        [
            *(Act("visit", "cal2", "t1", 1), *FIVE, Act("retitle", "cal1", "t1", 16), Cycle()),
            *(Restart(backup=True), Act("delete", "cal1", "t1", 42)),
        ],
    ),
    "a duplicate is first seen when its original has been cancelled": (
        company_of(0, (0, ""), (1, "")),
        [
            *(Act("visit", "cal2", "t2", 2), Cycle(), Cycle()),
            *(Act("duplicate", "cal1", "t2", 21, "t21"), Weather("cal1", "broken_listings", 1.0)),
            *(Act("cancel", "crm", "t2", 31), Cycle()),
        ],
    ),
    "a series is cut down to the occurrence that somebody has just dropped": (
        Company(
            company_of(2, (0, ALICE), (1, ""), (3, CHEN)).desks, ("cal1", "crm", "cal3", "cal2")
        ),
        [
            *(Act("series", "cal1", "t3", 3, CHEN), Cycle()),
            *(Act("drop occurrence", "crm", "t3", 6), Act("split", "cal2", "t3", 12, "t12")),
            *(Weather("cal2", "down", True), Cycle(), Act("invite", "crm", "t3", 28)),
        ],
    ),
    "a phone puts back a visit that was handed over": (
        company_of(1, (0, ""), (5, ""), (3, CHEN), (2, DORA)),
        [
            *(Act("visit", "crm", "t1", 1, DORA), Cycle()),
            *(Act("hand over", "crm", "t1", 12, CHEN), Cycle()),
            Act("put back", "cal4", "t1", 15),
        ],
    ),
    "a phone puts back a series in another calendar than it was born in": (
        company_of(0, (0, ""), (2, BOB), (1, ""), (5, "")),
        [
            *(Act("series", "cal2", "t3", 3, BOB), Cycle()),
            *(Act("delete", "crm", "t3", 4), Cycle(), Cycle()),
            Act("put back", "cal1", "t3", 13),
        ],
    ),
}

VENDORS: dict[str, tuple[int, Company, list[Step]]] = {
    "a series is cut down to the occurrence that somebody has just dropped": (
        291,
        Company(
            (
                Desk(name="crm", abilities=CRMS[2]),
                _hosted("cal1", "microsoft365", ALICE),
                _hosted("cal2", "google"),
                Desk(name="cal3", abilities=CALENDARS[3], person=CHEN),
            ),
            ("cal1", "crm", "cal3", "cal2"),
        ),
        [
            *(Act("series", "cal1", "t3", 3, CHEN), Cycle()),
            *(Act("drop occurrence", "crm", "t3", 6), Act("split", "cal2", "t3", 12, "t12")),
        ],
    ),
    "the answer to the first step of a new series is lost": (
        256,
        Company(
            (
                Desk(name="crm", abilities=CRMS[1]),
                _hosted("cal1", "google"),
                _hosted("cal2", "microsoft365", BOB),
                _hosted("cal3", "microsoft365", CHEN),
            ),
            ("crm", "cal2", "cal3", "cal1"),
        ),
        [
            *(Act("visit", "cal2", "t1", 1, CHEN), Act("series", "cal1", "t3", 3, BOB)),
            *(Weather("cal2", "lost_answers", 0.4), Cycle(), Act("note", "crm", "t3", 19)),
            *(Act("hand over", "crm", "t3", 21, BOB), Cycle()),
        ],
    ),
}
"""Those over HTTP, each with the seed of its weather."""
