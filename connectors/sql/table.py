"""The table as the database describes it: its columns' types, checked against the mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from connectors.sql.columns import TIMES, Column, Kind
from connectors.sql.wire import columns_fingerprint
from syncd.connector import TableMapping
from syncd.errors import ConfigError

_KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (sa.Boolean, Kind.BOOLEAN),
    (sa.Uuid, Kind.UUID),
    (sa.ARRAY, Kind.ARRAY),
    (sa.JSON, Kind.JSON),
    (sa.String, Kind.TEXT),
    (sa.Integer, Kind.INTEGER),
    (sa.Numeric, Kind.NUMBER),
    (sa.Date, Kind.DATE),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A table and what is read of it.

    ``read``: the columns of the wire form, sorted. ``fingerprint`` stands for them.
    ``key``: the key column; ``keeps_marks``: marks are kept in the mapping's marker column.
    """

    table: sa.Table
    columns: Mapping[str, Column]
    read: tuple[str, ...]
    fingerprint: str
    key: sa.Column[Any]
    is_view: bool
    keeps_marks: bool

    @property
    def key_type(self) -> type:
        """``int``, ``UUID`` or ``str``."""
        return self.key.type.python_type

    def needed(self) -> Iterable[str]:
        """The columns that an INSERT must give."""
        return (name for name, column in self.columns.items() if column.needed)


def own_columns(mapping: TableMapping) -> dict[str, str]:
    """The mapping's keys that name a column, besides its fields."""
    own = {
        "key": mapping.key,
        "modified": mapping.modified,
        "version": mapping.version,
        "deleted": mapping.deleted,
        "marker": mapping.marker,
    }
    return {name: column for name, column in own.items() if column}


def read_layout(connection: sa.Connection, mapping: TableMapping, schema: str | None) -> Layout:
    """Reflect the mapping's table or view and check that it fits.

    Raises ``ConfigError``, naming what is missing and what is nearest to it.
    """
    inspector = sa.inspect(connection)
    views = inspector.get_view_names(schema)
    names = [*inspector.get_table_names(schema), *views]
    if mapping.object not in names and not inspector.has_table(mapping.object, schema):
        raise ConfigError(
            f'the database has no table or view "{mapping.object}"',
            file=mapping.file, key="object", hint=_nearest(mapping.object, names),
        )  # fmt: skip
    as_text: set[str] = set()
    on_sqlite = connection.dialect.name == "sqlite"

    def keep_raw(_: object, __: object, info: dict[str, Any]) -> None:
        """SQLite's rows hold anything: its values are read as they are, never converted."""
        if on_sqlite and not isinstance(info["type"], sa.String | sa.Integer):
            kinds[info["name"]] = _sqlite_kind(info["type"])
            as_text.add(info["name"])
            info["type"] = NullType()

    kinds: dict[str, Kind] = {}
    table = sa.Table(
        mapping.object, sa.MetaData(), schema=schema, autoload_with=connection,
        resolve_fks=False, listeners=[("column_reflect", keep_raw)],
    )  # fmt: skip
    columns = {
        column.name: _column(column, kinds.get(column.name), column.name in as_text, connection)
        for column in table.columns
    }
    is_view = mapping.object in views
    _check_names(mapping, columns)
    _check_types(mapping, columns)
    if not is_view:
        _check_unique(mapping, inspector, schema)
    read = sorted({*mapping.fields.values(), *own_columns(mapping).values()})
    return Layout(
        table=table,
        columns=columns,
        read=tuple(read),
        fingerprint=columns_fingerprint(read),
        key=table.columns[mapping.key],
        is_view=is_view,
        keeps_marks=bool(mapping.marker),
    )


def _sqlite_kind(kind: sa.types.TypeEngine[Any]) -> Kind:
    if isinstance(kind, sa.Date):
        return Kind.DATE
    if isinstance(kind, sa.DateTime):
        return Kind.NAIVE
    if isinstance(kind, sa.Boolean):
        return Kind.BOOLEAN
    if isinstance(kind, sa.JSON):
        return Kind.JSON
    # SQLite calls every type that it does not know NUMERIC: such columns hold what they are given.
    return Kind.NUMBER if isinstance(kind, sa.Float) else Kind.TEXT


