"""What was decided and what was written, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from syncd.core.state import BEGINNING, AppointmentId, Kind, Record
from syncd.errors import ConfigError
from syncd.problems import nearest
from syncd.store import HistoryEntry, LoggedWrite, Store

WRITES = ("create", "update", "delete", "cancel", "replace")
"""The kinds of writes; they are kept for 48 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is to be listed. ``kind``: of a record (:class:`Kind`) or of a write."""

    appointment: AppointmentId | None = None
    since: datetime | None = None
    cycle: str | None = None
    channel: str | None = None
    kind: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One line: a record, or a write to ``channel``. ``cycle`` is empty where it is not known."""

    at: datetime
    cycle: str
    bridge: str
    appointment: AppointmentId
    kind: str
    channel: str = ""
    record: Record | None = None
    approved: bool = False


def events(store: Store, sought: Sought) -> list[Event]:
    """What matches, newest first. Raises ``ConfigError`` for a kind that there is not."""
    kinds = [*Kind, *WRITES]
    if sought.kind is not None and sought.kind not in kinds:
        hint = nearest(sought.kind, kinds)
        raise ConfigError(f"there is no kind {sought.kind!r}", key="--kind", hint=hint)
    known = list(_recorded(store, sought))
    cycles = {(event.bridge, event.at): event.cycle for event in known}
    found = [event for event in known if _is_sought(event, sought)]
    found += [e for e in _written(store, sought, cycles) if _is_sought(e, sought)]
    found.sort(key=lambda event: event.at, reverse=True)
    return found[: sought.limit]


def _recorded(store: Store, sought: Sought) -> Iterator[Event]:
    """The records, newest first; no more of them than can be wanted."""
    narrow = sought.channel is None and sought.kind is None
    entries = store.history(
        appointment=sought.appointment,
        since=sought.since,
        cycle=sought.cycle,
        limit=sought.limit if narrow else None,
    )
    return map(event_of, reversed(entries))


def event_of(entry: HistoryEntry) -> Event:
    """A record as an event."""
    record = entry.record
    return Event(
        entry.at,
        entry.cycle,
        entry.bridge,
        entry.appointment,
        record.kind.value,
        record.winner,
        record,
    )


def _written(
    store: Store, sought: Sought, cycles: dict[tuple[str, datetime], str]
) -> Iterator[Event]:
    """The writes of the last two days. One that was decided at the time of a record belongs to
    its cycle; one that was only owed is of no cycle that decided anything."""
    for write in store.writes_since(sought.since or BEGINNING):
        yield _write(write, cycles)


def _write(write: LoggedWrite, cycles: dict[tuple[str, datetime], str]) -> Event:
    bridge, _, channel = write.channel.partition("/")
    cycle = cycles.get((bridge, write.at), "")
    return Event(
        write.at,
        cycle,
        bridge,
        write.appointment,
        write.operation,
        channel,
        approved=write.approved,
    )


def _is_sought(event: Event, sought: Sought) -> bool:
    if sought.appointment not in (None, event.appointment):
        return False
    if sought.cycle not in (None, event.cycle) or sought.kind not in (None, event.kind):
        return False
    if sought.channel is None:
        return True
    claimed = [name for name, _ in event.record.claims] if event.record is not None else []
    return sought.channel == event.channel or sought.channel in claimed
