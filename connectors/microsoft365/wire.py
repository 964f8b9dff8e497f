"""The wire form: an event of Graph as JSON, with the exceptions of its series.

Kept are the properties that are asked for (:data:`SELECT`), our two extended properties, and of
a series its exceptions and the days on which it is cancelled, so that a stored form can be read
with another version of syncd.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]
"""An event as Graph writes it."""

_GUID = "{5a3c0f0e-7d1b-4f0a-9a5e-53c8d7a1b64d}"
MARKER = f"String {_GUID} Name SyncdMarker"
"""The extended property with our marker: an event is found by it."""
CARRIED = f"String {_GUID} Name SyncdCarried"
"""The extended property with what an event has no place for (``carried``)."""

SELECT = (
    *("id", "iCalUId", "transactionId", "type", "seriesMasterId", "subject", "body", "start"),
    *("end", "originalStartTimeZone", "originalStart", "isAllDay", "location", "showAs"),
    *("sensitivity", "categories", "isReminderOn", "reminderMinutesBeforeStart", "recurrence"),
    *("attendees", "organizer", "isOrganizer", "isCancelled", "isOnlineMeeting"),
    *("onlineMeeting", "lastModifiedDateTime"),
)
_KEPT = frozenset(SELECT)
_OWN = f"singleValueExtendedProperties($filter=id eq '{MARKER}' or id eq '{CARRIED}')"
FIELDS: Mapping[str, str] = {"$select": ",".join(SELECT), "$expand": _OWN}
"""The query that lists events whole."""
ENTIRE: Mapping[str, str] = {
    "$select": ",".join((*SELECT, "cancelledOccurrences", "exceptionOccurrences")),
    "$expand": f"{_OWN},exceptionOccurrences",
}
"""The query that gets one event whole, and its exceptions if it is a series. In Graph's
documentation both stand with the beta; other programs use them on v1.0."""

_MOVING = frozenset({"@odata.etag", "lastModifiedDateTime"})

MAX_CHARACTERS = 4_000_000
"""The largest wire form that is read."""

SERIES = "S "
"""What the version of a series begins with, before its ETag."""


class WireError(ValueError):
    """The text is no event that can be used; says why in one line."""


@dataclass(slots=True)
class Item:
    """An event with what belongs to it. ``exceptions`` are events, ``cancelled`` days
    (``2026-03-16``) on which no occurrence takes place."""

    event: Event
    marker: str = ""
    carried: dict[str, Any] = field(default_factory=dict)
    exceptions: list[Event] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    @property
    def is_series(self) -> bool:
        """Whether it repeats."""
        return self.event.get("recurrence") is not None

    @property
    def version(self) -> str:
        """The version of a copy: the ETag, marked where it is that of a series."""
        etag = str(self.event.get("@odata.etag", ""))
        return (SERIES if self.is_series else "") + etag

    @property
    def content(self) -> tuple[object, ...]:
        """All that a person can change: the item without its version and time of change."""
        events = [
            {name: value for name, value in event.items() if name not in _MOVING}
            for event in (self.event, *self.exceptions)
        ]
        return events, self.marker, self.carried, self.cancelled

    def text(self) -> str:
        """The wire form."""
        whole: dict[str, Any] = {"event": self.event, "marker": self.marker}
        for name in ("carried", "exceptions", "cancelled"):
            value = getattr(self, name)
            if value:
                whole[name] = value
        return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def etag_of(version: str | None) -> str:
    """The ETag in a version."""
    return (version or "").removeprefix(SERIES)


def parse(text: str) -> Item:
    """The wire form in ``text``. Raises :class:`WireError`."""
    if len(text) > MAX_CHARACTERS:
        raise WireError(f"larger than {MAX_CHARACTERS} characters")
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("no JSON") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("event"), dict):
        raise WireError("no event")
    return Item(
        whole["event"],
        str(whole.get("marker", "")),
        _record(whole.get("carried")),
        [each for each in _list(whole.get("exceptions")) if isinstance(each, dict)],
        [str(each) for each in _list(whole.get("cancelled"))],
    )


def item_of(answered: Mapping[str, Any]) -> Item:
    """What an answer of Graph is, less what is not kept."""
    marker, carried = "", ""
    for each in _list(answered.get("singleValueExtendedProperties")):
        name, value = _record(each).get("id"), str(_record(each).get("value", ""))
        # Exchange answers with the GUID in the case that it likes.
        if str(name).lower() == MARKER.lower():
            marker = value
        elif str(name).lower() == CARRIED.lower():
            carried = value
    exceptions = [_kept(each) for each in _list(answered.get("exceptionOccurrences"))]
    return Item(
        _kept(answered),
        marker,
        _carried(carried),
        sorted(exceptions, key=lambda each: str(each.get("originalStart"))),
        sorted(_day(each) for each in _list(answered.get("cancelledOccurrences"))),
    )


def extended(marker: str, carried: Mapping[str, Any]) -> list[dict[str, str]]:
    """Our extended properties as Graph takes them; ``marker`` may be empty: it stays."""
    text = json.dumps(carried, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    found = [{"id": CARRIED, "value": text}]
    return [{"id": MARKER, "value": marker}, *found] if marker else found


def digest(value: object) -> str:
    """A short name of a JSON value."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _kept(answered: Mapping[str, Any]) -> Event:
    event = {name: value for name, value in _record(answered).items() if name in _KEPT}
    etag = _record(answered).get("@odata.etag")
    return {**event, "@odata.etag": etag} if etag else event


def _carried(text: str) -> dict[str, Any]:
    try:
        return _record(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}


def _day(occurrence: object) -> str:
    """The day in ``OID.{series}.{day}`` (Graph's ``occurrenceId``)."""
    return str(occurrence).rpartition(".")[2]


def _record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
