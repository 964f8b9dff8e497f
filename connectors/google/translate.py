"""From Google's events to a copy: an event, or a series with its exceptions. Pure.

What is decided where Google leaves it open:

- An occurrence that is left out by EXDATE and given as an exception takes place if that exception
  does. A cancelled exception of what is no occurrence (any more) is left aside.
- An exception without its series (an invitation to one occurrence) is an appointment of its own.
- EXRULE and rules more frequent than daily cannot be read; neither can an end before the start.
- Reminders, guests and the like of an exception are its own where they differ from the series'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.google import translate_people as people
from connectors.google.carried import (
    MARKER,
    Record,
    bound_to,
    decode,
    decode_attendee,
    decode_override,
    digest,
    encode,
    private_of,
    read_record,
)
from connectors.google.translate_fields import CANCELLED_SIGN, READERS
from connectors.google.translate_time import (
    read_recurrence,
    read_when,
    rid_of,
    same_instants,
    start_of,
)
from connectors.google.wire import Event, Series, Unusable, is_cancelled, table_of, text_of
from syncd.core.fidelity import Fidelity, single
from syncd.core.model import (
    FIELDS,
    Appointment,
    Attendee,
    Override,
    Recurrence,
    RecurrenceId,
    Status,
    Value,
    When,
    clean_line,
    clean_text,
)
from syncd.core.recurrence import BadRecurrence, is_occurrence
from syncd.core.state import Copy, Key, Marker, Version

DESCRIPTION = 7000
MEETING = 1000
"""Google documents 8,192 characters for a description; a link of ours stands at its end."""

IN_ONE_EVENT = (*READERS, "organizer", "attendees", "resources")
"""The fields that a single event holds, its time apart."""


def fidelity_of(default_zone: str) -> Fidelity:
    """What a Google calendar carries; floating times are fixed in ``default_zone``.

    Status, tags, shades of busy and people that Google has no place for are carried in extended
    properties, so that they are not lost.
    """
    return Fidelity(
        carries=frozenset(FIELDS) - {"customer", "kind", "owner", "custom"},
        lengths={"description": DESCRIPTION, "online_meeting": MEETING},
        floating=False,
        default_zone=default_zone,
    )


@dataclass(slots=True)
class Parsed:
    """A series in its parts: its exceptions by recurrence id, the cancelled ones apart.

    ``excepted``: what EXDATE leaves out. ``strays``: own values of what is no occurrence.
    """

    when: When
    recurrence: Recurrence | None = None
    excepted: frozenset[RecurrenceId] = frozenset()
    live: dict[RecurrenceId, Event] = field(default_factory=dict)
    cancelled: dict[RecurrenceId, Event] = field(default_factory=dict)
    strays: dict[RecurrenceId, Override] = field(default_factory=dict)


def read(key: Key, version: Version | None, series: Series, default_zone: str) -> Copy:
    """The copy that a series, or a single event, is. Raises :class:`Unusable`."""
    event = series.event
    record = read_record(event)
    uid = record.uid[1] if record.uid[0] == key else text_of(event, "iCalUID")
    return Copy(
        key=key,
        version=version,
        wire=series.dumps(),
        reads=appointment_of(series, default_zone),
        uid=clean_line(uid) or None,
        marker=Marker.parse(text_of(private_of(event), MARKER)),
        modified=_modified(series),
        invited=people.is_invitation(event),
    )


def appointment_of(series: Series, default_zone: str) -> Appointment:
    """What it reads as. Raises :class:`Unusable`."""
    values = fields_of(series.event)
    parsed = parsed_of(series, default_zone)
    overrides = dict(parsed.strays)
    overrides |= {rid: Override(deleted=True) for rid in (*parsed.excepted, *parsed.cancelled)}
    for rid, event in parsed.live.items():
        overrides[rid] = _override(event, rid, values, parsed.when, default_zone)
    return Appointment(
        when=parsed.when,
        recurrence=parsed.recurrence,
        overrides=tuple(overrides.items()),
        **values,  # type: ignore[arg-type]  # each field has its own type
    )


def parsed_of(series: Series, default_zone: str) -> Parsed:
    """The parts of a series. Raises :class:`Unusable`."""
    event = series.event
    when = read_when(event, default_zone)
    recurrence, excepted = read_recurrence(event, when)
    if recurrence is None:
        return Parsed(when)
    parsed = Parsed(when, recurrence, excepted)
    strays = read_record(event).strays
    if strays[0] == stray_bound(when, recurrence):
        parsed.strays = {rid: _decoded(each) for rid, each in strays[1].items()}
    carried = _carried("recurrence", recurrence, read_record(event))
    parsed.recurrence = carried if isinstance(carried, Recurrence) else recurrence
    for each in series.exceptions.values():
        rid = rid_of(table_of(each, "originalStartTime"), when)
        if not is_cancelled(each):
            parsed.live[rid] = each
        elif occurs(when, recurrence, rid):
            parsed.cancelled[rid] = each
    return parsed


def stray_bound(when: When, recurrence: Recurrence) -> str:
    """What carried values of non-occurrences are bound to."""
    return digest([encode(when), encode(recurrence)])


def occurs(when: When, recurrence: Recurrence, rid: RecurrenceId) -> bool:
    """Whether the series has an occurrence with this id. Raises :class:`Unusable`."""
    try:
        return is_occurrence(Appointment(when, recurrence=recurrence), rid)
    except BadRecurrence as error:
        raise Unusable("its recurrence cannot be expanded") from error


def fields_of(event: Event) -> dict[str, Value]:
    """What one event reads as, without its time."""
    record = read_record(event)
    values = {name: _carried(name, reader(event), record) for name, reader in READERS.items()}
    values["organizer"] = _carried("organizer", people.read_organizer(event), record)
    values["title"] = _title(str(values["title"]), values["status"])
    description, meeting = _texts(event, record)
    values["description"] = description
    values["online_meeting"] = meeting or values["online_meeting"]
    values["attendees"] = _attendees(event, record)
    values["resources"] = _resources(event, record)
    return values


def _title(shown: str, status: Value) -> str:
    if status is Status.CANCELLED and shown.startswith(CANCELLED_SIGN.strip()):
        return shown.removeprefix(CANCELLED_SIGN.strip()).strip()
    return shown


def _texts(event: Event, record: Record) -> tuple[str, str]:
    """The description without our link, and the link as long as it is shown."""
    raw = text_of(event, "description")
    ours = bool(record.plain) and digest(raw) == record.plain
    text = clean_text(raw) if ours else str(READERS["description"](event))
    meeting = record.meeting
    if not meeting or meeting not in text:
        return text, ""
    before = text.removesuffix(meeting)
    if before != text and (not before or before.endswith("\n\n")):
        text = before.removesuffix("\n\n")
    return text, meeting


def _carried(name: str, shown: Value, record: Record) -> Value:
    """The value that is carried beside what Google shows, if it is still bound to that."""
    bound, kept = record.fields.get(name, ("", None))
    if not bound or bound != bound_to(name, shown):
        return shown
    try:
        return decode(name, kept)
    except (ValueError, TypeError, KeyError, IndexError):
        return shown


def _attendees(event: Event, record: Record) -> tuple[Attendee, ...]:
    found = people.read_attendees(event)
    for email, (bound, kept) in record.people.items():
        if bound != digest(encode(found.get(email))):
            continue
        if kept is None:
            found.pop(email, None)
            continue
        try:
            found[email] = decode_attendee(kept)
        except (ValueError, TypeError):
            continue
    return tuple(found[email] for email in sorted(found))


def _resources(event: Event, record: Record) -> frozenset[str]:
    found = set(people.read_resources(event))
    for name, (bound, kept) in record.things.items():
        if bound == digest(name in found):
            (found.add if kept else found.discard)(name)
    return frozenset(found)


def usual_when(series: When, rid: RecurrenceId) -> When:
    """When an occurrence takes place unless it was moved."""
    return single(series, series.duration, start_of(rid))


def _override(
    event: Event, rid: RecurrenceId, values: dict[str, Value], series: When, default_zone: str
) -> Override:
    own = [
        (name, value)
        for name, value in fields_of(event).items()
        if name != "organizer" and value != values[name]
    ]
    when = read_when(event, default_zone)
    if not same_instants(when, usual_when(series, rid)):
        own.append(("when", when))
    return Override(tuple(own))


def _decoded(kept: Any) -> Override:
    try:
        return decode_override(kept)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Override()


def _modified(series: Series) -> datetime | None:
    found = []
    for event in (series.event, *series.exceptions.values()):
        try:
            at = datetime.fromisoformat(text_of(event, "updated"))
        except ValueError:
            continue
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return max(found, default=None)
