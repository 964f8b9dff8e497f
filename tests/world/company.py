"""A company and its bridge: a CRM and calendars of unequal abilities, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from connectors.google.translate import fidelity_of as google
from connectors.microsoft365.translate import fidelity_in as microsoft365
from syncd.core.fidelity import Fidelity
from syncd.core.model import FIELDS
from tests.world.abilities import Abilities

DOMAIN = "example.com"
"""Whose addresses are colleagues."""

CUSTOMER = "wang@kunde.example"
"""The customer's address; every visit has it as an attendee, so that calendars admit visits."""

CRM = "crm"
"""The first channel of every company; it admits and holds everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One channel. ``person``: whose calendar it is, which then holds what is theirs.

    Without a person it holds everything. Calendars admit appointments with customers. ``vendor``:
    whose calendar it is (``google``, ``microsoft365``); empty: one in memory.
    """

    name: str
    abilities: Abilities
    person: str = ""
    vendor: str = ""

    @property
    def fidelity(self) -> Fidelity:
        """What it carries."""
        return self.abilities.fidelity


@dataclass(frozen=True, slots=True)
class Company:
    """The channels of a bridge in configured order, and one rule for all fields: ``ranking``.

    The rule is ``prefer = ranking``, but for those fields of which it ``asks``: they wait for a
    person, who takes the value of the first in the ranking. Limits on deletions are to be off:
    people here are few and delete much. Where it ``holds``, more than a few writes an hour
    wait for somebody who approves of all that he is shown. ``late``: looks that take so long that
    the cycle goes on without them.
    """

    desks: tuple[Desk, ...]
    ranking: tuple[str, ...]
    asks: tuple[str, ...] = ()
    holds: bool = False
    late: bool = False

    def desk(self, name: str) -> Desk:
        """The channel with this name."""
        return next(desk for desk in self.desks if desk.name == name)

    @property
    def colleagues(self) -> tuple[str, ...]:
        """The people whose calendars are in the bridge."""
        return tuple(desk.person for desk in self.desks if desk.person)


_PLAIN = frozenset(FIELDS) - {"owner", "customer", "custom", "kind", "resources"}
_FULL = Fidelity(default_zone="Asia/Shanghai")
_ROWS = Fidelity(
    carries=frozenset(FIELDS) - {"recurrence", "overrides"},
    recurrence=False,
    zone="UTC",
    floating=False,
    default_zone="Asia/Shanghai",
)
_CALENDAR = Fidelity(carries=_PLAIN, default_zone="Asia/Shanghai")
_SHORT = Fidelity(
    carries=_PLAIN,
    lengths={"title": 12, "location": 20},
    resolution=300,
    default_zone="Asia/Shanghai",
)
_FLAT = Fidelity(
    carries=_PLAIN - {"recurrence", "overrides"},
    recurrence=False,
    attendee_parts=frozenset({"response"}),
    default_zone="Asia/Shanghai",
)

CRMS = (
    Abilities(role="crm", fidelity=_FULL),
    Abilities(role="crm", fidelity=_ROWS, cursors=False, client_keys=False, answers="version"),
    Abilities(role="crm", fidelity=_ROWS, versions=False, tells_time=False, client_keys=False),
)
CALENDARS = (
    Abilities(fidelity=_CALENDAR, unique_uids=True, reorders=True, answers="nothing"),
    Abilities(fidelity=_CALENDAR, burnt_keys=True, unordered=True, always_mails=True, mute=0.5),
    Abilities(fidelity=_SHORT, tombstones=False, skew=timedelta(minutes=9)),
    Abilities(fidelity=_CALENDAR, forgiving=True, repeats=0.3, trims=True, answers="version"),
    Abilities(fidelity=_FLAT, client_keys=False, tells_time=False),
    Abilities(fidelity=_SHORT, cursors=False, versions=False, unordered=True),
)
HOSTED = {
    "google": Abilities(fidelity=google("Asia/Shanghai")),
    "microsoft365": Abilities(fidelity=microsoft365("Asia/Shanghai")),
}
"""What the calendars of vendors can do, as their connectors say."""

_PEOPLE = ("alice", "bob", "陈", "dora")


def a_company(random: Random) -> Company:
    """Two to five channels: a CRM, and calendars of which most belong to somebody."""
    desks = [Desk(name=CRM, abilities=random.choice(CRMS))]
    kinds = random.sample(CALENDARS, random.randint(1, 4))
    for name, abilities in zip(_PEOPLE, kinds, strict=False):
        owned = random.random() < 0.6
        person = f"{name}@{DOMAIN}" if owned else ""
        desks.append(Desk(name=f"cal{len(desks)}", abilities=abilities, person=person))
    ranking = [desk.name for desk in desks]
    random.shuffle(ranking)
    return Company(tuple(desks), tuple(ranking))


def a_hosted_company(random: Random) -> Company:
    """A CRM in memory and two or three calendars, among them one of each vendor."""
    desks = [Desk(name=CRM, abilities=random.choice(CRMS))]
    kinds = [*HOSTED, *random.sample((*HOSTED, ""), random.randint(0, 1))]
    random.shuffle(kinds)
    for name, vendor in zip(_PEOPLE, kinds, strict=False):
        abilities = HOSTED[vendor] if vendor else random.choice(CALENDARS)
        person = f"{name}@{DOMAIN}" if random.random() < 0.6 else ""
        made = Desk(name=f"cal{len(desks)}", abilities=abilities, person=person, vendor=vendor)
        desks.append(made)
    ranking = [desk.name for desk in desks]
    random.shuffle(ranking)
    return Company(tuple(desks), tuple(ranking))
