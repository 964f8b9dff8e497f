"""Rows to appointments and back. Pure: no clock, no database.

Reading needs the mapping alone. Writing needs the columns too: it gives the values to bind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from connectors.sql.columns import Column, Columns, Kind
from connectors.sql.lists import (
    JSON,
    NotAList,
    attendee_table,
    read_attendees,
    read_list,
    read_names,
    read_numbers,
    write_list,
)
from connectors.sql.times import Clock
from connectors.sql.values import USUAL, ValueTable, plain_text, value_table
from connectors.sql.wire import LARGEST, Row
from syncd.connector import TableMapping
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import AllDay, Appointment, Customer, Person, Timed, When, clean_text
from syncd.core.zones import from_utc, to_utc, zone_info
from syncd.errors import Rejected

CUSTOM = "custom."
TEXTS = ("title", "description", "location", "online_meeting", "owner")
LISTS = ("attendees", "resources", "tags", "reminders")
ALL_DAY_ENDS = ("exclusive", "inclusive")


class BadRow(ValueError):
    """A row that cannot be read: says the column and what is wrong, and no content."""


@dataclass(frozen=True, slots=True)
class Translator:
    """Reads and writes the rows of one table. ``system`` is whose ids ``customer.id`` holds."""

    mapping: TableMapping
    system: str
    clock: Clock
    tables: Mapping[str, ValueTable] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: TableMapping, system: str, clock: Clock) -> Translator:
        """Raises ``ConfigError`` if a table of values lacks what it must have."""
        names = [name for name in (*USUAL, "kind") if name in mapping.fields]
        return cls(mapping, system, clock, {name: value_table(name, mapping) for name in names})

    def read(self, row: Row) -> Appointment:
        """What a row reads as. Raises :class:`BadRow`."""
        fields = self.mapping.fields
        values: dict[str, Any] = {"when": self._when(row)}
        for name in TEXTS:
            if name in fields:
                values[name] = clean_text(plain_text(row.get(fields[name])))
        if "owner" in values:
            values["owner"] = Person(values["owner"]).email
        for name, table in self.tables.items():
            values[name] = self._value(name, table, row.get(fields[name]))
        for name in LISTS:
            if name in fields:
                values[name] = self._list(name, row.get(fields[name]))
        values["organizer"] = self._organizer(row)
        values["customer"] = self._customer(row)
        values["custom"] = tuple(
            (path.removeprefix(CUSTOM), clean_text(plain_text(row[column])))
            for path, column in fields.items()
            if path.startswith(CUSTOM) and row.get(column) is not None
        )
        return Appointment(**values)

    def write(
        self,
        content: Appointment,
        reading: Appointment | None,
        columns: Columns,
        fidelity: Fidelity,
    ) -> dict[str, Any]:
        """The values to bind so that a row reads as ``content``: column to value.

        With ``reading``, only columns whose value differs. Raises ``Rejected``.
        """
        wanted = self._bound(project(content, fidelity), columns)
        held = {} if reading is None else self._bound(project(reading, fidelity), columns)
        changed: dict[str, Any] = {}
        for path, value in wanted.items():
            column = self.mapping.fields[path]
            if (reading is None or value != held[path]) and not (
                value is None and changed.get(column) is not None
            ):
                changed[column] = value
        return changed

    # Reading

    def _text(self, row: Row, path: str) -> str:
        column = self.mapping.fields.get(path)
        return clean_text(plain_text(row.get(column))) if column else ""

    def _value(self, name: str, table: ValueTable, value: Any) -> Any:
        found = table.read(value)
        usual = USUAL.get(name)
        if usual is None:
            return clean_text(plain_text(value)) if found is None else found
        # An unknown word stays in the row: only a change of the field writes over it.
        return usual if found is None else type(usual)(found)

    def _list(self, name: str, value: Any) -> Any:
        try:
            elements = read_list(value, self.mapping.lists.get(name, JSON))
            if name == "attendees":
                return read_attendees(elements)
            return read_numbers(elements) if name == "reminders" else read_names(elements)
        except NotAList:
            column = self.mapping.fields[name]
            raise BadRow(f"{column} is not a list of the form that the mapping says") from None

    def _organizer(self, row: Row) -> Person | None:
        email = self._text(row, "organizer") or self._text(row, "organizer.email")
        person = Person(email, self._text(row, "organizer.name"))
        return person if person.email or person.name else None

    def _customer(self, row: Row) -> Customer | None:
        known = self._text(row, "customer.id")
        customer = Customer(
            self._text(row, "customer.name"),
            self._text(row, "customer.phone"),
            self._text(row, "customer.email"),
            ((self.system, known),) if known else (),
        )
        return customer or None

    def _when(self, row: Row) -> When:
        fields = self.mapping.fields
        start, end = self._time(row, "when.start"), self._time(row, "when.end")
        if start is None:
            raise BadRow(f"{fields['when.start']} is empty")
        end = start if end is None else end
        whole = "when.all_day" in fields and _is_true(row.get(fields["when.all_day"]))
        try:
            if whole or not isinstance(start, datetime):
                return self._all_day(start, end)
            return self._timed(start, _at_midnight(end), row)
        except (ValueError, OverflowError) as error:
            if isinstance(error, BadRow):
                raise
            raise BadRow(f"{fields['when.start']} is out of range") from None

    def _time(self, row: Row, path: str) -> datetime | date | None:
        column = self.mapping.fields[path]
        value = row.get(column)
        if value is None or value == "":
            return None
        try:
            return self.clock.parse(value)
        except (ValueError, OverflowError):
            raise BadRow(f"{column} holds no time that can be read") from None

    def _all_day(self, start: datetime | date, end: datetime | date) -> AllDay:
        first, last = self._local(start), self._local(end)
        if last < first:
            raise self._backwards()
        past_midnight = last.time() != datetime.min.time()
        inclusive = self.mapping.extra.get("all_day_end") == "inclusive"
        days = timedelta(days=1 if inclusive or past_midnight else 0)
        return AllDay(first.date(), last.date() + days)

    def _local(self, time: datetime | date) -> datetime:
        whole = _at_midnight(time)
        return whole if whole.tzinfo is None else from_utc(whole, self.clock.zone)

    def _timed(self, start: datetime, end: datetime, row: Row) -> Timed:
        zone = self._zone(row)
        if start.tzinfo is None and end.tzinfo is None and zone == self.clock.zone:
            found = Timed(start, end, zone)
            if end < start:
                raise self._backwards()
            return found
        first, last = self._instant(start), self._instant(end)
        if last < first:
            raise self._backwards()
        return Timed(from_utc(first, zone), from_utc(last, zone), zone)

    def _instant(self, time: datetime) -> datetime:
        return to_utc(time, self.clock.zone) if time.tzinfo is None else time

    def _zone(self, row: Row) -> str:
        column = self.mapping.fields.get("when.zone")
        named = plain_text(row.get(column)).strip() if column else ""
        return named if named and zone_info(named) else self.clock.zone

    def _backwards(self) -> BadRow:
        fields = self.mapping.fields
        return BadRow(f"{fields['when.end']} is before {fields['when.start']}")

    # Writing

    def _bound(self, shown: Appointment, columns: Columns) -> dict[str, Any]:
        """By path, what the path's column takes of a projected appointment."""
        bound: dict[str, Any] = {}
        for path, name in self.mapping.fields.items():
            column = columns[name]
            if path.startswith("when."):
                bound[path] = self._bound_when(path, shown.when, column)
            elif path in LISTS:
                bound[path] = self._bound_list(path, shown, column)
            elif path.startswith(CUSTOM):
                text = dict(shown.custom).get(path.removeprefix(CUSTOM))
                bound[path] = bind_text(text, column)
            else:
                text = self._plain(path, shown)
                bound[path] = bind_text(text or None, column)
        return bound

    def _plain(self, path: str, shown: Appointment) -> str:
        first, _, part = path.partition(".")
        if first == "customer":
            customer = shown.customer or Customer()
            if part == "id":
                return dict(customer.ids).get(self.system, "")
            return str(getattr(customer, part))
        if first == "organizer":
            person = shown.organizer or Person("")
            return person.name if part == "name" else person.email
        text = str(getattr(shown, first))
        table = self.tables.get(first)
        return table.theirs.get(text, text) if table else text

    def _bound_list(self, path: str, shown: Appointment, column: Column) -> Any:
        how = self.mapping.lists.get(path, JSON)
        if path == "attendees":
            tabular = keeps_tables(how, column)
            elements: list[Any] = [
                attendee_table(each) if tabular else each.email for each in shown.attendees
            ]
        else:
            elements = sorted(getattr(shown, path))
        found = write_list(elements, how, column)
        return bind_text(found, column) if isinstance(found, str) else found

    def _bound_when(self, path: str, when: When, column: Column) -> Any:
        part = path.removeprefix("when.")
        if part == "all_day":
            return bind_flag(isinstance(when, AllDay), column)
        if part == "zone":
            return bind_text(when.zone if isinstance(when, Timed) else None, column)
        if isinstance(when, AllDay):
            inclusive = self.mapping.extra.get("all_day_end") == "inclusive"
            last = when.end - timedelta(days=1) if inclusive else when.end
            return self.clock.bind_day(when.start if part == "start" else last, column)
        wall = when.start if part == "start" else when.end
        return self.clock.bind(to_utc(wall, when.zone, self.clock.zone), column)


