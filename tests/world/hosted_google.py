"""A Google calendar as the desk of a simulated world."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import cast

from connectors.google import plugin
from connectors.google import translate_people as people
from connectors.google.carried import MARKER
from connectors.google.fake.calendars import shown
from connectors.google.fake.rules import Event
from connectors.google.translate import read
from connectors.google.translate_time import instance_id, read_when, rid_of
from connectors.google.translate_write import (
    Style,
    occurrences_of,
    wanted_of,
    write_changed,
    write_new,
    write_occurrence,
)
from connectors.google.wire import Series, is_cancelled, loads, parent_of, table_of
from syncd.connector import Plugin
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker
from tests.world.abilities import Abilities
from tests.world.company import DOMAIN
from tests.world.gates import HostOfGoogle, WorldCalendars
from tests.world.hosted import HostedSystem
from tests.world.items import Item
from tests.world.weather import Skies

ZONE = "Asia/Shanghai"
_CARRYING, _INVITING = Style(default_zone=ZONE), Style(invite=True, default_zone=ZONE)
_NEW = ("id", "etag", "sequence", "_moves")


class GoogleSystem(HostedSystem):
    """The primary calendar of ``address``. Its keys are event ids; deleted ones stay taken."""

    def __init__(
        self, name: str, abilities: Abilities, address: str, skies: Skies, host: HostOfGoogle
    ) -> None:
        super().__init__(name, abilities, address, skies)
        self.host = host
        self._calendar = host.add(address, ZONE)
        host.skies[address] = skies

    @property
    def _store(self) -> WorldCalendars:
        return cast(WorldCalendars, self.host.calendars)

    @property
    def plugin(self) -> Plugin:
        """The connector's."""
        return plugin

    def settings(self, folder: Path) -> list[str]:
        """A service account of a project of its own: quotas are counted by project, and none is
        to be left of another world."""
        key = json.loads(self.host.key_file) | {"project_id": str(folder)}
        (folder / "google.json").write_text(json.dumps(key), encoding="utf-8")
        return [
            f'endpoint = "{self.host.endpoint}"',
            'service_account = { file = "google.json" }',
        ]

    @property
    def mails(self) -> int:
        """Mails about events of this calendar."""
        return sum(1 for _, id in self._store.mails if id in self._calendar.events)

    @property
    def items(self) -> dict[Key, Item]:
        """Events and series, not their exceptions."""
        every = self._calendar.events.values()
        keys = [e["id"] for e in every if not is_cancelled(e) and not parent_of(e)]
        return {key: self._one(key) for key in keys}

    def _one(self, key: Key) -> Item:
        return self._told(self._store.whole(self._calendar, key))

    @property
    def buried(self) -> dict[Key, Item]:
        """What was deleted, if it has not come back."""
        graves = self._store.graves.get(self.address, {})
        return {
            key: self._told(whole)
            for key, whole in graves.items()
            if whole and not parent_of(whole[0]) and is_cancelled(self._calendar.events[key])
        }

    def _told(self, whole: list[Event]) -> Item:
        series = self._series(whole)
        shared = table_of(table_of(series.event, "extendedProperties"), "shared")
        foreign = {name: value for name, value in shared.items() if name.startswith("x-")}
        return self._item(series.key, series.dumps(), foreign)

    def _series(self, whole: list[Event]) -> Series:
        event, *exceptions = (shown(each, self._calendar) for each in whole)
        return Series(event, {each["id"]: each for each in exceptions})

    def _held(self, key: Key) -> Series:
        return self._series(self._store.whole(self._calendar, key))

    def _copy(self, key: Key, text: str) -> Copy:
        return read(key, None, loads(text), ZONE)

    # ---- people

    def person_create(self, appointment: Appointment, **own: str) -> Key:
        """With attendees as Google has them."""
        body = write_new(appointment, "", "", Marker("nobody", "none"), _INVITING)
        del body["id"], body["extendedProperties"]["private"][MARKER]
        shared = {name.replace("_", "-"): value for name, value in own.items()}
        body["extendedProperties"]["shared"] = shared
        return str(self._store.insert(self._calendar, body, {})["id"])

    def person_delete(self, key: Key) -> None:
        """To the bin; the id stays taken."""
        self._store.delete(self._calendar, key, {})

    def person_plant(self, key: Key, name: str, value: str) -> None:
        """A shared property."""
        self._patch(key, {"extendedProperties": {"shared": {name: value}}})

    def person_put_back(self, key: Key) -> Key:
        """From the bin by its old id, or by a phone with its old UID."""
        whole = self._store.graves[self.address][key]
        if self.skies.chance(0.5):
            return self._made(whole, whole[0]["iCalUID"])
        for each in whole:
            self._store.store(self._calendar, deepcopy(each))
        return key

    def _change(self, key: Key, wanted: Appointment) -> None:
        """Attendees from outside become Google's own; colleagues would get invitations besides
        their copies, so they stay carried."""
        series = self._held(key)
        before = read(key, None, series, ZONE).reads
        wanted = wanted_of(wanted, before, _CARRYING)
        more: Event = {}
        if wanted.attendees != before.attendees:
            event = deepcopy(series.event)
            outside = [a for a in wanted.attendees if not a.email.endswith(f"@{DOMAIN}")]
            people.invite(event, outside)
            series, more = Series(event, series.exceptions), {"attendees": event["attendees"]}
        patch, _ = write_changed(wanted, series, _CARRYING)
        self._patch(key, {**more, **patch})
        todo = occurrences_of(wanted, self._held(key), _CARRYING)
        for each in todo.changed:
            instance = shown(self._store.get(self._calendar, each.id), self._calendar)
            self._patch(each.id, write_occurrence(each, instance, _CARRYING))
        for event in todo.removed:
            self._store.delete(self._calendar, event["id"], {})

    def _patch(self, id: Key, patch: Event) -> None:
        if patch:
            self._store.patch(self._calendar, id, patch, {})

    def _twin(self, key: Key) -> Key:
        return self._made(self._store.whole(self._calendar, key)[:1], "")

    def _moved(self, key: Key) -> Key:
        whole = self._store.whole(self._calendar, key)
        return self._made(whole, whole[0]["iCalUID"])

    def _made(self, whole: list[Event], uid: str) -> Key:
        """The same events under new ids."""
        event, *exceptions = deepcopy(whole)
        body: Event = {k: v for k, v in event.items() if k not in (*_NEW, "iCalUID")}
        body |= {"iCalUID": uid} if uid else {}
        made = str(self._store.insert(self._calendar, body, {})["id"])
        when = read_when(event, ZONE)
        for each in exceptions:
            rid = rid_of(each["originalStartTime"], when)
            id = instance_id(made, rid, when)
            if is_cancelled(each):
                self._store.delete(self._calendar, id, {})
                continue
            self._patch(id, {k: v for k, v in each.items() if k not in (*_NEW, "iCalUID")})
        return made

    # ---- the vendor

    def expire_cursors(self) -> None:
        """See :class:`HostedSystem`."""
        self.host.expire_tokens(self.address)
        self.host.tokens.issued.clear()

    def remake(self) -> None:
        """A primary calendar is what it is; its sync tokens are those of another one."""
        self.expire_cursors()
        self._calendar.birth += 1_000_000
