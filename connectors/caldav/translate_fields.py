"""Single fields between an iCalendar event and the canonical appointment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from connectors.caldav.carried import MEETING, TAG, carried_texts, decoded, encoded, lines_of
from connectors.caldav.translate_people import PLAIN
from connectors.caldav.translate_time import Unusable, duration_parts
from connectors.caldav.wire import Component, Line, escape, text_line, texts, unescape
from syncd.core.model import Busy, Status, Visibility, clean_line, clean_text

_STATUSES = {"TENTATIVE": Status.PROPOSED, "CANCELLED": Status.CANCELLED}
_STATUS_NAMES = {Status.PROPOSED: "TENTATIVE", Status.CANCELLED: "CANCELLED"}
_SHADES = {"TENTATIVE": Busy.TENTATIVE, "OOF": Busy.AWAY}
_SHADE_NAMES = {
    Busy.TENTATIVE: "TENTATIVE",
    Busy.AWAY: "OOF",
    Busy.BUSY: "BUSY",
    Busy.FREE: "FREE",
}
_SHADE = "X-MICROSOFT-CDO-BUSYSTATUS"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+=%,;-]+")
_LINKS = (
    "CONFERENCE",
    "X-GOOGLE-CONFERENCE",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
)
_MOST_MINUTES = 9_999_999


def read_line(event: Component, name: str) -> str:
    """A property that is one line of text."""
    return clean_line(unescape(_raw(event, name)))


def read_text(event: Component, name: str) -> str:
    """A property that is text of several lines."""
    return clean_text(unescape(_raw(event, name)))


def _raw(event: Component, name: str) -> str:
    line = event.first(name)
    return line.value if line is not None else ""


def write_text(event: Component, name: str, text: str) -> None:
    """Set a text property, or remove it; its parameters (LANGUAGE) stay, ALTREP does not.

    ALTREP points to another form of the old text.
    """
    old = event.first(name)
    line = text_line(name, clean_text(text))
    if old is not None:
        line = Line(name, old.with_parameters({"ALTREP": None}).parameters, line.value)
    event.replace((name,), [line] if text else [])


def read_status(event: Component) -> Status:
    """STATUS; none, or one for other components, is confirmed."""
    return _STATUSES.get(event.value("STATUS").upper(), Status.CONFIRMED)


def write_status(event: Component, status: Status) -> None:
    """Set STATUS."""
    name = _STATUS_NAMES.get(status, "CONFIRMED")
    event.replace(("STATUS",), [Line("STATUS", "", name)])


def read_busy(event: Component) -> Busy:
    """TRANSP, with the shade of Outlook's property where it does not contradict."""
    shown, shade = event.value("TRANSP").upper(), event.value(_SHADE).upper()
    if shown == "TRANSPARENT" or (not shown and shade == "FREE"):
        return Busy.FREE
    return _SHADES.get(shade, Busy.BUSY)


def write_busy(event: Component, busy: Busy) -> None:
    """Set TRANSP, and Outlook's property where it is needed or there."""
    shown = "TRANSPARENT" if busy is Busy.FREE else "OPAQUE"
    event.replace(("TRANSP",), [Line("TRANSP", "", shown)])
    if busy in (Busy.TENTATIVE, Busy.AWAY) or event.first(_SHADE) is not None:
        event.replace((_SHADE,), [Line(_SHADE, "", _SHADE_NAMES[busy])])


def read_visibility(event: Component) -> Visibility:
    """CLASS; a value that is unknown is private (RFC 5545, 3.8.1.3)."""
    value = event.value("CLASS").lower()
    if not value:
        return Visibility.PUBLIC
    return Visibility(value) if value in set(Visibility) else Visibility.PRIVATE


def write_visibility(event: Component, visibility: Visibility) -> None:
    """Set CLASS."""
    event.replace(("CLASS",), [Line("CLASS", "", visibility.upper())])


def read_tags(event: Component) -> frozenset[str]:
    """CATEGORIES, and the tags that we carry apart because servers would split them."""
    plain = (clean_line(text) for line in event.lines("CATEGORIES") for text in texts(line.value))
    return frozenset(tag for tag in (*plain, *carried_texts(event, TAG)) if tag)


