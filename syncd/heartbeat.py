"""Signs of life, sent by the loop as it gets on: a loop that hangs sends none.

No thread lives on to send them. The loop beats at each step of a cycle and while it waits for
the next one, so that a first synchronisation of half an hour is alive, and a dead-lock is not.
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.pulse import Pulse
from syncd.systemd import Systemd

OFTEN = 1.0
"""Seconds between two signs, where the service manager does not want them more often."""


class Heartbeat:
    """Tells the pulse, and the service manager at half of the time that it gives.

    ``clock``: seconds of ``time.monotonic()``. ``every``: seconds in which the loop is to beat.
    """

    def __init__(self, pulse: Pulse, manager: Systemd, clock: Callable[[], float]) -> None:
        self._pulse, self._manager, self._clock = pulse, manager, clock
        half = manager.watchdog / 2 if manager.watchdog is not None else OFTEN
        self._watched = manager.watchdog is not None
        self._half, self.every = half, min(OFTEN, half / 2)
        self._told = self._beaten = float("-inf")

    def beat(self) -> None:
        """The loop has got on. Cheap: called thousands of times in a long cycle."""
        now = self._clock()
        if now - self._beaten >= self.every / 2:
            self._beaten = now
            self._pulse.beat(now)
        if self._watched and now - self._told >= self._half - self.every:
            self._told = now
            self._manager.alive()
