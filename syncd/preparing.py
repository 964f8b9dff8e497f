"""Before the first cycle: what the configuration changed since the last one is taken on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd.core.channel import Policy
from syncd.core.paths import diff, path_text
from syncd.core.recurrence import span_utc
from syncd.errors import Rejected
from syncd.schedule import BACKOFF_MOST
from syncd.store import ChannelState, Store
from syncd.target import Target

_ROUNDED = timedelta(minutes=1)

log = structlog.get_logger("syncd.preparing")


@dataclass(slots=True)
class Remembered:
    """Channels by name: of which there was a first contact, and which listed none of their
    copies when they were last looked at."""

    contacted: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


def prepare(
    store: Store,
    bridge: str,
    targets: Sequence[Target],
    configured: Collection[str],
    now: datetime,
    steady: Collection[str] = (),
) -> Remembered:
    """Forget channels that are not ``configured`` any more, read again what is read differently
    now, and settle what was left half-done. ``steady``: ids of channels that go on backing off."""
    prefix = f"{bridge}/"
    for state in store.channel_states():
        name = state.channel.removeprefix(prefix)
        if state.channel.startswith(prefix) and name not in configured:
            store.forget_channel(state.channel)
    found = Remembered()
    for target in targets:
        _prepare_channel(store, target, found, now, is_steady=target.id in steady)
    open_ids = {id for id, _, _ in store.begun(bridge)}
    store.mark_due(bridge, open_ids, now)
    # Whoever starts syncd anew has mended something.
    store.call_owed(now, channels={t.id for t in targets if t.id not in steady})
    return found


def prepare_all(
    store: Store, bridge: str, targets: Iterable[Target], policy: Policy, now: datetime
) -> None:
    """Where appointments belong depends on the configuration: if that is another, all are due,
    also those of which nothing is to be seen in the channels that shall now hold them."""
    people = (sorted(policy.colleagues.items()), sorted(policy.domains), sorted(policy.rooms))
    text = repr((sorted(target.fingerprint() for target in targets), people))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    before = store.meta_get(f"fingerprint:{bridge}")
    if before == digest:
        return
    if before is not None:
        mark_all_due(store, bridge, now)
    store.meta_set(f"fingerprint:{bridge}", digest)


def mark_all_due(store: Store, bridge: str, now: datetime) -> None:
    """Every appointment of the bridge is to be settled."""
    store.mark_due(bridge, store.agreement_ids(bridge), now)


def read_otherwise(store: Store, targets: Iterable[Target]) -> dict[str, dict[str, list[str]]]:
    """By channel: the keys of copies that read differently since the configuration changed,
    each with the fields; until a cycle has taken that on."""
    told = {target.name: store.meta_get(f"reread:{target.id}") for target in targets}
    return {name: json.loads(text) for name, text in told.items() if text}


def forget_read_otherwise(store: Store, targets: Sequence[Target]) -> None:
    """A cycle has taken it on."""
    told = read_otherwise(store, targets)
    for target in targets:
        if target.name in told:
            store.meta_set(f"reread:{target.id}", "")


def _prepare_channel(
    store: Store, target: Target, found: Remembered, now: datetime, *, is_steady: bool
) -> None:
    fingerprint = target.fingerprint()
    state = store.channel_state(target.id)
    if store.meta_get(f"contacted:{target.id}") and state is not None:
        found.contacted.add(target.name)
    if store.meta_get(f"emptied:{target.id}"):
        found.emptied.add(target.name)
    retry_at = state.retry_at if state is not None and not is_steady else None
    if state is not None and retry_at is not None and retry_at <= now + BACKOFF_MOST:
        # Whoever starts syncd anew has mended something: only what a server asked for stands.
        state = replace(state, retry_at=None)
        store.save_channel_state(state)
    if state is None:
        store.save_channel_state(ChannelState(target.id, fingerprint=fingerprint))
    elif state.fingerprint != fingerprint:
        others = _differing(store, target)
        store.meta_set(f"reread:{target.id}", json.dumps(others) if others else "")
        store.reread(target.id, target.connector.read)
        store.redirty(target.id)
        store.set_retimed(target.id, _count_retimed(store, target))
        store.save_channel_state(replace(state, fingerprint=fingerprint, failures=0, retry_at=None))
        log.info("channel configuration changed", channel=target.id, reread=len(others))


def _count_retimed(store: Store, target: Target) -> int:
    """How many copies read with another time than they were asked to have, be it that the mapping
    is wrong now, or that it was. No edit, but nobody builds on such times without asking."""
    zone = target.time_zone
    tolerated = max(_ROUNDED, timedelta(seconds=target.channel.fidelity.resolution))
    count = 0
    for each in store.settled_otherwise(target.id):
        if each.asked is not None:
            start, _ = span_utc(each.copy.reads.when, zone)
            asked, _ = span_utc(each.asked.when, zone)
            count += abs(start - asked) > tolerated
    return count


def _differing(store: Store, target: Target) -> dict[str, list[str]]:
    """The keys of stored copies that read differently today, with the fields."""
    found: dict[str, list[str]] = {}
    for item in store.all_observed(target.id):
        if item.copy is None:
            continue
        try:
            today = target.connector.read(item.key, item.copy.version, item.copy.wire).reads
        except Rejected:
            continue
        if today != item.copy.reads:
            fields = diff(item.copy.reads, today)
            found[item.key] = sorted({path_text(path) for path in fields})
    return found
