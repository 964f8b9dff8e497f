"""A split of a series as settling meets it: two cases, whose later copies change hands.

"This and all following" reaches us as a series cut short and a new one in the same channel.
Channels without series keep their copies of the later occurrences, with all that is written
in them; they only stand for the new series from now on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.model import FIELDS
from syncd.core.recurrence import BadRecurrence
from syncd.core.split import Split, carry_over, find_split
from syncd.core.state import (
    WHOLE,
    Agreement,
    Case,
    ChannelName,
    Copy,
    Key,
    Kind,
    Place,
    Present,
    Record,
    Settled,
    Slot,
)

RULE = "built-in: this and all following"


@dataclass(frozen=True, slots=True)
class Seeded:
    """A case ready to be settled, and the copies that came to it from another appointment."""

    case: Case
    moved: tuple[tuple[ChannelName, Key, Slot], ...] = ()
    record: Record | None = None


def seed_splits(cases: Sequence[Case], policy: Policy, moment: Moment) -> list[Seeded]:
    """The cases, those of a split prepared: the newcomer has an agreement before it is settled."""
    seeded = {case.id: Seeded(case) for case in cases}
    newcomers = [case for case in cases if _newcomer(case) is not None]
    if newcomers:
        series = [case for case in cases if _is_series(case)]
        for newcomer in newcomers:
            for old in series:
                if _divide(seeded, old.id, newcomer.id, policy, moment):
                    break
    return list(seeded.values())


def _newcomer(case: Case) -> tuple[ChannelName, Copy] | None:
    """The single copy of an appointment that is about to be born."""
    if case.agreement is not None or len(case.views) != 1:
        return None
    (channel, slot), seen = next(iter(case.views.items()))
    if slot != WHOLE or not isinstance(seen.observation, Present):
        return None
    return channel, seen.observation.copy


def _is_series(case: Case) -> bool:
    return case.agreement is not None and case.agreement.appointment.recurrence is not None


def _divide(
    seeded: dict[str, Seeded], old_id: str, new_id: str, policy: Policy, moment: Moment
) -> bool:
    old, new = seeded[old_id].case, seeded[new_id].case
    born = _newcomer(new)
    if born is None or old.agreement is None:
        return False
    channel, copy = born
    settled = old.agreement.copies.get((channel, WHOLE))
    seen = old.views.get((channel, WHOLE))
    if settled is None or seen is None or not isinstance(seen.observation, Present):
        return False
    after = seen.observation.copy.reads
    if after.recurrence == settled.copy.reads.recurrence:
        return False
    try:
        split = find_split(settled.copy.reads, after, copy.reads, moment.end, moment.default_zone)
    except BadRecurrence:
        return False
    if split is None:
        return False
    seeded[old_id], seeded[new_id] = _seed(old, new, channel, copy, split, policy)
    return True


def _seed(
    old: Case, new: Case, channel: ChannelName, copy: Copy, split: Split, policy: Policy
) -> tuple[Seeded, Seeded]:
    agreement = old.agreement
    assert agreement is not None
    found = policy.channels.get(channel)
    uncarried = frozenset(FIELDS) - (found.fidelity.carries if found is not None else frozenset())
    whole = carry_over(agreement.appointment, copy.reads, split, uncarried)
    changes: dict[Place, Place] = {
        place: (place[0], split.rid_map[place[1]])
        for place in agreement.copies
        if place[1] in split.rid_map
    }
    copies = {changes[place]: s for place, s in agreement.copies.items() if place in changes}
    copies[(channel, WHOLE)] = Settled(copy, whole)
    own = Agreement(
        whole,
        dict(agreement.setters),
        copies,
        uids=frozenset({copy.uid} if copy.uid else set()),
        born=channel,
    )
    left = {place: s for place, s in agreement.copies.items() if place not in changes}
    stays = {place: seen for place, seen in old.views.items() if place not in changes}
    comes = {changes[place]: seen for place, seen in old.views.items() if place in changes}
    moved = tuple(
        (target[0], agreement.copies[place].copy.key, target[1])
        for place, target in changes.items()
    )
    record = Record(Kind.SPLIT, (), RULE, channel, note=old.id)
    return (
        Seeded(replace(old, agreement=replace(agreement, copies=left), views=stays)),
        Seeded(replace(new, agreement=own, views={**new.views, **comes}), moved, record),
    )
