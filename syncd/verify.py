"""Comparing the store with what is really there: ``syncd verify``.

Every channel is looked at in full, without a cursor and without trusting a version. What
differs is told; to mend it, it is made due, and the ordinary cycle observes, settles and writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from syncd.core.belong import Moment
from syncd.core.model import Appointment
from syncd.core.paths import Path, diff, path_text
from syncd.core.state import Agreement, AppointmentId, Copy, Key, Slot, Write
from syncd.deployment import Deployment
from syncd.engine import Bridge
from syncd.errors import ConnectorError, Rejected
from syncd.observe import fetch_all, patiently
from syncd.pool import Job
from syncd.settling import draw_up
from syncd.shown import Shown, changes, details, known
from syncd.store import Observed, Store
from syncd.target import Target

PRESENT = "present"


class Kind(StrEnum):
    """How a copy differs.

    ``missing``: it is stored and not there. ``unknown``: it is there and not stored.
    ``changed``: it reads otherwise than it is stored. ``double``: two items stand for one place.
    ``unmarked``: our mark on it is gone. ``unreadable``: it is there and cannot be read.
    ``owed``: it is not what its channel should hold of the appointment.
    """

    MISSING = "missing"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    DOUBLE = "double"
    UNMARKED = "unmarked"
    UNREADABLE = "unreadable"
    OWED = "owed"


HARMLESS = frozenset({Kind.UNMARKED})
"""Told, and no reason to fail: key and UID of the copy still say whose it is."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One copy that is not as it should be.

    ``fields``: in which it differs. ``details``: what people know it by, and what was stored and
    what is there, or what is there and what it is owed; as :mod:`syncd.shown` has them.
    ``note``: what it is owed, or why it cannot be read.
    """

    channel: str
    kind: Kind
    key: Key
    appointment: AppointmentId = ""
    slot: Slot = ""
    fields: tuple[str, ...] = ()
    details: Shown = field(default_factory=lambda: {**known(None), "changes": []})
    note: str = ""


@dataclass(slots=True)
class Verified:
    """What was found in a bridge. ``copies``: how many were compared, by channel. ``failed``:
    channels that did not answer, with the reason."""

    bridge: str
    copies: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether every copy is as it should be, as far as all channels answered."""
        return not self.failed and all(each.kind in HARMLESS for each in self.differences)

    def counts(self) -> dict[str, Counter[Kind]]:
        """By channel, how many differ in which way."""
        found: dict[str, Counter[Kind]] = {name: Counter() for name in self.copies}
        for each in self.differences:
            found.setdefault(each.channel, Counter())[each.kind] += 1
        return found


@dataclass(frozen=True, slots=True)
class _Remote:
    """All that a channel shows now."""

    copies: Mapping[Key, Copy]
    gone: frozenset[Key]
    unreadable: Mapping[Key, str]


def verify(deployment: Deployment, name: str | None = None) -> list[Verified]:
    """Compare every stored copy with its remote, and with what its channel should hold.

    A running daemon may have been faster than a look: what differs counts if it does so twice.
    """
    return [_verified(deployment, bridge) for bridge in deployment.bridges(name)]


def make_due(deployment: Deployment, found: Iterable[Verified]) -> None:
    """Let the next cycle see and mend what differs: full looks at the channels concerned, and
    their appointments due. What a person changed meanwhile is an edit like any other."""
    bridges = {bridge.name: bridge for bridge in deployment.bridges()}
    for each in found:
        bridge, store = bridges[each.bridge], deployment.store
        for channel in {d.channel for d in each.differences if d.channel in bridge.targets}:
            _distrust(deployment, bridge.targets[channel], each)
        ids = {d.appointment for d in each.differences if d.kind is Kind.OWED}
        store.mark_due(each.bridge, sorted(ids), deployment.around.clock())


def _verified(deployment: Deployment, bridge: Bridge) -> Verified:
    found = Verified(bridge.name)
    for each in _configured(deployment, bridge):
        if each not in bridge.targets:
            found.failed[each] = "was never reached"
    once = _compared(deployment, bridge, list(bridge.targets.values()), found)
    doubted = [bridge.targets[name] for name in sorted({each.channel for each in once})]
    if doubted:
        again = _compared(deployment, bridge, doubted, found)
        lasting = {(each.channel, each.kind, each.key) for each in once}
        once = [each for each in again if (each.channel, each.kind, each.key) in lasting]
    found.differences = [*once, *_owed(deployment, bridge)]
    return found


def _configured(deployment: Deployment, bridge: Bridge) -> Iterator[str]:
    for settings in deployment.settings.bridges:
        if settings.name == bridge.name:
            yield from (channel.name for channel in settings.channels)


def _compared(
    deployment: Deployment, bridge: Bridge, targets: Sequence[Target], found: Verified
) -> list[Difference]:
    """Look at each channel, side by side, and compare each as soon as it answers."""
    store, now = deployment.store, deployment.around.clock()
    differences: list[Difference] = []
    jobs = [Job(target.system, _looking(deployment, target, now)) for target in targets]
    for index, remote in deployment.around.pool.stream(jobs):
        target = targets[index]
        if isinstance(remote, ConnectorError):
            found.failed[target.name] = str(remote)
            continue
        stored = {item.key: item for item in store.all_observed(target.id)}
        found.copies[target.name] = len(remote.copies)
        differences += _differences(target, stored, remote, store)
    return differences


def _looking(deployment: Deployment, target: Target, now: datetime) -> Callable[[], _Remote]:
    return lambda: _look(target, deployment, now)


