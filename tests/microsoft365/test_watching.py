"""Subscriptions, and what Graph posts: over loopback, with the fake's own posts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.microsoft365 import plugin
from connectors.microsoft365.fake import FakeGraph
from syncd.connector import Notice, Receipt, Receives, SignsIn, Told, Watches
from syncd.errors import Rejected
from tests.conformance.world import identity, look, visit
from tests.microsoft365.connecting import ALICE, connect, outlook

SECRET = "s" * 40


@dataclass
class Door:
    """A door as the daemon has one: hands each request to the plugin, and answers with that."""

    address: str = ""
    told: SimpleQueue[Told] = field(default_factory=SimpleQueue)


@pytest.fixture
def door() -> Iterator[Door]:
    found = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receipt = plugin.receive(Notice("POST", query, headers, body))
            answer = receipt.body.encode()
            self.send_response(receipt.status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            for each in receipt.told:
                found.told.put(each)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}/hooks/m365"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_change_is_told(graph: FakeGraph, door: Door) -> None:
    connector = connect(graph)
    watch = connector.watch(door.address, SECRET, None)
    left = watch.expires - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(minutes=10_070)
    person = outlook(graph)
    person.put("Neu", datetime(2026, 5, 4, 9), datetime(2026, 5, 4, 10), "China Standard Time")
    assert door.told.get() == Told(watch.id, SECRET)


def test_another_calendar_is_not_told_of(graph: FakeGraph, door: Door) -> None:
    work = graph.mailbox().add_calendar("Arbeit")
    connector = connect(graph, f"{ALICE}/{work.name}")
    watch = connector.watch(door.address, SECRET, None)
    connect(graph).create(identity(), visit())
    connector.create(identity(), visit())
    assert door.told.get() == Told(watch.id, SECRET)
    assert door.told.empty()


def test_a_watch_is_renewed_while_it_lives_and_made_anew_after(
    graph: FakeGraph, door: Door
) -> None:
    connector = connect(graph)
    first = connector.watch(door.address, SECRET, None)
    again = connector.watch(door.address, SECRET, first)
    assert again.id == first.id
    graph.service.subscriptions.living.clear()
    third = connector.watch(door.address, SECRET, again)
    assert third.id != first.id
    assert list(graph.service.subscriptions.living) == [third.id]
    connector.unwatch(third)
    connector.unwatch(third)
    assert not graph.service.subscriptions.living


def test_lifecycle_events(graph: FakeGraph, door: Door) -> None:
    connector = connect(graph)
    watch = connector.watch(door.address, SECRET, None)
    every = graph.service.subscriptions
    every.lifecycle(watch.id, "missed")
    assert door.told.get() == Told(watch.id, SECRET)
    every.lifecycle(watch.id, "reauthorizationRequired")
    assert door.told.get() == Told(watch.id, SECRET, lost=True)
    every.lifecycle(watch.id, "subscriptionRemoved")
    assert door.told.get() == Told(watch.id, SECRET, lost=True)
    assert connector.watch(door.address, SECRET, watch).id != watch.id


def test_an_address_that_does_not_answer_is_refused(graph: FakeGraph) -> None:
    with pytest.raises(Rejected, match="ValidationError"):
        connect(graph).watch("http://127.0.0.1:1/x", SECRET, None)
    with pytest.raises(Rejected, match="128"):
        connect(graph).watch("http://127.0.0.1:1/x", "s" * 129, None)


def _notice(body: object, **query: str) -> Notice:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Notice("POST", query, {}, raw)


def test_the_handshake_is_answered_with_the_token() -> None:
    token = "Validation: Testing <é/1> 100%"
    assert plugin.receive(_notice(b"", validationToken=token)) == Receipt(200, token)


def test_several_at_once_are_told_once_each() -> None:
    one_ = {"subscriptionId": "a", "clientState": "x", "changeType": "updated"}
    other = {"subscriptionId": "b", "clientState": "y", "lifecycleEvent": "subscriptionRemoved"}
    receipt = plugin.receive(_notice({"value": [one_, one_, other]}))
    assert receipt == Receipt(202, "", (Told("a", "x"), Told("b", "y", lost=True)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        {"value": 5},
        {"value": [{"subscriptionId": 5}]},
        {"value": [7, None]},
        {"value": [{}] * 1001},
        b"[" * 50_000,
    ],
    ids=str,
)
def test_anything_else_is_no_notification(body: object) -> None:
    assert plugin.receive(_notice(body)).status == 400


def test_other_methods_are_no_notifications() -> None:
    assert plugin.receive(Notice("GET", {"validationToken": "x"}, {}, b"")).status == 400


def test_the_ports_are_satisfied(graph: FakeGraph) -> None:
    assert isinstance(plugin, Receives)
    assert isinstance(plugin, SignsIn)
    assert isinstance(connect(graph), Watches)
    look(connect(graph))
