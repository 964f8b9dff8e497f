"""The three pages as answers: status, kind of content, body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from prometheus_client import generate_latest

from syncd.web.collector import Page
from syncd.web.health import Part, alive, readiness
from syncd.web.sources import Sources

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
NUMBERS = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/ (read 2026-11)."""


class Answer(NamedTuple):
    """What a page answers."""

    status: HTTPStatus
    kind: str
    body: bytes


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
