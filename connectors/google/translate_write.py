"""From an appointment to what Google is asked: only what reads differently is touched. Pure.

A change is a patch, so that whatever we do not know stays: colours, attachments, conference
notes, the guests' permissions (invariant 8). Each value that Google would show differently is
carried beside it (:mod:`connectors.google.carried`).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from connectors.google import translate_people as people
from connectors.google.carried import (
    MARKER,
    Bound,
    Record,
    bound_to,
    digest,
    encode,
    encode_override,
    private_of,
    properties_of,
    read_record,
)
from connectors.google.translate import (
    IN_ONE_EVENT,
    appointment_of,
    fidelity_of,
    fields_of,
    occurs,
    parsed_of,
    stray_bound,
    usual_when,
)
from connectors.google.translate_fields import CANCELLED_SIGN, READERS, SETTERS, read_meeting
from connectors.google.translate_time import (
    instance_id,
    original_start,
    read_recurrence,
    read_when,
    same_instants,
    write_dates,
    write_recurrence,
    write_when,
)
from connectors.google.wire import Event, Series, Unusable, text_of
from syncd.core.fidelity import project
from syncd.core.model import (
    FIELDS,
    Appointment,
    Attendee,
    Override,
    RecurrenceId,
    Status,
    Value,
    When,
    with_values,
)
from syncd.core.state import Marker

MOST_DESCRIPTION = 8192
_OF_THE_MASTER = ("recurrence", "etag", "id", "htmlLink", "created", "updated", "sequence")


@dataclass(frozen=True, slots=True)
class Style:
    """How a channel writes. ``invite``: attendees are written as Google's own. ``own``: the
    calendar's id, which is the organizer of what is made in it."""

    invite: bool = False
    default_zone: str = "UTC"
    own: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What one occurrence shall be. ``values`` are all fields of a single event, and its time.

    ``before``: the exception that there is, ``None`` if it still is as its series.
    """

    rid: RecurrenceId
    id: str
    values: Mapping[str, Value]
    before: Event | None = None


@dataclass(frozen=True, slots=True)
class Occurrences:
    """What is to be done about a series' exceptions: these made or changed, those removed."""

    changed: tuple[Occurrence, ...] = ()
    removed: tuple[Event, ...] = ()


def wanted_of(content: Appointment, before: Appointment | None, style: Style) -> Appointment:
    """What the calendar shall hold. What it holds already is not shortened on the way."""
    wanted = project(content, fidelity_of(style.default_zone))
    if before is None:
        return wanted
    same = {
        name: value
        for name in FIELDS
        if (value := getattr(before, name)) == getattr(content, name) and name != "overrides"
    }
    return with_values(wanted, same)


def write_new(content: Appointment, key: str, uid: str, marker: Marker, style: Style) -> Event:
    """The body of an insert, occurrences of their own apart. Raises :class:`Unusable`."""
    wanted = wanted_of(content, None, style)
    organizer = {"organizer": {"email": style.own, "self": True}}
    event, record = _composed(organizer, _series_values(wanted), style)
    del event["organizer"]
    _set_when(event, wanted.when)
    _set_recurrence(event, record, Series({}), wanted, style, reshaped=True)
    record.uid = (key, uid) if uid else ("", "")
    _carry(event, record)
    private = event.setdefault("extendedProperties", {}).setdefault("private", {})
    private[MARKER] = str(marker)
    event["id"] = key
    body: Event = _without_none(event)
    return body


def write_changed(wanted: Appointment, series: Series, style: Style) -> tuple[Event, bool]:
    """The patch of an event or a master, and whether its occurrences may stand elsewhere then.

    Raises :class:`Unusable`.
    """
    before = series.event
    now = appointment_of(series, style.default_zone)
    event, record = _composed(before, _series_values(wanted), style)
    if wanted.when != now.when:
        _set_when(event, wanted.when)
    reshaped = wanted.when != now.when or wanted.recurrence != now.recurrence
    _set_recurrence(event, record, series, wanted, style, reshaped=reshaped)
    record.uid = read_record(before).uid
    _carry(event, record)
    return _difference(before, event), reshaped


