"""The people file: colleagues, rooms, vehicles and equipment, one a line.

A CSV file with a header: ``email`` is needed; ``name``, ``aliases`` (separated by ``;`` or
blanks), ``phone``, ``kind`` (``person``, ``room``, ``vehicle``, ``equipment``), ``id`` (which
stays when the address changes) and ``until`` (the last day) have a meaning; every other column
is free for systems to name (``calendar = "{google}"``).

The file comes out of spreadsheets: UTF-8 with or without a byte order mark, GB18030, which
contains the GBK that a Chinese Excel writes, or Excel's UTF-16 "Unicode text"; between the cells
are commas, semicolons or tabs. One bad line never stops the rest (invariant 9).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from io import StringIO
from pathlib import Path

from syncd.core.model import clean_line, normalise_email
from syncd.errors import ConfigError
from syncd.problems import nearest
from syncd.values import is_email, is_name

_SEPARATORS = re.compile(r"[;；,，\s]+")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", ";", "\t")
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})")
_MOST_LINES = 8
"""The most lines that one record can span."""


class Kind(StrEnum):
    """What a line of the file is."""

    PERSON = "person"
    ROOM = "room"
    VEHICLE = "vehicle"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Colleague:
    """One line: a colleague or a room. Addresses are normalised; ``columns`` by lower-case name.

    ``id``: who it is, whatever the address. ``until``: the last day, included.
    """

    email: str
    id: str = ""
    name: str = ""
    aliases: tuple[str, ...] = ()
    phone: str = ""
    kind: Kind = Kind.PERSON
    until: date | None = None
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)
    line: int = 0

    def has_left(self, today: date) -> bool:
        """Whether the last day is over."""
        return self.until is not None and self.until < today


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the people file, and whose addresses are colleagues besides.

    ``columns``: the header, in lower case. ``warnings``: the lines that were left out and why,
    without names or addresses.
    """

    file: str = ""
    everybody: tuple[Colleague, ...] = field(default=(), repr=False)
    domains: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    _by_email: Mapping[str, Colleague] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_email = {each.email: each for each in self.everybody}
        object.__setattr__(self, "_by_email", by_email)

    def colleague(self, address: str) -> Colleague | None:
        """Who has this e-mail address, aliases apart."""
        return self._by_email.get(address)

    def changes_after(self, today: date) -> date | None:
        """The next last day of somebody, from today on; ``None`` if nobody leaves."""
        return min((e.until for e in self.everybody if e.until and e.until >= today), default=None)

    @property
    def addresses(self) -> dict[str, str]:
        """Every address of a colleague or room to the one that stands for it."""
        found = {alias: each.email for each in self.everybody for alias in each.aliases}
        return found | {each.email: each.email for each in self.everybody}

    @property
    def rooms(self) -> frozenset[str]:
        """The addresses of what is booked rather than invited."""
        return frozenset(each.email for each in self.everybody if each.kind is not Kind.PERSON)


def read_people(path: Path, domains: tuple[str, ...] = ()) -> People:
    """The people file at ``path``.

    Raises ``ConfigError`` if it cannot be read or has no column ``email``; bad lines are
    left out and named in ``warnings``.
    """
    text, warnings = _text(path)
    records = _records(text, _delimiter(text))
    _, header = next(records, (1, None))
    columns = tuple(clean_line(cell).lower() for cell in header or ())
    _check_header(columns, path)
    reader = _Reader(str(path), columns, warnings)
    for line, cells in records:
        reader.read(line, cells)
    everybody = tuple(reader.everybody())
    return People(str(path), everybody, domains, columns, tuple(warnings))


