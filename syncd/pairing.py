"""Pairing what is stored: looks up what the core's pairing needs, stores what it found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from sys import intern

from syncd.core.belong import Moment
from syncd.core.channel import Direction, Policy
from syncd.core.marks import Unpaired
from syncd.core.pair import pair
from syncd.core.paired import Known, Pairing
from syncd.core.reborn import outlives
from syncd.core.recurrence import starts_utc
from syncd.core.state import (
    BEGINNING,
    WHOLE,
    Agreement,
    AppointmentId,
    Copy,
    Place,
    Present,
    Seen,
    Settled,
    Tombstone,
)
from syncd.store import Observed, Store

DOUBT = timedelta(hours=1)
"""So long an invitation waits for a copy of ours of which nobody knows whether it was made: such
a create is tried again within half an hour, and then it is known."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What pairing brought besides rows that now have an appointment.

    ``births``: appointments that are to be settled for the first time. ``dying``: agreements of
    copies that met a tombstone and are to be removed again. ``late``: invitations (qualified
    channel, key) that wait for a copy of ours; ``invited``: the places where that one is to go;
    ``giving_way``: of these appointments, those for which that is news. ``awaited``: names of
    channels that are to be looked at soon.
    """

    births: tuple[AppointmentId, ...] = ()
    dying: Mapping[AppointmentId, Agreement] = field(default_factory=dict)
    late: frozenset[tuple[str, str]] = frozenset()
    invited: Mapping[AppointmentId, Collection[Place]] = field(default_factory=dict)
    giving_way: tuple[AppointmentId, ...] = ()
    awaited: frozenset[str] = frozenset()


class LazyAgreements(Mapping[AppointmentId, Agreement]):
    """Agreements that are known to exist, each read only if somebody asks: nearly all of our
    own copies join by their marker alone. ``unborn``: those of ``ids`` that are not stored yet."""

    def __init__(
        self,
        store: Store,
        ids: Collection[AppointmentId],
        unborn: Mapping[AppointmentId, Agreement],
    ) -> None:
        self._store, self._ids, self._unborn = store, ids, unborn

    def __getitem__(self, id: AppointmentId) -> Agreement:
        if id not in self._ids:
            raise KeyError(id)
        return self._unborn.get(id) or self._store.agreements([id])[id]

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __iter__(self) -> Iterator[AppointmentId]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def pair_stored(
    store: Store,
    bridge: str,
    policy: Policy,
    moment: Moment,
    new_id: Callable[[], AppointmentId],
    contacts: Collection[str],
    others: Collection[str] = (),
) -> Paired:
    """Give every new copy of the bridge its appointment, as far as one can be told. ``others``:
    the other bridges, whose appointments are not this one's."""
    for item in store.pending_gone(bridge):
        store.drop_observed(item.channel, [item.key])
    store.recognise(bridge)
    # Without wire forms: nothing pairs by them, and a first look may have brought thousands.
    items = store.unpaired(bridge, moment.now, wires=False)
    items = [item for item in items if item.copy is not None]
    doubted = _doubted(store, bridge, items)
    again = {(item.channel, item.key) for item in doubted}
    items = [*(item for item in items if (item.channel, item.key) not in again), *doubted]
    items = [item for item in items if _bare(item) in policy.channels]
    if not items:
        return Paired()
    contacts = {*contacts, *(_bare(item) for item in doubted)} & policy.channels.keys()
    unpaired = _apart(store, bridge, others, _all_unpaired(store, items))
    del items  # of a first look they are megabytes
    known = _known(store, bridge, unpaired, moment, contacts)
    found = pair(unpaired, known, policy, moment, new_id)
    dying, reborn = _met(store, bridge, found, policy, moment)
    _store(store, bridge, found, unpaired, moment, reborn)
    births = (*found.births, *(id for id, _ in reborn.values()))
    late = frozenset((f"{bridge}/{channel}", key) for channel, key in found.late)
    giving_way, awaited = _giving_way(found, known), frozenset(found.awaited)
    return Paired(births, dying, late, found.invited, giving_way, awaited)


def _giving_way(found: Pairing, known: Known) -> tuple[AppointmentId, ...]:
    """What has not been told yet that an invitation waits for its copy to go. (Being told makes
    it due; when the write is to be tried again, its failure says.)"""
    return tuple(
        id
        for id, places in found.invited.items()
        if not places <= known.agreements[id].absent.keys()
    )


def _doubted(store: Store, bridge: str, items: list[Observed]) -> list[Observed]:
    """Copies in doubt that are to be looked at again: one of them was edited, has gone, or is
    answered. Their first contact is not over. Takes those that are no longer there off the inbox.
    """
    doubts = store.doubts(bridge)
    if not doubts:
        return []
    keys: dict[str, list[str]] = {}
    for doubt in doubts:
        keys.setdefault(doubt.channel, []).append(doubt.key)
    waiting: dict[tuple[str, str], Observed] = {}
    for channel, some in keys.items():
        for item in store.observed_many(channel, some).values():
            if item.copy is not None and item.appointment is None and item.state == "present":
                waiting[item.channel, item.key] = item
    over = [(d.channel, d.key) for d in doubts if (d.channel, d.key) not in waiting]
    for channel, key in over:
        store.settle_doubt(channel, key)
    fresh = {(item.channel, item.key) for item in items}
    return list(waiting.values()) if over or fresh & waiting.keys() else []


