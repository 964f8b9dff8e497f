"""Requests to the Calendar API: built by Google's own library, sent by ours.

google-api-python-client knows every method and parameter from the discovery document that it
ships; its batch ignores the configured endpoint and its retries ignore Retry-After (read in
version 2.202), so neither is used.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from connectors.google.accounts import Account, Signer
from connectors.google.errors import LONG_WAIT, Refusal, error_of, refusal
from connectors.google.transport import Answer, Asked, Sent, exchange, retry_after
from connectors.google.wire import Event
from syncd.core.quota import wait_turn
from syncd.errors import CursorExpired, Unavailable

PATIENCE = 5.0
"""Seconds that a request waits for its turn; longer waits are the caller's affair: meanwhile a
thread is held."""

PAGE = 500
MOST_PAGES = 2000

_PAUSE = 10.0

Build = Callable[["Service"], Any]
"""Makes the library's request from its service object."""


class Refused(Exception):
    """Google answered, but not with success."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(str(refused))
        self.refused = refused


class Client:
    """One calendar of one account. Threads share it."""

    def __init__(self, account: Account, calendar: str) -> None:
        self.account, self.calendar = account, calendar
        self._sent = Sent()
        self._service = service_for(account.sign_in.endpoint)

    def __repr__(self) -> str:
        return "Client(…)"

    @property
    def requests(self) -> int:
        """The requests so far, without those for tokens."""
        return self._sent.value

    def call(
        self, build: Build, *, guard: str = "", signer: Signer | None = None, reads: bool = False
    ) -> tuple[Event, Answer]:
        """The answer to one request, parsed. ``guard``: the ETag it is based on. ``signer``: if it
        needs another scope than events do. ``reads``: it changes nothing, though it is no GET.

        Raises :class:`Refused`, ``Unavailable``, ``Unauthorized``.
        """
        signer = signer or self.account.events
        request = build(self._service)
        headers = {key.lower(): value for key, value in request.headers.items()}
        headers = {k: v for k, v in headers.items() if k in ("accept", "content-type")}
        if guard:
            headers["if-match"] = guard
        writes = request.method != "GET" and not reads

        def send() -> Answer:
            return self._send(signer, request, headers, writes=writes)

        answer = send()
        if answer.status == 401:  # a token may end before its time: once more with a new one
            signer.forget()
            answer = send()
        if not 200 <= answer.status < 300:
            raise Refused(self._refusal(answer))
        return self._parsed(answer, writes=writes), answer

    def pages(self, what: str, **parameters: Any) -> Iterator[Event]:
        """The pages of a list of events; ``what`` it is, for messages.

        Raises ``CursorExpired`` where a sync token is dead, ``Unavailable``, ``Unauthorized``.
        """
        seen: set[str] = set()
        token = ""
        for _ in range(MOST_PAGES):
            paged = {**parameters, **({"pageToken": token} if token else {})}
            try:
                page, _ = self.call(partial(_list, self.calendar, paged))
            except Refused as error:
                raise _list_error(error.refused, what, "syncToken" in parameters) from None
            yield page
            token = page.get("nextPageToken") or ""
            if not token:
                return
            if token in seen:
                break
            seen.add(token)
        raise Unavailable(f"{what}: the pages do not end")

    def error(self, refused: Refusal, what: str, *, writes: bool) -> Exception:
        """The error that a refusal means."""
        return error_of(refused, what, writes=writes)

    def close(self) -> None:
        """Close the idle connections of the account; another connector opens its own again."""
        self.account.connections.close()

    def _send(
        self, signer: Signer, request: Any, headers: dict[str, str], *, writes: bool
    ) -> Answer:
        account = self.account
        wait = wait_turn(account.quotas, time.monotonic, time.sleep, PATIENCE)
        if wait > 0:
            everybody = account.project.quota.reserve(time.monotonic(), -1.0) > PATIENCE
            message = "Google's quota for now is used up"
            raise Unavailable(message, retry_after=wait, lone=not everybody)
        asked = Asked(request.method, request.uri, request.body, headers, writes)
        return exchange(account.connections, signer, asked, self._sent.add)

    def _refusal(self, answer: Answer) -> Refusal:
        refused = refusal(answer.status, answer.body, retry_after(answer.headers, time.time()))
        if refused.slows_down:
            wait = _PAUSE if refused.retry_after is None else min(refused.retry_after, LONG_WAIT)
            self.account.quota.pause(time.monotonic() + wait)
        return refused

    def _parsed(self, answer: Answer, *, writes: bool) -> Event:
        if answer.status == 204 or (writes and not answer.body):
            return {}
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Unavailable("Google answers with something else than JSON", maybe_applied=writes)
        return value


def _list(calendar: str, parameters: Mapping[str, Any], service: Any) -> Any:
    return service.events().list(calendarId=calendar, **parameters)


def _list_error(refused: Refusal, what: str, with_token: bool) -> Exception:
    """410 says that a token is dead, or too old; a token that never was is a 400."""
    if refused.status == 410 or (with_token and refused.status == 400):
        return CursorExpired(f"{what}: {refused}")
    return error_of(refused, what, writes=False)


class Service:
    """The parts of the API that are used, as the library makes them of its discovery document.

    Made once: the library makes all methods of a part anew at each look at it (5 ms). They only
    build requests, so that threads may share them.
    """

    def __init__(self, endpoint: str) -> None:
        import httplib2
        from googleapiclient.discovery import build

        made: Any = build(
            "calendar",
            "v3",
            http=httplib2.Http(),
            static_discovery=True,
            cache_discovery=False,
            client_options={"api_endpoint": endpoint},
        )
        self._events, self._channels = made.events(), made.channels()
        self._free_busy = made.freebusy()

    def events(self) -> Any:
        """Methods on events."""
        return self._events

    def channels(self) -> Any:
        """Methods on notification channels."""
        return self._channels

    def free_busy(self) -> Any:
        """Methods that tell when calendars are taken."""
        return self._free_busy


_services: dict[str, Service] = {}
_services_lock = threading.Lock()


def service_for(endpoint: str) -> Service:
    """The one service of an endpoint."""
    with _services_lock:
        if endpoint not in _services:
            _services[endpoint] = Service(endpoint)
        return _services[endpoint]
