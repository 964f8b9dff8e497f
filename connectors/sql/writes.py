"""The statements that write, each guarded, within a transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa

from connectors.sql.columns import Column, Kind
from connectors.sql.rows import Rows
from connectors.sql.table import Layout
from connectors.sql.times import Clock
from connectors.sql.translate import Translator, bind_flag, bind_text
from connectors.sql.wire import Row, row_key
from syncd.connector import TableMapping
from syncd.errors import Rejected, Stale

_SHORTEST_KEY = 16
"""Characters of a made-up key below which two could be the same."""


class Writes:
    """Writes the rows of one table."""

    def __init__(
        self,
        layout: Layout,
        mapping: TableMapping,
        translator: Translator,
        rows: Rows,
        defaults: Mapping[str, str],
    ) -> None:
        self._layout, self._mapping, self._rows = layout, mapping, rows
        self._clock: Clock = translator.clock
        self._tables, self._defaults = translator.tables, defaults

    def insert(
        self, connection: sa.Connection, values: dict[str, Any], marker: str, now: datetime
    ) -> str:
        """A new row with its mark; its key. A mark or key that is taken is an IntegrityError."""
        layout, mapping = self._layout, self._mapping
        values = dict(values)
        known = made_key(marker, layout)
        if known is not None:
            values[mapping.key] = known
        if mapping.marker:
            values[mapping.marker] = marker
        self._fill(values, now)
        self._check_needed(values)
        key = self._execute_insert(connection, values, known, marker)
        if self._rows.marks is not None:
            self.forget(connection, key)  # of a row that is gone and had the same number
            mark = {"marker": marker, "object": self._rows.object, "row_key": key}
            connection.execute(self._rows.marks.insert().values(mark))
        return key

    def update(
        self, connection: sa.Connection, row: Row, values: Mapping[str, Any], now: datetime
    ) -> None:
        """Change the columns in ``values`` of the row that still is as ``row``.

        Raises ``Stale`` if it is not.
        """
        table, mapping = self._layout.table, self._mapping
        changed = {**values, **self._moved_on(row, now)}
        key = row_key(str(row[mapping.key]), self._layout.key_type)
        statement = sa.update(table).where(self._layout.key == key, *self._unmoved(row))
        result = connection.execute(statement.values(changed))
        # SQLite counts no rows that a trigger of a view has changed.
        if result.rowcount == 0 and not self._layout.is_view:
            raise Stale("the row has changed meanwhile", key=str(row[mapping.key]))

    def revive(
        self, connection: sa.Connection, row: Row, values: Mapping[str, Any], now: datetime
    ) -> None:
        """Take a row's tombstone away and fill it anew."""
        column = self._layout.columns[self._mapping.deleted]
        self.update(connection, row, {**values, column.name: self._alive(column)}, now)

    def remove(self, connection: sa.Connection, row: Row, now: datetime) -> None:
        """Set the row's tombstone, or delete it with its mark where there is no such column."""
        mapping = self._mapping
        if mapping.deleted:
            column = self._layout.columns[mapping.deleted]
            self.update(connection, row, {column.name: self._tombstone(column, now)}, now)
            return
        known = str(row[mapping.key])
        key = row_key(known, self._layout.key_type)
        statement = sa.delete(self._layout.table)
        statement = statement.where(self._layout.key == key, *self._unmoved(row))
        result = connection.execute(statement)
        if result.rowcount == 0 and not self._layout.is_view:
            raise Stale("the row has changed meanwhile", key=known)
        self.forget(connection, known)

    def forget(self, connection: sa.Connection, key: str) -> None:
        """Remove the mark of a row that is no longer there."""
        marks = self._rows.marks
        if marks is not None:
            ours = sa.and_(marks.c.object == self._rows.object, marks.c.row_key == key)
            connection.execute(sa.delete(marks).where(ours))

    def forget_orphan(self, connection: sa.Connection, marker: str) -> None:
        """Remove a mark whose row somebody has deleted: it would be in the way of a new row.

        One statement, so that it never removes the mark of a row that is just created.
        """
        marks, known = self._rows.marks, self._rows.marked(connection, marker)
        if marks is None or known is None:
            return
        key = row_key(known, self._layout.key_type)
        row = sa.select(self._layout.key).where(self._layout.key == key).exists()
        same = sa.and_(marks.c.marker == marker, marks.c.row_key == known)
        connection.execute(sa.delete(marks).where(same, ~row))

    def _execute_insert(
        self, connection: sa.Connection, values: dict[str, Any], known: Any, marker: str
    ) -> str:
        layout = self._layout
        statement = sa.insert(layout.table).values(values)
        if known is not None:
            connection.execute(statement)
            return str(known)
        if layout.is_view:
            connection.execute(statement)
            found = next(iter(self._rows.by_marker(connection, marker)), None)
            if found is None:
                raise Rejected("the view does not tell the new row's key: map a marker column")
            return str(found[self._mapping.key])
        if connection.dialect.insert_returning:
            return str(connection.execute(statement.returning(layout.key)).scalar_one())
        return str(connection.execute(statement).lastrowid)

    def _fill(self, values: dict[str, Any], now: datetime) -> None:
        """What the mapping's fields do not give: the channel's defaults, times, first versions."""
        mapping, columns = self._mapping, self._layout.columns
        for name, text in self._defaults.items():
            column = columns.get(mapping.fields.get(name, name))
            if column is None or values.get(column.name) not in (None, ""):
                continue
            if name not in mapping.fields or column.needed:
                table = self._tables.get(name)
                theirs = table.theirs.get(text, text) if table else text
                values[column.name] = bind_text(theirs, column)
        if mapping.modified and not columns[mapping.modified].filled:
            column = columns[mapping.modified]
            values[column.name] = self._clock.later(now, None, column)
        if mapping.version and columns[mapping.version].kind is Kind.INTEGER:
            values.setdefault(mapping.version, 1)
        if mapping.deleted and columns[mapping.deleted].needed:
            values[mapping.deleted] = self._alive(columns[mapping.deleted])

    def _check_needed(self, values: Mapping[str, Any]) -> None:
        lacking = [name for name in self._layout.needed() if values.get(name) is None]
        if lacking:
            raise Rejected(
                f"the column {lacking[0]} of {self._mapping.object} must have a value and has no "
                "default: give it one in the channel's defaults"
            )

    def _moved_on(self, row: Row, now: datetime) -> dict[str, Any]:
        """The columns by which others see that the row has changed."""
        mapping, columns = self._mapping, self._layout.columns
        moved: dict[str, Any] = {}
        if mapping.modified:
            column = columns[mapping.modified]
            moved[column.name] = self._clock.later(now, row[column.name], column)
        if mapping.version and columns[mapping.version].kind is Kind.INTEGER:
            moved[mapping.version] = int(row[mapping.version] or 0) + 1
        return moved

    def _unmoved(self, row: Row) -> list[sa.ColumnElement[bool]]:
        """The conditions under which the row is still as it was read in this transaction."""
        mapping = self._mapping
        found: list[sa.ColumnElement[bool]] = []
        for name in (mapping.modified, mapping.version):
            if not name:
                continue
            column, known = self._layout.table.columns[name], self._layout.columns[name]
            value = row[name]
            if value is None:
                found.append(column.is_(None))
            elif name == mapping.modified:
                found += self._same_time(column, known, value)
            elif known.kind is Kind.INTEGER or known.kind is Kind.TEXT:
                found.append(column == value)
        return found

    def _same_time(
        self, column: sa.Column[Any], known: Column, value: Any
    ) -> list[sa.ColumnElement[bool]]:
        """None for what cannot be compared exactly: the row is locked, and its hash was right."""
        if known.kind is Kind.NUMBER:
            return []
        try:
            return [column == self._clock.same(value, known)]
        except (ValueError, OverflowError):
            return []

    def _alive(self, column: Column) -> Any:
        if column.nullable:
            return None
        return "" if column.kind is Kind.TEXT else bind_flag(False, column)

    def _tombstone(self, column: Column, now: datetime) -> Any:
        if "deleted_value" in self._mapping.extra:
            return bind_text(str(self._mapping.extra["deleted_value"]), column)
        if column.kind is Kind.BOOLEAN or (column.kind is Kind.INTEGER and not column.nullable):
            return bind_flag(True, column)
        return self._clock.later(now, None, column)


def made_key(marker: str, layout: Layout) -> UUID | str | None:
    """The key that a copy with this mark gets where we choose it, ``None`` if the database does.

    It follows from the mark, so that a create that is tried again meets itself.
    """
    column = layout.columns[layout.key.name]
    if column.kind is Kind.UUID:
        return uuid5(NAMESPACE_URL, marker)
    if column.kind is not Kind.TEXT:
        return None
    found = uuid5(NAMESPACE_URL, marker)
    if column.length is None or column.length >= 36:
        return str(found)
    if column.length < _SHORTEST_KEY:
        raise Rejected(f"the key column {column.name} is too short for a key of ours")
    return found.hex[: column.length]
