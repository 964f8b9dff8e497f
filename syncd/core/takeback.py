"""Taking back: from what history says of one appointment to the values that it had before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.dropped import DROPPED_NOTE
from syncd.core.existence import CONTEST_NOTE, STATUS
from syncd.core.model import Appointment, Status, Value
from syncd.core.paths import DELETED, Path, get
from syncd.core.state import ChannelName, Kind, Record

SINCE = "edited since"
OTHERWISE = "has another value by now"
DIVIDED = "the series was divided then"

_CHANGES = frozenset({Kind.SET, Kind.CONFLICT, Kind.ABSENT, Kind.DELETED})
_ENDINGS = frozenset({Kind.DELETED, Kind.ABSENT})


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the appointment. ``chosen``: it is to be taken back. ``pending``: it is not
    stored yet, since the bridge is held."""

    record: Record
    chosen: bool
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A value that goes back from ``now`` to ``back``. ``by``: who had set it."""

    path: Path
    now: Value
    back: Value
    by: ChannelName = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A value that stays, and why; ``back`` is what it would have become."""

    path: Path
    now: Value
    back: Value
    by: ChannelName
    reason: str


@dataclass(slots=True)
class Takeback:
    """What taking back comes to. ``restore``: it is there again; ``delete``: it goes again."""

    changes: list[Change] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    restore: bool = False
    delete: bool = False

    @property
    def goes_back(self) -> bool:
        """Whether anything of it changes."""
        return bool(self.changes or self.restore or self.delete)

    def __bool__(self) -> bool:
        return self.goes_back or bool(self.left)


def takes_effect(record: Record) -> bool:
    """Whether there is something in the record that could be taken back."""
    return record.kind is Kind.RESTORED or record.kind in _ENDINGS or _changes_value(record)


def take_back(
    entries: Sequence[Entry], current: Appointment, *, alive: bool, divided: bool = False
) -> Takeback:
    """What the chosen of ``entries`` (oldest first) had been before them.

    ``current``: the agreed appointment, or the last that was known of it; ``alive``: it is not
    deleted. ``divided``: its series was divided by what is chosen.
    """
    found = Takeback()
    for path, chain in _chains(entries).items():
        _path(path, chain, current, found, divided=divided)
    _existence(entries, found, alive=alive)
    return found


def _chains(entries: Sequence[Entry]) -> Mapping[Path, list[Entry]]:
    chains: dict[Path, list[Entry]] = {}
    for entry in entries:
        if entry.record.path and _changes_value(entry.record):
            chains.setdefault(entry.record.path, []).append(entry)
    return {path: chain for path, chain in chains.items() if any(each.chosen for each in chain)}


def _path(
    path: Path, chain: Sequence[Entry], current: Appointment, found: Takeback, *, divided: bool
) -> None:
    """The value before the last run of chosen records; left if somebody has set it since."""
    end = max(place for place, entry in enumerate(chain) if entry.chosen)
    start = end
    while start and chain[start - 1].chosen:
        start -= 1
    back, last = chain[start].record.before, chain[-1]
    now = last.record.value if last.pending else get(current, path)
    if now == back:
        return
    reason = ""
    if end != len(chain) - 1:
        reason = SINCE
    elif now != last.record.value:
        reason = OTHERWISE
    elif divided and path[0] in ("recurrence", "overrides"):
        reason = DIVIDED
    if reason:
        found.left.append(Left(path, now, back, last.record.winner, reason))
        return
    found.changes.append(Change(path, now, back, last.record.winner))
    found.restore = found.restore or any(_is_ending(each.record) for each in chain[start:])


def _existence(entries: Sequence[Entry], found: Takeback, *, alive: bool) -> None:
    """Deletions and restorations: as it was before the last run of chosen ones."""
    chain = [entry for entry in entries if _concerns_existence(entry.record)]
    if not any(entry.chosen for entry in chain):
        return
    if not chain[-1].chosen:
        return  # somebody has deleted it, or brought it back, since
    start = len(chain) - 1
    while start and chain[start - 1].chosen:
        start -= 1
    was_alive = chain[start].record.kind is not Kind.RESTORED
    if was_alive:
        copies = any(entry.chosen and entry.record.kind is Kind.ABSENT for entry in chain)
        found.restore = found.restore or not alive or copies or chain[-1].pending
    elif alive:
        found.delete = True


def _concerns_existence(record: Record) -> bool:
    return record.kind in (Kind.RESTORED, Kind.ABSENT) or (
        record.kind is Kind.DELETED and not record.path
    )


def _changes_value(record: Record) -> bool:
    if record.kind not in _CHANGES or record.note in (CONTEST_NOTE, DROPPED_NOTE):
        return False
    return record.value != record.before


def _is_ending(record: Record) -> bool:
    """Whether a value says that something does not take place, or is not in some channel."""
    if record.kind in _ENDINGS or (record.path[-1] == DELETED and record.value is True):
        return True
    return record.path == STATUS and record.value is Status.CANCELLED
