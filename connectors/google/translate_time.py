"""Times and recurrence between Google's events and the canonical appointment. Pure.

Google has no floating times: each time is an instant with a zone, and a series needs the name of
its zone. Its ``recurrence`` is a list of RRULE, RDATE and EXDATE lines (RFC 5545).
https://developers.google.com/workspace/calendar/api/concepts/events-calendars#recurring_events
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from connectors.google.wire import Event, Unusable, table_of, text_of
from syncd.core.model import AllDay, Recurrence, RecurrenceId, Timed, When
from syncd.core.zones import UTC_ZONE, from_utc, to_utc, zone_info

_LINE = re.compile(r"(RRULE|RDATE|EXDATE)((?:;[^:]*)?):(.*)", re.IGNORECASE | re.DOTALL)
_TZID = re.compile(r";TZID=\"?([^;:\"]+)\"?", re.IGNORECASE)
_STAMP = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_RULE = re.compile(r"[A-Z]+=[A-Z0-9,+-]+(?:;[A-Z]+=[A-Z0-9,+-]+)*")
_UNTIL = re.compile(r"UNTIL=(\d{8})(?:T(\d{6})(Z?))?")
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z", "Zulu"})


def read_when(event: Event, default_zone: str) -> When:
    """``start`` and ``end``. ``default_zone`` is for an instant without a zone that is known.

    Raises :class:`Unusable`.
    """
    start, end = table_of(event, "start"), table_of(event, "end")
    try:
        if text_of(start, "date"):
            first, last = (date.fromisoformat(text_of(each, "date")) for each in (start, end))
            if last < first:
                raise Unusable("it ends before it starts")
            return AllDay(first, last)
        begin, finish = instant_of(start), instant_of(end)
        if finish < begin:
            raise Unusable("it ends before it starts")
        zone = _zone_of(start, default_zone)
        return Timed(from_utc(begin, zone), from_utc(finish, zone), zone)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable("its time cannot be read") from error


def instant_of(moment: Event) -> datetime:
    """The instant of a ``dateTime``, read in its ``timeZone`` if it has no offset.

    Raises ``ValueError``.
    """
    at = datetime.fromisoformat(text_of(moment, "dateTime")).replace(microsecond=0)
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    return to_utc(at, _zone_of(moment, UTC_ZONE))


def _zone_of(moment: Event, default_zone: str) -> str:
    name = text_of(moment, "timeZone")
    if name in _UTC_NAMES:
        return UTC_ZONE
    if name and zone_info(name) is not None:
        return name
    return UTC_ZONE if name else default_zone


def write_when(when: When) -> tuple[Event, Event]:
    """``start`` and ``end``. The keys of the other form are there as ``None``: a patch merges."""
    if isinstance(when, AllDay):
        days = (when.start, when.end)
        start, end = ({"date": f"{d:%Y-%m-%d}", "dateTime": None, "timeZone": None} for d in days)
        return start, end
    if when.zone is None:
        raise Unusable("a floating time, which Google does not know")
    start, end = (_moment(wall, when.zone) for wall in (when.start, when.end))
    return start, end


def _moment(wall: datetime, zone: str) -> Event:
    at = wall.replace(tzinfo=UTC if zone == UTC_ZONE else zone_info(zone))
    offset = at.utcoffset()
    # Offsets of seconds, as zones had them long ago, are no RFC 3339: then the instant in UTC.
    if offset is not None and offset.seconds % 60:
        at = at.astimezone(UTC)
    return {"dateTime": at.isoformat(), "timeZone": zone, "date": None}


def same_instants(one: When, other: When) -> bool:
    """Whether two times mean the same, also if they name it in different zones."""
    if one == other:
        return True
    if not (isinstance(one, Timed) and isinstance(other, Timed)):
        return False
    starts = (to_utc(one.start, one.zone), to_utc(other.start, other.zone))
    ends = (to_utc(one.end, one.zone), to_utc(other.end, other.zone))
    return starts[0] == starts[1] and ends[0] == ends[1]


def rid_of(original: Event, series: When) -> RecurrenceId:
    """The recurrence id that an ``originalStartTime`` names. Raises :class:`Unusable`."""
    try:
        if text_of(original, "date") or isinstance(series, AllDay):
            given = text_of(original, "date") or text_of(original, "dateTime")[:10]
            day = date.fromisoformat(given)
            if isinstance(series, AllDay):
                return f"{day:%Y%m%d}"
            return f"{day:%Y%m%d}T{series.start:%H%M%S}"
        return _rid_at(instant_of(original), series)
    except ValueError as error:
        raise Unusable("an exception without the time that it stands for") from error


def _rid_at(instant: datetime, series: Timed) -> RecurrenceId:
    """The nominal wall time: 02:30 also on the day on which the clock jumps over it."""
    zone = series.zone or UTC_ZONE
    wall = from_utc(instant, zone).replace(fold=0)
    nominal = datetime.combine(wall.date(), series.start.time())
    if to_utc(nominal, zone) == instant:
        wall = nominal
    return f"{wall:%Y%m%dT%H%M%S}"


def start_of(rid: RecurrenceId) -> datetime:
    """The naive start that a recurrence id names. Raises :class:`Unusable`."""
    try:
        return datetime.fromisoformat(rid).replace(tzinfo=None)
    except ValueError as error:
        raise Unusable("a recurrence id that is no date or time") from error


def instance_id(master: str, rid: RecurrenceId, series: When) -> str:
    """The id of an instance: ``MASTER_20260301T010000Z`` (UTC), all-day ``MASTER_20260301``.

    The master that a split leaves behind is called ``BASE_R20260301T090000``; its instances are
    named after ``BASE`` (seen by others; not in Google's pages).
    """
    base = re.sub(r"_R\d{8}(?:T\d{6})?$", "", master)
    if isinstance(series, AllDay):
        return f"{base}_{rid}"
    at = to_utc(start_of(rid), series.zone)
    return f"{base}_{at:%Y%m%dT%H%M%SZ}"


def original_start(rid: RecurrenceId, series: When) -> Event:
    """The ``originalStartTime`` of an instance."""
    wall = start_of(rid)
    if isinstance(series, AllDay):
        return {"date": f"{wall:%Y-%m-%d}"}
    at = to_utc(wall, series.zone)
    return {"dateTime": at.isoformat(), "timeZone": series.zone}


def read_recurrence(event: Event, when: When) -> tuple[Recurrence | None, frozenset[RecurrenceId]]:
    """The recurrence, and what its EXDATE lines leave out. Raises :class:`Unusable`."""
    lines = event.get("recurrence") or []
    if not isinstance(lines, list):
        raise Unusable("its recurrence cannot be read")
    rules: list[str] = []
    dates: set[RecurrenceId] = set()
    excepted: set[RecurrenceId] = set()
    for line in lines:
        match = _LINE.fullmatch(line.strip()) if isinstance(line, str) else None
        if match is None:
            raise Unusable("its recurrence has a line that cannot be read")
        name, parameters, value = match[1].upper(), match[2], match[3]
        if name == "RRULE":
            rules.append(_checked_rule(value))
        elif name == "RDATE":
            dates.update(_rids(parameters, value, when))
        else:
            excepted.update(_rids(parameters, value, when))
    recurrence = Recurrence(tuple(rules), tuple(dates)) if rules or dates else None
    return recurrence, frozenset(excepted)


def _checked_rule(value: str) -> str:
    rule = value.strip().upper().rstrip(";")
    if not _RULE.fullmatch(rule) or not re.search(r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)\b", rule):
        raise Unusable("its RRULE cannot be read, or repeats more often than daily")
    return rule


def _rids(parameters: str, value: str, series: When) -> Iterable[RecurrenceId]:
    match = _TZID.search(parameters)
    zone = match[1] if match and zone_info(match[1]) is not None else ""
    for each in filter(None, value.split(",")):
        yield _rid_of_stamp(each.strip().partition("/")[0], zone, series)


def _rid_of_stamp(text: str, zone: str, series: When) -> RecurrenceId:
    stamp = _STAMP.fullmatch(text)
    if stamp is None:
        raise Unusable("its recurrence has a date that cannot be read")
    day, clock, utc = stamp.groups()
    if isinstance(series, AllDay):
        return str(day)
    if clock is None:
        return f"{day}T{series.start:%H%M%S}"
    wall = start_of(f"{day}T{clock}")
    named = UTC_ZONE if utc else zone or series.zone or UTC_ZONE
    if named == series.zone:
        return f"{wall:%Y%m%dT%H%M%S}"
    return _rid_at(to_utc(wall, named), series)


def write_recurrence(
    recurrence: Recurrence | None, when: When, excepted: Iterable[RecurrenceId]
) -> list[str]:
    """The lines of a series. An UNTIL has the form that RFC 5545 asks for beside the start."""
    if recurrence is None:
        return []
    lines = [f"RRULE:{_fitting_until(_checked_rule(rule), when)}" for rule in recurrence.rules]
    return [
        *lines,
        *write_dates("RDATE", recurrence.dates, when),
        *write_dates("EXDATE", excepted, when),
    ]


def write_dates(name: str, rids: Iterable[RecurrenceId], when: When) -> list[str]:
    """One line with these occurrences, none where there are none."""
    stamps = ",".join(_stamp(rid, when) for rid in sorted(rids))
    return [f"{name}{_parameters(when)}:{stamps}"] if stamps else []


def _parameters(when: When) -> str:
    if isinstance(when, AllDay):
        return ";VALUE=DATE"
    return "" if when.zone == UTC_ZONE else f";TZID={when.zone}"


def _stamp(rid: RecurrenceId, when: When) -> str:
    wall = start_of(rid)
    if isinstance(when, AllDay):
        return f"{wall:%Y%m%d}"
    return f"{wall:%Y%m%dT%H%M%S}" + ("Z" if when.zone == UTC_ZONE else "")


def _fitting_until(rule: str, when: When) -> str:
    match = _UNTIL.search(rule)
    if match is None:
        return rule
    day, clock, utc = match.groups()
    if isinstance(when, AllDay):
        fitting = str(day)
    elif utc:
        return rule
    else:
        last = start_of(f"{day}T{clock or time.max.strftime('%H%M%S')}")
        fitting = f"{to_utc(last, when.zone):%Y%m%dT%H%M%SZ}"
    return rule[: match.start()] + f"UNTIL={fitting}" + rule[match.end() :]
