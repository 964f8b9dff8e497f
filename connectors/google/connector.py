"""The verbs of the port on one Google calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.google.accounts import Account
from connectors.google.client import Client, Refused
from connectors.google.free_busy import busy
from connectors.google.observing import Reader, refuse_blind
from connectors.google.saving import Saver
from connectors.google.translate import fidelity_of, read
from connectors.google.translate_write import Style
from connectors.google.watching import stop, watch
from connectors.google.wire import Series, Unusable, WireError, loads, text_of
from syncd.connector import Fetched, Health, Identity, Snapshot, Watch, Window, Written
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker, Version
from syncd.core.taken import Taken
from syncd.errors import ConnectorError, Rejected

_WRITES = frozenset({"owner", "writer"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connector was configured with. ``identity`` names the calendar beyond its account."""

    calendar: str
    identity: str
    invite: bool
    default_zone: str


class GoogleConnector:
    """One calendar. Satisfies ``Connector``, ``Finds``, ``TellsBusy``, ``Counts``, ``Watches``."""

    def __init__(self, account: Account, settings: Settings) -> None:
        self._account, self._settings = account, settings
        self._client = Client(account, settings.calendar)
        self._reader = Reader(self._client, settings.identity, settings.default_zone)
        style = Style(settings.invite, settings.default_zone, settings.identity)
        self._saver = Saver(self._client, self._reader, style)
        self._fidelity = fidelity_of(settings.default_zone)

    @property
    def fidelity(self) -> Fidelity:
        """What a Google calendar carries."""
        return self._fidelity

    @property
    def requests(self) -> int:
        """The requests so far, those that were repeated included; not those for tokens."""
        return self._client.requests

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """What changed; one request if nothing did. ``window`` is not used: all is observed."""
        return self._reader.observe(since, known)

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The events with these keys: a request for each, one more for a series."""
        return self._reader.fetch(keys)

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """The copies that carry ``marker``."""
        return self._reader.find(marker)

    def busy(self, span: Window) -> tuple[Taken, ...]:
        """When the calendar is taken; events that meet or overlap are one span."""
        return busy(self._client, span)

    def create(self, identity: Identity, content: Appointment) -> Written:
        """A new event with an id made of the marker, so that it is made once."""
        try:
            return self._written(self._saver.create(identity, content))
        except Unusable as error:
            raise Rejected(f"a new event: {error}") from error

    def update(self, copy: Copy, content: Appointment) -> Written:
        """A patch of what differs, with If-Match."""
        try:
            series = loads(copy.wire)
            return self._written(self._saver.update(copy, series, content))
        except (Unusable, WireError) as error:
            raise Rejected(f"{copy.key}: {error}") from error

    def delete(self, copy: Copy) -> None:
        """Remove it, with If-Match."""
        try:
            self._saver.delete(copy, loads(copy.wire))
        except WireError as error:
            raise Rejected(f"{copy.key}: {error}") from error

    def read(self, key: Key, version: Version | None, wire: str) -> Copy:
        """A stored wire form."""
        try:
            return read(key, version, loads(wire), self._settings.default_zone)
        except (Unusable, WireError) as error:
            raise Rejected(f"{key}: {error}") from error

    def check(self) -> Health:
        """One request: it tells the role under which the calendar is shared with us."""
        try:
            page, answer = self._client.call(
                lambda service: service.events().list(
                    calendarId=self._settings.calendar, maxResults=1
                )
            )
        except Refused as error:
            raise self._client.error(error.refused, "the calendar", writes=False) from None
        refuse_blind(page)
        can_write = text_of(page, "accessRole") in _WRITES
        detail = "" if can_write else "the calendar is shared with this account for reading only"
        subject = self._account.sign_in.subject
        return Health(True, subject, can_write, _skew(answer.headers), detail)

    def watch(self, address: str, secret: str, before: Watch | None) -> Watch:
        """A new notification channel; Google renews none, so ``before`` is stopped after it."""
        opened = watch(self._client, address, secret)
        if before is not None:
            try:
                stop(self._client, before)
            except ConnectorError:
                return opened  # it ends by itself; meanwhile both tell the same
        return opened

    def unwatch(self, watch: Watch) -> None:
        """Stop a notification channel."""
        stop(self._client, watch)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _written(self, series: Series) -> Written:
        """The body of the answer is what Google now holds (for a series, all the answers)."""
        key, version = series.key, series.version
        try:
            return Written(key, version, read(key, version, series, self._settings.default_zone))
        except (Unusable, WireError):
            return Written(key, version)


def _skew(headers: Mapping[str, str]) -> float | None:
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError):
        return None
    return (at - datetime.now(UTC)).total_seconds() if at.tzinfo else None
