"""What goes on from a series may be seen before anybody sees that the series was cut.

Whoever writes "this and all following" in two steps may make the new series first. So one that
looks like it waits for another look at its channel. If the old one is cut later than that, the
new one was born and copied as any other; when the cut is seen, it takes over what is known of the
later occurrences, with their copies. What was made for it meanwhile, where those stand, goes with
the occurrences that the old series no longer has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Channel, Direction, Policy
from syncd.core.claims import BIRTH
from syncd.core.marks import Unpaired
from syncd.core.model import FIELDS, Appointment
from syncd.core.paired import Known
from syncd.core.paths import Path
from syncd.core.recurrence import BadRecurrence
from syncd.core.split import (
    STRUCTURE,
    Split,
    carry_over,
    cut_off,
    find_coming_split,
    find_split,
    reach,
)
from syncd.core.state import (
    WHOLE,
    Agreement,
    Case,
    ChannelName,
    Copy,
    Key,
    Place,
    Present,
    Seen,
    Setter,
    Settled,
    Slot,
)

NEWLY = timedelta(hours=1)
"""So long after its birth a series may turn out to go on from another one. Both steps are one
person's, who made the first one just then."""

Moved = tuple[tuple[ChannelName, Key, Slot], ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A copy of a series that somebody else than us has cut short, where anything is known of the
    later occurrences that its channel does not carry. ``seen``: the first look that shows it;
    ``born``: when the series was."""

    place: Place
    before: Copy
    after: Copy
    seen: datetime
    born: datetime


def cuts_of(case: Case, policy: Policy, moment: Moment) -> list[Cut]:
    """Where the series of a case was cut short since it was settled."""
    agreement = case.agreement
    if agreement is None or agreement.appointment.recurrence is None:
        return []
    found: list[Cut] = []
    for place, seen in case.views.items():
        settled, shown = agreement.copies.get(place), seen.observation
        channel = policy.channels.get(place[0])
        if place[1] != WHOLE or channel is None or channel.direction is Direction.TO:
            continue
        if settled is None or not isinstance(shown, Present) or _is_written(case, place):
            continue
        try:
            reads = settled.copy.reads, shown.copy.reads
            gone = cut_off(*reads, moment.end, moment.default_zone)
        except BadRecurrence:
            continue
        if gone and _is_known_of(agreement, frozenset(gone), channel):
            birth = agreement.setters.get(BIRTH)
            since = birth.at if birth is not None else seen.at
            found.append(Cut(place, settled.copy, shown.copy, seen.at, since))
    return found


def _is_written(case: Case, place: Place) -> bool:
    return any((each.write.channel, each.write.slot) == place for each in case.intents)


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


def waits_for_cut(each: Unpaired, known: Known, policy: Policy, moment: Moment) -> bool:
    """Whether a series that is about to be born may go on from another one of its channel, which
    is not cut yet: then its channel is looked at once more before. At first contact nobody waits,
    nor where it goes on as well from one of which the cut is seen.
    """
    reads, channel = each.copy.reads, policy.channels[each.channel]
    if reads.recurrence is None or known.contacts or (each.waited and not each.same_look):
        return False
    coming: list[timedelta] = []
    seen: list[timedelta] = []
    for id, copy in known.series.get(each.channel, ()):
        agreement = known.agreements.get(id)
        if agreement is None or agreement.deleting is not None:
            continue
        settled = agreement.copies.get((each.channel, WHOLE))
        splits = _splits_for(each, settled, copy, moment)
        for split, found in zip(splits, (coming, seen), strict=True):
            if split is not None and _is_known_of(agreement, frozenset(split.rid_map), channel):
                found.append(split.apart)
    return bool(coming) and not (seen and min(seen) <= min(coming))


def _splits_for(
    each: Unpaired, settled: Settled | None, shown: Copy, moment: Moment
) -> tuple[Split | None, Split | None]:
    """How a new series would go on from one if that was to be cut, and how it does, if that has
    been cut since it was settled."""
    reads, end, zone = each.copy.reads, moment.end, moment.default_zone
    with suppress(BadRecurrence):
        coming = find_coming_split(shown.reads, reads, end, zone, invited=each.copy.invited)
        if settled is None:
            return coming, None
        cut = settled.copy.reads, shown.reads
        return coming, find_split(*cut, reads, end, zone, invited=each.copy.invited)
    return None, None


def spans_of(
    cases: Iterable[Case], policy: Policy, moment: Moment
) -> Iterator[tuple[ChannelName, datetime, datetime]]:
    """Where and between which instants that begins with which a series may go on that was cut."""
    for case in cases:
        for cut in cuts_of(case, policy, moment):
            span = reach(cut.before.reads, cut.after.reads, moment.end, moment.default_zone)
            if span is not None:
                yield cut.place[0], *span


def goes_on_from(cut: Cut, new: Case, moment: Moment) -> Split | None:
    """How the appointment ``new`` goes on from what was cut, if it was born just now, or is about
    to be, and does. One that was born before is another series of the same guests, or of the same
    name: what goes on is younger than what it goes on from."""
    copy = _newborn(new, cut, moment)
    if copy is None:
        return None
    try:
        reads = cut.before.reads, cut.after.reads, copy.reads
        return find_split(
            *(*reads, moment.end, moment.default_zone),
            invited=copy.invited,
            by_guests=new.agreement is None,
        )
    except BadRecurrence:
        return None


def _newborn(new: Case, cut: Cut, moment: Moment) -> Copy | None:
    """The copy that somebody has made in the place of the cut of what is new."""
    agreement, seen = new.agreement, new.views.get(cut.place)
    if agreement is None:
        shown = seen.observation if seen is not None else None
        return shown.copy if isinstance(shown, Present) else None
    settled, birth = agreement.copies.get(cut.place), agreement.setters.get(BIRTH)
    if settled is None or settled.ours or agreement.deleting is not None or birth is None:
        return None
    return settled.copy if birth.at > cut.born and birth.at >= moment.now - NEWLY else None


def is_busy(old: Case, new: Case, split: Split) -> bool:
    """Whether something is still to be decided or written of the later occurrences, or of what
    goes on: then they change hands when that is over."""
    later = any(each.write.slot in split.rid_map for each in old.intents)
    return later or bool(new.intents or new.orders) or any(map(_is_news, _pairs(new)))


def _pairs(case: Case) -> Iterator[tuple[Settled | None, Seen]]:
    copies: Mapping[Place, Settled] = case.agreement.copies if case.agreement is not None else {}
    return ((copies.get(place), seen) for place, seen in case.views.items())


def _is_news(pair: tuple[Settled | None, Seen]) -> bool:
    settled, shown = pair[0], pair[1].observation
    if settled is None or not isinstance(shown, Present):
        return True
    return shown.copy.reads != settled.copy.reads


def taken_over(
    old: Case, new: Case, channel: Channel, split: Split
) -> tuple[tuple[Case, Moved], tuple[Case, Moved]]:
    """Both cases, and the copies that came to each from the other: the later occurrences' to the
    new one, for which what was made of it there in the meantime goes back to be removed."""
    was, now = old.agreement, new.agreement
    assert was is not None
    assert now is not None
    changes = changing_hands(old, was, split)
    back = {target: place for place, target in changes.items()}
    left = {place: s for place, s in was.copies.items() if place not in changes}
    left |= {back[place]: s for place, s in now.copies.items() if place in back}
    copies = {place: s for place, s in now.copies.items() if place not in back}
    copies |= {changes[place]: s for place, s in was.copies.items() if place in changes}
    uncarried = frozenset(FIELDS) - channel.fidelity.carries
    agreement = _carried(was, replace(now, copies=copies), split, uncarried)
    cut = replace(old, agreement=replace(was, copies=left), views=_views(old, new, changes, back))
    rest = replace(new, agreement=agreement, views=_views(new, old, back, changes))
    comes = keys_of(old, was, changes)
    goes = keys_of(new, now, {p: back[p] for p in (*now.copies, *new.views) if p in back})
    return (cut, goes), (rest, comes)


def _views(
    own: Case, other: Case, leaves: Mapping[Place, Place], comes: Mapping[Place, Place]
) -> dict[Place, Seen]:
    """What is seen of a case whose copies at some places leave, and others come."""
    views = {place: seen for place, seen in own.views.items() if place not in leaves}
    return views | {comes[p]: seen for p, seen in other.views.items() if p in comes}


def changing_hands(case: Case, agreement: Agreement, split: Split) -> dict[Place, Place]:
    """Where later occurrences stand that go to another series, and where they stand for that."""
    begun = ((intent.write.channel, intent.write.slot) for intent in case.intents)
    return {
        place: (place[0], split.rid_map[place[1]])
        for place in (*agreement.copies, *case.views, *begun)
        if place[1] in split.rid_map
    }


def keys_of(case: Case, agreement: Agreement, changes: Mapping[Place, Place]) -> Moved:
    """The items at places that change hands: what is settled there, and what is seen, which may be
    another one, where somebody has moved it to another key."""
    found: dict[tuple[ChannelName, Key], Slot] = {}
    for place, (channel, slot) in changes.items():
        settled, seen = agreement.copies.get(place), case.views.get(place)
        if settled is not None:
            found[channel, settled.copy.key] = slot
        if seen is not None and isinstance(seen.observation, Present):
            found[channel, seen.observation.copy.key] = slot
    return tuple((channel, key, slot) for (channel, key), slot in found.items())


def _carried(was: Agreement, now: Agreement, split: Split, uncarried: frozenset[str]) -> Agreement:
    """What goes on with all that its channel does not carry, but for what somebody has set there
    since it was born."""
    own = {path[0] for path in now.setters if path}
    whole = carry_over(was.appointment, now.appointment, split, uncarried)
    kept = {name: getattr(now.appointment, name) for name in (uncarried & own) - STRUCTURE}
    setters: dict[Path, Setter] = dict(now.setters)
    for path, setter in was.setters.items():
        if path and path[0] in uncarried - own:
            setters[path] = setter
        elif len(path) > 1 and path[0] == "overrides" and path[1] in split.rid_map:
            setters.setdefault((path[0], split.rid_map[path[1]], *path[2:]), setter)
    return replace(now, appointment=replace(whole, **kept), setters=setters)