def occurrences_of(wanted: Appointment, series: Series, style: Style) -> Occurrences:
    """What is left to do once the master is as it shall be. Raises :class:`Unusable`."""
    parsed = parsed_of(series, style.default_zone)
    if parsed.recurrence is None:
        return Occurrences()
    google, _ = read_recurrence(series.event, parsed.when)
    overrides = dict(wanted.overrides)
    usual = _series_values(wanted)
    changed: list[Occurrence] = []
    removed: list[Event] = []
    there = {**parsed.cancelled, **parsed.live}
    for rid in sorted({*there, *overrides}):
        own, before = overrides.get(rid, Override()), there.get(rid)
        occurring = google is not None and occurs(parsed.when, google, rid)
        if own.deleted or not occurring:
            if rid in parsed.live and before is not None:
                removed.append(before)
            continue
        values = usual | {"when": usual_when(wanted.when, rid)} | dict(own.values)
        id = text_of(before, "id") if before else instance_id(series.key, rid, parsed.when)
        if before is not None or own:
            changed.append(Occurrence(rid, id, values, before))
    return Occurrences(tuple(changed), tuple(removed))


def write_occurrence(each: Occurrence, before: Event, style: Style) -> Event:
    """The patch of one occurrence. ``before``: the exception, or the instance as it is expanded.

    Raises :class:`Unusable`.
    """
    revived = text_of(before, "status") == "cancelled"
    base = {**before, "status": "confirmed"} if revived else before
    values = {name: each.values[name] for name in IN_ONE_EVENT}
    event, record = _composed(base, values, style)
    when = each.values["when"]
    now = _when_or_none(before, style)
    if now is None or not same_instants(now, when):  # type: ignore[arg-type]  # this field's type
        _set_when(event, when)  # type: ignore[arg-type]  # this field's type
    _carry(event, record)
    patch = _difference(before, event)
    if patch and each.before is None and private_of(event):
        # Of an instance that becomes an exception it is not documented whether it keeps them.
        kept = {key: value for key, value in private_of(event).items() if value is not None}
        patch["extendedProperties"] = {"private": {**kept, **private_of(patch)}}
    return patch


def instance_of(master: Event, rid: RecurrenceId, id: str, style: Style) -> Event:
    """An occurrence as Google expands it from its master."""
    when = read_when(master, style.default_zone)
    event = {key: deepcopy(value) for key, value in master.items() if key not in _OF_THE_MASTER}
    event["start"], event["end"] = write_when(usual_when(when, rid))
    event["originalStartTime"] = original_start(rid, when)
    return event | {"id": id, "recurringEventId": master["id"]}


def _when_or_none(event: Event, style: Style) -> When | None:
    return read_when(event, style.default_zone) if event.get("start") else None


def _series_values(wanted: Appointment) -> dict[str, Value]:
    return {name: getattr(wanted, name) for name in IN_ONE_EVENT}


def _set_when(event: Event, when: When) -> None:
    event["start"], event["end"] = write_when(when)


def _composed(before: Event, values: Mapping[str, Value], style: Style) -> tuple[Event, Record]:
    """``before`` with the fields that read differently set, and what is carried beside it."""
    event, now, old = deepcopy(before), fields_of(before), read_record(before)
    changed = {name for name in IN_ONE_EVENT if now[name] != values[name]}
    for name in SETTERS:
        if name in changed and name != "online_meeting":
            SETTERS[name](event, values[name])
    if changed & {"title", "status"}:
        sign = CANCELLED_SIGN if values["status"] is Status.CANCELLED else ""
        event["summary"] = f"{sign}{values['title']}"
    record = Record(plain=old.plain, meeting=old.meeting)
    if changed & {"description", "online_meeting"}:
        _set_texts(event, record, str(values["description"]), str(values["online_meeting"]))
    elif old.meeting != values["online_meeting"]:
        record.meeting = ""
    if style.invite and not people.is_invitation(before):
        _invite(event, values["attendees"])
    _bind(event, values, record)
    return event, record


