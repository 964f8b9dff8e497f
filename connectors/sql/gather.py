"""Rows become copies: what is gathered from one look at the table. Knows no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.sql.changes import Cursor, in_window
from connectors.sql.translate import BadRow, Translator
from connectors.sql.wire import MARKER, Row, row_text, token_of, token_text, version_of
from syncd.connector import Fetched, Snapshot, TableMapping, Unreadable, Window
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker, Version

_PAD = timedelta(days=2)
_ALIVE = frozenset({"", "0", "false", "f", "no", "n"})


class Reader:
    """Reads single rows. ``fingerprint`` stands for the columns that are read."""

    def __init__(self, mapping: TableMapping, translator: Translator, fingerprint: str) -> None:
        self._mapping, self._translator = mapping, translator
        self.fingerprint = fingerprint

    @property
    def token(self) -> str:
        """The column that changes with every edit; empty if there is none."""
        return self._mapping.version or self._mapping.modified

    @property
    def zone(self) -> str:
        """The zone of times that carry none."""
        return self._translator.clock.zone

    def key(self, row: Row) -> Key:
        """The row's key as text."""
        return str(row[self._mapping.key])

    def version(self, row: Row) -> Version:
        """The row's version, see ``wire.version_of``."""
        return version_of(row, self.token or None, self.fingerprint)

    def is_gone(self, row: Row) -> bool:
        """Whether the row has a tombstone."""
        return is_tombstone(row.get(self._mapping.deleted)) if self._mapping.deleted else False

    def modified(self, row: Row) -> datetime | None:
        """When the row says it was modified, aware UTC; ``None`` if it says nothing of use."""
        return self.instant(row.get(self._mapping.modified)) if self._mapping.modified else None

    def instant(self, value: Any) -> datetime | None:
        """A time in a row as an aware UTC instant, ``None`` if it is none."""
        try:
            return None if value is None else self._translator.clock.instant(value)
        except (ValueError, OverflowError):
            return None

    def raw_modified(self, row: Row) -> Any:
        """The modified column's value."""
        return row.get(self._mapping.modified)

    def start(self, row: Row) -> datetime | None:
        """When the row's appointment starts, as far as that can be told."""
        return self.instant(row.get(self._mapping.fields["when.start"]))

    def read_row(self, row: Row) -> Copy:
        """Raises :class:`BadRow`."""
        reads = self._translator.read(row)
        return self.copy(self.key(row), self.version(row), row_text(row), row, reads)

    def copy(
        self, key: Key, version: Version | None, wire: str, row: Row, reads: Appointment
    ) -> Copy:
        """The copy that a row is."""
        text = row.get(self._mapping.marker or MARKER)
        marker = Marker.parse(text) if isinstance(text, str) else None
        return Copy(key, version, wire, reads, marker=marker, modified=self.modified(row))


def is_tombstone(value: Any) -> bool:
    """Whether a tombstone column's value says that the row is deleted."""
    if isinstance(value, str):
        return value.strip().lower() not in _ALIVE
    return bool(value)


class Gathered:
    """What one look has found.

    ``window``: rows outside it are left out unless they are ``known``; ``None``: nothing is.
    """

    def __init__(
        self,
        reader: Reader,
        window: Window | None,
        known: Mapping[Key, Version | None],
        now: datetime,
    ) -> None:
        self._reader, self._window, self._known, self.now = reader, window, known, now
        self.copies: list[Copy] = []
        self._gone: set[Key] = set()
        self._unchanged: set[Key] = set()
        self._unreadable: list[Unreadable] = []
        self._latest: tuple[datetime, Any] | None = None

    def add_all(self, rows: Iterable[Row]) -> None:
        """Take every row."""
        for row in rows:
            self._add(row)

    def compare(
        self, listed: Iterable[tuple[Key, Any, Any, bool]], recent: datetime | None
    ) -> list[Key]:
        """The keys whose rows must be read, from a list of key, token, tombstone, in the window.

        Rows modified since ``recent`` may have been edited again within one tick.
        """
        differing = []
        for key, stamp, deleted, inside in listed:
            if is_tombstone(deleted):
                if key in self._known:
                    self._gone.add(key)
            elif key not in self._known:
                if inside:
                    differing.append(key)
            elif self._is_same(self._known[key], stamp, recent):
                self._unchanged.add(key)
            else:
                differing.append(key)
        return differing

    def snapshot(self, cursor: Cursor | None, *, complete: bool, identity: str) -> Snapshot:
        """All of it, with the next cursor."""
        window = self._window
        assert window is not None  # observing is always in a window
        latest = None if cursor is None else cursor.modified
        if self._latest is not None:
            instant, raw = self._latest
            known = self._reader.instant(latest)
            latest = raw if known is None or instant > known else latest
        same = cursor is not None and latest == cursor.modified
        first = cursor.first if cursor is not None and same else self.now
        following = Cursor(latest, self.now, first, window, self._reader.fingerprint)
        return Snapshot(
            copies=tuple(self.copies),
            gone=frozenset(self._gone),
            unchanged=frozenset(self._unchanged),
            complete=complete,
            cursor=following.text(),
            identity=identity,
            unreadable=tuple(self._unreadable),
        )

    def fetched(self, keys: Sequence[Key]) -> Fetched:
        """The same as the answer to a fetch of ``keys``."""
        found = {copy.key for copy in self.copies} | {bad.key for bad in self._unreadable}
        gone = frozenset(key for key in keys if key not in found)
        return Fetched(tuple(self.copies), gone, tuple(self._unreadable))

    def _add(self, row: Row) -> None:
        reader, key = self._reader, self._reader.key(row)
        if reader.is_gone(row):
            self._note_time(reader.modified(row), row)
            if key in self._known:
                self._gone.add(key)
            return
        try:
            copy = reader.read_row(row)
        except BadRow as error:
            self._note_time(reader.modified(row), row)
            if key in self._known or self._may_touch(row):
                version = reader.version(row)
                self._unreadable.append(Unreadable(key, version, f"row {key}: {error}"))
            return
        self._note_time(copy.modified, row)
        if key not in self._known:
            if self._window is None or in_window(copy.reads.when, self._window, reader.zone):
                self.copies.append(copy)
        elif self._known[key] == copy.version:
            self._unchanged.add(key)
        else:
            self.copies.append(copy)

    def _note_time(self, modified: datetime | None, row: Row) -> None:
        """The latest time of modification so far; one in the future is somebody's mistake."""
        if modified is None or modified > self.now:
            return
        if self._latest is None or modified > self._latest[0]:
            self._latest = (modified, self._reader.raw_modified(row))

    def _may_touch(self, row: Row) -> bool:
        start = self._reader.start(row)
        if start is None or self._window is None:
            return True
        return self._window.start - _PAD <= start < self._window.end + _PAD

    def _is_same(self, version: Version | None, stamp: Any, recent: datetime | None) -> bool:
        if version is None or token_of(version) != (token_text(stamp), self._reader.fingerprint):
            return False
        if recent is None:
            return True
        modified = self._reader.instant(stamp)
        return modified is not None and modified < recent
