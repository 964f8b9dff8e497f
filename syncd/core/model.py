"""The canonical appointment and its values. Frozen, hashable, equal by content.

Words as in iCalendar (RFC 5545) where it has them. Values are canonical when they are
built: text without control characters, e-mail addresses in lower case, tuples sorted,
so that equality means the same thing everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeAlias

from syncd.core.zones import normalise

RecurrenceId: TypeAlias = str
"""The original start of an occurrence, in its series' zone: ``20260301T090000`` or ``20260301``."""

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]"
)


def clean_text(value: str) -> str:
    """Text as every channel can hold it: ``\\n`` line ends, no control characters."""
    return _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))


def clean_line(value: str) -> str:
    """One line of text: as :func:`clean_text`, line ends and tabs become blanks, trimmed."""
    return " ".join(clean_text(value).replace("\t", " ").split("\n")).strip()


def normalise_email(value: str) -> str:
    """An address as the key of a person: no ``mailto:``, no blanks, lower case, NFC."""
    bare = clean_text(value).strip()
    if bare[:7].lower() == "mailto:":
        bare = bare[7:]
    return unicodedata.normalize("NFC", bare.strip()).lower()


class Status(StrEnum):
    """Where an appointment stands in its life."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class Busy(StrEnum):
    """What the appointment does to free/busy look-ups."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    AWAY = "away"


class Visibility(StrEnum):
    """Who may read the appointment (iCalendar CLASS)."""

    PUBLIC = "public"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class Role(StrEnum):
    """What an attendee is there for (iCalendar ROLE)."""

    CHAIR = "chair"
    REQUIRED = "required"
    OPTIONAL = "optional"
    INFORMED = "informed"


class Response(StrEnum):
    """What an attendee answered (iCalendar PARTSTAT)."""

    NONE = "none"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Timed:
    """Start and end as wall-clock time in one zone; ``zone`` is an IANA key or ``None`` (floating).

    ``start`` and ``end`` are naive, whole seconds, ``end >= start``. A wall time that
    does not exist in the zone is moved past the gap, one that exists twice means the
    first (RFC 5545, 3.3.5); the second is kept by holding the value in UTC.
    """

    start: datetime
    end: datetime
    zone: str | None = None

    def __post_init__(self) -> None:
        start, end, zone = normalise(self.start, self.end, self.zone)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "zone", zone)

    @property
    def duration(self) -> timedelta:
        """The length on the clock on the wall."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class AllDay:
    """Whole days from ``start`` to ``end``, which is exclusive and later than ``start``."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            object.__setattr__(self, "end", self.start + timedelta(days=1))

    @property
    def duration(self) -> timedelta:
        """The number of days, as a duration."""
        return self.end - self.start


When: TypeAlias = Timed | AllDay


@dataclass(frozen=True, slots=True, order=True)
class Person:
    """Somebody, known by address; ``name`` may be empty."""

    email: str
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", normalise_email(self.email))
        object.__setattr__(self, "name", clean_line(self.name))


@dataclass(frozen=True, slots=True, order=True)
class Attendee:
    """Somebody who takes part, keyed by ``email``."""

    email: str
    name: str = ""
    role: Role = Role.REQUIRED
    response: Response = Response.NONE

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", normalise_email(self.email))
        object.__setattr__(self, "name", clean_line(self.name))


@dataclass(frozen=True, slots=True)
class Customer:
    """The customer: wins or loses as one value. ``ids`` are (system, id) pairs."""

    name: str = ""
    phone: str = ""
    email: str = ""
    ids: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_line(self.name))
        object.__setattr__(self, "phone", clean_line(self.phone))
        object.__setattr__(self, "email", normalise_email(self.email))
        object.__setattr__(self, "ids", tuple(sorted(self.ids)))

    def __bool__(self) -> bool:
        return bool(self.name or self.phone or self.email or self.ids)


_RULE_PARTS = (
    *("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"),
    *("BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS", "WKST"),
)


