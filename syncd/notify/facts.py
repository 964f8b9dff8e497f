"""Facts for alerts: gathered from the store, from what the daemon saw, and from the disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from syncd.breakers import CIRCUIT, decode
from syncd.config import BridgeSettings, Settings
from syncd.core.state import PERSON
from syncd.notify.alerts import Facts, Held, Silent, Unwritten
from syncd.schedule import Fault
from syncd.shown import causes
from syncd.store import ChannelState, Debt, Hold, HoldState, Store

MOST_SOURCES = 3
"""So many channels are named as those where it was done: those where most was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the daemon knows beyond the store, after a cycle.

    ``expiring``: when the token of a system ends. ``fault``: the class of the error that ended
    the cycle early, else empty.
    """

    expiring: Mapping[str, datetime] = field(default_factory=dict)
    fault: str = ""


def systems_of(bridges: tuple[BridgeSettings, ...]) -> dict[str, str]:
    """The system of every configured channel (``bridge/name``)."""
    return {
        f"{bridge.name}/{channel.name}": channel.system
        for bridge in bridges
        for channel in bridge.channels
    }


def unanswered(systems: Mapping[str, str], store: Store) -> set[str]:
    """The channels whose last look failed, or that have never been seen at all."""
    states: Mapping[str, ChannelState] = {each.channel: each for each in store.channel_states()}
    return {
        channel
        for channel in systems
        if (state := states.get(channel)) is None or state.looked is None or state.failures
    }


def refused(systems: Mapping[str, str], store: Store) -> frozenset[str]:
    """The systems that are left alone since they refuse our sign-in."""
    names = frozenset(systems.values())
    circuits = {name: decode(store.meta_get(f"{CIRCUIT}{name}")) for name in names}
    return frozenset(
        name
        for name, circuit in circuits.items()
        if not circuit.is_closed and circuit.fault is Fault.REFUSED
    )


def gather(
    store: Store,
    systems: Mapping[str, str],
    seen: Seen,
    since: Mapping[str, datetime],
    back: Mapping[str, datetime],
    now: datetime,
    *,
    failing: datetime | None,
    free: int | None,
) -> Facts:
    """How things are. ``since``: from when on each silent channel has not answered; ``back``:
    from when on one that was silent has.

    A state that cannot be read is a fact, not an error.
    """
    try:
        closed_to_us = refused(systems, store)
        holds = store.holds(HoldState.OPEN)
        waiting = Counter(bridge for bridge, *_ in store.questions())
        waiting.update(doubt.channel.partition("/")[0] for doubt in store.doubts())
        aside = Counter(
            systems.get(f"{each.bridge}/{each.channel}", each.channel or each.bridge)
            for each in store.asides()
            if each.until > now
        )
        owed = tuple(_unwritten(each, back) for each in store.debts() if each.channel not in since)
    except SQLAlchemyError as error:
        fault = type(error).__name__
        return Facts(now=now, readable=False, failing=failing, fault=fault, free=free)
    return Facts(
        now=now,
        holds=tuple(map(_held, holds)),
        refused=closed_to_us,
        waiting=waiting,
        aside=aside,
        silent=tuple(Silent(channel, systems[channel], at) for channel, at in since.items()),
        channels=Counter(systems.values()),
        owed=owed,
        expiring=seen.expiring,
        failing=failing,
        fault=seen.fault,
        free=free,
    )


def _unwritten(debt: Debt, back: Mapping[str, datetime]) -> Unwritten:
    """While the channel did not answer, that was all there was to tell; it is given time anew."""
    since = max(debt.since, back.get(debt.channel, debt.since))
    return Unwritten(debt.system, debt.writes, since)


def _held(hold: Hold) -> Held:
    """What a person did is named by "administrator": who it was, the record tells."""
    found = causes(hold.writes)
    names = ["administrator" if c.channel.startswith(PERSON) else c.channel for c in found]
    since = min((each.since for each in found), default=None)
    names = list(dict.fromkeys(names))
    if len(names) > MOST_SOURCES:
        names[MOST_SOURCES:] = ["…"]
    return Held(hold.scope, len(hold.writes), hold.reason, tuple(names), since)


def free_space(settings: Settings) -> Callable[[], int | None]:
    """Tells the bytes that are free where the state is kept; ``None`` if it is no file."""
    url = make_url(settings.daemon.state.reveal())
    if url.get_backend_name() != "sqlite" or not url.database:
        return lambda: None
    folder = Path(url.database).parent

    def free() -> int | None:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            return None

    return free
