"""What people, faults and the verdict see of a remote, simulated in memory or hosted by a fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from syncd.core.model import Appointment
from syncd.core.state import Key
from tests.world.abilities import Faults
from tests.world.clock import WorldClock
from tests.world.items import Item


class Remote(Protocol):
    """One remote collection."""

    name: str
    faults: Faults
    clock: WorldClock

    @property
    def requests(self) -> int:
        """The requests that have arrived."""
        ...

    @property
    def writes(self) -> int:
        """The writes of programs that were carried out."""
        ...

    @property
    def lists(self) -> int:
        """The listings, whole or of what has changed, that were answered."""
        ...

    @property
    def mails(self) -> int:
        """Mails that the vendor has sent because of programs."""
        ...

    @property
    def items(self) -> Mapping[Key, Item]:
        """What is there."""
        ...

    @property
    def buried(self) -> Mapping[Key, Item]:
        """What was there before it was deleted."""
        ...

    def reads(self, key: Key) -> Appointment:
        """What an item shows to people."""
        ...

    def reads_of(self, item: Item) -> Appointment:
        """What an item, or one that was deleted, shows."""
        ...

    def foreign(self, key: Key) -> dict[str, object]:
        """What an item has besides fields: marker, UID, properties of others (``x-…``)."""
        ...

    def person_create(self, appointment: Appointment, **own: str) -> Key:
        """A person makes an item; ``own`` are other programs' properties (``x_origin="t1"``)."""
        ...

    def person_edit(self, key: Key, edit: Callable[[Appointment], Appointment]) -> None:
        """A person changes an item."""
        ...

    def person_delete(self, key: Key) -> None:
        """A person deletes an item."""
        ...

    def person_duplicate(
        self, key: Key, edit: Callable[[Appointment], Appointment] | None = None
    ) -> Key:
        """A person copies an item, our marker and all, and may edit it at once."""
        ...

    def person_move_key(self, key: Key) -> Key:
        """A client moves an item by writing a new one and deleting the old one."""
        ...

    def person_put_back(self, key: Key) -> Key:
        """A deleted item comes back as it was."""
        ...

    def person_plant(self, key: Key, name: str, value: str) -> None:
        """Another program keeps a property of its own on an item."""
        ...

    def purge(self, before: datetime) -> list[Key]:
        """A retention policy removes what ended before (aware) ``before``; the keys removed."""
        ...

    def expire_cursors(self) -> None:
        """Every cursor given until now is worthless."""
        ...

    def remake(self) -> None:
        """The collection is another one; what it holds stays."""
        ...
