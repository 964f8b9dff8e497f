"""Writes to single occurrences of a series. Each is an event of its own to Graph."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.microsoft365.carried import zone_hint
from connectors.microsoft365.client import Calls, write_error
from connectors.microsoft365.fields import Unusable, read_when, text_at
from connectors.microsoft365.places import Calendar
from connectors.microsoft365.translate import rid_of_exception, usual_when
from connectors.microsoft365.translate_write import Changes, Occurrence
from connectors.microsoft365.wire import Item
from syncd.core.model import AllDay, When
from syncd.core.state import Key
from syncd.core.zones import to_utc
from syncd.errors import Rejected, Stale, Unavailable

_LISTED = {"$select": "id,type,start,originalStart,isAllDay", "$top": "50"}


class SeriesWriter:
    """Writes to the occurrences of series in one calendar.

    The write to the master, or a look at its version, is the guard: an occurrence has the
    version of its series, which moves with each write to one of them.
    """

    def __init__(self, calls: Calls, calendar: Calendar) -> None:
        self._calls, self._calendar = calls, calendar

    def check(self, key: Key, etag: str) -> None:
        """Raise ``Stale`` if the event has another version."""
        answer = self._calls.get(self._calendar.event(key), {"$select": "id"})
        if not answer.is_good:
            raise write_error(answer, key)
        if text_at(answer.found, "@odata.etag") != etag:
            raise Stale(f"{key}: it has changed", key=key)

    def write(self, key: Key, changes: Changes, *, changed: bool, content: Item) -> None:
        """Write to the occurrences. ``changed``: the master was written to before, so that a
        fault leaves the series half written (``maybe_applied``). ``content``: the master."""
        when = read_when(content.event, zone_hint(content.carried))
        done = changed
        for each in changes.occurrences:
            try:
                self._one(key, each, when)
            except Unavailable as error:
                doubt = error.maybe_applied or done
                raise Unavailable(
                    str(error), retry_after=error.retry_after, maybe_applied=doubt
                ) from error
            done = True

    def _one(self, key: Key, change: Occurrence, when: When) -> None:
        id = change.key or self._instance(key, change.rid, when)
        if not id:
            if change.deleted:
                return
            raise Stale(f"{key}: it has no occurrence {change.rid}", key=key)
        path = self._calendar.event(id)
        if change.deleted:
            answer = self._calls.write("DELETE", path)
        else:
            answer = self._calls.write("PATCH", path, change.changes)
        if change.deleted and answer.status == 404:
            return
        if not answer.is_good:
            raise write_error(answer, key)

    def _instance(self, key: Key, rid: str, when: When) -> str:
        """The id of an occurrence: listed on the day on which it is meant to start."""
        usual = usual_when(when, rid)
        if isinstance(usual, AllDay):
            first = datetime(usual.start.year, usual.start.month, usual.start.day)
        else:
            first = to_utc(usual.start, usual.zone or "UTC").replace(tzinfo=None)
        query = {
            "startDateTime": f"{(first - timedelta(days=1)).isoformat()}Z",
            "endDateTime": f"{(first + timedelta(days=2)).isoformat()}Z",
            **_LISTED,
        }
        for page in self._calls.pages(f"{self._calendar.event(key)}/instances", query):
            for each in page.found["value"]:
                try:
                    start = text_at(each, "originalStart") or text_at(each, "start", "dateTime")
                    found = rid_of_exception({**each, "originalStart": start}, when)
                except Unusable as error:
                    raise Rejected(f"{key}: {error}") from error
                if found == rid:
                    return text_at(each, "id")
        return ""
