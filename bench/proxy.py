"""A proxy that counts the requests that reach a server, by what stands first in their path."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "server", "date"})


class CountingProxy:
    """``with CountingProxy(server.url) as proxy: proxy.url``; ``taken()`` answers the counts."""

    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        proxy, host = self, urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy._count(self.command, self.path)
                connection = http.client.HTTPConnection(host)
                connection.request(self.command, self.path, body or None, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP | {"content-length"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                connection.close()

            do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = do_OPTIONS = _forward

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """The address that clients are given."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def taken(self) -> dict[str, Counter[str]]:
        """The requests since the last call: methods by calendar (the second part of the path)."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        found: dict[str, Counter[str]] = {}
        for (calendar, method), number in counts.items():
            found.setdefault(calendar, Counter())[method] += number
        return found

    def total(self) -> int:
        """The requests since the last ``taken``."""
        with self._lock:
            return self._counts.total()

    def _count(self, method: str, path: str) -> None:
        parts = [*path.strip("/").split("/"), "", ""]
        with self._lock:
            self._counts[parts[1], method] += 1

    def __enter__(self) -> CountingProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
