"""Writing to one calendar: an event is one request, each occurrence of its own one more.

Ids are ours: made of the marker, so that a create that is sent twice makes one event. The id of a
deleted event stays taken (409 ``duplicate``), so that a copy made again gets the next id.
"""

from __future__ import annotations

import hashlib
from base64 import b32hexencode
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from connectors.google.client import Build, Client, Refused
from connectors.google.observing import Reader
from connectors.google.translate import appointment_of, fields_of
from connectors.google.translate_time import read_when, same_instants
from connectors.google.translate_write import (
    Occurrence,
    Style,
    instance_of,
    occurrences_of,
    wanted_of,
    write_changed,
    write_new,
    write_occurrence,
)
from connectors.google.wire import (
    DEFAULT,
    Event,
    Series,
    is_cancelled,
    is_series,
    text_of,
)
from syncd.connector import Identity
from syncd.core.model import Appointment
from syncd.core.state import WHOLE, Copy, Key, Marker
from syncd.errors import Rejected, Stale, Unauthorized, Unavailable

T = TypeVar("T")

MOST_LIVES = 50
"""So often one copy can be deleted and made again: each life has an id of its own."""


def event_id(marker: Marker, life: int) -> Key:
    """The id of a copy: 32 characters of base32hex (a-v, 0-9), as Google asks for."""
    named = hashlib.sha256(f"{marker}/{life}".encode()).digest()[:20]
    return b32hexencode(named).decode().lower()


