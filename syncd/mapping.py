"""Mapping files: TOML to a :class:`TableMapping`. A mapping is a table and has no behaviour.

::

    connector = "sql"
    object = "visit"            # table, CRM object, …
    key = "id"
    modified = "updated_at"     # optional, as are version, deleted, marker: their columns
    time_zone = "UTC"           # of values that carry none
    all_day_end = "inclusive"   # their end of whole days is the last day (else exclusive)
    resolution = 60             # seconds that their times are rounded to, or "1m"

    [fields]                    # canonical = theirs
    "when.start" = "starts_at"
    [values.status]             # canonical = theirs
    no_show = "absent"
    [lists]                     # how a list is kept in one text: "json" or a delimiter
    tags = ","
    [lengths]                   # the most characters of a text
    title = 255
    [extra]                     # what only this connector understands
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from syncd.connector import Manifest, TableMapping
from syncd.criteria import VOCABULARIES
from syncd.problems import Problems, nearest
from syncd.tomlfile import KeyPath, TomlFile
from syncd.validation import Table, choice, fail, shown, validate
from syncd.values import ZoneName, seconds

TEXT_FIELDS = frozenset({"title", "description", "location", "online_meeting", "kind", "owner"})
LIST_FIELDS = frozenset({"attendees", "resources", "tags", "reminders"})
CUSTOM = "custom."

PATHS = (
    TEXT_FIELDS
    | LIST_FIELDS
    | VOCABULARIES.keys()
    | {"when.start", "when.end", "when.all_day", "when.zone", "recurrence"}
    | {"organizer", "organizer.email", "organizer.name"}
    | {"customer.id", "customer.name", "customer.email", "customer.phone"}
)
"""Canonical paths that a column can hold, besides ``custom.`` with any key."""

VALUE_FIELDS = frozenset(VOCABULARIES) | {"kind"}
"""Fields that can have a table of values."""

LENGTH_PATHS = TEXT_FIELDS | {"customer.name", "customer.email", "customer.phone"}

SHARED_COLUMNS = frozenset({"organizer", "organizer.email", "owner"})
"""Paths that may share a column: in a small CRM the organizer is the owner."""


def _leaves(value: object, at: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """``"when.start"`` and ``when.start`` (a table in TOML) alike, each with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*at, key))
    else:
        yield at, value


def _is_path(name: str) -> bool:
    return name in PATHS or (name.startswith(CUSTOM) and len(name) > len(CUSTOM))


def _check_path(name: str, at: KeyPath) -> None:
    if _is_path(name):
        return
    if name in ("when", "customer", "custom"):
        parts = sorted(each for each in PATHS if each.startswith(f"{name}."))
        hint = f"its parts are {', '.join(parts)}" if parts else "custom.KEY"
        raise fail(f'"{name}" has no column of its own', hint, at)
    raise fail(f'there is no field "{shown(name)}"', nearest(name, PATHS), at)


