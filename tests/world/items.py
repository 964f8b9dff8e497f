"""What a simulated remote stores and answers, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from syncd.core.model import AllDay
from syncd.core.state import Key
from syncd.core.zones import midnight, to_utc
from tests.world import wire


class Missing(Exception):
    """There is no item with this key."""


class Moved(Exception):
    """The item is not as the request demanded: another version, or there already (``key``)."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Expired(Exception):
    """The cursor is unknown."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is stored under a key; ``modified`` by the remote's clock."""

    key: Key
    body: str
    version: int
    modified: datetime

    def property(self, name: str) -> object:
        """One property of the body; ``None`` if it is not there or the body is broken."""
        try:
            return wire.parse(self.body).get(name)
        except ValueError:
            return None

    def span(self, zone: str) -> tuple[datetime, datetime] | None:
        """When it starts and ends (aware); ``None`` if it repeats or cannot be read.

        ``zone`` is where days and floating times are meant.
        """
        try:
            appointment = wire.read(wire.parse(self.body), ("when", "recurrence"))
        except ValueError:
            return None
        when = appointment.when
        if appointment.recurrence is not None:
            return None
        if isinstance(when, AllDay):
            return midnight(when.start, zone), midnight(when.end, zone)
        return to_utc(when.start, when.zone, zone), to_utc(when.end, when.zone, zone)


@dataclass(frozen=True, slots=True)
class Changes:
    """The answer to a cursor."""

    items: tuple[Item, ...]
    gone: tuple[Key, ...]
    cursor: str
