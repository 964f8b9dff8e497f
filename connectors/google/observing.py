"""Looking at one calendar: lists with sync tokens, single events, series with their exceptions.

Everything is listed, whatever its time: under a time filter an exception can stand outside while
its series stands inside, and "all of it" would not be all. A list has masters and exceptions side
by side; what changed of a series is one of them, so the rest is fetched by its iCalUID, which all
of a series share (https://developers.google.com/workspace/calendar/api/concepts/events-calendars).
Tombstones of occurrences tell their UID only with ``showDeleted``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.google.carried import MARKER
from connectors.google.client import PAGE, Client, Refused
from connectors.google.translate import read
from connectors.google.wire import (
    READ_TYPES,
    Event,
    Series,
    Unusable,
    WireError,
    checked_event,
    is_cancelled,
    is_read,
    is_series,
    list_of,
    parent_of,
    text_of,
)
from syncd.connector import Fetched, Snapshot, Unreadable
from syncd.core.packed import Packed
from syncd.core.state import Copy, Key, Marker, Version
from syncd.errors import Unauthorized, Unavailable

MANY = 25
"""From so many keys on, listing everything is cheaper than asking for each."""

_BLIND = frozenset({"none", "freeBusyReader"})
"""Roles under which events have neither titles nor texts: reading them would empty everything."""

_ABOUT = "the events"


@dataclass(slots=True)
class Found:
    """What was read, each key in one place."""

    copies: Packed[Copy] = field(default_factory=Packed)
    gone: set[Key] = field(default_factory=set)
    unchanged: set[Key] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(slots=True)
class _Listing:
    """The parts of series in a list, and its sync token once it has ended."""

    token: str = ""
    masters: dict[Key, Event] = field(default_factory=dict)
    exceptions: dict[Key, dict[Key, Event]] = field(default_factory=dict)

    def keep(self, event: Event) -> bool:
        """Keep a part of a series; whether it was one."""
        parent = parent_of(event)
        if parent:
            self.exceptions.setdefault(parent, {})[event["id"]] = event
        elif is_series(event) and not is_cancelled(event):
            self.masters[event["id"]] = event
        return bool(parent) or event["id"] in self.masters


class Reader:
    """Reads one calendar."""

    def __init__(self, client: Client, identity: str, default_zone: str) -> None:
        self.client, self.identity, self._zone = client, identity, default_zone

    def observe(self, since: str | None, known: Mapping[Key, Version | None]) -> Snapshot:
        """Changes since the cursor, or everything. Raises as the port says."""
        token = self._token(since)
        listing, found = _Listing(), Found()
        if token:
            self._changes(token, listing, found, known)
        else:
            for series in self._all(listing):
                self._take(series, found, known)
        return Snapshot(
            copies=found.copies.told(),
            gone=frozenset(found.gone),
            unchanged=frozenset(found.unchanged),
            complete=not token,
            cursor=json.dumps([self.identity, listing.token]) if listing.token else None,
            identity=self.identity,
            unreadable=tuple(found.unreadable),
        )

    def _token(self, since: str | None) -> str:
        """The sync token of a cursor of this very calendar; else nothing."""
        try:
            found = json.loads(since) if since else None
        except ValueError:
            return ""
        if not isinstance(found, list) or len(found) != 2 or found[0] != self.identity:
            return ""
        return str(found[1])

    def _items(self, listing: _Listing, **parameters: object) -> Iterator[Event]:
        for page in self.client.pages(
            _ABOUT, maxResults=PAGE, eventTypes=list(READ_TYPES), **parameters
        ):
            refuse_blind(page)
            listing.token = text_of(page, "nextSyncToken")
            for item in list_of(page, "items"):
                if is_read(item):
                    yield _checked(item)

    def _all(self, listing: _Listing) -> Iterator[Series]:
        """Everything there is: single events as they come, then what belongs together."""
        for item in self._items(listing):
            if not listing.keep(item) and not is_cancelled(item):
                yield Series(item)
        for key, master in listing.masters.items():
            yield Series(master, listing.exceptions.pop(key, {}))
        for orphans in listing.exceptions.values():
            for orphan in orphans.values():
                if not is_cancelled(orphan):
                    yield Series(orphan)

    def _changes(
        self,
        token: str,
        listing: _Listing,
        found: Found,
        known: Mapping[Key, Version | None],
    ) -> None:
        latest: dict[Key, Event] = {}
        for item in self._items(listing, syncToken=token):
            latest[item["id"]] = item
        for key, item in latest.items():
            if listing.keep(item):
                continue
            if is_cancelled(item):
                found.gone.add(key)
            else:
                self._take(Series(item), found, known)
        for key in {**listing.masters, **listing.exceptions}:
            self._changed_series(key, listing, found, known)

    def _changed_series(
        self, key: Key, listing: _Listing, found: Found, known: Mapping[Key, Version | None]
    ) -> None:
        master, exceptions = listing.masters.get(key), listing.exceptions.get(key, {})
        if key in found.gone:
            return
        version = Series(master, exceptions).version if master is not None else None
        if version is not None and known.get(key) == version:
            found.unchanged.add(key)  # all of it is new, and we wrote it
            return
        series = self.series(key, master)
        if series is not None:
            self._take(series, found, known)
            return
        for orphan in exceptions.values():
            if is_cancelled(orphan):
                found.gone.add(orphan["id"])
            else:
                self._take(Series(orphan), found, known)

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The events with these keys. An event that is not found is proven gone only while its
        calendar is there: for one that is not shared any more Google says the same (404)."""
        wanted, found, absent = dict.fromkeys(keys), Found(), False
        if len(wanted) > MANY:
            for series in self._all(_Listing()):
                if series.key in wanted:
                    self._take(series, found, {})
                    del wanted[series.key]
        for key in wanted:
            event = self.event(key)
            absent = absent or event is None
            whole = self.series(key, event) if event is not None else None
            if whole is None:
                found.gone.add(key)
            else:
                self._take(whole, found, {})
        if absent:
            self.be_there()
        return Fetched(found.copies.told(), frozenset(found.gone), tuple(found.unreadable))

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """The copies that carry ``marker``. The filter of one property is exact."""
        keys: dict[Key, Event | None] = {}
        searched = f"{MARKER}={marker}"
        for page in self.client.pages(_ABOUT, maxResults=PAGE, privateExtendedProperty=searched):
            refuse_blind(page)
            for item in map(_checked, list_of(page, "items")):
                if not is_cancelled(item) and is_read(item):
                    parent = parent_of(item)
                    keys.setdefault(parent or item["id"], None if parent else item)
        found = Found()
        for key, event in keys.items():
            whole = self.series(key, event)
            if whole is not None:
                self._take(whole, found, {})
        return tuple(copy for copy in found.copies if copy.marker == marker)

    def event(self, key: Key) -> Event | None:
        """One event as it is, a tombstone included; ``None`` if Google does not find it."""
        try:
            event, _ = self.client.call(
                lambda service: service.events().get(calendarId=self.client.calendar, eventId=key)
            )
        except Refused as error:
            if error.refused.status in (404, 410):
                return None
            raise self.client.error(error.refused, key, writes=False) from None
        return _checked(event)

    def series(self, key: Key, event: Event | None = None) -> Series | None:
        """An event with its exceptions as they are now; ``None`` if it is not there any more."""
        event = event or self.event(key)
        if event is None or is_cancelled(event):
            return None
        if not is_series(event):
            return Series(event)
        uid, exceptions = text_of(event, "iCalUID"), dict[Key, Event]()
        if not uid:
            raise Unavailable(f"{key}: Google names no UID of a series")
        for page in self.client.pages(_ABOUT, maxResults=PAGE, iCalUID=uid, showDeleted=True):
            for item in map(_checked, list_of(page, "items")):
                if item["id"] == key:
                    event = item
                elif parent_of(item) == key:
                    exceptions[item["id"]] = item
        return None if is_cancelled(event) else Series(event, exceptions)

    def be_there(self) -> Event:
        """The calendar's own part of a list. Raises if it is not there, or not ours to read."""
        page = next(self.client.pages("the calendar", maxResults=1))
        refuse_blind(page)
        return page

    def _take(self, series: Series, found: Found, known: Mapping[Key, Version | None]) -> None:
        key, version = series.key, series.version
        if version is not None and known.get(key) == version:
            found.unchanged.add(key)
            return
        try:
            found.copies.append(read(key, version, series, self._zone))
        except (Unusable, WireError) as error:
            found.unreadable.append(Unreadable(key, version, str(error)))


def refuse_blind(page: Event) -> None:
    """Raise if the calendar shows us no more than when its person is busy."""
    if text_of(page, "accessRole") in _BLIND:
        raise Unauthorized("the calendar shows us no more than free and busy", lone=True)


def _checked(item: object) -> Event:
    try:
        return checked_event(item)
    except WireError as error:
        raise Unavailable(f"{_ABOUT}: {error}") from None
