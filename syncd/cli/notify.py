"""What ``syncd check --notify`` prints: what each service answered to a test message."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.cli.console import print_json, rows
from syncd.cli.tables import Cell, Column
from syncd.notify import Tried


def tried(found: Sequence[Tried], json: bool) -> None:
    """One row for each ``[[notify]]``."""
    if json:
        print_json({"notify": [_told(each) for each in found]})
        return
    columns = [
        Column("notify"),
        Column("service", drop=1),
        Column("test"),
        Column("answer", wraps=True),
    ]
    rows(columns, [_cells(each) for each in found])


def _told(each: Tried) -> dict[str, object]:
    service = each.service.value
    return {"name": each.name, "service": service, "ok": each.ok, "answer": each.answer}


def _cells(each: Tried) -> list[Cell]:
    mark = ("delivered", "green") if each.ok else ("failed", "red")
    return [each.name, each.service.value, mark, each.answer]
