"""The fake over HTTP, on loopback: sign-in, quotas, faults, and every method that is used."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from connectors.google.fake import tokens
from connectors.google.fake.calendars import shown
from connectors.google.fake.discovery import ApiError, Call, parsed
from connectors.google.fake.free_busy import FreeBusy

if TYPE_CHECKING:
    from connectors.google.fake import FakeGoogle

PREFIX = "/calendar/v3/"
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Fault:
    """Something that goes wrong with ``times`` requests that ``when`` (method id, path) picks.

    ``after``: only once the request was carried out. ``hang``: no answer comes until the fake is
    released, and the line is then cut. ``reply`` is what is answered instead.
    """

    reply: Reply = (500, {}, b"")
    when: Callable[[str, str], bool] = field(default=lambda method, path: method != "token")
    times: int = 1
    after: bool = False
    hang: bool = False


def google_error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as Google words it."""
    body = json.dumps(ApiError(status, reason).body()).encode()
    return status, {"Content-Type": "application/json", **(headers or {})}, body


@dataclass
class Limits:
    """Requests in a sliding ``span`` of seconds. ``busiest``: the most that were seen of a user."""

    user: int = 600
    project: int = 10_000
    span: float = 60.0
    refused: int = 0
    busiest: int = 0
    _sent: dict[str, deque[float]] = field(default_factory=dict)

    def check(self, user: str) -> None:
        """One more request. Raises :class:`ApiError`."""
        now = time.monotonic()
        for name, limit, reason in (
            (user, self.user, "userRateLimitExceeded"),
            ("", self.project, "rateLimitExceeded"),
        ):
            times = self._sent.setdefault(name, deque())
            while times and times[0] <= now - self.span:
                times.popleft()
            if len(times) >= limit:
                self.refused += 1
                raise ApiError(403, reason, "Rate Limit Exceeded")
            times.append(now)
            if name:
                self.busiest = max(self.busiest, len(times))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeGoogle

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the console."""

    def do_GET(self) -> None:
        """Any method goes the same way."""
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.fake.latency:
            time.sleep(self.fake.latency)
        if url.path in ("/token", "/auth"):
            self._answer(*self._sign_in(url.path, url.query, body))
            return
        if not url.path.startswith(PREFIX):
            self._answer(*google_error(404, "notFound"))
            return
        with self.fake.at_work():
            self._answer(*self._api(url.path.removeprefix(PREFIX), url.query, body))

    def _sign_in(self, path: str, query: str, body: bytes) -> Reply:
        given = query if path == "/auth" else body.decode()
        form = {key: values[0] for key, values in parse_qs(given).items()}
        json_type = {"Content-Type": "application/json"}
        fault = self._fault("token", path, after=False)
        if fault is not None:
            return fault
        try:
            if path == "/auth":
                return 302, {"Location": self.fake.tokens.authorize(form)}, b""
            return 200, json_type, json.dumps(self.fake.tokens.token(form)).encode()
        except tokens.Refused as error:
            return 400, json_type, json.dumps(error.body()).encode()

    def _api(self, path: str, query: str, body: bytes) -> Reply:
        name = self.command
        try:
            kind = self.headers.get("Content-Type", "")
            call = parsed(self.command, path, parse_qs(query, keep_blank_values=True), body, kind)
            name = call.id.removeprefix("calendar.")
            self.fake.count(name, dict(self.headers.items()))
            user = self._user(call)
            self.fake.limits.check(user)
            fault = self._fault(name, path, after=False)
            if fault is not None:
                return fault
            with self.fake.calendars.lock:
                answer = self._carry_out(call, name, user)
            fault = self._fault(name, path, after=True)
            if fault is not None:
                return fault
        except ApiError as error:
            self.fake.statuses[error.status] = self.fake.statuses.get(error.status, 0) + 1
            return google_error(error.status, error.reason)
        if answer is None:
            return 204, {}, b""
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    def _user(self, call: Call) -> str:
        header = self.headers.get("Authorization", "")
        user = self.fake.tokens.user_of(header)
        if user is None:
            raise ApiError(401, "authError", "Invalid Credentials")
        if not self.fake.tokens.scopes_of(header) & call.scopes:
            raise ApiError(403, "insufficientPermissions", "Insufficient Permission")
        return user

    def _fault(self, name: str, path: str, *, after: bool) -> Reply | None:
        fault = self.fake.take_fault(name, path, after=after)
        if fault is None:
            return None
        if fault.hang:
            self.fake.release.wait()
            self.close_connection = True
            return 0, {}, b""
        return fault.reply

    def _carry_out(self, call: Call, name: str, user: str) -> dict[str, Any] | None:
        given, body = call.parameters, call.body or {}
        calendars, guard = self.fake.calendars, self.headers.get("If-Match", "")
        if name == "channels.stop":
            self.fake.channels.stop(body)
            return None
        if name == "freebusy.query":
            faults = self.fake.busy_faults
            return FreeBusy(calendars, self.fake.lists, faults).answer(body, user)
        id = given.get("calendarId", "")
        if name == "events.list":
            return self.fake.lists.answer(calendars.calendar(id, user), user, given)
        if name == "events.get":
            calendar = calendars.calendar(id, user)
            calendars.settle_etags(calendar)
            return shown(calendars.get(calendar, given["eventId"]), calendar)
        if name == "events.instances":
            calendar = calendars.calendar(id, user)
            master = calendars.get(calendar, given["eventId"])
            early, late = datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=730)
            found = self.fake.lists.instances(calendar, master, early, late)
            return {"kind": "calendar#events", "items": [shown(e, calendar) for e in found]}
        if name == "events.watch":
            return self.fake.channels.watch(calendars.calendar(id, user).id, body)
        calendar = calendars.writable(id, user)
        if name == "events.insert":
            return shown(calendars.insert(calendar, body, given), calendar)
        if name == "events.patch":
            event = calendars.patch(calendar, given["eventId"], body, given, guard)
            return shown(event, calendar)
        if name == "events.delete":
            calendars.delete(calendar, given["eventId"], given, guard)
            return None
        raise ApiError(501, "notImplemented", name)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if status == 0:
            return
        packed = "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 500
        content = gzip.compress(body, 1) if packed and "Content-Encoding" not in headers else body
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if content is not body:
            self.send_header("Content-Encoding", "gzip")
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """Many connections at once; those that are cut are nobody's error."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away."""


@contextmanager
def serving(handler: type[Handler], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a port of its own."""
    server = Server(("127.0.0.1", 0), handler)
    if tls is not None:
        # The handshake is left to the connection's own thread.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
