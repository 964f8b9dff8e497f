"""Appointments and values to compact JSON and back, exactly.

Fields that hold their default are left out. Text is kept as it is (no ASCII escapes), except
for lone surrogates, which neither SQLite nor PostgreSQL can hold. What is read back is built
without judging it again: it was canonical when it was stored, so it equals what was written
even where a rule of canonical form (or the time zone database) has changed since.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any, TypeAlias, TypeVar

from syncd.core.model import (
    FIELDS,
    AllDay,
    Appointment,
    Attendee,
    Busy,
    Customer,
    Override,
    Person,
    Recurrence,
    Response,
    Role,
    Status,
    Timed,
    Value,
    Visibility,
    When,
)

Json: TypeAlias = Any
"""What ``json`` reads: checked nowhere else, since only this package writes it."""

_Built = TypeVar("_Built")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SURROGATE = re.compile("[\ud800-\udfff]")
_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_escaped = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def dumps(data: Json) -> str:
    """Compact JSON that every database can hold."""
    text = _plain(data)
    return text if text.isascii() or not _SURROGATE.search(text) else _escaped(data)


def loads(text: str) -> Json:
    """What :func:`dumps` was given, tuples as lists."""
    return json.loads(text)


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (instant - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=512)
def from_micros(micros: int) -> datetime:
    """The instant, in UTC, of :func:`to_micros`. Of many rows it is the same one."""
    return _EPOCH + timedelta(microseconds=micros)


def optional_micros(instant: datetime | None) -> int | None:
    """As :func:`to_micros`, ``None`` stays."""
    return None if instant is None else to_micros(instant)


def optional_instant(micros: int | None) -> datetime | None:
    """As :func:`from_micros`, ``None`` stays."""
    return None if micros is None else from_micros(micros)


def encode_appointment(appointment: Appointment) -> str:
    """An appointment as text."""
    return dumps(appointment_data(appointment))


@lru_cache(maxsize=512)
def decode_appointment(text: str) -> Appointment:
    """The appointment that :func:`encode_appointment` was given.

    A copy's reading, its settled reading and what was asked of it are mostly the same text:
    then they are the same object here, which comparisons notice at once.
    """
    return appointment_of(json.loads(text))


def appointment_data(appointment: Appointment) -> dict[str, Json]:
    """An appointment as JSON data, without the fields that hold their default."""
    data: dict[str, Json] = {}
    for name, default, encode in _ENCODERS:
        value = getattr(appointment, name)
        if value is not default and value != default:
            data[name] = value if encode is None else encode(value)
    return data


def appointment_of(data: Mapping[str, Json]) -> Appointment:
    """The appointment that :func:`appointment_data` was given."""
    appointment = object.__new__(Appointment)
    put = object.__setattr__
    for name, default, decode in _DECODERS:
        if name not in data:
            put(appointment, name, default)
        elif decode is None:
            put(appointment, name, data[name])
        else:
            put(appointment, name, decode(data[name]))
    return appointment


def encode_value(value: Value | tuple[Any, ...]) -> Json:
    """Any value of a field or an element as JSON data; what is not plain becomes a tagged list."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if isinstance(value, tuple):
        return _encode_tuple(value)
    if isinstance(value, frozenset):
        return ["set", sorted(value)]
    tag, encode = _VALUE_ENCODERS[kind]
    return [tag, encode(value)]


def decode_value(data: Json) -> Any:
    """The value that :func:`encode_value` was given."""
    if not isinstance(data, list):
        return data
    tag, body = data
    return _VALUE_DECODERS[tag](body)


def _restored(kind: type[_Built], values: Iterable[object]) -> _Built:
    """An instance of a frozen dataclass with these values, in order, not judged again."""
    built = object.__new__(kind)
    for name, value in zip(kind.__slots__, values, strict=True):  # type: ignore[attr-defined]  # every kind here is a dataclass with slots
        object.__setattr__(built, name, value)
    return built


def _encode_tuple(value: tuple[Any, ...]) -> Json:
    """A whole ``attendees``, ``custom`` or ``overrides``."""
    if value and isinstance(value[0], Attendee):
        return ["attendees", [_encode_attendee(each) for each in value]]
    if value and isinstance(value[0][1], Override):
        return ["overrides", _encode_overrides(value)]
    return ["pairs", [list(pair) for pair in value]]


def _encode_when(when: When) -> Json:
    if isinstance(when, AllDay):
        return [when.start.isoformat(), when.end.isoformat()]
    return [when.start.isoformat(), when.end.isoformat(), when.zone]


def _decode_when(data: Json) -> When:
    if len(data) == 2:
        return _restored(AllDay, (date.fromisoformat(data[0]), date.fromisoformat(data[1])))
    start, end, zone = data
    zone = intern(zone) if zone else zone  # the same in thousands
    return _restored(Timed, (datetime.fromisoformat(start), datetime.fromisoformat(end), zone))


