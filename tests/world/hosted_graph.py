"""A Microsoft 365 calendar as the desk of a simulated world."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from pathlib import Path

from connectors.microsoft365 import plugin
from connectors.microsoft365.fake import Person, Request
from connectors.microsoft365.fake.events import Stored
from connectors.microsoft365.fake.mailbox import Calendar
from connectors.microsoft365.fields import Unusable
from connectors.microsoft365.translate import copy_of
from connectors.microsoft365.translate_write import Style, changed_event, new_event
from connectors.microsoft365.wire import CARRIED, ENTIRE, item_of, parse
from syncd.connector import Plugin
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker
from tests.world.abilities import Abilities
from tests.world.gates import HostOfGraph
from tests.world.hosted import HostedSystem
from tests.world.items import Item
from tests.world.weather import Skies

_STYLE = Style(default_zone="Asia/Shanghai")
_IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
_KEY = "AAkALg"
_NAMED = "String {00020329-0000-0000-C000-000000000046} Name "


class GraphSystem(HostedSystem):
    """The primary calendar of the mailbox ``address``. Keys are immutable ids.

    Graph would mail whomever a person asks there at each later write, and the connector refuses
    to; so the people here note their guests as syncd does, beside the event.
    """

    def __init__(
        self, name: str, abilities: Abilities, address: str, skies: Skies, host: HostOfGraph
    ) -> None:
        super().__init__(name, abilities, address, skies)
        self._host = host
        self.mailbox = host.open(address, skies.clock, skies)

    @property
    def plugin(self) -> Plugin:
        """The connector's."""
        return plugin

    def settings(self, folder: Path) -> list[str]:
        """An application with a secret."""
        return [f'{name} = "{value}"' for name, value in self._host.options.items()]

    @property
    def mails(self) -> int:
        """Mails that Exchange has sent for the mailbox."""
        return self.mailbox.mails

    @property
    def items(self) -> dict[Key, Item]:
        """Events and series."""
        living = [event for event in self.mailbox.events.values() if not event.deleted]
        return {f"{_KEY}{event.number}": self._told(event) for event in living}

    @property
    def buried(self) -> dict[Key, Item]:
        """What was deleted, if it has not come back."""
        gone = [event for event in self.mailbox.events.values() if event.deleted]
        return {f"{_KEY}{event.number}": self._told(event) for event in gone}

    def _one(self, key: Key) -> Item:
        return self._told(self._event(key))

    def _event(self, key: Key) -> Stored:
        return self.mailbox.events[int(key.removeprefix(_KEY))]

    def _text(self, event: Stored) -> str:
        """What the connector would store of an event, deleted or not."""
        deleted, event.deleted = event.deleted, False
        path = f"/users/{self.address}/events/{_KEY}{event.number}"
        headers = {name.lower(): value for name, value in _IMMUTABLE.items()}
        found = self._host.service.answer(Request("GET", path, ENTIRE, headers)).found
        event.deleted = deleted
        return item_of(found).text()

    def _told(self, event: Stored) -> Item:
        own = {
            name.removeprefix(_NAMED): value
            for name, value in event.extended.items()
            if name.startswith(_NAMED)
        }
        return self._item(f"{_KEY}{event.number}", self._text(event), own)

    def _copy(self, key: Key, text: str) -> Copy:
        return copy_of(parse(text), key, None, frozenset({self.address}), text)

    # ---- people

    def person_create(self, appointment: Appointment, **own: str) -> Key:
        """A new event, without our marker."""
        body = new_event(appointment, Marker("nobody", "none"), None, _STYLE).event
        del body["transactionId"]
        ours = body.pop("singleValueExtendedProperties")
        others = {f"{_NAMED}{name.replace('_', '-')}": value for name, value in own.items()}
        body["singleValueExtendedProperties"] = [
            *(each for each in ours if each["id"] == CARRIED),
            *({"id": name, "value": value} for name, value in others.items()),
        ]
        return f"{_KEY}{self.mailbox.create(self.mailbox.primary.id, body).number}"

    def person_delete(self, key: Key) -> None:
        """To the bin."""
        self.mailbox.delete(self._event(key), None, "")

    def person_plant(self, key: Key, name: str, value: str) -> None:
        """A named property."""
        event = self._event(key)
        event.extended[f"{_NAMED}{name}"] = value
        self.mailbox.touch(event)

    def person_put_back(self, key: Key) -> Key:
        """From the bin by its old id, or anew."""
        event = self._event(key)
        if self.skies.chance(0.5):
            return self._made(event)
        event.deleted = False
        self.mailbox.touch(event)
        return key

    def _change(self, key: Key, wanted: Appointment) -> None:
        """What Exchange cannot hold a person cannot do either."""
        event = self._event(key)
        try:
            changes = changed_event(wanted, parse(self._text(event)), _STYLE)
        except Unusable:
            return
        if changes.event:
            self.mailbox.patch(event, changes.event, "")
        for each in changes.occurrences:
            day = datetime.fromisoformat(each.rid).date()
            if each.deleted:
                self.mailbox.delete(event, day, "")
            else:
                self.mailbox.patch_occurrence(event, day, each.changes, "")

    def _twin(self, key: Key) -> Key:
        return f"{_KEY}{Person(self.mailbox).duplicate(self._event(key)).number}"

    def _moved(self, key: Key) -> Key:
        return self._made(self._event(key))

    def _made(self, event: Stored) -> Key:
        """The same event anew, by a client that keeps UIDs (EWS, ActiveSync), with the exceptions
        of its series."""
        made = Person(self.mailbox).duplicate(event)
        made.uid = event.uid
        made.exceptions, made.cancelled = deepcopy(event.exceptions), set(event.cancelled)
        self.mailbox.touch(made)
        return f"{_KEY}{made.number}"

    # ---- the vendor

    def expire_cursors(self) -> None:
        """See :class:`HostedSystem`."""
        self._host.service.deltas[self.address].tokens.clear()
        self._host.login.expire()

    def remake(self) -> None:
        """The calendar has another id, as after a move of the mailbox."""
        self.expire_cursors()
        old = self.mailbox.primary
        new = Calendar(f"{old.id}2", old.name, primary=True)
        self.mailbox.calendars = {new.id: new}
        for event in self.mailbox.events.values():
            event.calendar = new.id
