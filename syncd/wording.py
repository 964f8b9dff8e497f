"""Values as people read them, in the inbox, in an explanation and in a plan."""

from __future__ import annotations

from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Customer,
    Person,
    Recurrence,
    Timed,
    Value,
)


def value_text(value: Value) -> str:
    """A value as people read it; nothing for one that says nothing."""
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
    """What people know an appointment by. Personal data: for a terminal, never for a log."""
    parts = (value_text(appointment.when), appointment.title, appointment.location)
    return ", ".join(part for part in parts if part)