def canonical_rule(rule: str) -> str:
    """An RRULE value with its parts in one order and without defaults: servers reorder them."""
    parts = [part for part in rule.strip().upper().split(";") if part]
    order = {name: place for place, name in enumerate(_RULE_PARTS)}
    parts.sort(key=lambda part: order.get(part.partition("=")[0], len(order)))
    return ";".join(part for part in parts if part not in ("INTERVAL=1", "WKST=MO"))


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a series repeats. ``rules`` are RRULE values, ``dates`` the recurrence ids of RDATEs.

    Exceptions (EXDATE) are overrides with ``deleted``: they merge occurrence by occurrence.
    """

    rules: tuple[str, ...] = ()
    dates: tuple[RecurrenceId, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(canonical_rule(rule) for rule in self.rules))
        object.__setattr__(self, "dates", tuple(sorted(set(self.dates))))


@dataclass(frozen=True, slots=True)
class Override:
    """What one occurrence has of its own: only fields that differ from its series.

    ``values`` are (field, value) pairs, sorted; ``attendees`` and the like are whole values
    here. ``deleted``: the occurrence does not take place and has no copy (EXDATE).
    """

    values: tuple[tuple[str, Value], ...] = ()
    deleted: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(sorted(self.values, key=lambda pair: pair[0])))

    def __bool__(self) -> bool:
        return bool(self.values) or self.deleted


Value: TypeAlias = (
    str
    | bool
    | Timed
    | AllDay
    | Person
    | Attendee
    | Customer
    | Recurrence
    | Status
    | Busy
    | Visibility
    | tuple[Attendee, ...]
    | frozenset[str]
    | frozenset[int]
    | None
)
"""Any value that a field, an element of a field or an override can have; hashable."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """The canonical value that all copies of an appointment stand for.

    ``description`` is plain text. ``reminders`` are minutes before the start.
    ``owner`` is a normalised e-mail address or empty. ``overrides`` and ``custom`` are sorted
    pairs. Which fields a system holds, and how faithfully, its ``Fidelity`` says.
    """

    when: When
    title: str = ""
    description: str = ""
    location: str = ""
    online_meeting: str = ""
    status: Status = Status.CONFIRMED
    busy: Busy = Busy.BUSY
    visibility: Visibility = Visibility.PUBLIC
    organizer: Person | None = None
    owner: str = ""
    attendees: tuple[Attendee, ...] = ()
    customer: Customer | None = None
    resources: frozenset[str] = frozenset()
    kind: str = ""
    tags: frozenset[str] = frozenset()
    reminders: frozenset[int] = frozenset()
    recurrence: Recurrence | None = None
    overrides: tuple[tuple[RecurrenceId, Override], ...] = ()
    custom: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.attendees) > 1 and not _ascending(self.attendees):
            unique = {attendee.email: attendee for attendee in self.attendees}
            object.__setattr__(self, "attendees", tuple(unique[key] for key in sorted(unique)))
        if len(self.custom) > 1:
            object.__setattr__(self, "custom", tuple(sorted(dict(self.custom).items())))
        if self.overrides:
            kept = {key: override for key, override in self.overrides if override}
            object.__setattr__(self, "overrides", tuple(sorted(kept.items())))

    def attendee(self, email: str) -> Attendee | None:
        """The attendee with this (normalised) address."""
        return next((each for each in self.attendees if each.email == email), None)

    def override(self, recurrence_id: RecurrenceId) -> Override | None:
        """What the occurrence with this id has of its own, if anything."""
        return next((own for key, own in self.overrides if key == recurrence_id), None)


def _ascending(attendees: tuple[Attendee, ...]) -> bool:
    """Whether they are sorted by address already, each there once."""
    last = ""
    for each in attendees:
        if each.email <= last:
            return False
        last = each.email
    return True


FIELDS: tuple[str, ...] = tuple(each.name for each in fields(Appointment))
"""The names of all fields, in the order of the appointment."""

values_of = attrgetter(*FIELDS)
"""The values of all fields of an appointment, in the order of ``FIELDS``."""

_PLACES = {name: place for place, name in enumerate(FIELDS)}


def with_values(appointment: Appointment, values: Mapping[str, Any]) -> Appointment:
    """``appointment`` with other values of some fields; as ``dataclasses.replace``, but quicker."""
    whole = list(values_of(appointment))
    for name, value in values.items():
        whole[_PLACES[name]] = value
    return Appointment(*whole)


KEYED_FIELDS = frozenset({"attendees", "resources", "tags", "reminders", "overrides", "custom"})
"""Fields that merge element by element or key by key; all others are one value."""

OVERRIDABLE_FIELDS = frozenset(FIELDS) - {"recurrence", "overrides", "custom", "owner", "organizer"}
"""Fields that an occurrence can have of its own."""
