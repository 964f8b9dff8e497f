"""What ``syncd verify`` prints: a table by channel, then each copy that differs."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.cli.console import line, print_json, rows
from syncd.cli.show import MOST_LINES
from syncd.cli.tables import Column, numbers
from syncd.cli.writes import print_zone
from syncd.results import BridgeResult, Exit
from syncd.verify import Difference, Kind, Verified


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
    for each in found.differences[:MOST_LINES]:
        line(_words(each))
    if len(found.differences) > MOST_LINES:
        line(f"… and {len(found.differences) - MOST_LINES} more (--json shows all)")
    if found.agrees:
        line(f"{found.bridge}: ", ("all agree", "green"))
    else:
        line(f"{found.bridge}: ", ("not all agree", "red"), "; --repair lets a cycle mend it")
        if busy:
            line("  stop the daemon for that (systemctl stop syncd), and start it afterwards")


def _words(each: Difference) -> str:
    fields = f" ({', '.join(each.fields)})" if each.fields else ""
    name = each.told or each.key
    note = f": {each.note}" if each.note else ""
    return f"{each.channel}: {each.kind.value}{fields}: {name}{note}"


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
                "shown": each.shown,
                "note": each.note,
            }
            for each in found.differences
        ],
    }