def write_tags(event: Component, tags: frozenset[str]) -> None:
    """Set CATEGORIES."""
    plain = sorted(tag for tag in tags if PLAIN.fullmatch(tag))
    value = ",".join(escape(tag) for tag in plain)
    event.replace(("CATEGORIES",), [Line("CATEGORIES", "", value)] if plain else [])
    apart = sorted(tag for tag in tags if not PLAIN.fullmatch(tag))
    event.replace((TAG,), lines_of(TAG, apart))


def read_meeting(event: Component) -> str:
    """The link to meet online: CONFERENCE (RFC 7986), else Google's or Microsoft's property.

    Where the link that we wrote stands for another text (it is no URI, or has a comma), that
    text is carried beside it and read as long as nobody changed the link.
    """
    link = _link(event)
    line = event.first(MEETING)
    pair = decoded(line.value) if line is not None else None
    if isinstance(pair, list) and len(pair) == 2 and pair[0] == link and isinstance(pair[1], str):
        return pair[1]
    return link


def _link(event: Component) -> str:
    for name in _LINKS:
        lines = event.lines(name)
        video = [line for line in lines if "VIDEO" in line.parameters.upper()]
        for line in (*video, *lines):
            if line.value.strip():
                return clean_line(line.value)
    return ""


def write_meeting(event: Component, meeting: str) -> None:
    """Set the link; other CONFERENCE lines stay."""
    old = _link(event)
    shown = meeting.replace(",", "%2C").replace(";", "%3B") if _URI.fullmatch(meeting) else ""
    current = [line for line in event.lines("CONFERENCE") if clean_line(line.value) == old]
    if current:
        replaced = [Line("CONFERENCE", current[0].parameters, shown)] if shown else []
        others = [line for line in event.lines("CONFERENCE") if line is not current[0]]
        event.replace(("CONFERENCE",), replaced + others)
    elif shown:
        line = Line("CONFERENCE", ";VALUE=URI;FEATURE=VIDEO", shown)
        event.replace(("CONFERENCE",), [line, *event.lines("CONFERENCE")])
    link = _link(event)
    beside = [Line(MEETING, "", encoded([link, meeting]))] if link != meeting else []
    event.replace((MEETING,), beside)


def read_reminders(event: Component) -> frozenset[int]:
    """Alarms that show something whole minutes before the start; others are not read."""
    found = (minutes_of(alarm) for alarm in event.components("VALARM"))
    return frozenset(minutes for minutes in found if minutes is not None)


def minutes_of(alarm: Component) -> int | None:
    """How many minutes before the start a DISPLAY alarm goes off; ``None`` for others."""
    trigger = alarm.first("TRIGGER")
    if trigger is None or alarm.value("ACTION").upper() != "DISPLAY":
        return None
    if trigger.parameter("VALUE").upper() == "DATE-TIME":
        return None
    if trigger.parameter("RELATED").upper() == "END":
        return None
    try:
        days, clock = duration_parts(trigger.value)
    except Unusable:
        return None
    seconds = -int((timedelta(days=days) + clock).total_seconds())
    if seconds < 0 or seconds % 60 or seconds > _MOST_MINUTES * 60:
        return None
    return seconds // 60


def write_reminders(event: Component, reminders: frozenset[int]) -> None:
    """Add and remove alarms; those that are not read stay, as do those still wanted."""
    there = read_reminders(event)
    event.items = [
        item
        for item in event.items
        if not (
            isinstance(item, Component)
            and item.name == "VALARM"
            and (minutes := minutes_of(item)) is not None
            and minutes not in reminders
        )
    ]
    event.items.extend(_alarms(sorted(reminders - there)))


def _alarms(reminders: list[int]) -> Iterator[Component]:
    for minutes in reminders:
        lines: list[Line | Component] = [
            Line("ACTION", "", "DISPLAY"),
            Line("DESCRIPTION", "", "Reminder"),
            Line("TRIGGER", "", f"-PT{minutes}M" if minutes else "PT0S"),
        ]
        yield Component("VALARM", lines)
