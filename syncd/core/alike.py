"""Whether copies of two channels look like one appointment: time, title and people."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache

from syncd.core.fidelity import Fidelity, fills_length, project_when
from syncd.core.model import AllDay, Appointment, RecurrenceId, When
from syncd.core.recurrence import BadRecurrence, canonical_rule, span_utc

SIMILAR = 0.6
"""How alike two titles at the same time are that make a match doubtful (a ratio, 1 is equal)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A copy that may stand for the same appointment as one of another channel.

    ``ref`` is handed back. ``people``: addresses of those whose copy it is (the channel's
    person); owner, attendees and customer are taken from ``reads``.
    """

    ref: Hashable
    channel: str
    reads: Appointment
    fidelity: Fidelity
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Copies of one channel that cannot be told apart; or an occurrence of a series (``slot``).

    ``title`` is plain; ``shortened``: it may have been cut. ``core``: whose copy it is;
    ``everybody``: all addresses in it. ``repeats``: what makes two series equal.
    """

    channel: str
    reads: Appointment
    fidelity: Fidelity
    refs: tuple[Hashable, ...]
    start: datetime
    title: str
    shortened: bool
    core: frozenset[str]
    everybody: frozenset[str]
    repeats: tuple[tuple[str, ...], tuple[str, ...]] | None
    slot: RecurrenceId = ""


def nodes_of(candidates: Sequence[Candidate]) -> list[Node]:
    """The copies, those together that one channel holds alike."""
    alike: dict[tuple[object, ...], list[Candidate]] = defaultdict(list)
    for each in candidates:
        reads = each.reads
        looks = (reads.when, reads.title, reads.customer, reads.owner, reads.attendees)
        alike[each.channel, *looks, reads.organizer, reads.recurrence, each.people].append(each)
    return [_node(group) for group in alike.values()]


def _node(group: Sequence[Candidate]) -> Node:
    one = group[0]
    reads, fidelity = one.reads, one.fidelity
    core = (one.people | {reads.owner}) - {""}
    organizer = {reads.organizer.email} if reads.organizer else set()
    customer = {reads.customer.email} - {""} if reads.customer else set()
    everybody = core | organizer | customer | {each.email for each in reads.attendees}
    return Node(
        channel=one.channel,
        reads=reads,
        fidelity=fidelity,
        refs=tuple(sorted({each.ref for each in group}, key=repr)),
        start=span_utc(reads.when, fidelity.default_zone)[0],
        title=plain(reads.title),
        shortened=fills_length("title", reads.title, fidelity),
        core=frozenset(core),
        everybody=frozenset(everybody),
        repeats=_repeats(reads),
    )


def _repeats(reads: Appointment) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    if reads.recurrence is None:
        return None
    return tuple(sorted(map(_canonical, reads.recurrence.rules))), reads.recurrence.dates


def _canonical(rule: str) -> str:
    try:
        return canonical_rule(rule)
    except BadRecurrence:
        return rule


@lru_cache(maxsize=65_536)
def plain(title: str) -> str:
    """A title without case, blanks and widths."""
    return "".join(unicodedata.normalize("NFKC", title).casefold().split())


def titles_of(series: Appointment) -> set[str]:
    """The titles that a series or one of its occurrences has."""
    own = {
        value
        for _, override in series.overrides
        for name, value in override.values
        if name == "title" and isinstance(value, str)
    }
    return {plain(title) for title in own | {series.title}}


def is_same(a: Node, b: Node) -> bool:
    """Whether nothing tells the two apart; without titles, only if they share a person."""
    if not _same_title(a, b) or not people_agree(a, b) or a.repeats != b.repeats:
        return False
    if is_nameless(a, b) and not a.everybody & b.everybody:
        return False
    return same_time(a, b)


def _same_title(a: Node, b: Node) -> bool:
    if a.title == b.title or is_nameless(a, b):
        return True
    return (a.shortened and b.title.startswith(a.title)) or (
        b.shortened and a.title.startswith(b.title)
    )


def is_nameless(a: Node, b: Node) -> bool:
    """Whether the titles say nothing: not carried, or both empty."""
    if "title" not in a.fidelity.carries or "title" not in b.fidelity.carries:
        return True
    return not a.title and not b.title


def same_time(a: Node, b: Node) -> bool:
    """Whether both channels would hold the same time: each as coarse as the other."""
    if a.reads.when == b.reads.when:
        return True
    fine, coarse = sorted((a.fidelity, b.fidelity), key=_coarseness)
    one, other = (_held(each.reads.when, fine, coarse) for each in (a, b))
    if isinstance(one, AllDay) or isinstance(other, AllDay):
        return one == other
    return span_utc(one, coarse.default_zone) == span_utc(other, coarse.default_zone)


def _coarseness(fidelity: Fidelity) -> tuple[int, str, str, bool, bool]:
    zone = fidelity.zone or ""
    return fidelity.resolution, zone, fidelity.default_zone, fidelity.floating, fidelity.all_day


def _held(when: When, fine: Fidelity, coarse: Fidelity) -> When:
    return project_when(project_when(when, fine), coarse)


def people_agree(a: Node, b: Node) -> bool:
    """Whether the people do not contradict: they overlap, or one side names none."""
    if a.core and b.core and not (a.core & b.everybody or b.core & a.everybody):
        return False
    mine = {each.email for each in a.reads.attendees}
    theirs = {each.email for each in b.reads.attendees}
    if mine and theirs and not (mine & b.everybody or theirs & a.everybody):
        return False
    return not (a.reads.customer and b.reads.customer) or _same_customer(a, b)


def _same_customer(a: Node, b: Node) -> bool:
    one, other = a.reads.customer, b.reads.customer
    if one is None or other is None:
        return False
    if one.email and other.email:
        return one.email == other.email
    mine, theirs = plain(one.name), plain(other.name)
    return bool(mine and theirs) and (mine.startswith(theirs) or theirs.startswith(mine))


def likeness(a: Node, b: Node) -> str:
    """What two copies at the same time have in common; empty if that is nothing."""
    if _same_customer(a, b):
        return "same customer"
    if is_nameless(a, b):
        return "no title"
    one, other = sorted((a.title, b.title))
    if not one:
        return ""
    if len(min(one, other, key=len)) > 1 and (one in other or other in one):
        return "similar title"
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return "similar title" if ratio >= SIMILAR else ""
