"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import dialects
from tests.servers import Server, radicale, xandikos

# No test has a limit of time: a busy machine is slow, not wrong.
settings.register_profile("syncd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("syncd")
dialects.keep()


def pytest_collection_finish() -> None:
    """Modules and tests stay: whoever looks for garbage need not go through them each time, nor as
    often as in a program that has to be small."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def radicale_server() -> Iterator[Server]:
    """One Radicale for the whole run; tests make calendars of their own in it."""
    with radicale() as server:
        yield server


@pytest.fixture(scope="session")
def xandikos_server() -> Iterator[Server]:
    """One Xandikos for the whole run; tests make calendars of their own in it."""
    with xandikos() as server:
        yield server


@pytest.fixture(params=["radicale", "xandikos"])
def dav_server(request: pytest.FixtureRequest) -> Server:
    """Each of the real servers in turn."""
    server = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(server, Server)
    return server
