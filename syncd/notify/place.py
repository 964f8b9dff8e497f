"""One ``[[notify]]``: what it was told, and the thread that tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError

from syncd.config import NotifySettings, Service, Topic
from syncd.core.state import BEGINNING
from syncd.notify.alerts import Alert
from syncd.notify.ledger import News, Told, begun, decoded, encoded, news, quietly
from syncd.notify.senders import InDoubt, Sender, SendError, Throttled
from syncd.notify.words import Message, alarm, all_clear, trial
from syncd.store import Store
from syncd.troubles import UNREAD, UNWRITTEN, Troubles, steady, tell_state

THREADS = "syncd-notify"
"""What the names of the threads begin with; the process does not wait for them at its end."""

RETRY_FIRST = timedelta(minutes=1)
RETRY_MOST = timedelta(hours=1)
"""Between attempts to deliver; doubled at each."""

NOT_NOTIFIED = "not notified"
"""What is logged of a service that takes no message."""

log = structlog.get_logger("syncd.notify")


@dataclass(frozen=True, slots=True)
class Tried:
    """What a service answered to a test. ``answer``: its words, or what went wrong."""

    name: str
    service: Service
    ok: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent now. ``told``: what is so once it has been."""

    topic: Topic
    message: Message
    told: Told


class Place:
    """Somebody who is told. The control thread looks; one thread of its own delivers.

    The two never touch what was told, or logged, at the same time: nothing is looked at while
    something is under way.
    """

    def __init__(self, settings: NotifySettings, sender: Sender) -> None:
        self.settings, self._sender = settings, sender
        self._executor = ThreadPoolExecutor(1, f"{THREADS}-{settings.name}")
        self._sending: Future[None] | None = None
        self._closed = Event()
        self._told: dict[Topic, Told] = {}
        self._recalled, self._unsaved = False, False
        self._wait = RETRY_FIRST
        self._began: datetime | None = None
        self._retry_at: datetime | None = None
        self._looked = BEGINNING
        self._troubles = Troubles(lambda: self._looked)

    def look(
        self,
        store: Store,
        found: Mapping[Topic, Alert],
        sayable: frozenset[Topic],
        now: datetime,
        zone: str,
    ) -> None:
        """Begin to tell what is news, unless something is under way or is to be tried later."""
        self._looked = now
        if not self._is_free(now):
            return
        self._recall(store)
        if self._unsaved:
            self._save(store)
        due = list(self._due(store, found, sayable & self.settings.topics, now, zone))
        if due:
            self._began = now
            self._sending = self._executor.submit(self._deliver, store, due)

    def attempt(self, installation: str) -> Tried:
        """Send a test message and wait for the answer."""
        try:
            answer = self._sender.send(trial(self.settings.language, installation))
        except SendError as error:
            return Tried(self.settings.name, self.settings.service, ok=False, answer=str(error))
        return Tried(self.settings.name, self.settings.service, ok=True, answer=answer)

    def flush(self, seconds: float) -> bool:
        """Wait so long for what is under way. Whether nothing is any longer."""
        return self._sending is None or bool(wait([self._sending], seconds).done)

    def close(self, seconds: float) -> None:
        """Begin nothing more; what is under way gets so many seconds."""
        self.flush(seconds)
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _is_free(self, now: datetime) -> bool:
        if self._sending is not None:
            if not self._sending.done():
                return False
            self._conclude(self._sending.exception(), now)
            self._sending = None
        if self._retry_at is None:
            return True
        # Further away than we ever wait: the clock went back.
        return not now < self._retry_at <= now + RETRY_MOST

    def _conclude(self, error: BaseException | None, now: datetime) -> None:
        """What went wrong is logged by its class; the next attempt is later and later."""
        if error is None:
            self._wait, self._retry_at = RETRY_FIRST, None
            if self._troubles.is_over(NOT_NOTIFIED, ""):
                log.info("messages are taken again", record=self.settings.name)
            return
        pause = self._wait
        if isinstance(error, Throttled):
            pause = min(RETRY_MOST, max(pause, timedelta(seconds=error.wait)))
        began = min(now, self._began or now)
        self._retry_at, self._wait = began + pause, min(RETRY_MOST, 2 * self._wait)
        name, reason = type(error).__name__, str(error) if isinstance(error, SendError) else ""
        if self._troubles.is_news(NOT_NOTIFIED, "", f"{name} {steady(reason)}"):
            since = self._troubles.since(NOT_NOTIFIED, "")
            record = self.settings.name
            log.error(NOT_NOTIFIED, record=record, error=name, reason=reason, since=since)

    def _due(
        self,
        store: Store,
        found: Mapping[Topic, Alert],
        topics: frozenset[Topic],
        now: datetime,
        zone: str,
    ) -> Iterator[Due]:
        """What is news, in the order of the topics."""
        language, installation = self.settings.language, store.installation
        for topic in Topic:
            if topic not in topics:
                continue
            alert = found.get(topic)
            before = self._told.get(topic, Told())
            told = quietly(before, alert, now)
            kind = news(told, alert, now)
            if kind is News.OVER and not self.settings.recovered:
                told, kind = begun(told, None, now), None
            if told != before:
                self._keep(store, topic, told)
            if kind is News.ALERT and alert is not None:
                message = alarm(alert, language, installation, zone)
                yield Due(topic, message, begun(told, alert, now))
            elif kind is News.OVER:
                message = all_clear(topic, language, installation)
                yield Due(topic, message, begun(told, None, now))

    def _deliver(self, store: Store, due: list[Due]) -> None:
        """Noted before it leaves, so that nothing is said twice; taken back if it did not."""
        for each in due:
            if self._closed.is_set():
                return
            before = self._told.get(each.topic, Told())
            self._keep(store, each.topic, each.told)
            try:
                answer = self._sender.send(each.message)
            except InDoubt:
                raise
            except SendError:
                self._keep(store, each.topic, before)
                raise
            self._keep(store, each.topic, replace(each.told, doubt=False))
            log.info("notified", record=self.settings.name, state=each.topic.value, outcome=answer)

    def _recall(self, store: Store) -> None:
        """What was told before this process began."""
        if self._recalled:
            return
        try:
            self._told = {**decoded(store.meta_get(self._note)), **self._told}
            self._recalled = True
            tell_state(self._troubles, UNREAD, None)
        except SQLAlchemyError as error:
            tell_state(self._troubles, UNREAD, error)

    def _keep(self, store: Store, topic: Topic, told: Told) -> None:
        """Remember it; where the state cannot be written, in this process until it can."""
        self._told[topic] = told
        self._save(store)

    def _save(self, store: Store) -> None:
        if self._closed.is_set():
            return  # another may be at work on these notes by now
        try:
            store.meta_set(self._note, encoded(self._told))
            self._unsaved = False
            tell_state(self._troubles, UNWRITTEN, None)
        except SQLAlchemyError as error:
            self._unsaved = True
            tell_state(self._troubles, UNWRITTEN, error)

    @property
    def _note(self) -> str:
        return f"notify:{self.settings.name}"
