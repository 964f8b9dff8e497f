"""Google's notification channels: opened, told, forged, lost, over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue

import pytest

from connectors.google import plugin
from connectors.google.fake import FakeGoogle, Fault, google_error
from syncd.connector import Notice, Receipt, Receives, Told, Watches
from syncd.core.model import Appointment
from syncd.errors import Rejected, Unavailable
from tests.google.connecting import ALICE, GROUP, at, connect, identity

SECRET = "s" * 43


class Door:
    """The daemon's door: what came through it, in order."""

    def __init__(self, url: str, came: SimpleQueue[Notice]) -> None:
        self.url, self._came = url, came

    def next(self) -> Receipt:
        """What the next message says."""
        return plugin.receive(self._came.get(timeout=20))

    @property
    def is_quiet(self) -> bool:
        return self._came.empty()


@pytest.fixture
def door() -> Iterator[Door]:
    came: SimpleQueue[Notice] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            came.put(Notice("POST", {}, headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Door(f"http://127.0.0.1:{server.server_address[1]}/hooks/google", came)
        server.shutdown()
        thread.join()


def test_a_change_is_told(fake: FakeGoogle, door: Door) -> None:
    connector = connect(fake)
    assert isinstance(connector, Watches)
    assert isinstance(plugin, Receives)
    watch = connector.watch(door.url, SECRET, None)
    assert timedelta(days=6) < watch.expires - datetime.now(UTC) <= timedelta(days=7)
    assert door.next() == Receipt(200, told=(Told(watch.id, SECRET, stands=True),))  # "sync"
    fake.person(ALICE).put("客户", at(2))
    assert door.next() == Receipt(200, told=(Told(watch.id, SECRET),))
    fake.person(ALICE, GROUP).put("elsewhere", at(2))
    connector.create(identity(), Appointment(at(3)))
    assert door.next().told == (Told(watch.id, SECRET),)


def test_a_new_one_takes_the_place_of_the_old(fake: FakeGoogle, door: Door) -> None:
    connector = connect(fake)
    first = connector.watch(door.url, SECRET, None)
    second = connector.watch(door.url, "t" * 43, first)
    assert set(fake.channels.open) == {second.id}
    assert first.id != second.id
    for _ in range(2):  # over already is success
        connector.unwatch(second)
    assert not fake.channels.open


def test_an_old_one_that_cannot_be_ended_does_not_stop_the_new(
    fake: FakeGoogle, door: Door
) -> None:
    connector = connect(fake)
    first = connector.watch(door.url, SECRET, None)
    fake.faults.append(
        Fault(google_error(503, "backendError"), when=lambda name, _: name == "channels.stop")
    )
    second = connector.watch(door.url, SECRET, first)
    assert set(fake.channels.open) == {first.id, second.id}


def test_an_address_without_tls_is_refused(fake: FakeGoogle) -> None:
    fake.channels.insecure = False
    with pytest.raises(Rejected, match="webhookUrlNotHttps"):
        connect(fake).watch("http://syncd.example.com/", SECRET, None)


def test_a_calendar_that_is_not_there_is_not_watched(fake: FakeGoogle) -> None:
    with pytest.raises(Unavailable) as lost:
        connect(fake, ALICE, "nobody@example.com").watch("https://x.example/", SECRET, None)
    assert lost.value.lone


def test_what_is_lost_is_not_told(fake: FakeGoogle, door: Door) -> None:
    """Polling goes on for this reason."""
    connector = connect(fake)
    connector.watch(door.url, SECRET, None)
    assert door.next().told[0].stands
    fake.channels.lost = True
    fake.person(ALICE).put("客户", at(2))
    assert door.is_quiet


@pytest.mark.parametrize(
    ("method", "headers", "receipt"),
    [
        ("GET", {}, Receipt(400)),
        ("POST", {}, Receipt(400)),
        ("POST", {"x-goog-channel-id": "1"}, Receipt(400)),
        ("POST", {"x-goog-resource-state": "exists"}, Receipt(400)),
        ("POST", {"x-goog-channel-id": "1", "x-goog-resource-state": "odd"}, Receipt(400)),
        (
            "POST",
            {"x-goog-channel-id": "1", "x-goog-resource-state": "exists"},
            Receipt(200, told=(Told("1", ""),)),
        ),
        (
            "POST",
            {
                "x-goog-channel-id": "1",
                "x-goog-channel-token": SECRET,
                "x-goog-resource-state": "not_exists",
            },
            Receipt(200, told=(Told("1", SECRET, lost=True),)),
        ),
        (
            "POST",
            {"x-goog-channel-id": "1", "x-goog-resource-state": "sync"},
            Receipt(200, told=(Told("1", "", stands=True),)),
        ),
    ],
    ids=range(8),
)
def test_what_anybody_may_send(method: str, headers: dict[str, str], receipt: Receipt) -> None:
    assert plugin.receive(Notice(method, {}, headers, b"whatever")) == receipt
