"""A toy deployment for fair weather, to try the oracle on: right when told to be, else broken.

It knows copies by key, merges by path, the best-ranked channel wins. It has no store, survives
nothing, and knows neither rows nor people's calendars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from syncd.connector import Connector, Identity, Window
from syncd.core.fidelity import project
from syncd.core.model import Appointment, Status, Value
from syncd.core.paths import Path, diff, patch
from syncd.core.state import AppointmentId, Copy, Key, Kind, Marker, Record
from tests.world import wire
from tests.world.clock import START
from tests.world.company import CRM
from tests.world.memory import connect
from tests.world.play import Stage
from tests.world.remote import MemorySystem
from tests.world.surface import Remote

NO_DEATHS = "the mirror keeps no state that could survive: it is for plays without faults"

_WINDOW = Window(START - timedelta(days=30), START + timedelta(days=365))


@dataclass
class _Known:
    """An appointment and its copies."""

    appointment: Appointment
    copies: dict[str, Copy] = field(default_factory=dict)
    over: bool = False


class Mirror:
    """``fault`` names how it is broken: one of :data:`FAULTS`, or empty."""

    def __init__(self, stage: Stage, fault: str = "") -> None:
        self._stage, self._fault = stage, fault
        self._clients: dict[str, Connector] = {
            name: connect(system, invite=fault == "mails")
            for name, system in stage.systems.items()
            if isinstance(system, MemorySystem)
        }
        self._known: dict[AppointmentId, _Known] = {}
        self._records: list[tuple[AppointmentId, Record]] = []
        self._cycles = 0

    @property
    def channels(self) -> Mapping[str, Remote]:
        return self._stage.systems

    def kill_at(self, step: int) -> None:
        raise AssertionError(f"{NO_DEATHS} (asked to die at {step})")

    def restart(self, backup: bool = False) -> None:
        raise AssertionError(f"{NO_DEATHS} (asked to restart, backup {backup})")

    def records(self) -> Iterable[tuple[AppointmentId, Record]]:
        return () if self._fault == "no records" else tuple(self._records)

    def answer(self) -> int:
        return 0

    @property
    def away(self) -> tuple[str, ...]:
        """Nobody leaves here."""
        return ()

    def leave(self, channel: str) -> None:
        raise AssertionError(f"{NO_DEATHS} ({channel} is to leave)")

    def come_back(self, channel: str) -> None:
        raise AssertionError(f"{NO_DEATHS} ({channel} is to return)")

    @property
    def late(self) -> tuple[str, ...]:
        """Nothing is late here."""
        return ()

    def clear(self) -> None:
        """Nothing is late here."""

    def cycle(self) -> None:
        self._cycles += 1
        held = {name: self._look(client) for name, client in self._clients.items()}
        for id_, known in list(self._known.items()):
            self._settle(id_, known, held)
        for name, copies in held.items():
            for copy in copies.values():
                self._adopt(name, copy)
        for id_, known in self._known.items():
            self._write(id_, known)

    def _look(self, client: Connector) -> dict[Key, Copy]:
        return {copy.key: copy for copy in client.observe(None, _WINDOW, {}).copies}

    def _settle(self, id_: AppointmentId, known: _Known, held: dict[str, dict[Key, Copy]]) -> None:
        claims: dict[Path, dict[str, Value]] = {}
        for name, old in list(known.copies.items()):
            new = held[name].pop(old.key, None)
            if new is None:
                known.over = known.over or self._fault != "resurrects"
                del known.copies[name]
                continue
            known.copies[name] = new
            for path, value in diff(old.reads, new.reads).items():
                claims.setdefault(path, {})[name] = value
        for path, sides in claims.items():
            self._decide(id_, known, path, sides)
        if known.appointment.status is Status.CANCELLED:
            known.over = True

    def _decide(
        self, id_: AppointmentId, known: _Known, path: Path, sides: dict[str, Value]
    ) -> None:
        ranked = sorted(sides, key=self._stage.company.ranking.index)
        winner = ranked[-1 if self._fault == "wrong winner" else 0]
        if self._fault == "loses edits" and path == ("location",):
            return
        if len(set(sides.values())) > 1:
            told = Record(Kind.CONFLICT, path, "prefer", winner, claims=tuple(sides.items()))
            self._records.append((id_, told))
        known.appointment = patch(known.appointment, {path: sides[winner]})

    def _adopt(self, name: str, copy: Copy) -> None:
        customer = any(not each.email.endswith("@example.com") for each in copy.reads.attendees)
        if name == CRM or customer or self._fault == "tells secrets":
            id_ = f"m{len(self._known)}"
            self._known[id_] = _Known(copy.reads, {name: copy})

    def _write(self, id_: AppointmentId, known: _Known) -> None:
        for name, client in self._clients.items():
            copy = known.copies.get(name)
            if known.over and name != CRM:
                self._remove(known, name, client)
                continue
            wanted = known.appointment
            if known.over:
                wanted = replace(wanted, status=Status.CANCELLED)
            content = project(wanted, client.fidelity)
            if copy is not None and self._changed(name, copy, content):
                key = self._update(client, copy, content)
            elif copy is None and not known.over:
                key = client.create(Identity(Marker("mirror", id_)), content).key
                if self._fault == "duplicates" and len(self._known) < 5:
                    client.create(Identity(Marker("mirror", f"{id_}x")), content)
            else:
                continue
            known.copies[name] = client.fetch([key]).copies[0]

    def _changed(self, name: str, copy: Copy, content: Appointment) -> bool:
        if self._fault == "never rests" and name == CRM:
            return True
        return bool(diff(copy.reads, content))

    def _update(self, client: Connector, copy: Copy, content: Appointment) -> Key:
        if self._fault != "strips":
            return client.update(copy, content).key
        bare = wire.dump({"uid": copy.uid, **wire.write(copy.reads)})
        return client.update(replace(copy, wire=bare), content).key

    def _remove(self, known: _Known, name: str, client: Connector) -> None:
        copy = known.copies.pop(name, None)
        if copy is not None:
            client.delete(copy)


FAULTS = {
    "loses edits": "2:",
    "no records": "2:",
    "duplicates": "3:",
    "resurrects": "4:",
    "tells secrets": "4:",
    "mails": "5:",
    "strips": "8:",
    "wrong winner": "rule:",
    "never rests": "1:",
}
"""Each way to be broken, and how the complaint begins that must follow."""
