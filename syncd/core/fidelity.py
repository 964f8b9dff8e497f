"""How faithfully a channel holds an appointment, and what it would hold of one.

A connector declares a :class:`Fidelity`; :func:`project` is then the same for all of them.
Whatever a system alters (cuts, rounds, leaves out, maps) must be declared here: the
conformance suite fails a connector that reads back anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core.model import (
    FIELDS,
    AllDay,
    Appointment,
    Attendee,
    Customer,
    Override,
    Person,
    Response,
    Role,
    Timed,
    Value,
    When,
    with_values,
)
from syncd.core.zones import from_utc, rounded, to_utc

_EMPTY = Appointment(Timed(datetime(1970, 1, 1), datetime(1970, 1, 1)))
_EMPTY_VALUES: Mapping[str, object] = {name: getattr(_EMPTY, name) for name in FIELDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """What a channel carries.

    ``carries``: field names. ``lengths``: the most characters of a text field,
    or by path of a part (``customer.name``, ``custom.floor``).
    ``values``: for a field, what the channel reads back for a canonical value it cannot tell
    apart (``{"status": {"no_show": "confirmed"}}``). ``recurrence``: the channel holds series
    itself; else single occurrences stand for them. ``series``: which series it can hold itself, of
    what it would hold of them (``None``: all); for the others single occurrences stand, as in a
    channel without recurrence. ``zone``: the one zone all times are kept
    in, ``None`` if each keeps its own. ``floating``: floating times stay floating, else they
    are fixed in ``default_zone``. ``resolution``: seconds that times are rounded to.
    ``attendee_parts`` and ``customer_parts``: the attributes kept besides the key.
    ``custom_keys``: the keys of ``custom`` that have a place, ``None`` if all have.
    ``override_fields``: what an occurrence can have of its own.
    """

    carries: frozenset[str] = frozenset(FIELDS)
    lengths: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    recurrence: bool = True
    series: Callable[[Appointment], bool] | None = None
    zone: str | None = None
    floating: bool = True
    default_zone: str = "UTC"
    all_day: bool = True
    resolution: int = 1
    attendee_parts: frozenset[str] = frozenset({"name", "role", "response"})
    customer_parts: frozenset[str] = frozenset({"name", "phone", "email", "ids"})
    custom_keys: frozenset[str] | None = None
    organizer_name: bool = True
    override_fields: frozenset[str] = frozenset(
        {"title", "description", "when", "location", "online_meeting", "status", "busy"}
        | {"visibility", "attendees", "tags", "reminders", "resources"}
    )
    alters: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The fields that may not be held as they are, without ``recurrence``, ``overrides`` and
    ``custom`` where they are carried: derived, for the speed of :func:`project`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alters", tuple(each for each in FIELDS if self._may_alter(each)))

    def _may_alter(self, name: str) -> bool:
        if name == "when":
            zoned = self.zone is not None or not self.floating
            return zoned or not self.all_day or self.resolution > 1
        if name not in self.carries or name == "customer":
            return True
        if name == "organizer":
            return not self.organizer_name
        if name == "attendees":
            return len(self.attendee_parts) < 3
        return name in self.values or name in self.lengths

    def repeats(self, series: Appointment) -> bool:
        """Whether the channel holds this series itself: no single occurrences stand for it."""
        if self.series is None or not self.recurrence:
            return self.recurrence
        return self.series(project(series, self))


def project(appointment: Appointment, fidelity: Fidelity) -> Appointment:
    """What a channel of this fidelity would hold of ``appointment``. Pure and idempotent.

    For a channel without recurrence, pass a single occurrence: ``recurrence`` and
    ``overrides`` are dropped here. A series that only this channel cannot hold (``repeats``)
    is kept as it is: it is never asked to, and its copy from before is compared with that.
    """
    kept: dict[str, object] = {}
    carries = fidelity.carries
    for name in fidelity.alters:
        value = getattr(appointment, name)
        if name not in carries and name != "when":
            empty = _EMPTY_VALUES[name]
            if value is not empty and value != empty:
                kept[name] = empty
        else:
            shown = project_value(name, value, fidelity)
            if shown is not value:
                kept[name] = shown
    if appointment.custom and "custom" in carries:
        kept["custom"] = tuple(
            (key, _cut(f"custom.{key}", value, fidelity))
            for key, value in appointment.custom
            if fidelity.custom_keys is None or key in fidelity.custom_keys
        )
    if not fidelity.recurrence:
        if appointment.recurrence is not None or appointment.overrides:
            kept["recurrence"], kept["overrides"] = None, ()
    elif appointment.overrides and "overrides" in carries:
        series = {name: kept.get(name, getattr(appointment, name)) for name in FIELDS}
        kept["overrides"] = tuple(
            (key, _project_override(override, series, fidelity))
            for key, override in appointment.overrides
        )
    if not kept:
        return appointment
    return with_values(appointment, kept)


def project_value(name: str, value: Value, fidelity: Fidelity) -> Value:
    """What the channel would hold of one field's value (a whole field or one element)."""
    if isinstance(value, Timed | AllDay):
        return project_when(value, fidelity)
    if isinstance(value, Attendee):
        return _project_attendee(value, fidelity)
    if name == "attendees" and isinstance(value, tuple):
        if len(fidelity.attendee_parts) == 3:
            return value
        return tuple(_project_attendee(each, fidelity) for each in value)
    if isinstance(value, Customer):
        return _project_customer(value, fidelity)
    if isinstance(value, Person) and not fidelity.organizer_name:
        return Person(value.email)
    table = fidelity.values.get(name)
    if table is not None and isinstance(value, str) and value in table:
        return type(value)(table[value])
    return _cut(name, value, fidelity) if isinstance(value, str) else value


