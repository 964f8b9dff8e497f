"""What only one copy holds: that copy is not withdrawn before another one holds it, too.

Until then it would be nowhere but in the store, and an older one may be put in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from syncd.core.belong import Moment, given, holds, is_readable, readable
from syncd.core.channel import Channel, Direction, Policy
from syncd.core.claims import BIRTH
from syncd.core.draft import Draft
from syncd.core.fidelity import project
from syncd.core.paths import DELETED, Path, field_of, get
from syncd.core.recurrence import occurrence
from syncd.core.situation import Here
from syncd.core.state import WHOLE, Operation, Place, Setter, Slot, Write

_TEXT: Path = ("title",)
"""What tells whether a copy says more than the time of what was born elsewhere."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the other copies of a draft hold, and what is still to be written: ``writes``."""

    draft: Draft
    heres: Mapping[Place, Here]
    policy: Policy
    moment: Moment
    aside: Set[tuple[Place, Path]]
    writes: Sequence[Write]

    def kept(self, reasons: Set[str]) -> tuple[Write, ...]:
        """The writes, but for those that would take away, for one of these ``reasons``, the only
        copy of what somebody set."""
        return tuple(
            write
            for write in self.writes
            if write.reason not in reasons or not self.waits_for((write.channel, write.slot))
        )

    def waits_for(self, place: Place) -> bool:
        """Whether something that this copy shows is on its way, and in no other channel yet.
        What nobody else is to be given, or takes, is not waited for."""
        return any(
            self._shows(place, path, setter) and self._is_on_its_way(path, place[0])
            for path, setter in self.draft.setters.items()
        )

    def _shows(self, place: Place, path: Path, setter: Setter) -> bool:
        """Whether a value that somebody set could be read in this copy, were there no other."""
        channel, slot = self.policy.channels[place[0]], place[1]
        if not self._tells(channel, path) or not _is_of(path, slot):
            return False
        if path == BIRTH or setter.channel == channel.name:
            return True
        draft = self.draft
        whole = given(channel, draft.appointment, self.policy, draft.born)
        full = whole if slot == WHOLE else occurrence(whole, slot)
        own = path[2:] if slot != WHOLE and path[0] == "overrides" else path
        if own == (DELETED,):  # of another occurrence: the rows show that by having none of it
            return (place[0], path[1]) not in draft.copies
        return full is not None and get(draft.copies[place].copy.reads, own) == get(
            project(full, channel.fidelity), own
        )

    def _is_on_its_way(self, path: Path, source: str) -> bool:
        coming = False
        for channel in self.policy.channels.values():
            if channel.name == source or not self._tells(channel, path):
                continue
            if self._is_coming(channel, path):
                coming = True
            elif self._has_copy(channel, path):
                return False
        return coming

    def _tells(self, channel: Channel, path: Path) -> bool:
        """Whether what is written there at ``path`` could be read there again."""
        appointment, born = self.draft.appointment, self.draft.born
        fields = readable(channel, appointment, self.policy, born)
        return channel.direction is Direction.BOTH and is_readable(path or _TEXT, fields)

    def _is_coming(self, channel: Channel, path: Path) -> bool:
        if channel.name in self.moment.blind:
            return holds(channel, self.draft.appointment, self.policy)
        return any(
            here.waiting and place[0] == channel.name and _is_of(path, place[1])
            for place, here in self.heres.items()
        ) or any(write.channel == channel.name and _brings(write, path) for write in self.writes)

    def _has_copy(self, channel: Channel, path: Path) -> bool:
        """Whether a copy stays there that shows ``path`` and is not set aside at it."""
        leaving = {
            (each.channel, each.slot) for each in self.writes if each.operation is Operation.DELETE
        }
        return any(
            place[0] == channel.name and _is_of(path, place[1]) and not self._is_aside(place, path)
            for place in self.draft.copies.keys() - leaving
        )

    def _is_aside(self, place: Place, path: Path) -> bool:
        return any(
            where == place and (not own or (bool(path) and field_of(own) == field_of(path)))
            for where, own in self.aside
        )


def _is_of(path: Path, slot: Slot) -> bool:
    """Whether a copy of this part of an appointment shows what is at ``path``: that one of the
    occurrences does not take place, any but its own."""
    if slot == WHOLE or path[:1] != ("overrides",):
        return True
    return (path[1] == slot) != (path[2] == DELETED)


def _brings(write: Write, path: Path) -> bool:
    """Whether a write is to make ``path`` known."""
    dropped = path[:1] == ("overrides",) and path[2] == DELETED
    if write.operation is Operation.DELETE:
        return dropped and write.slot == path[1]
    if not _is_of(path, write.slot):
        return False
    if write.operation is Operation.CREATE:
        return not (dropped and write.slot)
    return path != BIRTH and any(field_of(own) == field_of(path) for own in write.paths)
