"""What may be asked of one mailbox at once: four requests, and 10,000 in ten minutes.

Outlook's limits are for each application and mailbox (microsoft-graph-docs,
``throttling-limits``). So all connectors of a mailbox in this process share one
:class:`Mailbox`. Writes that wait at the same time go out together in one ``$batch``: Graph runs
four of its requests at a time, and asks that there be one such batch under way for a mailbox
(microsoft-graph-docs, pull request 20833).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.microsoft365.transport import Raw
from syncd.core.quota import Quota, wait_turn
from syncd.errors import ConnectorError, Unavailable

AT_ONCE = 4
"""Requests in flight to one mailbox."""

MOST_IN_BATCH = 20
"""Graph takes no larger batch (microsoft-graph-docs, ``json-batching``)."""

PATIENCE = 30.0
"""Seconds that are waited here when Graph asks for them; longer ones are the caller's."""

LINGER = 0.01
"""Seconds that a batch waits for more to go with it."""

_REQUESTS, _SECONDS = 10_000, 600.0
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``path`` begins at the version of Graph; ``body`` is JSON text. ``reads``: it
    changes nothing, though it is no GET."""

    method: str
    path: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET" and not self.reads


Result = Raw | ConnectorError
Count = Callable[[], None]
"""Called for each HTTP call; one that several threads share is counted by the one that sends it."""

Send = Callable[[Sequence[Ask]], Sequence[Result]]
"""Sends some requests, in one HTTP call; a result for each, in their order."""


@dataclass(eq=False, slots=True)
class _Item:
    ask: Ask
    result: Result | None = None
    bug: bool = False


class Mailbox:
    """The gate of one mailbox. ``send`` carries requests out; it is called by several threads."""

    def __init__(
        self,
        send: Send,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._send, self._clock, self._sleep = send, clock, sleep
        self._quota = Quota(_REQUESTS, _SECONDS, threading.Lock())
        self._changed = threading.Condition()
        self._in_flight = 0
        self._leading = False
        self._waiting: deque[_Item] = deque()
        self._size = MOST_IN_BATCH

    def ask(self, ask: Ask, count: Count) -> Raw:
        """One request by itself. Raises what no answer means."""
        return self._one(self._patiently([ask], count)[0])

    def ask_all(self, asks: Sequence[Ask], count: Count) -> list[Result]:
        """Several requests, in batches one after the other."""
        found: list[Result] = []
        while len(found) < len(asks):
            found += self._patiently(asks[len(found) : len(found) + self._size], count)
        return found

    def ask_together(self, ask: Ask, count: Count) -> Raw:
        """One request, in a batch with those that other threads ask for meanwhile."""
        item = _Item(ask)
        with self._changed:
            self._waiting.append(item)
            self._changed.notify_all()
        while True:
            with self._changed:
                while item.result is None and not item.bug and self._leading:
                    self._changed.wait()
                if item.bug:
                    raise RuntimeError("the thread that sent this batch failed")
                if item.result is not None:
                    return self._one(item.result)
                self._leading = True
                taken = self._gather()
            self._lead(taken, count)

    def _gather(self) -> list[_Item]:
        """What goes out together; a lone request waits an instant for company."""
        if len(self._waiting) < AT_ONCE:
            self._changed.wait_for(lambda: len(self._waiting) >= AT_ONCE, LINGER)
        most = min(self._size, len(self._waiting))
        if most > AT_ONCE:
            most -= most % AT_ONCE  # Graph works in fours; the rest goes with the next ones
        return [self._waiting.popleft() for _ in range(most)]

    def _lead(self, taken: list[_Item], count: Count) -> None:
        try:
            results = self._patiently([item.ask for item in taken], count)
            for item, result in zip(taken, results, strict=True):
                item.result = result
        finally:
            with self._changed:
                for item in taken:
                    item.bug = item.result is None
                self._leading = False
                self._changed.notify_all()

    def _patiently(self, asks: Sequence[Ask], count: Count) -> list[Result]:
        """Send, and send again what Graph had no time for: that was certainly not carried out."""
        results: dict[int, Result] = {}
        left = list(range(len(asks)))
        for attempt in range(_TRIES):
            count()
            answers = self._in_turn([asks[index] for index in left])
            results |= dict(zip(left, answers, strict=True))
            left = [index for index in left if _asks_to_wait(results[index])]
            waits = [retry_after(results[index]) for index in left]
            if not left or attempt == _TRIES - 1:
                break
            wait = max(waits)
            self._quota.pause(self._clock() + wait)
            if len(asks) > 1:
                self._size = AT_ONCE
            if wait > PATIENCE:
                break
            self._sleep(wait)
        return [results[index] for index in range(len(asks))]

    def _in_turn(self, asks: Sequence[Ask]) -> Sequence[Result]:
        for _ in asks:
            wait = wait_turn((self._quota,), self._clock, self._sleep, PATIENCE)
            if wait:
                error = Unavailable("the mailbox's quota is used up for now", retry_after=wait)
                return [error] * len(asks)
        need = min(len(asks), AT_ONCE)
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight + need <= AT_ONCE)
            self._in_flight += need
        try:
            return self._send(asks)
        except ConnectorError as error:  # the sign-in's: it is the same for each of them
            return [error] * len(asks)
        finally:
            with self._changed:
                self._in_flight -= need
                self._changed.notify_all()

    @staticmethod
    def _one(result: Result) -> Raw:
        if isinstance(result, ConnectorError):
            raise result
        return result


def _asks_to_wait(result: Result) -> bool:
    return isinstance(result, Raw) and result.status == 429


def retry_after(result: Result) -> float:
    """The seconds that an answer asks to wait; some, if it names none."""
    value = result.headers.get("retry-after", "") if isinstance(result, Raw) else ""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else 5.0