def project_when(when: When, fidelity: Fidelity) -> When:
    """A time as the channel would hold it: rounded, in its one zone, all-day or not."""
    if isinstance(when, AllDay):
        if fidelity.all_day:
            return when
        start = datetime(when.start.year, when.start.month, when.start.day)
        end = datetime(when.end.year, when.end.month, when.end.day)
        return project_when(Timed(start, end, fidelity.default_zone), fidelity)
    start, end, zone = when.start, when.end, when.zone
    if zone is None and not fidelity.floating:
        zone = fidelity.default_zone
    if fidelity.zone is not None and zone is not None and zone != fidelity.zone:
        start = from_utc(to_utc(start, zone), fidelity.zone)
        end = from_utc(to_utc(end, zone), fidelity.zone)
        zone = fidelity.zone
    if fidelity.resolution > 1:
        start, end = rounded(start, fidelity.resolution), rounded(end, fidelity.resolution)
        end = max(start, end)
    if start == when.start and end == when.end and zone == when.zone:
        return when
    return Timed(start, end, zone)


def fills_length(name: str, value: str, fidelity: Fidelity) -> bool:
    """Whether a text is as long as the channel allows, so that its end may have been cut."""
    most = fidelity.lengths.get(name, 0)
    return bool(most) and len(value) >= most - 1


def single(when: When, length: timedelta, start: datetime) -> When:
    """A time like ``when`` that starts at the (naive) ``start`` and lasts ``length``."""
    if isinstance(when, AllDay):
        return AllDay(start.date(), start.date() + length)
    return Timed(start, start + length, when.zone)


def _cut(path: str, text: str, fidelity: Fidelity) -> str:
    most = fidelity.lengths.get(path, 0)
    return text[:most].rstrip() if 0 < most < len(text) else text


def _project_attendee(attendee: Attendee, fidelity: Fidelity) -> Attendee:
    parts = fidelity.attendee_parts
    if len(parts) == 3:
        return attendee
    return Attendee(
        attendee.email,
        attendee.name if "name" in parts else "",
        attendee.role if "role" in parts else Role.REQUIRED,
        attendee.response if "response" in parts else Response.NONE,
    )


def _project_customer(customer: Customer, fidelity: Fidelity) -> Customer | None:
    parts = fidelity.customer_parts
    if len(parts) == 4 and not fidelity.lengths:
        return customer or None
    kept = Customer(
        _cut("customer.name", customer.name, fidelity) if "name" in parts else "",
        _cut("customer.phone", customer.phone, fidelity) if "phone" in parts else "",
        _cut("customer.email", customer.email, fidelity) if "email" in parts else "",
        customer.ids if "ids" in parts else (),
    )
    return kept or None


def _project_override(
    override: Override, series: Mapping[str, object], fidelity: Fidelity
) -> Override:
    """What the channel holds of an occurrence: a value that is its series' own is none, and what
    does not take place has no values."""
    if override.deleted:
        return Override((), True)
    values = tuple(
        (name, projected)
        for name, value in override.values
        if name in fidelity.override_fields
        and name in fidelity.carries
        and ((projected := project_value(name, value, fidelity)) != series[name] or name == "when")
    )
    return Override(values)
