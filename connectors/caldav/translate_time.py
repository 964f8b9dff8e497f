"""Times between iCalendar and the canonical appointment: DTSTART to RECURRENCE-ID. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connectors.caldav.timezones import ZoneUnknown, meaning, named_zone, vtimezone
from connectors.caldav.wire import Component, Line
from syncd.core.model import AllDay, Recurrence, RecurrenceId, Timed, When
from syncd.core.zones import UTC_ZONE, from_utc, to_utc

_VALUE = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?")
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?"
)
_RULE = re.compile(r"[A-Z]+=[A-Z0-9,+-]+(?:;[A-Z]+=[A-Z0-9,+-]+)*")
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_NUMBERS = {
    "INTERVAL": (1, 10_000),
    "COUNT": (1, 100_000),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 60),
}
_BYDAY = re.compile(r"([+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)")
_MOST_A_DAY = 24


class Unusable(ValueError):
    """The item cannot be read: one line that says why, without personal data."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A DATE or DATE-TIME as it stands: ``wall`` is naive, ``zone`` ``None`` if floating.

    ``day_only``: it is a DATE. ``tzid`` is the name that was used for the zone.
    """

    wall: datetime
    zone: str | None = None
    day_only: bool = False
    tzid: str = ""

    def wall_in(self, zone: str | None) -> datetime:
        """The wall time in another zone; a floating one stays as it is."""
        if self.zone == zone or self.zone is None or zone is None:
            return self.wall
        return from_utc(to_utc(self.wall, self.zone), zone).replace(fold=0)


def moments(line: Line, calendar: Component) -> Iterator[Moment]:
    """The values of a date line (a list for EXDATE and RDATE). Raises :class:`Unusable`."""
    tzid = line.parameter("TZID")
    for value in line.value.split(","):
        start = value.strip().partition("/")[0]
        match = _VALUE.fullmatch(start)
        if match is None:
            raise Unusable(f"{line.name} is no date or time")
        year, month, day, hour, minute, second, utc = match.groups()
        try:
            if hour is None:
                yield Moment(datetime(int(year), int(month), int(day)), day_only=True)
                continue
            clock = (int(hour), int(minute), min(int(second), 59))
            wall = datetime(int(year), int(month), int(day), *clock)
            yield _moment(wall, UTC_ZONE if utc else None, "" if utc else tzid, calendar)
        except OverflowError as error:
            raise Unusable(f"{line.name} is out of range") from error
        except ValueError as error:
            if isinstance(error, ZoneUnknown):
                raise Unusable(f"{line.name} has {error}") from error
            raise Unusable(f"{line.name} is no date or time") from error


def _moment(wall: datetime, zone: str | None, tzid: str, calendar: Component) -> Moment:
    if not tzid:
        return Moment(wall, zone)
    found = meaning(tzid, calendar, wall.date())
    if found.zone is not None:
        return Moment(wall, found.zone, tzid=tzid)
    return Moment(found.to_utc(wall), UTC_ZONE, tzid=tzid)


def read_when(event: Component, calendar: Component) -> When:
    """DTSTART with DTEND or DURATION. Raises :class:`Unusable`.

    Without an end a DATE lasts one day, a DATE-TIME no time (RFC 5545, 3.6.1). An end before
    the start is unusable: which of the two is wrong cannot be known. DTEND equal to a
    DTSTART;VALUE=DATE is one day, as Outlook and others mean it.
    """
    line = event.first("DTSTART")
    if line is None:
        raise Unusable("no DTSTART")
    start = next(moments(line, calendar))
    try:
        when = _span(start, event, calendar)
    except (OverflowError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable("its time is out of range") from error
    return when


def _span(start: Moment, event: Component, calendar: Component) -> When:
    end_line, duration = event.first("DTEND"), event.value("DURATION")
    if end_line is not None:
        end = next(moments(end_line, calendar))
        if start.day_only:
            last = end.wall.date()
            if not end.day_only and end.wall.time() != datetime.min.time():
                last += timedelta(days=1)
            return _days(start.wall.date(), last)
        return _timed(start, end.wall_in(start.zone))
    if duration:
        return _lasting(start, duration)
    if start.day_only:
        return _days(start.wall.date(), start.wall.date() + timedelta(days=1))
    return _timed(start, start.wall)


def _days(first: date, end: date) -> AllDay:
    if end < first:
        raise Unusable("DTEND is before DTSTART")
    return AllDay(first, end)


def _timed(start: Moment, end: datetime) -> Timed:
    if end < start.wall and _instant(end, start.zone) < _instant(start.wall, start.zone):
        raise Unusable("DTEND is before DTSTART")
    return Timed(start.wall, end, start.zone)


def _instant(wall: datetime, zone: str | None) -> datetime:
    return to_utc(wall, zone) if zone else wall.replace(tzinfo=UTC)


def _lasting(start: Moment, text: str) -> When:
    """Days are counted on the calendar, hours on the clock (RFC 5545, 3.3.6)."""
    days, clock = duration_parts(text)
    if days < 0 or clock < timedelta():
        raise Unusable("DURATION is negative")
    end = start.wall + timedelta(days=days)
    if start.day_only:
        return _days(start.wall.date(), (end + clock).date())
    if clock and start.zone not in (None, UTC_ZONE):
        end = from_utc(to_utc(end, start.zone) + clock, start.zone or UTC_ZONE)
        return Timed(start.wall, end, start.zone)
    return Timed(start.wall, end + clock, start.zone)


def duration_parts(text: str) -> tuple[int, timedelta]:
    """The days and the clock time of a DURATION value, both signed. Raises :class:`Unusable`."""
    match = _DURATION.fullmatch(text.strip().upper())
    if match is None or text.strip().upper().endswith(("P", "T")):
        raise Unusable("DURATION cannot be read")
    sign, weeks, days, hours, minutes, seconds = match.groups()
    factor = -1 if sign == "-" else 1
    clock = timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return factor * (int(weeks or 0) * 7 + int(days or 0)), factor * clock


def when_lines(when: When, event: Component, calendar: Component) -> None:
    """Put DTSTART and DTEND of ``when`` into ``event``, and its VTIMEZONE into ``calendar``.

    DTEND is written always: some servers refuse an event without.
    """
    old = event.first("DTSTART")
    tzid = _same_name(old, when, calendar)
    for name, names, wall in (
        ("DTSTART", ("DTSTART",), when.start),
        ("DTEND", ("DTEND", "DURATION"), when.end),
    ):
        kept = event.first(name)
        line = moment_line(name, wall, when, tzid)
        if kept is not None:
            extra = kept.with_parameters({"TZID": None, "VALUE": None}).parameters
            line = Line(name, extra + line.parameters, line.value)
        event.replace(names, [line])
    if isinstance(when, Timed) and when.zone not in (None, UTC_ZONE):
        ensure_zone(calendar, tzid, when.zone or "")


def _same_name(old: Line | None, when: When, calendar: Component) -> str:
    """The TZID to write: the one that was there, if it is an IANA or Windows name of the zone."""
    zone = when.zone if isinstance(when, Timed) else None
    used = old.parameter("TZID") if old is not None else ""
    known = used and any(each.value("TZID") == used for each in calendar.components("VTIMEZONE"))
    return used if known and zone and named_zone(used) == zone else zone or ""


def moment_line(name: str, wall: date, series: When, tzid: str = "") -> Line:
    """A date line in the form that ``series`` has: DATE, UTC, floating, or with a TZID."""
    if isinstance(series, AllDay):
        return Line(name, ";VALUE=DATE", f"{wall:%Y%m%d}")
    text = f"{wall:%Y%m%dT%H%M%S}"
    if series.zone == UTC_ZONE:
        return Line(name, "", f"{text}Z")
    if series.zone is None:
        return Line(name, "", text)
    return Line(name, f";TZID={tzid or series.zone}", text)


def ensure_zone(calendar: Component, tzid: str, zone: str) -> None:
    """Add the VTIMEZONE of ``tzid`` unless it is there."""
    for timezone in calendar.components("VTIMEZONE"):
        if timezone.value("TZID") == tzid:
            return
    place = next(
        (
            index
            for index, item in enumerate(calendar.items)
            if isinstance(item, Component) and item.name != "VTIMEZONE"
        ),
        len(calendar.items),
    )
    calendar.items.insert(place, vtimezone(zone, tzid))


def id_of(moment: Moment, series: When) -> RecurrenceId:
    """The recurrence id of a RECURRENCE-ID, EXDATE or RDATE value, in its series' zone.

    A DATE in a timed series means the occurrence of that day, as some clients write it.
    """
    if isinstance(series, AllDay):
        return f"{moment.wall:%Y%m%d}"
    if moment.day_only:
        return f"{moment.wall:%Y%m%d}T{series.start:%H%M%S}"
    return f"{moment.wall_in(series.zone):%Y%m%dT%H%M%S}"


def start_of(recurrence_id: RecurrenceId) -> datetime:
    """The naive start that a recurrence id names. Raises :class:`Unusable`."""
    try:
        return datetime.fromisoformat(recurrence_id).replace(tzinfo=None)
    except ValueError as error:
        raise Unusable("a recurrence id that is no date or time") from error


def id_line(name: str, recurrence_id: RecurrenceId, series: When) -> Line:
    """A RECURRENCE-ID, EXDATE or RDATE line for one occurrence of ``series``."""
    return moment_line(name, start_of(recurrence_id), series)


def read_recurrence(event: Component, calendar: Component, when: When) -> Recurrence | None:
    """RRULE and RDATE. Raises :class:`Unusable` for what nobody can expand in reason."""
    if event.first("EXRULE") is not None:
        raise Unusable("EXRULE is not supported")
    rules = tuple(checked_rule(line.value) for line in event.lines("RRULE") if line.value.strip())
    dates = tuple(
        id_of(moment, when)
        for line in event.lines("RDATE")
        if line.value.strip()
        for moment in moments(line, calendar)
    )
    return Recurrence(rules, dates) if rules or dates else None


def checked_rule(text: str) -> str:
    """An RRULE value that any library can expand. Raises :class:`Unusable`.

    Rules that repeat more often than daily are refused: no appointment does, and expanding
    them is a way to stop a reader.
    """
    rule = text.strip().upper().rstrip(";")
    if not _RULE.fullmatch(rule):
        raise Unusable("RRULE cannot be read")
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    values = dict(parts)
    if len(values) != len(parts) or values.get("FREQ") not in _FREQUENCIES:
        raise Unusable("RRULE has no FREQ, or repeats more often than daily")
    a_day = 1
    for name, value in parts:
        _check_part(name, value)
        if name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            a_day *= len(value.split(","))
    if a_day > _MOST_A_DAY or ("COUNT" in values and "UNTIL" in values):
        raise Unusable("RRULE repeats too often or has two ends")
    return rule


def _check_part(name: str, value: str) -> None:
    each = value.split(",")
    if name in _NUMBERS:
        low, high = _NUMBERS[name]
        fits = all(re.fullmatch(r"[+-]?\d{1,6}", one) for one in each)
        fits = fits and all(low <= int(one) <= high for one in each)
        fits = fits and (low >= 0 or all(int(one) != 0 for one in each))
    elif name == "BYDAY":
        fits = all(_BYDAY.fullmatch(one) for one in each)
    elif name == "WKST":
        fits = value in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    elif name == "UNTIL":
        fits = _is_stamp(value)
    else:
        fits = name in ("FREQ", "RSCALE", "SKIP") or name.startswith("X-")
    if not fits or name in ("RSCALE", "SKIP"):
        raise Unusable(f"RRULE has a {name[:12]} that cannot be read")


def _is_stamp(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return _VALUE.fullmatch(value) is not None
