"""Time zones of iCalendar objects: which IANA zone a TZID means, and a VTIMEZONE for a zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from connectors.caldav.wire import Component, Line
from syncd.core.zones import UTC_ZONE, zone_info

_COMMON = (
    *("UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo"),
    *("Asia/Kolkata", "Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Sao_Paulo", "Australia/Sydney", "Pacific/Auckland"),
)
"""Where several zones have the same offsets, the first of these is meant, else by name."""

_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?")
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z?")
_NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FIRST_YEAR, _LAST_YEAR = 2010, 2037


class ZoneUnknown(ValueError):
    """A TZID that names no zone and is not defined by a VTIMEZONE."""


@dataclass(frozen=True, slots=True)
class Onset:
    """From ``at`` (naive UTC) on, the offset is ``offset``."""

    at: datetime
    offset: timedelta


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a TZID means: an IANA ``zone``, else the ``onsets`` by which times become UTC."""

    zone: str | None
    onsets: tuple[Onset, ...] = ()

    def to_utc(self, wall: datetime) -> datetime:
        """The naive UTC time of a wall time, by the onsets."""
        guess = wall - _offset_at(self.onsets, wall)
        return wall - _offset_at(self.onsets, guess)


@lru_cache(maxsize=1024)
def named_zone(tzid: str) -> str | None:
    """The IANA zone that a TZID names: itself, a Windows name, or behind a vendor's prefix.

    Examples of the last: ``/mozilla.org/20050126_1/Europe/Berlin``,
    ``/freeassociation.sourceforge.net/Asia/Shanghai``.
    """
    bare = tzid.strip().strip('"')
    if _is_zone(bare):
        return bare
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON  # late: it costs 10 MB

    windows = WINDOWS_TO_OLSON.get(bare)
    if windows is not None and _is_zone(windows):
        return windows
    parts = bare.strip("/").split("/")
    tails = ("/".join(parts[-count:]) for count in (3, 2) if count < len(parts) + 1)
    return next((tail for tail in tails if "/" in tail and _is_zone(tail)), None)


def meaning(tzid: str, calendar: Component, day: date) -> Meaning:
    """What ``tzid`` means in ``calendar`` around ``day``. Raises :class:`ZoneUnknown`.

    A name that says nothing (``Customized Time Zone``) is looked up in its VTIMEZONE: by
    X-LIC-LOCATION, else by the IANA zone that has the same offsets on every day of that year.
    """
    zone = named_zone(tzid)
    if zone is not None:
        return Meaning(zone)
    bare = tzid.strip().strip('"')
    for timezone in calendar.components("VTIMEZONE"):
        if timezone.value("TZID").strip('"') == bare:
            location = timezone.value("X-LIC-LOCATION")
            if location and _is_zone(location):
                return Meaning(location)
            onsets = tuple(_onsets(timezone, day.year))
            return Meaning(_matching_zone(onsets, day.year), onsets)
    raise ZoneUnknown("a time zone that is neither known nor defined in the item")


