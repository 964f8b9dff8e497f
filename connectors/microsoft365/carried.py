"""What an event has no place for: carried beside it in an extended property of ours. Pure.

For each field: the value, and a digest of what the event itself said of that field then
(``of``). The carried value is read as long as the event still says that; once a person has
changed the event, the person's value counts. People and rooms are carried one by one: those
whom the event does not name (nobody is mailed about them) stay when others are added in
Outlook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.microsoft365.wire import digest
from syncd.core.model import (
    AllDay,
    Attendee,
    Busy,
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

_ENUMS = {"status": Status, "busy": Busy, "visibility": Visibility}


def encode(value: Value) -> object:
    """A field's value as JSON."""
    if isinstance(value, Person):
        return [value.email, value.name]
    if isinstance(value, Attendee):
        return [value.email, value.name, str(value.role), str(value.response)]
    if isinstance(value, Recurrence):
        return {"rules": list(value.rules), "dates": list(value.dates)}
    if isinstance(value, AllDay):
        return [value.start.isoformat(), value.end.isoformat()]
    if isinstance(value, Timed):
        return [value.start.isoformat(), value.end.isoformat(), value.zone]
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(str(each) for each in value)
    return str(value) if isinstance(value, str) else None


def carry(name: str, plain: Value, wanted: Value) -> dict[str, Any] | None:
    """What to carry so that a field reads as ``wanted`` where the event says ``plain``."""
    if plain == wanted:
        return None
    if name == "attendees":
        return _carry_people(plain, wanted)
    if name == "resources":
        assert isinstance(plain, frozenset)
        assert isinstance(wanted, frozenset)
        return {"more": sorted(wanted - plain, key=str), "less": sorted(plain - wanted, key=str)}
    if name == "reminders":
        assert isinstance(wanted, frozenset)
        return {"of": _of(plain), "is": sorted(wanted, key=int)}
    if name == "organizer":
        return {"is": encode(wanted)}  # nobody can change the organizer of an event
    return {"of": _of(plain), "is": encode(wanted)}


def resolve(name: str, plain: Value, carried: Mapping[str, Any]) -> Value:
    """What a field reads as: the carried value, or what the event says."""
    entry = carried.get(name)
    if not isinstance(entry, Mapping):
        return plain
    try:
        if name == "attendees":
            return _resolve_people(plain, entry)
        if name == "resources":
            assert isinstance(plain, frozenset)
            more = {str(each) for each in entry.get("more", ())}
            named = {str(each) for each in plain}
            return frozenset((named | more) - set(entry.get("less", ())))
        if name != "organizer" and entry.get("of") != _of(plain):
            return plain
        return _decode(name, entry.get("is"))
    except (TypeError, ValueError, KeyError, IndexError):
        return plain  # somebody changed what we carry


def _of(value: Value) -> str:
    return digest(encode(value))


def _decode(name: str, value: Any) -> Value:
    if name in _ENUMS:
        return _ENUMS[name](value)
    if name == "organizer":
        return Person(value[0], value[1]) if value else None
    if name == "reminders":
        return frozenset(int(each) for each in value)
    if name == "tags":
        return frozenset(str(each) for each in value)
    if name == "recurrence":
        return Recurrence(tuple(value["rules"]), tuple(value["dates"])) if value else None
    return str(value)


def _carry_people(plain: Value, wanted: Value) -> dict[str, Any]:
    """``others``: people who are not asked by the event. ``instead``: what stands for somebody
    who is, as long as the event says of that one what it says now. ``less``: those left out."""
    named = {each.email: each for each in _attendees(plain)}
    asked = {each.email: each for each in _attendees(wanted)}
    found = {
        "others": [encode(each) for email, each in asked.items() if email not in named],
        "instead": [
            {"of": digest(encode(named[email])), "is": encode(each)}
            for email, each in asked.items()
            if email in named and named[email] != each
        ],
        "less": sorted(named.keys() - asked.keys()),
    }
    return {name: value for name, value in found.items() if value}


def _resolve_people(plain: Value, entry: Mapping[str, Any]) -> Value:
    found = {each.email: each for each in _attendees(plain)}
    instead = {str(each["of"]): _attendee(each["is"]) for each in entry.get("instead", ())}
    for email, each in list(found.items()):
        other = instead.get(digest(encode(each)))
        if other is not None and other.email == email:
            found[email] = other
    for record in entry.get("others", ()):
        other = _attendee(record)
        found.setdefault(other.email, other)
    for email in entry.get("less", ()):
        found.pop(str(email), None)
    return tuple(found[email] for email in sorted(found))


def _attendees(value: Value) -> tuple[Attendee, ...]:
    if not isinstance(value, tuple):
        return ()
    return tuple(each for each in value if isinstance(each, Attendee))


def _attendee(record: Any) -> Attendee:
    email, name, role, response = record
    return Attendee(str(email), str(name), Role(role), Response(response))


def zone_hint(carried: Mapping[str, Any]) -> str:
    """The IANA key from which the name of the event's zone was made."""
    hint = carried.get("zone")
    return hint if isinstance(hint, str) else ""


def zone_carried(when: When, read: When) -> dict[str, str]:
    """What to carry so that ``read`` (the event's plain time) is in the zone of ``when``."""
    if isinstance(when, Timed) and isinstance(read, Timed) and when.zone and when != read:
        return {"zone": when.zone}
    return {}
