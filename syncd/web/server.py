"""A small HTTP server in threads of its own: it answers also while the loop is busy or stuck.

It is bounded: so many connections at a time, so many seconds each, no bodies, GET and HEAD only.
Nobody's address and no request is logged.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

import structlog

from syncd.values import Address
from syncd.web.pages import TEXT, Answer, answer
from syncd.web.sources import Sources

MOST_CONNECTIONS = 16
"""When one more comes, the oldest ends: a probe is answered, whoever holds lines open."""

MOST_THREADS = 2 * MOST_CONNECTIONS
"""Beyond it a connection is ended unanswered: threads whose lines were ended are still at work."""

MOST_SECONDS = 10.0
"""The longest that a connection lasts, from its first byte to its last."""

LOOK_EVERY = 0.5
"""Seconds after which old connections are looked for."""

log = structlog.get_logger("syncd.web")


@contextmanager
def serve(listen: Address | None, sources: Sources) -> Iterator[None]:
    """Serve the pages until the block ends; ``None`` serves nothing.

    An address that cannot be had is said in the log, and the block goes on without pages.
    """
    if listen is None:
        yield
        return
    try:
        server = Server(listen, sources)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        log.error("pages not served", listen=_told(listen), reason=reason)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_EVERY,), name="syncd-web")
    thread.daemon = True
    thread.start()
    log.info("pages served", listen=_told(Address(listen.host, server.server_address[1])))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        server.end_connections(older_than=0)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens at an address. Raises ``OSError`` if it cannot be had."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, listen: Address, sources: Sources) -> None:
        self.sources, self.began = sources, time.monotonic()
        self._open: dict[socket.socket, float] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._busy = 0
        if ":" in listen.host:
            self.address_family = socket.AF_INET6
        super().__init__((listen.host, listen.port), Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        """Answer in a thread; the oldest connection makes way where there are too many."""
        with self._lock:
            full = self._busy >= MOST_THREADS
            self._busy += not full
            oldest = next(iter(self._open)) if len(self._open) >= MOST_CONNECTIONS else None
            self._open[request] = time.monotonic()
        if oldest is not None:
            self._end(oldest)
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._busy -= 1

    def answer(self, path: str) -> Answer:
        """The page at ``path``. One at a time asks the store, whose connections the loop needs;
        whether the loop is alive is told whatever the store does."""
        if path.startswith("/healthz"):
            return answer(path, self.sources, self.began)
        if not self._turn.acquire(timeout=MOST_SECONDS):
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, b"busy\n")
        try:
            return answer(path, self.sources, self.began)
        finally:
            self._turn.release()

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Now and then: nobody holds a line for ever."""
        self.end_connections(MOST_SECONDS)

    def end_connections(self, older_than: float) -> None:
        """End the connections that are older than so many seconds."""
        before = time.monotonic() - older_than
        with self._lock:
            old = [each for each, began in self._open.items() if began <= before]
        for each in old:
            self._end(each)

    def handle_error(self, request: object, client_address: object) -> None:
        """Called within the handling of an error. A line that broke is none of ours."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a page failed")

    def _end(self, connection: socket.socket) -> None:
        """Its thread wakes up, finds the line shut, and closes it."""
        with self._lock:
            self._open.pop(connection, None)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One request, one answer."""

    server: Server
    server_version = "syncd"
    sys_version = ""
    timeout = MOST_SECONDS

    def do_GET(self) -> None:
        """The page."""
        self._send(self.server.answer(self.path))

    def do_HEAD(self) -> None:
        """The page without its body."""
        self.do_GET()

    def do_POST(self) -> None:
        """Nothing can be changed here."""
        self._send(Answer(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"GET and HEAD only\n"))

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Who looks at the pages is not logged."""

    def _send(self, page: Answer) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if page.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)


def _told(listen: Address) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{host}:{listen.port}"
