"""Refusing the disaster: writes that look like one are shown to a person before they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from syncd.core.model import Status
from syncd.core.paths import get
from syncd.core.state import AppointmentId, ChannelName, Operation, Plan, Write

SMALL = 5
"""So many deletions a day are never a disaster."""

LEFT = "its person has left"
"""Why a copy is taken out of the calendar of somebody who has left. The last day and the
withdrawal are written in the configuration, so that the limit of that one channel says nothing;
the limit of the installation counts them, as a wrong column empties many calendars."""

INVITED = "the invitation itself stands for it"
"""Why a copy of ours goes that the vendor's own invitation replaces: in that channel the
appointment neither ends nor is cancelled, so that no limit counts it."""

WHEN = ("when",)

MANY = 10
"""From so many copies on, a channel that lists none of them, or moves half of them, is one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``deletes`` and ``moves``: shares (0 to 1); ``writes_per_hour``: ``None`` for no limit."""

    deletes: float = 0.10
    moves: float = 0.50
    writes_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """What is known of the channels before the writes.

    ``copies``: how many each has. ``deleted``: deletions and cancellations written in the last
    24 h that nobody approved; ``written``: writes of the last hour. ``moved``: copies whose time
    changed in this observation. ``emptied``: channels that list none of their copies. ``total``:
    appointments of the installation; ``total_deleted``: those that ended in the last 24 h.
    ``retimed``: copies that read with another time than agreed, since something was configured.
    """

    copies: Mapping[ChannelName, int]
    deleted: Mapping[ChannelName, int]
    written: int = 0
    moved: Mapping[ChannelName, int] | None = None
    emptied: Collection[ChannelName] = ()
    total: int = 0
    total_deleted: int = 0
    retimed: Mapping[ChannelName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Danger:
    """One reason to stop. ``channel`` is empty for the whole installation. ``repeats``: it counts
    the very same as the reason of a channel, so that people are told that one only."""

    channel: ChannelName
    reason: str
    repeats: bool = False


def reasons(dangers: Iterable[Danger], bridge: str) -> list[str]:
    """As people are told them."""
    return [f"{each.channel or bridge}: {each.reason}" for each in dangers if not each.repeats]


@dataclass(frozen=True, slots=True)
class Outline(Write):
    """A write without what it carries, as far as it is to be judged: its ``name`` is the
    fingerprint of the whole one, ``ends`` whether that one is ending."""

    name: str = ""
    ends: bool = False


def outline(id: AppointmentId, write: Write) -> Outline:
    """What is to be judged of a write."""
    return Outline(
        write.channel,
        write.slot,
        write.operation,
        paths=write.paths,
        reason=write.reason,
        name=fingerprint(id, write),
        ends=is_ending(write),
    )


def is_ending(write: Write) -> bool:
    """Whether a write deletes a copy or makes it cancelled."""
    if isinstance(write, Outline):
        return write.ends
    if write.operation is Operation.DELETE:
        return write.reason != INVITED
    return (
        write.operation is Operation.UPDATE
        and write.content is not None
        and ("status",) in write.paths
        and write.content.status is Status.CANCELLED
    )


def fingerprint(id: AppointmentId, write: Write) -> str:
    """What names exactly this write: its place, its kind and every owed value."""
    if isinstance(write, Outline):
        return write.name
    parts = [id, write.channel, write.slot, write.operation.value]
    if write.operation is Operation.UPDATE and write.content is not None:
        content = write.content
        parts += [f"{'.'.join(path)}={get(content, path)!r}" for path in sorted(write.paths)]
    if write.operation is Operation.CREATE:
        parts.append(repr(write.content))
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:24]


def refuse(
    plans: Sequence[Plan], census: Census, limits: Limits, approved: Collection[str] = ()
) -> list[Danger]:
    """Why these plans must not be written, nothing if they may. ``approved``: fingerprints."""
    endings: dict[ChannelName, list[AppointmentId]] = {}
    ended: set[AppointmentId] = set()
    new = more = 0
    for id, write in _writes(plans):
        if fingerprint(id, write) in approved:
            continue
        new += 1
        ending = is_ending(write)
        if ending:
            ended.add(id)
        if ending and write.reason != LEFT:
            endings.setdefault(write.channel, []).append(id)
        more += ending or WHEN in write.paths
    dangers = [*_too_many(endings, ended, census, limits)]
    if approved and more:
        # A person approved exactly what was shown: no free allowance on top of it.
        dangers.append(Danger("", f"{more} deletions or moves more than were approved"))
    if new and not approved:
        dangers += _strange_looks(census, limits)
    most, hourly = limits.writes_per_hour, new + census.written
    if new and most is not None and hourly > most:
        dangers.append(Danger("", f"{hourly} writes within an hour (limit {most})"))
    return dangers


def _too_many(
    endings: Mapping[ChannelName, Sequence[AppointmentId]],
    ended: Set[AppointmentId],
    census: Census,
    limits: Limits,
) -> Iterable[Danger]:
    """``endings``: of which appointments a copy ends, by channel; ``ended``: of which any does."""
    everywhere = len(ended) + census.total_deleted
    repeats = False
    for channel, ids in sorted(endings.items()):
        copies = census.copies.get(channel, 0)
        allowed = max(SMALL, int(copies * limits.deletes))
        all_in_all = len(ids) + census.deleted.get(channel, 0)
        if all_in_all > allowed:
            reason = (
                f"{all_in_all} of {copies} appointments would be deleted or cancelled "
                f"within 24 h (limit {allowed})"
            )
            yield Danger(channel, reason)
            repeats = repeats or (all_in_all == everywhere and ended <= set(ids))
    allowed = max(SMALL, int(census.total * limits.deletes))
    if ended and everywhere > allowed:
        reason = (
            f"{everywhere} of {census.total} appointments of all "
            f"would be deleted or cancelled within 24 h (limit {allowed})"
        )
        yield Danger("", reason, repeats)


def _strange_looks(census: Census, limits: Limits) -> Iterable[Danger]:
    for channel in sorted(census.emptied):
        yield Danger(channel, f"none of its {census.copies.get(channel, 0)} copies is listed")
    for channel, moved in sorted((census.moved or {}).items()):
        copies = census.copies.get(channel, 0)
        if copies >= MANY and moved > copies * limits.moves:
            yield Danger(channel, f"{moved} of {copies} copies changed their time at once")
    for channel, retimed in sorted(census.retimed.items()):
        copies = census.copies.get(channel, 0)
        if copies >= MANY and retimed > copies * limits.moves:
            reason = f"{retimed} of {copies} copies read with another time since the mapping or"
            yield Danger(channel, f"{reason} the configuration changed")


def _writes(plans: Iterable[Plan]) -> Iterable[tuple[AppointmentId, Write]]:
    for plan in plans:
        for write in plan.writes:
            yield plan.id, write
