"""What sync, check, conflicts and approve print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from syncd.cli.console import line, print_json, rows
from syncd.cli.tables import Column, numbers
from syncd.cli.writes import cause_lines, causes_json, print_write, print_zone
from syncd.inbox import NEW, Item, ItemKind, hold_id
from syncd.results import BridgeResult, ChannelResult, State
from syncd.shown import in_order
from syncd.store import Hold, HoldState, Store

MOST_LINES = 200

APPROVALS_TOLD = timedelta(days=7)
"""For how long it is told who approved what; the record itself stays."""

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


def inbox_items(items: Sequence[Item], zone: str, json: bool) -> None:
    """What waits for a person, each with the commands that answer it. ``zone``: of the times of
    doubtful ones."""
    if json:
        print_json({"conflicts": [item_json(item) for item in items]})
        return
    if not items:
        line("nothing waits")
    if any(item.kind is ItemKind.DOUBT for item in items):
        print_zone(zone)
    for item in items:
        _item(item)


def _item(item: Item) -> None:
    line((item.id, "bold"))
    if item.kind is ItemKind.QUESTION:
        line(f"  {item.bridge}: {item.path} has several values; asked by {item.reason}")
    else:
        line(f"  {item.bridge}: may be known already ({item.reason})")
        line(f"  it is: {item.text()}")
    for name in item.choices:
        text = item.text(name)
        line(f"  --take {name}", f": {text}" if text else "")
    if item.kind is ItemKind.QUESTION:
        line("  --value V: another value")
    line(f"  syncd resolve '{item.id}' --take {NEW if NEW in item.choices else 'CHANNEL'}")


def item_json(item: Item) -> dict[str, object]:
    """One thing that waits, as it is told to programs."""
    told = asdict(item)
    del told["told"]
    told["since"] = item.since.isoformat(timespec="seconds") if item.since else None
    told["kind"] = item.kind.value
    return told


def holds(store: Store, zone: str, json: bool) -> None:
    """The open holds with exactly the writes that approving them allows."""
    if json:
        print_json({"holds": holds_json(store)})
        return
    found = open_holds(store)
    if not found:
        line("nothing is held")
    for hold in found:
        name = hold_id(hold.id, hold.digest)
        line((name, "red"), f" {hold.scope}: {hold.reason}")
        for told in cause_lines(hold.writes, zone):
            line(told)
        print_zone(zone)
        for write in in_order(hold.writes, zone)[:MOST_LINES]:
            print_write(write, zone, indent="  ")
        if len(hold.writes) > MOST_LINES:
            line(f"  … and {len(hold.writes) - MOST_LINES} more (--json shows all)")
        line(f"  to allow exactly these {len(hold.writes)}: syncd approve {name}")


def open_holds(store: Store) -> list[Hold]:
    """The open holds, by bridge."""
    return sorted(store.holds(HoldState.OPEN), key=lambda hold: (hold.scope, hold.id))


def holds_json(store: Store) -> list[dict[str, object]]:
    """The open holds as they are told to programs."""
    return [
        {
            "id": hold_id(hold.id, hold.digest),
            "scope": hold.scope,
            "reason": hold.reason,
            "since": hold.at.isoformat(timespec="seconds"),
            "causes": causes_json(hold),
            "writes": [dict(write) for write in hold.writes],
        }
        for hold in open_holds(store)
    ]


def approvals_json(store: Store, now: datetime) -> list[dict[str, object]]:
    """Who approved what within the last days. ``pending``: not all of it has been written yet."""
    return [
        {
            "id": hold_id(hold.id, hold.digest),
            "scope": hold.scope,
            "reason": hold.reason,
            "by": hold.approved_by,
            "at": hold.approved_at.isoformat(timespec="seconds"),
            "writes": len(hold.writes),
            "pending": hold.state is HoldState.APPROVED,
        }
        for hold in store.holds()
        if hold.approved_at is not None and hold.approved_at > now - APPROVALS_TOLD
    ]
