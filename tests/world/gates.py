"""The vendors' fakes as hosts of a simulated world: its clock, its weather, its counters.

Requests arrive over real HTTP. Each is held against the weather of the calendar that it is about,
before it is carried out and after. Time is the world's, also where a connector waits for a
vendor that asked it to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from typing import Any
from unittest.mock import patch

from connectors.google.fake import FakeGoogle, Fault, google_error
from connectors.google.fake.calendars import Calendar, Calendars
from connectors.google.fake.listing import Lists
from connectors.google.fake.rules import Event
from connectors.microsoft365.fake import Answered, FakeGraph, Request
from connectors.microsoft365.fake.delta import Deltas
from connectors.microsoft365.fake.events import Stored
from connectors.microsoft365.fake.mailbox import Mailbox
from connectors.microsoft365.mailbox import Mailbox as Gate
from tests.world.clock import WorldClock
from tests.world.weather import Skies

CUT = Fault(hang=True)
"""A connection that ends without an answer: the fakes' ``release`` is always set here."""

_ERRORS = {
    "down": (503, "backendError"),
    "locked": (401, "authError"),
    "read_only": (403, "requiredAccessLevel"),
    "broken": (500, "backendError"),
}
_CODES = {
    "down": (503, "ServiceUnavailable"),
    "locked": (401, "InvalidAuthenticationToken"),
    "read_only": (403, "ErrorAccessDenied"),
    "broken": (500, "ErrorInternalServerError"),
}
HALF = b'{"value": [{"id": "AAk'
"""What is left of a listing whose line broke in the middle."""


class Time:
    """The module ``time``, as far as a connector uses it, in the world of ``clock``."""

    def __init__(self) -> None:
        self.clock = WorldClock()

    def monotonic(self) -> float:
        """Seconds of the world."""
        return self.clock.now().timestamp()

    time = monotonic

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)


@contextmanager
def world_time(time: Time) -> Iterator[None]:
    """Connectors that are made meanwhile wait in the world's time."""
    gate = partial(Gate, clock=time.monotonic, sleep=time.sleep)
    with (
        patch("connectors.google.client.time", time),
        patch("connectors.microsoft365.client.Mailbox", gate),
    ):
        yield


class WorldCalendars(Calendars):
    """Google's calendars by the world's clock. ``graves``: what was deleted, as it was before."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__()
        self._clock = clock
        self.graves: dict[str, dict[str, list[Event]]] = {}

    def store(self, calendar: Calendar, event: Event) -> None:
        """See :meth:`Calendars.store`."""
        super().store(calendar, event)
        event["updated"] = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.000Z}"

    def delete(
        self, calendar: Calendar, id: str, options: Mapping[str, Any], guard: str = ""
    ) -> Event:
        """See :meth:`Calendars.delete`."""
        before = deepcopy(self.whole(calendar, id))
        event = super().delete(calendar, id, options, guard)
        self.graves.setdefault(calendar.id, {})[id] = before
        return event

    def whole(self, calendar: Calendar, id: str) -> list[Event]:
        """An event, and after it the exceptions of its series."""
        if id not in calendar.events:
            return []
        every = calendar.events.values()
        return [calendar.events[id], *(e for e in every if e.get("recurringEventId") == id)]


class WorldMailbox(Mailbox):
    """A mailbox of Graph by the world's clock."""

    clock: WorldClock
    stamps: dict[int, datetime]

    def create(self, calendar: str, body: dict[str, Any], *, burns: bool = True) -> Stored:
        """See :meth:`Mailbox.create`; UIDs differ between mailboxes."""
        made = super().create(calendar, body, burns=burns)
        made.uid = f"{made.uid}{self.address.encode().hex().upper()}"
        return made

    def touch(self, event: Stored) -> None:
        """See :meth:`Mailbox.touch`."""
        self.stamps[event.number] = self.clock.now()
        super().touch(event)

    def render(self, event: Stored, day: Any, id: Callable[[str], str]) -> dict[str, Any]:
        """See :meth:`Mailbox.render`."""
        stamp = f"{self.stamps[event.number].astimezone(UTC):%Y-%m-%dT%H:%M:%S.0000000Z}"
        return {**super().render(event, day, id), "lastModifiedDateTime": stamp}


class ShortPages(Lists):
    """Google's lists on pages of a few events."""

    def answer(self, calendar: Calendar, user: str, parameters: Mapping[str, Any]) -> Event:
        """See :meth:`Lists.answer`."""
        size = min(parameters.get("maxResults", 250), 7)
        return super().answer(calendar, user, {**parameters, "maxResults": size})


