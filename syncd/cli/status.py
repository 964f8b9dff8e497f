"""What ``syncd status`` gathers: the state of every channel, and what needs somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from syncd import inbox
from syncd.atwork import last_at_work
from syncd.breakers import CIRCUIT, decode
from syncd.cli.console import line, print_json
from syncd.cli.show import approvals_json, holds_json
from syncd.cli.status_text import print_changed, print_status
from syncd.config import Settings, salvage
from syncd.core.paths import path_text
from syncd.errors import SyncdError
from syncd.lock import is_held
from syncd.results import Exit
from syncd.store import Kept, Store, clearly

_TELL_BEHIND = timedelta(days=7)
"""So long it is told that the state was found to be older than its systems."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is configured, as far as it is told of: the state's URL, the time zone, the bridges,
    the channels (bridge, name, system) and the systems."""

    state: str
    zone: str
    bridges: Sequence[str]
    channels: Sequence[tuple[str, str, str]]
    systems: Sequence[str]

    @classmethod
    def configured(cls, settings: Settings) -> Self:
        """As the configuration says."""
        bridges = settings.bridges
        return cls(
            settings.daemon.state.reveal(),
            settings.daemon.time_zone,
            [bridge.name for bridge in bridges],
            [(b.name, each.name, each.system) for b in bridges for each in b.channels],
            list(settings.systems),
        )

    @classmethod
    def stored(cls, state: str, zone: str, store: Store) -> Self:
        """As the state has it, where the configuration cannot be read; of which systems the
        channels are is not kept there."""
        places = [each.channel.partition("/") for each in store.channel_states()]
        return cls(
            state,
            zone,
            sorted({bridge for bridge, _, _ in places}),
            [(bridge, name, "") for bridge, _, name in places],
            sorted(store.metas(CIRCUIT)),
        )


def status(settings: Settings, store: Store, now: datetime, json: bool) -> Exit:
    """The state of things. Returns the exit code: the worst that is to be seen."""
    known = Known.configured(settings)
    told = _told(known, store, now)
    if json:
        print_json(told)
    else:
        print_status(told, known.zone, now)
    failing = any(row["failures"] for row in told["channels"])
    if told["fault"] or told["aside"] or told["owed"] or failing:
        return Exit.FAILED
    if told["holds"] or told["paused"] or told["paused_bridges"]:
        return Exit.HELD
    return Exit.CONFLICTS if told["conflicts"] else Exit.CONVERGED


def status_all_the_same(config: Path, now: datetime) -> None:
    """What is known although the configuration was refused: how the daemon fares that goes on
    with an older one."""
    try:
        found = salvage(config)
        url = found.state.reveal()
        with clearly(url), Store.open(url, create=False) as store:
            stored = Known.stored(url, found.time_zone, store)
            told = _told(stored, store, now)
            print_changed(config, told["daemon"], found.time_zone)
            print_status(told, found.time_zone, now)
    except SyncdError as error:
        line(f"how the daemon fares is not known: {error}")
        line("  systemctl status syncd, and its log, tell whether it goes on with an older one")


def _told(known: Known, store: Store, now: datetime) -> dict[str, Any]:
    channels, broken = [], []
    watches = {each.channel: each for each in store.watches()}
    copies = store.stats().copies
    for bridge, name, system in known.channels:
        id = f"{bridge}/{name}"
        state = store.channel_state(id)
        failing = state is not None and state.failures > 0
        channels.append(
            {
                "bridge": bridge,
                "channel": name,
                "system": system,
                "copies": copies.get(id, 0),
                "looked": _iso(state.looked) if state is not None else None,
                "failures": state.failures if state else 0,
                "error": state.error if state is not None and failing else "",
                "retry_at": _iso(state.retry_at) if state is not None and failing else None,
                "watch": _watch(watches.get(id), now),
            }
        )
        broken += [
            {"channel": id, "key": item.key, "reason": item.reason} for item in store.unreadable(id)
        ]
    return {
        "channels": channels,
        "systems": _left_alone(known, store, now),
        "fault": store.fault(),
        "behind": _behind(known, store, now),
        "unreadable": broken,
        "waiting": _waiting(store, channels),
        "owed": _owed(known, store),
        "aside": _asides(store),
        "holds": holds_json(store),
        "approvals": approvals_json(store, now),
        "conflicts": sum(1 for _ in inbox.items(store)),
        "paused": bool(store.meta_get("writing-stopped")),
        "paused_bridges": [name for name in known.bridges if store.meta_get(f"paused:{name}")],
        "daemon": _daemon(known, store),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None


def _watch(kept: Kept | None, now: datetime) -> dict[str, str | None] | None:
    """How a channel is told of, ``None`` for one that is only polled."""
    if kept is None:
        return None
    open = kept.watch if kept.is_open(now) else None
    return {
        "state": "failing" if kept.failures else "open" if open is not None else "missing",
        "expires": _iso(open.expires) if open is not None else None,
        "told": _iso(kept.told),
        "error": kept.error,
        "retry_at": _iso(kept.act_at) if kept.failures else None,
    }


def _left_alone(known: Known, store: Store, now: datetime) -> list[dict[str, Any]]:
    """The systems that are not asked for a while, since they fail or refuse our sign-in."""
    found = []
    for name in known.systems:
        circuit = decode(store.meta_get(f"{CIRCUIT}{name}"))
        if circuit.until is not None:
            found.append(
                {
                    "system": name,
                    "state": circuit.flow(now).value,
                    "fault": circuit.fault.value,
                    "until": _iso(circuit.until),
                    "error": circuit.error,
                }
            )
    return found


def _owed(known: Known, store: Store) -> list[dict[str, Any]]:
    """What channels could not be given. A write that a system takes calls all that wait for it,
    so that they have one next time."""
    names = {f"{bridge}/{channel}" for bridge, channel, _ in known.channels}
    debts = [each for each in store.debts() if each.channel in names]
    soonest: dict[str, datetime] = {}
    for each in debts:
        if each.again is not None:
            soonest[each.system] = min(each.again, soonest.get(each.system, each.again))
    return [
        {
            "channel": each.channel,
            "system": each.system,
            "writes": each.writes,
            "since": _iso(each.since),
            "next": _iso(soonest.get(each.system)),
            "reason": each.reason,
        }
        for each in debts
    ]


def _waiting(store: Store, channels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose series nothing has shown, and the channels that may show it and do not answer."""
    unseen: dict[str, list[str]] = {}
    for row in channels:
        if row["failures"] or row["looked"] is None:
            unseen.setdefault(row["bridge"], []).append(row["channel"])
    return [
        {
            "channel": each.channel,
            "copies": each.copies,
            "series": each.series,
            "since": _iso(each.since),
            "unseen": unseen.get(each.channel.partition("/")[0], []),
        }
        for each in store.rows_waiting()
    ]


def _behind(known: Known, store: Store, now: datetime) -> list[dict[str, Any]]:
    """The bridges that lately found their state to be an old one."""
    found = [(name, store.behind(name)) for name in known.bridges]
    return [
        {"bridge": name, "at": _iso(last.at), "appointments": last.appointments}
        for name, last in found
        if last is not None and now - last.at < _TELL_BEHIND
    ]


def _asides(store: Store) -> list[dict[str, str | None]]:
    return [
        {
            "bridge": each.bridge,
            "appointment": each.appointment,
            "channel": each.channel,
            "slot": each.slot,
            "field": path_text(each.path),
            "reason": each.reason,
            "until": _iso(each.until),
        }
        for each in store.asides()
    ]


def _daemon(known: Known, store: Store) -> dict[str, Any] | None:
    """How the daemon fares, ``None`` if there never was one. ``at_work``: ``None`` if that cannot
    be told; a command that has the store for a moment is taken for it, too."""
    last = last_at_work(store)
    if last is None:
        return None
    return {
        "at_work": is_held(known.state),
        "since": _iso(last.since),
        "configured": _iso(last.configured),
        "file": last.file,
        "refused": last.refused,
        "refused_at": _iso(last.refused_at),
    }
