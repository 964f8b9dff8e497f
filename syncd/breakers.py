"""A system that is dead costs nothing: one circuit for all channels of a system.

Looks pass through the circuit of their system. It opens after a few failures in a row; what
waits then is not asked. When its pause is over, one channel tries for all of them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from syncd.errors import Unauthorized, Unavailable
from syncd.schedule import Circuit, Fault, Flow

T = TypeVar("T")

CIRCUIT = "circuit:"
"""What the store's fact of a system's circuit is called, before the name of the system."""


class Resting(Unavailable):
    """The system was not asked, since it is left alone for a while."""


class Breakers:
    """The circuits of all systems, by name. Threads of the pool share them.

    ``told`` hears of each circuit that opened, closed or failed again, when :meth:`publish` is
    called: by the control thread, which alone stores and logs.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        told: Callable[[str, Circuit], None] = lambda _name, _circuit: None,
    ) -> None:
        self._clock, self._told = clock, told
        self._lock = threading.Lock()
        self._circuits: dict[str, Circuit] = {}
        self._published: dict[str, Circuit] = {}

    def circuit(self, system: str) -> Circuit:
        """How a system fares."""
        with self._lock:
            return self._circuits.get(system, Circuit())

    def refusing(self) -> set[str]:
        """The systems whose last answer was that they refuse our sign-in."""
        with self._lock:
            return {name for name, circuit in self._circuits.items() if circuit.refuses}

    def flow(self, system: str) -> Flow:
        """Whether a system is asked now."""
        return self.circuit(system).flow(self._clock())

    def ask(self, system: str, request: Callable[[], T], *, probe: bool = False) -> T:
        """The answer to ``request``. Raises ``Resting`` without asking if the circuit is not
        closed, unless this is the ``probe``; raises what the request raises."""
        circuit = self.circuit(system)
        if not probe and not circuit.is_closed:
            raise Resting(circuit.error)
        try:
            answer = request()
        except Unauthorized as error:
            if not error.lone:
                self._failed(system, Fault.REFUSED, str(error), None)
            raise
        except Unavailable as error:
            if not error.lone:
                self._failed(system, Fault.SILENT, str(error), error.retry_after)
            raise
        with self._lock:
            self._circuits[system] = Circuit()
        return answer

    def inherit(self, before: Breakers, systems: set[str]) -> None:
        """Go on with the circuits of ``systems``, which the new configuration left as they
        were."""
        with before._lock, self._lock:
            self._circuits |= {n: c for n, c in before._circuits.items() if n in systems}

    def publish(self) -> None:
        """Tell what has changed since the last time."""
        with self._lock:
            now = {name: _shown(circuit) for name, circuit in self._circuits.items()}
        for name, circuit in sorted(now.items()):
            if self._published.get(name) != circuit:
                self._published[name] = circuit
                self._told(name, circuit)

    def _failed(self, system: str, fault: Fault, error: str, seconds: float | None) -> None:
        asked = timedelta(seconds=seconds) if seconds is not None else None
        now = self._clock()
        with self._lock:
            circuit = self._circuits.get(system, Circuit())
            self._circuits[system] = circuit.failed(fault, error, now, asked)


def encode(circuit: Circuit) -> str:
    """For the store, where ``syncd status`` finds it: empty while the circuit is closed."""
    if circuit.since is None or circuit.until is None:
        return ""
    told = {
        "fault": circuit.fault.value,
        "probes": circuit.probes,
        "since": circuit.since.isoformat(),
        "until": circuit.until.isoformat(),
        "error": circuit.error,
    }
    return json.dumps(told)


def decode(text: str | None) -> Circuit:
    """The circuit that :meth:`encode` has written, a closed one for nothing."""
    if not text:
        return Circuit()
    told: Mapping[str, str] = json.loads(text)
    return Circuit(
        probes=int(told["probes"]),
        since=datetime.fromisoformat(told["since"]),
        until=datetime.fromisoformat(told["until"]),
        fault=Fault(told["fault"]),
        error=told["error"],
    )


def _shown(circuit: Circuit) -> Circuit:
    """Single failures are the channel's; the system's story begins when its circuit opens."""
    return Circuit() if circuit.is_closed else replace(circuit, failures=0)
