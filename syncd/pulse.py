"""How the daemon fares, for whoever looks from outside: health pages, metrics, systemd.

The daemon writes, other threads read: a snapshot never changes once it is given out.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from syncd.results import BridgeResult, ChannelResult, State
from syncd.schedule import Circuit

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycled:
    """The last finished cycle of one bridge. ``ended``: aware UTC. ``count``: cycles since the
    start. ``channels``: what that cycle did."""

    bridge: str
    ended: datetime
    seconds: float
    state: State
    reason: str
    count: int
    channels: tuple[ChannelResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment. ``alive``: when the loop last made progress, in seconds of
    ``time.monotonic()``, ``None`` before it began. ``ready``: configuration read, store open.
    ``refused``: why the last reload kept the old configuration, else empty. ``bridges`` and
    ``systems``: the names that are configured; the mappings have those of them that were told.
    ``broken``: bridges whose last cycle broke off with an error that nobody expected, such as a
    full disk. ``unstored``: why the state could not be read or written when it was last tried.
    """

    alive: float | None = None
    ready: bool = False
    reloads: int = 0
    refused: str = ""
    bridges: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    cycles: Mapping[str, Cycled] = field(default_factory=dict)
    circuits: Mapping[str, Circuit] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    unstored: str = ""


class Pulse:
    """Holds the last snapshot. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot()

    def snapshot(self) -> Snapshot:
        """How it is now."""
        with self._lock:
            return self._now

    def beat(self, now: float) -> None:
        """The loop has made progress; ``now`` in seconds of ``time.monotonic()``."""
        with self._lock:
            self._now = replace(self._now, alive=now)

    def configured(self, bridges: Collection[str], systems: Collection[str]) -> None:
        """A configuration is at work; what is not in it any more is forgotten."""
        with self._lock:
            self._now = replace(
                self._now,
                ready=True,
                refused="",
                bridges=frozenset(bridges),
                systems=frozenset(systems),
                cycles=_only(self._now.cycles, bridges),
                circuits=_only(self._now.circuits, systems),
                broken=self._now.broken & frozenset(bridges),
            )

    def reloaded(self, refused: str = "") -> None:
        """The configuration was read again; ``refused``: why the old one stays."""
        with self._lock:
            self._now = replace(self._now, reloads=self._now.reloads + 1, refused=refused)

    def cycled(self, results: Sequence[BridgeResult], seconds: float, now: datetime) -> None:
        """Bridges have ended a cycle that took ``seconds``, at ``now`` (aware UTC)."""
        with self._lock:
            cycles = dict(self._now.cycles)
            for result in results:
                before = cycles.get(result.name)
                cycles[result.name] = Cycled(
                    bridge=result.name,
                    ended=now,
                    seconds=seconds,
                    state=result.state,
                    reason=result.reason,
                    count=before.count + 1 if before is not None else 1,
                    channels=tuple(replace(each) for each in result.channels),
                )
            broken = self._now.broken - {result.name for result in results}
            told = MappingProxyType(cycles)
            self._now = replace(self._now, cycles=told, broken=broken, unstored="")

    def unstored(self, fault: str) -> None:
        """The state could not be read or written; the next cycle that ends takes it back."""
        with self._lock:
            self._now = replace(self._now, unstored=fault)

    def broke(self, bridge: str) -> None:
        """The cycle of a bridge broke off."""
        with self._lock:
            self._now = replace(self._now, broken=self._now.broken | {bridge})

    def system(self, name: str, circuit: Circuit) -> None:
        """How a system fares."""
        with self._lock:
            circuits = {**self._now.circuits, name: circuit}
            self._now = replace(self._now, circuits=MappingProxyType(circuits))


def _only(told: Mapping[str, _T], names: Collection[str]) -> Mapping[str, _T]:
    return MappingProxyType({name: each for name, each in told.items() if name in names})
