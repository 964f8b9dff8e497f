"""What the fake answers to requests for Graph: paths, queries and bodies; strict."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.microsoft365.fake.checks import Refused
from connectors.microsoft365.fake.delta import Deltas
from connectors.microsoft365.fake.events import Stored
from connectors.microsoft365.fake.mailbox import Mailbox
from connectors.microsoft365.fake.schedules import Schedules
from connectors.microsoft365.fake.subscriptions import Subscriptions

_IMMUTABLE, _REGULAR = "AAkALg", "AAMkAD"
_NO_OPTIONS = ("$select", "$filter", "$expand", "$orderby", "$search", "$top")
_EXPANDED = re.compile(r"singleValueExtendedProperties\(\$filter=([^()]*)\)")
_WANTED = re.compile(r"id eq '([^']*)'")
_ANY = re.compile(
    r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']*)' and ep/value eq '([^']*)'\)"
)
_LONGEST_VIEW = 1825


@dataclass(frozen=True)
class Request:
    """A request, alone or in a batch. ``path`` begins with a slash, after the version."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def immutable(self) -> bool:
        """Whether immutable ids were asked for."""
        return 'idtype="immutableid"' in self.headers.get("prefer", "").lower()

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str], body: Any) -> Request:
        """A request for an address or a path with a query."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(method, parts.path, query, lower, body)


@dataclass
class Answered:
    """An answer before it is written: status, JSON or nothing, headers."""

    status: int
    found: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """Graph behind its door: mailboxes by address. ``me`` is the mailbox of a person's token.
    ``schedule_faults``: by address, the code that getSchedule gives instead of its times."""

    def __init__(self, base: Callable[[], str]) -> None:
        self._base = base
        self.me = ""
        self.mailboxes: dict[str, Mailbox] = {}
        self.deltas: dict[str, Deltas] = {}
        self.subscriptions = Subscriptions()
        self.denied: set[str] = set()
        self.refused_subjects: set[str] = set()
        self.schedule_faults: dict[str, str] = {}
        self.burns = True
        self.lock = threading.RLock()

    def add(self, address: str) -> Mailbox:
        """A mailbox with its primary calendar."""
        mailbox = Mailbox(address)
        mailbox.told = lambda calendar, id: self._tell(mailbox, calendar, id)
        self.mailboxes[address] = mailbox
        self.deltas[address] = Deltas(mailbox)
        return mailbox

    def _tell(self, mailbox: Mailbox, calendar: str, id: str) -> None:
        primary = mailbox.calendars[calendar].primary
        for root in (f"users/{mailbox.address}", "me"):
            if root == "me" and mailbox.address != self.me:
                continue
            inner = "" if primary else f"/calendars/{calendar}"
            self.subscriptions.tell(f"{root}{inner}/events", id)

    def mailbox_of(self, path: str) -> str:
        """The mailbox that a path is about; empty if none."""
        parts = path.strip("/").split("/")
        if parts[0] == "me":
            return self.me
        return unquote(parts[1]).lower() if parts[0] == "users" and len(parts) > 1 else ""

    def answer(self, request: Request) -> Answered:
        """What Graph answers. Never raises."""
        try:
            with self.lock:
                return self._answer(request)
        except Refused as refused:
            error = {"code": refused.code, "message": "Geheim: what the item says."}
            return Answered(refused.status, {"error": error}, dict(refused.headers))

    def _answer(self, request: Request) -> Answered:
        parts = [unquote(each) for each in request.path.strip("/").split("/")]
        if parts[0] == "subscriptions":
            return self._subscription(request, parts[1:])
        address = self.mailbox_of(request.path)
        if address in self.denied:
            raise Refused(403, "ErrorAccessDenied")
        mailbox = self.mailboxes.get(address)
        if mailbox is None:
            raise Refused(404, "ErrorInvalidUser")
        rest = parts[1:] if parts[0] == "me" else parts[2:]
        calendar = mailbox.primary.id
        if rest[:1] == ["calendars"] and len(rest) == 1:
            shown = [self._calendar(mailbox, each) for each in mailbox.calendars]
            return Answered(200, {"value": shown})
        if rest[:1] == ["calendars"]:
            calendar, rest = rest[1], rest[2:]
            if calendar not in mailbox.calendars:
                raise Refused(404, "ErrorItemNotFound")
        if rest == ["calendar"]:
            return Answered(200, self._calendar(mailbox, calendar))
        if rest == ["calendar", "getSchedule"] and request.method == "POST":
            schedules = Schedules(self.mailboxes, self.schedule_faults)
            return Answered(200, schedules.answer(request.body, request.headers))
        if rest[:1] == ["calendar"]:
            rest = rest[1:]
        return self._of_calendar(request, mailbox, calendar, rest)

    def _of_calendar(
        self, request: Request, mailbox: Mailbox, calendar: str, rest: list[str]
    ) -> Answered:
        if rest == ["calendarView", "delta"] and request.method == "GET":
            return self._delta(request, mailbox, calendar)
        if rest == ["calendarView"] and request.method == "GET":
            return self._view(request, mailbox, calendar)
        if rest == ["events"]:
            if request.method == "POST":
                return self._create(request, mailbox, calendar)
            return self._search(request, mailbox, calendar)
        if rest[:1] == ["events"] and len(rest) >= 2:
            event, day = mailbox.find(self._bare(request, rest[1]))
            if rest[2:] == ["instances"]:
                return self._instances(request, mailbox, event)
            if len(rest) == 2:
                return self._event(request, mailbox, event, day)
        raise Refused(400, "BadRequest")

    def _calendar(self, mailbox: Mailbox, id: str) -> dict[str, Any]:
        calendar = mailbox.calendars[id]
        return {
            "id": calendar.id,
            "name": calendar.name,
            "canEdit": calendar.can_edit,
            "isDefaultCalendar": calendar.primary,
            "owner": {"name": mailbox.address, "address": mailbox.address},
        }

    def _ids(self, request: Request) -> Callable[[str], str]:
        return lambda bare: (_IMMUTABLE if request.immutable else _REGULAR) + bare

    def _bare(self, request: Request, id: str) -> str:
        """The number behind an id. Ids of the kind that was not asked for are not known."""
        prefix = _IMMUTABLE if request.immutable else _REGULAR
        if not id.startswith((_IMMUTABLE, _REGULAR)):
            raise Refused(400, "ErrorInvalidIdMalformed")
        if not id.startswith(prefix):
            raise Refused(404, "ErrorItemNotFound")
        return id.removeprefix(prefix)

    # One event.

    def _create(self, request: Request, mailbox: Mailbox, calendar: str) -> Answered:
        if not mailbox.calendars[calendar].can_edit:
            raise Refused(403, "ErrorAccessDenied")
        body = request.body if isinstance(request.body, dict) else {}
        if body.get("subject") in self.refused_subjects:
            raise Refused(400, "ErrorInvalidRequest")
        event = mailbox.create(calendar, body, burns=self.burns)
        return Answered(201, mailbox.render(event, None, self._ids(request)))

    def _event(
        self, request: Request, mailbox: Mailbox, event: Stored, day: date | None
    ) -> Answered:
        etag = request.headers.get("if-match", "")
        if request.method == "DELETE":
            mailbox.delete(event, day, etag)
            return Answered(204)
        if request.method == "PATCH":
            body = request.body
            if isinstance(body, dict) and body.get("subject") in self.refused_subjects:
                raise Refused(400, "ErrorInvalidRequest")
            if day is None:
                mailbox.patch(event, body, etag)
            else:
                mailbox.patch_occurrence(event, day, body, etag)
            return Answered(200, mailbox.render(event, day, self._ids(request)))
        if request.method != "GET":
            raise Refused(405, "BadRequest")
        return Answered(200, self._shown(request, mailbox, event, day, alone=True))

    def _shown(
        self, request: Request, mailbox: Mailbox, event: Stored, day: date | None, *, alone: bool
    ) -> dict[str, Any]:
        """An event with what $select and $expand ask for."""
        ids = self._ids(request)
        found = mailbox.render(event, day, ids)
        select = [each for each in request.query.get("$select", "").split(",") if each]
        expand = request.query.get("$expand", "")
        if alone and event.is_series and day is None and "cancelledOccurrences" in select:
            found["cancelledOccurrences"] = [
                f"OID.{found['id']}.{each.isoformat()}" for each in sorted(event.cancelled)
            ]
        kept = found
        if select:
            always = {"id", "@odata.etag"}
            kept = {name: value for name, value in found.items() if name in {*select, *always}}
        own = _EXPANDED.search(expand)
        if own is not None and day is None:
            wanted = _WANTED.findall(own[1])
            shown = [
                {"id": name, "value": value}
                for name, value in event.extended.items()
                if name in wanted
            ]
            if shown:
                kept["singleValueExtendedProperties"] = shown
        if "exceptionOccurrences" in _EXPANDED.sub("", expand) and event.is_series and day is None:
            if not alone:
                raise Refused(400, "RequestBroker--ParseUri")
            days = [each for each in event.exceptions if each in event.days(each)]
            kept["exceptionOccurrences"] = [mailbox.render(event, each, ids) for each in days]
        return kept

    # Listings.

    def _window(self, request: Request) -> tuple[datetime, datetime]:
        try:
            start = _moment(request.query["startDateTime"])
            end = _moment(request.query["endDateTime"])
        except (KeyError, ValueError):
            raise Refused(400, "ErrorInvalidParameter") from None
        if start >= end or (end - start).days > _LONGEST_VIEW:
            raise Refused(400, "ErrorInvalidParameter")
        return start, end

    def _delta(self, request: Request, mailbox: Mailbox, calendar: str) -> Answered:
        deltas, ids = self.deltas[mailbox.address], self._ids(request)
        if any(name in request.query for name in _NO_OPTIONS):
            raise Refused(400, "ErrorInvalidUrlQuery")
        token = request.query.get("$skiptoken") or request.query.get("$deltatoken")
        if token is not None:
            if set(request.query) - {"$skiptoken", "$deltatoken"}:
                raise Refused(400, "ErrorInvalidUrlQuery")
            found = deltas.go_on(token, ids)
        else:
            size = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
            start, end = self._window(request)
            found = deltas.begin(calendar, start, end, int(size[1]) if size else 10, ids)
        for name in ("@odata.nextLink", "@odata.deltaLink"):
            if name in found:
                found[name] = f"{self._base()}{request.path}?{found[name]}"
        return Answered(200, found)

    def _view(self, request: Request, mailbox: Mailbox, calendar: str) -> Answered:
        start, end = self._window(request)
        found = mailbox.view(calendar, start, end)
        return self._listed(request, mailbox, found)

    def _search(self, request: Request, mailbox: Mailbox, calendar: str) -> Answered:
        found = [(event, None) for event in mailbox.living(calendar)]
        asked = request.query.get("$filter")
        if asked is not None:
            match = _ANY.fullmatch(asked)
            if match is None:
                raise Refused(400, "ErrorInvalidUrlQueryFilter")
            found = [each for each in found if each[0].extended.get(match[1]) == match[2]]
        return self._listed(request, mailbox, found)  # type: ignore[arg-type]  # days are None

    def _instances(self, request: Request, mailbox: Mailbox, event: Stored) -> Answered:
        start, end = self._window(request)
        days = mailbox.days_in(event, start, end) if event.is_series else []
        return self._listed(request, mailbox, [(event, day) for day in days])

    def _listed(
        self, request: Request, mailbox: Mailbox, found: list[tuple[Stored, date | None]]
    ) -> Answered:
        size, skip = int(request.query.get("$top", "10")), int(request.query.get("$skip", "0"))
        if not 1 <= size <= 1000:
            raise Refused(400, "ErrorInvalidUrlQuery")
        part = found[skip : skip + size]
        shown = [self._shown(request, mailbox, *each, alone=False) for each in part]
        answer: dict[str, Any] = {"value": shown}
        if len(found) > skip + size:
            query = {**request.query, "$skip": str(skip + size)}
            text = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
            answer["@odata.nextLink"] = f"{self._base()}{request.path}?{text}"
        return Answered(200, answer)

    def _subscription(self, request: Request, rest: list[str]) -> Answered:
        every = self.subscriptions
        if not request.immutable:
            raise Refused(400, "InvalidRequest")
        if request.method == "POST" and not rest:
            return Answered(201, every.create(request.body))
        if request.method == "PATCH" and rest:
            return Answered(200, every.renew(rest[0], request.body))
        if request.method == "DELETE" and rest:
            every.delete(rest[0])
            return Answered(204)
        raise Refused(400, "InvalidRequest")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def dumped(found: Any) -> bytes:
    """JSON as Graph writes it."""
    return b"" if found is None else json.dumps(found, ensure_ascii=False).encode()
