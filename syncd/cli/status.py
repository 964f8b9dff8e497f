"""What ``syncd status`` prints: the state of every channel, and what needs somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from syncd import inbox
from syncd.breakers import CIRCUIT, decode
from syncd.cli.console import line, print_json, rows
from syncd.cli.show import MOST_LINES, approvals_json, holds_json
from syncd.cli.tables import Column
from syncd.config import Settings
from syncd.core.paths import path_text
from syncd.results import Exit
from syncd.store import Kept, Store

_TELL_BEHIND = timedelta(days=7)
"""So long it is told that the state was found to be older than its systems."""


def status(settings: Settings, store: Store, now: datetime, json: bool) -> Exit:
    """The state of things. Returns the exit code: the worst that is to be seen."""
    told = _told(settings, store, now)
    if json:
        print_json(told)
    else:
        _print(told, now)
    if (
        told["fault"]
        or told["aside"]
        or told["owed"]
        or any(row["failures"] for row in told["channels"])
    ):
        return Exit.FAILED
    if told["holds"] or told["paused"] or told["paused_bridges"]:
        return Exit.HELD
    return Exit.CONFLICTS if told["conflicts"] else Exit.CONVERGED


def _told(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    channels, broken = [], []
    watches = {each.channel: each for each in store.watches()}
    copies = store.stats().copies
    for bridge in settings.bridges:
        for channel in bridge.channels:
            id = f"{bridge.name}/{channel.name}"
            state = store.channel_state(id)
            looked = state.looked if state is not None else None
            channels.append(
                {
                    "bridge": bridge.name,
                    "channel": channel.name,
                    "system": channel.system,
                    "copies": copies.get(id, 0),
                    "looked": looked.isoformat(timespec="seconds") if looked else None,
                    "failures": state.failures if state else 0,
                    "error": state.error if state and state.failures else "",
                    "watch": _watch(watches.get(id), now),
                }
            )
            broken += [
                {"channel": id, "key": item.key, "reason": item.reason}
                for item in store.unreadable(id)
            ]
    paused = [b.name for b in settings.bridges if store.meta_get(f"paused:{b.name}")]
    return {
        "channels": channels,
        "systems": _left_alone(settings, store, now),
        "fault": store.fault(),
        "behind": _behind(settings, store, now),
        "unreadable": broken,
        "waiting": _waiting(store, channels),
        "owed": _owed(settings, store),
        "aside": _asides(store),
        "holds": holds_json(store),
        "approvals": approvals_json(store, now),
        "conflicts": sum(1 for _ in inbox.items(store)),
        "paused": bool(store.meta_get("writing-stopped")),
        "paused_bridges": paused,
    }


def _watch(kept: Kept | None, now: datetime) -> dict[str, str | None] | None:
    """How a channel is told of, ``None`` for one that is only polled."""
    if kept is None:
        return None
    open = kept.watch if kept.is_open(now) else None
    return {
        "state": "failing" if kept.failures else "open" if open is not None else "missing",
        "expires": open.expires.isoformat(timespec="seconds") if open is not None else None,
        "told": kept.told.isoformat(timespec="seconds") if kept.told else None,
        "error": kept.error,
    }


def _left_alone(settings: Settings, store: Store, now: datetime) -> list[dict[str, str]]:
    """The systems that are not asked for a while, since they fail or refuse our sign-in."""
    found = []
    for name in settings.systems:
        circuit = decode(store.meta_get(f"{CIRCUIT}{name}"))
        if circuit.until is not None:
            until = circuit.until.isoformat(timespec="seconds")
            state = circuit.flow(now).value
            found.append({"system": name, "state": state, "until": until, "error": circuit.error})
    return found


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
            "since": each.since.isoformat(timespec="seconds"),
            "unseen": unseen.get(each.channel.partition("/")[0], []),
        }
        for each in store.rows_waiting()
    ]


def _owed(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """What channels could not be given. A write that a system takes calls all that wait for it,
    so that they have one next time."""
    names = {
        f"{bridge.name}/{channel.name}"
        for bridge in settings.bridges
        for channel in bridge.channels
    }
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
            "since": each.since.isoformat(timespec="seconds"),
            "next": _told_at(soonest.get(each.system)),
            "reason": each.reason,
        }
        for each in debts
    ]


def _told_at(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None


def _behind(settings: Settings, store: Store, now: datetime) -> list[dict[str, Any]]:
    """The bridges that lately found their state to be an old one."""
    found = [(bridge.name, store.behind(bridge.name)) for bridge in settings.bridges]
    return [
        {
            "bridge": name,
            "at": last.at.isoformat(timespec="seconds"),
            "appointments": last.appointments,
        }
        for name, last in found
        if last is not None and now - last.at < _TELL_BEHIND
    ]


def _asides(store: Store) -> list[dict[str, str]]:
    return [
        {
            "bridge": each.bridge,
            "appointment": each.appointment,
            "channel": each.channel,
            "slot": each.slot,
            "field": path_text(each.path),
            "reason": each.reason,
            "until": each.until.isoformat(timespec="seconds"),
        }
        for each in store.asides()
    ]


def _print(told: Mapping[str, Any], now: datetime) -> None:
    columns = [
        Column("bridge", drop=2),
        Column("channel"),
        Column("system", drop=3),
        Column("copies", right=True),
        Column("last look"),
        Column("error", wraps=True),
    ]
    cells = [_cells(row, now) for row in told["channels"]]
    if any(row["watch"] for row in told["channels"]):
        columns.insert(-1, Column("told", drop=1))
        for row, shown in zip(told["channels"], cells, strict=True):
            shown.insert(-1, _ago(row["watch"]["told"], now) if row["watch"] else "")
    rows(columns, cells)
    _print_each(
        "not told of, polled instead: {bridge}/{channel}: {reason}",
        [
            {**row, "reason": row["watch"]["error"]}
            for row in told["channels"]
            if row["watch"] and row["watch"]["state"] == "failing"
        ],
    )
    if told["fault"]:
        line(("the state cannot be written: ", "red"), told["fault"])
        line("  nothing is written anywhere until it can")
    _print_unseen(told, now)
    _print_owed(told["owed"], now)
    for each in told["aside"][:MOST_LINES]:
        what = f"{each['channel'] or 'every channel'} {each['field']}".rstrip()
        line(f"set aside: {each['appointment']} in {what}: {each['reason']}")
        line(f"  until {each['until']}, or: syncd retry {each['appointment']}")
    for each in told["holds"]:
        line(("held: ", "red"), f"{each['scope']}: {each['reason']}")
        line(f"  {len(each['writes'])} writes wait: syncd approve {each['id']}")
    for each in told["approvals"]:
        pending = "; not all written yet" if each["pending"] else ""
        ago = _ago(each["at"], now)
        line(f"approved by {each['by']} {ago}: {each['scope']}: {each['writes']} writes{pending}")
        line(f"  they were held since: {each['reason']}")
    if told["paused"]:
        line("writing is stopped: syncd resume")
    for name in told["paused_bridges"]:
        line(f"{name}: writing is stopped: syncd resume --bridge {name}")
    if told["conflicts"]:
        verb = "waits" if told["conflicts"] == 1 else "wait"
        line(f"{told['conflicts']} {verb} for a person: syncd conflicts")


def _print_unseen(told: Mapping[str, Any], now: datetime) -> None:
    """What is not seen as it is, or was not."""
    for each in told["systems"]:
        line(f"left alone: {each['system']} ({each['state']}): {each['error']}")
        line(f"  until {each['until']}; then one channel tries for all")
    for each in told["behind"]:
        line(f"{each['bridge']}: the state was older than the systems {_ago(each['at'], now)}")
        line(f"  {each['appointments']} appointments were not in it; all was linked anew")
    _print_each("unreadable: {channel} {key}: {reason}", told["unreadable"])
    for each in told["waiting"]:
        many = f"{each['copies']} rows of {each['series']} series"
        line(f"waiting: {each['channel']}: {many}, since {_ago(each['since'], now)}")
        line(f"  the series may be in what is not seen: {', '.join(each['unseen']) or 'nothing'}")


def _print_owed(found: Sequence[Mapping[str, Any]], now: datetime) -> None:
    for each in found[:MOST_LINES]:
        many = "1 write" if each["writes"] == 1 else f"{each['writes']} writes"
        line(
            ("owed: ", "red"),
            f"{each['channel']}: {many}, since {_ago(each['since'], now)}: {each['reason']}",
        )
        soon = each["next"] is None or datetime.fromisoformat(each["next"]) <= now
        line(f"  tried again {'at the next cycle' if soon else 'at ' + each['next']}")
    if len(found) > MOST_LINES:
        line(f"… and {len(found) - MOST_LINES} more channels (--json shows all)")


def _print_each(form: str, found: Sequence[Mapping[str, str]]) -> None:
    for each in found[:MOST_LINES]:
        line(form.format(**each))
    if len(found) > MOST_LINES:
        line(f"… and {len(found) - MOST_LINES} more (--json shows all)")


def _cells(row: Mapping[str, Any], now: datetime) -> list[str]:
    return [
        row["bridge"],
        row["channel"],
        row["system"],
        str(row["copies"]),
        _ago(row["looked"], now),
        row["error"],
    ]


def _ago(looked: str | None, now: datetime) -> str:
    """How long ago, in words; nothing for a clock that went back."""
    if looked is None:
        return "never"
    seconds = int((now - datetime.fromisoformat(looked)).total_seconds())
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {word} ago"
    return f"{max(0, seconds)} s ago"
