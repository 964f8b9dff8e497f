"""Values as people read them, in the inbox, in an explanation and in a plan."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Customer,
    Person,
    Recurrence,
    Timed,
    Value,
    When,
)
from syncd.core.zones import from_utc, to_utc

_NOBODYS = frozenset({"UTC", "Etc/UTC", "UCT", "Etc/UCT", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu"})
"""Zones that systems keep times in and nobody lives in."""


def when_text(when: When, zone: str, *, own: bool = True) -> str:
    """A time on the clock of ``zone``. ``own``: that of an appointment which is kept in another
    zone, where clocks show another time, is told on that clock, with the name of the zone."""
    if isinstance(when, AllDay):
        last = when.end - timedelta(days=1)
        return f"{when.start} all day" if last == when.start else f"{when.start} – {last} all day"
    if when.zone is None:
        return _span(when.start, when.end)
    start, end = (from_utc(to_utc(wall, when.zone), zone) for wall in (when.start, when.end))
    if own and when.zone not in _NOBODYS and (start, end) != (when.start, when.end):
        return f"{_span(when.start, when.end)} {when.zone}"
    return _span(start, end)


def change_texts(before: Value, after: Value, zone: str, *, own: bool = True) -> tuple[str, str]:
    """Two values as people tell them apart: of times that look alike, also where they are kept."""
    told = told_text(before, zone, own=own), told_text(after, zone, own=own)
    return told if told[0] != told[1] else (value_text(before), value_text(after))


def told_text(value: Value, zone: str, *, own: bool = True) -> str:
    """A value for people, with times as :func:`when_text` has them."""
    if isinstance(value, Timed | AllDay):
        return when_text(value, zone, own=own)
    return value_text(value)


def value_text(value: Value) -> str:
    """A value as programs are told it; nothing for one that says nothing."""
    if value is None:
        return ""
    if isinstance(value, Timed):
        return f"{value.start:%Y-%m-%dT%H:%M}/{value.end:%Y-%m-%dT%H:%M} {value.zone or ''}".strip()
    if isinstance(value, AllDay):
        return f"{value.start.isoformat()}/{value.end.isoformat()}"
    if isinstance(value, Person):
        return value.email
    return _composed(value)


def _composed(value: Value) -> str:
    """A value of several parts, or one that is its own text."""
    if isinstance(value, Attendee):
        return f"{value.email} ({value.response.value})"
    if isinstance(value, Customer):
        ids = (f"{system}:{id}" for system, id in value.ids)
        return ", ".join(part for part in (value.name, value.phone, value.email, *ids) if part)
    if isinstance(value, Recurrence):
        return "; ".join((*value.rules, *value.dates))
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return ", ".join(str(getattr(each, "email", each)) for each in value)
    if value is True:
        return "yes"
    return str(value)


def brief(appointment: Appointment) -> str:
    """What an appointment is known by, as programs are told it. Personal data: never for a log."""
    return known_by(value_text(appointment.when), appointment.title, appointment.location)


def brief_here(appointment: Appointment, zone: str) -> str:
    """As :func:`brief`, for people: with the time as :func:`when_text` has it."""
    when = when_text(appointment.when, zone)
    return known_by(when, appointment.title, appointment.location)


def known_by(when: str, title: str, location: str) -> str:
    """What people know an appointment by."""
    return ", ".join(part for part in (when, title, location) if part)


def _span(start: datetime, end: datetime) -> str:
    """Wall times; the day only once where it is the same, seconds only where there are any."""
    clock = "%H:%M:%S" if start.second or end.second else "%H:%M"
    begin = f"{start:%Y-%m-%d} {start:{clock}}"
    if start == end:
        return begin
    if start.date() == end.date():
        return f"{begin}–{end:{clock}}"
    return f"{begin} – {end:%Y-%m-%d} {end:{clock}}"
