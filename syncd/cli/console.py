"""Where the commands print: text for people, JSON for programs, errors on the error stream.

Rich is imported where something is printed for people: the daemon, and what answers programs,
do without its 3 MB.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.cli.tables import Cell, Column, table
from syncd.results import BridgeResult

if TYPE_CHECKING:
    from rich.console import Console

PIPED = 200
"""The width of a line that no terminal shows, in cells."""


def _console(*, error: bool) -> Console:
    from rich.console import Console

    found = Console(stderr=error, highlight=False, soft_wrap=True)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        return Console(stderr=error, highlight=False, soft_wrap=True, width=PIPED)
    return found


def _print(*parts: Cell, error: bool = False) -> None:
    from rich.text import Text

    _console(error=error).print(Text.assemble(*parts))


def line(*parts: Cell) -> None:
    """One line of text; a pair is text and its colour."""
    _print(*parts)


def aside(text: str) -> None:
    """One line for whoever sits there, on the error stream: the output is for a program."""
    _print(text, error=True)


def rows(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> None:
    """A table, unless it has no rows."""
    if cells:
        out = _console(error=False)
        out.print(table(columns, cells, out.width), soft_wrap=False)


def error(text: str) -> None:
    """One error, on the error stream."""
    _print(("error: ", "red"), text, error=True)


def warning(text: str) -> None:
    """One warning, on the error stream."""
    _print(("warning: ", "yellow"), text, error=True)


def print_json(told: Mapping[str, object]) -> None:
    """One line of JSON."""
    print(json.dumps(told, ensure_ascii=False))  # noqa: T201  # what the command is for


def said(told: Mapping[str, object], text: str, as_json: bool) -> None:
    """What was done, in one line."""
    print_json(told) if as_json else line(text)


@contextmanager
def counting(doing: str, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress through many things on a terminal, none in a pipe: "checking 12 of 1,000"."""
    err = None if as_json else _console(error=True)
    if err is None or not err.is_terminal:
        yield lambda _done, _total: None
        return
    with err.status(f"{doing} …") as shown:
        yield lambda done, total: shown.update(f"{doing} {done:,} of {total:,} …")


@contextmanager
def progress(as_json: bool) -> Iterator[Callable[[BridgeResult], None] | None]:
    """Progress on a terminal, none in a pipe."""
    err = None if as_json else _console(error=True)
    if err is None or not err.is_terminal:
        yield None
        return
    with err.status("looking at every channel …") as shown:

        def told(result: BridgeResult) -> None:
            written = sum(c.created + c.updated + c.deleted for c in result.channels)
            shown.update(f"{result.name}: cycle {result.cycles}, {written} writes")

        yield told