class _Reader:
    """Reads line by line. An address belongs to the line that has it as its e-mail, else to
    the first that has it among its aliases: a mistyped alias takes no colleague's place."""

    def __init__(self, file: str, columns: tuple[str, ...], warnings: list[str]) -> None:
        self._file, self._columns, self._warnings = file, columns, warnings
        self._owners: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._rows: list[tuple[int, str, Mapping[str, str]]] = []

    def read(self, line: int, cells: list[str] | None) -> None:
        """Take the row of a line, or warn that it is left out."""
        if cells is None:
            self._warn(line, "is not CSV", "a quote is open, or stands inside a cell")
            return
        cleaned = [clean_line(cell) for cell in cells]
        if not any(cleaned):
            return
        if any(cleaned[len(self._columns) :]):
            self._warn(line, f"has {len(cells)} cells, the header {len(self._columns)}")
            return
        row = {key: value for key, value in zip(self._columns, cleaned, strict=False) if value}
        email, id = _address(row.get("email", "")), row.get("id", "")
        if not is_email(email):
            self._warn(line, "email is no address" if email else "has no e-mail address")
        elif email in self._owners:
            self._warn(line, f"its email already stands in line {self._owners[email]}")
        elif id in self._ids:
            self._warn(line, f"its id already stands in line {self._ids[id]}")
        elif id and not is_name(id):
            self._warn(line, "id is no name", "letters, digits, . _ -")
        elif row.get("kind", Kind.PERSON).lower() not in set(Kind):
            self._warn(line, "knows no such kind", nearest(row["kind"], Kind))
        else:
            self._owners[email] = line
            if id:
                self._ids[id] = line
            self._rows.append((line, email, row))

    def everybody(self) -> Iterator[Colleague]:
        """One colleague or room for each row, once all lines have been read."""
        for line, email, row in self._rows:
            yield Colleague(
                email=email,
                id=row.get("id", ""),
                name=row.get("name", ""),
                aliases=tuple(self._aliases(line, row.get("aliases", ""))),
                phone=row.get("phone", ""),
                kind=Kind(row.get("kind", Kind.PERSON).lower()),
                until=self._until(line, row.get("until", "")),
                columns=row,
                line=line,
            )

    def _until(self, line: int, cell: str) -> date | None:
        """The last day. Who has one that nobody can read stays: that can be mended."""
        try:
            return _date(cell) if cell else None
        except ValueError:
            self._warn(line, "until is no date, so this colleague stays", "2026-12-31")
            return None

    def _aliases(self, line: int, cell: str) -> Iterator[str]:
        for part in filter(None, _SEPARATORS.split(cell)):
            alias = _address(part)
            owner = self._owners.get(alias)
            if not is_email(alias):
                self._warn(line, "one of its aliases is no address; that one is left out")
            elif owner is None:
                self._owners[alias] = line
                yield alias
            elif owner != line:
                self._warn(line, f"one of its aliases already stands in line {owner}")

    def _warn(self, line: int, message: str, hint: str = "") -> None:
        self._warnings.append(str(ConfigError(message, file=self._file, line=line, hint=hint)))


def _text(path: Path) -> tuple[str, list[str]]:
    name = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError("there is no such file", file=name) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=name) from None
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16"), []
        except UnicodeDecodeError:
            hint = 'save it as "CSV UTF-8"'
            raise ConfigError("is UTF-16 text that is broken", file=name, hint=hint) from None
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            "is neither UTF-8 nor GBK text", file=name, line=line, hint='save it as "CSV UTF-8"'
        ) from None
    return text, [str(ConfigError("is not UTF-8; read as GBK", file=name))]


def _address(cell: str) -> str:
    """An address as a Chinese keyboard may write it: full-width letters, ``＠`` and ``。``."""
    return normalise_email(unicodedata.normalize("NFKC", cell).replace("。", "."))


def _date(cell: str) -> date:
    """A day as spreadsheets write it, where nobody can take the day for the month: year first,
    or with dots. Raises ``ValueError``."""
    plain = unicodedata.normalize("NFKC", cell).strip()
    found = _YEAR_FIRST.fullmatch(plain)
    if found is not None:
        return date(int(found[1]), int(found[2]), int(found[3]))
    found = _DAY_FIRST.fullmatch(plain)
    if found is None:
        raise ValueError(plain)
    return date(int(found[3]), int(found[2]), int(found[1]))


def _delimiter(text: str) -> str:
    """What is between the cells: what sets the column ``email`` apart in the first line."""
    first = text.split("\n", 1)[0]
    for delimiter in _DELIMITERS:
        cells = _cells([first], delimiter) or []
        if "email" in [clean_line(cell).lower() for cell in cells]:
            return delimiter
    return _DELIMITERS[0]


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Each record with the line that it starts in; ``None`` for one that is not CSV.

    A quoted cell can span lines, but a quote that is never closed must not swallow the file:
    a record ends within a few lines, or its first line is bad and the next one starts anew.
    """
    lines = list(StringIO(text, newline=""))
    at = 0
    while at < len(lines):
        spans = (n for n in range(1, _MOST_LINES + 1) if _closed(lines[at : at + n]))
        length = next(spans, 0)
        yield at + 1, _cells(lines[at : at + length], delimiter)
        at += length or 1


def _closed(lines: list[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 0


def _cells(lines: list[str], delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None


def _check_header(columns: tuple[str, ...], path: Path) -> None:
    name = str(path)
    if "email" not in columns:
        raise ConfigError(
            'its first line must name the columns, "email" among them',
            file=name,
            line=1,
            hint="name,email,aliases,phone",
        )
    for column in set(columns):
        if column and columns.count(column) > 1:
            raise ConfigError(f'the column "{column}" stands there twice', file=name, line=1)
