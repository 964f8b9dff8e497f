"""The doors of the fake: HTTP for Graph, TLS for the sign-in, faults and limits."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.microsoft365.fake import certificates
from connectors.microsoft365.fake.graph import Answered, Request, Service, dumped
from connectors.microsoft365.fake.login import Login
from connectors.microsoft365.fake.mailbox import Mailbox

VERSION = "/v1.0"
AT_ONCE = 4
MOST_IN_BATCH = 20


@dataclass
class Faults:
    """What is wrong with Graph; all off by default.

    ``reply`` answers a request instead of Graph, ``None`` lets it go on. ``lost``: so many writes
    are carried out and their answer never comes. ``latency``: seconds before each answer; the
    requests of a batch take turns, four at a time. ``strict_batches``: all requests of a batch
    count at once against the limit of four, as before 2022. ``throttled``: so many requests are
    refused by 429 first. ``retry_after``: seconds that a 429 names.
    """

    reply: Callable[[Request], Answered | None] = field(default=lambda request: None)
    lost: int = 0
    latency: float = 0.0
    strict_batches: bool = False
    throttled: int = 0
    retry_after: str = "0"


class FakeGraph:
    """Graph and its sign-in on loopback: ``with FakeGraph() as fake: fake.endpoint``.

    ``calls`` are the HTTP calls (method, path), ``asked`` the requests that were in them;
    ``most_in_flight`` the most at once to one mailbox, ``refused`` how many were throttled.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.login = Login()
        self.service = Service(lambda: self.endpoint.rstrip("/"))
        self.calls: list[tuple[str, str]] = []
        self.asked: list[Request] = []
        self.most_in_flight = 0
        self.refused = 0
        self.release = threading.Event()
        self._in_flight: Counter[str] = Counter()
        self._gate = threading.Lock()
        self._open: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []
        self.ca_file = ""

    def __enter__(self) -> FakeGraph:
        self._folder = tempfile.TemporaryDirectory(prefix="fake-graph-")
        self.ca_file, context = certificates.make(Path(self._folder.name))
        graph, login = self._serve(_GraphHandler), self._serve(_LoginHandler, context)
        self.endpoint = f"http://127.0.0.1:{graph.server_address[1]}{VERSION}/"
        self.authority = f"https://localhost:{login.server_address[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self.release.set()
        self.service.subscriptions.close()
        for server in self._open:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._folder.cleanup()

    def _serve(
        self, handler: type[_Handler], context: ssl.SSLContext | None = None
    ) -> ThreadingHTTPServer:
        fake = self

        class Bound(handler):  # type: ignore[misc, valid-type]  # a class for each server
            state = fake

        server = _Server(("127.0.0.1", 0), Bound)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._open.append(server)
        self._threads.append(thread)
        return server

    def mailbox(self, address: str = "alice@example.com") -> Mailbox:
        """The mailbox, made if it is not there."""
        found = self.service.mailboxes.get(address)
        return found if found is not None else self.service.add(address)

    @property
    def options(self) -> dict[str, object]:
        """The configuration of a system that signs in by its secret."""
        return {
            "tenant": self.login.tenant,
            "client_id": self.login.client_id,
            "client_secret": self.login.secret,
            "endpoint": self.endpoint,
            "authority": self.authority,
            "ca_file": self.ca_file,
        }

    # What the doors ask.

    def handle(self, request: Request, token: str) -> Answered | None:
        """One HTTP call; ``None``: it is never answered."""
        with self._gate:
            self.calls.append((request.method, request.path))
        if token not in self.login.valid:
            return Answered(401, {"error": {"code": "InvalidAuthenticationToken"}})
        fault = self.faults.reply(request)
        if fault is not None:
            return fault
        if request.path == "/$batch" and request.method == "POST":
            return self._batch(request)
        answers = self._requests([request])
        return answers[0]

    def _batch(self, request: Request) -> Answered | None:
        inner = request.body.get("requests") if isinstance(request.body, dict) else None
        if not isinstance(inner, list) or not 0 < len(inner) <= MOST_IN_BATCH:
            return Answered(400, {"error": {"code": "BadRequest"}})
        requests = [
            Request.of(each["method"], each["url"], each.get("headers", {}), each.get("body"))
            for each in inner
        ]
        answers = self._requests(requests)
        if any(answer is None for answer in answers):
            return None
        responses = [
            {"id": each["id"], "status": answer.status, "headers": answer.headers}
            | ({"body": answer.found} if answer.found is not None else {})
            for each, answer in zip(inner, answers, strict=True)
            if answer is not None
        ]
        responses.reverse()  # Graph answers in any order
        return Answered(200, {"responses": responses})

    def _requests(self, requests: list[Request]) -> list[Answered | None]:
        """Answer requests, four at a time; what is more than four in flight is refused."""
        need = Counter(self.service.mailbox_of(each.path) for each in requests)
        taken: Counter[str] = Counter()
        with self._gate:
            self.asked += requests
            for name, count in need.items():
                at_once = count if self.faults.strict_batches else min(count, AT_ONCE)
                room = AT_ONCE - self._in_flight[name]
                taken[name] = at_once if not name else min(at_once, room)
                self._in_flight[name] += taken[name]
                if name:
                    self.most_in_flight = max(self.most_in_flight, self._in_flight[name])
        try:
            time.sleep(self.faults.latency * -(-len(requests) // AT_ONCE))
            return [self._answered(each, need, taken) for each in requests]
        finally:
            with self._gate:
                self._in_flight -= taken

    def _answered(
        self, request: Request, need: Counter[str], taken: Counter[str]
    ) -> Answered | None:
        name = self.service.mailbox_of(request.path)
        at_once = need[name] if self.faults.strict_batches else min(need[name], AT_ONCE)
        if name and taken[name] < at_once:
            need[name] -= 1
            return self._refuse("ApplicationThrottled")
        if self.faults.throttled > 0:
            self.faults.throttled -= 1
            return self._refuse("TooManyRequests")
        fault = self.faults.reply(request)
        if fault is not None:
            return fault
        answer = self.service.answer(request)
        if request.method != "GET" and self.faults.lost > 0 and answer.status < 300:
            self.faults.lost -= 1
            return None
        return answer

    def _refuse(self, code: str) -> Answered:
        self.refused += 1
        headers = {"Retry-After": self.faults.retry_after}
        return Answered(429, {"error": {"code": code}}, headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: FakeGraph

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _GraphHandler(_Handler):
    def _do(self) -> None:
        raw = self._body()
        path = self.path.removeprefix(VERSION)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        body: Any = json.loads(raw) if raw else None
        request = Request.of(self.command, path, dict(self.headers.items()), body)
        answer = self.state.handle(request, token)
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        content = answer.found if isinstance(answer.found, bytes) else dumped(answer.found)
        headers = {"Content-Type": "application/json", **answer.headers}
        self._reply(answer.status, headers, content)

    do_GET = do_POST = do_PATCH = do_DELETE = _do  # names of the base class


class _LoginHandler(_Handler):
    def _do(self) -> None:
        form = dict(parse_qsl(self._body().decode()))
        path = urlsplit(self.path).path
        self._reply(*self.state.login.reply(self.command, path, form, self.state.authority))

    do_GET = do_POST = _do  # names of the base class
