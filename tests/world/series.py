"""The occurrences of the simple series that people make here: weekly, by COUNT or UNTIL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.core.model import Appointment, Override, Timed
from syncd.core.zones import to_utc

_FORMAT = "%Y%m%dT%H%M%S"


def slots(appointment: Appointment) -> list[str]:
    """The recurrence ids of a weekly series, exceptions included; none if it does not repeat."""
    when = appointment.when
    if appointment.recurrence is None or not isinstance(when, Timed):
        return []
    parts = dict(part.split("=") for part in appointment.recurrence.rules[0].split(";"))
    most = int(parts.get("COUNT", 100))
    until = datetime.max.replace(tzinfo=UTC)
    if "UNTIL" in parts:
        until = datetime.strptime(parts["UNTIL"].rstrip("Z"), _FORMAT).replace(tzinfo=UTC)
    starts = [when.start + timedelta(weeks=week) for week in range(most)]
    return [f"{s:{_FORMAT}}" for s in starts if to_utc(s, when.zone) <= until]


def occurrence_start(slot: str) -> datetime:
    """The naive start that a recurrence id names."""
    return datetime.strptime(slot, _FORMAT)


def occurrence(series: Appointment, slot: str) -> Appointment:
    """One occurrence as an appointment of its own."""
    assert isinstance(series.when, Timed)
    start = occurrence_start(slot)
    usual = Timed(start, start + series.when.duration, series.when.zone)
    single = replace(series, when=usual, recurrence=None, overrides=())
    own: dict[str, Any] = dict((series.override(slot) or Override()).values)
    return replace(single, **own)
