"""Plans that were drawn up, and in which order they are carried out: each channel in its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from syncd.core.packed import Packed
from syncd.core.state import AppointmentId, Kind, Plan, Record, Write

CHUNK = 200
"""So many plans are stored and carried out at a time."""


@dataclass(slots=True)
class Draw:
    """Plans that were drawn up, and what was noticed on the way. ``moved``: copies by channel
    whose time changed in this observation. ``waits``: channels that are to be looked at again
    before something there is decided. ``divided``: the two halves of series that were split, which
    are stored together.

    Many plans take much memory. Then ``plans`` are outlines, which tell the writes, and the
    whole ones are ``packed``.
    """

    plans: list[Plan] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)
    packed: Packed[Plan] | None = None
    waits: set[str] = field(default_factory=set)
    divided: set[AppointmentId] = field(default_factory=set)

    @property
    def writes(self) -> list[tuple[AppointmentId, Write]]:
        """All writes of all plans."""
        return [(plan.id, write) for plan in self.plans for write in plan.writes]

    def note_split(self, id: AppointmentId, records: Sequence[Record]) -> None:
        """Keep together what ``records`` tell to be a half of a split, and the other half."""
        for record in records:
            if record.kind is Kind.SPLIT:
                self.divided |= {id, record.note}

    def parts(self) -> Iterator[list[Plan]]:
        """The whole plans, some at a time: first a few of each channel that is owed something, so
        that nobody waits for the thousand of somebody else; then the others as they were drawn."""
        if self.packed is None:
            yield self.plans
            return
        first = first_turns(self.plans, self.divided)
        until = max(first, default=-1) + 1
        drawn = enumerate(islice(self.packed, until))
        yield from _in_parts(plan for index, plan in drawn if index in first)
        drawn = enumerate(self.packed)
        yield from _in_parts(plan for index, plan in drawn if index not in first)


def _in_parts(plans: Iterator[Plan]) -> Iterator[list[Plan]]:
    """Some at a time. Whoever takes a part and lets go of it never has two of them."""
    while part := list(islice(plans, CHUNK)):
        yield part
        del part


def first_turns(plans: Sequence[Plan], divided: Collection[AppointmentId]) -> frozenset[int]:
    """The indices of those plans that come first: as many of each channel as make one part, but
    one of each at least. A plan has its turn when that of any of its channels comes."""
    counts: Counter[str] = Counter()
    ranked: list[tuple[int, int]] = []
    for index, plan in enumerate(plans):
        if plan.writes and plan.id not in divided:
            ranked.append((min(counts[write.channel] for write in plan.writes), index))
        counts.update(write.channel for write in plan.writes)
    ranked.sort()
    return frozenset(
        index for place, (rank, index) in enumerate(ranked) if rank == 0 or place < CHUNK
    )