def _encode_person(person: Person) -> Json:
    return [person.email, person.name]


def _decode_person(data: Json) -> Person:
    return _restored(Person, data)


def _encode_attendee(attendee: Attendee) -> Json:
    if attendee.role is Role.REQUIRED and attendee.response is Response.NONE:
        return [attendee.email, attendee.name] if attendee.name else [attendee.email]
    return [attendee.email, attendee.name, attendee.role, attendee.response]


def _decode_attendee(data: Json) -> Attendee:
    if len(data) == 4:
        email, name, role, response = data
        return _restored(Attendee, (email, name, Role(role), Response(response)))
    name = data[1] if len(data) == 2 else ""
    return _restored(Attendee, (data[0], name, Role.REQUIRED, Response.NONE))


def _encode_attendees(attendees: tuple[Attendee, ...]) -> Json:
    return [_encode_attendee(each) for each in attendees]


def _decode_attendees(data: Json) -> tuple[Attendee, ...]:
    return tuple(_decode_attendee(each) for each in data)


def _encode_customer(customer: Customer) -> Json:
    return [customer.name, customer.phone, customer.email, [list(pair) for pair in customer.ids]]


def _decode_customer(data: Json) -> Customer:
    name, phone, email, ids = data
    return _restored(Customer, (name, phone, email, tuple((kind, own) for kind, own in ids)))


def _encode_recurrence(recurrence: Recurrence) -> Json:
    return [list(recurrence.rules), list(recurrence.dates)]


def _decode_recurrence(data: Json) -> Recurrence:
    return _restored(Recurrence, (tuple(data[0]), tuple(data[1])))


def _encode_override(override: Override) -> Json:
    values = [[name, encode_value(value)] for name, value in override.values]
    return [values, True] if override.deleted else [values]


def _decode_override(data: Json) -> Override:
    values = tuple((name, decode_value(value)) for name, value in data[0])
    return _restored(Override, (values, len(data) == 2))


def _encode_overrides(overrides: tuple[tuple[str, Override], ...]) -> Json:
    return [[key, _encode_override(override)] for key, override in overrides]


def _decode_overrides(data: Json) -> tuple[tuple[str, Override], ...]:
    return tuple((key, _decode_override(override)) for key, override in data)


@lru_cache(maxsize=512)
def _shared(values: tuple[Any, ...]) -> frozenset[Any]:
    """Equal sets once: most appointments have the same few tags and reminders."""
    return frozenset(values)


def _decode_set(data: Json) -> frozenset[Any]:
    return _shared(tuple(data))


def _decode_pairs(data: Json) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in data)


_Coder: TypeAlias = Callable[[Any], Any] | None

_FIELD_CODERS: dict[str, tuple[_Coder, _Coder]] = {
    "when": (_encode_when, _decode_when),
    "status": (None, Status),
    "busy": (None, Busy),
    "visibility": (None, Visibility),
    "organizer": (_encode_person, _decode_person),
    "attendees": (_encode_attendees, _decode_attendees),
    "customer": (_encode_customer, _decode_customer),
    "resources": (sorted, _decode_set),
    "tags": (sorted, _decode_set),
    "reminders": (sorted, _decode_set),
    "recurrence": (_encode_recurrence, _decode_recurrence),
    "overrides": (_encode_overrides, _decode_overrides),
    "custom": (list, _decode_pairs),
}
"""Fields that are not plain text, with what makes JSON data of them and back."""

_DEFAULTS = {
    each.name: None if each.default is MISSING else each.default for each in fields(Appointment)
}
_ENCODERS = tuple(
    (name, _DEFAULTS[name], _FIELD_CODERS.get(name, (None, None))[0]) for name in FIELDS
)
_DECODERS = tuple(
    (name, _DEFAULTS[name], _FIELD_CODERS.get(name, (None, None))[1]) for name in FIELDS
)

_VALUE_ENCODERS: dict[type, tuple[str, Callable[[Any], Json]]] = {
    Timed: ("when", _encode_when),
    AllDay: ("when", _encode_when),
    Person: ("person", _encode_person),
    Attendee: ("attendee", _encode_attendee),
    Customer: ("customer", _encode_customer),
    Recurrence: ("recurrence", _encode_recurrence),
    Status: ("status", str),
    Busy: ("busy", str),
    Visibility: ("visibility", str),
}
_VALUE_DECODERS: dict[str, Callable[[Any], Any]] = {
    "when": _decode_when,
    "person": _decode_person,
    "attendee": _decode_attendee,
    "customer": _decode_customer,
    "recurrence": _decode_recurrence,
    "status": Status,
    "busy": Busy,
    "visibility": Visibility,
    "attendees": _decode_attendees,
    "overrides": _decode_overrides,
    "pairs": _decode_pairs,
    "set": frozenset,
}
