"""The Microsoft 365 connector in the conformance suite, against the fake of Graph."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from connectors.microsoft365 import plugin
from connectors.microsoft365.fake import PLANT, FakeGraph, Person
from connectors.microsoft365.fake.events import Stored
from syncd.connector import Collection, Connector, System
from syncd.core.model import Appointment, Timed
from syncd.core.state import Key
from tests.conformance.suite import Suite
from tests.conformance.world import World, held, make, one, visit
from tests.microsoft365.series import fitting

LAWS = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PLANTED = "紫, \\red"


class PersonInOutlook:
    """A person in front of Outlook."""

    def __init__(self, fake: FakeGraph, address: str) -> None:
        self._fake, self._address = fake, address
        self._person = Person(fake.mailbox(address))

    def put(self, title: str, when: Timed) -> Key:
        with self._fake.service.lock:
            made = self._person.put(title, when.start, when.end, "China Standard Time")
            return f"AAkALg{made.number}"

    def retitle(self, key: Key, title: str) -> None:
        with self._fake.service.lock:
            self._person.edit(self._event(key), subject=title)

    def delete(self, key: Key) -> None:
        with self._fake.service.lock:
            self._person.delete(self._event(key))

    def count(self) -> int:
        return len(self._person.events)

    def plant(self, key: Key) -> None:
        with self._fake.service.lock:
            self._person.plant(self._event(key), PLANTED)

    def planted(self, key: Key) -> bool:
        event = self._event(key)
        return event.extended.get(PLANT) == PLANTED and event.props["importance"] == "high"

    def spoil(self, key: Key) -> None:
        with self._fake.service.lock:
            self._person.spoil(self._event(key))

    def mails(self) -> int:
        return self._person.mailbox.mails

    def broken(self, cursor: str) -> str:
        self._fake.service.deltas[self._address].tokens.clear()
        return cursor

    def _event(self, key: Key) -> Stored:
        event, _ = self._person.mailbox.find(key.removeprefix("AAkALg"))
        return event


@pytest.fixture(scope="module")
def graph() -> Iterator[FakeGraph]:
    """One Graph for all checks; each has a mailbox of its own."""
    with FakeGraph() as fake:
        fake.service.refused_subjects.add("hopeless")
        yield fake


class TestMicrosoft365(Suite):
    """Every check; the laws of translating over what Graph can hold in one event. What it cannot
    (``connectors.microsoft365.expressible``) is refused: ``tests/microsoft365`` shows that."""

    def test_what_is_read_is_what_was_written_as_projected(self, world: World) -> None:
        """Invariant 8; a connector declares in its fidelity whatever its system alters."""
        connector = world.connect()

        @LAWS
        @given(fitting)
        def law(content: Appointment) -> None:
            copy = make(connector, content)
            assert copy.reads == held(content, connector.fidelity)
            connector.delete(copy)

        law()

    def test_any_appointment_becomes_any_other(self, world: World) -> None:
        connector = world.connect()

        @LAWS
        @given(fitting, fitting)
        def law(content: Appointment, wanted: Appointment) -> None:
            copy = make(connector, content)
            target = held(wanted, connector.fidelity)
            connector.update(copy, target)
            after = one(connector, copy.key)
            assert after.reads == target
            assert after.marker == copy.marker
            connector.delete(after)

        law()

    @pytest.fixture
    def world(self, graph: FakeGraph) -> Iterator[World]:
        address = f"user{len(graph.service.mailboxes)}@example.com"
        graph.mailbox(address)
        made: list[Connector] = []

        def connect(**options: object) -> Connector:
            system = System(
                "m365",
                "microsoft365",
                "calendar",
                "conformance",
                "Asia/Shanghai",
                options={**graph.options, **options},
            )
            made.append(plugin.connect(system, Collection(calendar=address)))
            return made[-1]

        yield World(
            manifest=plugin.manifest,
            connect=connect,
            person=PersonInOutlook(graph, address),
            intruder=lambda: connect(client_secret="wrong-" + graph.login.secret),
            secret=graph.login.secret,
            hopeless=visit(title="hopeless"),
        )
        for connector in made:
            connector.close()
