"""Tables of values: canonical values and the texts that the system has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.connector import TableMapping
from syncd.core.model import Busy, Status, Visibility
from syncd.errors import ConfigError

USUAL: Mapping[str, Status | Busy | Visibility] = {
    "status": Status.CONFIRMED,
    "busy": Busy.BUSY,
    "visibility": Visibility.PUBLIC,
}
"""What a row without a value, or with one that no table knows, reads as."""

_STANDS_FOR = {
    "no_show": "completed",
    "away": "busy",
    "confidential": "private",
}
"""Which value stands for one that the table leaves out, if not the usual one."""

_TRUTHS = {"1": "true", "0": "false", "t": "true", "f": "false", "y": "true", "n": "false"}


@dataclass(frozen=True, slots=True)
class ValueTable:
    """The values of one field. ``theirs``: canonical to theirs, ``ours``: back, first come first.

    ``shown``: what reads back, for each canonical value that does not read back as itself.
    """

    theirs: Mapping[str, str]
    ours: Mapping[str, str]
    shown: Mapping[str, str]

    def read(self, value: Any) -> str | None:
        """The canonical value of a column's JSON value, ``None`` if the table has none."""
        text = plain_text(value)
        found = self.ours.get(text)
        if found is None and text.lower() in _TRUTHS:
            found = self.ours.get(_TRUTHS[text.lower()])
        return found


def plain_text(value: Any) -> str:
    """A column's JSON value as text: booleans as ``true`` and ``false``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def value_table(name: str, mapping: TableMapping) -> ValueTable:
    """The table of a field: the mapping's, made whole for fields with a fixed vocabulary.

    Raises ``ConfigError`` if it leaves out ``cancelled``, or the value that stands for others.
    """
    given = mapping.values.get(name, {})
    usual = USUAL.get(name)
    if usual is None:
        theirs = dict(given)
    elif not given:
        theirs = {str(member): str(member) for member in type(usual)}
    else:
        theirs = _whole(name, given, usual, mapping)
    ours: dict[str, str] = {}
    for canonical in [*given, *theirs]:
        ours.setdefault(theirs[canonical], canonical)
    shown = {one: ours[their] for one, their in theirs.items() if ours[their] != one}
    if usual is None:
        # A free text that happens to be one of their words reads back as ours for it.
        shown |= {their: one for their, one in ours.items() if their not in theirs}
    return ValueTable(theirs, ours, shown)


def _whole(
    name: str, given: Mapping[str, str], usual: Status | Busy | Visibility, mapping: TableMapping
) -> dict[str, str]:
    theirs = {}
    for member in type(usual):
        known = (each for each in (member, _STANDS_FOR.get(member), usual) if each in given)
        stands = next(known, None)
        if stands is None or (member is Status.CANCELLED and stands is not member):
            lacking = member if member is Status.CANCELLED else usual
            raise ConfigError(
                f"says nothing about {lacking}", file=mapping.file, key=f"values.{name}",
                hint=f'{lacking} = "their word for it"',
            )  # fmt: skip
        theirs[str(member)] = given[stands]
    return theirs
