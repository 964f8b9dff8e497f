"""What is wrong, as a pure function of facts. Nothing here remembers what has been said.

Entries name systems, bridges and channels and count; they hold nothing personal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.config import Topic

EXPIRING = timedelta(days=14)
"""A token that ends within this time is told of,"""

SOON = timedelta(days=3)
"""and within this time again,"""

LEAST_FREE = 100_000_000
"""Bytes that must be free where the state is kept: a day of a large installation's writes."""

OWED_AFTER = timedelta(minutes=20)
"""So long a write may be owed before it is told: the alert SyncdWritesOwed waits as long."""

FAILING = timedelta(minutes=1)
"""So long every cycle must have failed before it is told: one may meet a locked database."""


@dataclass(frozen=True, slots=True)
class Held:
    """A bridge, or the installation, that stopped itself. ``sources``: the channels in which the
    edits and deletions were made, ``since``: when the first of them was seen."""

    scope: str
    writes: int
    reason: str
    sources: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """A channel that has not been seen since ``since`` (as long as it was tried)."""

    channel: str
    system: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What a channel that answers has not taken: so many writes, the first one since ``since``."""

    system: str
    writes: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How things are at ``now``.

    ``readable``: whether the state could be read; if not, what is kept in it is unknown.
    ``refused``: systems that refuse our sign-in. ``waiting``: decisions by bridge. ``aside``:
    items by system. ``silent``: channels that do not answer, ``channels``: how many a system
    has. ``owed``: channels that answer, and are owed writes. ``expiring``: when the token of a
    system ends. ``failing``: since when every cycle has failed, ``fault`` is the class of the
    last error. ``free``: bytes, ``None`` if unknown.
    """

    now: datetime
    readable: bool = True
    holds: tuple[Held, ...] = ()
    refused: frozenset[str] = frozenset()
    waiting: Mapping[str, int] = field(default_factory=dict)
    aside: Mapping[str, int] = field(default_factory=dict)
    silent: tuple[Silent, ...] = ()
    channels: Mapping[str, int] = field(default_factory=dict)
    owed: tuple[Unwritten, ...] = ()
    expiring: Mapping[str, datetime] = field(default_factory=dict)
    failing: datetime | None = None
    fault: str = ""
    free: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an alert. What ``count`` counts (of ``total``) depends on the topic.

    ``source``: the channels where it was done. ``stage``: one of several kinds of a topic, or how
    bad it is; a new one is news.
    """

    subject: str
    count: int = 1
    total: int = 0
    note: str = ""
    source: str = ""
    stage: str = ""
    at: datetime | None = None

    @property
    def name(self) -> str:
        """What tells this entry from others: if it was not told, it is news."""
        return f"{self.subject} {self.stage}".rstrip()


@dataclass(frozen=True, slots=True)
class Alert:
    """A topic in which something is wrong."""

    topic: Topic
    entries: tuple[Entry, ...]

    @property
    def count(self) -> int:
        """How much is wrong."""
        return sum(entry.count for entry in self.entries)

    @property
    def names(self) -> frozenset[str]:
        """Where it is wrong."""
        return frozenset(entry.name for entry in self.entries)


def judged(facts: Facts) -> frozenset[Topic]:
    """The topics that these facts say something about."""
    return frozenset(Topic) if facts.readable else frozenset({Topic.STATE})


def alerts(facts: Facts, silent_after: timedelta) -> list[Alert]:
    """Everything that is wrong, worst first within a topic; nothing if all is well."""
    found = {
        Topic.STATE: _state(facts),
        Topic.HOLDS: _holds(facts),
        Topic.SIGN_IN: (Entry(subject=system) for system in facts.refused),
        Topic.SILENT: _silent(facts, silent_after),
        Topic.OWED: _owed(facts),
        Topic.TOKENS: _tokens(facts),
        Topic.CONFLICTS: _counted(facts.waiting),
        Topic.ASIDE: _counted(facts.aside),
    }
    sayable = judged(facts)
    entries = {
        topic: tuple(sorted(each, key=lambda entry: (-entry.count, entry.subject)))
        for topic, each in found.items()
        if topic in sayable
    }
    return [Alert(topic, each) for topic, each in entries.items() if each]


def _holds(facts: Facts) -> Iterator[Entry]:
    for each in facts.holds:
        yield Entry(
            subject=each.scope,
            count=each.writes,
            note=each.reason,
            source=", ".join(each.sources),
            at=each.since,
        )


def _counted(counts: Mapping[str, int]) -> Iterator[Entry]:
    for subject, count in counts.items():
        if count:
            yield Entry(subject=subject, count=count)


def _state(facts: Facts) -> Iterator[Entry]:
    if not facts.readable:
        yield Entry(subject="state", stage="unreadable", note=facts.fault)
    elif facts.failing is not None and facts.now - facts.failing >= FAILING:
        yield Entry(subject="state", stage="failing", note=facts.fault)
    if facts.free is not None and facts.free < LEAST_FREE:
        yield Entry(subject="disk", stage="full", total=facts.free // 1_000_000)


def _silent(facts: Facts, silent_after: timedelta) -> Iterator[Entry]:
    """By system: where a server is down, all its channels are silent."""
    first: dict[str, datetime] = {}
    counts: dict[str, int] = {}
    for each in facts.silent:
        if facts.now - each.since < silent_after or each.system in facts.refused:
            continue
        first[each.system] = min(each.since, first.get(each.system, each.since))
        counts[each.system] = counts.get(each.system, 0) + 1
    for system, count in counts.items():
        total = facts.channels.get(system, 0)
        yield Entry(subject=system, count=count, total=total, at=first[system])


def _owed(facts: Facts) -> Iterator[Entry]:
    """By system: one that takes no writes takes none for any of its channels."""
    for system in dict.fromkeys(each.system for each in facts.owed):
        these = [each for each in facts.owed if each.system == system]
        since = min(each.since for each in these)
        if facts.now - since >= OWED_AFTER:
            yield Entry(subject=system, count=sum(each.writes for each in these), at=since)


def _tokens(facts: Facts) -> Iterator[Entry]:
    for system, at in facts.expiring.items():
        left = at - facts.now
        if left <= EXPIRING:
            stage = "over" if left <= timedelta() else "soon" if left <= SOON else "coming"
            yield Entry(subject=system, stage=stage, at=at)
