"""The connector of the simulated remote, with unequal abilities, in the conformance suite."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from syncd.core.fidelity import Fidelity
from syncd.core.model import FIELDS, Appointment, Timed
from syncd.core.state import Key
from tests.conformance.suite import Suite
from tests.conformance.world import World, visit
from tests.world.abilities import Abilities
from tests.world.clock import WorldClock
from tests.world.memory import MemorySystem, connect

ROWS = Fidelity(
    recurrence=False,
    zone="UTC",
    floating=False,
    default_zone="Asia/Shanghai",
    attendee_parts=frozenset(),
    customer_parts=frozenset({"name", "email"}),
    carries=frozenset(FIELDS) - {"recurrence", "overrides", "tags"},
    values={"status": {"no_show": "completed"}, "busy": {"away": "busy"}},
)
COARSE = Fidelity(
    lengths={"title": 12, "description": 80, "location": 40},
    resolution=300,
    all_day=False,
    floating=False,
    organizer_name=False,
    values={"visibility": {"confidential": "private"}},
)
ABILITIES = {
    "full": Abilities(),
    "rows": Abilities(
        role="crm", fidelity=ROWS, cursors=False, client_keys=False, answers="version"
    ),
    "coarse": Abilities(fidelity=COARSE, reorders=True, answers="nothing", burnt_keys=True),
    "bare": Abilities(cursors=False, versions=False, tells_time=False, unordered=True),
    "nasty": Abilities(
        forgiving=True, unordered=True, repeats=0.3, mute=0.5, always_mails=True, batch=7
    ),
    "ctag": Abilities(tombstones=False, unique_uids=True, skew=timedelta(minutes=7)),
}


class PersonInMemory:
    """A person in front of the remote's own page."""

    def __init__(self, system: MemorySystem) -> None:
        self._system = system

    def put(self, title: str, when: Timed) -> Key:
        return self._system.person_create(Appointment(when, title=title))

    def retitle(self, key: Key, title: str) -> None:
        self._system.person_edit(key, lambda held: replace(held, title=title))

    def delete(self, key: Key) -> None:
        self._system.person_delete(key)

    def count(self) -> int:
        return len(self._system.items)

    def plant(self, key: Key) -> None:
        self._system.person_plant(key, "x-colour", "紫, \\red")

    def planted(self, key: Key) -> bool:
        return self._system.foreign(key).get("x-colour") == "紫, \\red"

    def spoil(self, key: Key) -> None:
        self._system.person_break(key)

    def mails(self) -> int:
        return self._system.mails

    def broken(self, cursor: str) -> str:
        self._system.expire_cursors()
        return cursor


class TestMemory(Suite):
    """Every check, for each set of abilities."""

    @pytest.fixture(params=list(ABILITIES))
    def world(self, request: pytest.FixtureRequest) -> World:
        system = MemorySystem("m", ABILITIES[request.param], WorldClock(), Random(7))
        system.faults.refused = frozenset({"hopeless"})
        return World(
            manifest=system.abilities.manifest(),
            connect=lambda: connect(system),
            person=PersonInMemory(system),
            hopeless=visit(title="hopeless"),
            lacks={"secrets_stay_secret": "nobody signs in to the memory of the test"},
        )
