"""A desk whose remote is a vendor's fake, spoken to over HTTP by the real connector.

Programs reach it through the vendor's own client library. People sit in front of the vendor's own
page: they change the fake's store directly, in the vendor's words, whatever the weather.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from syncd.connector import Plugin
from syncd.core.model import AllDay, Appointment, Status
from syncd.core.state import Copy, Key
from syncd.core.zones import midnight, to_utc
from tests.world.abilities import Abilities, Faults
from tests.world.items import Item
from tests.world.weather import Skies


class HostedSystem(ABC):
    """What the vendors' desks have in common. ``address``: the mailbox; it is the calendar."""

    def __init__(self, name: str, abilities: Abilities, address: str, skies: Skies) -> None:
        self.name, self.abilities, self.address = name, abilities, address
        self.skies, self.clock, self.random = skies, skies.clock, skies.random

    @property
    def faults(self) -> Faults:
        """What is wrong now."""
        return self.skies.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.skies.faults = faults

    @property
    def requests(self) -> int:
        """How many requests have arrived."""
        return self.skies.requests

    @property
    def writes(self) -> int:
        """How many writes of programs were carried out."""
        return self.skies.writes

    @property
    def lists(self) -> int:
        """How many listings were answered."""
        return self.skies.lists

    @property
    @abstractmethod
    def plugin(self) -> Plugin:
        """The connector's."""

    @abstractmethod
    def settings(self, folder: Path) -> list[str]:
        """The keys of its ``[systems.…]``; files that they name are put into ``folder``."""

    @property
    @abstractmethod
    def mails(self) -> int:
        """Mails that went out because of programs."""

    @property
    @abstractmethod
    def items(self) -> Mapping[Key, Item]:
        """What is there."""

    @property
    @abstractmethod
    def buried(self) -> Mapping[Key, Item]:
        """What was there before it was deleted."""

    @abstractmethod
    def person_create(self, appointment: Appointment, **own: str) -> Key:
        """A person makes an item; ``own`` are other programs' properties."""

    @abstractmethod
    def person_delete(self, key: Key) -> None:
        """A person deletes an item."""

    @abstractmethod
    def person_plant(self, key: Key, name: str, value: str) -> None:
        """Another program keeps a property of its own on an item."""

    @abstractmethod
    def person_put_back(self, key: Key) -> Key:
        """A deleted item comes back as it was: from the bin, or made anew by a phone."""

    @abstractmethod
    def expire_cursors(self) -> None:
        """Every cursor given until now is worthless, and so is every access token."""

    @abstractmethod
    def remake(self) -> None:
        """The collection is another one as far as the vendor's can be; what it holds stays."""

    @abstractmethod
    def _copy(self, key: Key, text: str) -> Copy:
        """What the connector makes of a wire form."""

    @abstractmethod
    def _change(self, key: Key, wanted: Appointment) -> None:
        """Make an item read as ``wanted``."""

    @abstractmethod
    def _twin(self, key: Key) -> Key:
        """Another item with all that is on this one, exceptions of its series aside."""

    @abstractmethod
    def _moved(self, key: Key) -> Key:
        """Another item with all that is on this one."""

    @abstractmethod
    def _one(self, key: Key) -> Item:
        """One of the items."""

    def reads(self, key: Key) -> Appointment:
        """What an item shows."""
        return self.reads_of(self._one(key))

    def reads_of(self, item: Item) -> Appointment:
        """What an item, or one that was deleted, shows."""
        return self._copy(item.key, json.loads(item.body)["wire"]).reads

    def foreign(self, key: Key) -> dict[str, object]:
        """What an item has besides fields."""
        body: dict[str, object] = json.loads(self._one(key).body)
        return {name: value for name, value in body.items() if name != "wire"}

    def person_edit(self, key: Key, edit: Callable[[Appointment], Appointment]) -> None:
        """A person changes an item. On the vendors' pages to cancel is to delete."""
        before = self.reads(key)
        wanted = edit(before)
        if wanted.status is Status.CANCELLED and before.status is not Status.CANCELLED:
            self.person_delete(key)
        elif wanted != before:
            self._change(key, wanted)

    def person_duplicate(
        self, key: Key, edit: Callable[[Appointment], Appointment] | None = None
    ) -> Key:
        """A person copies an item, our marker and all, and may edit it at once."""
        twin = self._twin(key)
        if edit is not None:
            self.person_edit(twin, edit)
        return twin

    def person_move_key(self, key: Key) -> Key:
        """A client moves an item by writing a new one and deleting the old one."""
        moved = self._moved(key)
        self.person_delete(key)
        return moved

    def purge(self, before: datetime) -> list[Key]:
        """A retention policy removes what ended before (aware) ``before``."""
        old = [key for key in self.items if _ended(self.reads(key), before)]
        for key in old:
            self.person_delete(key)
        return old

    def _item(self, key: Key, wire: str, foreign: Mapping[str, str]) -> Item:
        copy = self._copy(key, wire)
        body = {**foreign, "uid": copy.uid, "marker": str(copy.marker or ""), "wire": wire}
        return Item(key, json.dumps(body), 0, copy.modified or self.clock.now())


def _ended(shown: Appointment, before: datetime) -> bool:
    when = shown.when
    if shown.recurrence is not None:
        return False
    zone = "Asia/Shanghai"
    ends = (
        midnight(when.end, zone) if isinstance(when, AllDay) else to_utc(when.end, when.zone, zone)
    )
    return ends < before
