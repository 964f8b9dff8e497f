"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json as encoder
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from rich.console import Console
from rich.table import Table

from syncd.config import BridgeSettings, ChannelSettings, Settings
from syncd.connector import Health
from syncd.core.paths import path_text
from syncd.core.state import Kind
from syncd.engine import Plans
from syncd.inbox import Item, hold_id
from syncd.results import BridgeResult, Exit, State
from syncd.store import HoldState, Store

MOST_LINES = 200
CLOCK_LIMIT = 60.0

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


def error(text: str) -> None:
    """One error, on the error stream."""
    _err.print(f"[red]error:[/red] {_plain(text)}")


def warning(text: str) -> None:
    """One warning, on the error stream."""
    _err.print(f"[yellow]warning:[/yellow] {_plain(text)}")


def said(told: Mapping[str, object], text: str, json: bool) -> None:
    """What was done, in one line."""
    _print_json(told) if json else _out.print(_plain(text))


def results(found: Sequence[BridgeResult], json: bool) -> None:
    """What a synchronisation came to."""
    if json:
        _print_json({"bridges": [result.as_json() for result in found]})
        return
    for result in found:
        table = _table("channel", "system", "created", "updated", "deleted", "unchanged")
        for name in ("conflicts", "failed", "requests"):
            table.add_column(name, justify="right")
        for each in result.channels:
            row = asdict(each)
            table.add_row(*(_plain(str(value)) for value in row.values()))
        _out.print(table)
        reason = f": {_plain(result.reason)}" if result.reason else ""
        took = f"{result.cycles} cycles, {result.seconds:.1f} s"
        _out.print(f"{result.name}: {_coloured(result.state)} ({took}){reason}")


@contextmanager
def progress(json: bool) -> Iterator[Callable[[BridgeResult], None] | None]:
    """Progress on a terminal, none in a pipe."""
    if json or not _err.is_terminal:
        yield None
        return
    with _err.status("looking at every channel …") as line:

        def told(result: BridgeResult) -> None:
            written = sum(c.created + c.updated + c.deleted for c in result.channels)
            line.update(f"{result.name}: cycle {result.cycles}, {written} writes")

        yield told


