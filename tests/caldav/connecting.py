"""Connectors for tests: to real servers and to the odd one."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.caldav import plugin
from connectors.caldav.connector import CalDavConnector
from syncd.connector import Collection, System, Window

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def connect(url: str, calendar: str = "", **options: object) -> CalDavConnector:
    """A connector to what is at ``url``."""
    person = str(options.pop("person", "alice@example.com"))
    invite = bool(options.pop("invite", False))
    options.setdefault("username", "alice")
    options.setdefault("password", "x")
    system = System("cal", "caldav", "calendar", "inst1", options={"url": url, **options})
    return plugin.connect(system, Collection(calendar, person, invite))
