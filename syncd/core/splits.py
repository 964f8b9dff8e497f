"""A split of a series as settling meets it: two cases, whose later copies change hands.

"This and all following" reaches us as a series cut short and a new one in the same channel.
Channels without series keep their copies of the later occurrences, with all that is written
in them; they only stand for the new series from now on.

Who writes it does so in two steps, and a look may come between them. So a series that was cut
short stands as it was until its channel has been looked at once more, if there is anything that
what goes on would have to be given.

What the series was before the cut tells its agreement; where there is none (a lost state, an old
backup, first contact), the copies of other channels do that still have it whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from syncd.core.belong import Moment
from syncd.core.birth import born
from syncd.core.channel import Channel, Direction, Policy
from syncd.core.fidelity import project
from syncd.core.model import FIELDS, Appointment
from syncd.core.recurrence import BadRecurrence, is_occurrence
from syncd.core.situation import situate
from syncd.core.split import Split, carry_over, cut_off, find_split
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
    """A case ready to be settled, the copies that came to it from another appointment, and what
    is to be told of that. ``waits``: channels that are to be looked at again before it is decided
    what was cut there."""

    case: Case
    moved: tuple[tuple[ChannelName, Key, Slot], ...] = ()
    records: tuple[Record, ...] = ()
    waits: tuple[ChannelName, ...] = ()


def seed_splits(cases: Sequence[Case], policy: Policy, moment: Moment) -> list[Seeded]:
    """The cases, those of a split prepared: the newcomer has an agreement before it is settled.
    Of a series that was just cut short, and that nothing goes on, the cut is not shown yet."""
    divided: set[str] = set()
    seeded = {case.id: Seeded(case) for case in cases}
    newcomers = [case for case in cases if _newcomer(case) is not None]
    if newcomers:
        series = [case for case in cases if _is_series(case) or _is_told_apart(case)]
        for newcomer in newcomers:
            for old in series:
                if _divide(seeded, old.id, newcomer.id, policy, moment):
                    divided |= {old.id, newcomer.id}
                    break
    return [
        each if id in divided else _held_back(each, policy, moment) for id, each in seeded.items()
    ]


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


def _is_told_apart(case: Case) -> bool:
    """Whether it is about to be born of copies that tell of different series."""
    told = {copy.reads.recurrence for copy in _wholes(case).values()}
    return case.agreement is None and len(told) > 1


def _wholes(case: Case) -> dict[ChannelName, Copy]:
    """The copies that are seen of all of an appointment."""
    return {
        channel: seen.observation.copy
        for (channel, slot), seen in case.views.items()
        if slot == WHOLE and isinstance(seen.observation, Present)
    }


def _divide(
    seeded: dict[str, Seeded], old_id: str, new_id: str, policy: Policy, moment: Moment
) -> bool:
    old, new = seeded[old_id].case, seeded[new_id].case
    newcomer = _newcomer(new)
    channel, copy = newcomer if newcomer is not None else ("", None)
    after = _wholes(old).get(channel)
    if copy is None or after is None or channel not in policy.channels:
        return False
    found = _found(_before(old, channel, after, policy), after, copy, moment)
    if found is None:
        return False
    known, (before, split) = seeded[old_id], found
    if old.agreement is None:
        known = _born_uncut(old, channel, before, policy, moment)
    cut, rest = _seed(known.case, new, channel, copy, split, policy)
    seeded[old_id], seeded[new_id] = replace(cut, records=known.records), rest
    return True


def _before(old: Case, channel: ChannelName, after: Copy, policy: Policy) -> Iterator[Copy]:
    """What the copy ``after`` of a series may have been until somebody cut it."""
    if old.agreement is not None:
        settled = old.agreement.copies.get((channel, WHOLE))
        if settled is not None:
            yield settled.copy
        return
    for other in _wholes(old).values():
        was = project(other.reads, policy.channels[channel].fidelity)
        if was.when != after.reads.when:
            continue
        own = dict(after.reads.overrides)
        own |= {rid: each for rid, each in was.overrides if not is_occurrence(after.reads, rid)}
        reads = replace(after.reads, recurrence=was.recurrence, overrides=tuple(own.items()))
        yield replace(after, reads=reads)


def _found(
    cut: Iterable[Copy], after: Copy, newcomer: Copy, moment: Moment
) -> tuple[Copy, Split] | None:
    """The first of ``cut`` that was split into ``after`` and ``newcomer``, and how."""
    try:
        for before in cut:
            was, now = before.reads, after.reads
            if was.recurrence == now.recurrence:
                continue
            split = find_split(was, now, newcomer.reads, moment.end, moment.default_zone)
            if split is not None:
                return before, split
    except BadRecurrence:
        pass
    return None


def _born_uncut(
    case: Case, channel: ChannelName, before: Copy, policy: Policy, moment: Moment
) -> Seeded:
    """A case without agreement as if it had been settled just before its copy in ``channel``,
    which was ``before``, was cut: that is what came last."""
    place = (channel, WHOLE)
    uncut = replace(case.views[place], observation=Present(before))
    situation = situate(replace(case, views={**case.views, place: uncut}), policy)
    draft = born(case.id, situation, policy, moment)
    assert draft is not None
    draft.copies[place] = replace(draft.copies[place], confirmed=moment.now)
    return Seeded(replace(case, agreement=draft.agreement()), (), tuple(draft.records))


def _held_back(seeded: Seeded, policy: Policy, moment: Moment) -> Seeded:
    """A case without what its series was cut to in the very last look, where that matters. What
    is owed there is not written meanwhile, either."""
    case = seeded.case
    if not moment.looked or not _is_series(case):
        return seeded
    cut = {place for place in case.views if _is_just_cut(case, place, policy, moment)}
    if not cut:
        return seeded
    views = {place: seen for place, seen in case.views.items() if place not in cut}
    aside = case.aside | {(place, ()) for place in cut}
    return replace(
        seeded,
        case=replace(case, views=views, aside=aside),
        waits=tuple(sorted(channel for channel, _ in cut)),
    )


def _is_just_cut(case: Case, place: Place, policy: Policy, moment: Moment) -> bool:
    """Whether a copy of a series was cut short since the look before the last, by somebody else
    than us, and something is known of later occurrences that this channel does not carry."""
    agreement, seen, channel = case.agreement, case.views[place], policy.channels.get(place[0])
    looked = moment.looked.get(place[0])
    if agreement is None or channel is None or looked is None or seen.at < looked:
        return False
    settled, shown = agreement.copies.get(place), seen.observation
    if settled is None or place[1] != WHOLE or not isinstance(shown, Present):
        return False
    if channel.direction is Direction.TO or any(
        (intent.write.channel, intent.write.slot) == place for intent in case.intents
    ):
        return False
    try:
        before, after = settled.copy.reads, shown.copy.reads
        gone = cut_off(before, after, moment.end, moment.default_zone)
    except BadRecurrence:
        return False
    return bool(gone) and _is_known_of(agreement, frozenset(gone), channel)


def _is_known_of(agreement: Agreement, gone: frozenset[Slot], channel: Channel) -> bool:
    """Whether occurrences have rows or something of their own, or the series has something that
    ``channel`` does not carry."""
    whole = agreement.appointment
    if any(slot in gone for _, slot in agreement.copies):
        return True
    if any(rid in gone and own.values for rid, own in whole.overrides):
        return True
    nothing = Appointment(whole.when)
    uncarried = frozenset(FIELDS) - channel.fidelity.carries
    return any(getattr(whole, name) != getattr(nothing, name) for name in uncarried)


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
        Seeded(replace(new, agreement=own, views={**new.views, **comes}), moved, (record,)),
    )
