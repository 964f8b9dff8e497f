"""Tables that fit the terminal: short columns stay whole, what matters least is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.table import Table

Cell: TypeAlias = str | tuple[str, str]
"""Text in which brackets are no markup, or such text and its colour."""

GAP = 2
LEAST = 12
"""A column that may be folded gets at least so many cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``drop``: left out where the terminal is too narrow, the highest first; 0 never.

    ``wraps``: its text may go on in the next line. ``right``: numbers.
    """

    name: str
    drop: int = 0
    wraps: bool = False
    right: bool = False


def numbers(*names: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(name, right=True) for name in names]


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> Table:
    """``rows`` under ``columns``, as wide as ``width`` cells at most where that is possible."""
    from rich.cells import cell_len  # late: see syncd.cli.console
    from rich.table import Table
    from rich.text import Text

    widths = [
        max(map(cell_len, [column.name, *(line for row in rows for line in _lines(row[place]))]))
        for place, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    while _needed(columns, widths, kept) > width:
        droppable = [place for place in kept if columns[place].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda place: columns[place].drop))
    found = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    too_wide = _needed(columns, widths, kept) > width
    for place in kept:
        column = columns[place]
        folds = column.wraps or (too_wide and place == kept[0])
        found.add_column(
            column.name,
            no_wrap=not folds,
            overflow="fold",
            justify="right" if column.right else "left",
        )
    for row in rows:
        found.add_row(*(Text.assemble(row[place]) for place in kept))
    return found


def _needed(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int]) -> int:
    """The cells that these columns need; of text that may be folded only a little."""
    cells = [
        min(widths[place], LEAST * 2) if columns[place].wraps else widths[place] for place in kept
    ]
    return sum(cells) + GAP * max(0, len(kept) - 1)


def _lines(value: Cell) -> list[str]:
    return (value if isinstance(value, str) else value[0]).split("\n")
