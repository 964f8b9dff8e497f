"""Whose turn it is: the rhythms of all channels of a daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.schedule import Bounds, Rhythm, after_look, called, sooner
from syncd.target import Target


class Turns:
    """The rhythms by id of the channel. ``dice`` gives numbers from 0 to 1.

    Channels of one system with the same interval stay together, so that a thousand calendars
    are a few rounds a minute and not a thousand: the jitter is that of the system.

    Channels that are *told of* are looked at when somebody rings, and else so seldom as ``net``
    says: it is for what is not told. They get there by and by, as silent ones do. Where some are
    told of, edits come one after the other, and what was written is looked at after ``spacing``:
    a channel whose answers do not show it is written to again only then.
    """

    def __init__(
        self,
        bounds: Bounds,
        dice: Callable[[], float],
        net: timedelta = timedelta(0),
        spacing: timedelta | None = None,
    ) -> None:
        self._bounds, self._dice = bounds, dice
        self._spacing = bounds.fastest if spacing is None else spacing
        self._written = replace(bounds, fastest=min(self._spacing, bounds.fastest))
        self._net = replace(bounds, slowest=max(net, bounds.slowest))
        self._told_of: frozenset[str] = frozenset()
        self._rung: set[str] = set()
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

    def tell_of(self, channels: frozenset[str], now: datetime) -> None:
        """These (ids) are told of, and no others. Whoever was, and is not, is due as usual."""
        for id in self._told_of - channels:
            if id in self._rhythms:
                self._rhythms[id] = called(self._rhythms[id], self._bounds.usual, now)
        self._told_of = channels

    def rung(self, channels: Collection[str], now: datetime) -> None:
        """Somebody tells that these (ids) may have changed."""
        self._rung.update(channels)
        for id in channels:
            if id in self._rhythms:
                self._rhythms[id] = called(self._rhythms[id], self._spacing, now)

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
    ) -> set[str]:
        """A round has ended that began at ``now``. ``seen``: how much changed in each channel
        that answered, by name; ``written``: the channels that were written to.

        Returns the channels (ids) that are told of and had changed without being told."""
        self._rounds[bridge] = now
        untold = set()
        early = {system: self._dice() for system in sorted({t.system for t in targets.values()})}
        for name, changed in seen.items():
            target = targets[name]
            before, is_told_of = self._rhythms.get(target.id), target.id in self._told_of
            self._rhythms[target.id] = after_look(
                before,
                self._net if is_told_of else self._bounds,
                now,
                busy=changed > 0 and not is_told_of,
                waits=name in written,
                early=early[target.system],
            )
            if changed and is_told_of and before is not None and target.id not in self._rung:
                untold.add(target.id)
            self._rung.discard(target.id)
        for name in written:
            id = targets[name].id
            if id in self._rhythms:
                self._rhythms[id] = sooner(self._rhythms[id], self._written, now)
        return untold

    def next(self, now: datetime) -> datetime | None:
        """When the next turn comes that is not there yet."""
        coming = [rhythm.due for rhythm in self._rhythms.values() if not rhythm.is_due(now)]
        return min(coming, default=None)

    def inherit(self, before: Turns, channels: Collection[str]) -> None:
        """Go on with the rhythms of ``channels`` (ids), which the new configuration left as they
        were."""
        kept = before._rhythms
        self._rhythms |= {id: kept[id] for id in channels if id in kept}
        self._told_of = before._told_of.intersection(channels)
