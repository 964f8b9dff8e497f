"""What Google has no place for, kept with an event in private extended properties of ours. Pure.

A value is *bound* to Google's own reading of the field at the time: once a person changes that
in Google's calendar, what we carried no longer counts. Google's limits: keys up to 44 characters
and values up to 1,024, beyond which it drops and cuts silently; 300 properties and 32 kB for all.
https://developers.google.com/workspace/calendar/api/guides/extended-properties
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

from connectors.google.wire import Event, Unusable, table_of
from syncd.core.model import (
    AllDay,
    Attendee,
    Busy,
    Override,
    Person,
    Recurrence,
    RecurrenceId,
    Response,
    Role,
    Status,
    Timed,
    Value,
    Visibility,
)

MARKER = "syncd"
"""The property that holds our marker, alone, so that it can be searched."""

_RECORD = "syncd.{}"
_CHUNK = 1000
_MOST = 24_000
"""Characters for all that we carry: a part of the 32 kB is left to others."""

_MOST_UNPACKED = 1_000_000

Json: TypeAlias = Any
Bound: TypeAlias = "tuple[str, Json]"


class TooMuch(Unusable):
    """More than the extended properties of one event can hold."""


@dataclass(slots=True)
class Record:
    """What is carried of one event.

    ``fields``: a field's bound value. ``people`` and ``things``: attendees by address and
    resources by name, each bound alone, ``None`` if it is not there although Google shows it.
    ``plain``: the digest of a description that we wrote as plain text. ``meeting``: our link, the
    last line of the description. ``uid``: the event's id, and the UID it goes by: a duplicate has
    another id. ``strays``: own values of what is no occurrence, bound to time and recurrence.
    """

    fields: dict[str, Bound] = field(default_factory=dict)
    people: dict[str, Bound] = field(default_factory=dict)
    things: dict[str, Bound] = field(default_factory=dict)
    plain: str = ""
    meeting: str = ""
    uid: tuple[str, str] = ("", "")
    strays: tuple[str, dict[RecurrenceId, Json]] = ("", {})

    def __bool__(self) -> bool:
        return self != Record()


def digest(value: Json) -> str:
    """What a carried value is bound to."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def bound_to(name: str, shown: Value) -> str:
    """The digest of what Google shows of a field. Of an organizer the address alone counts: Google
    adds a name to it when it likes."""
    return digest(
        shown.email if name == "organizer" and isinstance(shown, Person) else encode(shown)
    )


def private_of(event: Event) -> Event:
    """The private extended properties."""
    return table_of(table_of(event, "extendedProperties"), "private")


def read_record(event: Event) -> Record:
    """What is carried; nothing where somebody has harmed it."""
    private, parts = private_of(event), list[str]()
    while isinstance(part := private.get(_RECORD.format(len(parts))), str):
        parts.append(part)
    try:
        packed = base64.urlsafe_b64decode("".join(parts))
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _MOST_UNPACKED)
        value = json.loads(text) if unpacker.eof else None
        return _loaded(value) if isinstance(value, dict) else Record()
    except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError):
        return Record()


def _loaded(value: Json) -> Record:
    fields, people, things = (
        {str(key): (str(bound), kept) for key, (bound, kept) in value.get(name, {}).items()}
        for name in ("f", "p", "t")
    )
    identifier, uid = value.get("u", ("", ""))
    bound, strays = value.get("x", ("", {}))
    return Record(
        fields,
        people,
        things,
        plain=str(value.get("d", "")),
        meeting=str(value.get("m", "")),
        uid=(str(identifier), str(uid)),
        strays=(str(bound), dict(strays)),
    )


def properties_of(record: Record, before: Event) -> dict[str, str | None]:
    """The private properties that hold ``record``; ``None`` for those of ``before`` that go.

    Raises :class:`TooMuch`.
    """
    value: dict[str, Json] = {"f": record.fields, "p": record.people, "t": record.things}
    value |= {"d": record.plain, "m": record.meeting}
    value |= {"u": record.uid if record.uid[1] else None}
    value |= {"x": record.strays if record.strays[1] else None}
    kept = {key: each for key, each in value.items() if each}
    text = ""
    if kept:
        raw = json.dumps(kept, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        text = base64.urlsafe_b64encode(zlib.compress(raw.encode(), 9)).decode()
    if len(text) > _MOST:
        raise TooMuch("it has more than Google's extended properties can hold")
    parts = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    named: dict[str, str | None] = {_RECORD.format(n): part for n, part in enumerate(parts)}
    for number in range(len(parts), len(parts) + 300):
        name = _RECORD.format(number)
        if name not in private_of(before):
            break
        named[name] = None
    return named


def encode(value: Value) -> Json:
    """A canonical value as JSON; :func:`decode` knows its type by the field."""
    if isinstance(value, Timed):
        return [value.start.isoformat(), value.end.isoformat(), value.zone]
    if isinstance(value, AllDay):
        return [value.start.isoformat(), value.end.isoformat()]
    if isinstance(value, Person):
        return [value.email, value.name]
    if isinstance(value, Attendee):
        return [value.email, value.name, str(value.role), str(value.response)]
    if isinstance(value, Recurrence):
        return [list(value.rules), list(value.dates)]
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, str) else None


def decode(name: str, value: Json) -> Value:
    """The value of a field. Raises ``ValueError`` or ``TypeError`` for what is none."""
    if name == "when":
        if len(value) == 3:
            start, end = (datetime.fromisoformat(each) for each in value[:2])
            return Timed(start, end, value[2])
        return AllDay(*(date.fromisoformat(each) for each in value))
    if name == "organizer":
        return Person(*map(str, value)) if value is not None else None
    if name == "recurrence":
        return Recurrence(tuple(value[0]), tuple(value[1])) if value is not None else None
    if name == "attendees":
        return tuple(decode_attendee(each) for each in value)
    if name == "reminders":
        return frozenset(int(each) for each in value)
    if name in ("tags", "resources"):
        return frozenset(str(each) for each in value)
    kinds = {"status": Status, "busy": Busy, "visibility": Visibility}
    return kinds[name](value) if name in kinds else str(value)


def decode_attendee(value: Json) -> Attendee:
    """An attendee. Raises ``ValueError`` or ``TypeError``."""
    email, name, role, response = value
    return Attendee(str(email), str(name), Role(role), Response(response))


def encode_override(own: Override) -> Json:
    """What an occurrence has of its own, as JSON."""
    return None if own.deleted else {name: encode(value) for name, value in own.values}


def decode_override(value: Json) -> Override:
    """Its counterpart. Raises ``ValueError`` or ``TypeError``."""
    if value is None:
        return Override(deleted=True)
    return Override(tuple((name, decode(name, each)) for name, each in value.items()))