def _look(target: Target, deployment: Deployment, now: datetime) -> _Remote:
    """Everything in the window, and each stored copy that is not listed there by its key."""
    retry = patiently(deployment.around.sleep)
    window = deployment.settings.daemon.window(now)
    shown = retry(target.connector.observe, None, window, {})
    copies = {copy.key: copy for copy in shown.copies}
    unreadable = {item.key: item.reason for item in shown.unreadable}
    known = deployment.store.known(target.id)
    missing = sorted(known.keys() - copies.keys() - unreadable.keys() - shown.gone)
    fetched = fetch_all(target, missing, retry)
    copies |= {copy.key: copy for copy in fetched.copies}
    unreadable |= {item.key: item.reason for item in fetched.unreadable}
    return _Remote(copies, shown.gone | fetched.gone, unreadable)


def _differences(
    target: Target, stored: Mapping[Key, Observed], remote: _Remote, store: Store
) -> Iterator[Difference]:
    same = store.channel_state(target.id)
    trusted = same is not None and same.fingerprint == target.fingerprint()
    for key, reason in sorted(remote.unreadable.items()):
        found = Difference(target.name, Kind.UNREADABLE, key, note=reason)
        item = stored.get(key)
        if item is not None and item.copy is not None:
            found = replace(_of(Kind.UNREADABLE, target, item, item.copy), note=reason)
        yield found
    for key, item in sorted(stored.items()):
        if item.state == PRESENT and item.copy is not None and key in remote.gone:
            yield _of(Kind.MISSING, target, item, item.copy)
    for key, copy in sorted(remote.copies.items()):
        item = stored.get(key)
        if item is None or item.copy is None or item.state == "gone":
            yield _with(Difference(target.name, Kind.UNKNOWN, key), copy.reads)
            continue
        paths = _paths(target, item.copy, copy, trusted=trusted)
        if paths:
            fields = tuple(sorted({path_text(path) for path in paths}))
            found = replace(_of(Kind.CHANGED, target, item, copy), fields=fields)
            yield _with(found, copy.reads, changes(item.copy.reads, copy.reads, paths))
        if item.copy.marker is not None and copy.marker is None:
            yield _of(Kind.UNMARKED, target, item, copy)
    yield from _doubles(target, stored, remote)


def _of(kind: Kind, target: Target, item: Observed, copy: Copy) -> Difference:
    found = Difference(target.name, kind, item.key, item.appointment or "", item.slot)
    return _with(found, copy.reads)


def _with(
    found: Difference, appointment: Appointment, differing: Iterable[Shown] = ()
) -> Difference:
    """What people know it by."""
    return replace(found, details={**known(appointment), "changes": list(differing)})


def _paths(target: Target, stored: Copy, copy: Copy, *, trusted: bool) -> set[Path]:
    """What reads otherwise than stored: by today's mapping, and, where nothing was configured
    anew since (``trusted``), by the stored reading."""
    try:
        reads = target.connector.read(stored.key, stored.version, stored.wire).reads
    except Rejected:
        reads = stored.reads
    paths = set(diff(reads, copy.reads))
    if trusted:
        paths |= set(diff(stored.reads, copy.reads))
    return paths


def _doubles(
    target: Target, stored: Mapping[Key, Observed], remote: _Remote
) -> Iterator[Difference]:
    """Items that stand for a place where another one stands: of those, all but the known one."""
    places: dict[tuple[AppointmentId, Slot], list[Key]] = {}
    for key, copy in remote.copies.items():
        item = stored.get(key)
        if item is not None and item.appointment is not None:
            places.setdefault((item.appointment, item.slot), []).append(key)
        elif copy.marker is not None and item is None:
            places.setdefault((copy.marker.appointment, copy.marker.slot), []).append(key)
    for (id, slot), keys in sorted(places.items()):
        keys.sort(key=lambda key: (key not in stored, key))
        for key in keys[1:]:
            found = Difference(target.name, Kind.DOUBLE, key, id, slot)
            yield _with(found, remote.copies[key].reads)


def _owed(deployment: Deployment, bridge: Bridge) -> Iterator[Difference]:
    """What each copy is owed by what is stored: its appointment's projection is not in it."""
    store, now = deployment.store, deployment.around.clock()
    window = deployment.settings.daemon.window(now)
    zone = deployment.settings.daemon.time_zone
    moment = Moment(now, window.start, window.end, zone, frozenset())
    ids = sorted({*store.agreement_ids(bridge.name)} - store.left_alone(bridge.name, now))
    drawn = draw_up(store, bridge.name, bridge.policy, moment, ids, {}, bridge.in_hand, whole=True)
    for plan in drawn.plans:
        for write in plan.writes:
            yield _owing(plan.id, write, plan.agreement)


def _owing(id: AppointmentId, write: Write, after: Agreement | None) -> Difference:
    return Difference(
        write.channel,
        Kind.OWED,
        write.base.key if write.base is not None else "",
        id,
        write.slot,
        tuple(path_text(path) for path in write.paths),
        details(write, after),
        note=f"{write.operation.value}: {write.reason}",
    )


def _distrust(deployment: Deployment, target: Target, found: Verified) -> None:
    """The next look at the channel begins anew; and what has the stored version and yet reads
    otherwise, which no look would notice, is read from what is there."""
    store = deployment.store
    state = store.channel_state(target.id)
    if state is not None:
        store.save_channel_state(replace(state, cursor=None, full=None))
    keys = sorted(
        each.key
        for each in found.differences
        if each.channel == target.name and each.kind is Kind.CHANGED
    )
    if not keys:
        return
    store.reread(target.id, target.connector.read)
    try:
        fetched = fetch_all(target, keys, patiently(deployment.around.sleep))
    except ConnectorError:
        return  # it is down by now; the next look tells
    store.record_fetch(target.id, deployment.around.clock(), fetched.copies, (), fetched.unreadable)
