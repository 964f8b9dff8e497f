"""Pages of a real store and pulse, and the requests of whoever looks at them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from syncd.breakers import Breakers
from syncd.deployment import now_utc
from syncd.pulse import Pulse
from syncd.store import Store
from syncd.values import Address
from syncd.web import Pages, Sources, serve
from tests.office import Desk, Office
from tests.servers import Server

LOOPBACK = Address("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def told(self) -> dict[str, Any]:
        """The JSON in it."""
        told: dict[str, Any] = json.loads(self.text)
        return told


def ask(url: str, method: str = "GET") -> Answer:
    """One request."""
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode("utf-8")
            return Answer(response.status, dict(response.headers), text)
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read().decode("utf-8"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.fixture
def pulse() -> Pulse:
    """Of a daemon that has read its configuration."""
    made = Pulse()
    made.configured(["sales"], ["crm", "alice-dav"])
    return made


@pytest.fixture
def expiries() -> dict[str, datetime]:
    """When sign-ins end; none is known."""
    return {}


@pytest.fixture
def breakers() -> Breakers:
    """Of systems that were not asked yet."""
    return Breakers(now_utc)


@pytest.fixture
def sources(
    store: Store, pulse: Pulse, breakers: Breakers, expiries: dict[str, datetime]
) -> Sources:
    """What the pages are made from."""
    channels = frozenset({"sales/crm", "sales/alice"})
    return Sources(store, pulse, breakers, channels, lambda: expiries, dict)


Serving = Callable[[], AbstractContextManager[str]]


@pytest.fixture
def serving(sources: Sources) -> Serving:
    """Serves the pages; gives their address."""

    @contextmanager
    def served() -> Iterator[str]:
        with capture_logs() as lines, serve(LOOPBACK, Pages(sources), "pages"):
            (line,) = [each for each in lines if each["event"] == "pages served"]
            yield f"http://{line['listen']}"

    return served


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server, xandikos_server: Server) -> Office:
    """A CRM, Alice's calendar on Radicale, 王芳's on Xandikos; pages on a free port."""
    servers = {"alice": radicale_server, "wangfang": xandikos_server}
    desks = [Desk(name, s, s.calendar(f"{name}-{uuid4().hex[:8]}")) for name, s in servers.items()]
    return Office(tmp_path, desks, listen="127.0.0.1:0")
