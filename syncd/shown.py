"""Writes as a person is shown them before they are made: to which appointment, what it was
before, and where the change was made that they carry on.

Plain data that JSON can hold: a hold keeps it, so that what is approved is what was shown.
Times are ISO 8601 with the offset of their zone; floating ones have none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from syncd.core.model import AllDay, Appointment, Status, Timed, Value, When
from syncd.core.paths import Path, diff, field_of, get, path_text
from syncd.core.safety import INVITED, LEFT, fingerprint, is_ending
from syncd.core.state import Agreement, AppointmentId, Operation, Setter, Slot, Write
from syncd.core.zones import midnight, to_utc, zone_info
from syncd.wording import brief, value_text

Shown: TypeAlias = Mapping[str, Any]
"""One write, as :func:`shown_write` has it; of a hold of an older syncd only the first texts."""

TOLD = ("when", "title", "location", "status", "owner")
"""The fields of which people are told what they were and what they become."""

ENDED, MOVED, CHANGED, BORN = "ended", "moved", "changed", "born"
"""What was done where a write comes from: deleted or cancelled, given another time, …"""

_ENDS = ("start", "end")
_DELETING: Path = ("deleting",)
_STATUS: Path = ("status",)
_WHEN: Path = ("when",)


@dataclass(frozen=True, slots=True)
class Cause:
    """What was done in one channel that writes come from: to how many appointments, and when the
    first and the last of it was seen (aware)."""

    what: str
    channel: str
    count: int
    since: datetime
    last: datetime


def shown_write(id: AppointmentId, write: Write, after: Agreement | None = None) -> Shown:
    """How a held or approved write is told. ``shown``: what people know it by. ``after``: what
    is agreed once it is decided."""
    return {
        "write": fingerprint(id, write),
        "appointment": id,
        "channel": write.channel,
        "slot": write.slot,
        "operation": operation(write),
        "paths": ", ".join(path_text(path) for path in write.paths),
        "reason": write.reason,
        **details(write, after),
    }


def operation(write: Write) -> str:
    """What a write does, in the words of holds and of the log of writes."""
    if write.operation is Operation.UPDATE and is_ending(write):
        return "cancel"
    if write.operation is Operation.DELETE and not is_ending(write):
        return "replace"
    return write.operation.value


def details(write: Write, after: Agreement | None) -> Shown:
    """What people know the appointment by, what changes of it, and the cause."""
    content = write.content or (write.base.reads if write.base is not None else None)
    return {**known(content), "changes": list(_changes(write)), "cause": _cause(write, after)}


def known(content: Appointment | None) -> Shown:
    """What people know an appointment by."""
    return {
        "shown": brief(content) if content is not None else "",
        "when": _told(content.when) if content is not None else None,
        "title": content.title if content is not None else "",
        "location": content.location if content is not None else "",
    }


def changes(before: Appointment, after: Appointment, these: Collection[Path]) -> Iterator[Shown]:
    """What people are told of ``these`` paths: what each was and what it becomes."""
    differing = diff(before, after)
    paths = [path for path in these if path in differing and field_of(path) in TOLD]
    for path in sorted(paths, key=lambda path: (TOLD.index(field_of(path)), path)):
        old, new = get(before, path), get(after, path)
        yield {"field": path_text(path), "old": _told(old), "new": _told(new)}


def causes(writes: Iterable[Shown]) -> list[Cause]:
    """Where these writes come from, what is most first."""
    found: dict[tuple[str, str], dict[str, list[datetime]]] = {}
    for write in writes:
        cause = write.get("cause")
        if cause:
            times = found.setdefault((cause["what"], cause["channel"]), {})
            seen = datetime.fromisoformat(cause["since"])
            times.setdefault(write["appointment"], []).append(seen)
    told = []
    for (what, channel), times in found.items():
        every = [at for each in times.values() for at in each]
        told.append(Cause(what, channel, len(times), min(every), max(every)))
    return sorted(told, key=lambda each: (-each.count, each.channel, each.what))


def in_order(writes: Iterable[Shown], zone: str) -> list[Shown]:
    """By channel, then by the time of the appointment."""
    return sorted(writes, key=lambda write: (write["channel"], *_begins(write, zone)))


def when_of(told: Mapping[str, Any] | None) -> When | None:
    """The time that a write was told with; ``None`` where none was."""
    if not told:
        return None
    if told["all_day"]:
        return AllDay(date.fromisoformat(told["start"]), date.fromisoformat(told["end"]))
    start, end = (datetime.fromisoformat(told[name]).replace(tzinfo=None) for name in _ENDS)
    return Timed(start, end, told["zone"])


def value_of(told: object) -> Value:
    """The value before or after a change, as it was told."""
    return when_of(told) if isinstance(told, Mapping) else str(told)


def _begins(write: Shown, zone: str) -> tuple[str, str, str]:
    """Sorts by instant; what was told without a time comes last."""
    when = when_of(write.get("when"))
    if when is None:
        return "~", write["appointment"], write["slot"]
    if isinstance(when, AllDay):
        start = midnight(when.start, zone)
    else:
        start = to_utc(when.start, when.zone, zone)
    return start.isoformat(), write["appointment"], write["slot"]


def _changes(write: Write) -> Iterator[Shown]:
    if write.operation is Operation.UPDATE and write.base is not None and write.content is not None:
        yield from changes(write.base.reads, write.content, write.paths)


def _told(value: Value) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, AllDay):
        days = value.start.isoformat(), value.end.isoformat()
        return {"start": days[0], "end": days[1], "zone": None, "all_day": True}
    if isinstance(value, Timed):
        info = zone_info(value.zone) if value.zone is not None else None
        start, end = (wall.replace(tzinfo=info).isoformat() for wall in (value.start, value.end))
        return {"start": start, "end": end, "zone": value.zone, "all_day": False}
    return value_text(value)


def _cause(write: Write, after: Agreement | None) -> Shown | None:
    """Where it comes from; ``None`` where nobody's edit is to blame: who takes part, or what is
    configured, says that the channel no longer holds it."""
    found = _setter(write, after) if after is not None else None
    if found is None:
        return None
    what, setter = found
    return {
        "what": what,
        "channel": setter.channel,
        "since": setter.changed.latest.isoformat(timespec="seconds"),
    }


def _setter(write: Write, after: Agreement) -> tuple[str, Setter] | None:
    if write.operation is Operation.DELETE:
        if write.reason in (INVITED, LEFT):
            return None
        whole = _DELETING if after.deleting is not None else _STATUS
        ended = after.deleting is not None or after.appointment.status is Status.CANCELLED
        return _named(ENDED, after, write.slot, whole, series=ended)
    if is_ending(write):
        return _named(ENDED, after, write.slot, _STATUS)
    if write.operation is Operation.CREATE:
        return _named(BORN, after, "", ())
    path = _WHEN if _WHEN in write.paths else next(iter(write.paths), ())
    return _named(MOVED if path == _WHEN else CHANGED, after, write.slot, path)


def _named(
    what: str, after: Agreement, slot: Slot, path: Path, *, series: bool = True
) -> tuple[str, Setter] | None:
    """The setter of ``path``: of a single occurrence, or (``series``) of the whole."""
    paths = [("overrides", slot, *path), ("overrides", slot, "deleted")] if slot else []
    for each in [*paths, path] if series else paths:
        setter = after.setters.get(each)
        if setter is not None:
            return what, setter
    return None
