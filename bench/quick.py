"""A CalDAV server in memory that is as quick as it can be simple: for memory, not for time.

What vdirsyncer and syncd ask for, and no more: PROPFIND, sync-collection with and without
bodies, calendar-multiget, calendar-query as a listing, GET, PUT with its conditions.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import re
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from types import TracebackType
from urllib.parse import unquote
from xml.sax.saxutils import escape

from bench.wire import Wire

_SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_TOKEN = re.compile(r"sync-token>[^<]*?(\d+)<")
_HREF = re.compile(r"<\w*:?href>([^<]+)<")
_OK = "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"


class QuickServer:
    """``with QuickServer() as server: server.calendar("work")``: a URL, of an empty calendar."""

    def __enter__(self) -> QuickServer:
        # Spawned: a forked server would carry the memory and threads of the measuring process.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{ours.recv()}/"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.join()

    def calendar(self, name: str) -> str:
        """The URL of a calendar; it is there as soon as it is asked for."""
        return f"{self.url}alice/{name}/"

    def fill(self, name: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Put events into a calendar."""
        Wire(self.url).put_all(f"/alice/{name}/", items, 1)


class _Calendar:
    def __init__(self) -> None:
        self.items: dict[str, tuple[str, str]] = {}
        self.changes: list[str] = []

    def put(self, path: str, text: str, headers: dict[str, str]) -> tuple[int, str]:
        held = self.items.get(path)
        if headers.get("if-none-match") == "*" and held:
            return 412, ""
        if headers.get("if-match") and (held is None or headers["if-match"] != held[0]):
            return 412, ""
        etag = '"' + hashlib.sha256(text.encode()).hexdigest()[:24] + '"'
        self.items[path] = etag, text
        self.changes.append(path)
        return (204 if held else 201), etag

    def listed(self, paths: Iterable[str], *, data: bool) -> str:
        parts = []
        for path in paths:
            etag, text = self.items[path]
            body = f"<C:calendar-data>{escape(text)}</C:calendar-data>" if data else ""
            parts.append(
                f"<D:response><D:href>{path}</D:href><D:propstat><D:prop>"
                f"<D:getetag>{escape(etag)}</D:getetag>"
                f"<D:getcontenttype>text/calendar</D:getcontenttype>{body}</D:prop>{_OK}"
            )
        return "".join(parts)

    def report(self, body: str) -> str:
        data = "calendar-data" in body
        if "calendar-multiget" in body:
            return self.listed(map(unquote, _HREF.findall(body)), data=data)
        if "sync-collection" not in body:
            return self.listed(self.items, data=data)
        found = _TOKEN.search(body)
        end = len(self.changes)
        new = dict.fromkeys(self.changes[int(found[1]) if found else 0 : end])
        return self.listed(new, data=data) + f"<D:sync-token>urn:token:{end}</D:sync-token>"


def _own(path: str) -> str:
    return (
        f"<D:response><D:href>{path}</D:href><D:propstat><D:prop><D:resourcetype><D:collection/>"
        "<C:calendar/></D:resourcetype><D:supported-report-set><D:sync-collection/>"
        f"</D:supported-report-set></D:prop>{_OK}"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    calendars: dict[str, _Calendar] = {}  # noqa: RUF012  # one server a process, on purpose

    def _answer(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = unquote(self.path)
        folder = path.rpartition("/")[0] + "/"
        calendar = self.calendars.setdefault(folder, _Calendar())
        if self.command == "PUT":
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, etag = calendar.put(path, text, headers)
            self._send(status, "", etag)
        elif self.command == "GET":
            etag, found = calendar.items.get(path, ("", ""))
            self._send(200 if etag else 404, found, etag)
        elif self.command == "PROPFIND":
            deep = self.headers.get("Depth") == "1"
            self._multistatus(
                _own(folder) + calendar.listed(calendar.items if deep else (), data=False)
            )
        else:
            self._multistatus(calendar.report(text))

    do_GET = do_PUT = do_PROPFIND = do_REPORT = _answer

    def _multistatus(self, inner: str) -> None:
        self._send(207, f"<D:multistatus {_SPACES}>{inner}</D:multistatus>", "", "application/xml")

    def _send(self, status: int, text: str, etag: str, kind: str = "text/calendar") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


def _serve(told: Connection) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        told.send(server.server_address[1])
        server.serve_forever()