def _all_unpaired(store: Store, items: Collection[Observed]) -> list[Unpaired]:
    """With those that nothing was looked at for since they were told to wait."""
    waiting = any(item.parked is not None for item in items)
    looked = {s.channel: s.looked for s in store.channel_states()} if waiting else {}
    return [_unpaired(item, looked.get(item.channel)) for item in items]


def _unpaired(item: Observed, looked: datetime | None = None) -> Unpaired:
    assert item.copy is not None
    seen = Seen(Present(item.copy), item.at, item.before)
    waited = item.parked is not None
    same = item.parked is not None and (looked is None or looked <= item.parked)
    return Unpaired(_bare(item), item.copy, seen, waited, same)


def _apart(
    store: Store, bridge: str, others: Collection[str], items: list[Unpaired]
) -> list[Unpaired]:
    """An event that a person moved here from a calendar of another bridge, or copied, bears a mark
    of over there; an appointment belongs to one bridge. Here the mark stands for an appointment of
    this one, always the same, so that copies which came together stay together."""
    marked = {each.copy.marker.appointment for each in items if each.copy.marker is not None}
    foreign = store.appointments_of(others, marked) if others and marked else set()
    foreign -= store.appointments_of({bridge}, foreign) if foreign else set()
    if not foreign:
        return items
    return [_renamed(each, bridge, foreign) for each in items]


def _renamed(each: Unpaired, bridge: str, foreign: Collection[AppointmentId]) -> Unpaired:
    marker = each.copy.marker
    if marker is None or marker.appointment not in foreign:
        return each
    name = f"{bridge}\x1f{marker.appointment}".encode("utf-8", "replace")
    own = replace(marker, appointment=hashlib.sha256(name).hexdigest()[:16])
    return replace(each, copy=replace(each.copy, marker=own))


def _bare(item: Observed) -> str:
    return intern(item.channel.split("/", 1)[1])


def _known(
    store: Store,
    bridge: str,
    unpaired: list[Unpaired],
    moment: Moment,
    contacts: Collection[str],
) -> Known:
    uids = {each.copy.uid for each in unpaired if each.copy.uid is not None}
    marked = {each.copy.marker.appointment for each in unpaired if each.copy.marker is not None}
    by_uid = {uid: frozenset(ids) for uid, ids in store.appointments_by_uid(bridge, uids).items()}
    ids = marked | {id for found in by_uid.values() for id in found}
    series = {} if contacts else _series(store, bridge, unpaired)
    ids |= {id for shown in series.values() for id, _ in shown}
    passed = _passed(store, bridge, unpaired)
    ids |= {id for id, _ in passed.values()}
    unborn = _unborn(store, bridge)
    for id, agreement in unborn.items():
        by_uid |= {uid: by_uid.get(uid, frozenset()) | {id} for uid in agreement.uids}
    named = store.exists(ids) | unborn.keys()
    present = store.present(named)
    for (id, place), key in store.made(bridge).items() if named else ():
        # A copy that we made and have not seen yet has its place, whoever duplicated it since.
        if id in named:
            present.setdefault((id, place), key)
    agreements: Mapping[AppointmentId, Agreement] = LazyAgreements(store, named, unborn)
    if contacts:
        spanned = dict(
            store.agreements_starting_between(bridge, BEGINNING, moment.end, wires=False)
        )
        agreements = spanned | unborn | store.agreements(named - spanned.keys() - unborn.keys())
    keys = {(each.channel, each.copy.key) for each in unpaired}
    stones = store.tombstones_by(bridge, uids=uids, keys=keys, ids=marked)
    creating: Collection[tuple[AppointmentId, Place]] = ()
    if by_uid and any(each.copy.invited for each in unpaired):
        creating = store.creating(bridge, moment.now - DOUBT)
    begun = {(id, name) for id, names in store.places_begun(marked).items() for name in names}
    removing = store.removing(marked)
    met = frozenset(contacts)
    return Known(
        agreements, by_uid, {}, present, stones, met, creating, begun, removing, series, passed
    )


def _series(
    store: Store, bridge: str, unpaired: Collection[Unpaired]
) -> dict[str, list[tuple[AppointmentId, Copy]]]:
    """The series of the channels in which somebody has made new ones."""
    names = {
        each.channel
        for each in unpaired
        if each.copy.reads.recurrence is not None and each.copy.marker is None
    }
    return {name: store.series_shown(f"{bridge}/{name}") for name in sorted(names)}


