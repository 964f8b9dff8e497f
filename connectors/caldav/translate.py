"""From a resource (a series and its overrides in one VCALENDAR) to a copy. Pure.

What is decided where the standards leave it open:

- An event with RECURRENCE-ID and no series beside it (an invitation to one occurrence) is read
  as an appointment of its own; several of them without their series cannot be read.
- An occurrence that is both excepted (EXDATE) and given (RECURRENCE-ID) takes place.
- RANGE=THISANDFUTURE, EXRULE and rules more frequent than daily cannot be read.
- An end before the start cannot be read; nothing is guessed.
- Resources without a VEVENT (tasks, journals) are no appointments: :class:`NoEvent`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.caldav import translate_fields as fields
from connectors.caldav import translate_people as people
from connectors.caldav.carried import MARKER
from connectors.caldav.translate_time import (
    Unusable,
    id_of,
    moments,
    read_recurrence,
    read_when,
    start_of,
)
from connectors.caldav.wire import Component, WireError, parse, unescape
from syncd.core.fidelity import Fidelity, single
from syncd.core.model import (
    FIELDS,
    Appointment,
    Override,
    Recurrence,
    RecurrenceId,
    Timed,
    Value,
    When,
    clean_line,
)
from syncd.core.state import Copy, Key, Marker, Version
from syncd.core.zones import to_utc

FIDELITY = Fidelity(
    carries=frozenset(FIELDS) - {"customer", "kind", "owner", "custom"},
    values={"status": {"completed": "confirmed", "no_show": "confirmed"}},
)
"""All but what a calendar has no place for; iCalendar knows no completed events."""

READERS: Mapping[str, Callable[[Component], Value]] = {
    "title": lambda event: fields.read_line(event, "SUMMARY"),
    "description": lambda event: fields.read_text(event, "DESCRIPTION"),
    "location": lambda event: fields.read_line(event, "LOCATION"),
    "online_meeting": fields.read_meeting,
    "status": fields.read_status,
    "busy": fields.read_busy,
    "visibility": fields.read_visibility,
    "organizer": people.read_organizer,
    "attendees": people.read_attendees,
    "resources": people.read_resources,
    "tags": fields.read_tags,
    "reminders": fields.read_reminders,
}
"""How each field that stands in one event is read."""


class NoEvent(Unusable):
    """The resource holds no VEVENT: a task or the like, which is nobody's business here."""


@dataclass(slots=True)
class Series:
    """The components of a resource: the ``master`` and its occurrences by recurrence id."""

    calendar: Component
    master: Component
    when: When
    recurrence: Recurrence | None = None
    occurrences: dict[RecurrenceId, Component] = field(default_factory=dict)
    excepted: frozenset[RecurrenceId] = frozenset()

    @property
    def events(self) -> list[Component]:
        """All its VEVENT components, the master first."""
        return [self.master, *self.occurrences.values()]


def read(key: Key, version: Version | None, text: str, own: frozenset[str] = frozenset()) -> Copy:
    """The copy that a resource is. ``own``: addresses of the channel's person.

    Raises :class:`Unusable` (:class:`NoEvent`) or :class:`~connectors.caldav.wire.WireError`.
    """
    series = series_of(parse(text))
    master = series.master
    uid = clean_line(unescape(master.value("UID")))
    return Copy(
        key=key,
        version=version,
        wire=text,
        reads=appointment_of(series),
        uid=uid or None,
        marker=Marker.parse(master.value(MARKER)),
        modified=_modified(series.events),
        invited=people.is_invitation(master, own),
    )


def series_of(calendar: Component) -> Series:
    """The components of a resource in their places. Raises :class:`Unusable`."""
    events = calendar.components("VEVENT")
    if not events:
        other = {item.name for item in calendar.items if isinstance(item, Component)}
        if other & {"VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"}:
            raise NoEvent("no event")
        raise Unusable("no VEVENT")
    if len({event.value("UID") for event in events}) > 1:
        raise Unusable("several UIDs in one resource")
    masters = [event for event in events if event.first("RECURRENCE-ID") is None]
    occurrences = [event for event in events if event.first("RECURRENCE-ID") is not None]
    if len(masters) > 1:
        raise Unusable("several events where a series and its occurrences may be")
    if not masters:
        if len(occurrences) > 1:
            raise Unusable("occurrences of a series without the series")
        masters, occurrences = occurrences, []
    master = masters[0]
    when = read_when(master, calendar)
    series = Series(calendar, master, when, read_recurrence(master, calendar, when))
    series.excepted = frozenset(_ids(master, "EXDATE", calendar, when))
    for event in occurrences:
        (line,) = event.lines("RECURRENCE-ID")[:1]
        if line.parameter("RANGE"):
            raise Unusable("RANGE=THISANDFUTURE is not supported")
        recurrence_id = id_of(next(moments(line, calendar)), when)
        if recurrence_id in series.occurrences:
            raise Unusable("the same occurrence twice")
        series.occurrences[recurrence_id] = event
    return series


def appointment_of(series: Series) -> Appointment:
    """What a resource reads as. Raises :class:`Unusable`."""
    values = fields_of(series.master)
    overrides = {
        recurrence_id: Override(deleted=True)
        for recurrence_id in series.excepted
        if recurrence_id not in series.occurrences
    }
    for recurrence_id, event in series.occurrences.items():
        overrides[recurrence_id] = _override(event, recurrence_id, values, series)
    return Appointment(
        when=series.when,
        recurrence=series.recurrence,
        overrides=tuple(overrides.items()),
        **values,  # type: ignore[arg-type]  # READERS gives each field its own type
    )


def fields_of(event: Component) -> dict[str, Value]:
    """What one event reads as, without its time."""
    return {name: reader(event) for name, reader in READERS.items()}


def usual_when(series: When, recurrence_id: RecurrenceId) -> When:
    """When an occurrence takes place unless it was moved."""
    return single(series, series.duration, start_of(recurrence_id))


def same_time(one: When, other: When) -> bool:
    """Whether two times mean the same, also if one is in UTC and one in a zone."""
    if one == other:
        return True
    if not (isinstance(one, Timed) and isinstance(other, Timed)):
        return False
    if one.zone is None or other.zone is None:
        return False
    return to_utc(one.start, one.zone) == to_utc(other.start, other.zone) and to_utc(
        one.end, one.zone
    ) == to_utc(other.end, other.zone)


def _override(
    event: Component, recurrence_id: RecurrenceId, values: dict[str, Value], series: Series
) -> Override:
    own = [
        (name, value)
        for name, value in fields_of(event).items()
        if name != "organizer" and value != values[name]
    ]
    usual = usual_when(series.when, recurrence_id)
    if event.first("DTSTART") is not None:
        when = read_when(event, series.calendar)
        if not same_time(when, usual):
            own.append(("when", when))
    return Override(tuple(own))


def _ids(event: Component, name: str, calendar: Component, when: When) -> list[RecurrenceId]:
    return [
        id_of(moment, when)
        for line in event.lines(name)
        if line.value.strip()
        for moment in moments(line, calendar)
    ]


def _modified(events: list[Component]) -> datetime | None:
    """LAST-MODIFIED, else DTSTAMP: the same where there is no METHOD (RFC 5545, 3.8.7.2)."""
    for name in ("LAST-MODIFIED", "DTSTAMP"):
        stamps = [event.value(name) for event in events]
        found = [stamp for stamp in map(_stamp, stamps) if stamp is not None]
        if found:
            return max(found)
    return None


def _stamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


__all__ = ["FIDELITY", "NoEvent", "Series", "Unusable", "WireError", "read", "series_of"]
