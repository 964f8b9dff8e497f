"""A simulated remote: items with versions, a change log, its own clock, faults, and people.

Requests of programs (``listing`` … ``probe``) suffer faults and take time. People
(``person_…``) sit in front of the remote's own page: they bypass both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import TypeVar

from syncd.connector import Window
from syncd.core.fidelity import project
from syncd.core.model import FIELDS, Appointment
from syncd.core.state import Key
from syncd.errors import Rejected, Unauthorized, Unavailable
from tests.world import wire
from tests.world.abilities import Abilities, Faults
from tests.world.clock import WorldClock
from tests.world.items import Changes, Expired, Item, Missing, Moved

_T = TypeVar("_T")


class MemorySystem:
    """One remote collection. All chance comes from ``random``, all time from ``clock``."""

    def __init__(
        self, name: str, abilities: Abilities, clock: WorldClock, random: Random | None = None
    ) -> None:
        self.name = name
        self.abilities = abilities
        self.faults = Faults()
        self.clock = clock
        self.random = random or Random(0)
        self.items: dict[Key, Item] = {}
        self.buried: dict[Key, Item] = {}
        self.mails = 0
        self.requests = 0
        self.writes = 0
        self.lists = 0
        self.identity = f"{name}/1"
        self._log: list[Key] = []
        self._epoch = 1
        self._serial = 0
        self._gate = threading.RLock()

    # ---- requests of programs

    def probe(self) -> datetime:
        """Sign in; the remote's time."""
        with self._request():
            return self.clock.now() + self.abilities.skew

    def cursor(self) -> str:
        """The cursor of this moment."""
        return f"{self._epoch}:{len(self._log)}"

    def listing(self, window: Window) -> list[tuple[Key, int]]:
        """Key and version of every item, in the window if the remote can filter by it."""
        with self._request():
            heads = [
                (item.key, item.version)
                for item in self.items.values()
                if not self.abilities.windowed or self._touches(item, window)
            ]
            self._break_listing()
            return [] if self.faults.blind else self._order(heads)

    def changes(self, cursor: str) -> Changes:
        """What changed since ``cursor``. Raises ``Expired``."""
        with self._request():
            epoch, _, place = cursor.partition(":")
            known = epoch == str(self._epoch) and place.isdigit() and int(place) <= len(self._log)
            if not known and not self.abilities.forgiving:
                raise Expired
            self._break_listing()
            touched = self._log[int(place) :] if known else list(self.items)
            keys = list(dict.fromkeys(touched))
            items = [self.items[key] for key in keys if key in self.items]
            repeated = [i for i in self.items.values() if self._chance(self.abilities.repeats)]
            gone = [key for key in keys if key not in self.items] if known else []
            return Changes(tuple(self._order(items + repeated)), tuple(gone), self.cursor())

    def get(self, keys: list[Key]) -> list[Item]:
        """The items with these keys; those that are not there are left out."""
        with self._request():
            if self.faults.blind:
                return []
            return self._order([self.items[key] for key in keys if key in self.items])

    def search(self, marker: str) -> list[Item]:
        """The items whose ``marker`` is exactly this."""
        with self._request():
            found = [i for i in self.items.values() if i.property("marker") == marker]
            return [] if self.faults.blind else self._order(found)

    def insert(self, key: Key | None, body: str, *, notify: bool) -> Item:
        """A new item; ``key`` is ``None`` where the remote chooses. Raises ``Moved``."""
        return self._write(lambda: self._insert(key, body, notify), repeatable=key is not None)

    def replace(self, key: Key, body: str, version: int | None, *, notify: bool) -> Item:
        """Another body for an item, if it has this ``version``. Raises ``Moved``, ``Missing``."""
        return self._write(lambda: self._replace(key, body, version, notify), repeatable=True)

    def remove(self, key: Key, version: int | None) -> None:
        """Delete an item, if it has this ``version``. Raises ``Moved``, ``Missing``."""
        self._write(lambda: self._remove(key, version), repeatable=True)

    # ---- people

    def person_create(
        self,
        appointment: Appointment,
        *,
        uid: str | None = None,
        key: Key | None = None,
        **own: str,
    ) -> Key:
        """A person makes an item; ``own`` are vendor properties (``x_colour="red"``)."""
        properties = wire.write(appointment, self.abilities.fidelity.carries | {"when"})
        foreign = {name.replace("_", "-"): value for name, value in own.items()}
        chosen = key or self._next_key("p")
        body = {"uid": uid or f"{chosen}@{self.name}", **properties, **foreign}
        self._keep(chosen, self._held(wire.dump(body), None))
        return chosen

    def person_edit(
        self, key: Key, edit: Callable[[Appointment], Appointment], *, exact: bool = False
    ) -> None:
        """A person changes an item; ``exact``: the page takes values finer than the interface."""
        held = wire.parse(self.items[key].body)
        shown = wire.shown(held)
        carried = self.abilities.fidelity.carries | {"when"}
        old = wire.read(shown, carried)
        new = edit(old)
        base = held if new.attendees == old.attendees else shown
        changed = wire.dump(wire.change(base, old, new, carried))
        self._keep(key, changed if exact else self._held(changed, self.items[key].body))

    def person_delete(self, key: Key) -> None:
        """A person deletes an item."""
        self._bury(key)

    def person_duplicate(
        self, key: Key, edit: Callable[[Appointment], Appointment] | None = None
    ) -> Key:
        """A person copies an item, our marker and all, and may edit it at once.

        As clients do, under a UID of its own.
        """
        twin = self._next_key("d")
        body = {**wire.parse(self.items[key].body), "uid": f"{twin}@{self.name}"}
        self._keep(twin, wire.dump(body))
        if edit is not None:
            self.person_edit(twin, edit)
        return twin

    def person_move_key(self, key: Key) -> Key:
        """A client moves an item by writing a new one and deleting the old one."""
        moved = self._next_key("m")
        self._keep(moved, self.items[key].body)
        self._bury(key)
        return moved

    def person_put_back(self, key: Key, *, under: Key | None = None) -> Key:
        """A phone puts a deleted item back as it was, by its old UID."""
        back = under or self._next_key("b")
        self._keep(back, self.buried[key].body)
        return back

    def person_break(self, key: Key) -> None:
        """Something writes an item that nobody can read."""
        self._keep(key, "{broken")

    def person_plant(self, key: Key, name: str, value: str) -> None:
        """Another program keeps a property of its own on an item."""
        self._keep(key, wire.dump({**wire.parse(self.items[key].body), name: value}))

    def vendor_invites(self, key: Key, *, over: bool) -> None:
        """The vendor's own invitation to the meeting that a program copied to this item comes,
        beside it or ``over`` it: under the same UID, without what is the program's own."""
        body = {**wire.parse(self.items[key].body), "invited": True}
        del body["marker"]
        self._keep(key if over else self._next_key("i"), wire.dump(body))

    def purge(self, before: datetime) -> list[Key]:
        """A retention policy removes what ended before (aware) ``before``; the keys removed."""
        old = [item.key for item in self.items.values() if self._ended(item, before)]
        for key in old:
            self._bury(key)
        return old

    def expire_cursors(self) -> None:
        """Every cursor given until now is worthless."""
        self._epoch += 1
        self._log.clear()

    def remake(self) -> None:
        """The collection is another one: what it holds stays, cursors and identity do not."""
        self.expire_cursors()
        self.identity = f"{self.name}/{self._epoch}"

    def reads(self, key: Key) -> Appointment:
        """What an item shows on the remote's own page."""
        return self.reads_of(self.items[key])

    def reads_of(self, item: Item) -> Appointment:
        """What a stored item (or one that was deleted) shows."""
        body = wire.shown(wire.parse(item.body))
        return wire.read(body, self.abilities.fidelity.carries | {"when"})

    def foreign(self, key: Key) -> dict[str, object]:
        """What an item has besides fields: UID, marker, vendor properties."""
        body = wire.parse(self.items[key].body)
        return {name: value for name, value in body.items() if name not in FIELDS}

    # ---- inside

    @contextmanager
    def _request(self, *, writes: bool = False) -> Iterator[None]:
        """The way to the remote: one at a time, slow, and it may fail before anything happens."""
        with self._gate:
            self.requests += 1
            self.clock.advance(self.abilities.latency)
            if self.faults.down:
                raise Unavailable(f"{self.name}: no answer")
            if self.faults.locked or (writes and self.faults.read_only):
                raise Unauthorized(f"{self.name}: refused")
            if self._chance(self.faults.throttled):
                raise Unavailable(f"{self.name}: slow down", retry_after=self.faults.retry_after)
            if self._chance(self.faults.lost_requests):
                raise Unavailable(f"{self.name}: timed out", maybe_applied=writes)
            yield

    def _write(self, apply: Callable[[], Item], *, repeatable: bool) -> Item:
        with self._request(writes=True):
            item = apply()
            self.writes += 1
            if repeatable and self._chance(self.faults.doubled):
                item = apply()
            if self._chance(self.faults.lost_answers):
                raise Unavailable(f"{self.name}: timed out", maybe_applied=True)
            return item

    def _insert(self, key: Key | None, body: str, notify: bool) -> Item:
        self._refuse(body)
        if key is not None and (
            key in self.items or (self.abilities.burnt_keys and key in self.buried)
        ):
            raise Moved(key)
        holder = self._holder_of_uid(body)
        if holder is not None:
            raise Moved(holder)
        self._mail("{}", body, notify)
        return self._keep(key or self._next_key("r"), self._held(body, None))

    def _replace(self, key: Key, body: str, version: int | None, notify: bool) -> Item:
        held = self._guarded(key, version)
        self._refuse(body)
        self._mail(held.body, body, notify)
        return self._keep(key, self._held(body, held.body))

    def _remove(self, key: Key, version: int | None) -> Item:
        self._guarded(key, version)
        return self._bury(key)

    def _guarded(self, key: Key, version: int | None) -> Item:
        item = self.items.get(key)
        if item is None:
            raise Missing
        if version is not None and item.version != version:
            raise Moved(key)
        return item

    def _refuse(self, body: str) -> None:
        if any(word in body for word in self.faults.refused):
            raise Rejected(f"{self.name}: 422 this item cannot be stored")

    def _holder_of_uid(self, body: str) -> Key | None:
        if not self.abilities.unique_uids:
            return None
        uid = wire.parse(body).get("uid")
        return next((i.key for i in self.items.values() if i.property("uid") == uid), None)

    def _mail(self, old: str, new: str, notify: bool) -> None:
        """Count what the vendor sends because of a change of its attendees."""
        if notify or self.abilities.always_mails:
            before, after = (wire.parse(body).get("attendees", []) for body in (old, new))
            self.mails += sum(1 for each in after if each not in before)

    def _held(self, body: str, previous: str | None) -> str:
        """What the remote makes of a body: what was not touched stays, the rest is projected."""
        carried = self.abilities.fidelity.carries | {"when"}
        properties = wire.parse(body)
        held = {} if previous is None else wire.parse(previous)
        sent = wire.read(wire.shown(properties), carried)
        altered = project(sent, self.abilities.fidelity)
        if self.abilities.trims:
            altered = _trimmed(altered)
        touched = {name for name in carried if properties.get(name) != held.get(name)}
        if "guests" in properties:
            touched.discard("attendees")
        return wire.dump(
            wire.change(properties, sent, altered, touched), reordered=self.abilities.reorders
        )

    def _keep(self, key: Key, body: str) -> Item:
        held = self.items.get(key)
        if held is not None and held.body == body:
            return held
        self._serial += 1
        item = Item(key, body, self._serial, self.clock.now() + self.abilities.skew)
        self.items[key] = item
        self._log.append(key)
        return item

    def _bury(self, key: Key) -> Item:
        self.buried[key] = self.items.pop(key)
        self._log.append(key)
        return self.buried[key]

    def _next_key(self, prefix: str) -> Key:
        self._serial += 1
        return f"{prefix}{self._serial}"

    def _span(self, item: Item) -> tuple[datetime, datetime] | None:
        return item.span(self.abilities.fidelity.default_zone)

    def _touches(self, item: Item, window: Window) -> bool:
        span = self._span(item)
        return span is None or (span[0] < window.end and span[1] >= window.start)

    def _ended(self, item: Item, before: datetime) -> bool:
        span = self._span(item)
        return span is not None and span[1] < before

    def _chance(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate

    def _break_listing(self) -> None:
        if self._chance(self.faults.broken_listings):
            raise Unavailable(f"{self.name}: page 2 failed")
        self.lists += 1

    def _order(self, found: list[_T]) -> list[_T]:
        if self.abilities.unordered:
            self.random.shuffle(found)
        return found


def _trimmed(appointment: Appointment) -> Appointment:
    return replace(
        appointment,
        title=appointment.title.rstrip(),
        description=appointment.description.rstrip(),
        location=appointment.location.rstrip(),
    )
