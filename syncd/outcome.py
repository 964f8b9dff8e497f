"""What is to be written in a round, and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from syncd.core.state import AppointmentId, Intent, Operation
from syncd.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class Task:
    """An intent of an appointment, and the UID that its copies go by. ``follows``: something else
    waits for it to be accepted, or refused for good."""

    appointment: AppointmentId
    intent: Intent
    uid: str | None = None
    follows: bool = False


@dataclass(slots=True)
class Tally:
    """What the writes of a cycle came to, for one channel."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0

    @property
    def written(self) -> int:
        """How many were carried out."""
        return self.created + self.updated + self.deleted

    def count(self, operation: Operation) -> None:
        """One more write that was carried out."""
        if operation is Operation.CREATE:
            self.created += 1
        elif operation is Operation.UPDATE:
            self.updated += 1
        else:
            self.deleted += 1


@dataclass(slots=True)
class Outcome:
    """What became of the writes. ``carried``: appointments whose plans were stored; ``conflicts``:
    by channel, how many of its values lost one in them. ``down``: systems that failed, with the
    error. ``undone``: writes (channel, appointment) that certainly were not carried out. ``lost``:
    channels in which a copy was not where, or a series not what, it had been; they are to be looked
    at before anything else. ``halted``: writing was stopped on the way."""

    carried: set[AppointmentId] = field(default_factory=set)
    conflicts: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)
    down: dict[str, ConnectorError] = field(default_factory=dict)
    stale: int = 0
    lost: set[str] = field(default_factory=set)
    halted: bool = False
    undone: set[tuple[str, AppointmentId]] = field(default_factory=set)

    def tally(self, channel: str) -> Tally:
        """The tally of a channel."""
        return self.tallies.setdefault(channel, Tally())
