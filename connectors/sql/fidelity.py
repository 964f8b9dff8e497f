"""What a table carries, and how faithfully: from its mapping and the types of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.sql.columns import Column, Columns, Kind
from connectors.sql.lists import JSON
from connectors.sql.times import Clock
from connectors.sql.translate import CUSTOM, TEXTS, keeps_tables
from connectors.sql.values import ValueTable
from syncd.connector import TableMapping
from syncd.core.fidelity import Fidelity

CUSTOMER_PARTS = {"id": "ids", "name": "name", "email": "email", "phone": "phone"}

_UNKNOWN = Column("")


def fidelity_of(
    mapping: TableMapping, clock: Clock, tables: Mapping[str, ValueTable], columns: Columns
) -> Fidelity:
    """The fidelity of a table. With no ``columns``, as far as the mapping alone tells it."""
    fields = mapping.fields
    attendees = columns.get(fields.get("attendees", ""), _UNKNOWN)
    start = columns.get(fields["when.start"], _UNKNOWN)
    tabular = keeps_tables(mapping.lists.get("attendees", JSON), attendees)
    custom = frozenset(path.removeprefix(CUSTOM) for path in fields if path.startswith(CUSTOM))
    return Fidelity(
        carries=frozenset(path.partition(".")[0] for path in fields),
        lengths=dict(_lengths(mapping, columns)),
        values={name: table.shown for name, table in tables.items() if table.shown},
        recurrence=False,
        zone=None if "when.zone" in fields else clock.zone,
        floating=False,
        default_zone=clock.zone,
        all_day="when.all_day" in fields or start.kind is Kind.DATE,
        resolution=max(1, mapping.resolution),
        attendee_parts=frozenset({"name", "role", "response"} if tabular else ()),
        customer_parts=frozenset(
            part for path, part in CUSTOMER_PARTS.items() if f"customer.{path}" in fields
        ),
        custom_keys=custom,
        organizer_name="organizer.name" in fields,
        override_fields=frozenset(),
    )


def _lengths(mapping: TableMapping, columns: Columns) -> Iterator[tuple[str, int]]:
    """By path, the most characters of the texts that a longer value is cut for."""
    for path, name in mapping.fields.items():
        cut = path in TEXTS or path == "kind" or path.startswith((CUSTOM, "customer."))
        if not cut or path == "customer.id":
            continue
        limits = (mapping.lengths.get(path), columns.get(name, _UNKNOWN).length)
        known = [limit for limit in limits if limit]
        if known:
            yield path, min(known)
