"""From an appointment to a resource: only what reads differently is touched. Pure.

Every line that is not meant stays as it came: unknown properties and parameters, alarms,
attachments, VTIMEZONEs (invariant 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.caldav import translate_fields as fields
from connectors.caldav import translate_people as people
from connectors.caldav.carried import ATTENDEE, MARKER, ORGANIZER
from connectors.caldav.translate import (
    FIDELITY,
    READERS,
    Series,
    appointment_of,
    same_time,
    series_of,
    usual_when,
)
from connectors.caldav.translate_time import (
    checked_rule,
    ensure_zone,
    id_line,
    id_of,
    moments,
    read_when,
    when_lines,
)
from connectors.caldav.wire import Component, Line, escape, parse, serialise
from syncd.core.fidelity import project
from syncd.core.model import (
    Appointment,
    Override,
    Recurrence,
    RecurrenceId,
    Timed,
    Value,
    When,
    clean_line,
)
from syncd.core.state import Marker
from syncd.core.zones import UTC_ZONE

PRODUCT = "-//syncd//CalDAV//EN"
_MOST_REVISIONS = 2**31 - 1
_OF_THE_SERIES = ("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", MARKER)


@dataclass(frozen=True, slots=True)
class Style:
    """How a channel writes.

    ``invite``: attendees become ATTENDEE, which the server may mail. ``own``: the addresses
    of the channel's person; ``person`` is the one that organises where an organizer is needed.
    """

    invite: bool = False
    person: str = ""
    own: frozenset[str] = frozenset()


_WRITERS: Mapping[str, Callable[[Component, Any], None]] = {
    "title": lambda event, value: fields.write_text(event, "SUMMARY", value),
    "description": lambda event, value: fields.write_text(event, "DESCRIPTION", value),
    "location": lambda event, value: fields.write_text(event, "LOCATION", value),
    "online_meeting": fields.write_meeting,
    "status": fields.write_status,
    "busy": fields.write_busy,
    "visibility": fields.write_visibility,
    "resources": people.write_resources,
    "tags": fields.write_tags,
    "reminders": fields.write_reminders,
}


def write_new(
    content: Appointment, uid: str, marker: Marker, style: Style, now: datetime | None = None
) -> str:
    """The wire form of a new resource. ``now`` is aware, default the real time.

    Raises :class:`~connectors.caldav.translate_time.Unusable` for a rule nobody could read.
    """
    wanted, stamp = project(content, FIDELITY), _stamp(now)
    event = Component(
        "VEVENT",
        [
            Line("UID", "", escape(clean_line(uid))),
            Line("DTSTAMP", "", stamp),
            Line("CREATED", "", stamp),
            Line("LAST-MODIFIED", "", stamp),
            Line(MARKER, "", str(marker)),
        ],
    )
    lines = [Line("VERSION", "", "2.0"), Line("PRODID", "", PRODUCT)]
    calendar = Component("VCALENDAR", [*lines, event])
    when_lines(wanted.when, event, calendar)
    series = Series(calendar, event, wanted.when)
    _apply(event, _series_values(wanted), style)
    _write_recurrence(series, wanted, reshaped=True)
    _write_occurrences(series, wanted, style, reshaped=False)
    return serialise(calendar)


def write_changed(
    content: Appointment, previous: str, style: Style, now: datetime | None = None
) -> str:
    """``previous`` changed so that it reads as ``content``.

    SEQUENCE grows where an organizer's change of time or status asks for it (RFC 5546, 2.1.4).
    Raises as :func:`~connectors.caldav.translate.read` and :func:`write_new`.
    """
    series = series_of(parse(previous))
    before, wanted = appointment_of(series), project(content, FIDELITY)
    as_it_was = {id(event): list(event.items) for event in series.events}
    _apply(series.master, _series_values(wanted), style)
    reshaped = wanted.when != before.when or wanted.recurrence != before.recurrence
    if wanted.when != before.when:
        when_lines(wanted.when, series.master, series.calendar)
    _write_recurrence(series, wanted, reshaped=wanted.recurrence != before.recurrence)
    _write_occurrences(series, wanted, style, reshaped=reshaped)
    significant = _significant(before) != _significant(wanted)
    raised = significant and not people.is_invitation(series.master, style.own)
    for event in series.calendar.components("VEVENT"):
        if as_it_was.get(id(event)) != event.items:
            _restamp(event, _stamp(now))
        if raised:
            _raise_sequence(event)
    return serialise(series.calendar)


def _significant(appointment: Appointment) -> tuple[object, ...]:
    moved = tuple(
        (key, own.deleted, dict(own.values).get("when"), dict(own.values).get("status"))
        for key, own in appointment.overrides
    )
    return appointment.when, appointment.status, appointment.recurrence, moved


def _series_values(wanted: Appointment) -> dict[str, Value]:
    return {name: getattr(wanted, name) for name in READERS}


def _apply(event: Component, values: Mapping[str, Value], style: Style) -> None:
    """Write the fields that read differently."""
    for name, value in values.items():
        if READERS[name](event) == value and not _turns_real(event, name, style):
            continue
        if name == "organizer":
            _write_organizer(event, value, style)
        elif name == "attendees":
            people.write_attendees(event, value or (), invite=style.invite)  # type: ignore[arg-type]  # this field's type
        else:
            _WRITERS[name](event, value)
    if style.invite and event.first("ATTENDEE") is not None and event.first("ORGANIZER") is None:
        _write_organizer(event, values.get("organizer"), style)


def _turns_real(event: Component, name: str, style: Style) -> bool:
    """Whether a channel that invites still carries this in a property of ours."""
    ours = {"organizer": ORGANIZER, "attendees": ATTENDEE}.get(name)
    return style.invite and ours is not None and event.first(ours) is not None


def _write_organizer(event: Component, value: Value, style: Style) -> None:
    people.write_organizer(event, value, invite=style.invite, person=style.person)  # type: ignore[arg-type]  # this field's type


def _write_recurrence(series: Series, wanted: Appointment, *, reshaped: bool) -> None:
    recurrence = wanted.recurrence or Recurrence()
    master = series.master
    if reshaped:
        rules = [Line("RRULE", "", checked_rule(rule)) for rule in recurrence.rules]
        master.replace(("RRULE",), rules)
    if reshaped or _form(series.when) != _form(wanted.when):
        dates = [id_line("RDATE", each, wanted.when) for each in recurrence.dates]
        master.replace(("RDATE",), dates)
    deleted = {key for key, own in wanted.overrides if own.deleted}
    if _form(series.when) != _form(wanted.when):
        master.replace(("EXDATE",), [])
        series.excepted = frozenset()
    given = {key for key, own in wanted.overrides if not own.deleted}
    unwanted = series.excepted - deleted - (series.occurrences.keys() - given)
    if unwanted:
        _drop_exceptions(series, unwanted)
    new = sorted(deleted - series.excepted)
    lines = [*master.lines("EXDATE"), *(id_line("EXDATE", each, wanted.when) for each in new)]
    if new:
        master.replace(("EXDATE",), lines)


def _drop_exceptions(series: Series, unwanted: frozenset[RecurrenceId]) -> None:
    kept: list[Line] = []
    for line in series.master.lines("EXDATE"):
        values = [
            value
            for value in line.value.split(",")
            if value.strip() and _exception_id(line, value, series) not in unwanted
        ]
        if len(values) == len(line.value.split(",")):
            kept.append(line)
        elif values:
            kept.append(Line(line.name, line.parameters, ",".join(values)))
    series.master.replace(("EXDATE",), kept)


def _exception_id(line: Line, value: str, series: Series) -> RecurrenceId:
    alone = Line(line.name, line.parameters, value)
    return id_of(next(moments(alone, series.calendar)), series.when)


def _write_occurrences(
    series: Series, wanted: Appointment, style: Style, *, reshaped: bool
) -> None:
    overrides = dict(wanted.overrides)
    for recurrence_id, event in series.occurrences.items():
        own = overrides.pop(recurrence_id, None)
        if (own is not None and own.deleted) or (own is None and reshaped):
            series.calendar.items.remove(event)
            continue
        if _form(series.when) != _form(wanted.when):
            line = id_line("RECURRENCE-ID", recurrence_id, wanted.when)
            event.replace(("RECURRENCE-ID",), [line])
        _write_occurrence(series, event, recurrence_id, own or Override(), wanted, style)
    for recurrence_id, own in overrides.items():
        if own.deleted:
            continue
        event = series.master.copy()
        event.items = [
            item
            for item in event.items
            if not (isinstance(item, Line) and item.name in _OF_THE_SERIES)
        ]
        event.items.insert(1, id_line("RECURRENCE-ID", recurrence_id, wanted.when))
        series.calendar.items.append(event)
        _write_occurrence(series, event, recurrence_id, own, wanted, style)


def _write_occurrence(
    series: Series,
    event: Component,
    recurrence_id: RecurrenceId,
    own: Override,
    wanted: Appointment,
    style: Style,
) -> None:
    usual = usual_when(wanted.when, recurrence_id)
    values = _series_values(wanted) | {"when": usual} | dict(own.values)
    when = values.pop("when")
    _apply(event, {name: values[name] for name in READERS}, style)
    current = read_when(event, series.calendar) if event.first("DTSTART") else None
    kept = current == when or (current is not None and when == usual and same_time(current, usual))
    if not kept:
        when_lines(when, event, series.calendar)  # type: ignore[arg-type]  # this field's type
    if isinstance(wanted.when, Timed) and wanted.when.zone not in (None, UTC_ZONE):
        ensure_zone(series.calendar, wanted.when.zone or "", wanted.when.zone or "")


def _form(when: When) -> tuple[bool, str | None]:
    return (True, when.zone) if isinstance(when, Timed) else (False, None)


def _restamp(event: Component, stamp: str) -> None:
    event.replace(("DTSTAMP",), [Line("DTSTAMP", "", stamp)])
    event.replace(("LAST-MODIFIED",), [Line("LAST-MODIFIED", "", stamp)])


def _raise_sequence(event: Component) -> None:
    text = event.value("SEQUENCE")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    new = min(number + 1, _MOST_REVISIONS)
    event.replace(("SEQUENCE",), [Line("SEQUENCE", "", str(new))])


def _stamp(now: datetime | None) -> str:
    return f"{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
