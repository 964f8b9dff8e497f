"""A system of the pure world: a dictionary of copies, and what goes wrong with writes to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from syncd.core.channel import Channel
from syncd.core.fidelity import project
from syncd.core.model import Appointment
from syncd.core.state import WHOLE, Copy, Seen


class Fault(Enum):
    """What becomes of one write."""

    REFUSED = "503, certainly not carried out"
    SILENT = "carried out, answered with a version, without a copy"
    MUTE = "carried out, answered without version and copy"
    KILLED = "carried out, the daemon dies before it hears of it"
    DEAD = "the daemon dies before it is sent"
    TIMEOUT = "carried out, no answer came"
    LOST = "not carried out, no answer came"
    DOUBLED = "sent twice by a proxy on the way: what answers is the second one"
    BROKEN = "only the first of several steps carried out, no answer came"


class KilledError(Exception):
    """The daemon died in the middle of a write."""


@dataclass
class Remote:
    """One channel's system: its copies, its clock, what it does to what it is sent."""

    channel: Channel
    copies: dict[str, Copy] = field(default_factory=dict)
    down: bool = False
    unlisted: bool = False
    faults: deque[Fault | None] = field(default_factory=deque)
    rewrite: Callable[[Appointment], Appointment] = lambda content: content
    before_write: list[Callable[[], None]] = field(default_factory=list)
    after_write: list[Callable[[], None]] = field(default_factory=list)
    count: int = 0

    def put(self, key: str, reads: Appointment, **more: object) -> Copy:
        """Store a copy; the system makes of it what it can hold."""
        self.count += 1
        fidelity = self.channel.fidelity
        held = self.rewrite(project(reads, fidelity))
        assert held.recurrence is None or fidelity.repeats(held), "it has no form for this series"
        known = self.copies.get(key, Copy(key, None, "", held))
        copy = replace(known, version=f"v{self.count}", wire=f"w{self.count}", reads=held)
        self.copies[key] = replace(copy, **more)  # type: ignore[arg-type]  # fields of Copy
        return self.copies[key]


@dataclass
class Row:
    """What the store knows of one key."""

    seen: Seen
    copy: Copy
    id: str | None = None
    slot: str = WHOLE
    dirty: bool = True
    parked: datetime | None = None
