"""The weather over one hosted calendar: what happens to a request, and what it counts as."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.world.abilities import Faults
from tests.world.clock import WorldClock

LATENCY = 0.05
"""Seconds of the world that a request takes."""


@dataclass
class Skies:
    """``faults`` as in :class:`Faults`; ``requests`` arrived, ``writes`` were carried out,
    ``lists`` were answered."""

    clock: WorldClock
    random: Random
    faults: Faults = field(default_factory=Faults)
    requests: int = 0
    writes: int = 0
    lists: int = 0

    def arrives(self) -> None:
        """One more request."""
        self.requests += 1
        self.clock.advance(LATENCY)

    def before(self, *, writes: bool, lists: bool) -> str:
        """What befalls a request before it is carried out: ``down``, ``locked``, ``read_only``,
        ``throttled``, ``lost`` or ``broken`` (a listing); empty for nothing."""
        faults = self.faults
        if faults.down:
            return "down"
        if faults.locked:
            return "locked"
        if faults.read_only and writes:
            return "read_only"
        if self.chance(faults.throttled):
            return "throttled"
        if self.chance(faults.lost_requests):
            return "lost"
        if lists and self.chance(faults.broken_listings):
            return "broken"
        self.lists += lists
        return ""

    def written(self, *, repeatable: bool) -> bool:
        """A write was carried out; whether a proxy on the way sends it a second time."""
        self.writes += 1
        return repeatable and self.chance(self.faults.doubled)

    def loses(self) -> bool:
        """Whether the answer to a write is lost."""
        return self.chance(self.faults.lost_answers)

    def chance(self, rate: float) -> bool:
        """Whether something of this probability happens."""
        return rate > 0 and self.random.random() < rate
