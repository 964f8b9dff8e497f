"""What ``syncd plan`` prints: a summary by channel, then each write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from syncd.cli.console import line, print_json, rows
from syncd.cli.show import MOST_LINES
from syncd.cli.tables import Column, numbers
from syncd.core.paths import path_text
from syncd.plans import Plans
from syncd.results import Exit

_COUNTS = ("link", "create", "update", "delete", "doubtful", "reread")
_WORDS = ("linked", "created", "changed", "removed", "doubtful")


def plans(found: Mapping[str, Plans], json: bool) -> None:
    """What the next cycle would do."""
    if json:
        print_json({"bridges": {name: _told(each) for name, each in found.items()}})
        return
    for name, each in found.items():
        _print(name, each)


def plan_exit(found: Iterable[Plans]) -> Exit:
    """The exit code: the worst of what would be."""
    known = list(found)
    if any(each.failed for each in known):
        return Exit.FAILED
    if any(each.dangers for each in known):
        return Exit.HELD
    waiting = any(each.questions or each.doubtful for each in known)
    return Exit.CONFLICTS if waiting else Exit.CONVERGED


def _told(each: Plans) -> dict[str, object]:
    return {
        "channels": _counts(each),
        "writes": _writes(each),
        "dangers": list(each.dangers),
        "failed": each.failed,
        "questions": each.questions,
        "reread": {name: dict(keys) for name, keys in each.reread.items()},
    }


def _print(name: str, each: Plans) -> None:
    counts = _counts(each)
    columns = [Column(f"{name}: channel"), *numbers(*_WORDS)]
    rows(columns, [[c, *(str(row[key]) for key in _COUNTS[:5])] for c, row in counts.items()])
    if each.failed:
        line(("not reached: ", "red"), each.failed)
    for danger in each.dangers:
        line(("would hold: ", "red"), danger)
    _print_reread(each)
    writes = _writes(each)
    for write in writes[:MOST_LINES]:
        changed = f" ({write['paths']})" if write["paths"] else ""
        slot = f"@{write['slot']}" if write["slot"] else ""
        what = f"{write['channel']}: {write['operation']} {write['appointment']}{slot}"
        line(f"{what}{changed}: {write['reason']}")
    if len(writes) > MOST_LINES:
        line(f"… and {len(writes) - MOST_LINES} more (--json shows all)")
    if not writes:
        line(f"{name}: nothing to write")
    if any(each.doubtful.values()):
        line("doubtful ones wait for a person: syncd conflicts")


def _print_reread(each: Plans) -> None:
    """What a changed mapping or version reads differently: nobody edited it, nothing is written."""
    for channel, keys in each.reread.items():
        fields = Counter(field for fields in keys.values() for field in fields)
        told = ", ".join(f"{field} ({count})" for field, count in fields.most_common())
        line(f"{channel}: {len(keys)} read differently than before, which is no edit: {told}")


def _counts(each: Plans) -> dict[str, dict[str, int]]:
    """For each channel how many copies are linked, created, updated, deleted, in doubt."""
    counts: dict[str, Counter[str]] = {}
    for plan in each.plans:
        for write in plan.writes:
            counts.setdefault(write.channel, Counter())[write.operation.value] += 1
    for word, found in (("link", each.linked), ("doubtful", each.doubtful)):
        for channel, count in found.items():
            counts.setdefault(channel, Counter())[word] += count
    for channel, keys in each.reread.items():
        counts.setdefault(channel, Counter())["reread"] += len(keys)
    return {name: {key: found[key] for key in _COUNTS} for name, found in sorted(counts.items())}


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
