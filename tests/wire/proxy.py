"""A door in front of a real server that fails on request, for the faults a server has by chance."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import urlsplit

_Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]
_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` requests of ``method`` with ``has`` in path or body.

    ``status``: it is refused before it reaches the server, with this ``body``. Else it is passed
    on, then ``then`` is called (by the thread that serves it), then the answer is dropped
    (``lost``), cut in half (``cut``), or goes back as it is. ``lagging``: it is answered as the
    last one of its method and path was, by a server that has not noticed yet what changed.
    """

    method: str = "*"
    has: str = ""
    status: int = 0
    body: bytes = b"refused by the door"
    lost: bool = False
    cut: bool = False
    lagging: bool = False
    then: Callable[[], object] | None = None
    times: int = 1

    def concerns(self, method: str, path: str, body: bytes) -> bool:
        """Whether this request is one of them."""
        if self.times <= 0 or self.method not in ("*", method):
            return False
        return self.has in path or self.has.encode() in body


@dataclass(slots=True)
class Proxy:
    """The door at ``url``. ``seen``: method and path of each request that came."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    last: dict[tuple[str, str], _Answer] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, fault: Fault) -> Fault:
        """From now on."""
        self.faults.append(fault)
        return fault

    def mend(self) -> None:
        """No faults any more."""
        self.faults.clear()

    def take(self, method: str, path: str, body: bytes) -> Fault | None:
        """The fault that this request meets, if any."""
        with self.lock:
            self.seen.append((method, path))
            for fault in self.faults:
                if fault.concerns(method, path, body):
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    target: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.take(self.command, self.path, body)
        if fault is not None and fault.status:
            self._answer(fault.status, [], fault.body)
            return
        place = (self.command, self.path)
        if fault is None or not fault.lagging:
            self.proxy.last[place] = self._asked(body)
        status, headers, answer = self.proxy.last[place]
        if fault is not None:
            if fault.then is not None:
                fault.then()
            if fault.lost:
                self.close_connection = True
                return
        self._answer(status, headers, answer, cut=fault is not None and fault.cut)

    def _asked(self, body: bytes) -> _Answer:
        place = urlsplit(self.target)
        server = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
            server.request(self.command, self.path, body, headers)
            found = server.getresponse()
            return found.status, found.getheaders(), found.read()
        finally:
            server.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _OWN | {"date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away (killed on purpose) is no news."""


@contextmanager
def door(target: str) -> Iterator[Proxy]:
    """A proxy on loopback in front of the server at ``target``."""
    proxy = Proxy("")
    handler = type("Handler", (_Handler,), {"proxy": proxy, "target": target})
    server = _Server(("127.0.0.1", 0), handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
