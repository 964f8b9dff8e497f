"""A small CalDAV server on loopback that can be as odd as those in the field. For tests only.

Plain servers are tested with Radicale and Xandikos; this one is for faults. Each knob of
:class:`Faults` is a behaviour that was seen on some server (``docs`` of the connector's
observing and client say which), or that a hostile one could have.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from connectors.caldav.webdav import canonical_path

_SPACES = (
    'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
)
_UID = re.compile(r"^UID[^:]*:(.*?)\r?$", re.MULTILINE)
_TOKEN = re.compile(r"sync-token>([^<]*)<")
_HREF = re.compile(r"href>([^<]+)<")

Reply = tuple[int, dict[str, str], bytes]
_GONE = "<D:status>HTTP/1.1 404 Not Found</D:status>"


@dataclass
class Faults:
    """What is wrong with the server; all off by default.

    ``reply`` answers a (method, path) instead of the server, ``None`` lets it go on.
    ``expired``: the status for an unknown token; ``full``: a listing without tombstones.
    ``page``: most members in a sync answer, which then says 507. ``repeat_all``: every sync
    answer lists all. ``churn``: ETags that change with every request.
    """

    reply: Callable[[str, str], Reply | None] = field(default=lambda method, path: None)
    no_etag_on_put: bool = False
    represent: bool = False
    rewrite: Callable[[str], str] = str
    expired: str = "403"
    no_sync: bool = False
    no_ctag: bool = False
    no_inline_data: bool = False
    refuse_inline_data: bool = False
    page: int = 0
    multiget_hides: set[str] = field(default_factory=set)
    churn: bool = False
    weak: bool = False
    repeat_all: bool = False
    hang_after_write: bool = False
    same_uid: bool = False
    schedules: bool = False
    addresses: tuple[str, ...] = ()


class FakeCalDav:
    """The server: ``with FakeCalDav() as fake: fake.url``. ``items`` are path to body."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.items: dict[str, str] = {}
        self.log: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.identity = "one"
        self.release = threading.Event()
        self._changes: list[str] = []
        self._lock = threading.RLock()
        fake = self

        class Handler(_Handler):
            server_state = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> FakeCalDav:
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The URL of its one calendar."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/cal/"

    def put(self, name: str, text: str) -> str:
        """Store an item; answers its key."""
        key = f"/cal/{name}"
        with self._lock:
            self.items[key] = text
            self._changes.append(key)
        return key

    def remove(self, key: str) -> None:
        """Remove an item."""
        with self._lock:
            del self.items[key]
            self._changes.append(key)

    def etag(self, key: str) -> str:
        """The ETag of an item as the server gives it."""
        churn = str(len(self.log)) if self.faults.churn else ""
        digest = hashlib.sha256((self.items[key] + churn).encode()).hexdigest()[:16]
        return f'W/"{digest}"' if self.faults.weak else f'"{digest}"'

    def answer(self, method: str, path: str, body: str, headers: dict[str, str]) -> Reply:
        """The answer to one request."""
        with self._lock:
            self.log.append((method, path))
            self.headers.append(headers)
            given = self.faults.reply(method, path)
            if given is not None:
                return given
            verbs: dict[str, Callable[[], Reply]] = {
                "PUT": lambda: self._put(path, body, headers),
                "GET": lambda: self._get(path),
                "DELETE": lambda: self._delete(path, headers),
                "PROPFIND": lambda: self._propfind(path, headers),
                "REPORT": lambda: self._report(path, body),
                "OPTIONS": lambda: (200, {}, b""),
            }
            status, more, content = verbs[method]() if method in verbs else (405, {}, b"")
            dav = "1, 3, calendar-access" + (
                ", calendar-auto-schedule" if self.faults.schedules else ""
            )
            return status, {"DAV": dav, **more}, content

    def _get(self, key: str) -> Reply:
        if key not in self.items:
            return 404, {}, b""
        kind = {"Content-Type": "text/calendar; charset=utf-8", "ETag": self.etag(key)}
        return 200, kind, self.items[key].encode()

    def _guarded(self, key: str, headers: dict[str, str]) -> bool:
        there = key in self.items
        if headers.get("if-none-match") == "*" and there:
            return False
        match = headers.get("if-match")
        return not match or (there and match == self.etag(key))

    def _put(self, key: str, body: str, headers: dict[str, str]) -> Reply:
        if not self._guarded(key, headers):
            return 412, {}, b""
        uid = _UID.search(body)
        taken = any(
            other != key and uid and uid[1] == found[1]
            for other, text in self.items.items()
            if (found := _UID.search(text))
        )
        if taken and not self.faults.same_uid:
            return 409, {}, f"<D:error {_SPACES}><C:no-uid-conflict/></D:error>".encode()
        status = 204 if key in self.items else 201
        self.items[key] = self.faults.rewrite(body)
        self._changes.append(key)
        if self.faults.represent:
            _, kind, content = self._get(key)
            return 201, kind, content
        return status, {} if self.faults.no_etag_on_put else {"ETag": self.etag(key)}, b""

    def _delete(self, key: str, headers: dict[str, str]) -> Reply:
        if key not in self.items:
            return 404, {}, b""
        if not self._guarded(key, headers):
            return 412, {}, b""
        self.remove(key)
        return 204, {}, b""

    def _token(self, place: int) -> str:
        return f"http://fake.example/{self.identity}/{place}"

    def _propfind(self, path: str, headers: dict[str, str]) -> Reply:
        if path != "/cal/":
            return 404, {}, b""
        hrefs = "".join(f"<D:href>{escape(each)}</D:href>" for each in self.faults.addresses)
        reports = "" if self.faults.no_sync else "<D:sync-collection/>"
        ctag = "" if self.faults.no_ctag else f"<S:getctag>{len(self._changes)}</S:getctag>"
        own = (
            "<D:response><D:href>/cal/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/>"
            "<C:calendar/></D:resourcetype><D:displayname>work</D:displayname>"
            f"<D:resource-id><D:href>urn:{self.identity}</D:href></D:resource-id>{ctag}"
            f"<D:supported-report-set>{reports}</D:supported-report-set>"
            f"<C:calendar-user-address-set>{hrefs}</C:calendar-user-address-set></D:prop>"
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
        rest = self._responses(list(self.items), False) if headers.get("depth") == "1" else ""
        return self._multistatus(own + rest)

    def _report(self, path: str, body: str) -> Reply:
        data = "calendar-data" in body
        if "calendar-multiget" in body:
            keys = [canonical_path(href) for href in _HREF.findall(body)]
            hidden = self.faults.multiget_hides
            return self._multistatus(self._responses([k for k in keys if k not in hidden], True))
        if "calendar-query" in body:
            uids = re.findall(r"octet\">([^<]*)<", body)
            found = [key for key, text in self.items.items() if f"UID:{uids[0]}" in text]
            return self._multistatus(self._responses(found, True))
        if self.faults.no_sync:
            return 501, {}, b""
        if data and self.faults.refuse_inline_data:
            return 400, {}, b""
        return self._sync(body, data and not self.faults.no_inline_data)

    def _sync(self, body: str, data: bool) -> Reply:
        found = _TOKEN.search(body)
        token = found[1] if found else ""
        base = self._token(0)[:-1]
        if token and (not token.startswith(base) or not token[len(base) :].isdigit()):
            if self.faults.expired != "full":
                error = f"<D:error {_SPACES}><D:valid-sync-token/></D:error>"
                return int(self.faults.expired), {}, error.encode()
            token = ""
        start = int(token[len(base) :]) if token else 0
        end = len(self._changes)
        if self.faults.page and end - start > self.faults.page:
            end = start + self.faults.page
        keys = list(dict.fromkeys(self._changes[start:end]))
        if not token:
            keys = [key for key in keys if key in self.items]
        if self.faults.repeat_all:
            keys = list(self.items)
        cut = "<D:response><D:href>/cal/</D:href><D:status>HTTP/1.1 507 X</D:status></D:response>"
        rest = cut if end < len(self._changes) else ""
        members = self._responses(keys, data) + rest
        return self._multistatus(f"{members}<D:sync-token>{self._token(end)}</D:sync-token>")

    def _responses(self, keys: list[str], data: bool) -> str:
        parts = []
        for key in keys:
            if key not in self.items:
                parts.append(f"<D:response><D:href>{escape(key)}</D:href>{_GONE}</D:response>")
                continue
            text = escape(self.items[key]) if data else ""
            body = f"<C:calendar-data>{text}</C:calendar-data>" if data else ""
            parts.append(
                f"<D:response><D:href>{escape(key)}</D:href><D:propstat><D:prop>"
                f"<D:getetag>{escape(self.etag(key))}</D:getetag>{body}</D:prop>"
                "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            )
        return "".join(parts)

    @staticmethod
    def _multistatus(inner: str) -> Reply:
        text = f"<D:multistatus {_SPACES}>{inner}</D:multistatus>"
        return 207, {"Content-Type": "application/xml; charset=utf-8"}, text.encode()


class _Handler(BaseHTTPRequestHandler):
    server_state: FakeCalDav
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        headers = {key.lower(): value for key, value in self.headers.items()}
        state = self.server_state
        status, more, content = state.answer(self.command, canonical_path(self.path), body, headers)
        if state.faults.hang_after_write and self.command in ("PUT", "DELETE"):
            state.release.wait(30)
            self.close_connection = True
            return
        self.send_response(status)
        for key, value in {**more, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = do_OPTIONS = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
