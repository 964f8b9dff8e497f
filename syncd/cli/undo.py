"""What ``syncd undo`` prints and asks: first what would change, then whether it shall."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

import typer

from syncd.cli.console import line, print_json, rows
from syncd.cli.show import MOST_LINES
from syncd.cli.tables import Column, numbers
from syncd.cli.writes import print_zone
from syncd.core.paths import path_text
from syncd.core.state import Write
from syncd.core.takeback import Change, Left
from syncd.errors import ConfigError
from syncd.store import Store
from syncd.undo import Proposal, Taken, carry_out
from syncd.wording import change_texts, told_text, value_text

_COUNTS = ("create", "update", "delete")


def undo(
    store: Store, proposal: Proposal, zone: str, *, yes: bool, dry_run: bool, json: bool
) -> None:
    """Show what would be taken back, times on the clock of ``zone``; carry it out if that is
    wanted."""
    asks = not (yes or dry_run or not proposal.taken)
    if asks and (json or not sys.stdin.isatty()):
        raise ConfigError("nobody can be asked here", key="undo", hint="add --yes or --dry-run")
    if not json:
        _print(proposal, zone)
    wanted = yes or (asks and typer.confirm("Take this back?", default=False))
    done = wanted and not dry_run and bool(proposal.taken)
    if done:
        carry_out(store, proposal)
    if json:
        print_json(_told(proposal, carried_out=done))
    elif done:
        line("ordered; the next cycle carries it out (`syncd history` shows it then)")
    elif proposal.taken:
        line("nothing was changed")


def _told(proposal: Proposal, *, carried_out: bool) -> dict[str, object]:
    return {
        "taken": [_taken_json(each) for each in proposal.taken],
        "untouched": [
            {
                "appointment": each.id,
                "bridge": each.bridge,
                "title": each.appointment.title if each.appointment is not None else "",
                "reason": each.reason,
            }
            for each in proposal.untouched
        ],
        "channels": {name: dict(counts) for name, counts in _channels(proposal).items()},
        "held": [
            {"bridge": each.scope, "reason": each.reason, "writes": len(each.writes)}
            for each in proposal.approvals
        ],
        "warnings": proposal.warnings,
        "carried_out": carried_out,
    }


def _taken_json(taken: Taken) -> dict[str, object]:
    return {
        "appointment": taken.id,
        "bridge": taken.bridge,
        "title": taken.appointment.title,
        "restored": taken.order.restore,
        "deleted": taken.order.delete,
        "changes": [_change_json(each) for each in taken.takeback.changes],
        "left": [{**_change_json(each), "reason": each.reason} for each in taken.takeback.left],
        "writes": [_write_json(each) for each in taken.writes],
    }


def _change_json(change: Change | Left) -> dict[str, object]:
    return {
        "field": path_text(change.path),
        "now": value_text(change.now),
        "back": value_text(change.back),
        "set_by": change.by,
    }


def _write_json(write: Write) -> dict[str, object]:
    return {
        "channel": write.channel,
        "slot": write.slot,
        "operation": write.operation.value,
        "fields": [path_text(path) for path in write.paths],
    }


def _channels(proposal: Proposal) -> Mapping[str, Mapping[str, int]]:
    """For each channel (``bridge/name``) how many copies are created, updated, deleted."""
    counts: dict[str, Counter[str]] = {}
    for taken in proposal.taken:
        for write in taken.writes:
            own = counts.setdefault(f"{taken.bridge}/{write.channel}", Counter())
            own[write.operation.value] += 1
    return {name: {key: found[key] for key in _COUNTS} for name, found in sorted(counts.items())}


def _print(proposal: Proposal, zone: str) -> None:
    if not proposal.taken and not proposal.untouched:
        line("nothing is to be taken back")
        return
    print_zone(zone)
    lines = 0
    for taken in proposal.taken:
        if lines < MOST_LINES:
            lines += _print_taken(taken, zone)
    if lines >= MOST_LINES:
        line(f"… of {len(proposal.taken)} in all (--json shows all)")
    for left in proposal.untouched[:MOST_LINES]:
        title = left.appointment.title if left.appointment is not None else ""
        line(("left as it is: ", "yellow"), f"{left.id} {title}: {left.reason}")
    channels = _channels(proposal)
    columns = [Column("channel"), *numbers("created", "changed", "removed")]
    rows(columns, [[name, *(str(own[key]) for key in _COUNTS)] for name, own in channels.items()])
    stays = sum(len(each.takeback.left) for each in proposal.taken)
    goes = sum(each.takeback.goes_back for each in proposal.taken)
    line(
        f"{_counted(goes, 'appointment goes', 'appointments go')} back",
        f"; {_counted(stays, 'value stays', 'values stay')}, as conflicts" if stays else "",
    )
    for approval in proposal.approvals:
        line(("would be held: ", "red"), f"{approval.scope}: {approval.reason}")
        line(f"  these {len(approval.writes)} writes count as approved by {approval.by}")
    for warning in proposal.warnings:
        line(("but: ", "red"), warning)


def _print_taken(taken: Taken, zone: str) -> int:
    """One appointment and its values; returns the number of lines."""
    line((taken.id, "bold"), f"  {taken.appointment.title}")
    if taken.order.delete:
        line("  is deleted again everywhere")
    elif taken.order.remains is not None:
        line("  is there again")
    elif taken.order.restore:
        line("  takes place again, wherever it was deleted")
    for change in taken.takeback.changes:
        now, back = change_texts(change.now, change.back, zone)
        line(
            f"  {path_text(change.path)}: {_quoted(now)} -> ",
            (_quoted(back), "green"),
            f"  (was set by {change.by})" if change.by else "",
        )
    for left in taken.takeback.left:
        line(
            ("  left: ", "yellow"),
            f"{path_text(left.path)} stays {_quoted(told_text(left.now, zone))}: {left.reason}"
            + (f" by {left.by}" if left.by else ""),
        )
    return 1 + len(taken.takeback.changes) + len(taken.takeback.left)


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _quoted(text: str) -> str:
    return text or "(nothing)"