def _passed(
    store: Store, bridge: str, unpaired: Collection[Unpaired]
) -> dict[tuple[str, AppointmentId, str], tuple[AppointmentId, str]]:
    """What rows stand for whose markers new ones bear, where that is another series by now."""
    marks = {each.copy.marker for each in unpaired} - {None}
    rows = {mark.appointment for mark in marks if mark is not None and mark.slot != WHOLE}
    found = store.passed_on(bridge, rows) if rows else {}
    return {(name.split("/", 1)[1], id, slot): to for (name, id, slot), to in found.items()}


def _unborn(store: Store, bridge: str) -> dict[AppointmentId, Agreement]:
    """What has its copies already and was never settled: it would agree on what these show.

    Killed before it was settled, or held for days: what is found meanwhile must not pass it by.
    """
    copies: dict[AppointmentId, dict[Place, Copy]] = {}
    for item in store.unborn(bridge):
        if item.copy is not None and item.appointment is not None:
            copies.setdefault(item.appointment, {})[_bare(item), item.slot] = item.copy
    found: dict[AppointmentId, Agreement] = {}
    for id, held in copies.items():
        whole = [copy for (_, slot), copy in held.items() if slot == WHOLE]
        found[id] = Agreement(
            (whole or list(held.values()))[0].reads,
            copies={place: Settled(copy, copy.reads) for place, copy in held.items()},
            uids=frozenset(copy.uid for copy in whole if copy.uid is not None),
        )
    return found


def _met(
    store: Store, bridge: str, found: Pairing, policy: Policy, moment: Moment
) -> tuple[dict[AppointmentId, Agreement], dict[tuple[str, str], tuple[AppointmentId, str]]]:
    """Copies that met a tombstone: what lives again by one of them does in all; the others are to
    go."""
    dying: dict[AppointmentId, Agreement] = {}
    reborn: dict[tuple[str, str], tuple[AppointmentId, str]] = {}
    remains = store.remains(bridge, {stone.id for _, stone in found.met}) if found.met else {}
    lives = [
        (stone.id, outlives(each, stone, remains.get(stone.id), policy))
        for each, stone in found.met
    ]
    alive = {id for id, slot in lives if slot is not None}
    places: set[tuple[AppointmentId, Place]] = set()
    for (each, stone), (id, slot) in zip(found.met, lives, strict=True):
        ref = (each.channel, each.copy.key)
        place = (each.channel, slot or WHOLE)
        if id in alive and (id, place) not in places:
            reborn[ref] = (id, place[1])
            places.add((id, place))
        elif id in alive:
            continue  # of two in one place the next look tells, when the other is known
        elif policy.channels[each.channel].direction is Direction.FROM:
            found.left.append(ref)
        else:
            item = store.observed(f"{bridge}/{each.channel}", each.copy.key)
            whole = each if item is None else _unpaired(item)
            dying[stone.id] = _ended(whole, stone, moment, dying.get(stone.id))
    return dying, reborn


def _ended(each: Unpaired, stone: Tombstone, moment: Moment, known: Agreement | None) -> Agreement:
    """An agreement that only waits for its copies to be removed."""
    copies = {**(known.copies if known is not None else {})}
    copies[(each.channel, "")] = Settled(each.copy, each.copy.reads)
    return Agreement(
        each.copy.reads,
        copies=copies,
        uids=stone.uids,
        born=each.channel,
        deleting=moment.now,
    )


def _store(
    store: Store,
    bridge: str,
    found: Pairing,
    unpaired: Collection[Unpaired],
    moment: Moment,
    reborn: Mapping[tuple[str, str], tuple[AppointmentId, str]],
) -> None:
    joined = chain(found.joined.items(), reborn.items())
    store.assign((f"{bridge}/{channel}", key, id, slot) for (channel, key), (id, slot) in joined)
    for channel, key in (*found.parked, *found.late):
        store.park(f"{bridge}/{channel}", key, moment.now)
    for doubt in found.doubts:
        channel = f"{bridge}/{doubt.channel}"
        store.doubt(channel, doubt.key, doubt.candidates, doubt.reason, moment.now)
    waiting = {(f"{bridge}/{d.channel}", d.key) for d in found.doubts}
    parked = {(f"{bridge}/{c}", key) for c, key in (*found.parked, *found.late)}
    doubts = {(old.channel, old.key) for old in store.doubts(bridge)} - waiting - parked
    if doubts:
        here = {(f"{bridge}/{each.channel}", each.copy.key) for each in unpaired}
        for channel, key in sorted(doubts & here):
            store.settle_doubt(channel, key)
    left = {(f"{bridge}/{channel}", key) for channel, key in found.left}
    for each in unpaired if left else ():
        ref = (f"{bridge}/{each.channel}", each.copy.key)
        start = starts_utc(each.copy.reads, moment.default_zone)
        if ref in left and start >= moment.end:
            store.park(*ref, moment.now + (start - moment.end))
            left.discard(ref)
    store.set_clean([*left, *waiting])
