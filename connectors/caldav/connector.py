"""The verbs of the port on one CalDAV calendar."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.caldav.client import (
    Account,
    Answer,
    Counter,
    NotThere,
    read_error,
    transport_for,
    write_error,
)
from connectors.caldav.discovery import account_addresses, find_calendar
from connectors.caldav.free_busy import busy
from connectors.caldav.observing import Items, Reader
from connectors.caldav.translate import FIDELITY, Unusable, WireError, read, series_of
from connectors.caldav.translate_people import is_mailed
from connectors.caldav.translate_write import Style, write_changed, write_new
from connectors.caldav.webdav import COLLECTION, C, canonical_path, error_href, query_uid
from connectors.caldav.wire import parse
from syncd.connector import Fetched, Health, Identity, Snapshot, Window, Written
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment
from syncd.core.state import WHOLE, Copy, Key, Version
from syncd.core.taken import Taken
from syncd.errors import Rejected, Stale, Unauthorized

_UID_CONFLICT = C + "no-uid-conflict"
_BODY = "text/calendar; charset=utf-8"
_MAILS = "calendar-auto-schedule"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connector was configured with.

    ``start``: the path of the configured URL. ``wanted``: the calendar's name, URL or path.
    ``refuse``: a write that makes the server mail attendees is refused.
    """

    account: Account
    start: str
    wanted: str
    person: str
    invite: bool
    refuse: bool


