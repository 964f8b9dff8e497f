"""Writes as a person reads them before they are made: a line each, and below it what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.cli.console import line
from syncd.cli.history import who
from syncd.cli.times import minute
from syncd.shown import BORN, CHANGED, ENDED, MOVED, Shown, causes, value_of, when_of
from syncd.store import Hold
from syncd.wording import change_texts, known_by, when_text

_DONE = {
    ENDED: "deleted or cancelled",
    MOVED: "given another time",
    CHANGED: "changed",
    BORN: "created",
}
_OVERRIDES = "overrides."


def print_zone(zone: str) -> None:
    """Named once, above the times."""
    line((f"times in {zone}, unless another zone is named", "dim"))


def print_write(write: Shown, zone: str, *, indent: str = "", why: str = "") -> None:
    """Channel, operation, time, title and place, ``why``; then each value that changes."""
    slot = f"@{write['slot']}" if write["slot"] else ""
    name = f"{write['appointment']}{slot}"
    known = known_as(write, zone)
    changed = f" ({write['paths']})" if write["paths"] else ""
    reason = f": {why}" if why else ""
    told = f"{indent}{write['channel']}: {write['operation']} {known or name}{changed}{reason}"
    line(f"{told} [{name}]" if known else told)
    print_changes(write, zone, indent=indent)


def print_changes(write: Shown, zone: str, *, indent: str = "") -> None:
    """What each value was and what it becomes."""
    for change in write.get("changes", ()):
        line(f"{indent}  {_field(change['field'])}: {_change(change, zone)}")


def known_as(write: Shown, zone: str) -> str:
    """What people know its appointment by; as it was stored, if an older syncd did."""
    when = when_of(write.get("when"))
    if when is None:
        return str(write.get("shown", ""))
    return known_by(when_text(when, zone), write["title"], write["location"])


def cause_lines(writes: Sequence[Shown], zone: str) -> list[str]:
    """Where writes come from, a line for each channel and what was done there."""
    return [
        f"  from {who(each.channel)}: {each.count} {_DONE[each.what]},"
        f" seen {_when_seen(each.since, each.last, zone)}"
        for each in causes(writes)
    ]


def causes_json(hold: Hold) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {
            "channel": each.channel,
            "what": each.what,
            "appointments": each.count,
            "since": each.since.isoformat(timespec="seconds"),
            "last": each.last.isoformat(timespec="seconds"),
        }
        for each in causes(hold.writes)
    ]


def _when_seen(since: datetime, last: datetime, zone: str) -> str:
    first = minute(since, zone)
    if minute(last, zone) == first:
        return first
    return f"{first} to {minute(last, zone)}"


def _field(text: str) -> str:
    """A path for people: of a series, which occurrence."""
    if not text.startswith(_OVERRIDES):
        return text
    slot, _, name = text.removeprefix(_OVERRIDES).partition(".")
    shown = "%Y-%m-%d %H:%M" if "T" in slot else "%Y-%m-%d"
    return f"{name} of the occurrence {datetime.fromisoformat(slot):{shown}}"


def _change(change: Mapping[str, Any], zone: str) -> str:
    nothing = "(as its series)" if change["field"].startswith(_OVERRIDES) else "(nothing)"
    before, after = change_texts(value_of(change["old"]), value_of(change["new"]), zone)
    return f"{before or nothing} -> {after or nothing}"
