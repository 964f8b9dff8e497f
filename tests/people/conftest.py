"""A firm on a Radicale of its own, and syncd at work in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from syncd import plugins
from syncd.config import Settings, load
from syncd.deployment import Deployment
from syncd.results import BridgeResult
from syncd.store import Store
from tests.people.firm import Firm
from tests.servers import Server, radicale


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A Radicale for the tests of a file; every firm has calendars of its own on it."""
    with radicale() as running:
        yield running


@pytest.fixture
def firm(tmp_path: Path, server: Server) -> Firm:
    """Three colleagues with eight coming visits each."""
    made = Firm(tmp_path, server, 3)
    made.visits(8)
    return made


def settings_of(firm: Firm, now: datetime | None = None) -> Settings:
    """The configuration, read at ``now``."""
    return load(firm.config, plugins.Plugins(), {"CALDAV_PASSWORD": "x"}, now)


@contextmanager
def at_work(firm: Firm, now: datetime | None = None) -> Iterator[Deployment]:
    """A deployment that was just started."""
    settings = settings_of(firm, now)
    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store) as deployment,
    ):
        yield deployment


def sync(firm: Firm, now: datetime | None = None) -> BridgeResult:
    """``syncd sync``, started anew."""
    with at_work(firm, now) as deployment:
        (result,) = deployment.sync()
    return result


def writes(result: BridgeResult) -> dict[str, int]:
    """How often each channel was written to, where it was."""
    counts = {c.name: c.created + c.updated + c.deleted for c in result.channels}
    return {name: count for name, count in counts.items() if count}