def _column(
    column: sa.Column[Any], known: Kind | None, as_text: bool, connection: sa.Connection
) -> Column:
    kind = known or _kind(column.type)
    filled = bool(
        column.server_default is not None
        or column.identity is not None
        or column.computed is not None
        or column.table.autoincrement_column is column
    )
    return Column(
        column.name,
        kind,
        length=getattr(column.type, "length", None) if kind is Kind.TEXT else None,
        nullable=bool(column.nullable),
        filled=filled,
        padded=isinstance(column.type, sa.CHAR),
        as_text=as_text,
        tick=_tick(column.type, connection.dialect.name),
        choices=tuple(getattr(column.type, "enums", ())),
    )


def _kind(kind: sa.types.TypeEngine[Any]) -> Kind:
    if isinstance(kind, sa.DateTime):
        return Kind.AWARE if kind.timezone else Kind.NAIVE
    return next((ours for theirs, ours in _KINDS if isinstance(kind, theirs)), Kind.OTHER)


def _tick(kind: sa.types.TypeEngine[Any], dialect: str) -> timedelta:
    """PostgreSQL keeps microseconds unless told otherwise, MySQL and MariaDB whole seconds."""
    digits = getattr(kind, "precision", None) if dialect == "postgresql" else None
    if dialect in ("mysql", "mariadb"):
        digits = getattr(kind, "fsp", None) or 0
    if not isinstance(digits, int) or not isinstance(kind, sa.DateTime):
        digits = 6
    return timedelta(microseconds=10 ** (6 - min(digits, 6)))


def _check_names(mapping: TableMapping, columns: Mapping[str, Column]) -> None:
    wanted = own_columns(mapping)
    wanted |= {f"fields.{path}": name for path, name in mapping.fields.items()}
    for key, name in wanted.items():
        if name not in columns:
            raise ConfigError(
                f'{mapping.object} has no column "{name}"',
                file=mapping.file, key=key, hint=_nearest(name, columns),
            )  # fmt: skip


def _check_types(mapping: TableMapping, columns: Mapping[str, Column]) -> None:
    times = {f"fields.{path}": mapping.fields[path] for path in ("when.start", "when.end")}
    if mapping.modified:
        times["modified"] = mapping.modified
    for key, name in times.items():
        if columns[name].kind not in TIMES:
            raise ConfigError(f'the column "{name}" cannot hold a time', file=mapping.file, key=key)
    for name, table in mapping.values.items():
        choices = columns[mapping.fields[name]].choices if name in mapping.fields else ()
        for ours, theirs in table.items():
            if choices and theirs not in choices:
                raise ConfigError(
                    f'the column "{mapping.fields[name]}" does not allow "{theirs}"',
                    file=mapping.file, key=f"values.{name}.{ours}", hint=", ".join(choices),
                )  # fmt: skip


def _check_unique(mapping: TableMapping, inspector: sa.Inspector, schema: str | None) -> None:
    """The key must be one, and two creates with one mark must not both succeed."""
    primary = inspector.get_pk_constraint(mapping.object, schema)["constrained_columns"]
    unique = [primary]
    for constraint in inspector.get_unique_constraints(mapping.object, schema):
        unique.append(constraint["column_names"])
    for index in inspector.get_indexes(mapping.object, schema):
        if index["unique"]:
            unique.append([name for name in index["column_names"] if name])
    for key in ("key", "marker"):
        name = own_columns(mapping).get(key)
        if name and [name] not in unique:
            raise ConfigError(
                f'the column "{name}" is not unique', file=mapping.file, key=key,
                hint=f"CREATE UNIQUE INDEX ON {mapping.object} ({name})",
            )  # fmt: skip


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"there are {', '.join(sorted(names)[:20])}" if names else ""
