"""What a calendar shows: changes since a cursor, or all that is in the window.

``calendarView/delta`` has its window fixed in its token, so a cursor is asked for a little more
than the wanted window and is good until that has moved out of it. It tells which events changed,
without our extended properties and without the exceptions of a series: those are got by key. It
names events as removed that have only left the window, or never were in it, so what it calls
removed is looked at; and it is silent about a deleted occurrence, but shows the series again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.microsoft365.client import Answer, Calls, read, read_error
from connectors.microsoft365.fields import Unusable, text_at
from connectors.microsoft365.places import Calendar
from connectors.microsoft365.translate import copy_of
from connectors.microsoft365.wire import ENTIRE, FIELDS, SERIES, WireError, item_of
from syncd.connector import Snapshot, Unreadable, Window
from syncd.core.packed import Packed
from syncd.core.state import Copy, Key, Version
from syncd.errors import ConnectorError, CursorExpired, Unavailable

OVERLAP = timedelta(days=2)
"""How much more than the window is asked for at its ends, so that it can move for a while."""

PAGE = 200
LIST_FROM = 40
"""From so many new events on the whole window is listed: cheaper than one by one."""

_PREFER = f"odata.maxpagesize={PAGE}"


@dataclass(slots=True)
class Items:
    """What was read, each key in one place."""

    copies: Packed[Copy] = field(default_factory=Packed)
    gone: set[Key] = field(default_factory=set)
    unchanged: set[Key] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(slots=True)
class _Changes:
    """What a round of delta told, by id: the version of each event, occurrences aside."""

    versions: dict[Key, Version] = field(default_factory=dict)
    masters: set[Key] = field(default_factory=set)
    removed: set[Key] = field(default_factory=set)
    link: str = ""


class Reader:
    """Reads one calendar."""

    def __init__(self, calls: Calls, calendar: Calendar, own: frozenset[str]) -> None:
        self._calls, self.calendar, self._own = calls, calendar, own

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """Changes since the cursor, or everything. One request if nothing has changed."""
        begun = self._begun(since, window)
        if begun is None:
            return self._everything(window, known)
        start, end, link = begun
        changes = self._round(link, {}, "")
        items = self._changed(changes, known, start, end)
        return self._snapshot(items, changes, start, end, complete=False)

    def _begun(self, since: str | None, window: Window) -> tuple[str, str, str] | None:
        """What a cursor says: its window and link; nothing if it is of no use (any more)."""
        if since is None:
            return None
        try:
            identity, start, end, link = json.loads(since)
            first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
            has_all = first <= window.start and window.end <= last
        except (ValueError, TypeError) as error:
            raise CursorExpired("the cursor is not one of ours") from error
        if identity != self.calendar.id or not has_all:
            return None
        return start, end, str(link)

    def _round(self, path: str, query: Mapping[str, str], prefer: str) -> _Changes:
        """All pages of a round, empty ones too; the same event may come several times."""
        changes = _Changes()
        for page in self._calls.pages(path, query, prefer):
            for each in page.found["value"]:
                if isinstance(each, dict):
                    _note(changes, each)
            changes.link = text_at(page.found, "@odata.deltaLink")
        if not changes.link:
            raise Unavailable("a round of changes ends without a link to go on from")
        return changes

    def _changed(
        self, changes: _Changes, known: Mapping[Key, Version | None], start: str, end: str
    ) -> Items:
        """Get what is another than known; what was removed is looked at."""
        items = Items()
        wanted = {id for id, version in changes.versions.items() if known.get(id) != version}
        wanted |= changes.masters - changes.versions.keys()
        removed = changes.removed - wanted
        singles = wanted - changes.masters
        # After many writes of our own, for one; the window has about as many as are known.
        if len(singles) >= LIST_FROM and (len(known) + len(singles)) / PAGE < len(singles) / 20:
            wanted -= self._list(start, end, singles, items)
        lost = self.get(sorted(wanted | removed), items, known)
        if lost - known.keys():
            # An occurrence that is gone: Graph shows its series again, but does not promise to.
            series = {id for id, version in known.items() if (version or "").startswith(SERIES)}
            seen = changes.versions.keys() | changes.masters | lost
            self.get(sorted(series - seen), items, known)
        return items

    def _everything(self, window: Window, known: Mapping[Key, Version | None]) -> Snapshot:
        start, end = _iso(window.start - OVERLAP), _iso(window.end + OVERLAP)
        query = {"startDateTime": start, "endDateTime": end}
        changes = self._round(f"{self.calendar.path}/calendarView/delta", query, _PREFER)
        items = Items()
        present = changes.versions.keys() | changes.masters
        for id, version in changes.versions.items():
            if known.get(id) == version:
                items.unchanged.add(id)
        wanted = present - items.unchanged
        singles = wanted - changes.masters
        if len(singles) >= LIST_FROM:
            wanted -= self._list(start, end, singles, items)
        self.get(sorted(wanted), items, known)
        items.unchanged -= items.gone
        return self._snapshot(items, changes, start, end, complete=True)

    def _list(self, start: str, end: str, wanted: set[Key], items: Items) -> set[Key]:
        """List the window whole, and take from it what is wanted; answers what that was."""
        taken: set[Key] = set()
        path = f"{self.calendar.path}/calendarView"
        query = {"startDateTime": start, "endDateTime": end, **FIELDS, "$top": str(PAGE)}
        for page in self._calls.pages(path, query):
            for each in page.found["value"]:
                id = text_at(each, "id")
                if id in wanted and id not in taken and _is_single(each):
                    taken.add(id)
                    self._take(items, each)
        return taken

    def get(
        self, keys: Sequence[Key], items: Items, known: Mapping[Key, Version | None]
    ) -> set[Key]:
        """Get events by key, in batches; answers which are not there."""
        asks = [read(self.calendar.event(key), ENTIRE) for key in keys]
        lost: set[Key] = set()
        for key, answer in zip(keys, self._calls.get_all(asks), strict=True):
            if isinstance(answer, ConnectorError):
                raise answer
            if answer.status == 404 and answer.code.lower() in _NO_ITEM:
                lost.add(key)
            elif _is_malformed(answer):
                items.unreadable.append(Unreadable(key, None, f"its id: {answer.said}"))
            elif not answer.is_good:
                raise read_error(answer, key)
            elif _is_single(answer.found) and (
                key not in known or known[key] != item_of(answer.found).version
            ):
                self._take(items, answer.found)
        items.gone |= lost & known.keys()
        return lost

    def _take(self, items: Items, answered: Mapping[str, Any]) -> None:
        key = text_at(answered, "id")
        item = item_of(answered)
        try:
            items.copies.append(copy_of(item, key, item.version, self._own))
        except (Unusable, WireError) as error:
            items.unreadable.append(Unreadable(key, item.version, str(error)))

    def _snapshot(
        self, items: Items, changes: _Changes, start: str, end: str, *, complete: bool
    ) -> Snapshot:
        cursor = json.dumps([self.calendar.id, start, end, changes.link])
        return Snapshot(
            copies=items.copies.told(),
            gone=frozenset(items.gone),
            unchanged=frozenset(items.unchanged) if complete else frozenset(),
            complete=complete,
            cursor=cursor,
            identity=self.calendar.id,
            unreadable=tuple(items.unreadable),
        )


_NO_ITEM = frozenset({"erroritemnotfound", "errorinvalididmalformed", ""})


def _is_malformed(answer: Answer) -> bool:
    return answer.status == 400 and answer.code.lower().startswith("errorinvalidid")


def _note(changes: _Changes, each: Mapping[str, Any]) -> None:
    """One entry of a round; the last one for an id counts."""
    id, kind = text_at(each, "id"), text_at(each, "type")
    if not id:
        return
    if "@removed" in each:
        changes.removed.add(id)
        changes.versions.pop(id, None)
        changes.masters.discard(id)
        return
    if kind in ("occurrence", "exception"):
        master = text_at(each, "seriesMasterId")
        if master:
            changes.masters.add(master)
        return
    changes.removed.discard(id)
    etag = text_at(each, "@odata.etag")
    if kind == "seriesMaster":
        changes.masters.add(id)
        etag = SERIES + etag
    changes.versions[id] = etag


def _is_single(event: object) -> bool:
    """Whether it is an event of its own, not one of a series."""
    return text_at(event, "type") not in ("occurrence", "exception")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def marked(answers: Iterable[Answer]) -> list[Mapping[str, Any]]:
    """The events of a search by marker."""
    return [
        each
        for page in answers
        for each in page.found["value"]
        if isinstance(each, dict) and _is_single(each)
    ]
