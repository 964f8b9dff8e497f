"""Single fields of a Google event as they stand there, and how each is set. Pure.

What is carried beside them (:mod:`connectors.google.carried`) is none of their business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

from connectors.google.wire import Event, list_of, table_of, text_of
from syncd.core.model import Busy, Status, Value, Visibility, clean_line, clean_text

CANCELLED_SIGN = "✗ "
"""Before the title of an event that stays as a sign that its appointment was cancelled. Google's
own ``cancelled`` means deleted."""

MOST_REMINDERS = 5
MOST_MINUTES = 40_320
"""Google's limits (events resource, ``reminders.overrides``): four weeks before, five of them."""

_TAGS = (
    "a|b|blockquote|br|div|em|font|h[1-6]|hr|html-blob|i|li|ol|p|pre|s|span|strong|table|tbody|td"
    "|th|tr|u|ul"
)
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.I)
_BLOCKS = frozenset({"blockquote", "div", "h1", "h2", "h3", "li", "ol", "p", "pre", "tr", "ul"})


def read_title(event: Event) -> str:
    """The summary, with the sign if it has one."""
    return clean_line(text_of(event, "summary"))


def read_description(event: Event) -> str:
    """The description as text: what people write in Google's own client is HTML."""
    raw = text_of(event, "description")
    return clean_text(text_of_html(raw) if _HTML.search(raw) else raw)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "br" or (tag in _BLOCKS and self._is_within()):
            self.parts.append("\n")
        if tag == "li":
            self.parts.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS and self._is_within():
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data.replace("\xa0", " "))

    def _is_within(self) -> bool:
        return bool(self.parts) and not self.parts[-1].endswith("\n")


def text_of_html(html: str) -> str:
    """The text of a formatted description: lines and list items stay lines."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts).strip()


def read_location(event: Event) -> str:
    """The place."""
    return clean_line(text_of(event, "location"))


def read_meeting(event: Event) -> str:
    """The link of the conference that Google, or an add-on in it, keeps with the event."""
    points = list_of(table_of(event, "conferenceData"), "entryPoints")
    video = [each for each in points if text_of(each, "entryPointType") == "video"]
    found = [text_of(each, "uri") for each in (*video, *points)]
    return clean_line(next(filter(None, (*found, text_of(event, "hangoutLink"))), ""))


def set_meeting(event: Event, meeting: str) -> None:
    """No conference of Google's own any more: ours is another, or there is none."""
    event["conferenceData"] = None
    event.pop("hangoutLink", None)


def read_status(event: Event) -> Status:
    """Tentative or not. A cancelled occurrence is an override that is deleted, no status."""
    return Status.PROPOSED if text_of(event, "status") == "tentative" else Status.CONFIRMED


def set_status(event: Event, status: Status) -> None:
    """Set the status as far as Google knows it."""
    event["status"] = "tentative" if status is Status.PROPOSED else "confirmed"


def read_busy(event: Event) -> Busy:
    """Free or busy; out of office is away."""
    if text_of(event, "eventType") == "outOfOffice":
        return Busy.AWAY
    return Busy.FREE if text_of(event, "transparency") == "transparent" else Busy.BUSY


def set_busy(event: Event, busy: Busy) -> None:
    """Set free or busy."""
    event["transparency"] = "transparent" if busy is Busy.FREE else "opaque"


def read_visibility(event: Event) -> Visibility:
    """``default`` is what the calendar shows to others: as good as public."""
    value = text_of(event, "visibility")
    return Visibility(value) if value in set(Visibility) else Visibility.PUBLIC


def set_visibility(event: Event, visibility: Visibility) -> None:
    """Set the visibility; public is the calendar's default, which may show less to others."""
    event["visibility"] = "default" if visibility is Visibility.PUBLIC else str(visibility)


def read_reminders(event: Event) -> frozenset[int]:
    """Pop-ups of the event's own; the calendar's default ones are not the appointment's."""
    reminders = table_of(event, "reminders")
    if reminders.get("useDefault"):
        return frozenset()
    return frozenset(
        each["minutes"]
        for each in list_of(reminders, "overrides")
        if text_of(each, "method") == "popup" and isinstance(each.get("minutes"), int)
    )


def set_reminders(event: Event, reminders: frozenset[int]) -> None:
    """Set the pop-ups, as many as Google takes; mails that a person asked for stay.

    Without any, the person's default ones apply again.
    """
    before = table_of(event, "reminders")
    mails = [each for each in list_of(before, "overrides") if text_of(each, "method") != "popup"]
    allowed = sorted(each for each in reminders if each <= MOST_MINUTES)
    popups = allowed[: MOST_REMINDERS - len(mails)]
    overrides = [*mails, *({"method": "popup", "minutes": minutes} for minutes in popups)]
    event["reminders"] = {"useDefault": not overrides, "overrides": overrides}


READERS: Mapping[str, Callable[[Event], Value]] = {
    "title": read_title,
    "description": read_description,
    "location": read_location,
    "online_meeting": read_meeting,
    "status": read_status,
    "busy": read_busy,
    "visibility": read_visibility,
    "tags": lambda _event: frozenset(),
    "reminders": read_reminders,
}
"""How Google itself has each field that one event holds, but for people and times."""

SETTERS: Mapping[str, Callable[[Event, Any], None]] = {
    "location": lambda event, value: event.update(location=value),
    "online_meeting": set_meeting,
    "status": set_status,
    "busy": set_busy,
    "visibility": set_visibility,
    "reminders": set_reminders,
}
"""How a field is set where it reads differently; title and description hang together with others
and are composed with them."""