@lru_cache(maxsize=256)
def vtimezone(zone: str, tzid: str = "") -> Component:
    """A compact VTIMEZONE: one rule for each observance, from 1970 on. Do not change the result.

    Rules that start in 1601 cost Radicale 13 ms an event, from 1970 2.3 ms (measured). A zone
    without yearly rules (Africa/Casablanca) lists the changes of 2010 to 2037. Clients go by
    the name; the rules are those of today, also for the past.
    """
    changes = list(_changes(zone, _FIRST_YEAR, _LAST_YEAR))
    timezone = Component("VTIMEZONE", [Line("TZID", "", tzid or zone)])
    current = [change for change in changes if change.local.year >= _LAST_YEAR - 9]
    if not current:
        offset = _utc_offset(zone, datetime(_LAST_YEAR, 1, 1))
        timezone.items.append(_observance("STANDARD", datetime(1970, 1, 1), offset, offset))
        return timezone
    kinds = sorted({(change.before, change.after) for change in current})
    rules = {kind: _yearly_rule([c for c in current if c.kind == kind]) for kind in kinds}
    if len(kinds) == 2 and all(rules.values()):
        for kind in kinds:
            change = next(change for change in current if change.kind == kind)
            timezone.items.append(_by_rule(change, rules[kind] or ""))
        return timezone
    for kind in sorted({change.kind for change in changes}):
        timezone.items.append(_by_dates([change for change in changes if change.kind == kind]))
    return timezone


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of offset: ``local`` is the wall time before it."""

    local: datetime
    before: timedelta
    after: timedelta

    @property
    def kind(self) -> tuple[timedelta, timedelta]:
        return self.before, self.after


def _is_zone(name: str) -> bool:
    fits = len(name) < 64 and _SHAPE.fullmatch(name) and name not in _NOT_ZONES
    return bool(fits) and zone_info(name) is not None


def _utc_offset(zone: str, instant: datetime) -> timedelta:
    info = zone_info(zone)
    if info is None:
        raise ValueError(f"unknown time zone {zone!r}")
    return instant.replace(tzinfo=UTC).astimezone(info).utcoffset() or timedelta()


def _changes(zone: str, first: int, last: int) -> Iterator[_Change]:
    week, second = timedelta(days=7), timedelta(seconds=1)
    instant, end = datetime(first, 1, 1), datetime(last, 12, 31)
    before = _utc_offset(zone, instant)
    while instant < end:
        after = _utc_offset(zone, instant + week)
        if after != before:
            low, high = instant, instant + week
            while high - low > second:
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if _utc_offset(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            yield _Change(high + before, before, after)
            before = after
        instant += week


def _yearly_rule(changes: list[_Change]) -> str | None:
    """An RRULE for changes that come every year on a weekday within the same seven days."""
    first = changes[0].local
    years = [change.local.year for change in changes]
    same = all(
        (change.local.month, change.local.weekday(), change.local.time())
        == (first.month, first.weekday(), first.time())
        for change in changes
    )
    if not same or years != list(range(_LAST_YEAR - 9, _LAST_YEAR + 1)):
        return None
    day = _DAYS[first.weekday()]
    days = [change.local.day for change in changes]
    month = f"FREQ=YEARLY;BYMONTH={first.month}"
    length = ((first.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day
    if min(days) > length - 7:
        return f"{month};BYDAY=-1{day}"
    if len({(each - 1) // 7 for each in days}) == 1:
        return f"{month};BYDAY={(min(days) - 1) // 7 + 1}{day}"
    if max(days) - min(days) > 6:
        return None
    span = ",".join(str(each) for each in range(max(days) - 6, max(days) + 1))
    return f"{month};BYMONTHDAY={span};BYDAY={day}"


def _by_rule(change: _Change, rule: str) -> Component:
    from dateutil.rrule import rrulestr

    start = datetime.combine(date(1970, 1, 1), change.local.time())
    first = rrulestr(rule, dtstart=start)[0]
    name = "DAYLIGHT" if change.after > change.before else "STANDARD"
    observance = _observance(name, first, change.before, change.after)
    observance.items.append(Line("RRULE", "", rule))
    return observance


def _by_dates(changes: list[_Change]) -> Component:
    first = changes[0]
    name = "DAYLIGHT" if first.after > first.before else "STANDARD"
    observance = _observance(name, first.local, first.before, first.after)
    dates = ",".join(f"{change.local:%Y%m%dT%H%M%S}" for change in changes[1:])
    if dates:
        observance.items.append(Line("RDATE", "", dates))
    return observance


def _observance(name: str, start: datetime, before: timedelta, after: timedelta) -> Component:
    return Component(
        name,
        [
            Line("DTSTART", "", f"{start:%Y%m%dT%H%M%S}"),
            Line("TZOFFSETFROM", "", _offset_text(before)),
            Line("TZOFFSETTO", "", _offset_text(after)),
        ],
    )


def _offset_text(offset: timedelta) -> str:
    minutes, seconds = divmod(abs(int(offset.total_seconds())), 60)
    sign = "-" if offset < timedelta() else "+"
    tail = f"{seconds:02}" if seconds else ""
    return f"{sign}{minutes // 60:02}{minutes % 60:02}{tail}"


def _offset_value(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ZoneUnknown("a time zone whose definition cannot be read")
    sign, hours, minutes, seconds = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    return -offset if sign == "-" else offset


def _onsets(timezone: Component, year: int) -> Iterator[Onset]:
    """When the offsets of a VTIMEZONE begin, from the year before ``year`` to the one after."""
    found: list[Onset] = []
    earliest: tuple[datetime, timedelta] | None = None
    for name in ("STANDARD", "DAYLIGHT"):
        for observance in timezone.components(name):
            before = _offset_value(observance.value("TZOFFSETFROM"))
            after = _offset_value(observance.value("TZOFFSETTO"))
            start = _stamp(observance.value("DTSTART"))
            if earliest is None or start < earliest[0]:
                earliest = (start, before)
            for local in _local_onsets(observance, start, year):
                found.append(Onset(local - before, after))
    if earliest is None:
        raise ZoneUnknown("a time zone without a definition")
    yield Onset(datetime(1, 1, 1), earliest[1])
    yield from sorted(found, key=lambda onset: onset.at)


def _local_onsets(observance: Component, start: datetime, year: int) -> Iterator[datetime]:
    yield start
    for line in observance.lines("RDATE"):
        for value in line.value.split(",")[:500]:
            yield _stamp(value)
    for line in observance.lines("RRULE"):
        yield from _rule_onsets(line.value, start, year)


def _rule_onsets(rule: str, start: datetime, year: int) -> Iterator[datetime]:
    from dateutil.rrule import rrulestr

    parts = dict(part.upper().split("=", 1) for part in rule.split(";") if "=" in part)
    until = parts.pop("UNTIL", "")
    parts.pop("COUNT", None)
    if parts.get("FREQ") != "YEARLY" or {"BYHOUR", "BYMINUTE", "BYSECOND"} & parts.keys():
        raise ZoneUnknown("a time zone whose rules are not yearly")
    end = datetime(year + 1, 12, 31)
    if until:
        end = min(end, _stamp(until if "T" in until else f"{until}T235959"))
    try:
        first = start.replace(year=max(start.year, year - 1))
        if end < first:
            first = start.replace(year=max(start.year, end.year - 1))
        text = ";".join(f"{key}={value}" for key, value in parts.items())
        yield from rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=first)
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:
        raise ZoneUnknown("a time zone whose rules cannot be read") from error


def _stamp(text: str) -> datetime:
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        raise ZoneUnknown("a time zone whose definition cannot be read")
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups())
        return datetime(year, month, day, hour, minute, min(second, 59))
    except ValueError as error:
        raise ZoneUnknown("a time zone whose definition cannot be read") from error


def _offset_at(onsets: tuple[Onset, ...], instant: datetime) -> timedelta:
    offset = onsets[0].offset
    for onset in onsets:
        if onset.at > instant:
            break
        offset = onset.offset
    return offset


@lru_cache(maxsize=256)
def _matching_zone(onsets: tuple[Onset, ...], year: int) -> str | None:
    """The IANA zone with the same offsets at every noon of ``year``."""
    noons = [datetime(year, 1, 1, 12) + timedelta(days=day) for day in range(365)]
    wanted = [_offset_at(onsets, noon) for noon in noons]
    others = sorted(
        name
        for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/"))
    )
    for zone in [*_COMMON, *(name for name in others if name not in _COMMON)]:
        coarse = zip(noons[::30], wanted[::30], strict=True)
        if all(_utc_offset(zone, noon) == offset for noon, offset in coarse) and all(
            _utc_offset(zone, noon) == offset for noon, offset in zip(noons, wanted, strict=True)
        ):
            return zone if zone != "UTC" else UTC_ZONE
    return None
