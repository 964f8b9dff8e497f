"""The wire form of the simulated remote: one JSON object an item, one property a field.

``{"uid": …, "marker": …, "title": …, "when": {…}, "x-vendor": …}``. A property that is not
there has its field's empty value. Whatever is not a field (``x-…``, and unknown keys inside
attendees and overrides) belongs to the vendor and is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, TypeAlias

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
    Visibility,
    When,
)

Properties: TypeAlias = dict[str, Any]
"""A parsed wire form; this module is the edge at which it becomes an appointment."""

_EMPTY = Appointment(Timed(datetime(1970, 1, 1), datetime(1970, 1, 1)))


def parse(wire: str) -> Properties:
    """The properties of a wire form. Raises ``ValueError`` if it is not a JSON object."""
    properties = json.loads(wire)
    if not isinstance(properties, dict):
        raise ValueError("not a JSON object")
    return properties


def dump(properties: Properties, *, reordered: bool = False) -> str:
    """The text of ``properties``; ``reordered`` as a server that rewrites what it is sent."""
    if reordered:
        properties = dict(sorted(properties.items(), reverse=True))
    return json.dumps(properties, ensure_ascii=False)


def read(properties: Properties, carried: Iterable[str] = FIELDS) -> Appointment:
    """The appointment in ``properties``; raises ``ValueError`` if it cannot be read."""
    try:
        values = {
            name: _DECODE[name](properties[name])
            for name in carried
            if properties.get(name) is not None
        }
        return Appointment(**{"when": _DECODE["when"](properties["when"]), **values})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"unreadable: {type(error).__name__}") from error


def write(appointment: Appointment, carried: Iterable[str] = FIELDS) -> Properties:
    """The properties of a new item that reads as ``appointment``."""
    return change({}, None, appointment, carried)


def change(
    properties: Properties,
    old: Appointment | None,
    new: Appointment,
    carried: Iterable[str] = FIELDS,
) -> Properties:
    """``properties`` that read as ``old`` so that they read as ``new``; the rest stays as it is."""
    changed = dict(properties)
    wanted = frozenset(carried)
    for name in (each for each in FIELDS if each in wanted):
        before = None if old is None else getattr(old, name)
        after = getattr(new, name)
        if old is not None and before == after:
            continue
        merge = _MERGE.get(name)
        encoded = _ENCODE[name](after)
        if merge is not None and name in changed:
            encoded = merge(changed[name], encoded)
        if after == getattr(_EMPTY, name) and not encoded:
            changed.pop(name, None)
        else:
            changed[name] = encoded
    return changed


def shown(properties: Properties) -> Properties:
    """As the item is shown: ``guests`` (attendees kept where nobody mails them) take effect."""
    if "guests" not in properties:
        return properties
    people = {each["email"]: each for each in properties.get("attendees", [])}
    people |= {each["email"]: each for each in properties["guests"]}
    attendees = [people[email] for email in sorted(people) if not people[email].get("removed")]
    rest = {name: value for name, value in properties.items() if name != "guests"}
    return {**rest, "attendees": attendees}


def aside(properties: Properties, wanted: Properties) -> Properties:
    """``wanted`` with its attendees kept as ``guests``, the held ``attendees`` untouched."""
    held = {each["email"]: each for each in properties.get("attendees", [])}
    people = {each["email"]: each for each in wanted.get("attendees", [])}
    guests = [each for email, each in people.items() if held.get(email) != each]
    guests += [{"email": email, "removed": True} for email in held if email not in people]
    moved = {name: value for name, value in wanted.items() if name not in ("attendees", "guests")}
    if held:
        moved["attendees"] = properties["attendees"]
    if guests:
        moved["guests"] = guests
    return moved


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _encode_when(when: When) -> Properties:
    if isinstance(when, AllDay):
        return {"day": when.start.isoformat(), "until": when.end.isoformat()}
    return {"start": when.start.isoformat(), "end": when.end.isoformat(), "zone": when.zone}


def _decode_when(value: Properties) -> When:
    if "day" in value:
        return AllDay(date.fromisoformat(value["day"]), date.fromisoformat(value["until"]))
    start, end = datetime.fromisoformat(value["start"]), datetime.fromisoformat(value["end"])
    return Timed(start, end, value["zone"])


def _encode_person(person: Person | None) -> Properties | None:
    return None if person is None else {"email": person.email, "name": person.name}


def _encode_customer(customer: Customer | None) -> Properties | None:
    if customer is None:
        return None
    ids = [list(pair) for pair in customer.ids]
    return {"name": customer.name, "phone": customer.phone, "email": customer.email, "ids": ids}


def _decode_customer(value: Properties) -> Customer:
    ids = tuple((system, key) for system, key in value["ids"])
    return Customer(value["name"], value["phone"], value["email"], ids)


def _encode_attendees(attendees: tuple[Attendee, ...]) -> list[Properties]:
    return [
        {"email": a.email, "name": a.name, "role": str(a.role), "response": str(a.response)}
        for a in attendees
    ]


def _decode_attendees(value: list[Properties]) -> tuple[Attendee, ...]:
    return tuple(
        Attendee(each["email"], each["name"], Role(each["role"]), Response(each["response"]))
        for each in value
    )


def _encode_recurrence(recurrence: Recurrence | None) -> Properties | None:
    if recurrence is None:
        return None
    return {"rules": list(recurrence.rules), "dates": list(recurrence.dates)}


def _decode_recurrence(value: Properties) -> Recurrence:
    return Recurrence(tuple(value["rules"]), tuple(value["dates"]))


def _encode_overrides(overrides: tuple[tuple[str, Override], ...]) -> Properties:
    return {
        key: {name: _ENCODE[name](own) for name, own in override.values}
        | ({"deleted": True} if override.deleted else {})
        for key, override in overrides
    }


def _decode_overrides(value: Properties) -> tuple[tuple[str, Override], ...]:
    return tuple(
        (
            key,
            Override(
                tuple((name, _DECODE[name](own[name])) for name in own if name in _DECODE),
                bool(own.get("deleted")),
            ),
        )
        for key, own in value.items()
    )


def _merge_attendees(held: list[Properties], new: list[Properties]) -> list[Properties]:
    """The new attendees in the order in which they are held, with what the vendor keeps on each."""
    wanted = {each["email"]: each for each in new}
    kept = [{**each, **wanted.pop(each["email"])} for each in held if each["email"] in wanted]
    return kept + list(wanted.values())


def _merge_list(held: list[Any], new: list[Any]) -> list[Any]:
    return [each for each in held if each in new] + [each for each in new if each not in held]


def _merge_overrides(held: Properties, new: Properties) -> Properties:
    """The new overrides with the vendor's own properties of each occurrence."""
    merged = {}
    for key in held | new:
        foreign = {n: own for n, own in held.get(key, {}).items() if n[:2] == "x-"}
        together = foreign | new.get(key, {})
        if together:
            merged[key] = together
    return merged


_ENCODE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("title", "description", "location", "online_meeting", "owner", "kind"), _text),
    **dict.fromkeys(("status", "busy", "visibility"), str),
    **dict.fromkeys(("resources", "tags", "reminders"), sorted),
    "when": _encode_when,
    "organizer": _encode_person,
    "attendees": _encode_attendees,
    "customer": _encode_customer,
    "recurrence": _encode_recurrence,
    "overrides": _encode_overrides,
    "custom": dict,
}
_DECODE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("title", "description", "location", "online_meeting", "owner", "kind"), _text),
    **dict.fromkeys(("resources", "tags", "reminders"), frozenset),
    "status": Status,
    "busy": Busy,
    "visibility": Visibility,
    "when": _decode_when,
    "organizer": lambda value: Person(value["email"], value["name"]),
    "attendees": _decode_attendees,
    "customer": _decode_customer,
    "recurrence": _decode_recurrence,
    "overrides": _decode_overrides,
    "custom": lambda value: tuple(value.items()),
}
_MERGE: dict[str, Callable[[Any, Any], Any]] = {
    "attendees": _merge_attendees,
    "resources": _merge_list,
    "tags": _merge_list,
    "reminders": _merge_list,
    "overrides": _merge_overrides,
}
