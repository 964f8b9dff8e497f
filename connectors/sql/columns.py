"""What a column can hold, as far as translating needs to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """How a column keeps its values."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NAIVE = "naive"
    """A date and time without a zone."""
    AWARE = "aware"
    """An instant: a date and time that the database keeps with its offset."""
    DATE = "date"
    JSON = "json"
    ARRAY = "array"
    UUID = "uuid"
    OTHER = "other"


TIMES = frozenset({Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.NAIVE, Kind.AWARE, Kind.DATE})
"""Kinds that can hold a time: whole and other numbers are seconds since 1970 (or milliseconds)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    ``length``: the most characters, ``None`` if there is no limit. ``filled``: the database
    gives it a value itself. ``padded``: blanks at the end are not the text's. ``as_text``:
    dates and times go in and come out as ISO text (SQLite has no type for them). ``tick``: the
    finest difference of two times. ``choices``: the only texts it takes, empty if any.
    """

    name: str
    kind: Kind = Kind.TEXT
    length: int | None = None
    nullable: bool = True
    filled: bool = False
    padded: bool = False
    as_text: bool = False
    tick: timedelta = timedelta(microseconds=1)
    choices: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether an INSERT must give it."""
        return not self.nullable and not self.filled


Columns: TypeAlias = Mapping[str, Column]
