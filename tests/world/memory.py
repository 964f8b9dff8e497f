"""The connector of the simulated remote: the documented verbs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

from syncd.connector import (
    Connector,
    Fetched,
    Health,
    Identity,
    Manifest,
    Snapshot,
    Unreadable,
    Window,
    Written,
)
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker, Version
from syncd.errors import CursorExpired, Rejected, Stale
from tests.world import wire
from tests.world.items import Changes, Expired, Item, Missing, Moved
from tests.world.remote import MemorySystem

__all__ = ["MemoryConnector", "MemorySystem", "SearchingMemoryConnector", "connect"]

GENERATIONS = 50
"""How many keys one identity may burn where the keys of deleted items stay taken."""


def connect(system: MemorySystem, *, invite: bool = False) -> Connector:
    """A connector for ``system``; it can search where the system chooses the keys."""
    searching = system.abilities.manifest().marker_search
    kind = SearchingMemoryConnector if searching else MemoryConnector
    return kind(system, invite=invite)


class MemoryConnector:
    """One client of a :class:`MemorySystem`. ``invite``: attendees may be mailed."""

    def __init__(self, system: MemorySystem, *, invite: bool = False) -> None:
        self._system = system
        self._invite = invite
        self._mute = Random(system.random.random())
        self._requests = 0

    @property
    def manifest(self) -> Manifest:
        """What the system can do."""
        return self._system.abilities.manifest()

    @property
    def fidelity(self) -> Fidelity:
        """What the system carries."""
        return self._system.abilities.fidelity

    @property
    def requests(self) -> int:
        """The requests sent since the connector was made."""
        return self._requests

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """See :meth:`syncd.connector.Connector.observe`."""
        if since is None or not self._system.abilities.cursors:
            return self._list_all(window, known)
        identity, _, place = since.rpartition("|")
        if identity != self._system.identity:
            raise CursorExpired("the collection is another one")
        try:
            with self._sending():
                changes = self._system.changes(place)
        except Expired:
            raise CursorExpired("the cursor is unknown") from None
        if not self._system.abilities.tombstones:
            return self._after_a_change(since, changes, window, known)
        if changes.cursor.partition(":")[0] != place.partition(":")[0]:
            return self._list_all(window, known)
        copies, unreadable = self._read_all(changes.items)
        fresh = tuple(copy for copy in copies if not _is_known(copy, known))
        return Snapshot(
            copies=fresh,
            gone=frozenset(changes.gone),
            unchanged=frozenset(copy.key for copy in copies if _is_known(copy, known)),
            cursor=self._cursor(changes.cursor),
            identity=self._system.identity,
            unreadable=unreadable,
        )

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """See :meth:`syncd.connector.Connector.fetch`."""
        wanted = list(dict.fromkeys(keys))
        copies, unreadable = self._read_all(self._download(wanted))
        there = {copy.key for copy in copies} | {each.key for each in unreadable}
        return Fetched(copies, frozenset(wanted) - there, unreadable)

    def create(self, identity: Identity, content: Appointment) -> Written:
        """See :meth:`syncd.connector.Connector.create`."""
        body = self._body({}, None, content)
        head = {"uid": identity.uid or str(identity.marker), "marker": str(identity.marker)}
        text = wire.dump({**head, **body})
        if self._system.abilities.client_keys:
            return self._written(self._insert_under_own_key(identity.marker, text))
        with self._sending():
            found = self._system.search(str(identity.marker))
        ours = [item.key for item in found if item.key not in identity.others]
        if ours:
            raise Stale("an item with this marker exists", key=ours[0])
        return self._written(self._insert(None, text))

    def update(self, copy: Copy, content: Appointment) -> Written:
        """See :meth:`syncd.connector.Connector.update`."""
        properties = wire.parse(copy.wire)
        body = wire.dump(self._body(properties, copy.reads, content))
        guard = self._guard(copy)
        with self._sending(copy.key):
            item = self._system.replace(copy.key, body, guard, notify=self._invite)
        return self._written(item)

    def delete(self, copy: Copy) -> None:
        """See :meth:`syncd.connector.Connector.delete`."""
        try:
            guard = self._guard(copy)
            with self._sending():
                self._system.remove(copy.key, guard)
        except Missing:
            return
        except Stale:
            if self.fetch([copy.key]).gone:
                return
            raise

    def read(self, key: Key, version: Version | None, wire_form: str) -> Copy:
        """See :meth:`syncd.connector.Connector.read`."""
        try:
            properties = wire.shown(wire.parse(wire_form))
            reads = wire.read(properties, self.fidelity.carries | {"when"})
        except ValueError as error:
            raise Rejected(f"{key}: {type(error).__name__}") from None
        return Copy(
            key,
            version,
            wire_form,
            reads,
            uid=properties.get("uid"),
            marker=Marker.parse(str(properties.get("marker", ""))),
            invited=bool(properties.get("invited")),
        )

    def check(self) -> Health:
        """See :meth:`syncd.connector.Connector.check`."""
        with self._sending():
            remote = self._system.probe()
        skew = (remote - self._system.clock.now()).total_seconds()
        writable = not self._system.faults.read_only
        return Health(True, account=self._system.name, can_write=writable, skew=skew)

    def close(self) -> None:
        """Nothing is held open."""

    def _list_all(self, window: Window, known: Mapping[Key, Version | None]) -> Snapshot:
        """Everything in the window; only what is not known in this version is downloaded."""
        cursor = self._cursor(self._system.cursor())
        identity = self._system.identity
        with self._sending():
            heads = self._system.listing(window)
        same = {
            key
            for key, version in heads
            if self._system.abilities.versions and known.get(key) == str(version)
        }
        items = self._download([key for key, _ in heads if key not in same])
        copies, unreadable = self._read_all(items)
        return Snapshot(
            copies=copies,
            unchanged=frozenset(same),
            complete=True,
            cursor=cursor if self._system.abilities.cursors else None,
            identity=identity,
            unreadable=unreadable,
        )

    def _after_a_change(
        self, since: str, changes: Changes, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """The answer of a remote whose cursor only tells whether anything changed."""
        if self._cursor(changes.cursor) != since:
            return self._list_all(window, known)
        return Snapshot(cursor=since, identity=self._system.identity)

    def _cursor(self, place: str) -> str:
        return f"{self._system.identity}|{place}"

    def _download(self, keys: list[Key]) -> Iterator[Item]:
        batch = self._system.abilities.batch
        for first in range(0, len(keys), batch):
            with self._sending():
                items = self._system.get(keys[first : first + batch])
            yield from items

    def _read_all(self, items: Iterable[Item]) -> tuple[tuple[Copy, ...], tuple[Unreadable, ...]]:
        """The copies of ``items``, each key once, and what could not be read."""
        copies: dict[Key, Copy] = {}
        unreadable: dict[Key, Unreadable] = {}
        for item in items:
            try:
                copies[item.key] = self._copy(item)
            except Rejected as error:
                version = self._version(item)
                unreadable[item.key] = Unreadable(item.key, version, str(error))
        return tuple(copies.values()), tuple(unreadable.values())

    def _copy(self, item: Item) -> Copy:
        copy = self.read(item.key, self._version(item), item.body)
        if not self._system.abilities.tells_time:
            return copy
        return Copy(
            copy.key,
            copy.version,
            copy.wire,
            copy.reads,
            uid=copy.uid,
            marker=copy.marker,
            modified=item.modified,
            invited=copy.invited,
        )

    def _version(self, item: Item) -> Version | None:
        return str(item.version) if self._system.abilities.versions else None

    def _body(
        self, properties: wire.Properties, old: Appointment | None, new: Appointment
    ) -> wire.Properties:
        """``properties`` so that they read as ``new``, attendees where nobody is mailed."""
        carried = self.fidelity.carries | {"when"}
        if not self._system.abilities.always_mails or self._invite:
            return wire.change(wire.shown(properties), old, new, carried)
        held = project(new, self.fidelity)
        return wire.aside(properties, wire.change(wire.shown(properties), old, held, carried))

    def _insert_under_own_key(self, marker: Marker, text: str) -> Item:
        """Create under the first key of the marker that was never used; ``Stale`` if one lives."""
        name = f"{marker.appointment}-{marker.slot}" if marker.slot else marker.appointment
        for generation in range(GENERATIONS):
            key = f"{name}.{generation}" if generation else name
            try:
                return self._insert(key, text)
            except Stale as stale:
                if not stale.key or not self.fetch([stale.key]).gone:
                    raise
        raise Rejected("every key of this appointment is taken")

    def _insert(self, key: Key | None, text: str) -> Item:
        with self._sending(key or ""):
            return self._system.insert(key, text, notify=self._invite)

    def _guard(self, copy: Copy) -> int | None:
        """The version to demand; where there are none, the body is compared before the write."""
        if copy.version is not None:
            return int(copy.version) if copy.version.isdigit() else -1
        with self._sending():
            held = self._system.get([copy.key])
        if not held or held[0].body != copy.wire:
            raise Stale("the item has changed", key=copy.key)
        return None

    def _written(self, item: Item) -> Written:
        abilities = self._system.abilities
        if abilities.answers == "nothing" or self._mute.random() < abilities.mute:
            return Written(item.key, None)
        copy = self._copy(item) if abilities.answers == "copy" else None
        return Written(item.key, self._version(item), copy)

    @contextmanager
    def _sending(self, key: Key = "") -> Iterator[None]:
        """One request; the remote's refusals become errors of the port."""
        self._requests += 1
        try:
            yield
        except Moved as moved:
            raise Stale("the item has another version", key=moved.key) from None
        except Missing:
            if not key:
                raise
            raise Stale("the item is gone", key=key) from None


class SearchingMemoryConnector(MemoryConnector):
    """A client of a system that can be searched for markers."""

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """See :meth:`syncd.connector.Finds.find`."""
        with self._sending():
            found = self._system.search(str(marker))
        return self._read_all(found)[0]


def _is_known(copy: Copy, known: Mapping[Key, Version | None]) -> bool:
    return copy.version is not None and known.get(copy.key) == copy.version
