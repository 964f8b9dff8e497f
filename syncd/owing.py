"""Writes that could not be made: when each is tried again, and which are called before that.

What a system does not take rests with it (:mod:`syncd.accepting`); what fails for a reason of its
own waits longer each time. A write that is accepted calls the others of its system.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from syncd.accepting import Accepting
from syncd.breakers import Resting
from syncd.core.state import AppointmentId
from syncd.errors import Unauthorized, Unavailable
from syncd.store import Owed, PutOff, Spot, Store
from syncd.target import Target

RETRY_MOST = timedelta(minutes=30)
"""The longest wait of what nobody calls."""

OVERTAKEN_LIMIT = 3
"""What failed again so often after others had been accepted is itself to blame: it is called no
more, and its failures say nothing about its system (invariant 9)."""

T = TypeVar("T")
Failure = Unauthorized | Unavailable

log = structlog.get_logger("syncd.owing")


@dataclass(slots=True)
class _Failed:
    """A write of this round that could not be made, ``tried`` or left alone."""

    spot: Spot
    target: Target
    error: Failure
    intent: int

    @property
    def tried(self) -> bool:
        return not isinstance(self.error, Resting)


@dataclass(slots=True)
class Owing:
    """One round of writes of a ``bridge``. ``known``: what was owed before it, by where; the rest
    is what happened since it was last stored."""

    bridge: str
    known: dict[Spot, Owed] = field(default_factory=dict)
    failed: list[_Failed] = field(default_factory=list)
    over: set[Spot] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)

    def is_alone(self, spot: Spot) -> bool:
        """Whether what is owed there is itself to blame."""
        known = self.known.get(spot)
        return known is not None and known.overtaken >= OVERTAKEN_LIMIT

    def in_order(self, items: Iterable[T], spot_of: Callable[[T], Spot]) -> tuple[list[T], list[T]]:
        """First what was never tried in vain, then the others, the last one least lately: one
        bad item is never the first of its system again."""
        fresh: list[T] = []
        tried: list[tuple[datetime, int, T]] = []
        for number, item in enumerate(items):
            known = self.known.get(spot_of(item))
            if known is None or known.tried is None:
                fresh.append(item)
            else:
                tried.append((known.tried, number, item))
        return fresh, [item for _, _, item in sorted(tried, key=lambda each: each[:2])]

    def fails(self, spot: Spot, target: Target, error: Failure, intent: int) -> None:
        """It could not be made; ``intent`` is what was begun for it."""
        self.failed.append(_Failed(spot, target, error, intent))

    def is_accepted(self, spot: Spot, target: Target) -> None:
        """It was made."""
        self.over.add(spot)
        self.accepted[target.id] = target.system

    def is_over(self, spot: Spot) -> None:
        """It is not tried again just so: it was set aside."""
        self.over.add(spot)


class Debts:
    """What a bridge owes, over all rounds. ``first``: the first wait of what fails on its own."""

    def __init__(
        self, store: Store, accepting: Accepting, clock: Callable[[], datetime], first: timedelta
    ) -> None:
        self._store, self._accepting, self._clock, self._first = store, accepting, clock, first

    def open(self, owing: Owing, ids: Collection[AppointmentId]) -> None:
        """These appointments are written in this round, too."""
        owing.known |= self._store.owed(ids)

    def call_probes(self, bridge: str, systems: Iterable[str]) -> None:
        """Let one write try for each system whose pause is over: the one least lately tried."""
        probed = [name for name in systems if self._accepting.is_probed(name)]
        for name in probed:
            self._store.call_owed(self._clock(), bridge=bridge, systems=[name], most=1)

    def close(self, owing: Owing) -> None:
        """Store what was put off since the last time, and call what may be made now."""
        if not (owing.failed or owing.over):
            return
        now = self._clock()
        self._store.put_off([self._put_off(each, owing, now) for each in owing.failed])
        paid = owing.over & owing.known.keys()
        if paid:
            self._store.forget_owed(paid)
        self._call(owing, now)
        for system in sorted({each.target.system for each in owing.failed}):
            until = self._accepting.circuit(system).until
            if until is not None:
                self._store.call_owed(until, bridge=owing.bridge, systems=[system], most=1)
        owing.failed.clear()
        owing.over.clear()
        owing.accepted.clear()

    def _call(self, owing: Owing, now: datetime) -> None:
        """What waits for a system, or a channel, that has accepted a write."""
        well = {s for s in owing.accepted.values() if self._accepting.is_well(s)}
        channels = {id for id, system in owing.accepted.items() if system in well}
        if channels:
            tried = {each.spot for each in owing.failed if each.tried}
            self._store.call_overtaken(now, well, channels, OVERTAKEN_LIMIT, tried)

    def _put_off(self, failed: _Failed, owing: Owing, now: datetime) -> PutOff:
        error, before = failed.error, owing.known.get(failed.spot)
        owed = self._owed(failed, before, now, lone=error.lone or owing.is_alone(failed.spot))
        doubtful = isinstance(error, Unavailable) and error.maybe_applied
        if failed.tried and owed.lone:
            appointment, channel, _ = failed.spot
            log.warning(
                "not written",
                channel=channel,
                appointment=appointment,
                error=type(error).__name__,
                reason=str(error),
            )
        return PutOff(owed, self._again(owed, error, now), failed.intent, doubtful)

    def _owed(self, failed: _Failed, before: Owed | None, now: datetime, *, lone: bool) -> Owed:
        reason = str(failed.error)
        if before is None:
            tried = now if failed.tried else None
            return Owed(*failed.spot, failed.target.system, now, reason, tried, lone=lone)
        owed = replace(before, failures=before.failures + 1, lone=lone)
        if not failed.tried:
            # The words of the last try tell more, unless there was none.
            return owed if before.tried is not None else replace(owed, reason=reason)
        overtaken = before.overtaken + before.called
        return replace(owed, reason=reason, tried=now, overtaken=overtaken, called=False)

    def _again(self, owed: Owed, error: Failure, now: datetime) -> datetime:
        until = self._accepting.circuit(owed.system).until
        if until is not None and not owed.lone:
            # One of them tries for all then; the others are called if it is accepted.
            return max(until, now + RETRY_MOST)
        if isinstance(error, Unavailable) and error.retry_after is not None:
            return now + timedelta(seconds=max(0.0, error.retry_after))
        return now + min(RETRY_MOST, self._first * (1 << min(owed.failures - 1, 10)))
