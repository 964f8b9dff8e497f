"""The verbs: observe, fetch, create, update, delete, find, check."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.sql.changes import Cursor, bound
from connectors.sql.client import Database, translated
from connectors.sql.fidelity import fidelity_of
from connectors.sql.gather import Gathered, Reader
from connectors.sql.health import examine
from connectors.sql.options import Options, read_options
from connectors.sql.rows import Rows, marks_table
from connectors.sql.table import Layout, read_layout
from connectors.sql.translate import BadRow, Translator
from connectors.sql.wire import Row, parse_row
from connectors.sql.writes import Writes, made_key
from syncd.connector import (
    Collection,
    Fetched,
    Health,
    Identity,
    Snapshot,
    System,
    TableMapping,
    Window,
    Written,
)
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker, Version
from syncd.errors import ConfigError, ConnectorError, Rejected, Stale, Unavailable

BATCH = 500
"""Keys in one SELECT; SQLite takes 32,766 values, MSSQL 2,100."""


class SqlConnector:
    """One table or view. Safe for several threads."""

    def __init__(self, system: System, collection: Collection) -> None:
        self._options: Options = read_options(system)
        self._mapping: TableMapping = self._options.mapping
        self._installation, self._defaults = system.installation, collection.defaults
        self._translator = Translator.of(self._mapping, system.name, self._options.clock)
        self._database = Database(self._options.url, pool_size=4, timeout=self._options.timeout)
        self._lock = threading.Lock()
        self._open: _Open | None = None

    @property
    def requests(self) -> int:
        """Statements sent."""
        return self._database.requests

    @property
    def fidelity(self) -> Fidelity:
        """What the table carries.

        While the database does not answer this is what the mapping alone tells: without the
        lengths of its columns, which writing keeps to all the same. Raises ``ConfigError``.
        """
        try:
            return self.asked_fidelity()
        except ConnectorError:
            return self.guessed_fidelity()

    def asked_fidelity(self) -> Fidelity:
        """What the table carries, as its columns tell. Raises ``ConnectorError`` while the
        database does not answer, and ``ConfigError``."""
        return self._opened().fidelity

    def guessed_fidelity(self) -> Fidelity:
        """What the mapping alone tells of it; makes no request."""
        translator = self._translator
        return fidelity_of(self._mapping, translator.clock, translator.tables, {})

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """What changed since the cursor, see ``Connector.observe``.

        With a cursor and a tombstone column: one statement by the modified column. Without
        tombstones: one statement for the keys and modification times of all rows, one more for
        each 500 changed ones. Without a modified column, or a cursor: all rows are read.
        """
        opened, now = self._opened(), datetime.now(UTC)
        cursor = None if since is None else Cursor.parse(since, opened.layout.fingerprint, now)
        gathered = Gathered(opened.reader, window, known, now)
        with self._database.reading() as connection:
            if cursor is None or not opened.reader.token:
                everything = opened.rows.window(connection, None if known else window)
                gathered.add_all(everything)
            elif self._mapping.modified and self._mapping.deleted:
                self._add_changes(gathered, opened, cursor, connection, window)
            else:
                self._add_differing(gathered, opened, cursor, connection, window)
        complete = cursor is None or not (self._mapping.modified and self._mapping.deleted)
        return gathered.snapshot(cursor, complete=complete, identity=self._identity())

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The rows with these keys; a row with a tombstone is gone."""
        opened = self._opened()
        gathered = Gathered(opened.reader, None, dict.fromkeys(keys), datetime.now(UTC))
        with self._database.reading() as connection:
            for part in _parts(list(dict.fromkeys(keys))):
                gathered.add_all(opened.rows.by_keys(connection, part))
        return gathered.fetched(keys)

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """The rows that carry ``marker``."""
        opened = self._opened()
        gathered = Gathered(opened.reader, None, {}, datetime.now(UTC))
        with self._database.reading() as connection:
            gathered.add_all(opened.rows.by_marker(connection, str(marker)))
        return tuple(gathered.copies)

    def create(self, identity: Identity, content: Appointment) -> Written:
        """A new row and its mark in one transaction. A mark that is there raises ``Stale``."""
        opened, marker = self._opened(), str(identity.marker)
        values = opened.values(content, None)
        self._provide_marks(opened)
        try:
            return self._try_create(opened, marker, values, identity.others)
        except _Taken as taken:
            key = self._holder(opened, marker)
            if key is None:
                raise Rejected(str(taken)) from None
            raise Stale("the row was created already", key=key) from None

    def update(self, copy: Copy, content: Appointment) -> Written:
        """Change the columns that differ, if the row's version is still that of ``copy``."""
        opened = self._opened()
        with self._database.writing() as connection:
            row = self._guarded(opened, connection, copy)
            if row is None:
                raise Stale("the row is gone", key=copy.key)
            try:
                reading = opened.reader.read_row(row).reads
            except BadRow as error:
                raise Rejected(str(error)) from None
            values = opened.values(content, reading)
            if not values:
                return opened.written(row)
            opened.writes.update(connection, row, values, datetime.now(UTC))
            return self._own_result(opened, connection, copy.key)

    def delete(self, copy: Copy) -> None:
        """Set the tombstone or delete the row, if its version is still that of ``copy``."""
        opened = self._opened()
        with self._database.writing() as connection:
            row = self._guarded(opened, connection, copy)
            if row is not None:
                opened.writes.remove(connection, row, datetime.now(UTC))

    def read(self, key: Key, version: Version | None, wire: str) -> Copy:
        """A stored row, read with today's mapping."""
        row = parse_row(wire)
        try:
            reads = self._translator.read(row)
        except BadRow as error:
            raise Rejected(f"the row {key} cannot be read: {error}") from None
        reader = Reader(self._mapping, self._translator, "")
        return reader.copy(key, version, wire, row, reads)

    def check(self) -> Health:
        """Sign in, find the table, compare clocks and look at rights; writes nothing."""
        opened = self._opened()
        with self._database.reading() as connection:
            return examine(connection, self._database, opened.layout)

    def close(self) -> None:
        """Close the pool."""
        self._database.close()

    # Opening

    def _opened(self) -> _Open:
        """The table's layout, read once. Raises ``ConfigError`` if the mapping does not fit."""
        with self._lock:
            if self._open is None:
                with self._database.reading() as connection:
                    self._open = self._read_layout(connection)
            return self._open

    def _read_layout(self, connection: sa.Connection) -> _Open:
        options, mapping = self._options, self._mapping
        layout = read_layout(connection, mapping, options.schema)
        rows = Rows(layout, mapping, options.clock, self._installation)
        if not layout.keeps_marks:
            marks = marks_table(options.marker_table, options.schema)
            if sa.inspect(connection).has_table(options.marker_table, options.schema):
                rows.marks = marks
        return _Open(layout, rows, self._translator, mapping, self._defaults)

    def _provide_marks(self, opened: _Open) -> None:
        """Create the table of marks if it is needed and not there. Raises ``ConfigError``."""
        if opened.layout.keeps_marks or opened.rows.marks is not None:
            return
        name, schema = self._options.marker_table, self._options.schema
        marks = marks_table(name, schema)
        failure: ConnectorError | None = None
        try:
            with self._database.writing() as connection:
                marks.create(connection, checkfirst=True)
        except ConnectorError as error:
            # Refused, down, or another thread was faster: a look tells which.
            failure = error
        with self._database.reading() as connection:
            if not sa.inspect(connection).has_table(name, schema):
                if isinstance(failure, Unavailable):
                    raise failure
                raise ConfigError(
                    f"the database does not let us create the table {name}, in which syncd keeps "
                    "its marks", file=self._mapping.file, key="marker",
                    hint="GRANT CREATE on the schema, create it yourself (marker varchar(255) "
                    "primary key, object varchar(255), row_key varchar(255)), or map a unique "
                    "text column as marker",
                )  # fmt: skip
        opened.rows.marks = marks

    def _identity(self) -> str:
        schema = f"{self._options.schema}." if self._options.schema else ""
        return f"{self._database.identity}/{schema}{self._mapping.object}"

    # Observing

    def _add_changes(
        self,
        gathered: Gathered,
        opened: _Open,
        cursor: Cursor,
        connection: sa.Connection,
        window: Window,
    ) -> None:
        column = opened.layout.columns[self._mapping.modified]
        since = bound(cursor, self._options.clock, column, self._options.overlap, gathered.now)
        covered = cursor.window
        gathered.add_all(opened.rows.changed(connection, since, window, covered))

    def _add_differing(
        self,
        gathered: Gathered,
        opened: _Open,
        cursor: Cursor,
        connection: sa.Connection,
        window: Window,
    ) -> None:
        listed = opened.rows.tokens(connection, opened.reader.token, window)
        recent = None
        if not self._mapping.version:
            recent = cursor.at - 2 * self._options.overlap
        differing = gathered.compare(listed, recent)
        for part in _parts(differing):
            gathered.add_all(opened.rows.by_keys(connection, part))

    # Writing

    def _try_create(
        self, opened: _Open, marker: str, values: dict[str, object], others: Set[Key]
    ) -> Written:
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            for row in opened.rows.by_marker(connection, marker):
                key = str(row[self._mapping.key])
                if key in others:
                    continue
                if not opened.reader.is_gone(row):
                    raise Stale("the row was created already", key=key)
                # Its appointment was deleted here and has come back: so does the row.
                opened.writes.revive(connection, row, values, now)
                return self._own_result(opened, connection, key)
            opened.writes.forget_orphan(connection, marker)
            try:
                key = opened.writes.insert(connection, values, marker, now)
            except exc.IntegrityError as error:
                raise _Taken(str(translated(error, writes=True))) from None
            return self._own_result(opened, connection, key)

    def _holder(self, opened: _Open, marker: str) -> str | None:
        """The key of the row that has the mark, or the key that goes with it."""
        with self._database.reading() as connection:
            for row in opened.rows.by_marker(connection, marker):
                return str(row[self._mapping.key])
            known = made_key(marker, opened.layout)
            if known is not None:
                for _ in opened.rows.by_keys(connection, [str(known)]):
                    return str(known)
        return None

    def _guarded(self, opened: _Open, connection: sa.Connection, copy: Copy) -> Row | None:
        """The row, locked; ``None`` if it is gone. Raises ``Stale`` if it has changed."""
        row = opened.rows.locked(connection, copy.key)
        if row is None or opened.reader.is_gone(row):
            return None
        if copy.version is not None and opened.reader.version(row) != copy.version:
            raise Stale("the row has another version", key=copy.key)
        return row

    def _own_result(self, opened: _Open, connection: sa.Connection, key: str) -> Written:
        for row in opened.rows.by_keys(connection, [key]):
            return opened.written(row)
        raise Rejected("the row that was written is not to be seen: a filter or trigger hides it")


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for first in range(0, len(keys), BATCH):
        yield keys[first : first + BATCH]


class _Open:
    """What is known once the table was looked at."""

    def __init__(
        self,
        layout: Layout,
        rows: Rows,
        translator: Translator,
        mapping: TableMapping,
        defaults: Mapping[str, str],
    ) -> None:
        self.layout, self.rows, self._translator = layout, rows, translator
        self.fidelity = fidelity_of(mapping, translator.clock, translator.tables, layout.columns)
        self.reader = Reader(mapping, translator, layout.fingerprint)
        self.writes = Writes(layout, mapping, translator, rows, defaults)

    def values(self, content: Appointment, reading: Appointment | None) -> dict[str, object]:
        """What to bind, see ``Translator.write``."""
        try:
            return self._translator.write(content, reading, self.layout.columns, self.fidelity)
        except OverflowError:
            raise Rejected("the time is out of the range of the calendar") from None

    def written(self, row: Row) -> Written:
        """The result of a write, from the row as its transaction shows it."""
        key, version = self.reader.key(row), self.reader.version(row)
        try:
            return Written(key, version, self.reader.read_row(row))
        except BadRow:
            return Written(key, version)


class _Taken(Exception):
    """A unique value is there already, or another constraint refused the row."""
