"""The table of results."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. Ratios: ours to the floor, and the other's to ours. ``unit`` of values.

    ``target`` says what is wanted, ``met`` whether it is (``None``: for information).
    """

    name: str
    ours: float
    unit: str
    floor: float | None = None
    rival: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""


def show(rows: Iterable[Row]) -> None:
    """Print the rows as a Markdown-like table, with the machine's load."""
    table = Table(title="syncd, beside bare requests and vdirsyncer")
    for title in ("measurement", "syncd", "floor", "÷ floor", "vdirsyncer", "÷ syncd"):
        table.add_column(title, justify="left" if title == "measurement" else "right")
    for title in ("target", "met", "note"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row.name,
            _value(row.ours, row.unit),
            _value(row.floor, row.unit),
            _ratio(row.ours, row.floor),
            _value(row.rival, row.unit),
            _ratio(row.rival, row.ours),
            row.target,
            {True: "yes", False: "NO", None: ""}[row.met],
            row.note,
        )
    console = Console(width=max(140, Console().width))
    console.print(table)
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    console.print(f"{os.cpu_count()} cores, load average {load} (1, 5, 15 minutes)")


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "requests":
        return f"{value:.0f}"
    return f"{value:,.{0 if unit in ('MB', '/s') else 3}f} {unit}"


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2f}" if one is not None and other else ""
