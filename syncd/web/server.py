"""A small HTTP server in threads of its own: it answers also while the loop is busy or stuck.

It is bounded by its site: so many connections at a time, so many seconds each, so many bytes of
body, a few methods. Nobody's address and no request is logged.
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
from syncd.web.site import TEXT, Answer, Request, Site

MOST_LINE = 256
"""Bytes of a line between the pieces of a body."""

_HEX = frozenset(b"0123456789abcdefABCDEF")

LOOK_EVERY = 0.5
"""Seconds after which old connections are looked for."""

log = structlog.get_logger("syncd.web")


@contextmanager
def serve(listen: Address | None, site: Site, what: str) -> Iterator[None]:
    """Serve ``site`` until the block ends; ``None`` serves nothing. ``what`` it is called in the
    log.

    An address that cannot be had is said in the log, and the block goes on without the site.
    """
    if listen is None:
        yield
        return
    try:
        server = Server(listen, site, what)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        log.error(f"{what} not served", listen=_told(listen), reason=reason)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_EVERY,), name="syncd-web")
    thread.daemon = True
    thread.start()
    log.info(f"{what} served", listen=_told(Address(listen.host, server.server_address[1])))
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

    def __init__(self, listen: Address, site: Site, what: str) -> None:
        self.site, self.bounds, self.what = site, site.bounds, what
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._busy = 0
        if ":" in listen.host:
            self.address_family = socket.AF_INET6
        super().__init__((listen.host, listen.port), Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        """Answer in a thread; the oldest connection makes way where there are too many."""
        with self._lock:
            full = self._busy >= self.bounds.threads
            self._busy += not full
            crowded = len(self._open) >= self.bounds.connections
            oldest = next(iter(self._open)) if crowded else None
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

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Now and then: nobody holds a line for ever."""
        self.end_connections(self.bounds.seconds)

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
            log.exception(f"an answer of the {self.what} failed")

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

    def setup(self) -> None:
        """Each read and write has the seconds of the whole connection at most."""
        super().setup()
        self.connection.settimeout(self.server.bounds.seconds)

    def do_GET(self) -> None:
        """Whatever the method is, the site says whether it knows it."""
        known = "GET" if self.command == "HEAD" else self.command
        if known not in self.server.site.methods:
            words = f"{' and '.join(self._allowed())} only\n"
            self._send(Answer(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, words.encode()))
            return
        body = self._body()
        if isinstance(body, HTTPStatus):
            self._send(Answer(body, TEXT, f"{body.phrase}\n".encode()))
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), value)
        request = Request(self.command, self.path, headers, body)
        self._send(self.server.site.answer(request))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Who asks is not logged."""

    def _allowed(self) -> list[str]:
        methods = self.server.site.methods
        return [*methods, *(["HEAD"] if "GET" in methods else [])]

    def _body(self) -> bytes | HTTPStatus:
        """The body, or why there is none. A site that takes none leaves it unread."""
        most = self.server.bounds.body
        if not most:
            return b""
        told = self.headers.get_all("content-length", [])
        coding = self.headers.get_all("transfer-encoding", [])
        if coding:
            chunked = [each.strip().lower() for each in coding] == ["chunked"]
            return self._chunks(most) if chunked and not told else HTTPStatus.BAD_REQUEST
        if not told:
            return b""
        if len(set(told)) != 1 or not (told[0].isascii() and told[0].isdecimal()):
            return HTTPStatus.BAD_REQUEST
        # Long numbers are too large without being read: that would take its time, too.
        if len(told[0]) > len(str(most)) or int(told[0]) > most:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return self._read(int(told[0]))

    def _chunks(self, most: int) -> bytes | HTTPStatus:
        """A body in pieces (RFC 9112, section 7.1); whatever comes after the last is not read."""
        body = b""
        while True:
            size = self.rfile.readline(MOST_LINE).partition(b";")[0].strip()
            if not size or not set(size) <= _HEX:
                return HTTPStatus.BAD_REQUEST
            if len(size) > 8 or len(body) + int(size, 16) > most:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            if int(size, 16) == 0:
                return body
            body += self._read(int(size, 16))
            if self.rfile.readline(MOST_LINE).strip():
                return HTTPStatus.BAD_REQUEST

    def _read(self, size: int) -> bytes:
        """So many bytes. Raises ``ConnectionResetError`` if there are fewer."""
        body = self.rfile.read(size)
        if len(body) != size:
            raise ConnectionResetError("the line broke before the body was there")
        return body

    def _send(self, page: Answer) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(self._allowed()))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)


def _told(listen: Address) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{host}:{listen.port}"
