"""What ``syncd plan`` prints: a sentence, a table by channel, the doubtful ones, each write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.cli.console import line, print_json, rows
from syncd.cli.history import who
from syncd.cli.show import MOST_LINES, item_json
from syncd.cli.tables import Column, numbers
from syncd.cli.writes import print_write, print_zone
from syncd.core.paths import path_text
from syncd.core.safety import is_ending
from syncd.core.state import Operation
from syncd.inbox import NEW, Item, ItemKind
from syncd.plans import Plans
from syncd.results import Exit
from syncd.shown import Shown, details, in_order

_COUNTS = ("link", "create", "update", "delete", "doubtful", "reread")
_WORDS = ("linked", "created", "changed", "removed", "doubtful")
_WHERE = {
    "crm": "in the CRM",
    "calendar": "in the calendars",
    "office": "in the office",
    "sheet": "in the sheets",
    "booking": "on the booking pages",
}


def plans(
    found: Mapping[str, Plans],
    waiting: Sequence[Item],
    zone: str,
    json: bool,
    *,
    limit: int | None = MOST_LINES,
) -> None:
    """What the next cycle would do. ``waiting``: the inbox; ``zone``: on whose clock. ``limit``:
    of the writes and the doubtful ones that are listed; ``None`` for all."""
    doubts = {
        name: [i for i in waiting if i.kind is ItemKind.DOUBT and i.bridge == name]
        for name in found
    }
    if json:
        told = {name: _told(each, doubts[name], zone) for name, each in found.items()}
        print_json({"bridges": told})
        return
    for name, each in found.items():
        _print(name, each, doubts[name], zone, limit)


def plan_exit(found: Iterable[Plans]) -> Exit:
    """The exit code: the worst of what would be."""
    known = list(found)
    if any(each.failed for each in known):
        return Exit.FAILED
    if any(each.dangers for each in known):
        return Exit.HELD
    waiting = any(each.questions or each.doubtful for each in known)
    return Exit.CONFLICTS if waiting else Exit.CONVERGED


def _told(each: Plans, doubts: Sequence[Item], zone: str) -> dict[str, object]:
    return {
        "summary": _summary(each),
        "channels": _counts(each),
        "writes": _writes(each, zone),
        "doubts": [item_json(item) for item in doubts],
        "dangers": list(each.dangers),
        "failed": each.failed,
        "questions": each.questions,
        "reread": {name: dict(keys) for name, keys in each.reread.items()},
        "mailed": {name: sorted(people) for name, people in sorted(each.mailed().items())},
    }


def _print(name: str, each: Plans, doubts: Sequence[Item], zone: str, limit: int | None) -> None:
    line((f"{name}: ", "bold"), sentence(each))
    counts = _counts(each)
    columns = [Column("channel"), *numbers(*_WORDS)]
    rows(columns, [[c, *(str(row[key]) for key in _COUNTS[:5])] for c, row in counts.items()])
    if each.failed:
        line(("not reached: ", "red"), each.failed)
    for danger in each.dangers:
        line(("would hold: ", "red"), danger)
    _print_reread(each)
    writes = _writes(each, zone)
    if writes or doubts:
        print_zone(zone)
    for item in doubts[:limit]:
        _print_doubt(item)
    _print_more(len(doubts), limit)
    for write in writes[:limit]:
        print_write(write, zone, why=_why(write))
    _print_more(len(writes), limit)
    if not writes:
        line(f"{name}: nothing to write")
    if any(each.doubtful.values()):
        line("doubtful ones wait for a person: syncd conflicts")


def sentence(each: Plans) -> str:
    """The whole plan in one sentence, for who has no time."""
    told = _summary(each)
    created = [
        f"{count} created {_WHERE.get(role, role)}"
        for role, count in told["created"].items()
        if count or role == "calendar"
    ]
    parts = [
        f"{told['linked']} are linked",
        *created,
        *([f"{told['changed']} changed"] if told["changed"] else []),
        f"{told['doubtful']} doubtful",
        f"{told['deleted']} deleted",
        *([f"{told['cancelled']} cancelled"] if told["cancelled"] else []),
        f"{told['mailed']} people mailed",
    ]
    return ", ".join(parts)


def _summary(each: Plans) -> dict[str, Any]:
    """``linked`` are appointments; the others are copies, and people."""
    counted: Counter[str] = Counter()
    created = {channel.role: 0 for channel in each.channels.values()}
    for _, write in each.writes:
        if write.operation is Operation.CREATE:
            created[each.channels[write.channel].role] += 1
        elif write.operation is Operation.DELETE:
            counted["deleted"] += 1
        else:
            counted["cancelled" if is_ending(write) else "changed"] += 1
    return {
        "linked": each.linked.appointments,
        "created": created,
        "changed": counted["changed"],
        "doubtful": sum(each.doubtful.values()),
        "deleted": counted["deleted"],
        "cancelled": counted["cancelled"],
        "mailed": len(frozenset().union(*each.mailed().values())),
    }


def _print_reread(each: Plans) -> None:
    """What a changed mapping or version reads differently: nobody edited it, nothing is written."""
    for channel, keys in each.reread.items():
        fields = Counter(field for fields in keys.values() for field in fields)
        told = ", ".join(f"{field} ({count})" for field, count in fields.most_common())
        line(f"{channel}: {len(keys)} read differently than before, which is no edit: {told}")


def _print_doubt(item: Item) -> None:
    line(("doubtful: ", "yellow"), item.text())
    line(f"  {item.reason}")
    for name in item.choices:
        if name != NEW:
            line(f"  may be: {item.text(name)}")


def _why(write: Shown) -> str:
    cause = write["cause"]
    return f"{write['reason']}, from {who(cause['channel'])}" if cause else str(write["reason"])


def _print_more(count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        line(f"… and {count - limit} more (--all shows them)")


def _counts(each: Plans) -> dict[str, dict[str, int]]:
    """For each channel how many copies are linked, created, updated, deleted, in doubt."""
    counts: dict[str, Counter[str]] = {}
    for _, write in each.writes:
        counts.setdefault(write.channel, Counter())[write.operation.value] += 1
    for word, found in (("link", each.linked.copies), ("doubtful", each.doubtful)):
        for channel, count in found.items():
            counts.setdefault(channel, Counter())[word] += count
    for channel, keys in each.reread.items():
        counts.setdefault(channel, Counter())["reread"] += len(keys)
    return {name: {key: found[key] for key in _COUNTS} for name, found in sorted(counts.items())}


def _writes(each: Plans, zone: str) -> list[Shown]:
    """All writes, by channel and then by the time of the appointment."""
    found = [
        {
            "appointment": plan.id,
            "channel": write.channel,
            "slot": write.slot,
            "operation": write.operation.value,
            "paths": ", ".join(path_text(path) for path in write.paths),
            "reason": write.reason,
            **details(write, plan.agreement),
        }
        for plan, write in each.writes
    ]
    return in_order(found, zone)
