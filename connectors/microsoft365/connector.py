"""The verbs of the port on one calendar."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from connectors.microsoft365.client import (
    Account,
    Answer,
    Calls,
    NotThere,
    graph_for,
    read_error,
    write_error,
)
from connectors.microsoft365.fields import Unusable, text_at
from connectors.microsoft365.free_busy import busy
from connectors.microsoft365.observing import Items, Reader, marked
from connectors.microsoft365.places import Place, find_calendar
from connectors.microsoft365.series import SeriesWriter
from connectors.microsoft365.translate import copy_of, fidelity_in, read
from connectors.microsoft365.translate_write import Changes, Style, changed_event, new_event
from connectors.microsoft365.watching import Subscriptions
from connectors.microsoft365.wire import (
    ENTIRE,
    FIELDS,
    MARKER,
    Item,
    WireError,
    etag_of,
    item_of,
    parse,
)
from syncd.connector import Fetched, Health, Identity, Snapshot, Watch, Window, Written
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment
from syncd.core.state import WHOLE, Copy, Key, Marker, Version
from syncd.core.taken import Taken
from syncd.errors import Rejected, Stale, Unavailable

_ATTEMPTS = 20
"""How often a copy with one marker can be deleted and made again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connector was configured with. ``person``: whose calendar it is."""

    account: Account
    place: Place
    person: str
    style: Style


class GraphConnector:
    """One calendar. Satisfies :class:`syncd.connector.Connector`, ``Finds``, ``TellsBusy``,
    ``Counts`` and ``Watches``. The calendar is looked for once and then kept, until it is no
    longer there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls = Calls(graph_for(settings.account), settings.place.mailbox)
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._fidelity = fidelity_in(settings.style.default_zone)
        addresses = (settings.person, settings.place.mailbox)
        self._own = frozenset(each for each in addresses if "@" in each)

    @property
    def fidelity(self) -> Fidelity:
        """What a calendar carries."""
        return self._fidelity

    @property
    def requests(self) -> int:
        """The HTTP calls so far."""
        return self._calls.requests

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """What changed; one request if nothing did."""
        try:
            return self._found().observe(since, window, known)
        except NotThere:
            self._forget()
            raise

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The events with these keys, a request for each twenty."""
        reader, items = self._found(), Items()
        unique = list(dict.fromkeys(keys))
        lost = reader.get(unique, items, {})
        gone = (
            set(unique)
            - {copy.key for copy in items.copies.told()}
            - {each.key for each in items.unreadable}
        )
        return Fetched(items.copies.told(), frozenset(lost | gone), tuple(items.unreadable))

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """The events that carry ``marker``: one request (and one for a series)."""
        reader = self._found()
        path = f"{reader.calendar.path}/events"
        ask = (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARKER}' and ep/value eq '{marker}')"
        )
        found = marked(self._calls.pages(path, {**FIELDS, "$filter": ask}))
        items = Items()
        keys = sorted({text_at(each, "id") for each in found})
        reader.get(keys, items, {})
        return tuple(items.copies.told())

    def busy(self, span: Window) -> tuple[Taken, ...]:
        """When the calendar is taken, booking by booking."""
        try:
            return busy(self._calls, self._found().calendar, span)
        except NotThere:
            self._forget()
            raise

    def create(self, identity: Identity, content: Appointment) -> Written:
        """POST with a ``transactionId`` made of the marker, so that it is made once.

        Graph knows the ids of what was deleted, too: where none is there any more, the next one.
        """
        calendar, marker = self._found().calendar, identity.marker
        uid = identity.uid if marker.slot == WHOLE else None
        for attempt in range(_ATTEMPTS):
            try:
                changes = new_event(content, marker, uid, self._settings.style, attempt)
            except (Unusable, WireError) as error:
                raise Rejected(f"a new event: {error}") from error
            answer = self._calls.write("POST", f"{calendar.path}/events", changes.event)
            if answer.is_good:
                return self._created(answer, changes, identity)
            if not answer.is_duplicate:
                raise self._write_error(answer, "")
            for copy in self.find(marker):
                if copy.key not in identity.others:
                    raise Stale(f"{copy.key}: it is there already", key=copy.key)
        raise Rejected("a new event: Graph says that it made one, which is not there")

    def _created(self, answer: Answer, changes: Changes, identity: Identity) -> Written:
        key = text_at(answer.found, "id")
        if not key:
            raise Unavailable("a new event has no id", maybe_applied=True)
        item = item_of(answer.found)
        item.marker, item.carried = str(identity.marker), changes.carried
        if not changes.occurrences:
            return self._written(key, item)
        try:
            self._series().write(key, changes, changed=True, content=item)
        except Unavailable as error:
            raise Unavailable(str(error), maybe_applied=True) from error
        return Written(key, None)

    def update(self, copy: Copy, content: Appointment) -> Written:
        """PATCH with ``If-Match``; of a series the master first, then its occurrences.

        Raises ``Rejected`` where Graph would mail attendees.
        """
        try:
            item = parse(copy.wire)
            changes = changed_event(content, item, self._settings.style)
        except (Unusable, WireError) as error:
            raise Rejected(f"{copy.key}: {error}") from error
        self._refuse_mail(copy.key, item)
        if not changes.event and not changes.occurrences:
            self._series().check(copy.key, etag_of(copy.version))
            return Written(copy.key, copy.version, copy)
        after = item
        if changes.event:
            answer = self._guarded("PATCH", copy, item, changes.event)
            if not answer.is_good:
                raise self._write_error(answer, copy.key)
            after = item_of(answer.found)
            after.marker, after.carried = item.marker, changes.carried
        if changes.occurrences:
            if not changes.event:
                self._series().check(copy.key, self._guard(copy))
            self._series().write(copy.key, changes, changed=bool(changes.event), content=after)
        if after.is_series or item.is_series:
            return Written(copy.key, None)
        return self._written(copy.key, after)

    def delete(self, copy: Copy) -> None:
        """DELETE with ``If-Match``. Raises ``Rejected`` where Graph would mail attendees."""
        try:
            item = parse(copy.wire)
        except WireError as error:
            raise Rejected(f"{copy.key}: {error}") from error
        self._refuse_mail(copy.key, item)
        answer = self._guarded("DELETE", copy, item, None)
        if not answer.is_good and answer.status != 404:
            raise self._write_error(answer, copy.key)

    def read(self, key: Key, version: Version | None, wire: str) -> Copy:
        """A stored wire form."""
        try:
            return read(key, version, wire, self._own)
        except (Unusable, WireError) as error:
            raise Rejected(f"{key}: {error}") from error

    def check(self) -> Health:
        """Finds the calendar, and tells what may be done with it."""
        self._forget()
        calendar = self._found().calendar
        answer = self._calls.get(f"{calendar.root}/calendar", {"$select": "id"})
        if not answer.is_good:
            raise read_error(answer, "the mailbox")
        detail = "" if calendar.can_write else "the account may not write to this calendar"
        return Health(True, calendar.owner, calendar.can_write, _skew(answer), detail)

    def watch(self, address: str, secret: str, before: Watch | None) -> Watch:
        """A subscription to the calendar's events; renewed where there is one."""
        return Subscriptions(self._calls).watch(
            unquote(f"{self._found().calendar.path}/events"), address, secret, before
        )

    def unwatch(self, watch: Watch) -> None:
        """End a subscription."""
        Subscriptions(self._calls).unwatch(watch)

    def close(self) -> None:
        """Close connections that are not in use."""
        self._calls.graph.close()

    def _found(self) -> Reader:
        with self._lock:
            if self._reader is None:
                calendar = find_calendar(self._calls, self._settings.place)
                own = self._own | {calendar.owner} if "@" in calendar.owner else self._own
                self._reader = Reader(self._calls, calendar, own)
            return self._reader

    def _forget(self) -> None:
        with self._lock:
            self._reader = None

    def _series(self) -> SeriesWriter:
        return SeriesWriter(self._calls, self._found().calendar)

    def _guarded(
        self, method: str, copy: Copy, item: Item, body: Mapping[str, object] | None
    ) -> Answer:
        """A write with ``If-Match``. A version that has moved although nothing has changed is no
        edit: Exchange does that by itself, soon after a create (reported by its clients)."""
        path = self._found().calendar.event(copy.key)
        etag = self._guard(copy)
        answer = self._calls.write(method, path, body, etag)
        if answer.status != 412 or item.event.get("@odata.etag") != etag:
            return answer
        now = self._calls.get(path, ENTIRE)
        current = item_of(now.found)
        if not now.is_good or current.content != item.content:
            return answer
        return self._calls.write(method, path, body, etag_of(current.version))

    def _guard(self, copy: Copy) -> str:
        """The ETag for ``If-Match``. What looks like none never was one."""
        etag = etag_of(copy.version)
        if not etag.startswith(('W/"', '"')):
            raise Stale(f"{copy.key}: its version is none of Graph's", key=copy.key)
        return etag

    def _refuse_mail(self, key: Key, item: Item) -> None:
        """Raise where Graph would mail: whatever an organizer writes, it mails to the attendees."""
        event = item.event
        others = bool(event.get("attendees")) and event.get("isOrganizer") is not False
        if others and not self._settings.style.invite:
            raise Rejected(f"{key}: it has attendees, and Microsoft would mail them")

    def _written(self, key: Key, item: Item) -> Written:
        """What an answer proves: the event that Graph now holds, and what was sent with it."""
        if not item.event.get("@odata.etag"):
            return Written(key, None)
        try:
            return Written(key, item.version, copy_of(item, key, item.version, self._own))
        except (Unusable, WireError):
            return Written(key, item.version)

    def _write_error(self, answer: Answer, key: Key) -> Exception:
        error = write_error(answer, key)
        if isinstance(error, NotThere):
            self._forget()
        return error


def _skew(answer: Answer) -> float | None:
    """Seconds that Graph's clock is ahead, by its ``Date``."""
    try:
        remote = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return None
    remote = remote if remote.tzinfo else remote.replace(tzinfo=UTC)
    return (remote - datetime.now(UTC)).total_seconds()
