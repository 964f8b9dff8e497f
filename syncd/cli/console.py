"""Where the commands print: text for people, JSON for programs, errors on the error stream."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from syncd.cli.tables import Column, table
from syncd.results import BridgeResult

PIPED = 200
"""The width of a line that no terminal shows, in cells."""


def _console(*, error: bool) -> Console:
    found = Console(stderr=error, highlight=False, soft_wrap=True)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        return Console(stderr=error, highlight=False, soft_wrap=True, width=PIPED)
    return found


def line(*parts: str | tuple[str, str]) -> None:
    """One line of text; a pair is text and its colour."""
    _console(error=False).print(Text.assemble(*parts))


def aside(text: str) -> None:
    """One line for whoever sits there, on the error stream: the output is for a program."""
    _console(error=True).print(Text(text))


def rows(columns: Sequence[Column], cells: Sequence[Sequence[str | Text]]) -> None:
    """A table, unless it has no rows."""
    if cells:
        out = _console(error=False)
        out.print(table(columns, cells, out.width), soft_wrap=False)


def error(text: str) -> None:
    """One error, on the error stream."""
    _console(error=True).print(Text.assemble(("error: ", "red"), text))


def warning(text: str) -> None:
    """One warning, on the error stream."""
    _console(error=True).print(Text.assemble(("warning: ", "yellow"), text))


def print_json(told: Mapping[str, object]) -> None:
    """One line of JSON."""
    print(json.dumps(told, ensure_ascii=False))  # noqa: T201  # what the command is for


def said(told: Mapping[str, object], text: str, as_json: bool) -> None:
    """What was done, in one line."""
    print_json(told) if as_json else line(text)


@contextmanager
def counting(doing: str, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress through many things on a terminal, none in a pipe: "checking 12 of 1,000"."""
    err = _console(error=True)
    if as_json or not err.is_terminal:
        yield lambda _done, _total: None
        return
    with err.status(f"{doing} …") as shown:
        yield lambda done, total: shown.update(f"{doing} {done:,} of {total:,} …")


@contextmanager
def progress(as_json: bool) -> Iterator[Callable[[BridgeResult], None] | None]:
    """Progress on a terminal, none in a pipe."""
    err = _console(error=True)
    if as_json or not err.is_terminal:
        yield None
        return
    with err.status("looking at every channel …") as shown:

        def told(result: BridgeResult) -> None:
            written = sum(c.created + c.updated + c.deleted for c in result.channels)
            shown.update(f"{result.name}: cycle {result.cycles}, {written} writes")

        yield told
