"""What a poll, a first load and many writes cost: counted, with no clock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from connectors.microsoft365.connector import GraphConnector
from connectors.microsoft365.fake import FakeGraph
from syncd.core.model import Override, Recurrence
from syncd.core.state import Copy, Key
from tests.conformance.world import identity, look, make, visit
from tests.microsoft365.connecting import WINDOW, connect, outlook

THREADS = 16
"""What the pool gives one system: half of its workers."""


def _all_created(connector: GraphConnector, count: int) -> list[Key]:
    names = [(identity(), visit(number % 900, f"Nr {number}")) for number in range(count)]
    with ThreadPoolExecutor(THREADS) as pool:
        return [each.key for each in pool.map(lambda each: connector.create(*each), names)]


def test_a_silent_calendar_costs_one_request_a_poll(graph: FakeGraph) -> None:
    connector = connect(graph)
    make(connector, visit())
    first = look(connector)
    quiet = look(connector, first)
    before = len(graph.calls)
    for _ in range(3):
        quiet = look(connector, quiet)
        assert not quiet.copies
    assert len(graph.calls) - before == 3


def test_a_silent_calendar_with_series_costs_one_too(graph: FakeGraph) -> None:
    connector = connect(graph)
    own = ("20260302T100000", Override(deleted=True))
    series = replace(visit(), recurrence=Recurrence(("FREQ=DAILY;COUNT=9",)), overrides=(own,))
    make(connector, series)
    first = look(connector)
    before = len(graph.calls)
    look(connector, first)
    assert len(graph.calls) - before == 1


def test_one_change_costs_two(graph: FakeGraph) -> None:
    """What delta tells lacks our marker: the event is got."""
    connector, person = connect(graph), outlook(graph)
    make(connector, visit())
    first = look(connector)
    graph.service.deltas[person.mailbox.address].empties = False
    person.edit(person.events[0], subject="Umbenannt")
    before = len(graph.calls)
    (copy,) = look(connector, first).copies
    assert copy.reads.title == "Umbenannt"
    assert len(graph.calls) - before == 2


def test_a_thousand_creates_cost_250_calls_at_most(graph: FakeGraph) -> None:
    """Invariant 3 besides: each is there once."""
    connector = connect(graph)
    look(connector)
    before = len(graph.calls)
    keys = _all_created(connector, 1000)
    assert len(set(keys)) == 1000
    assert len(outlook(graph).events) == 1000
    assert len(graph.calls) - before <= 250
    assert connector.requests == len(graph.calls)
    assert graph.most_in_flight <= 4
    assert not graph.refused


def test_a_look_after_many_writes_costs_few_calls(graph: FakeGraph) -> None:
    """Exchange has moved all their versions meanwhile."""
    connector = connect(graph)
    first = look(connector)
    _all_created(connector, 400)
    before = len(graph.calls)
    assert len(look(connector, first).copies) == 400
    assert len(graph.calls) - before <= 2 + 2 * 3


def test_a_first_look_at_a_thousand_costs_few_calls(graph: FakeGraph) -> None:
    _all_created(connect(graph), 1000)
    connector = connect(graph)
    before = len(graph.calls)
    shown = look(connector)
    assert shown.complete
    assert len(shown.copies) == 1000
    assert len(graph.calls) - before <= 2 + 2 * 6
    fresh, before = connect(graph), len(graph.calls)
    again = fresh.observe(None, WINDOW, {copy.key: copy.version for copy in shown.copies})
    assert len(again.unchanged) == 1000
    assert len(graph.calls) - before <= 2 + 6


def test_many_updates_and_deletes_are_batched(graph: FakeGraph) -> None:
    connector = connect(graph)
    _all_created(connector, 200)
    copies = look(connector).copies
    before = len(graph.calls)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda copy: _retitled(connector, copy), copies))
    assert len(graph.calls) - before <= 50
    assert {event.props["subject"] for event in outlook(graph).events} == {"Neu"}
    after = look(connector).copies
    before = len(graph.calls)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(connector.delete, after))
    assert len(graph.calls) - before <= 50
    assert not outlook(graph).events


def _retitled(connector: GraphConnector, copy: Copy) -> None:
    connector.update(copy, replace(copy.reads, title="Neu"))


def test_where_batches_are_throttled_smaller_ones_are_sent(graph: FakeGraph) -> None:
    """As it was before Graph ran four requests of a batch at a time: what is too much is refused,
    is sent again, and each is made once."""
    graph.faults.strict_batches = True
    _all_created(connect(graph), 120)
    assert len(outlook(graph).events) == 120
    assert len({event.props["subject"] for event in outlook(graph).events}) == 120
    assert graph.most_in_flight <= 4


@pytest.mark.parametrize("mailboxes", [3])
def test_mailboxes_do_not_wait_for_each_other(graph: FakeGraph, mailboxes: int) -> None:
    """Several connectors of one mailbox share its limit; each mailbox has its own."""
    names = [f"user{number}@example.com" for number in range(mailboxes)]
    connectors = [connect(graph, graph.mailbox(name).address) for name in names for _ in range(2)]
    graph.faults.latency = 0.01
    barrier = threading.Barrier(len(connectors))

    def work(connector: GraphConnector) -> None:
        barrier.wait()
        for number in range(8):
            look(connector)
            connector.create(identity(), visit(number))

    with ThreadPoolExecutor(len(connectors)) as pool:
        list(pool.map(work, connectors))
    assert graph.most_in_flight <= 4
    assert not graph.refused
    assert [len(outlook(graph, name).events) for name in names] == [16] * mailboxes
