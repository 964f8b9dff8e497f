"""Which calendar a channel means: a mailbox's primary one, or one by name or id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.microsoft365.client import Answer, Calls, NotThere, read_error, segment
from connectors.microsoft365.fields import text_at
from syncd.core.model import normalise_email
from syncd.errors import ConfigError

ME = "me"
"""The mailbox of the person who signed in."""

_ASKED = {"$select": "id,name,canEdit,isDefaultCalendar,owner"}


@dataclass(frozen=True, slots=True)
class Place:
    """What a channel is configured with. ``calendar`` is a name or an id; empty: the primary."""

    mailbox: str
    calendar: str = ""

    @property
    def root(self) -> str:
        """The path of the mailbox."""
        return ME if self.mailbox == ME else f"users/{segment(self.mailbox)}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar that was found. ``path`` is where its view and its new events are."""

    id: str
    path: str
    root: str
    owner: str
    can_write: bool

    def event(self, key: str) -> str:
        """The path of an event."""
        return f"{self.root}/events/{segment(key)}"


def place_of(wanted: str, person: str, *, is_application: bool) -> Place:
    """What ``calendar = "..."`` means: a mailbox, ``mailbox/calendar``, or a calendar of the
    channel's person. Raises ``ConfigError``."""
    first, slash, rest = wanted.strip().partition("/")
    if "@" in first:
        return Place(first.strip().lower(), rest.strip())
    name = wanted.strip() if slash or first else ""
    if person:
        return Place(person, name)
    if is_application:
        raise ConfigError(
            "whose calendar is not said",
            key="calendar",
            hint='name the mailbox: calendar = "alice@example.com", or set person',
        )
    return Place(ME, name)


def find_calendar(calls: Calls, place: Place) -> Calendar:
    """The calendar: one request. Raises ``ConfigError``, or as a read."""
    if not place.calendar:
        answer = calls.get(f"{place.root}/calendar", _ASKED)
        if not answer.is_good:
            raise _refused(answer)
        return _calendar(place, answer.found, primary=True)
    query = {**_ASKED, "$top": "100"}
    found = [each for page in calls.pages(f"{place.root}/calendars", query) for each in _of(page)]
    same = [each for each in found if each.get("id") == place.calendar]
    named = [each for each in found if text_at(each, "name").strip() == place.calendar]
    matching = same or named
    if not matching:
        raise ConfigError("the mailbox has no calendar of that name", key="calendar")
    if len(matching) > 1:
        raise ConfigError("the mailbox has several calendars of that name", key="calendar")
    # The documented delta is that of the primary calendar (`event-delta`), under its own path.
    return _calendar(place, matching[0], primary=matching[0].get("isDefaultCalendar") is True)


def _of(page: Answer) -> list[dict[str, Any]]:
    return [each for each in page.found["value"] if isinstance(each, dict)]


def _calendar(place: Place, found: Any, *, primary: bool) -> Calendar:
    id = text_at(found, "id")
    if not id:
        raise NotThere("the calendar has no id")
    own = normalise_email(text_at(found, "owner", "address")) or place.mailbox
    path = place.root if primary else f"{place.root}/calendars/{segment(id)}"
    return Calendar(id, path, place.root, own, found.get("canEdit") is not False)


def _refused(answer: Answer) -> Exception:
    return read_error(answer, "the calendar")
