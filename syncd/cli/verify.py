"""What ``syncd verify`` prints: a table by channel, then each copy that differs."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.cli.console import line, print_json, rows
from syncd.cli.show import MOST_LINES
from syncd.cli.tables import Column, numbers
from syncd.cli.writes import known_as, print_changes, print_zone
from syncd.results import BridgeResult, Exit
from syncd.shown import in_order
from syncd.verify import HARMLESS, Difference, Kind, Verified

_STRANGE = frozenset({Kind.UNKNOWN, Kind.DOUBLE, Kind.UNREADABLE})
"""Of these it matters which item it is."""


def verified(
    found: Sequence[Verified],
    zone: str,
    json: bool,
    *,
    before: Sequence[Verified] = (),
    repaired: Sequence[BridgeResult] = (),
    busy: bool = False,
) -> Exit:
    """What agrees and what does not, times on the clock of ``zone``. ``before``: what did not
    before the repair, which came to ``repaired``. ``busy``: a daemon is at work, beside which
    nothing can be repaired. Returns the exit code."""
    if json:
        told: dict[str, object] = {"bridges": [_told(each) for each in found]}
        if before:
            told["before"] = [_told(each) for each in before]
            told["repaired"] = [each.as_json() for each in repaired]
        print_json(told)
    else:
        for each in before:
            _print(each, zone, busy)
        for result in repaired:
            reason = f": {result.reason}" if result.reason else ""
            line(f"{result.name}: repaired, now {result.state.value}{reason}")
        for each in found:
            _print(each, zone, busy)
    return Exit.CONVERGED if all(each.agrees for each in found) else Exit.FAILED


def _print(found: Verified, zone: str, busy: bool) -> None:
    counted = sorted(found.counts().items())
    kinds = [kind for kind in Kind if any(each[kind] for _, each in counted)]
    columns = [Column(f"{found.bridge}: channel"), *numbers("copies", *(k.value for k in kinds))]
    cells = [
        [name, str(found.copies.get(name, 0)), *(str(each[kind]) for kind in kinds)]
        for name, each in counted
    ]
    rows(columns, cells)
    for name, reason in sorted(found.failed.items()):
        line(("not reached: ", "red"), f"{name}: {reason}")
    if found.differences:
        print_zone(zone)
    for each in _in_order(found, zone)[:MOST_LINES]:
        line(_words(each, zone))
        print_changes(each.details, zone)
    if len(found.differences) > MOST_LINES:
        line(f"… and {len(found.differences) - MOST_LINES} more (--json shows all)")
    if found.agrees:
        line(f"{found.bridge}: ", ("all agree", "green"))
    elif not found.failed and _kinds(found) <= HARMLESS | {Kind.UNREADABLE}:
        hint = "what cannot be read is to be put right where it is; the rest agrees"
        line(f"{found.bridge}: ", ("not all agree", "red"), f": {hint}")
    else:
        line(f"{found.bridge}: ", ("not all agree", "red"), "; --repair lets a cycle mend it")
        if busy:
            line("  stop the daemon for that (systemctl stop syncd), and start it afterwards")


def _kinds(found: Verified) -> set[Kind]:
    return {each.kind for each in found.differences}


def _in_order(found: Verified, zone: str) -> list[Difference]:
    """By channel, then by the time of the appointment, as plans are."""
    sought = [
        {"number": n, "channel": d.channel, "appointment": d.appointment, "slot": d.slot}
        | dict(d.details)
        for n, d in enumerate(found.differences)
    ]
    return [found.differences[each["number"]] for each in in_order(sought, zone)]


def _words(each: Difference, zone: str) -> str:
    """A line: the item itself is named where it is not the one that is known."""
    fields = f" ({', '.join(each.fields)})" if each.fields else ""
    note = f": {each.note}" if each.note else ""
    slot = f"@{each.slot}" if each.slot else ""
    ids = [f"{each.appointment}{slot}"] if each.appointment else []
    known = known_as(each.details, zone)
    if known and (each.kind in _STRANGE or not ids):
        ids.append(each.key)
    ids = [id for id in ids if id]
    ending = f" [{', '.join(ids)}]" if ids else ""
    return f"{each.channel}: {each.kind.value}{fields}: {known or each.key}{note}{ending}"


def _told(found: Verified) -> dict[str, object]:
    counted = found.counts()
    return {
        "name": found.bridge,
        "agrees": found.agrees,
        "channels": [
            {
                "name": name,
                "copies": found.copies.get(name, 0),
                **{kind.value: counted[name][kind] for kind in Kind},
            }
            for name in sorted(counted)
        ],
        "failed": dict(found.failed),
        "differences": [
            {
                "channel": each.channel,
                "kind": each.kind.value,
                "key": each.key,
                "appointment": each.appointment,
                "fields": list(each.fields),
                "shown": each.details["shown"],
                "note": each.note,
                "slot": each.slot,
                "when": each.details["when"],
                "title": each.details["title"],
                "location": each.details["location"],
                "changes": each.details["changes"],
            }
            for each in found.differences
        ],
    }
