"""A channel as settling sees it: whose it is, what it carries, what belongs in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.core.fidelity import Fidelity
from syncd.core.rules import RuleSet


class FilterMode(StrEnum):
    """What a filter lets through."""

    ALL = "all"
    NONE = "none"
    CUSTOMERS = "customers"
    OWN = "own"
    MATCH = "match"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which appointments a channel ``admits`` or ``holds``.

    ``customers``: with a customer or an external attendee. ``own``: that the channel's person
    owns, attends or is booked for. ``match``: canonical field name to allowed values, all must
    match.
    """

    mode: FilterMode
    match: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Direction(StrEnum):
    """``from``: only read. ``to``: only written, edits there are put back, deletions respected."""

    BOTH = "both"
    FROM = "from"
    TO = "to"


class Private(StrEnum):
    """How private appointments leave their channel."""

    STAY = "stay"
    BUSY = "busy"
    FULL = "full"


class Privacy(StrEnum):
    """What a channel is given."""

    FULL = "full"
    BUSY = "busy"


class OnExit(StrEnum):
    """What becomes of a copy that its channel no longer holds."""

    WITHDRAW = "withdraw"
    KEEP = "keep"


class OnLeave(StrEnum):
    """What becomes of the coming copies in the calendar of somebody who has left."""

    KEEP = "keep"
    WITHDRAW = "withdraw"


class Cancelled(StrEnum):
    """How a channel shows what was cancelled."""

    REMOVE = "remove"
    MARK = "mark"


CRM_ROLES = frozenset({"crm"})
"""Roles in which a deletion removes the appointment; elsewhere it cancels it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One collection of appointments in a system. ``order`` is its place in the configuration."""

    name: str
    system: str
    role: str
    order: int
    fidelity: Fidelity
    person: str = ""
    admits: Filter = Filter(FilterMode.ALL)
    holds: Filter = Filter(FilterMode.ALL)
    on_exit: OnExit = OnExit.WITHDRAW
    direction: Direction = Direction.BOTH
    private: Private = Private.STAY
    privacy: Privacy = Privacy.FULL
    cancelled: Cancelled = Cancelled.REMOVE
    invite: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_crm(self) -> bool:
        """Whether a deletion here deletes the appointment."""
        return self.role in CRM_ROLES

    @property
    def is_left(self) -> bool:
        """Whether its person has left: nothing belongs in it any more."""
        return self.holds.mode is FilterMode.NONE

    @property
    def is_own(self) -> bool:
        """Whether it holds only what its person takes part in."""
        return bool(self.person) and self.holds.mode is FilterMode.OWN

    def named_by(self, name: str) -> bool:
        """Whether a rule's ``name`` (channel, system or ``role:crm``) means this one."""
        return name in (self.name, self.system, f"role:{self.role}")


@dataclass(frozen=True, slots=True)
class _Index:
    """Who is meant where, so that deciding about one appointment need not ask a thousand channels.

    ``names``: a person to all addresses. ``by_name``: an address to the places, in configured
    order, of the channels that hold only what is their person's; ``shared``: those of all others.
    """

    ordered: Sequence[Channel]
    places: Mapping[str, int]
    shared: Sequence[int]
    by_name: Mapping[str, Sequence[int]]
    names: Mapping[str, frozenset[str]]
    persons: frozenset[str]

    @staticmethod
    def of(channels: Mapping[str, Channel], colleagues: Mapping[str, str]) -> _Index:
        names: dict[str, set[str]] = {}
        for address, person in colleagues.items():
            names.setdefault(person, {person}).add(address)
        ordered = tuple(channels.values())
        shared: list[int] = []
        by_name: dict[str, list[int]] = {}
        for place, channel in enumerate(ordered):
            if not channel.is_own:
                shared.append(place)
                continue
            for name in names.get(channel.person, {channel.person}):
                by_name.setdefault(name, []).append(place)
        return _Index(
            ordered,
            {name: place for place, name in enumerate(channels)},
            shared,
            by_name,
            {person: frozenset(found) for person, found in names.items()},
            frozenset(channel.person for channel in ordered),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a bridge's settling goes by.

    ``channels``: in configured order. ``colleagues``: every address of a colleague to the one
    that stands for the person. ``domains``: whose addresses are colleagues.
    """

    channels: Mapping[str, Channel]
    rules: RuleSet = field(default_factory=RuleSet)
    colleagues: Mapping[str, str] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    _index: _Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _Index.of(self.channels, self.colleagues))

    def is_colleague(self, email: str) -> bool:
        """Whether an address belongs to the company: a person's, a channel's or its domain's."""
        return (
            email in self.colleagues
            or email.rpartition("@")[2] in self.domains
            or email in self._index.persons
        )

    def names_of(self, person: str) -> frozenset[str]:
        """Every address that stands for a person, the own one included."""
        return self._index.names.get(person) or frozenset((person,))

    def concerned(self, names: Iterable[str], having: Collection[str]) -> Iterable[Channel]:
        """The channels that may hold what these addresses take part in, and those in ``having``
        (by name), in configured order. Only channels of persons who are not meant are left out.
        """
        index = self._index
        if not index.by_name:
            return index.ordered
        places = {*index.shared}
        for name in names:
            places.update(index.by_name.get(name, ()))
        places.update(index.places[name] for name in having if name in index.places)
        return [index.ordered[place] for place in sorted(places)]

    def rank(self, name: str, ranking: tuple[str, ...]) -> int:
        """Where a channel stands in a rule's ranking; after all if it is not named."""
        channel = self.channels.get(name)
        for place, named in enumerate(ranking):
            if channel is not None and channel.named_by(named):
                return place
        return len(ranking)
