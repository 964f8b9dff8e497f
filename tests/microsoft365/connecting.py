"""Connectors for tests, and people beside them."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.microsoft365 import plugin
from connectors.microsoft365.connector import GraphConnector
from connectors.microsoft365.fake import FakeGraph, Person
from syncd.connector import Collection, System, Window

ALICE = "alice@example.com"
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def system_of(graph: FakeGraph, *, tokens: str = "", **options: object) -> System:
    """The system that is the fake; an option that is ``None`` is left out."""
    given = {name: value for name, value in {**graph.options, **options}.items() if value}
    return System(
        "m365", "microsoft365", "calendar", "inst1", "Asia/Shanghai", options=given, tokens=tokens
    )


def connect(
    graph: FakeGraph,
    calendar: str = ALICE,
    *,
    person: str = "",
    invite: bool = False,
    tokens: str = "",
    **options: object,
) -> GraphConnector:
    """A connector to a calendar of the fake."""
    collection = Collection(calendar, person, invite)
    return plugin.connect(system_of(graph, tokens=tokens, **options), collection)


def outlook(graph: FakeGraph, address: str = ALICE) -> Person:
    """Somebody in front of Outlook."""
    return Person(graph.mailbox(address))


def key_of(number: int) -> str:
    """The immutable id of an event of the fake."""
    return f"AAkALg{number}"
