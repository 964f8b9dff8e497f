"""Hypothesis strategies for series that Graph can hold as such."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from connectors.microsoft365.expressible import expresses
from syncd.core.instances import ascending, rid_at, wall_of
from syncd.core.model import AllDay, Appointment, Override, Recurrence, Timed, When
from syncd.core.rrule import LAST
from tests.strategies import ZONES, appointments

_RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3;COUNT=10",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY={day}",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY={day};WKST=SU;COUNT=9",
    "FREQ=WEEKLY;INTERVAL=2;UNTIL={until};BYDAY={day}",
    "FREQ=MONTHLY;COUNT=6",
    "FREQ=MONTHLY;BYMONTHDAY={number}",
    "FREQ=MONTHLY;BYDAY={nth}{day}",
    "FREQ=MONTHLY;BYDAY={day};BYSETPOS={nth}",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={number};COUNT=4",
    "FREQ=YEARLY;BYMONTH={month};BYDAY={nth}{day}",
)
_OWN_FIELDS = (
    *("title", "description", "location", "status", "busy", "visibility", "tags"),
    *("reminders", "attendees", "online_meeting", "resources"),
)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def _whens(draw: st.DrawFn) -> When:
    day = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 300)))
    day = day.replace(day=min(day.day, 28))
    if draw(st.booleans()):
        return AllDay(day, day + timedelta(days=1))
    start = datetime(day.year, day.month, day.day, draw(st.integers(4, 20)), 15)
    length = timedelta(minutes=draw(st.integers(0, 180)))
    zone = draw(st.sampled_from((*ZONES, "Europe/Madrid", "Asia/Chongqing", "Etc/GMT+12")))
    return Timed(start, start + length, zone)


def _rule(text: str, when: When) -> str:
    start = wall_of(when)
    until = "20271231" if isinstance(when, AllDay) else "20271231T000000Z"
    return text.format(
        day=_DAYS[start.weekday()],
        until=until,
        number=start.day,
        nth=(start.day - 1) // 7 + 1,
        month=start.month,
    )


@st.composite
def series(draw: st.DrawFn) -> Appointment:
    """A series with overrides and exceptions, all of which Graph can hold."""
    when = draw(_whens())
    recurrence = Recurrence((_rule(draw(st.sampled_from(_RULES)), when),))
    plain = draw(appointments(False))
    found = replace(plain, when=when, recurrence=recurrence)
    walls = []
    for wall in ascending(when, recurrence, wall_of(when), LAST):
        walls.append(wall)
        if len(walls) == 8:
            break
    own = {}
    for wall in walls:
        if draw(st.integers(0, 3)):
            continue
        values = draw(_own(when, wall))
        own[rid_at(when, wall)] = values
    full = replace(found, overrides=tuple(own.items()))
    return full if expresses(full) else found


@st.composite
def _own(draw: st.DrawFn, when: When, wall: datetime) -> Override:
    if draw(st.booleans()):
        return Override(deleted=True)
    other = draw(appointments(False))
    names = draw(
        st.sets(
            st.sampled_from(_OWN_FIELDS),
            max_size=3,
        )
    )
    values = [(name, getattr(other, name)) for name in names]
    if draw(st.booleans()) and isinstance(when, Timed):
        start = wall + timedelta(minutes=draw(st.integers(-60, 60)))
        values.append(("when", Timed(start, start + timedelta(minutes=30), when.zone)))
    return Override(tuple(values))


fitting = st.one_of(appointments(False), series())
"""Appointments of all kinds that Graph can hold in one event."""
