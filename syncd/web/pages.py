"""The three pages: who asks the store takes turns, since the loop needs its connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus

from prometheus_client import generate_latest

from syncd.web.collector import Page
from syncd.web.health import Part, alive, readiness
from syncd.web.site import TEXT, Answer, Bounds, Request
from syncd.web.sources import Sources

JSON = "application/json; charset=utf-8"
NUMBERS = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/ (read 2026-11)."""


class Pages:
    """The site of the pages."""

    methods = ("GET",)
    bounds = Bounds()

    def __init__(self, sources: Sources) -> None:
        self._sources, self._began = sources, time.monotonic()
        self._turn = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """The page. One at a time asks the store; whether the loop is alive is told whatever the
        store does."""
        path = request.target
        if path.startswith("/healthz"):
            return answer(path, self._sources, self._began)
        if not self._turn.acquire(timeout=self.bounds.seconds):
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, b"busy\n")
        try:
            return answer(path, self._sources, self._began)
        finally:
            self._turn.release()


def answer(path: str, sources: Sources, began: float) -> Answer:
    """The page at ``path``; ``began``: since when pages are served (``time.monotonic()``)."""
    match path.partition("?")[0]:
        case "/healthz":
            return _judged("alive", [alive(sources, began)])
        case "/readyz":
            return _judged("ready", readiness(sources))
        case "/metrics":
            return Answer(HTTPStatus.OK, NUMBERS, generate_latest(Page(sources)))
    return Answer(HTTPStatus.NOT_FOUND, TEXT, b"/healthz, /readyz, /metrics\n")


def _judged(word: str, parts: Sequence[Part]) -> Answer:
    good = all(part.ok for part in parts)
    told = {word: good, "parts": [part.as_json() for part in parts]}
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, JSON, json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n")
