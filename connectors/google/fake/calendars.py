"""Calendars of the fake: events, tombstones, exceptions, ETags, sync tokens, mails."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from connectors.google.fake import rules
from connectors.google.fake.discovery import ApiError
from connectors.google.fake.rules import Event, instant
from connectors.google.translate_time import original_start, read_recurrence, read_when, rid_of
from syncd.core.fidelity import single
from syncd.core.instances import wall_of_rid
from syncd.core.model import Appointment, RecurrenceId, Timed
from syncd.core.recurrence import is_occurrence
from syncd.core.zones import from_utc, zone_info

_INSTANCE = re.compile(r"(.+)_(\d{8}(?:T\d{6}Z)?)")


@dataclass
class Habits:
    """How the fake behaves where Google's pages leave it open, or differ from day to day.

    ``keeps_exceptions``: they outlive another time or rule of their series. ``moves_etags``: an
    ETag moves once by itself after each write. ``moves_master``: a changed exception moves its
    master's ETag. ``inherits``: a new exception keeps its series' private properties.
    """

    keeps_exceptions: bool = True
    moves_etags: bool = False
    moves_master: bool = False
    inherits: bool = True


@dataclass
class Calendar:
    """One calendar. ``roles``: who may do what with it, besides its owner."""

    id: str
    owner: str
    time_zone: str = "Asia/Shanghai"
    roles: dict[str, str] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    birth: int = 0
    oldest_token: int = 0

    def role(self, user: str) -> str:
        """What a user may do."""
        return "owner" if user == self.owner else self.roles.get(user, "none")


class Calendars:
    """All calendars of all users. ``mails``: whom Google would have written to, and about what."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.all: dict[str, Calendar] = {}
        self.habits = Habits()
        self.mails: list[tuple[str, str]] = []
        self.told: Callable[[str], None] = lambda calendar: None
        self._numbers = count(1)

    def add(self, id: str, owner: str, time_zone: str = "Asia/Shanghai") -> Calendar:
        """A new, empty calendar."""
        with self.lock:
            made = Calendar(id, owner, time_zone, birth=next(self._numbers))
            self.all[id] = made
            return made

    def calendar(self, id: str, user: str) -> Calendar:
        """A calendar as a user reaches it. Without any right it is not there."""
        found = self.all.get(user if id == "primary" else id)
        if found is None or found.role(user) == "none":
            raise ApiError(404, "notFound", "Not Found")
        return found

    def writable(self, id: str, user: str) -> Calendar:
        """A calendar that the user may write to."""
        found = self.calendar(id, user)
        if found.role(user) not in ("owner", "writer"):
            raise ApiError(403, "requiredAccessLevel")
        return found

    def insert(
        self, calendar: Calendar, body: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Event:
        """events.insert."""
        event = {key: deepcopy(value) for key, value in body.items() if value is not None}
        event = {key: value for key, value in event.items() if key not in rules.READ_ONLY}
        id = event.setdefault("id", f"g{next(self._numbers):025d}")
        if "id" in body:
            if "iCalUID" in body:
                raise ApiError(400, "invalid", "id and iCalUID")
            rules.check_id(id)
        if id in calendar.events:
            raise ApiError(409, "duplicate", "The requested identifier already exists.")
        event.setdefault("iCalUID", f"{id}@google.com")
        event.setdefault("status", "confirmed")
        event.setdefault("eventType", "default")
        event.setdefault("reminders", {"useDefault": True})
        self._conference(event, {}, options)
        rules.check_event(event)
        event["organizer"] = {"email": calendar.id}
        event["creator"] = {"email": calendar.owner}
        event["created"] = _now()
        event["sequence"] = 0
        self.store(calendar, rules.lossy(event))
        self._mail(calendar, event, {}, options)
        self._spread(calendar, event)
        return event

    def patch(
        self,
        calendar: Calendar,
        id: str,
        body: Mapping[str, Any],
        options: Mapping[str, Any],
        guard: str = "",
    ) -> Event:
        """events.patch."""
        before = self.get(calendar, id)
        self._guard(before, guard)
        is_new = id not in calendar.events
        if before["status"] == "cancelled":
            revived = "recurringEventId" in before and body.get("status") == "confirmed"
            if not revived:
                raise ApiError(403, "forbidden")
            if not self.habits.keeps_exceptions:
                before = self._instance(calendar, id) or before
        if before["organizer"]["email"] != calendar.id:
            rules.check_guest(body)
        rules.check_special(before, body)
        allowed = {key: value for key, value in body.items() if key not in rules.READ_ONLY}
        allowed.pop("id", None)
        base = dict(before)
        if is_new and not self.habits.inherits:
            base.pop("extendedProperties", None)
        event = rules.merged(base, allowed)
        self._conference(event, before, options)
        rules.check_event(event)
        if event["status"] == "cancelled":
            return self.delete(calendar, id, options, "")
        event["sequence"] = before.get("sequence", 0) + 1
        self.store(calendar, rules.lossy(event))
        self._reshaped(calendar, before, event)
        self._mail(calendar, event, before, options)
        self._spread(calendar, event)
        return event

    def delete(
        self, calendar: Calendar, id: str, options: Mapping[str, Any], guard: str = ""
    ) -> Event:
        """events.delete: what is left is a tombstone, or a cancelled exception."""
        before = self.get(calendar, id)
        if before["status"] == "cancelled":
            raise ApiError(410, "deleted", "Resource has been deleted")
        self._guard(before, guard)
        event = {**deepcopy(before), "status": "cancelled"}
        self.store(calendar, event)
        for each in list(calendar.events.values()):
            if each.get("recurringEventId") == id and each["status"] != "cancelled":
                self.store(calendar, {**deepcopy(each), "status": "cancelled"})
        self._mail(calendar, event, before, options)
        self._spread(calendar, event)
        return event

    def get(self, calendar: Calendar, id: str) -> Event:
        """An event, a tombstone, or an instance as it is expanded."""
        found = calendar.events.get(id) or self._instance(calendar, id)
        if found is None:
            raise ApiError(404, "notFound", "Not Found")
        return found

    def store(self, calendar: Calendar, event: Event) -> None:
        """Put an event with a new ETag, and let watchers know."""
        event["updated"] = _now()
        self._stamp(calendar, event)
        parent = calendar.events.get(event.get("recurringEventId", ""))
        if parent is not None and self.habits.moves_master:
            self._stamp(calendar, parent)
        self.told(calendar.id)

    def settle_etags(self, calendar: Calendar) -> None:
        """ETags that move by themselves, once after each write."""
        for event in list(calendar.events.values()):
            if event.pop("_moves", False):
                self._stamp(calendar, event)
                event.pop("_moves", None)

    def _stamp(self, calendar: Calendar, event: Event) -> None:
        number = next(self._numbers)
        event["etag"] = f'"{3_000_000_000_000_000 + number}"'
        if self.habits.moves_etags:
            event["_moves"] = True
        calendar.events[event["id"]] = event
        calendar.changed[event["id"]] = number

    def _guard(self, event: Event, guard: str) -> None:
        if guard and guard != event["etag"]:
            raise ApiError(412, "conditionNotMet", "Precondition Failed")

    def _instance(self, calendar: Calendar, id: str) -> Event | None:
        """What an instance of a series looks like that is no exception (or no longer one)."""
        match = _INSTANCE.fullmatch(id)
        if match is None:
            return None
        for master in self._masters(calendar, match[1]):
            when = read_when(master, calendar.time_zone)
            moment = _moment(match[2], when)
            if moment is None:
                continue
            rid = rid_of(moment, when)
            recurrence, excepted = read_recurrence(master, when)
            series = Appointment(when, recurrence=recurrence)
            if recurrence is None or rid in excepted or not is_occurrence(series, rid):
                continue
            return expanded(master, id, rid)
        return None

    def _masters(self, calendar: Calendar, base: str) -> Iterator[Event]:
        for event in calendar.events.values():
            own = re.sub(r"_R\d{8}(T\d{6})?$", "", event["id"])
            if own == base and event.get("recurrence") and event["status"] != "cancelled":
                yield event

    def _reshaped(self, calendar: Calendar, before: Event, event: Event) -> None:
        """Exceptions of a series that has another time or rule now."""
        lines = [
            [line for line in each.get("recurrence", ()) if not line.startswith("EXDATE")]
            for each in (before, event)
        ]
        same = lines[0] == lines[1] and before["start"] == event["start"]
        if same or (self.habits.keeps_exceptions and event.get("recurrence")):
            return
        for each in list(calendar.events.values()):
            if each.get("recurringEventId") == event["id"]:
                del calendar.events[each["id"]]
                del calendar.changed[each["id"]]

    def _conference(self, event: Event, before: Event, options: Mapping[str, Any]) -> None:
        if not options.get("conferenceDataVersion"):
            if "conferenceData" in before:
                event["conferenceData"] = before["conferenceData"]
            else:
                event.pop("conferenceData", None)
        if "createRequest" in event.get("conferenceData", {}):
            link = (
                f"https://meet.google.com/{event['conferenceData']['createRequest']['requestId']}"
            )
            points = [{"entryPointType": "video", "uri": link}]
            event["conferenceData"] = {"entryPoints": points}
            event["hangoutLink"] = link
        if "conferenceData" not in event:
            event.pop("hangoutLink", None)

    def _mail(
        self, calendar: Calendar, event: Event, before: Event, options: Mapping[str, Any]
    ) -> None:
        """Whom Google writes to: by ``sendUpdates``, and by the older ``sendNotifications``."""
        updates = options.get("sendUpdates") or (
            "all" if options.get("sendNotifications") else "none"
        )
        people = {
            each["email"]
            for one in (event, before)
            for each in one.get("attendees", ())
            if each["email"] != calendar.owner and not each.get("resource")
        }
        domain = calendar.owner.partition("@")[2]
        for email in sorted(people):
            external = email.partition("@")[2] != domain
            if updates == "all" or (updates == "externalOnly" and external):
                self.mails.append((email, event["id"]))

    def _spread(self, calendar: Calendar, event: Event) -> None:
        """A meeting stands in the calendar of each guest who is a user here, mailed or not."""
        if event["organizer"]["email"] != calendar.id:
            return
        for each in event.get("attendees", ()):
            guest = self.all.get(each["email"])
            if guest is None or guest is calendar:
                continue
            theirs = {k: v for k, v in event.items() if k not in ("extendedProperties", "etag")}
            old = guest.events.get(event["id"], {})
            own = ("reminders", "extendedProperties", "colorId")
            kept: Event = {key: value for key, value in old.items() if key in own}
            self.store(guest, deepcopy({**theirs, **kept}))


def _moment(stamp: str, when: object) -> Event | None:
    if "T" not in stamp:
        return {"date": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}"}
    if not isinstance(when, Timed):
        return None
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return {"dateTime": at.isoformat()}


def expanded(master: Event, id: str, rid: RecurrenceId) -> Event:
    """One occurrence of a series."""
    when = read_when(master, "UTC")
    own = single(when, when.duration, wall_of_rid(rid))
    event = {k: deepcopy(v) for k, v in master.items() if k not in ("recurrence", "_moves")}
    if isinstance(own, Timed):
        for name, wall in (("start", own.start), ("end", own.end)):
            at = wall.replace(tzinfo=zone_info(own.zone or "UTC"))
            event[name] = {"dateTime": at.isoformat(), "timeZone": own.zone}
    else:
        event["start"], event["end"] = {"date": str(own.start)}, {"date": str(own.end)}
    event["originalStartTime"] = original_start(rid, when)
    return event | {"id": id, "recurringEventId": master["id"]}


def shown(event: Event, calendar: Calendar, *, details: bool = True) -> Event:
    """An event as an answer has it: times in the calendar's zone, ``self`` where it is us.

    Without ``details`` a tombstone tells no more than its page promises.
    """
    if event["status"] == "cancelled" and not details:
        names = ("id", "etag", "recurringEventId", "originalStartTime")
        kept = {name: event[name] for name in names if name in event}
        event = {"status": "cancelled", **kept}
    result = {k: deepcopy(v) for k, v in event.items() if not k.startswith("_")}
    result["kind"] = "calendar#event"
    for name in ("start", "end", "originalStartTime"):
        _localise(result.get(name), calendar.time_zone)
    people = [result.get("organizer"), *(result.get("attendees") or ())]
    for person in people:
        if isinstance(person, dict) and person.get("email") == calendar.id:
            person["self"] = True
    for person in people[1:]:
        if isinstance(person, dict):
            person.setdefault("responseStatus", "needsAction")
    return result


def _localise(moment: Any, zone: str) -> None:
    """The same instant with the offset of the calendar's zone. A spoilt one stays as it is."""
    if not isinstance(moment, dict) or not moment.get("dateTime"):
        return
    with suppress(ValueError, OverflowError):
        local = from_utc(instant(moment), zone)
        moment["dateTime"] = local.replace(tzinfo=zone_info(zone)).isoformat()


def shuffled(events: list[Event], salt: str) -> list[Event]:
    """In an order that means nothing: Google promises none."""
    return sorted(events, key=lambda each: hashlib.sha256(f"{salt}{each['id']}".encode()).digest())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
