"""The statements that read: rows with their marks, streamed or by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from connectors.sql.changes import Bound
from connectors.sql.columns import Kind
from connectors.sql.table import Layout
from connectors.sql.times import Clock
from connectors.sql.wire import MARKER, Row, jsonable, row_key
from syncd.connector import TableMapping, Window

_PAD = timedelta(days=2)
"""Around the window in SQL: zones, separators in texts and inclusive ends fit into it."""

_DATE = "____-__-__%"

_STREAMED = 1000
"""Rows that are in memory at once while a table is read."""


def marks_table(name: str, schema: str | None) -> sa.Table:
    """Where marks are kept if the mapping has no marker column: one row a copy that we made."""
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("marker", sa.String(255), primary_key=True),
        sa.Column("object", sa.String(255), nullable=False),
        sa.Column("row_key", sa.String(255), nullable=False, index=True),
        schema=schema,
    )


class Rows:
    """Reads the rows of one table. ``marks`` is set once the table of marks is there."""

    def __init__(
        self, layout: Layout, mapping: TableMapping, clock: Clock, installation: str
    ) -> None:
        self._layout, self._mapping, self._clock = layout, mapping, clock
        self._installation = installation
        self._padded = {name for name in layout.read if layout.columns[name].padded}
        self.marks: sa.Table | None = None
        self._drawn: dict[bool, sa.Select[Any]] = {}

    @property
    def object(self) -> str:
        """The table's name, as the table of marks has it."""
        schema = self._layout.table.schema
        return f"{schema}.{self._mapping.object}" if schema else self._mapping.object

    def window(self, connection: sa.Connection, window: Window | None) -> Iterator[Row]:
        """The rows that may touch ``window``, or all of them."""
        statement = self._select()
        if window is not None:
            statement = statement.where(self._touches(window))
        options = {"yield_per": _STREAMED}
        return self._rows(connection.execute(statement, execution_options=options))

    def changed(
        self, connection: sa.Connection, since: Bound | None, window: Window, covered: Window
    ) -> Iterator[Row]:
        """The rows modified ``since``, and those that only ``window`` touches, not ``covered``."""
        column = self._layout.table.columns[self._mapping.modified]
        clauses: list[sa.ColumnElement[bool]] = [column.is_(None)]
        clauses.append(sa.true() if since is None else self._since(column, since))
        if window.start < covered.start:
            clauses.append(self._touches(Window(window.start, covered.start)))
        if window.end > covered.end:
            clauses.append(self._touches(Window(covered.end, window.end)))
        return self._rows(connection.execute(self._select().where(sa.or_(*clauses))))

    def tokens(
        self, connection: sa.Connection, token: str, window: Window
    ) -> Iterator[tuple[str, Any, Any, bool]]:
        """Of every row: key, token, tombstone (``None`` if there is none), in the window or not."""
        table, deleted = self._layout.table, self._mapping.deleted
        statement = sa.select(
            self._layout.key,
            table.columns[token].label("t"),
            (table.columns[deleted] if deleted else sa.null()).label("d"),
            sa.case((self._touches(window), 1), else_=0).label("w"),
        )
        for key, stamp, gone, inside in connection.execute(statement):
            yield str(jsonable(key)), jsonable(stamp), jsonable(gone), bool(inside)

    def by_keys(self, connection: sa.Connection, keys: Sequence[str]) -> Iterator[Row]:
        """The rows with these keys, in any order."""
        kind = self._layout.key_type
        bound = [found for key in keys if (found := row_key(key, kind)) is not None]
        if bound:
            statement = self._select().where(self._layout.key.in_(bound))
            yield from self._rows(connection.execute(statement))

    def by_marker(self, connection: sa.Connection, marker: str) -> Iterator[Row]:
        """The rows that carry a mark, tombstoned ones too."""
        if self._layout.keeps_marks:
            column = self._layout.table.columns[self._mapping.marker]
            statement = self._select().where(column == marker)
            yield from self._rows(connection.execute(statement))
        elif (key := self.marked(connection, marker)) is not None:
            yield from self.by_keys(connection, [key])

    def marked(self, connection: sa.Connection, marker: str) -> str | None:
        """The key that goes with a mark in the table of marks; its row may be gone."""
        if self.marks is None:
            return None
        statement = sa.select(self.marks.c.row_key).where(self.marks.c.marker == marker)
        return connection.execute(statement).scalar_one_or_none()

    def locked(self, connection: sa.Connection, key: str) -> Row | None:
        """The row, locked until the transaction ends where the database can (SQLite has begun
        with ``IMMEDIATE``)."""
        bound = row_key(key, self._layout.key_type)
        if bound is None:
            return None
        # PostgreSQL locks no row that an outer join may leave out: only ours is named.
        alone = connection.dialect.name == "postgresql" and not self._layout.is_view
        statement = self._select().where(self._layout.key == bound)
        statement = statement.with_for_update(of=self._layout.table if alone else None)
        return next(iter(self._rows(connection.execute(statement))), None)

    def _select(self) -> sa.Select[Any]:
        """Drawn up once, since that takes as long as to read a row, and again with marks."""
        marked = self.marks is not None
        if marked not in self._drawn:
            self._drawn[marked] = self._draw()
        return self._drawn[marked]

    def _draw(self) -> sa.Select[Any]:
        table = self._layout.table
        columns: list[Any] = [table.columns[name] for name in self._layout.read]
        if self.marks is None:
            return sa.select(*columns)
        marks = self.marks.c
        of_row = sa.select(sa.func.min(marks.marker)).where(
            marks.object == self.object,
            marks.row_key == sa.cast(self._layout.key, sa.String(255)),
        )
        # After a lost state we go by another name: a mark of any other is better than none.
        ours = of_row.where(marks.marker.startswith(f"{self._installation}:", autoescape=True))
        mark = sa.func.coalesce(ours.scalar_subquery(), of_row.scalar_subquery())
        return sa.select(*columns, mark.label(MARKER)).select_from(table)

    def _touches(self, window: Window) -> sa.ColumnElement[bool]:
        """A superset: the exact window is judged on what the rows read as."""
        fields, table = self._mapping.fields, self._layout.table
        start_name, end_name = fields["when.start"], fields["when.end"]
        start, end = table.columns[start_name], table.columns[end_name]
        first = self._clock.limit(window.start - _PAD, self._layout.columns[end_name])
        last = self._clock.limit(window.end + _PAD, self._layout.columns[start_name])
        ends = sa.or_(end >= first, end.is_(None))
        inside = sa.or_(start.is_(None), sa.and_(start < last, ends))
        return sa.or_(inside, *map(self._no_date, (start_name, end_name)))

    def _no_date(self, name: str) -> sa.ColumnElement[bool]:
        """A text that is no date at all compares with nothing: it is read, and reported."""
        known, column = self._layout.columns[name], self._layout.table.columns[name]
        if known.as_text:  # SQLite, where a column also holds numbers
            return sa.and_(sa.func.typeof(column) == "text", sa.not_(column.like(_DATE)))
        return sa.not_(column.like(_DATE)) if known.kind is Kind.TEXT else sa.false()

    def _since(self, column: sa.Column[Any], since: Bound) -> sa.ColumnElement[bool]:
        known = self._layout.columns[column.name]
        if known.kind is not Kind.TEXT and not known.as_text:
            return _later(column, since)
        # "2026-03-01T09:00" sorts after "2026-03-01 10:00": blanks make them alike. The plain
        # comparison finds some rows too many, but can use an index.
        blank = sa.func.replace(column, "T", " ")
        return sa.and_(column >= str(since.value), _later(blank, since))

    def _rows(self, result: sa.Result[Any]) -> Iterator[Row]:
        names = list(result.keys())
        for values in result:
            row = {name: jsonable(value) for name, value in zip(names, values, strict=True)}
            for name in self._padded:
                if isinstance(row[name], str):
                    row[name] = row[name].rstrip(" ")
            yield row


def _later(column: sa.ColumnElement[Any], since: Bound) -> sa.ColumnElement[bool]:
    return column.__ge__(since.value) if since.inclusive else column.__gt__(since.value)
