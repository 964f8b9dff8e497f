"""Where the remotes of a world come from: memory, or fakes of vendors on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from syncd.core.model import Appointment
from syncd.core.state import Key, Marker
from tests.world.clock import WorldClock
from tests.world.company import DOMAIN, Desk
from tests.world.gates import HostOfGoogle, HostOfGraph, Time, world_time
from tests.world.hosted_google import GoogleSystem
from tests.world.hosted_graph import GraphSystem
from tests.world.remote import MemorySystem
from tests.world.series import occurrence_start
from tests.world.surface import Remote
from tests.world.weather import Skies


class Memory:
    """Remotes in memory."""

    def begin(self, clock: WorldClock) -> None:
        """A new world."""

    def open(self, desk: Desk, clock: WorldClock, random: Random) -> Remote:
        """The remote of a desk."""
        return MemorySystem(desk.name, desk.abilities, clock, random)


class OrderlySystem(MemorySystem):
    """A remote in which nobody moves a row of a series past its neighbours: Exchange cannot hold
    such a series, and the connector sets it aside."""

    def person_edit(
        self, key: Key, edit: Callable[[Appointment], Appointment], *, exact: bool = False
    ) -> None:
        """A person changes an item; its time only if it stays in its week."""
        marker = Marker.parse(str(self.foreign(key).get("marker", "")))
        slot = marker.slot if marker is not None else ""

        def orderly(held: Appointment) -> Appointment:
            wanted = edit(held)
            if not slot or abs(_start(wanted) - occurrence_start(slot)) < timedelta(days=3):
                return wanted
            return replace(wanted, when=held.when)

        super().person_edit(key, orderly, exact=exact)


class Vendors(Memory):
    """Remotes of desks that name a vendor are calendars of its fake, all others in memory."""

    def __init__(self, google: HostOfGoogle, graph: HostOfGraph, time: Time) -> None:
        self._google, self._graph, self._time = google, graph, time

    def begin(self, clock: WorldClock) -> None:
        """A new world, in which nothing is left of the one before."""
        self._time.clock = clock
        self._google.begin(clock)
        self._graph.begin()

    def open(self, desk: Desk, clock: WorldClock, random: Random) -> Remote:
        """The remote of a desk."""
        if not desk.vendor:
            return OrderlySystem(desk.name, desk.abilities, clock, random)
        address = address_of(desk)
        skies = Skies(clock, random)
        if desk.vendor == "google":
            return GoogleSystem(desk.name, desk.abilities, address, skies, self._google)
        return GraphSystem(desk.name, desk.abilities, address, skies, self._graph)


def address_of(desk: Desk) -> str:
    """The mailbox of a vendor's desk: its person's, or a shared one."""
    return desk.person or f"{desk.name}@{DOMAIN}"


def _start(appointment: Appointment) -> datetime:
    start = appointment.when.start
    return start if isinstance(start, datetime) else datetime(start.year, start.month, start.day)


@contextmanager
def vendors() -> Iterator[Vendors]:
    """The fakes, served for as many worlds as are played one after the other."""
    time, google, graph = Time(), HostOfGoogle(), HostOfGraph()
    with google, graph, world_time(time):
        yield Vendors(google, graph, time)
