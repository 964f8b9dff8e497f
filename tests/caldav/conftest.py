"""Fixtures: a real server with an empty calendar, and a connector to that."""

from __future__ import annotations

import itertools

import pytest

from connectors.caldav.connector import CalDavConnector
from tests.caldav.connecting import connect
from tests.servers import Server

_numbers = itertools.count(1)


@pytest.fixture
def fresh(dav_server: Server) -> tuple[Server, str, CalDavConnector]:
    """A real server, the URL of an empty calendar in it, and a connector to that."""
    url = dav_server.calendar(f"work-{next(_numbers)}")
    return dav_server, url, connect(url)
