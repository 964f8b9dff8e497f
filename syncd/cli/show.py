"""What sync, check, conflicts and approve print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich.text import Text

from syncd.cli.console import line, print_json, rows
from syncd.cli.tables import Column, numbers
from syncd.config import BridgeSettings, ChannelSettings, Settings
from syncd.connector import Health
from syncd.inbox import NEW, Item, ItemKind, hold_id
from syncd.results import BridgeResult, ChannelResult, State
from syncd.store import HoldState, Store

MOST_LINES = 200
CLOCK_LIMIT = 60.0

_COLOURS = {State.CONVERGED: "green", State.CONFLICTS: "yellow"}
_COUNTS = ("created", "updated", "deleted", "unchanged")
_TROUBLE = ("conflicts", "failed")


def results(found: Sequence[BridgeResult], json: bool) -> None:
    """What a synchronisation came to."""
    if json:
        print_json({"bridges": [result.as_json() for result in found]})
        return
    for result in found:
        _result(result)


def _result(result: BridgeResult) -> None:
    trouble = [name for name in _TROUBLE if any(getattr(c, name) for c in result.channels)]
    columns = [
        Column("channel"),
        Column("system", drop=3),
        *numbers(*_COUNTS, *trouble),
        Column("requests", drop=2, right=True),
    ]
    rows(columns, [_cells(channel, (*_COUNTS, *trouble)) for channel in result.channels])
    line(
        f"{result.name}: ",
        (result.state.value, _COLOURS.get(result.state, "red")),
        f" ({result.cycles} {'cycle' if result.cycles == 1 else 'cycles'}, {result.seconds:.1f} s)",
        f": {result.reason}" if result.reason else "",
    )


def _cells(channel: ChannelResult, names: Sequence[str]) -> list[str]:
    counts = [str(getattr(channel, name)) for name in (*names, "requests")]
    return [channel.name, channel.system, *counts]


def health(
    settings: Settings,
    found: Iterable[tuple[BridgeSettings, ChannelSettings, Health]],
    json: bool,
) -> None:
    """Sign-in, rights and clock of every channel."""
    told = [
        {
            "bridge": bridge.name,
            "channel": channel.name,
            "system": channel.system,
            "ok": each.ok,
            "account": each.account,
            "can_write": each.can_write,
            "clock": each.skew,
            "detail": each.detail,
        }
        for bridge, channel, each in found
    ]
    if json:
        print_json({"file": settings.file, "channels": told})
        return
    line(f"{settings.file}: the configuration is right")
    columns = [
        Column("bridge", drop=2),
        Column("channel"),
        Column("system", drop=3),
        Column("sign-in"),
        Column("account", drop=1),
        Column("writes"),
        Column("clock", right=True),
        Column("detail", wraps=True),
    ]
    rows(columns, [_health_cells(row) for row in told])


def _health_cells(row: Mapping[str, object]) -> list[str | Text]:
    skew = row["clock"]
    clock = f"{skew:+.0f} s" if isinstance(skew, float) else ""
    wrong = isinstance(skew, float) and abs(skew) > CLOCK_LIMIT
    return [
        *(str(row[name]) for name in ("bridge", "channel", "system")),
        Text("ok", "green") if row["ok"] else Text("failed", "red"),
        str(row["account"]),
        "yes" if row["can_write"] else "no",
        Text(clock, "red" if wrong else ""),
        str(row["detail"]),
    ]


def inbox_items(items: Sequence[Item], json: bool) -> None:
    """What waits for a person, each with the commands that answer it."""
    if json:
        print_json({"conflicts": [_item_json(item) for item in items]})
        return
    if not items:
        line("nothing waits")
    for item in items:
        _item(item)


def _item(item: Item) -> None:
    line((item.id, "bold"))
    if item.kind is ItemKind.QUESTION:
        line(f"  {item.bridge}: {item.path} has several values; asked by {item.reason}")
    else:
        line(f"  {item.bridge}: may be known already ({item.reason})")
        line(f"  it is: {item.shown}")
    for name, text in item.choices.items():
        line(f"  --take {name}", f": {text}" if text else "")
    if item.kind is ItemKind.QUESTION:
        line("  --value V: another value")
    line(f"  syncd resolve '{item.id}' --take {NEW if NEW in item.choices else 'CHANNEL'}")


def _item_json(item: Item) -> dict[str, object]:
    told = asdict(item)
    told["since"] = item.since.isoformat(timespec="seconds") if item.since else None
    told["kind"] = item.kind.value
    return told


def holds(store: Store, json: bool) -> None:
    """The open holds with exactly the writes that approving them allows."""
    found = holds_json(store)
    if json:
        print_json({"holds": found})
        return
    if not found:
        line("nothing is held")
    for hold in found:
        line((str(hold["id"]), "red"), f" {hold['scope']}: {hold['reason']}")
        writes: Sequence[Mapping[str, str]] = hold["writes"]  # type: ignore[assignment]  # as below
        for write in writes[:MOST_LINES]:
            slot = f"@{write['slot']}" if write["slot"] else ""
            line(f"  {write['channel']}: {write['operation']} {write['appointment']}{slot}")
        if len(writes) > MOST_LINES:
            line(f"  … and {len(writes) - MOST_LINES} more (--json shows all)")
        line(f"  to allow exactly these {len(writes)}: syncd approve {hold['id']}")


def holds_json(store: Store) -> list[dict[str, object]]:
    """The open holds as they are told to programs."""
    return [
        {
            "id": hold_id(hold.id, hold.digest),
            "scope": hold.scope,
            "reason": hold.reason,
            "since": hold.at.isoformat(timespec="seconds"),
            "writes": [dict(write) for write in hold.writes],
        }
        for hold in store.holds(HoldState.OPEN)
    ]
