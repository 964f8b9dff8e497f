"""Telling an administrator: what is wrong is derived at each look, what was said is remembered.

Each ``[[notify]]`` has one thread of its own, so that a service that hangs keeps waiting
nobody but itself; the daemon's loop never waits for any. Nothing is queued: what could not be
delivered is derived again, if it is still so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from syncd.config import NotifySettings, Service, Settings
from syncd.core.state import BEGINNING
from syncd.notify.alerts import alerts, judged
from syncd.notify.apprised import Apprised
from syncd.notify.facts import Seen, free_space, gather, systems_of, unanswered
from syncd.notify.place import Place, Tried
from syncd.notify.robots import Robot
from syncd.notify.senders import Sender
from syncd.store import Store
from syncd.troubles import UNWRITTEN, Troubles, tell_state

LOOK_EVERY = timedelta(seconds=5)
"""Looks in between are skipped: many channels make many short cycles."""

GRACE = 2.0
"""Seconds that a message under way gets when all is to stop."""

_SILENT = "notify-silent"
"""The store's note since when which channel has not answered."""


def sender_of(settings: NotifySettings) -> Sender:
    """What delivers to this service."""
    return Apprised(settings) if settings.service is Service.APPRISE else Robot(settings)


def try_all(
    settings: Settings,
    installation: str,
    sender: Callable[[NotifySettings], Sender] = sender_of,
) -> Iterator[Tried]:
    """Send a test message to everybody; what each service answered, as it comes."""
    for each in settings.notify:
        yield Place(each, sender(each)).attempt(installation)


class Notifier:
    """Looks after each cycle, and tells everybody whom the configuration names.

    ``free`` tells the bytes that are free where the state is kept.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        sender: Callable[[NotifySettings], Sender] = sender_of,
        free: Callable[[], int | None] | None = None,
    ) -> None:
        self._store, self._systems = store, systems_of(settings.bridges)
        self._free = free or free_space(settings)
        self._zone = settings.daemon.time_zone
        self._places = [Place(each, sender(each)) for each in settings.notify]
        self._since: dict[str, datetime] | None = None
        self._back: dict[str, datetime] = {}
        self._failing: datetime | None = None
        self._looked: datetime | None = None
        self._troubles = Troubles(lambda: self._looked or BEGINNING)

    def look(self, seen: Seen, now: datetime) -> None:
        """Derive what is wrong, and begin to tell what is news. Neither waits nor raises."""
        self._failing = min(now, self._failing or now) if seen.fault else None
        if not self._places or not self._is_time(now):
            return
        self._looked = now
        facts = gather(
            self._store,
            self._systems,
            seen,
            self._silent_since(now),
            self._back,
            now,
            failing=self._failing,
            free=self._free(),
        )
        sayable = judged(facts)
        for place in self._places:
            found = {each.topic: each for each in alerts(facts, place.settings.silent_after)}
            place.look(self._store, found, sayable, now, self._zone)

    def flush(self, seconds: float) -> bool:
        """Wait so long for the messages under way. Whether there are none any longer."""
        until = time.monotonic() + seconds
        left = [place.flush(max(0.0, until - time.monotonic())) for place in self._places]
        return all(left)

    def close(self) -> None:
        """Give messages under way a short while; what is not delivered then is told next time."""
        until = time.monotonic() + GRACE
        for place in self._places:
            place.close(max(0.0, until - time.monotonic()))

    def _is_time(self, now: datetime) -> bool:
        return self._looked is None or not self._looked <= now < self._looked + LOOK_EVERY

    def _silent_since(self, now: datetime) -> Mapping[str, datetime]:
        """Since when which channel has not answered, also beyond a restart."""
        try:
            if self._since is None:
                self._since = _read_times(self._store.meta_get(_SILENT))
            mute = unanswered(self._systems, self._store)
            since = {channel: min(now, self._since.get(channel, now)) for channel in sorted(mute)}
            if since != self._since:
                self._back |= dict.fromkeys(self._since.keys() - mute, now)
                self._since = since
                self._store.meta_set(_SILENT, _times_text(since))
            tell_state(self._troubles, UNWRITTEN, None)
        except SQLAlchemyError as error:
            tell_state(self._troubles, UNWRITTEN, error)
        return self._since or {}


def _times_text(times: Mapping[str, datetime]) -> str:
    return json.dumps({name: at.isoformat() for name, at in times.items()}, ensure_ascii=False)


def _read_times(text: str | None) -> dict[str, datetime]:
    rows = json.loads(text) if text else {}
    return {name: datetime.fromisoformat(at) for name, at in rows.items()}
