"""Google Calendar on loopback, as strict and as lossy as Google. For tests only.

Every request is held against the discovery document that Google's library ships; what that does
not say comes from Google's pages (``rules``). ``with FakeGoogle() as fake`` serves; its users and
calendars are added by :meth:`FakeGoogle.add`, edited without the connector by
:meth:`FakeGoogle.person`, and it counts the mails that Google would have sent.
"""

from __future__ import annotations

import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from connectors.google.fake.calendars import Calendar, Calendars, Habits
from connectors.google.fake.channels import Channels
from connectors.google.fake.listing import Lists
from connectors.google.fake.person import Person
from connectors.google.fake.server import PREFIX, Fault, Handler, Limits, google_error, serving
from connectors.google.fake.tokens import Tokens

__all__ = ["FakeGoogle", "Fault", "Habits", "Person", "google_error"]


class FakeGoogle:
    """The server. ``requests``: how often each method was called. ``latency``: seconds before
    each answer. ``most_at_once``: the most requests that were under way together. ``busy_faults``:
    by calendar, the reason that freebusy.query gives instead of its times."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.calendars, self.tokens = Calendars(), Tokens()
        self.lists, self.channels = Lists(self.calendars), Channels()
        self.calendars.told = self.channels.changed
        self.limits = Limits(user=1_000_000, project=1_000_000)
        self.faults: list[Fault] = []
        self.busy_faults: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.headers: list[Mapping[str, str]] = []
        self.statuses: dict[int, int] = {}
        self.latency = 0.0
        self.release = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        handler = type("_Handler", (Handler,), {"fake": self})
        server = self._stack.enter_context(serving(handler, self._tls))
        scheme = "https://localhost" if self._tls else "http://127.0.0.1"
        self.base = f"{scheme}:{server.server_address[1]}/"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release.set()
        self.channels.close()
        self._stack.close()

    @property
    def endpoint(self) -> str:
        """The address of the API."""
        return self.base.rstrip("/") + PREFIX

    @property
    def key_file(self) -> str:
        """The service account's key."""
        return self.tokens.key_file(f"{self.base}token")

    @property
    def client_file(self) -> str:
        """The OAuth client's file."""
        return self.tokens.client_file(self.base)

    @property
    def mails(self) -> int:
        """How many mails Google would have sent."""
        return len(self.calendars.mails)

    def add(self, user: str, time_zone: str = "Asia/Shanghai") -> Calendar:
        """A new user of the company, with a primary calendar."""
        self.tokens.users.add(user)
        return self.calendars.add(user, user, time_zone)

    def person(self, user: str, calendar: str = "") -> Person:
        """Somebody in front of Google's own client."""
        return Person(self.calendars, self.calendars.all[calendar or user])

    def expire_tokens(self, calendar: str) -> None:
        """Every sync token that was given out for a calendar is dead."""
        found = self.calendars.all[calendar]
        found.oldest_token = max([0, *found.changed.values()]) + 1

    def count(self, method: str, headers: Mapping[str, str]) -> None:
        """One more request."""
        with self._lock:
            self.requests[method] += 1
            self.headers.append(headers)

    def take_fault(self, name: str, path: str, *, after: bool) -> Fault | None:
        """The first fault that concerns this request, which uses it up."""
        with self._lock:
            for fault in self.faults:
                if fault.after == after and fault.when(name, path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A request is under way."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1
