"""The Google connector in the conformance suite, against the fake (no tenant is at hand)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from connectors.google import plugin
from connectors.google.fake import FakeGoogle, Habits
from connectors.google.fake.tokens import Tokens
from syncd.connector import Collection, Connector, System
from tests.conformance.suite import Suite
from tests.conformance.world import World, visit

_numbers = count(1)

HABITS = {
    "usual": Habits(),
    "restless": Habits(moves_etags=True, moves_master=True),
    "forgetful": Habits(keeps_exceptions=False, inherits=False),
}
"""What Google's pages leave open, both ways."""

RESTLESS = {"the_answer_to_a_write_is_what_is_held": "here ETags move by themselves after a write"}


class PersonOfGoogle:
    """Somebody in front of Google's own client."""

    def __init__(self, fake: FakeGoogle, user: str) -> None:
        self._fake, self._user = fake, user
        person = fake.person(user)
        self.put, self.retitle, self.delete = person.put, person.retitle, person.delete
        self.plant, self.planted, self.spoil = person.plant, person.planted, person.spoil
        self._person = person

    def count(self) -> int:
        return len(self._person.live)

    def mails(self) -> int:
        return self._fake.mails

    def broken(self, cursor: str) -> str:
        identity, token = json.loads(cursor)
        if next(_numbers) % 2:
            self._fake.expire_tokens(self._user)
            return cursor
        return json.dumps([identity, token[::-1]])


@pytest.fixture(scope="module")
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        yield fake


class TestGoogle(Suite):
    """Every check, with each of the habits."""

    @pytest.fixture(params=HABITS)
    def world(self, request: pytest.FixtureRequest, google: FakeGoogle) -> Iterator[World]:
        user = f"u{next(_numbers)}@example.com"
        google.add(user)
        google.calendars.habits = HABITS[request.param]
        google.calendars.mails.clear()
        made: list[Connector] = []

        def connect(key: str = google.key_file) -> Connector:
            options = {"endpoint": google.endpoint, "service_account": key}
            options |= {"requests_per_user": 1_000_000, "requests_per_project": 10_000_000}
            system = System("google", "google", "calendar", "conformance", options=options)
            made.append(plugin.connect(system, Collection(user, user)))
            return made[-1]

        stranger = Tokens(key="k2").key_file(json.loads(google.key_file)["token_uri"])
        yield World(
            manifest=plugin.manifest,
            connect=connect,
            person=PersonOfGoogle(google, user),
            intruder=lambda: connect(stranger),
            secret=json.loads(google.key_file)["private_key"],
            lacks=RESTLESS if request.param == "restless" else {},
            hopeless=replace(visit(title="hopeless"), tags=frozenset(_many())),
        )
        for connector in made:
            connector.close()


def _many() -> Iterator[str]:
    """More than extended properties hold, and nothing that can be packed."""
    for number in range(1500):
        yield hashlib.sha256(str(number).encode()).hexdigest()
