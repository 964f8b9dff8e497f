"""Properties of our own, for what a calendar cannot hold, or not without mailing somebody.

Their values are base64url, so that no server can harm them: Radicale 3.9 cuts the value of an
X- property at its first comma, others split or re-escape (seen).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable

from connectors.caldav.wire import Component, Line

MARKER = "X-SYNCD-MARKER"
ATTENDEE = "X-SYNCD-ATTENDEE"
ORGANIZER = "X-SYNCD-ORGANIZER"
MEETING = "X-SYNCD-MEETING"
TAG = "X-SYNCD-TAG"
RESOURCE = "X-SYNCD-RESOURCE"
NO_RESOURCE = "X-SYNCD-NO-RESOURCE"


def encoded(value: object) -> str:
    """A JSON value as base64url without padding."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")


def decoded(value: str) -> object:
    """The JSON value, ``None`` if it is none of ours or somebody changed it."""
    bare = value.strip()
    try:
        raw = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
        return json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None


def lines_of(name: str, values: Iterable[object]) -> list[Line]:
    """One line for each value."""
    return [Line(name, "", encoded(value)) for value in values]


def carried_texts(event: Component, name: str) -> list[str]:
    """The texts that lines of this name carry; others are left aside."""
    values = (decoded(line.value) for line in event.lines(name))
    return [value for value in values if isinstance(value, str)]


def carried_records(event: Component, name: str) -> list[dict[str, object]]:
    """The records that lines of this name carry; others are left aside."""
    values = (decoded(line.value) for line in event.lines(name))
    return [value for value in values if isinstance(value, dict)]
