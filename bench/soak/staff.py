"""The people: they make, move, rename and delete visits, and wait until each has arrived."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bench.soak.company import Calendar, Company, told

_TIME = re.compile(r"^(DTSTART|DTEND)([^:\r\n]*):(\d{8}T\d{6})", re.MULTILINE)
_NEW = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//people//EN
BEGIN:VEVENT
UID:{token}@people.example
DTSTAMP:20260101T000000Z
DTSTART:{start:%Y%m%dT%H%M%S}Z
DTEND:{end:%Y%m%dT%H%M%S}Z
SUMMARY:{title}
X-OWN:{token}
END:VEVENT
END:VCALENDAR
"""
LENGTH = timedelta(minutes=45)
AT_ONCE = 6
"""Edits that may be on their way; a visit is edited again when its last edit has arrived."""


@dataclass(slots=True)
class Visit:
    """What people last wanted. ``state``: living, cancelled (the CRM keeps it) or deleted."""

    token: str
    calendar: Calendar
    start: datetime
    edits: int = 0
    state: str = "living"

    @property
    def title(self) -> str:
        """One of its kind at each edit."""
        return f"{self.token} e{self.edits} 拜访 Müller"


@dataclass(slots=True)
class Underway:
    """An edit of ``visit`` that has to arrive: in the CRM, or in the calendar."""

    visit: Visit
    to_crm: bool
    since: float


@dataclass(slots=True)
class Staff:
    """Everybody. ``lags``: seconds from each edit to its arrival."""

    company: Company
    random: Random
    visits: list[Visit] = field(default_factory=list)
    underway: list[Underway] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    def act(self, most: int) -> None:
        """Somebody does something, if not too much is on its way."""
        if len(self.underway) >= AT_ONCE:
            return
        busy = {id(each.visit) for each in self.underway}
        free = [v for v in self.visits if v.state == "living" and id(v) not in busy]
        if len(free) < most and (not free or self.random.random() < 0.4):
            self._make()
        else:
            self._edit(self.random.choice(free))

    def look(self) -> None:
        """Notice what has arrived."""
        rows = self.company.rows()
        shown: dict[str, dict[str, str]] = {}
        for each in list(self.underway):
            name = each.visit.calendar.name
            if not each.to_crm and name not in shown:
                shown[name] = each.visit.calendar.items()
            if in_crm(each.visit, rows) if each.to_crm else in_calendar(each.visit, shown[name]):
                self.lags.append(time.monotonic() - each.since)
                self.underway.remove(each)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.lags) if self.lags else 0.0

    def _make(self) -> None:
        number = len(self.visits)
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        start += timedelta(days=2 + number % 200, hours=number % 7)
        calendar = self.random.choice(self.company.calendars)
        visit = Visit(f"t{number}", calendar, start)
        self.visits.append(visit)
        if self.random.random() < 0.5:
            owner = f"{calendar.name}@example.com"
            self.company.insert(
                subject=visit.title, starts_at=start, ends_at=start + LENGTH, owner_email=owner
            )
            self._expect(visit, to_crm=False)
        else:
            values = {"token": visit.token, "title": visit.title, "start": start}
            text = _NEW.format(**values, end=start + LENGTH).replace("\n", "\r\n")
            calendar.server.put(calendar.url, f"{visit.token}.ics", text)
            self._expect(visit, to_crm=True)

    def _edit(self, visit: Visit) -> None:
        kind = self.random.choices(("move", "rename", "delete"), (5, 4, 1))[0]
        if self.random.random() < 0.5:
            self._edit_in_crm(visit, kind)
        else:
            self._edit_in_calendar(visit, kind)

    def _edit_in_crm(self, visit: Visit, kind: str) -> None:
        before, now = visit.title, datetime.now(UTC).replace(tzinfo=None)
        visit.edits += 1
        if kind == "delete":
            visit.state = "deleted"
            self.company.change(before, {"deleted_at": now})
        elif kind == "move":
            visit.start += timedelta(minutes=15)
            times = {"starts_at": visit.start, "ends_at": visit.start + LENGTH}
            self.company.change(before, {"subject": visit.title, **times})
        else:
            self.company.change(before, {"subject": visit.title})
        self._expect(visit, to_crm=False)

    def _edit_in_calendar(self, visit: Visit, kind: str) -> None:
        server = visit.calendar.server
        before = visit.title
        path, body = next(
            (path, body) for path, body in visit.calendar.items().items() if before in _line(body)
        )
        visit.edits += 1
        if kind == "delete":
            visit.state = "cancelled"
            visit.edits -= 1  # it keeps its title
            server.delete(path)
        else:
            text = _line(body).replace(before, visit.title)
            if kind == "move":
                visit.start += timedelta(minutes=15)
                text = _TIME.sub(_later, text)
            server.send("PUT", path, text.encode())
        self._expect(visit, to_crm=True)

    def _expect(self, visit: Visit, *, to_crm: bool) -> None:
        self.underway.append(Underway(visit, to_crm, time.monotonic()))


def in_crm(visit: Visit, rows: list[dict[str, object]]) -> bool:
    """Whether the CRM holds a visit once, as people last wanted it."""
    found = [row for row in rows if str(row["subject"]).split()[0] == visit.token]
    if visit.state == "deleted":
        return not found
    if len(found) != 1:
        return False
    same = (found[0]["subject"], found[0]["starts_at"]) == (visit.title, visit.start)
    return same and (found[0]["state"] == "cancelled") == (visit.state == "cancelled")


def in_calendar(visit: Visit, items: dict[str, str]) -> bool:
    """Whether its calendar holds a visit once, as people last wanted it, or not if it ended."""
    found = [each for each in map(told, items.values()) if each[0].split()[0] == visit.token]
    wanted = [(visit.title, visit.start)] if visit.state == "living" else []
    return found == wanted


def _later(found: re.Match[str]) -> str:
    moved = datetime.strptime(found[3], "%Y%m%dT%H%M%S") + timedelta(minutes=15)
    return f"{found[1]}{found[2]}:{moved:%Y%m%dT%H%M%S}"


def _line(body: str) -> str:
    """A body without folded lines."""
    return body.replace("\r\n ", "").replace("\n ", "")
