"""First contact of channels: which copies are the same appointment, without a common name.

A link needs equal time (as both channels can hold it), equal title (which one of them may have
shortened), no contradicting people, and to be the only such pair of the two channels. What is
ambiguous, or nearly equal at the same time, is doubtful: it waits for a person. The order of the
candidates is no matter. Work grows with the copies that begin together, not with all pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.core.alike import (
    Candidate,
    Node,
    is_same,
    likeness,
    nodes_of,
    people_agree,
    plain,
    same_time,
    titles_of,
)
from syncd.core.model import AllDay, RecurrenceId
from syncd.core.recurrence import BadRecurrence, occurrences, span_utc

__all__ = ["SEVERAL", "Candidate", "Doubtful", "Matching", "SlotLink", "match", "ref_text"]

SEVERAL = "several"
"""Why a copy waits that is equal to more than one."""

CROWD = 64
"""Where more copies begin together, only equal titles are compared."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SlotLink:
    """A single copy ``ref`` that is the occurrence ``slot`` of the series ``series``."""

    ref: Hashable
    series: Hashable
    slot: RecurrenceId


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A copy that waits: ``candidates`` (some of them, if there are many) and why."""

    ref: Hashable
    candidates: tuple[Hashable, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Matching:
    """What was found. ``groups``: refs that are one appointment, at most one a channel."""

    groups: tuple[tuple[Hashable, ...], ...] = ()
    slots: tuple[SlotLink, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()


def match(candidates: Sequence[Candidate], *, contacts: Collection[str] | None = None) -> Matching:
    """Match copies across channels; never two of one channel.

    ``contacts``: the channels that meet the others for the first time; of two copies, one at
    least is in such a channel (``None``: all are). Refs come back sorted by their ``repr``.
    """
    if len({each.channel for each in candidates}) < 2:
        return Matching()
    nodes = nodes_of(candidates)
    index = _Index(nodes)
    edges: dict[Node, set[Node]] = defaultdict(set)
    for node in nodes:
        for other in index.same_title(node):
            if _may_meet(node, other, contacts) and is_same(node, other):
                edges[node].add(other)
                edges[other].add(node)
        for slot in index.slots(node):
            if _may_meet(node, slot, contacts):
                edges[node].add(slot)
                edges[slot].add(node)
    links = [(a, b) for a in edges for b in edges[a] if _is_unique(a, b, edges)]
    return _outcome(nodes, index, edges, links, contacts)


class _Index:
    """Nodes by the time at which they begin and by title, series by title."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        resolution = max((node.fidelity.resolution for node in nodes), default=1)
        self.width = max(60, 2 * resolution)
        self.at: dict[object, list[Node]] = defaultdict(list)
        self.titled: dict[tuple[object, str], list[Node]] = defaultdict(list)
        self.begins: dict[tuple[object, str], list[Node]] = defaultdict(list)
        self.people: dict[object, dict[str, dict[Node, None]]] = {}
        self.slot_nodes: dict[tuple[Node, RecurrenceId], Node] = {}
        self.lengths = sorted({len(node.title) for node in nodes if node.shortened})
        for node in nodes:
            for key in self._keys(node, 0):
                self.at[key].append(node)
                self._add(key, node.title, node)
            if node.repeats is not None:
                for title in titles_of(node.reads):
                    self._add("series", title, node)

    def same_title(self, node: Node) -> Iterator[Node]:
        """Those that begin about when ``node`` does and may have its title."""
        for key in self._keys(node, 1):
            if "title" not in node.fidelity.carries:
                crowd = self.at.get(key, ())
                yield from crowd if len(crowd) <= CROWD else ()
            yield from self._known_to(node, (key, node.title), self.titled)
            if node.shortened:
                yield from self._known_to(node, (key, node.title), self.begins)

    def same_time(self, node: Node) -> list[Node]:
        """Those that begin about when ``node`` does; none where they are a crowd."""
        found = {id(each): each for key in self._keys(node, 1) for each in self.at.get(key, ())}
        return list(found.values()) if len(found) <= CROWD else []

    def slots(self, node: Node) -> Iterator[Node]:
        """The occurrences that a single copy is, of series that its channel does not hold."""
        fidelity = node.fidelity
        if node.repeats is not None or (fidelity.recurrence and fidelity.series is None):
            return
        for series in self._series(node.title, node.shortened):
            if series.channel != node.channel and not fidelity.repeats(series.reads):
                yield from (slot for slot in self._occurrences(series, node) if is_same(node, slot))

    def _series(self, title: str, shortened: bool) -> Iterable[Node]:
        found = list(self.titled.get(("series", title), ()))
        if shortened:
            found += self.begins.get(("series", title), ())
        for length in self.lengths:
            if length < len(title):
                cut = self.titled.get(("series", title[:length]), ())
                found += [each for each in cut if each.shortened]
        return {id(each): each for each in found}.values()

    def _occurrences(self, series: Node, node: Node) -> Iterator[Node]:
        zone = series.fidelity.default_zone
        end = span_utc(node.reads.when, zone)[1]
        try:
            near = occurrences(series.reads, node.start - _HOUR, end + _HOUR, zone, CROWD)
        except BadRecurrence:
            return
        for rid, single in near.items():
            slot = self.slot_nodes.get((series, rid))
            if slot is None:
                start, title = span_utc(single.when, zone)[0], plain(single.title)
                slot = replace(
                    series, reads=single, start=start, title=title, repeats=None, slot=rid
                )
                self.slot_nodes[series, rid] = slot
            yield slot

    def _known_to(
        self, node: Node, key: tuple[object, str], where: Mapping[tuple[object, str], list[Node]]
    ) -> Iterable[Node]:
        """Where many have one title, only those who share a person with ``node``, or name none."""
        crowd = where.get(key, [])
        if len(crowd) <= CROWD or not node.core:
            return crowd
        people = self.people.get((id(where), key))
        if people is None:
            people = defaultdict(dict)
            for each in crowd:
                for person in each.everybody if each.core else {""}:
                    people[person][each] = None
            self.people[id(where), key] = people
        return dict.fromkeys(
            each for person in sorted(node.everybody | {""}) for each in people.get(person, ())
        )

    def _add(self, key: object, title: str, node: Node) -> None:
        self.titled[key, title].append(node)
        for length in self.lengths:
            if length < len(title):
                self.begins[key, title[:length]].append(node)

    def _keys(self, node: Node, around: int) -> Iterator[object]:
        if isinstance(node.reads.when, AllDay):
            yield node.reads.when.start
        bucket = int(node.start.timestamp()) // self.width
        yield from range(bucket - around, bucket + around + 1)