class HostOfGoogle(FakeGoogle):
    """Google for the desks of one world after the other. ``skies``: by user."""

    def __init__(self) -> None:
        super().__init__()
        self.release.set()
        self.skies: dict[str, Skies] = {}
        self._served = threading.local()

    def begin(self, clock: WorldClock) -> None:
        """A new world: nothing of the old one is left."""
        self.skies.clear()
        self.requests.clear()
        self.headers.clear()
        self.tokens.users.clear()
        self.tokens.issued.clear()
        self.calendars = WorldCalendars(clock)
        self.lists = ShortPages(self.calendars)

    def count(self, method: str, headers: Mapping[str, str]) -> None:
        """See :meth:`FakeGoogle.count`."""
        lower = {name.lower(): value for name, value in headers.items()}
        user = self.tokens.user_of(lower.get("authorization", ""))
        self._served.skies = self.skies.get(user or "")
        if self._served.skies is not None:
            self._served.skies.arrives()

    def take_fault(self, name: str, path: str, *, after: bool) -> Fault | None:
        """See :meth:`FakeGoogle.take_fault`."""
        skies: Skies | None = getattr(self._served, "skies", None)
        if skies is None or name == "token":
            return None
        writes = not name.endswith(("list", "get", "instances"))
        if after:
            return self._after(skies, name) if writes else None
        fault = skies.before(writes=writes, lists=name == "events.list")
        if fault == "throttled":
            wait = {"Retry-After": f"{skies.faults.retry_after:.0f}"}
            if skies.chance(0.5):
                return Fault(google_error(429, "rateLimitExceeded", wait))
            return Fault(google_error(403, "userRateLimitExceeded"))
        if fault == "broken" and skies.chance(0.5):
            return Fault((200, {"Content-Type": "application/json"}, HALF))
        if fault == "lost" or (fault == "down" and skies.chance(0.5)):
            return CUT
        return Fault(google_error(*_ERRORS[fault])) if fault else None

    def _after(self, skies: Skies, name: str) -> Fault | None:
        again = skies.written(repeatable=name == "events.delete")
        if skies.loses():
            return CUT
        return Fault(google_error(410, "deleted")) if again else None


class HostOfGraph(FakeGraph):
    """Graph for the desks of one world after the other. ``skies``: by mailbox."""

    def __init__(self) -> None:
        super().__init__()
        self.release.set()
        self.skies: dict[str, Skies] = {}

    def begin(self) -> None:
        """A new world: nothing of the old one is left."""
        self.skies.clear()
        self.calls.clear()
        self.asked.clear()
        self.login.expire()
        self.service.mailboxes.clear()
        self.service.deltas.clear()

    def open(self, address: str, clock: WorldClock, skies: Skies) -> WorldMailbox:
        """A mailbox of the world."""
        mailbox = WorldMailbox(address, random=skies.random)
        mailbox.clock, mailbox.stamps = clock, {}
        self.service.mailboxes[address] = mailbox
        silent = skies.chance(0.5)
        self.service.deltas[address] = Deltas(mailbox, silent_masters=silent)
        self.skies[address] = skies
        return mailbox

    def handle(self, request: Request, token: str) -> Answered | None:
        """See :meth:`FakeGraph.handle`."""
        inner = _inner(request)
        skies = self.skies.get(self.service.mailbox_of(inner[0].path))
        if skies is None:
            return super().handle(request, token)
        skies.arrives()
        writes = any(each.method != "GET" for each in inner)
        fault = skies.before(writes=writes, lists="/calendarView" in inner[0].path)
        if fault == "lost" or (fault == "down" and skies.chance(0.5)):
            return None
        if fault == "throttled":
            wait = {"Retry-After": f"{skies.faults.retry_after:.0f}"}
            return Answered(429, {"error": {"code": "ApplicationThrottled"}}, wait)
        if fault == "broken" and skies.chance(0.5):
            return Answered(200, HALF)
        if fault == "read_only" and request.path == "/$batch":
            return _batch(request, Answered(403, {"error": {"code": "ErrorAccessDenied"}}))
        if fault:
            status, code = _CODES[fault]
            return Answered(status, {"error": {"code": code}})
        return self._carried_out(request, token, skies, inner)

    def _carried_out(
        self, request: Request, token: str, skies: Skies, inner: list[Request]
    ) -> Answered | None:
        answer = super().handle(request, token)
        if answer is None or not _has_written(request, answer):
            return answer
        if skies.written(repeatable=inner[0].method == "DELETE"):
            answer = super().handle(request, token)
        return None if skies.loses() else answer


def _inner(request: Request) -> list[Request]:
    """The requests in a batch, or the only one."""
    if request.path != "/$batch":
        return [request]
    return [Request.of(e["method"], e["url"], {}, None) for e in request.body["requests"]]


def _batch(request: Request, each: Answered) -> Answered:
    """The same answer to all requests of a batch."""
    answers = [
        {"id": one["id"], "status": each.status, "headers": {}, "body": each.found}
        for one in request.body["requests"]
    ]
    return Answered(200, {"responses": answers})


def _has_written(request: Request, answer: Answered) -> bool:
    """Whether a write was carried out."""
    if request.path != "/$batch":
        return request.method != "GET" and answer.status < 300
    if answer.status != 200:
        return False
    writing = {e["id"] for e in request.body["requests"] if e["method"] != "GET"}
    return any(e["id"] in writing and e["status"] < 300 for e in answer.found["responses"])
