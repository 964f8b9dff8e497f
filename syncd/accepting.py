"""Whether systems take writes: a circuit for each, beside that of its looks.

A system can answer looks and take no writes: a table is locked, a server is in maintenance or its
disk is full. Then its looks go on, and its writes rest: the circuit opens once a few different
ones have failed with none accepted in between, and when its pause is over one write tries for all
of them. No write is tried either while the system's looks rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar

from syncd.breakers import Breakers, Resting
from syncd.errors import Unauthorized, Unavailable
from syncd.schedule import Circuit, Fault, Flow

T = TypeVar("T")


class Accepting:
    """The circuits of writes by system. Threads of the pool share them."""

    def __init__(self, clock: Callable[[], datetime], breakers: Breakers) -> None:
        self._clock, self._breakers = clock, breakers
        self._lock = threading.Lock()
        self._circuits: dict[str, Circuit] = {}
        self._failed: dict[str, set[Hashable]] = {}
        self._probing: set[str] = set()

    def circuit(self, system: str) -> Circuit:
        """How a system fares as to writes: that of its looks, unless it is closed."""
        looks = self._breakers.circuit(system)
        if not looks.is_closed:
            return looks
        with self._lock:
            return self._circuits.get(system, Circuit())

    def is_probed(self, system: str) -> bool:
        """Whether one write is to try for all: their pause is over, and looks are answered."""
        looks = self._breakers.circuit(system)
        return looks.is_closed and self.circuit(system).flow(self._clock()) is Flow.PROBING

    def is_well(self, system: str) -> bool:
        """Whether the last of its writes was accepted, and its looks are answered."""
        return self.circuit(system) == Circuit()

    def refusing(self) -> set[str]:
        """The systems that refused the last write for want of rights."""
        with self._lock:
            return {name for name, circuit in self._circuits.items() if circuit.refuses}

    def inherit(self, before: Accepting, systems: set[str]) -> None:
        """Go on with the circuits of ``systems``, which the new configuration left as they
        were."""
        with before._lock, self._lock:
            self._circuits |= {n: c for n, c in before._circuits.items() if n in systems}
            self._failed |= {n: set(f) for n, f in before._failed.items() if n in systems}

    def offer(self, system: str, item: Hashable, write: Callable[[], T], *, alone: bool) -> T:
        """The answer to the ``write`` of ``item``. Raises ``Resting`` without asking while the
        system takes none, and what the write raises. ``alone``: it fails again and again while
        others are accepted, so that its failure says nothing about its system."""
        probes = self._admit(system)
        try:
            answer = write()
        except Unauthorized as error:
            self._count(system, item, Fault.REFUSED, error, alone=alone)
            raise
        except Unavailable as error:
            self._count(system, item, Fault.SILENT, error, alone=alone)
            raise
        finally:
            if probes:
                with self._lock:
                    self._probing.discard(system)
        with self._lock:
            self._circuits.pop(system, None)
            self._failed.pop(system, None)
        return answer

    def _admit(self, system: str) -> bool:
        """Whether this write is the one that tries for all. Raises ``Resting``."""
        looks = self._breakers.circuit(system)
        if not looks.is_closed:
            raise Resting(looks.error)
        with self._lock:
            circuit = self._circuits.get(system, Circuit())
            if circuit.is_closed:
                return False
            if circuit.is_resting(self._clock()) or system in self._probing:
                raise Resting(circuit.error)
            self._probing.add(system)
            return True

    def _count(
        self,
        system: str,
        item: Hashable,
        fault: Fault,
        error: Unauthorized | Unavailable,
        *,
        alone: bool,
    ) -> None:
        if error.lone or alone:
            return
        seconds = error.retry_after if isinstance(error, Unavailable) else None
        asked = timedelta(seconds=seconds) if seconds is not None else None
        with self._lock:
            circuit = self._circuits.get(system, Circuit())
            known = self._failed.setdefault(system, set())
            # One that fails again tells nothing new: it may be the item.
            if not circuit.is_closed or item not in known:
                self._circuits[system] = circuit.failed(fault, str(error), self._clock(), asked)
            known.add(item)
