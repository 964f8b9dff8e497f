"""``field = value or list`` tables of filters and rules, checked against the model."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from syncd.core.model import FIELDS, Busy, Status, Visibility, clean_line, normalise_email
from syncd.problems import nearest
from syncd.validation import fail, shown

Criteria: TypeAlias = Mapping[str, frozenset[str]]
"""Field to the values it may have, as text; all must match."""

VOCABULARIES: Mapping[str, type[StrEnum]] = {
    "status": Status,
    "busy": Busy,
    "visibility": Visibility,
}
"""Fields whose values are fixed."""

ADDRESS_FIELDS = frozenset({"organizer", "owner", "attendees", "customer"})
"""Fields that are compared by e-mail address."""

COMPARABLE_FIELDS = (
    frozenset({"title", "location", "online_meeting", "kind", "tags", "resources"})
    | VOCABULARIES.keys()
    | ADDRESS_FIELDS
)
"""Fields that can be compared with text; the others are times, free text or structures."""


def criteria(value: object) -> Criteria:
    """A table of conditions as field to allowed values, all in canonical form.

    Raises a validator's error (``validation.fail``) that points at the culprit.
    """
    if not isinstance(value, dict):
        raise fail("must be a table", '{ status = ["confirmed"] }')
    if not value:
        raise fail("must not be empty", "leave it out to match everything")
    return {name: _allowed(name, values) for name, values in value.items()}


def check_field(name: str, choices: frozenset[str], at: tuple[str | int, ...], what: str) -> None:
    """Raises a validator's error if ``name`` is not one of ``choices``."""
    if name in choices:
        return
    if name in FIELDS:
        raise fail(f'"{name}" cannot be used {what}', f"one of {', '.join(sorted(choices))}", at)
    raise fail(f'there is no field "{shown(name)}"', nearest(name, choices), at)


def canonical(name: str, text: str, at: tuple[str | int, ...]) -> str:
    """A value of the field ``name`` as the model would hold it."""
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is not None:
        members = [str(member) for member in vocabulary]
        if text not in members:
            raise fail(f'{name} knows no value "{shown(text)}"', nearest(text, members), at)
        return text
    return normalise_email(text) if name in ADDRESS_FIELDS else clean_line(text)


def _allowed(name: str, values: object) -> frozenset[str]:
    check_field(name, COMPARABLE_FIELDS, (name,), "in a condition")
    if isinstance(values, str):
        return frozenset({canonical(name, values, (name,))})
    if not isinstance(values, list) or not values:
        raise fail("must be text or a list of texts", at=(name,))
    allowed = set()
    for index, each in enumerate(values):
        if not isinstance(each, str):
            raise fail("must be text in quotes", at=(name, index))
        allowed.add(canonical(name, each, (name, index)))
    return frozenset(allowed)
