"""When a calendar is taken: ``getSchedule`` of a mailbox, the view of any other calendar.

https://learn.microsoft.com/graph/outlook-get-free-busy-schedule: it tells of primary calendars
alone, of at most 20 and for less than 62 days (42 in earlier versions of the page) at a time, to
those who may read calendars. What is wrong with a mailbox stands in an answer that is otherwise a
success. An appointment that is partly in the window is told whole (Exchange's ``TimeWindow``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from connectors.microsoft365.client import Calls, read_error
from connectors.microsoft365.fields import text_at
from connectors.microsoft365.places import Calendar
from connectors.microsoft365.timezones import iana_of
from syncd.connector import Window
from syncd.core.model import Busy
from syncd.core.taken import Taken, pages, put_together
from syncd.core.zones import UTC_ZONE, to_utc
from syncd.errors import ConnectorError, Unauthorized, Unavailable

LONGEST = timedelta(days=41)
"""What is asked for at once; within the older and lower limit, too."""

LONGEST_VIEW = timedelta(days=1_800)
PAGE = 500

_WHAT = "free and busy"
_IN_UTC = 'outlook.timezone="UTC"'
_FREE = frozenset({"free", "workingelsewhere"})
"""What ``availabilityView`` counts as free (the page on getSchedule)."""

_KINDS = {"tentative": Busy.TENTATIVE, "oof": Busy.AWAY}
_NO_RIGHT = frozenset({"errornofreebusyaccess", "erroraccessdenied"})
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,80}")


def busy(calls: Calls, calendar: Calendar, span: Window) -> tuple[Taken, ...]:
    """When a calendar is taken in ``span``; of the primary one a request for each 41 days.

    Raises as :func:`~connectors.microsoft365.client.read_error`; ``Unavailable`` and
    ``Unauthorized`` with ``lone`` for what concerns this mailbox alone.
    """
    if calendar.path == calendar.root:
        asked = pages(span.start, span.end, LONGEST)
        return put_together((page, _schedule(calls, calendar, *page)) for page in asked)
    asked = pages(span.start, span.end, LONGEST_VIEW)
    return put_together((page, list(_view(calls, calendar, *page))) for page in asked)


def _schedule(calls: Calls, calendar: Calendar, start: datetime, end: datetime) -> list[Taken]:
    body = {
        "schedules": [calendar.owner],
        "startTime": _moment(start),
        "endTime": _moment(end),
        "availabilityViewInterval": 1440,  # not looked at: as short as it can be
    }
    answer = calls.look_up(f"{calendar.root}/calendar/getSchedule", body, _IN_UTC)
    if not answer.is_good:
        raise read_error(answer, _WHAT)
    told = answer.found.get("value")
    if not isinstance(told, list) or len(told) != 1 or not isinstance(told[0], dict):
        raise Unavailable(f"{_WHAT}: getSchedule does not answer for this mailbox", lone=True)
    if told[0].get("error"):
        raise _fault(told[0]["error"])
    items = told[0].get("scheduleItems")
    if not isinstance(items, list):
        raise Unavailable(f"{_WHAT}: getSchedule answers without times", lone=True)
    return list(_taken((each, text_at(each, "status")) for each in items))


def _view(calls: Calls, calendar: Calendar, start: datetime, end: datetime) -> Iterator[Taken]:
    """getSchedule does not know this calendar; who may read it may read its times."""
    query = {
        "startDateTime": start.isoformat().replace("+00:00", "Z"),
        "endDateTime": end.isoformat().replace("+00:00", "Z"),
        "$select": "start,end,showAs,isCancelled",
        "$top": str(PAGE),
    }
    for page in calls.pages(f"{calendar.path}/calendarView", query, _IN_UTC):
        events = [each for each in page.found["value"] if isinstance(each, dict)]
        there = [each for each in events if each.get("isCancelled") is not True]
        yield from _taken((each, text_at(each, "showAs")) for each in there)


def _taken(told: Iterable[tuple[Any, str]]) -> Iterator[Taken]:
    for item, status in told:
        kind = status.lower()
        if kind not in _FREE:
            yield Taken(_read(item, "start"), _read(item, "end"), _KINDS.get(kind, Busy.BUSY))


def _read(item: Any, name: str) -> datetime:
    zone = iana_of(text_at(item, name, "timeZone") or UTC_ZONE)
    try:
        wall = datetime.fromisoformat(text_at(item, name, "dateTime"))
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is not None or zone is None:
        raise Unavailable(f"{_WHAT}: the answer has a time that is none", lone=True)
    return to_utc(wall, zone)


def _moment(at: datetime) -> dict[str, str]:
    return {"dateTime": f"{at.replace(tzinfo=None).isoformat()}", "timeZone": UTC_ZONE}


def _fault(error: Any) -> ConnectorError:
    """What is wrong with the mailbox; of its words, which name it, only the code is told."""
    code = text_at(error, "responseCode")
    said = f"{_WHAT}: {code if _CODE.fullmatch(code) else 'an error without a code'}"
    if code.lower() in _NO_RIGHT:
        return Unauthorized(said, lone=True)
    return Unavailable(said, lone=True)
