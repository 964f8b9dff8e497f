"""Lists in one column: JSON, an array, or text with a delimiter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from connectors.sql.columns import Column, Kind
from syncd.core.model import Attendee, Response, Role, clean_text
from syncd.errors import Rejected

JSON = "json"


class NotAList(ValueError):
    """The value of the column is not a list of the declared form."""


def read_list(value: Any, how: str) -> list[Any]:
    """The elements of a column's JSON value. Raises :class:`NotAList`."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if how != JSON:
        return _split(str(value), how)
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise NotAList from error
    if not isinstance(found, list):
        raise NotAList
    return found


def write_list(elements: Iterable[Any], how: str, column: Column) -> Any:
    """What ``column`` takes for the elements (text, numbers or tables), in a stable order."""
    found = list(elements)
    if not found and column.nullable:
        return None
    if column.kind is Kind.ARRAY:
        return [str(each) for each in found]
    if column.kind is Kind.JSON and not column.as_text:
        return found
    if how == JSON or column.kind is Kind.JSON:
        return json.dumps(found, ensure_ascii=False, sort_keys=True)
    if column.kind is not Kind.TEXT:
        raise Rejected(f"the column {column.name} cannot hold a list")
    return how.join(_escape(str(each), how) for each in found)


def read_attendees(elements: Iterable[Any]) -> tuple[Attendee, ...]:
    """Attendees as tables (``email``, ``name``, ``role``, ``response``) or bare addresses."""
    found = []
    for each in elements:
        if isinstance(each, dict):
            attendee = Attendee(
                str(each.get("email", "")),
                str(each.get("name") or ""),
                _member(Role, each.get("role"), Role.REQUIRED),
                _member(Response, each.get("response"), Response.NONE),
            )
        else:
            attendee = Attendee(str(each))
        if attendee.email:
            found.append(attendee)
    return tuple(sorted(found))


def attendee_table(attendee: Attendee) -> dict[str, str]:
    """An attendee as JSON keeps it; what is usual is left out."""
    table = {"email": attendee.email}
    if attendee.name:
        table["name"] = attendee.name
    if attendee.role is not Role.REQUIRED:
        table["role"] = str(attendee.role)
    if attendee.response is not Response.NONE:
        table["response"] = str(attendee.response)
    return table


def read_names(elements: Iterable[Any]) -> frozenset[str]:
    """Tags or resources."""
    return frozenset(filter(None, (clean_text(str(each)) for each in elements)))


def read_numbers(elements: Iterable[Any]) -> frozenset[int]:
    """Reminders: minutes. Raises :class:`NotAList` if one is no whole number."""
    try:
        return frozenset(int(each) for each in elements)
    except (TypeError, ValueError) as error:
        raise NotAList from error


def _member(kind: Any, value: Any, usual: Any) -> Any:
    return kind(value) if value in list(kind) else usual


def _escape(text: str, delimiter: str) -> str:
    """``text`` with a backslash before what would end it, or would be trimmed."""
    marks = set(delimiter.strip() or delimiter)
    escaped = text.replace("\\", "\\\\")
    for each in sorted(marks):
        escaped = escaped.replace(each, "\\" + each)
    if escaped[:1].isspace():
        escaped = "\\" + escaped
    if escaped[-1:].isspace() and escaped[-1] not in marks:
        escaped = escaped[:-1] + "\\" + escaped[-1]
    return escaped


def _split(text: str, delimiter: str) -> list[str]:
    """The elements; blanks around them are not theirs unless a backslash says so."""
    mark = re.escape(delimiter.strip() or delimiter)
    special = re.escape(delimiter) + r"\\\s"
    elements = re.split(rf"(?<!\\)((?:\\\\)*){mark}", text)
    # re.split hands back the even backslashes before a delimiter: they belong to the element.
    joined = [one + more for one, more in zip(elements[::2], [*elements[1::2], ""], strict=True)]
    trimmed = (re.sub(r"^\s+|(?<!\\)\s+$", "", each) for each in joined)
    return [re.sub(rf"\\([{special}])", r"\1", each) for each in trimmed if each]