def _set_texts(event: Event, record: Record, description: str, meeting: str) -> None:
    if read_meeting(event) not in ("", meeting):
        SETTERS["online_meeting"](event, meeting)
    record.meeting = meeting if read_meeting(event) != meeting else ""
    raw = "\n\n".join(filter(None, (description, record.meeting)))
    if len(raw) > MOST_DESCRIPTION:
        raise Unusable("its description leaves no room for the link to meet online")
    event["description"] = raw
    record.plain = digest(raw)


def _invite(event: Event, attendees: Any) -> None:
    there = people.read_attendees(event)
    wanted: dict[str, Attendee] = {each.email: each for each in attendees}
    if there != wanted:
        people.invite(event, wanted.values())


def _bind(event: Event, values: Mapping[str, Value], record: Record) -> None:
    """Carry what Google shows otherwise."""
    for name in (*READERS, "organizer"):
        if name in ("title", "description", "online_meeting"):
            continue
        shown = READERS[name](event) if name in READERS else people.read_organizer(event)
        if shown != values[name]:
            record.fields[name] = (bound_to(name, shown), encode(values[name]))
    wanted: Any = values["attendees"]
    record.people = _bind_people(
        people.read_attendees(event), {each.email: each for each in wanted}
    )
    rooms, resources = people.read_resources(event), frozenset(values["resources"])  # type: ignore[arg-type]  # this field's type
    record.things = {
        str(name): (digest(name in rooms), name in resources) for name in rooms ^ resources
    }


def _bind_people(there: Mapping[str, Attendee], wanted: Mapping[str, Attendee]) -> dict[str, Bound]:
    return {
        email: (digest(encode(there.get(email))), encode(wanted.get(email)))
        for email in {*there, *wanted}
        if there.get(email) != wanted.get(email)
    }


def _set_recurrence(
    event: Event,
    record: Record,
    series: Series,
    wanted: Appointment,
    style: Style,
    *,
    reshaped: bool,
) -> None:
    deleted = {rid for rid, own in wanted.overrides if own.deleted}
    if reshaped:
        lines = write_recurrence(wanted.recurrence, wanted.when, deleted)
        if lines or series.event.get("recurrence"):
            event["recurrence"] = lines
    elif wanted.recurrence is not None:
        _set_exceptions(event, series, wanted, deleted, style)
    if wanted.recurrence is None:
        return
    when = read_when(event, style.default_zone)
    google, _ = read_recurrence(event, when)
    if google is None:
        raise Unusable("a series without a rule or a date")
    if google != wanted.recurrence:
        record.fields["recurrence"] = (bound_to("recurrence", google), encode(wanted.recurrence))
    strays = {
        rid: encode_override(own)
        for rid, own in wanted.overrides
        if not own.deleted and not occurs(when, google, rid)
    }
    if strays:
        record.strays = (stray_bound(when, google), strays)


def _set_exceptions(
    event: Event, series: Series, wanted: Appointment, deleted: set[RecurrenceId], style: Style
) -> None:
    """EXDATE for what takes place no more. What is an exception already is cancelled instead."""
    parsed = parsed_of(series, style.default_zone)
    missing = deleted - parsed.excepted - parsed.cancelled.keys() - parsed.live.keys()
    unwanted = parsed.excepted - deleted - parsed.live.keys()
    if not missing and not unwanted:
        return
    excepted = (parsed.excepted - unwanted) | missing
    lines = [line for line in event["recurrence"] if not line.upper().startswith("EXDATE")]
    event["recurrence"] = [*lines, *write_dates("EXDATE", excepted, wanted.when)]


def _carry(event: Event, record: Record) -> None:
    """Put ``record`` into the private properties, unless it is there already."""
    if record == read_record(event):
        return
    named = properties_of(record, event)
    if named:
        private = event.setdefault("extendedProperties", {}).setdefault("private", {})
        private.update(named)


def _difference(before: Event, after: Event) -> Event:
    """The patch that makes ``after`` of ``before``; properties are merged by Google one by one."""
    patch = {
        key: value
        for key, value in after.items()
        if before.get(key) != value and key != "extendedProperties"
    }
    old, new = private_of(before), private_of(after)
    private = {key: value for key, value in new.items() if old.get(key) != value}
    if private:
        patch["extendedProperties"] = {"private": private}
    return patch


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value
