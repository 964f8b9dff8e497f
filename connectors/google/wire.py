"""Google's types: an event as JSON, and a series as one text. Nothing is interpreted here.

An appointment is one event, or a series: its master and the exceptions of it that Google lists
beside it. The wire form of a copy is the JSON of both, its version is made of their ETags.
https://developers.google.com/workspace/calendar/api/concepts/events-calendars
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from syncd.core.state import Version

Event: TypeAlias = dict[str, Any]
"""An event resource, as Google gives it."""

DEFAULT = "default"
READ_TYPES = (DEFAULT, "focusTime", "fromGmail", "outOfOffice")
"""The types of events that are looked at. A birthday and a working location are no appointments:
they are neither asked for nor taken."""


OF_A_CANCELLED = ("id", "etag", "status", "recurringEventId", "originalStartTime")


class Unusable(ValueError):
    """The item cannot be read or written: one line that says why, without personal data."""


class WireError(ValueError):
    """The text is no wire form of ours, or the event none of Google's."""


@dataclass(slots=True)
class Series:
    """An event; if it repeats, with its exceptions by id, the cancelled ones among them.

    Of those only what every list tells: with ``showDeleted`` there would be more.
    """

    event: Event
    exceptions: dict[str, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, each in self.exceptions.items():
            if is_cancelled(each):
                kept = {name: each[name] for name in OF_A_CANCELLED if name in each}
                self.exceptions[key] = kept

    @property
    def key(self) -> str:
        """The id of the event."""
        return str(self.event["id"])

    @property
    def version(self) -> Version | None:
        """The ETags of all of it: a moved exception does not move its master's."""
        etag = text_of(self.event, "etag")
        if not etag or not self.exceptions:
            return etag or None
        own = sorted((key, text_of(each, "etag")) for key, each in self.exceptions.items())
        return f"{etag}+{hashlib.sha256(repr(own).encode()).hexdigest()[:16]}"

    def dumps(self) -> str:
        """As text, for the store."""
        exceptions = [self.exceptions[key] for key in sorted(self.exceptions)]
        value = {"event": self.event, "exceptions": exceptions}
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return text.encode("utf-8", "replace").decode()


def loads(text: str) -> Series:
    """What :meth:`Series.dumps` gave. Raises :class:`WireError`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("the wire form is no JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("exceptions"), list):
        raise WireError("the wire form is no event")
    return series_of(value.get("event"), value["exceptions"])


def series_of(event: object, exceptions: Iterable[object] = ()) -> Series:
    """An event with its exceptions. Raises :class:`WireError`."""
    checked = [checked_event(each) for each in exceptions]
    return Series(checked_event(event), {str(each["id"]): each for each in checked})


def checked_event(value: object) -> Event:
    """An event resource with an id. Raises :class:`WireError`."""
    if not isinstance(value, dict) or not text_of(value, "id"):
        raise WireError("the answer has an item that is no event")
    return value


def text_of(value: Event, key: str) -> str:
    """A text in a resource; empty where there is none."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def table_of(value: Event, key: str) -> Event:
    """An object in a resource; empty where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def list_of(value: Event, key: str) -> list[Event]:
    """A list of objects in a resource; whatever else is in it is left aside."""
    found = value.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def is_cancelled(event: Event) -> bool:
    """Whether it is a tombstone, or an occurrence that does not take place."""
    return text_of(event, "status") == "cancelled"


def is_series(event: Event) -> bool:
    """Whether it repeats."""
    return bool(event.get("recurrence"))


def parent_of(event: Event) -> str:
    """The id of the series whose exception it is; empty for any other event."""
    return text_of(event, "recurringEventId")


def is_read(event: Event) -> bool:
    """Whether it is of a type that is looked at. A tombstone may tell no type."""
    return text_of(event, "eventType") in ("", *READ_TYPES)
