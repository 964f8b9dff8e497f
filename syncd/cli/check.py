"""What ``syncd check`` prints: every channel, or of many only those in which something is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.checking import Checked, own_clock_is_off
from syncd.cli.console import line, print_json, rows
from syncd.cli.tables import Cell, Column
from syncd.config import Settings

FEW = 20
"""So many channels are all listed."""


def health(settings: Settings, found: Sequence[Checked], *, everything: bool, json: bool) -> None:
    """Sign-in, rights and clock. ``everything``: also of the channels that are right."""
    wrong = sum(not each.is_right for each in found)
    if json:
        told = [_told(each) for each in found]
        counts = {"right": len(found) - wrong, "wrong": wrong}
        print_json({"file": settings.file, "channels": told, **counts})
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
    whole = everything or len(found) <= FEW
    rows(columns, [_cells(each) for each in found if whole or not each.is_right])
    if own_clock_is_off(found):
        line(
            ("the clock of this machine is wrong: ", "red"), "several systems differ from it alike"
        )
    line(
        f"{len(found) - wrong:,} ok, ",
        (f"{wrong:,} wrong", "red" if wrong else "green"),
        "" if whole else " (--all lists all)",
    )


def _told(each: Checked) -> dict[str, object]:
    health = each.health
    return {
        "bridge": each.bridge,
        "channel": each.channel.name,
        "system": each.channel.system,
        "ok": health.ok,
        "right": each.is_right,
        "account": health.account,
        "can_write": health.can_write,
        "clock": health.skew,
        "detail": each.detail,
    }


def _cells(each: Checked) -> list[Cell]:
    health = each.health
    clock = f"{health.skew:+.0f} s" if health.skew is not None else ""
    return [
        each.bridge,
        each.channel.name,
        each.channel.system,
        ("ok", "green") if health.ok else ("failed", "red"),
        health.account,
        ("yes" if health.can_write else "no", "red" if _lacks_rights(each) else ""),
        (clock, "red" if each.clock_is_off else ""),
        each.detail,
    ]


def _lacks_rights(each: Checked) -> bool:
    return each.writes and each.health.ok and not each.health.can_write
