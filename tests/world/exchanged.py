"""Calendars that are other ones than before: what is known of what they hold."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from syncd.core.state import Key
from tests.world.company import CRM


@dataclass
class Exchanged:
    """The channels whose collections were made anew since they were last looked at undisturbed.

    What such a calendar held and does not hold now is elsewhere, as far as anybody can tell, unless
    something that was known is still there. ``away``: the channels that are not configured: what
    people do there is no edit, and what is there on its return is told to it anew (trace 29).
    ``anew``: by cycle, those that are met in it as if for the first time, for the same reason.
    """

    away: set[str] = field(default_factory=set)
    anew: dict[int, set[str]] = field(default_factory=dict)
    _back: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)
    _shown: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    _known: dict[str, frozenset[Key]] = field(default_factory=dict)

    def remade(self, channel: str) -> None:
        """The collection of ``channel`` is another one now. (A CRM has all appointments, so what
        is not there is gone.)"""
        if channel != CRM:
            self._names.add(channel)

    def returned(self, channel: str) -> None:
        """A channel is configured again, and away until it was looked at."""
        self._back.add(channel)

    def looking(self, shown: Mapping[str, frozenset[Key]]) -> set[str]:
        """A cycle begins, and the remotes have those that are ``shown``. The channels of which
        nobody can tell that anything was deleted there."""
        self._shown = shown
        return {n for n in self._names if not self._known.get(n, frozenset()) & shown[n]}

    def looked(self, channels: Iterable[str]) -> None:
        """These were looked at, and nothing was broken meanwhile."""
        for name in channels:
            self._names.discard(name)
            if name in self._back:
                self._back.discard(name)
                self.away.discard(name)
            self._known[name] = self._shown.get(name, frozenset())

    def restored(self, known: Container[tuple[str, Key]]) -> None:
        """A backup is used, in which there are these ``known`` copies."""
        for name, keys in self._known.items():
            self._known[name] = frozenset(key for key in keys if (name, key) in known)