class Saver:
    """Writes to one calendar. Raises as the verbs of the port, and ``Unusable`` for content that
    cannot be written."""

    def __init__(self, client: Client, reader: Reader, style: Style) -> None:
        self._client, self._reader, self._style = client, reader, style
        self._updates = "all" if style.invite else "none"

    def create(self, identity: Identity, content: Appointment) -> Series:
        """A new event. ``Stale`` with the key of the one that is there."""
        marker = identity.marker
        uid = identity.uid if identity.uid and marker.slot == WHOLE else ""
        for life in range(MOST_LIVES):
            key = event_id(marker, life)
            if key in identity.others:
                continue
            event = self._insert(write_new(content, key, uid or "", marker, self._style))
            if event is not None:
                wanted = wanted_of(content, None, self._style)
                return self._occurrences(Series(event), wanted, applied=True, is_new=True)
        raise Rejected("it was deleted and made again too often")

    def _insert(self, body: Event) -> Event | None:
        """The new event; ``None`` if its id is that of a deleted one."""
        key: Key = body["id"]
        try:
            event, _ = self._client.call(
                lambda service: service.events().insert(
                    calendarId=self._client.calendar, body=body, sendUpdates=self._updates
                )
            )
            return event
        except Refused as error:
            if error.refused.status in (404, 410):
                raise Unavailable(f"the calendar: {error.refused}", lone=True) from None
            if error.refused.status != 409:
                raise self._client.error(error.refused, key, writes=True) from None
        there = self._reader.event(key)
        if there is not None and not is_cancelled(there):
            raise Stale(f"{key}: it is there already", key=key)
        return None

    def update(self, copy: Copy, series: Series, content: Appointment) -> Series:
        """What ``copy`` has become. Guarded by the ETag of each event that is touched."""
        self._refuse_special(series)
        if series.version != copy.version:
            raise Stale(f"{copy.key}: not the version that was read", key=copy.key)
        before = appointment_of(series, self._style.default_zone)
        wanted = wanted_of(content, before, self._style)
        patch, _ = write_changed(wanted, series, self._style)
        if patch:
            event = self._patch(copy.key, patch, text_of(series.event, "etag"))
            series = Series(event, series.exceptions)
            if series.exceptions and is_series(event):
                # Which exceptions outlive another rule or time is Google's affair.
                again = self._again(copy.key)
                self._refuse_edited(series, again)
                series = again
        done = self._occurrences(series, wanted, applied=bool(patch))
        if done is series and not patch:
            return self._untouched(copy)
        return done

    def _refuse_edited(self, before: Series, now: Series) -> None:
        """Raise if an occurrence has changed since it was read: an exception has an ETag of its
        own, so that the master's does not tell."""
        for id, event in now.exceptions.items():
            known = before.exceptions.get(id)
            if known is None or not self._says_the_same(known, event):
                raise Stale(f"{now.key}: one of its occurrences has changed", key=now.key)

    def _says_the_same(self, one: Event, other: Event) -> bool:
        if is_cancelled(one) or is_cancelled(other):
            return is_cancelled(one) and is_cancelled(other)
        zone = self._style.default_zone
        same = same_instants(read_when(one, zone), read_when(other, zone))
        return same and fields_of(one) == fields_of(other)

    def _untouched(self, copy: Copy) -> Series:
        """Nothing was to be written: what is there is the proof."""
        series = self._reader.series(copy.key)
        if series is None or series.version != copy.version:
            raise Stale(f"{copy.key}: it has changed", key=copy.key)
        return series

    def delete(self, copy: Copy, series: Series) -> None:
        """Remove an event or a whole series."""
        self._refuse_special(series)
        key = copy.key
        if series.version != copy.version:
            raise Stale(f"{key}: not the version that was read", key=key)
        if is_series(series.event):
            now = self._reader.series(key)
            if now is None:
                return
            if now.version != copy.version:
                raise Stale(f"{key}: it has changed", key=key)
        try:
            self._remove(key, text_of(series.event, "etag"))
        except Stale:
            event = self._reader.event(key)
            if event is None:
                self._reader.be_there()
            elif not is_cancelled(event):
                raise

    def _refuse_special(self, series: Series) -> None:
        """An out-of-office or focus time, or what Gmail made of a mail, is Google's own: most of
        its fields cannot be set, and what it does (decline, mute) is not an appointment's."""
        kind = text_of(series.event, "eventType")
        if kind not in ("", DEFAULT):
            raise Rejected(f"{series.key}: an event of the type {kind[:20]} is only read")

    def _occurrences(
        self, series: Series, wanted: Appointment, *, applied: bool, is_new: bool = False
    ) -> Series:
        """Write what occurrences have of their own. ``applied``: a part is written already."""
        if wanted.recurrence is None:
            return series
        todo = occurrences_of(wanted, series, self._style)
        exceptions, done = dict(series.exceptions), False
        for each in todo.changed:
            written = self._partly(
                partial(self._occurrence, series, each, is_new=is_new),
                applied=applied or done,
            )
            if written is not None:
                exceptions[each.id], done = written, True
        for event in todo.removed:
            self._partly(
                partial(self._remove, event["id"], text_of(event, "etag"), series.key),
                applied=applied or done,
            )
            done = True
        if todo.removed:
            return self._again(series.key)
        return Series(series.event, exceptions) if done else series

    def _occurrence(self, series: Series, each: Occurrence, *, is_new: bool) -> Event | None:
        """Write one occurrence; ``None`` if it is as it shall be."""
        before = each.before
        if before is None:
            expected = instance_of(series.event, each.rid, each.id, self._style)
            before = expected if is_new else self._instance(series.key, each, expected)
        elif is_cancelled(before):
            before = self._reader.event(each.id) or before  # what it had of its own may return
        patch = write_occurrence(each, before, self._style)
        return self._patch(each.id, patch, text_of(before, "etag"), series.key) if patch else None

    def _instance(self, key: Key, each: Occurrence, expected: Event) -> Event:
        """An instance that is no exception as far as we know; its ETag guards the write."""
        there = self._reader.event(each.id)
        if there is None:
            raise Rejected(f"{key}: Google has no occurrence at {each.rid}")
        if is_cancelled(there) or not self._says_the_same(there, expected):
            raise Stale(f"{key}: one of its occurrences has changed", key=key)
        return there

    def _patch(self, id: Key, patch: Event, etag: str, key: Key = "") -> Event:
        """A patch; those with attachments and conferences keep them."""
        parameters = {"calendarId": self._client.calendar, "eventId": id, "body": patch}
        options: dict[str, Any] = {"sendUpdates": self._updates, "supportsAttachments": True}
        return self._guarded(
            lambda service: service.events().patch(
                **parameters, **options, conferenceDataVersion=1
            ),
            key or id,
            etag,
        )

    def _remove(self, id: Key, etag: str, key: Key = "") -> Event:
        return self._guarded(
            lambda service: service.events().delete(
                calendarId=self._client.calendar, eventId=id, sendUpdates=self._updates
            ),
            key or id,
            etag,
        )

    def _guarded(self, build: Build, key: Key, etag: str) -> Event:
        try:
            return self._client.call(build, guard=etag)[0]
        except Refused as error:
            raise self._client.error(error.refused, key, writes=True) from None

    def _again(self, key: Key) -> Series:
        """All of a series as it is now, in the middle of a write."""
        series = self._partly(lambda: self._reader.series(key), applied=True)
        if series is None:
            raise Stale(f"{key}: it has gone meanwhile", key=key)
        return series

    def _partly(self, step: Callable[[], T], *, applied: bool) -> T:
        """A step of a write of which a part may be done: a failure then leaves it in doubt."""
        try:
            return step()
        except Unavailable as error:
            doubt = applied or error.maybe_applied
            raise Unavailable(
                str(error), retry_after=error.retry_after, maybe_applied=doubt, lone=error.lone
            ) from error
        except Unauthorized as error:
            if not applied:
                raise
            raise Unavailable(str(error), maybe_applied=True, lone=error.lone) from error
