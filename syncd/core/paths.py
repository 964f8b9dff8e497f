"""Fields and their elements by path, so that a merge can go value by value.

``("title",)`` is a field; ``("attendees", "li@example.com")``, ``("tags", "vip")``,
``("reminders", "15")``, ``("custom", "floor")`` are elements, whose absence is ``None``;
``("overrides", "20260301T090000", "when")`` is what an occurrence has of its own, ``None`` if
it follows its series; ``("overrides", …, "deleted")`` is ``True`` for an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from syncd.core.model import (
    FIELDS,
    Appointment,
    Attendee,
    Override,
    Value,
    values_of,
    with_values,
)

Path: TypeAlias = tuple[str, ...]
Changes: TypeAlias = Mapping[Path, Value]

DELETED = "deleted"

_SETS = frozenset({"tags", "resources"})


def field_of(path: Path) -> str:
    """The field that rules judge a path by: an occurrence's own time is judged as ``when``."""
    if path[0] == "overrides" and path[2] != DELETED:
        return path[2]
    return path[0]


def path_text(path: Path) -> str:
    """A path as people read it: ``attendees.li@example.com``."""
    return ".".join(path)


def diff(old: Appointment, new: Appointment) -> dict[Path, Value]:
    """What turns ``old`` into ``new``: each path that differs, with its value in ``new``."""
    if old is new or old == new:
        return {}
    changes: dict[Path, Value] = {}
    for name, before, after in zip(FIELDS, values_of(old), values_of(new), strict=True):
        if before is after or before == after:
            continue
        if name == "overrides":
            changes.update(_override_changes(dict(before), dict(after)))
            continue
        elements = _ELEMENTS.get(name)
        if elements is None:
            changes[(name,)] = after
            continue
        ours, theirs = elements(before), elements(after)
        for key in ours.keys() | theirs.keys():
            if ours.get(key) != theirs.get(key):
                changes[(name, key)] = theirs.get(key)
    return changes


def get(appointment: Appointment, path: Path) -> Value:
    """The value at ``path``; ``None`` for an element that is not there."""
    name = path[0]
    whole = getattr(appointment, name)
    if name == "overrides":
        override = appointment.override(path[1])
        if override is None:
            return None
        if path[2] == DELETED:
            return override.deleted or None
        return dict(override.values).get(path[2])
    elements = _ELEMENTS.get(name)
    if elements is None or len(path) == 1:
        return cast(Value, whole)
    if name == "attendees":
        return appointment.attendee(path[1])
    return cast(Value, elements(whole).get(path[1]))


def patch(appointment: Appointment, changes: Changes) -> Appointment:
    """``appointment`` with the values of ``changes`` put in; ``None`` removes an element."""
    if not changes:
        return appointment
    updates: dict[str, Any] = {}
    keyed: dict[str, dict[str, Value]] = {}
    occurrences: dict[str, dict[str, Value]] = {}
    for path, value in changes.items():
        if len(path) == 1:
            updates[path[0]] = value
        elif path[0] == "overrides":
            occurrences.setdefault(path[1], {})[path[2]] = value
        else:
            keyed.setdefault(path[0], {})[path[1]] = value
    for name, elements in keyed.items():
        merged = {**_ELEMENTS[name](updates.get(name, getattr(appointment, name))), **elements}
        kept = {key: value for key, value in merged.items() if value is not None}
        updates[name] = _rebuild(name, kept)
    if occurrences:
        updates["overrides"] = _patched_overrides(appointment, occurrences)
    return with_values(appointment, updates)


def element_paths(appointment: Appointment) -> Iterator[tuple[Path, Value]]:
    """Every path of ``appointment`` with its value: all single fields, all present elements."""
    for name in FIELDS:
        whole = getattr(appointment, name)
        if name == "overrides":
            for key, override in whole:
                if override.deleted:
                    yield (name, key, DELETED), True
                for own, value in override.values:
                    yield (name, key, own), value
        elif name in _ELEMENTS:
            for key, value in _ELEMENTS[name](whole).items():
                yield (name, key), value
        else:
            yield (name,), whole


def is_empty(value: Value) -> bool:
    """Whether a value says nothing: absent, empty text, an empty set, a customer without data."""
    return value is None or value == "" or value in ((), frozenset()) or not value


def _override_changes(
    before: dict[str, Override], after: dict[str, Override]
) -> Iterator[tuple[Path, Value]]:
    nothing = Override()
    for key in before.keys() | after.keys():
        old, new = before.get(key, nothing), after.get(key, nothing)
        if old.deleted != new.deleted:
            yield ("overrides", key, DELETED), new.deleted or None
        old_values, new_values = dict(old.values), dict(new.values)
        for name in old_values.keys() | new_values.keys():
            if old_values.get(name) != new_values.get(name):
                yield ("overrides", key, name), new_values.get(name)


def _patched_overrides(
    appointment: Appointment, occurrences: Mapping[str, Mapping[str, Value]]
) -> tuple[tuple[str, Override], ...]:
    overrides = dict(appointment.overrides)
    for key, own in occurrences.items():
        current = overrides.get(key, Override())
        values = {**dict(current.values), **{k: v for k, v in own.items() if k != DELETED}}
        kept = tuple((name, value) for name, value in values.items() if value is not None)
        overrides[key] = Override(kept, bool(own.get(DELETED, current.deleted)))
    return tuple(overrides.items())


def _rebuild(name: str, elements: Mapping[str, Value]) -> object:
    if name in _SETS:
        return frozenset(elements)
    if name == "reminders":
        return frozenset(int(key) for key in elements)
    if name == "custom":
        return tuple(sorted(cast(Mapping[str, str], elements).items()))
    return tuple(cast(Mapping[str, Attendee], elements).values())


def _attendees(whole: tuple[Attendee, ...]) -> dict[str, Value]:
    return {attendee.email: attendee for attendee in whole}


def _members(whole: frozenset[object]) -> dict[str, Value]:
    return {str(member): True for member in whole}


_ELEMENTS: dict[str, Any] = {
    "attendees": _attendees,
    "tags": _members,
    "resources": _members,
    "reminders": _members,
    "custom": dict,
}
