"""Delta of the fake: rounds of pages, tokens that fix the window, and Graph's oddities."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.microsoft365.fake.checks import Refused
from connectors.microsoft365.fake.events import Stored, overlaps
from connectors.microsoft365.fake.mailbox import Mailbox

Ids = Callable[[str], str]


@dataclass(frozen=True)
class _Since:
    """What a token stands for: the window, and the last change that was told; ``left``: the rest
    of a round that is under way."""

    calendar: str
    start: datetime
    end: datetime
    seen: int
    size: int
    left: tuple[dict[str, Any], ...] | None = None


@dataclass
class Deltas:
    """The tokens of one mailbox. ``replays``: entries come twice, ``empties``: a round begins
    with an empty page."""

    mailbox: Mailbox
    replays: bool = True
    empties: bool = True
    silent_masters: bool = False
    tokens: dict[str, _Since] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def begin(
        self, calendar: str, start: datetime, end: datetime, size: int, ids: Ids
    ) -> dict[str, Any]:
        """A new round: all that is in the window."""
        self.mailbox.settle()
        entries: list[dict[str, Any]] = []
        for event in self.mailbox.living(calendar):
            entries += self._entries(event, start, end, ids, whole=False)
        since = _Since(calendar, start, end, self.mailbox.changes, size)
        return self._page(since, self._disordered(entries), empty=self.empties)

    def go_on(self, token: str, ids: Ids) -> dict[str, Any]:
        """The next page, or the next round."""
        since = self.tokens.get(token)
        if since is None:
            raise Refused(410, "SyncStateNotFound")
        if since.left is not None:
            return self._page(since, list(since.left))
        self.mailbox.settle()
        entries: list[dict[str, Any]] = []
        for event in self._changed(since):
            if event.deleted:
                entries.append({"id": ids(str(event.number)), "@removed": {"reason": "deleted"}})
            else:
                entries += self._entries(event, since.start, since.end, ids, whole=True)
        now = _Since(since.calendar, since.start, since.end, self.mailbox.changes, since.size)
        return self._page(now, self._disordered(entries), empty=self.empties and bool(entries))

    def _changed(self, since: _Since) -> Iterable[Stored]:
        return [
            each
            for each in self.mailbox.events.values()
            if each.calendar == since.calendar and each.changed > since.seen
        ]

    def _entries(
        self, event: Stored, start: datetime, end: datetime, ids: Ids, *, whole: bool
    ) -> list[dict[str, Any]]:
        """What delta says of an event. One that is outside of the window is said to be removed."""
        if event.is_series:
            days = self.mailbox.days_in(event, start, end)
            found = [self._occurrence(event, day, ids) for day in days]
            if days and not self.silent_masters:
                found.append(self.mailbox.render(event, None, ids))
            if days or not whole:
                return found
        elif overlaps(event.props, start, end):
            return [self.mailbox.render(event, None, ids)]
        removed = {"id": ids(str(event.number)), "@removed": {"reason": "deleted"}}
        return [removed] if whole else []

    def _occurrence(self, event: Stored, day: Any, ids: Ids) -> dict[str, Any]:
        found = self.mailbox.render(event, day, ids)
        if found["type"] == "exception":
            return found
        short = ("@odata.etag", "id", "type", "seriesMasterId", "start", "end")
        return {name: found[name] for name in short}

    def _disordered(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        random = self.mailbox.random
        if self.replays and entries:
            entries = [*entries, random.choice(entries)]
        random.shuffle(entries)
        return entries

    def _page(
        self, since: _Since, entries: list[dict[str, Any]], *, empty: bool = False
    ) -> dict[str, Any]:
        now = [] if empty else entries[: since.size]
        left = entries if empty else entries[since.size :]
        name = f"token-{next(self._numbers)}"
        state = (since.calendar, since.start, since.end, since.seen, since.size)
        if left or empty:
            self.tokens[name] = _Since(*state, tuple(left))
            return {"value": now, "@odata.nextLink": f"$skiptoken={name}"}
        self.tokens[name] = _Since(*state)
        return {"value": now, "@odata.deltaLink": f"$deltatoken={name}"}
