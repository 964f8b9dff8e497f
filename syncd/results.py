"""What a synchronisation came to: the contract of ``sync --json`` and of the exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum, StrEnum


class State(StrEnum):
    """How a bridge ended; the worst of its parts, from best to worst."""

    CONVERGED = "converged"
    CONFLICTS = "conflicts"
    HELD = "held"
    FAILED = "failed"


class Exit(IntEnum):
    """Exit codes of every command."""

    CONVERGED = 0
    FAILED = 1
    CONFIGURATION = 2
    HELD = 3
    CONFLICTS = 4


_SEVERITY = {
    State.CONVERGED: 0,
    State.CONFLICTS: 1,
    State.HELD: 2,
    State.FAILED: 3,
}

_EXITS = {
    State.CONVERGED: Exit.CONVERGED,
    State.CONFLICTS: Exit.CONFLICTS,
    State.HELD: Exit.HELD,
    State.FAILED: Exit.FAILED,
}


@dataclass(slots=True)
class ChannelResult:
    """Writes to one channel, and what it cost. ``unchanged``: copies that needed no write."""

    name: str
    system: str
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    conflicts: int = 0
    failed: int = 0
    requests: int = 0


@dataclass(slots=True)
class BridgeResult:
    """What became of one bridge. ``reason`` says why it did not converge."""

    name: str
    state: State = State.CONVERGED
    cycles: int = 0
    seconds: float = 0.0
    reason: str = ""
    channels: list[ChannelResult] = field(default_factory=list)

    @property
    def written(self) -> int:
        """How many writes were made."""
        return sum(each.created + each.updated + each.deleted for each in self.channels)

    def add(self, cycle: BridgeResult) -> None:
        """Sum up the writes of another cycle; state and reason are those of the last one."""
        self.cycles += 1
        self.seconds += cycle.seconds
        self.state, self.reason = cycle.state, cycle.reason
        known = {channel.name: channel for channel in self.channels}
        for channel in cycle.channels:
            sums = known.get(channel.name)
            if sums is None:
                self.channels.append(replace(channel))
                continue
            for name in ("created", "updated", "deleted", "conflicts", "failed", "requests"):
                setattr(sums, name, getattr(sums, name) + getattr(channel, name))
            sums.unchanged = max(0, channel.unchanged - sums.created - sums.updated)

    def worsen(self, state: State, reason: str) -> None:
        """Take on a worse state, and why."""
        if _SEVERITY[state] > _SEVERITY[self.state]:
            self.state = state
        if reason and reason not in self.reason:
            self.reason = f"{self.reason}; {reason}" if self.reason else reason

    def as_json(self) -> dict[str, object]:
        """The form that ``sync --json`` prints."""
        told = asdict(self)
        told["state"] = self.state.value
        told["seconds"] = round(self.seconds, 3)
        return told


def exit_code(results: Iterable[BridgeResult]) -> Exit:
    """The exit code for the worst of the bridges."""
    worst = max((result.state for result in results), key=_SEVERITY.__getitem__, default=None)
    return _EXITS[worst] if worst is not None else Exit.CONVERGED