def _fields(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise fail("must be a table", '[fields], "when.start" = "starts_at"')
    columns: dict[str, str] = {}
    for at, column in _leaves(value):
        name = ".".join(str(key) for key in at)
        _check_path(name, at)
        if not isinstance(column, str) or not column:
            raise fail("must be the name of a column", at=at)
        if name in columns:
            raise fail(f'"{name}" stands here twice', at=at)
        same = [other for other, known in columns.items() if known == column]
        if same and not {name, *same} <= SHARED_COLUMNS:
            raise fail(f'has the same column as "{same[0]}"', "a column for each field", at)
        columns[name] = column
    return columns


def _values(value: object) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        raise fail("must be tables", '[values.status], confirmed = "planned"')
    tables: dict[str, dict[str, str]] = {}
    for name, table in value.items():
        if name not in VALUE_FIELDS:
            raise fail(
                f'"{shown(name)}" has no values to map', nearest(name, VALUE_FIELDS), (name,)
            )
        if not isinstance(table, dict) or not table:
            raise fail("must be a table", 'canonical = "theirs"', (name,))
        tables[name] = {key: _their_value(name, key, each) for key, each in table.items()}
    return tables


def _their_value(name: str, key: str, value: object) -> str:
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is not None:
        members = [str(member) for member in vocabulary]
        if key not in members:
            raise fail(f'{name} knows no value "{shown(key)}"', nearest(key, members), (name, key))
    if not isinstance(value, str | int):
        raise fail("must be text, a whole number, true or false", at=(name, key))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lists(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise fail("must be a table", 'tags = ","')
    for name, how in value.items():
        if name not in LIST_FIELDS:
            raise fail(f'"{shown(name)}" is not a list', nearest(name, LIST_FIELDS), (name,))
        if not isinstance(how, str) or not how:
            raise fail('must be "json" or a delimiter', at=(name,))
        if how != "json" and (len(how) > 2 or any(each.isalnum() for each in how)):
            raise fail('must be "json" or a delimiter', 'such as "," or ";"', (name,))
    return dict(value)


def _lengths(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise fail("must be a table", "title = 255")
    lengths: dict[str, int] = {}
    for at, most in _leaves(value):
        name = ".".join(str(key) for key in at)
        if name not in LENGTH_PATHS and not name.startswith(CUSTOM):
            raise fail(f'"{shown(name)}" has no length', nearest(name, LENGTH_PATHS), at)
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise fail("must be a number of characters", at=at)
        lengths[name] = most
    return lengths


class AllDayEnd(StrEnum):
    """Whether the last day of whole days is the one before their end, or their end itself."""

    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


ValueTables: TypeAlias = dict[str, dict[str, str]]


class MappingTable(Table):
    """A mapping file as it is written."""

    connector: str = Field(min_length=1, description='connector = "sql"')
    object_: str = Field(alias="object", min_length=1, description="their table or object")
    key: str = Field(min_length=1, description="the column with the unique key")
    modified: str = ""
    version: str = ""
    deleted: str = ""
    marker: str = ""
    time_zone: ZoneName = ""
    all_day_end: Annotated[AllDayEnd, choice(AllDayEnd)] | None = None
    resolution: Annotated[int, BeforeValidator(seconds)] = 1
    fields_: Annotated[dict[str, str], BeforeValidator(_fields)] = Field(
        alias="fields", description='[fields], "when.start" = "starts_at"'
    )
    values: Annotated[ValueTables, BeforeValidator(_values)] = Field(default_factory=dict)
    lists: Annotated[dict[str, str], BeforeValidator(_lists)] = Field(default_factory=dict)
    lengths: Annotated[dict[str, int], BeforeValidator(_lengths)] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


def read_mapping(source: TomlFile) -> TableMapping:
    """The mapping in ``source``. Raises ``ConfigError`` with file, line and key."""
    problems = Problems()
    table = validate(MappingTable, source, (), problems)
    problems.check()
    assert table is not None
    _check_together(table, source, problems)
    problems.check()
    return TableMapping(
        name=PurePath(source.name).stem,
        file=source.name,
        connector=table.connector,
        object=table.object_,
        key=table.key,
        modified=table.modified,
        version=table.version,
        deleted=table.deleted,
        marker=table.marker,
        time_zone=table.time_zone,
        resolution=table.resolution,
        fields=table.fields_,
        values=table.values,
        lists=table.lists,
        lengths=table.lengths,
        extra=table.extra | ({"all_day_end": str(table.all_day_end)} if table.all_day_end else {}),
    )


def _check_together(table: MappingTable, source: TomlFile, problems: Problems) -> None:
    """What concerns several keys of the file."""
    if "when.start" not in table.fields_:
        problems.error(source, ("fields", "when.start"), "is missing", "an appointment has a start")
    own = {"key": table.key, "version": table.version, "deleted": table.deleted}
    own |= {"modified": table.modified, "marker": table.marker}
    columns = {column: name for name, column in table.fields_.items()}
    for name, column in own.items():
        if column and column in columns:
            message = f'its column already holds the field "{columns[column]}"'
            problems.error(source, (name,), message)
    for part, names in (
        ("values", table.values),
        ("lists", table.lists),
        ("lengths", table.lengths),
    ):
        for name in names:
            if name not in table.fields_:
                message = "has no column in [fields]"
                problems.error(source, _written(source, part, name), message)


def _written(source: TomlFile, table: str, name: str) -> KeyPath:
    """Where ``name`` stands: as one quoted key, or as dotted keys."""
    whole: KeyPath = (table, name)
    return whole if whole in source.lines else (table, *name.split("."))


def fingerprint(version: str, manifest: Manifest, mapping: TableMapping | None) -> str:
    """A stable hash of all that decides how a stored wire form reads.

    If it differs from the stored one, what is stored must be read again (``version`` is that
    of syncd). 64 hexadecimal digits; the same in every process and on every machine.
    """
    parts = {
        "version": version,
        "connector": manifest.name,
        "recurrence": manifest.recurrence,
        "mapping": None if mapping is None else _content(mapping),
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _content(mapping: TableMapping) -> dict[str, Any]:
    """Without the file's place: a mapping that was moved reads the same."""
    content = asdict(mapping)
    del content["file"], content["name"]
    return content
