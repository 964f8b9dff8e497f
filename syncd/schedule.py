"""When to look again: a channel's rhythm, and the circuit of a system that fails. Pure.

A busy channel is looked at more often, a silent one less, within the configured bounds. A
system that fails several times in a row is not asked at all for a while; then one of its
channels is tried, and its answer tells about all of them.

Times are aware UTC. A clock that was set back makes everything due: better once too often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

BACKOFF_FIRST = timedelta(seconds=10)
"""The first wait for what fails; each further one is twice as long."""

BACKOFF_MOST = timedelta(minutes=10)
"""The longest wait of our own; a server may ask for more."""

SILENT_LIMIT = 3
"""A system that did not answer so often in a row is not asked for a while."""

REFUSED_LIMIT = 2
"""A system that refused our sign-in so often in a row is not asked for a while. Not one time:
that may be the rights in one calendar. Not more: accounts are locked after a few."""

JITTER = 0.1
"""A look comes earlier by up to this share of its interval, so that nobody's clock strikes
with everybody else's. Never later: the slowest interval is a promise."""

CALMING = 3
"""So many looks in a row without a change, and a channel is looked at half as often."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often channels are looked at: ``usual`` lies between the two others."""

    fastest: timedelta
    usual: timedelta
    slowest: timedelta


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often one channel is looked at. ``since``: the last look, ``due``: the next one.
    ``calm``: looks in a row that showed no change."""

    interval: timedelta
    since: datetime
    due: datetime
    calm: int = 0

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be looked at."""
        return now >= self.due or now < self.since


def after_look(
    before: Rhythm | None, bounds: Bounds, now: datetime, *, busy: bool, waits: bool, early: float
) -> Rhythm:
    """The rhythm after a look. ``busy``: it showed a change. ``waits``: we have written, and a
    look is to show it. ``early``: from 0 to 1, how much of the jitter is used."""
    interval = before.interval if before is not None else bounds.usual
    calm = 0 if busy or before is None else before.calm + 1
    if busy:
        interval /= 2
    elif calm >= CALMING:
        interval, calm = interval * 2, 0
    interval = min(max(interval, bounds.fastest), bounds.slowest)
    pause = min(interval, bounds.fastest) if waits else interval
    return Rhythm(interval, now, now + pause * (1 - JITTER * early), calm)


def sooner(rhythm: Rhythm, bounds: Bounds, now: datetime) -> Rhythm:
    """We have written to the channel: a look is to show it soon."""
    return replace(rhythm, due=min(rhythm.due, now + bounds.fastest))


def called(rhythm: Rhythm, spacing: timedelta, now: datetime) -> Rhythm:
    """The channel is due as soon as its last look was ``spacing`` ago: somebody tells, say, that
    it has changed."""
    return replace(rhythm, due=min(rhythm.due, max(now, rhythm.since + spacing)))


class Flow(StrEnum):
    """Whether a system is asked.

    ``closed``: it is. ``open``: it fails, and is left alone for a while. ``paused``: likewise,
    since it refuses our sign-in. ``probing``: its time is over, one channel tries.
    """

    CLOSED = "closed"
    OPEN = "open"
    PAUSED = "paused"
    PROBING = "probing"


class Fault(StrEnum):
    """Why a look failed."""

    SILENT = "silent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Circuit:
    """How one system fares.

    ``failures``: in a row, while it is closed. ``probes``: that failed since it opened.
    ``since`` and ``until``: between them it is left alone; ``None`` while it is closed.
    ``error``: the words of the last failure.
    """

    failures: int = 0
    probes: int = 0
    since: datetime | None = None
    until: datetime | None = None
    fault: Fault = Fault.SILENT
    error: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether all channels are asked."""
        return self.until is None

    def is_resting(self, now: datetime) -> bool:
        """Whether no channel is asked now."""
        return self.since is not None and self.until is not None and self.since <= now < self.until

    @property
    def refuses(self) -> bool:
        """Whether the last answer was that we have not the right."""
        return bool(self.error) and self.fault is Fault.REFUSED

    def flow(self, now: datetime) -> Flow:
        """What an administrator is shown."""
        if self.is_closed:
            return Flow.CLOSED
        if not self.is_resting(now):
            return Flow.PROBING
        return Flow.PAUSED if self.fault is Fault.REFUSED else Flow.OPEN

    def failed(
        self, fault: Fault, error: str, now: datetime, retry_after: timedelta | None = None
    ) -> Circuit:
        """After a look that failed. ``retry_after``: the server asked for so much time."""
        if self.is_resting(now):
            # It was under way when the circuit opened, and tells nothing new.
            return self
        asked = retry_after or timedelta(0)
        if not self.is_closed:
            probes = self.probes + 1
            wait = pause_after(probes, fault, asked)
            return Circuit(self.failures, probes, now, now + wait, fault, error)
        failures = self.failures + 1 if fault is self.fault else 1
        limit = REFUSED_LIMIT if fault is Fault.REFUSED else SILENT_LIMIT
        if failures < limit:
            return Circuit(failures, fault=fault, error=error)
        return Circuit(failures, 0, now, now + pause_after(0, fault, asked), fault, error)


def pause_after(failures: int, fault: Fault, asked: timedelta) -> timedelta:
    """How long to leave alone what failed again after ``failures`` failures; ``asked``: what a
    server asked for."""
    if fault is Fault.REFUSED:
        return max(BACKOFF_MOST, asked)
    return max(min(BACKOFF_MOST, BACKOFF_FIRST * (1 << min(failures, 10))), asked)