class CalDavConnector:
    """One calendar. Satisfies :class:`syncd.connector.Connector`, ``TellsBusy`` and ``Counts``.

    The calendar is looked for once and then kept, until it is no longer there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transport = transport_for(settings.account)
        self._counter, self._sent = Counter(), Counter()
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._mailing: tuple[bool, frozenset[str] | None] | None = None
        addresses = (settings.person, settings.account.username.lower())
        self._own = frozenset(each for each in addresses if "@" in each)
        self._style = Style(settings.invite, settings.person, self._own)

    @property
    def fidelity(self) -> Fidelity:
        """What a calendar carries."""
        return FIDELITY

    @property
    def requests(self) -> int:
        """The HTTP requests so far, retries and redirects included."""
        return self._counter.value

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """What changed; one request if nothing did. ``window`` is not used: all is observed."""
        try:
            return self._found().observe(since, known)
        except NotThere:
            self._reader = None
            raise

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The items with these keys, a request for each hundred."""
        reader, items = self._found(), Items()
        canonical = {canonical_path(key): key for key in keys}
        reader.get(list(canonical), items, dict.fromkeys(canonical))
        return Fetched(items.copies.told(), frozenset(items.gone), tuple(items.unreadable))

    def busy(self, span: Window) -> tuple[Taken, ...]:
        """When the calendar is taken, as the server tells it. Raises ``Rejected`` if it cannot."""
        try:
            return busy(self._transport, self._found().calendar.path, self._counter, span)
        except NotThere:
            self._reader = None
            raise

    def create(self, identity: Identity, content: Appointment) -> Written:
        """PUT with ``If-None-Match: *`` to a name made of the marker, so that it is made once.

        A UID that is taken: by a copy in this calendar that is no other appointment's, the
        create is ``Stale`` with that copy's key; else it is tried with a UID of our own.
        """
        marker, reader = identity.marker, self._found()
        name = f"{marker.appointment}-{marker.slot}" if marker.slot else marker.appointment
        key = canonical_path(f"{reader.calendar.path}{name}.ics")
        own_uid = f"{name}@{marker.installation}.syncd"
        uid = identity.uid if identity.uid and marker.slot == WHOLE else own_uid
        answer, text = self._put_new(key, uid, identity, content)
        if answer.status in (409, 412):
            if self._exists(key):
                raise Stale(f"{key}: it is there already", key=key)
            if answer.status == 409 and not answer.says(_UID_CONFLICT):
                raise write_error(answer, key)
            self._refuse_second(reader, answer, uid, identity)
            if uid == own_uid:
                raise Rejected(f"{key}: the server says that its UID is taken")
            answer, text = self._put_new(key, own_uid, identity, content)
            if answer.status == 412:
                raise Rejected(f"{key}: the server refuses a new item (HTTP 412)")
        return self._written(key, answer, text)

    def update(self, copy: Copy, content: Appointment) -> Written:
        """PUT with ``If-Match``. Raises ``Rejected`` if the server would mail attendees."""
        self._refuse_mail(copy)
        guard = self._guard(copy)
        try:
            text = write_changed(content, copy.wire, self._style)
        except (Unusable, WireError) as error:
            raise Rejected(f"{copy.key}: {error}") from error
        answer = self._put(copy.key, text, guard)
        if answer.status in (404, 409, 410) and not answer.says(_UID_CONFLICT):
            raise Stale(f"{copy.key}: HTTP {answer.status}", key=copy.key)
        return self._written(copy.key, answer, text)

    def delete(self, copy: Copy) -> None:
        """DELETE with ``If-Match``; ``Schedule-Reply: F`` keeps a server from declining for us."""
        self._refuse_mail(copy)
        try:
            guard = self._guard(copy)
        except Stale:
            if self._exists(copy.key):
                raise
            return
        headers = {"Schedule-Reply": "F", **guard}
        answer = self._transport.send("DELETE", copy.key, self._counter, b"", headers)
        if answer.status not in (200, 202, 204, 404, 410):
            raise write_error(answer, copy.key)

    def read(self, key: Key, version: Version | None, wire: str) -> Copy:
        """A stored wire form."""
        try:
            return read(key, version, wire, self._own)
        except (Unusable, WireError) as error:
            raise Rejected(f"{key}: {error}") from error

    def check(self) -> Health:
        """Finds the calendar, and tells what may be done with it."""
        calendar = self._found().calendar
        headers = {"Depth": "0"}
        answer = self._transport.send("PROPFIND", calendar.path, self._counter, COLLECTION, headers)
        if answer.status != 207:
            raise read_error(answer, "the calendar")
        account = self._settings.account.username
        detail = "" if calendar.can_write else "the account may not write to this calendar"
        return Health(True, account, calendar.can_write, _skew(answer), detail)

    def close(self) -> None:
        """Close this thread's connections."""
        self._transport.close()

    def _found(self) -> Reader:
        with self._lock:
            if self._reader is None:
                settings = self._settings
                calendar = find_calendar(
                    self._transport, settings.start, settings.wanted, self._counter
                )
                self._reader = Reader(
                    self._transport,
                    calendar,
                    self._counter,
                    self._own,
                    syncs=calendar.syncs,
                    written=self._sent,
                )
            return self._reader

    def _put_new(
        self, key: Key, uid: str, identity: Identity, content: Appointment
    ) -> tuple[Answer, str]:
        try:
            text = write_new(content, uid, identity.marker, self._style)
        except (Unusable, WireError) as error:
            raise Rejected(f"{key}: {error}") from error
        return self._put(key, text, {"If-None-Match": "*"}), text

    def _put(self, key: Key, text: str, guard: Mapping[str, str]) -> Answer:
        headers = {"Content-Type": _BODY, "Prefer": "return=representation", **guard}
        self._sent.add(len(text))
        return self._transport.send("PUT", key, self._counter, text, headers)

    def _written(self, key: Key, answer: Answer, sent: str) -> Written:
        """What the answer to a PUT proves. A body in it is what the server now holds (RFC 8144).

        An ETag alone proves no body: Radicale 3.9 rewrites every body and gives one (seen).
        """
        if answer.status not in (200, 201, 204):
            error = write_error(answer, key)
            if isinstance(error, NotThere):
                self._reader = None
            raise error
        given = answer.headers.get("content-type", "").startswith("text/calendar")
        if given and answer.body and answer.etag:
            text = answer.body.decode("utf-8", "replace")
            try:
                return Written(key, answer.etag, read(key, answer.etag, text, self._own))
            except (Unusable, WireError):
                return Written(key, answer.etag)
        return Written(key, answer.etag)

    def _exists(self, key: Key) -> bool:
        answer = self._transport.send("GET", key, self._counter)
        if answer.status not in (200, 404, 410):
            raise read_error(answer, key)
        return answer.status == 200

    def _refuse_second(self, reader: Reader, answer: Answer, uid: str, identity: Identity) -> None:
        """Raise ``Stale`` if the calendar has a copy with this UID that may be this one's."""
        named = error_href(answer.body)
        members = reader.find_uid(query_uid(uid))
        keys = [named] if named.startswith(reader.calendar.path) else []
        keys += [member.key for member in members if member.key not in keys]
        items = Items()
        reader.get(keys, items, dict.fromkeys(keys))
        for copy in items.copies:
            if copy.uid == uid and copy.marker in (None, identity.marker):
                raise Stale(f"{copy.key}: it has the UID already", key=copy.key)

    def _guard(self, copy: Copy) -> dict[str, str]:
        """The condition of a write. Without a strong version, the body is compared first."""
        if copy.version and not copy.version.startswith("W/"):
            return {"If-Match": copy.version}
        answer = self._transport.send("GET", copy.key, self._counter)
        if answer.status in (404, 410):
            raise Stale(f"{copy.key}: it is gone", key=copy.key)
        if answer.status != 200:
            raise read_error(answer, copy.key)
        if not _same_text(answer.body.decode("utf-8", "replace"), copy.wire):
            raise Stale(f"{copy.key}: it has changed", key=copy.key)
        strong = answer.etag and not answer.etag.startswith("W/")
        return {"If-Match": answer.etag or ""} if strong else {}

    def _refuse_mail(self, copy: Copy) -> None:
        """Invariant 5: refuse a write after which the server would mail attendees.

        A server with ``calendar-auto-schedule`` does so when an organizer's copy with other
        attendees changes or goes. No way of writing avoids it (see ``is_mailed``), so the
        item is set aside, unless the channel invites or ``scheduling = "write"`` says that
        this server mails nobody. Copies born here have no ATTENDEE and are not concerned.
        """
        if self._settings.invite or not self._settings.refuse or "ATTENDEE" not in copy.wire:
            return
        try:
            events = series_of(parse(copy.wire)).events
        except (Unusable, WireError) as error:
            raise Rejected(f"{copy.key}: {error}") from error
        mails, addresses = self._server_mails()
        own = addresses | self._own if addresses is not None else None
        if mails and any(is_mailed(event, own) for event in events):
            raise Rejected(
                f"{copy.key}: the server would message the attendees of this meeting about the"
                " change (RFC 6638); invite = true allows it"
            )

    def _server_mails(self) -> tuple[bool, frozenset[str] | None]:
        """Whether the server schedules, and the addresses it knows us by. Asked once."""
        if self._mailing is None:
            calendar = self._found().calendar
            answer = self._transport.send("OPTIONS", calendar.path, self._counter)
            if answer.status == 401:
                raise Unauthorized(f"{calendar.path}: HTTP 401")
            mails = _MAILS in answer.headers.get("dav", "").replace(" ", "").split(",")
            addresses = None
            if mails:
                addresses = account_addresses(self._transport, calendar, self._counter)
            self._mailing = (mails, addresses)
        return self._mailing


def _same_text(one: str, other: str) -> bool:
    """Equal but for line ends, which XML does not keep (RFC 4791, 9.6)."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def _skew(answer: Answer) -> float | None:
    try:
        at = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()