def health(
    settings: Settings,
    found: Iterable[tuple[BridgeSettings, ChannelSettings, Health]],
    json: bool,
) -> None:
    """Sign-in, rights and clock of every channel."""
    rows = [
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
        _print_json({"file": settings.file, "channels": rows})
        return
    _out.print(f"{_plain(settings.file)}: the configuration is right")
    table = _table("bridge", "channel", "system", "sign-in", "account", "writes", "clock", "detail")
    for row in rows:
        skew = row["clock"]
        clock = "" if not isinstance(skew, float) else f"{skew:+.0f} s"
        if isinstance(skew, float) and abs(skew) > CLOCK_LIMIT:
            clock = f"[red]{clock}[/red]"
        table.add_row(
            *(_plain(str(row[name])) for name in ("bridge", "channel", "system")),
            "[green]ok[/green]" if row["ok"] else "[red]failed[/red]",
            _plain(str(row["account"])),
            "yes" if row["can_write"] else "no",
            clock,
            _plain(str(row["detail"])),
        )
    _out.print(table)


def plans(found: Mapping[str, Plans], json: bool) -> None:
    """What the next cycle would do: first a summary, then each write."""
    if json:
        told = {
            name: {"channels": _counts(p), "writes": _writes(p), "dangers": list(p.dangers)}
            for name, p in found.items()
        }
        _print_json({"bridges": told})
        return
    for name, each in found.items():
        _print_plans(name, each)


def _print_plans(name: str, each: Plans) -> None:
    table = _table(f"{name}: channel", "link", "create", "update", "delete")
    for channel, row in _counts(each).items():
        table.add_row(channel, *(str(row[key]) for key in ("link", "create", "update", "delete")))
    _out.print(table)
    for danger in each.dangers:
        _out.print(f"[red]would hold:[/red] {_plain(danger)}")
    writes = _writes(each)
    for line in writes[:MOST_LINES]:
        changed = f" ({line['paths']})" if line["paths"] else ""
        slot = f"@{line['slot']}" if line["slot"] else ""
        what = f"{line['channel']}: {line['operation']} {line['appointment']}{slot}"
        _out.print(f"{what}{changed}: {line['reason']}")
    if len(writes) > MOST_LINES:
        _out.print(f"… and {len(writes) - MOST_LINES} more (--json shows all)")
    if not writes:
        _out.print("nothing to write")


def status(settings: Settings, store: Store, now: datetime, json: bool) -> Exit:
    """The state of things. Returns the exit code: the worst that is to be seen."""
    rows, broken = [], []
    copies = store.stats().copies
    for bridge in settings.bridges:
        for channel in bridge.channels:
            id = f"{bridge.name}/{channel.name}"
            state = store.channel_state(id)
            looked = state.looked if state is not None else None
            rows.append(
                {
                    "bridge": bridge.name,
                    "channel": channel.name,
                    "system": channel.system,
                    "copies": copies.get(id, 0),
                    "looked": looked.isoformat(timespec="seconds") if looked else None,
                    "failures": state.failures if state else 0,
                    "error": state.error if state and state.failures else "",
                }
            )
            broken += [
                {"channel": id, "key": item.key, "reason": item.reason}
                for item in store.unreadable(id)
            ]
    asides = [
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
    open_holds = _holds_json(store)
    waiting = store.stats().conflicts + store.stats().doubts
    told = {
        "channels": rows,
        "unreadable": broken,
        "aside": asides,
        "holds": open_holds,
        "conflicts": waiting,
        "paused": bool(store.meta_get("writing-stopped")),
    }
    if json:
        _print_json(told)
    else:
        _print_status(told)
    if asides or any(row["failures"] for row in rows):
        return Exit.FAILED
    if open_holds:
        return Exit.HELD
    return Exit.CONFLICTS if waiting else Exit.CONVERGED


def inbox_items(items: Sequence[Item], json: bool) -> None:
    """What waits for a person."""
    if json:
        _print_json({"conflicts": [_item_json(item) for item in items]})
        return
    if not items:
        _out.print("nothing waits")
        return
    table = _table("id", "kind", "bridge", "choices", "reason")
    for item in items:
        choices = "\n".join(
            f"{_plain(name)}: {_plain(text)}" if text else _plain(name)
            for name, text in item.choices.items()
        )
        table.add_row(item.id, item.kind.value, item.bridge, choices, _plain(item.reason))
    _out.print(table)


def holds(store: Store, json: bool) -> None:
    """The open holds with exactly the writes that approving them allows."""
    found = _holds_json(store)
    if json:
        _print_json({"holds": found})
        return
    if not found:
        _out.print("nothing is held")
    for hold in found:
        _out.print(f"[red]{hold['id']}[/red] {hold['scope']}: {_plain(str(hold['reason']))}")
        writes: Sequence[Mapping[str, str]] = hold["writes"]  # type: ignore[assignment]  # as below
        for write in writes[:MOST_LINES]:
            _out.print(f"  {write['channel']}: {write['operation']} {write['appointment']}")
        if len(writes) > MOST_LINES:
            _out.print(f"  … and {len(writes) - MOST_LINES} more (--json shows all)")
        _out.print(f"  to allow exactly these {len(writes)}: syncd approve {hold['id']}")


def _holds_json(store: Store) -> list[dict[str, object]]:
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


def _print_status(told: Mapping[str, object]) -> None:
    table = _table("bridge", "channel", "system", "copies", "last look", "error")
    rows: Sequence[Mapping[str, object]] = told["channels"]  # type: ignore[assignment]  # as built
    for row in rows:
        names = ("bridge", "channel", "system", "copies", "looked", "error")
        table.add_row(*(_plain(str(row[name] or "")) for name in names))
    _out.print(table)
    broken: Sequence[Mapping[str, str]] = told["unreadable"]  # type: ignore[assignment]  # as built
    for each in broken[:MOST_LINES]:
        _out.print(
            f"unreadable: {_plain(each['channel'])} {_plain(each['key'])}: {_plain(each['reason'])}"
        )
    asides: Sequence[Mapping[str, str]] = told["aside"]  # type: ignore[assignment]  # as built
    for each in asides[:MOST_LINES]:
        _out.print(
            f"set aside: {each['appointment']} in {each['channel']} {each['field']}: "
            f"{_plain(each['reason'])} (until {each['until']}; syncd retry {each['appointment']})"
        )
    held: Sequence[Mapping[str, str]] = told["holds"]  # type: ignore[assignment]  # as built
    for each in held:
        _out.print(
            f"[red]held:[/red] {each['scope']}: {_plain(each['reason'])} "
            f"(syncd approve {each['id']})"
        )
    if told["paused"]:
        _out.print("writing is stopped (syncd resume)")
    if told["conflicts"]:
        _out.print(f"{told['conflicts']} wait for a person: syncd conflicts")


def _counts(each: Plans) -> dict[str, dict[str, int]]:
    """For each channel how many copies are linked, created, updated, deleted."""
    counts: dict[str, Counter[str]] = {}
    for plan in each.plans:
        for write in plan.writes:
            counts.setdefault(write.channel, Counter())[write.operation.value] += 1
        if plan.agreement is not None and any(r.kind is Kind.BORN for r in plan.records):
            linked = [place[0] for place in plan.agreement.copies]
            for channel in linked if len(linked) > 1 else ():
                counts.setdefault(channel, Counter())["link"] += 1
    return {
        name: {key: found[key] for key in ("link", "create", "update", "delete")}
        for name, found in sorted(counts.items())
    }


def _writes(each: Plans) -> list[dict[str, str]]:
    return [
        {
            "appointment": plan.id,
            "channel": write.channel,
            "slot": write.slot,
            "operation": write.operation.value,
            "paths": ", ".join(path_text(path) for path in write.paths),
            "reason": write.reason,
        }
        for plan in each.plans
        for write in plan.writes
    ]


def _item_json(item: Item) -> dict[str, object]:
    told = asdict(item)
    told["since"] = item.since.isoformat(timespec="seconds") if item.since else None
    told["kind"] = item.kind.value
    return told


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _coloured(state: State) -> str:
    colour = {State.CONVERGED: "green", State.CONFLICTS: "yellow"}.get(state, "red")
    return f"[{colour}]{state.value}[/{colour}]"


def _plain(text: str) -> str:
    """Text that is no markup."""
    return text.replace("[", "\\[")


def _print_json(told: Mapping[str, object]) -> None:
    print(encoder.dumps(told, ensure_ascii=False))  # noqa: T201  # what the command is for
