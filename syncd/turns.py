"""Whose turn it is: the rhythms of all channels of a daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from syncd.schedule import Bounds, Rhythm, after_look, sooner
from syncd.target import Target


class Turns:
    """The rhythms by id of the channel. ``dice`` gives numbers from 0 to 1.

    Channels of one system with the same interval stay together, so that a thousand calendars
    are a few rounds a minute and not a thousand: the jitter is that of the system.
    """

    def __init__(self, bounds: Bounds, dice: Callable[[], float]) -> None:
        self._bounds, self._dice = bounds, dice
        self._rhythms: dict[str, Rhythm] = {}
        self._rounds: dict[str, datetime] = {}

    def due(self, targets: Iterable[Target], now: datetime) -> set[str]:
        """The names of the channels whose turn it is: also those that were never seen, and
        those that did not answer when it was."""
        found = set()
        for target in targets:
            rhythm = self._rhythms.get(target.id)
            if rhythm is None or rhythm.is_due(now):
                found.add(target.name)
        return found

    def is_idle(self, bridge: str, now: datetime) -> bool:
        """Whether the bridge had a round less than an interval ago: what else is to be done
        (retries, what people have ordered) need not be looked for yet."""
        last = self._rounds.get(bridge)
        return last is not None and last <= now < last + self._bounds.usual

    def went(
        self,
        bridge: str,
        targets: Mapping[str, Target],
        seen: Mapping[str, int],
        written: Collection[str],
        now: datetime,
    ) -> None:
        """A round has ended that began at ``now``. ``seen``: how much changed in each channel
        that answered, by name; ``written``: the channels that were written to."""
        self._rounds[bridge] = now
        early = {system: self._dice() for system in sorted({t.system for t in targets.values()})}
        for name, changed in seen.items():
            target = targets[name]
            self._rhythms[target.id] = after_look(
                self._rhythms.get(target.id),
                self._bounds,
                now,
                busy=changed > 0,
                waits=name in written,
                early=early[target.system],
            )
        for name in set(written) - set(seen):
            id = targets[name].id
            if id in self._rhythms:
                self._rhythms[id] = sooner(self._rhythms[id], self._bounds, now)

    def next(self, now: datetime) -> datetime | None:
        """When the next turn comes that is not there yet."""
        coming = [rhythm.due for rhythm in self._rhythms.values() if not rhythm.is_due(now)]
        return min(coming, default=None)

    def inherit(self, before: Turns, channels: Collection[str]) -> None:
        """Go on with the rhythms of ``channels`` (ids), which the new configuration left as they
        were."""
        kept = before._rhythms
        self._rhythms |= {id: kept[id] for id in channels if id in kept}