def keeps_tables(how: str, column: Column) -> bool:
    """Whether a list's column keeps tables (attendees with names), or only words."""
    if column.kind is Kind.JSON:
        return True
    return how == JSON and column.kind is not Kind.ARRAY


def bind_flag(flag: bool, column: Column) -> Any:
    """A yes or no as ``column`` takes it."""
    if column.kind is Kind.BOOLEAN:
        return flag
    if column.kind is Kind.INTEGER or column.kind is Kind.NUMBER:
        return int(flag)
    return "true" if flag else "false"


def bind_text(text: str | None, column: Column) -> Any:
    """A text as ``column`` takes it; none is NULL where the column allows it.

    Raises ``Rejected``, naming the column, if it cannot hold the text.
    """
    if text is None:
        return None if column.nullable or column.kind is not Kind.TEXT else ""
    text = clean_text(text)
    convert = _CONVERSIONS.get(column.kind)
    if convert is not None:
        try:
            return convert(text)
        except (ValueError, InvalidOperation):
            raise Rejected(f"the column {column.name} holds {column.kind} values only") from None
    if column.length is not None and len(text) > column.length:
        raise Rejected(f"the column {column.name} holds at most {column.length} characters")
    return text


def _whole_number(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError
    return number


def _truth(text: str) -> bool:
    if text.lower() not in _TRUE and text.lower() not in _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _no_text(text: str) -> None:
    raise ValueError


_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off", ""})

_CONVERSIONS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: _whole_number,
    Kind.NUMBER: Decimal,
    Kind.BOOLEAN: _truth,
    Kind.UUID: UUID,
    Kind.NAIVE: _no_text,
    Kind.AWARE: _no_text,
    Kind.DATE: _no_text,
    Kind.ARRAY: _no_text,
    Kind.OTHER: _no_text,
}


def _is_true(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE
    return bool(value)


def _at_midnight(time: datetime | date) -> datetime:
    return time if isinstance(time, datetime) else datetime(time.year, time.month, time.day)
