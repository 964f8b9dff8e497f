"""Connectors to real servers and to the odd one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connectors.caldav import plugin
from connectors.caldav.connector import CalDavConnector
from syncd.connector import Collection, System, Window
from tests.servers import Server

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
_numbers = itertools.count(1)


def connect(url: str, calendar: str = "", **options: object) -> CalDavConnector:
    """A connector to what is at ``url``."""
    person = str(options.pop("person", "alice@example.com"))
    invite = bool(options.pop("invite", False))
    options.setdefault("username", "alice")
    options.setdefault("password", "x")
    system = System("cal", "caldav", "calendar", "inst1", options={"url": url, **options})
    return plugin.connect(system, Collection(calendar, person, invite))


@pytest.fixture
def fresh(dav_server: Server) -> tuple[Server, str, CalDavConnector]:
    """A real server, the URL of an empty calendar in it, and a connector to that."""
    url = dav_server.calendar(f"work-{next(_numbers)}")
    return dav_server, url, connect(url)


Connect = Callable[..., CalDavConnector]
