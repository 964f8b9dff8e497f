"""Bare requests by the standard library: the floor that every client stands on."""

from __future__ import annotations

import http.client
import re
import threading
from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

_SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_CHANGES = (
    f'<?xml version="1.0" encoding="utf-8"?><D:sync-collection {_SPACES}>'
    "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>"
    "<D:prop><D:getetag/><D:getcontenttype/>{data}</D:prop></D:sync-collection>"
)
_LISTING = (
    f'<?xml version="1.0" encoding="utf-8"?><D:propfind {_SPACES}>'
    "<D:prop><D:getetag/><D:getcontenttype/><D:resourcetype/></D:prop></D:propfind>"
)
_TOKEN = re.compile(rb"sync-token>([^<]+)<")


class Wire:
    """Connections to one server, one for each thread, kept open as long as the server does."""

    def __init__(self, url: str, username: str = "", password: str = "") -> None:
        self._host = urlsplit(url).netloc
        self._local = threading.local()
        self._headers = {}
        if username:
            secret = b64encode(f"{username}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {secret}"

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """One request; anything but success is an error."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection(self._host)
        connection.request(method, path, body or None, {**self._headers, **headers})
        with connection.getresponse() as answer:
            content = answer.read()
        if answer.status not in (200, 201, 204, 207):
            raise RuntimeError(f"{method} {path}: HTTP {answer.status}")
        return content

    def put_all(self, path: str, items: Iterable[tuple[str, bytes]], concurrency: int) -> None:
        """PUT every body under a new name, so many at once."""
        headers = {"Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
        with ThreadPoolExecutor(concurrency) as pool:
            for _ in pool.map(
                lambda item: self.send("PUT", path + item[0], item[1], headers), items
            ):
                pass

    def changes(self, path: str, token: str) -> bytes:
        """What has changed since a token: the request of a poll."""
        data = "<C:calendar-data/>" if token else ""
        body = _CHANGES.format(token=token, data=data).encode()
        return self.send("REPORT", path, body, {"Depth": "0", "Content-Type": "application/xml"})

    def sync_token(self, path: str) -> str:
        """The token of now."""
        found = _TOKEN.search(self.changes(path, ""))
        if found is None:
            raise RuntimeError(f"{path}: no sync token")
        return found[1].decode()

    def propfind(self, path: str) -> bytes:
        """Names and ETags of everything."""
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        return self.send("PROPFIND", path, _LISTING.encode(), headers)