def _may_meet(a: Node, b: Node, contacts: Collection[str] | None) -> bool:
    if a.channel == b.channel:
        return False
    return contacts is None or a.channel in contacts or b.channel in contacts


def _is_unique(a: Node, b: Node, edges: Mapping[Node, set[Node]]) -> bool:
    return _only(a, b, edges) and _only(b, a, edges)


def _only(a: Node, b: Node, edges: Mapping[Node, set[Node]]) -> bool:
    return len(b.refs) == 1 and not any(
        other is not b and other.channel == b.channel for other in edges[a]
    )


def _outcome(
    nodes: Sequence[Node],
    index: _Index,
    edges: Mapping[Node, set[Node]],
    links: Sequence[tuple[Node, Node]],
    contacts: Collection[str] | None,
) -> Matching:
    groups = _components([(a, b) for a, b in links if not a.slot and not b.slot])
    sound = [group for group in groups if len({each.channel for each in group}) == len(group)]
    group_of = {each: group for group in sound for each in group}
    slots = {
        SlotLink(a.refs[0], b.refs[0], b.slot) for a, b in links if b.slot and a not in group_of
    }
    settled = set(group_of) | {a for a, b in links if b.slot}
    doubtful: dict[Hashable, Doubtful] = {}
    for node in nodes:
        if node in settled:
            continue
        rivals, reason = edges.get(node, set()), SEVERAL
        if not rivals:
            rivals, reason = _nearly(node, index, group_of, settled, contacts)
        if rivals:
            refs = sorted({ref for each in rivals for ref in each.refs}, key=repr)[:10]
            doubtful |= {ref: Doubtful(ref, tuple(refs), reason) for ref in node.refs}
    return Matching(
        tuple(sorted((_refs(group) for group in sound), key=repr)),
        tuple(sorted(slots, key=repr)),
        tuple(doubtful[ref] for ref in sorted(doubtful, key=repr)),
    )


def _refs(group: Iterable[Node]) -> tuple[Hashable, ...]:
    return tuple(sorted((each.refs[0] for each in group), key=repr))


def _components(links: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """What is connected by links."""
    group_of: dict[Node, list[Node]] = {}
    for a, b in links:
        mine, theirs = group_of.setdefault(a, [a]), group_of.setdefault(b, [b])
        if mine is not theirs:
            mine.extend(theirs)
            group_of.update(dict.fromkeys(theirs, mine))
    return list({id(group): group for group in group_of.values()}.values())


def _nearly(
    node: Node,
    index: _Index,
    group_of: Mapping[Node, list[Node]],
    settled: Collection[Node],
    contacts: Collection[str] | None,
) -> tuple[set[Node], str]:
    """Others at the same time that a person would ask about, and what is alike."""
    found: dict[str, set[Node]] = defaultdict(set)
    for other in index.same_time(node):
        if not _may_meet(node, other, contacts) or node.repeats != other.repeats:
            continue
        taken = any(each.channel == node.channel for each in group_of.get(other, ()))
        if taken or (other in settled and other not in group_of):
            continue
        reason = likeness(node, other) if people_agree(node, other) else ""
        if reason and same_time(node, other):
            found[reason].add(other)
    for reason in ("same customer", "similar title", "no title"):
        if found[reason]:
            return found[reason], reason
    return set(), ""


def ref_text(ref: object) -> str:
    """How a copy is named in a doubt: ``channel:key``."""
    return ":".join(str(part) for part in ref) if isinstance(ref, tuple) else str(ref)
