"""Hypothesis strategies for canonical appointments, odd ones included. Used by every law.

Everything generated is canonical: text as ``clean_text`` and ``clean_line`` leave it, rules in
the order of RFC 5545, overrides that differ from their series, deleted occurrences without
values of their own. Strategies are made once: to make one takes longer than to draw from it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from syncd.core.fidelity import single
from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Busy,
    Customer,
    Override,
    Person,
    Recurrence,
    Response,
    Role,
    Status,
    Timed,
    Value,
    Visibility,
    When,
    clean_line,
    clean_text,
)

ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Jerusalem",
    "UTC",
)
"""Whole, half and quarter hours, a half-hour summer time, a Ramadan break, a Friday rule."""

_SPICE = (
    "客户拜访：王先生",
    "演示（新产品）、试驾",
    "🚗💨 Probefahrt",
    "👩‍👩‍👧 family",
    'Müller & Söhne GmbH, "Süd"; Werk 2',
    "a\\nb \\; \\, \\\\",
    "C:\\new\\folder",
    "a:b;c,d=e^f^n",
    "عرض المنتج",
    "x" * 74 + "é" + "漢" * 40,
)


@cache
def lines(max_size: int = 60) -> st.SearchStrategy[str]:
    """One canonical line of text, possibly empty."""
    return st.one_of(st.sampled_from(_SPICE), st.text(max_size=max_size)).map(clean_line)


@cache
def texts(max_size: int = 200) -> st.SearchStrategy[str]:
    """Canonical text of several lines, without blanks at its ends."""
    several = st.lists(lines(), max_size=4).map("\n".join)
    long = st.sampled_from(_SPICE).map(lambda text: (text + "\n\n") * 200)
    either = st.one_of(several, st.text(max_size=max_size), long)
    return either.map(lambda text: clean_text(text).strip())


emails = st.builds(
    "{}@{}".format,
    st.sampled_from(("wang", "li.si", "o'hara+x", "müller", "zhao_6", "a")),
    st.sampled_from(("example.com", "kunde.example", "xn--fiq228c.example")),
)
"""Normalised addresses, with an apostrophe, a plus and a letter beyond ASCII."""

people = st.builds(Person, emails, lines(20))
attendees = st.builds(
    Attendee, emails, lines(20), st.sampled_from(tuple(Role)), st.sampled_from(tuple(Response))
)
tags = lines(12).filter(bool)
"""Also good as names of resources."""

_EITHER = st.booleans()
_STATUS = st.sampled_from(tuple(Status))
_BUSY = st.sampled_from(tuple(Busy))
_VISIBILITY = st.sampled_from(tuple(Visibility))
_ZONE = st.one_of(st.none(), st.sampled_from(ZONES))
_walls = st.datetimes(datetime(2019, 1, 1), datetime(2032, 12, 31)).map(
    lambda wall: wall.replace(microsecond=0)
)
_lengths = st.one_of(st.sampled_from((0, 60, 900, 3600, 86400)), st.integers(0, 3 * 86400)).map(
    lambda seconds: timedelta(seconds=seconds)
)


@st.composite
def timed(draw: st.DrawFn) -> Timed:
    """A time with a zone or floating; walls that fall in a gap are moved by ``Timed``."""
    start = draw(_walls)
    zone = draw(_ZONE)
    return Timed(start, start + draw(_lengths), zone)


all_day = st.builds(
    lambda start, days: AllDay(start, start + timedelta(days=days)),
    st.dates(date(2019, 1, 1), date(2032, 12, 31)),
    st.integers(1, 10),
)
whens: st.SearchStrategy[When] = st.one_of(timed(), timed(), all_day)

_RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;COUNT=10",
    "FREQ=WEEKLY;BYDAY=MO,WE",
    "FREQ=WEEKLY;INTERVAL=2;UNTIL={until};BYDAY=TU",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=MONTHLY;COUNT=6;BYMONTHDAY=31",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
)
_RULE = st.sampled_from(_RULES)
_LATE_DAYS = st.lists(st.integers(400, 500), max_size=2)
_DAYS = st.lists(st.integers(1, 30), max_size=3, unique=True)


def recurrence_id(when: When, start: datetime) -> str:
    """The id of the occurrence of a series like ``when`` that starts at the naive ``start``."""
    return f"{start:%Y%m%d}" if isinstance(when, AllDay) else f"{start:%Y%m%dT%H%M%S}"


def _start(when: When) -> datetime:
    if isinstance(when, AllDay):
        return datetime(when.start.year, when.start.month, when.start.day)
    return when.start


@st.composite
def recurrences(draw: st.DrawFn, when: When) -> Recurrence:
    """A recurrence that fits a series like ``when``: one rule, sometimes further dates."""
    until = "20331231" if isinstance(when, AllDay) else "20331231T000000"
    if isinstance(when, Timed) and when.zone is not None:
        until += "Z"
    rule = draw(_RULE).format(until=until)
    days = draw(_LATE_DAYS)
    dates = tuple(recurrence_id(when, _start(when) + timedelta(days=day)) for day in days)
    return Recurrence((rule,), dates)


_OWN: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        "title": lines(),
        "description": texts(40),
        "location": lines(20),
        "when": whens,
        "status": _STATUS,
        "busy": _BUSY,
        "visibility": _VISIBILITY,
        "tags": st.frozensets(tags, max_size=2),
        "reminders": st.frozensets(st.integers(0, 20160), max_size=2),
        "attendees": st.lists(attendees, max_size=2, unique_by=lambda each: each.email).map(
            lambda found: tuple(sorted(found, key=lambda each: each.email))
        ),
    },
)


@st.composite
def overrides(draw: st.DrawFn, series: Appointment, start: datetime) -> Override:
    """What one occurrence has of its own: values that differ, or its deletion."""
    if draw(_EITHER):
        return Override(deleted=True)
    own = draw(_OWN)
    usual: dict[str, Value] = {name: getattr(series, name) for name in own}
    if "when" in own:
        usual["when"] = single(series.when, series.when.duration, start)
    return Override(tuple((name, value) for name, value in own.items() if value != usual[name]))


_SINGLE: dict[str, st.SearchStrategy[Any]] = {
    "when": whens,
    "title": lines(),
    "description": texts(),
    "location": lines(),
    "online_meeting": st.sampled_from(
        ("", "https://meet.example.com/a-b?pwd=1,2;3&x=%2C", "会议号 123 456")
    ),
    "status": _STATUS,
    "busy": _BUSY,
    "visibility": _VISIBILITY,
    "organizer": st.one_of(st.none(), people),
    "owner": st.one_of(st.just(""), emails),
    "attendees": st.lists(attendees, max_size=4),
    "customer": st.one_of(
        st.none(),
        st.builds(Customer, lines(20), lines(15), emails).map(lambda found: found or None),
    ),
    "resources": st.lists(tags, max_size=2),
    "kind": st.sampled_from(("", "visit", "demo", "售后")),
    "tags": st.lists(tags, max_size=3),
    "reminders": st.lists(st.integers(0, 40320), max_size=3),
    "custom": st.dictionaries(st.sampled_from(("floor", "楼层")), lines(10)),
}
"""The fields of an appointment that does not repeat; as they are drawn, in this order."""

_KINDS: dict[str, Callable[[Any], Value]] = {
    "attendees": tuple,
    "resources": frozenset,
    "tags": frozenset,
    "reminders": frozenset,
    "custom": lambda found: tuple(found.items()),
}


@st.composite
def appointments(draw: st.DrawFn, series: bool | None = None) -> Appointment:
    """A canonical appointment; ``series`` says whether it repeats (``None``: sometimes)."""
    values = {name: draw(each) for name, each in _SINGLE.items()}
    values |= {name: made(values[name]) for name, made in _KINDS.items()}
    appointment = Appointment(**values)
    if not (draw(_EITHER) if series is None else series):
        return appointment
    return draw(_repeating(appointment))


@st.composite
def _repeating(draw: st.DrawFn, appointment: Appointment) -> Appointment:
    when = appointment.when
    own = {}
    for day in draw(_DAYS):
        start = _start(when) + timedelta(days=day)
        override = draw(overrides(appointment, start))
        if override:
            own[recurrence_id(when, start)] = override
    values = {name: getattr(appointment, name) for name in Appointment.__dataclass_fields__}
    values |= {"recurrence": draw(recurrences(when)), "overrides": tuple(own.items())}
    return Appointment(**values)
