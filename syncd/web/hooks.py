"""The door for vendors that tell of changes. Nothing comes in but that a look may be made sooner.

Anybody can reach it. Each request is read by its system's plugin, and answered as that says,
whether what it tells is believed or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from syncd.connector import Notice, Receives
from syncd.doorbell import Doorbell
from syncd.web.site import TEXT, Answer, Bounds, Request

MOST_BODY = 64 * 1024
"""Bytes of the largest notification."""

MOST_FIELDS = 32
"""Parameters of the longest query."""


class Hooks:
    """The site of the webhooks. ``path``: that of the public address, ends in ``/``."""

    methods = ("GET", "POST")
    bounds = Bounds(connections=64, body=MOST_BODY)

    def __init__(self, path: str, receivers: Mapping[str, Receives], bell: Doorbell) -> None:
        self._path, self._receivers, self._bell = path, receivers, bell

    def answer(self, request: Request) -> Answer:
        """What the vendor wants to hear, at once; the work is done by the daemon's loop."""
        path, _, query = request.target.partition("?")
        name = unquote(path.removeprefix(self._path)) if path.startswith(self._path) else ""
        receiver = self._receivers.get(name)
        if receiver is None:
            return Answer(HTTPStatus.NOT_FOUND, TEXT, b"not found\n")
        try:
            fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            return Answer(HTTPStatus.BAD_REQUEST, TEXT, b"bad request\n")
        told = dict(reversed(fields))
        receipt = receiver.receive(Notice(request.method, told, request.headers, request.body))
        self._bell.ring(name, receipt)
        return Answer(receipt.status, TEXT, receipt.body.encode("utf-8", "replace"))


def path_of(url: str) -> str:
    """The path of the public address."""
    return urlsplit(url).path or "/"
