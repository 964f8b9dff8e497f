"""How fast one may ask: requests are spread so that a published limit is never reached. Pure.

A vendor counts requests over a sliding span of time, for each user and for each project. Who
sends as fast as it can has spent a minute's allowance in its first seconds, and is refused for
the rest of it. A :class:`Quota` lets a small burst through at once and spreads the rest evenly,
below the limit whatever the span begins with.

The clock is passed in: seconds of any clock that does not go back. So is the lock.

A request that counts against several limits passes :func:`wait_turn`, the narrowest first: a
user with much to do waits for its own allowance, and joins the line for the project's only when
it may send. So it is never in that line with more than the requests that it sends at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

SAFE = 0.9
"""The share of the limit that is used: other programs of the company may ask, too, and the
vendor counts when a request arrives, not when it is sent."""

BURST = 0.1
"""The share of the limit that may be sent at once."""

_INSTANT = 1e-6
"""Seconds that are none: what floating point leaves of a sum."""


class Quota:
    """At most ``limit`` requests in any ``seconds``, less a margin. Threads share it.

    ``guard``: a lock (``threading.Lock()``), held for an instant. In any half-open span of
    ``seconds`` fewer requests than :data:`SAFE` times the limit begin (but one at least).
    """

    def __init__(self, limit: int, seconds: float, guard: AbstractContextManager[object]) -> None:
        if limit < 1 or seconds <= 0:
            raise ValueError("a quota needs a limit of at least 1 and a span of time")
        allowed = max(1, math.floor(limit * SAFE))
        burst = min(allowed, max(1, math.floor(limit * BURST)))
        # Of a span of time, `burst - 1` requests and one for each started step fit in it.
        self._step = seconds / (allowed - burst + 1)
        self._ahead = (burst - 1) * self._step
        self._guard = guard
        self._next = -math.inf
        self._paused = -math.inf

    def reserve(self, now: float, most: float = math.inf) -> float:
        """The seconds to wait before a request may be sent, which is booked by this.

        More than ``most`` is told, but not booked: the request is not to be sent.
        """
        with self._guard:
            start = max(now, self._paused, self._next - self._ahead)
            wait = start - now if start - now > _INSTANT else 0.0
            if wait <= most:
                self._next = max(start, self._next) + self._step
            return wait

    def pause(self, until: float) -> None:
        """The vendor asks for silence until then. What follows is spread, without a burst."""
        with self._guard:
            self._paused = max(self._paused, until)
            self._next = max(self._next, until + self._ahead)

    def paused(self, now: float) -> float:
        """The seconds of silence that are left."""
        with self._guard:
            return max(0.0, self._paused - now)


def wait_turn(
    quotas: Sequence[Quota],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    most: float = math.inf,
) -> float:
    """Wait until a request may be sent that counts against all ``quotas``, the narrowest first.

    0 if it may be sent now; else how long it would have to wait, which is more than ``most``
    seconds for one of them: then it is not to be sent, and the caller says so to its own.
    """
    for quota in quotas:
        wait = quota.reserve(clock(), most)
        if wait > most:
            return wait
        if wait > 0:
            sleep(wait)
    now = clock()
    left = max((quota.paused(now) for quota in quotas), default=0.0)
    if left > most:
        return left
    if left > 0:  # somebody was refused while this one waited
        sleep(left)
    return 0.0
