"""The steps of a play: what people do, what breaks, when the daemon looks. Printable values.

A step names its appointment by a *token*, the first word of its title, which people keep
whatever else they change. A step whose appointment is not there (any more) does nothing, so a
play stays playable when steps are left out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Token: TypeAlias = str

Verb: TypeAlias = Literal[
    "visit",
    "lunch",
    "series",
    "past",
    "retitle",
    "move",
    "place",
    "note",
    "answer",
    "invite",
    "hand over",
    "cancel",
    "delete",
    "move occurrence",
    "retitle occurrence",
    "drop occurrence",
    "split",
    "cut",
    "go on",
    "duplicate",
    "move key",
    "put back",
    "plant",
    "purge",
    "arrive",
]


@dataclass(frozen=True, slots=True)
class Act:
    """A person in front of ``channel`` does something to ``token``.

    ``n`` makes the new value one of its kind, and picks an occurrence. ``other`` is the new
    token (``split``, ``cut``, ``go on``, ``duplicate``) or a colleague (``visit``, ``hand over``).
    """

    verb: Verb
    channel: str
    token: Token
    n: int = 0
    other: str = ""


@dataclass(frozen=True, slots=True)
class Weather:
    """From now on this fault of a channel's system has this value (see ``Faults``)."""

    channel: str
    fault: str
    value: float | bool


@dataclass(frozen=True, slots=True)
class Expire:
    """A channel's cursors are worthless; ``remade``: its collection is another one, too."""

    channel: str
    remade: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """Time passes."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """The daemon observes, settles and writes what is due."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The next cycle dies at its ``at``-th point, and the daemon starts again."""

    at: int


@dataclass(frozen=True, slots=True)
class Restart:
    """The daemon is started anew; ``backup``: with its last backup of the state."""

    backup: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A calendar is taken out of the configuration; people go on in it."""

    channel: str


@dataclass(frozen=True, slots=True)
class Return:
    """It is back in the configuration."""

    channel: str


Step: TypeAlias = Act | Weather | Expire | Pass | Cycle | Kill | Restart | Leave | Return
