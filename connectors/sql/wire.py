"""The wire form: one row as JSON text, and the version that is made of it.

A row is a mapping of column name to a JSON value: dates and times are ISO 8601 text (naive
where the column is), whole numbers stay numbers, other numbers and UUIDs are text, bytes are
hexadecimal. The marker of the marker table stands under :data:`MARKER`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from syncd.errors import Rejected

Row: TypeAlias = dict[str, Any]
"""Column name to JSON value."""

MARKER = "@marker"
"""The key of the marker from the marker table; no column has such a name in a mapping."""

LARGEST = 2**63 - 1
"""The largest whole number that a database's column holds."""

_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def jsonable(value: Any) -> Any:
    """A column's value as JSON has it; the same value always gives the same JSON."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(each) for each in value]
    if isinstance(value, dict):
        return {str(key): jsonable(each) for key, each in value.items()}
    return str(value)


def _number(value: float | Decimal) -> int | float | str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value):
        return int(value)
    return value if isinstance(value, float) else str(value)


def row_text(row: Mapping[str, Any]) -> str:
    """The wire form of a row: keys sorted, no blanks."""
    return _encoder.encode(row)


def parse_row(wire: str) -> Row:
    """The row of a wire form. Raises ``Rejected`` if the text is not one of ours."""
    try:
        row = json.loads(wire)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise Rejected("the stored wire form is not a row")
    return row


def token_text(value: Any) -> str:
    """The value of a modified or version column as it stands in versions."""
    found = jsonable(value)
    return "" if found is None else str(found)


def version_of(row: Row, token: str | None, columns: str) -> str:
    """The version of a row: ``token#columns.hash``.

    ``token`` is the column (modified or version) that changes with every edit, if there is
    one. ``columns`` is the fingerprint of the columns that are read: a row that was read with
    other columns has another version. The hash is over the content without the token, so that
    two edits within one second have different versions.
    """
    content = {key: value for key, value in row.items() if key != token}
    digest = hashlib.sha256(row_text(content).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    stamp = token_text(row.get(token)) if token else ""
    return f"{stamp}#{columns}.{digest}"


def token_of(version: str) -> tuple[str, str]:
    """The token and the fingerprint of the columns of a version of :func:`version_of`."""
    stamp, _, rest = version.rpartition("#")
    return stamp, rest.partition(".")[0]


def columns_fingerprint(columns: list[str]) -> str:
    """Four hexadecimal digits that stand for a set of columns."""
    return hashlib.sha256("\n".join(sorted(columns)).encode()).hexdigest()[:4]


def row_key(text: str, python_type: type) -> Any:
    """A key as its column wants it, ``None`` if no row can have such a key."""
    try:
        if python_type is int:
            number = int(text)
            return number if str(number) == text and abs(number) <= LARGEST else None
        if python_type is UUID:
            return UUID(text)
    except ValueError:
        return None
    return text
