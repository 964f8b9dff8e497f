"""Single values of the configuration: durations, shares, time zones, addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BeforeValidator

from syncd.core.model import normalise_email
from syncd.core.zones import zone_info
from syncd.problems import nearest
from syncd.validation import fail, shown, text_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = timedelta(days=36500)
"""Anything longer than this leaves the calendar when it is added to a date."""

_DURATION = re.compile(r"([0-9]{1,7})\s*([smhdw])")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")
_ADDRESS = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+")
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*):(?P<port>[0-9]{1,5})")

WINDOWS_ZONES = {
    "AUS Eastern Standard Time": "Australia/Sydney",
    "Arabian Standard Time": "Asia/Dubai",
    "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw",
    "Central Standard Time": "America/Chicago",
    "China Standard Time": "Asia/Shanghai",
    "E. South America Standard Time": "America/Sao_Paulo",
    "Eastern Standard Time": "America/New_York",
    "GMT Standard Time": "Europe/London",
    "India Standard Time": "Asia/Kolkata",
    "Korea Standard Time": "Asia/Seoul",
    "Mountain Standard Time": "America/Denver",
    "Myanmar Standard Time": "Asia/Yangon",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Pacific Standard Time": "America/Los_Angeles",
    "Romance Standard Time": "Europe/Paris",
    "Russian Standard Time": "Europe/Moscow",
    "SE Asia Standard Time": "Asia/Bangkok",
    "Singapore Standard Time": "Asia/Singapore",
    "Taipei Standard Time": "Asia/Taipei",
    "Tokyo Standard Time": "Asia/Tokyo",
    "Turkey Standard Time": "Europe/Istanbul",
    "W. Europe Standard Time": "Europe/Berlin",
}
"""Windows' names that administrators paste most, as the CLDR maps them (windowsZones.xml,
territory 001): only for suggestions, never read as zones."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the daemon listens. ``port`` 0: any free one."""

    host: str
    port: int


def duration(value: object) -> timedelta:
    """``"60s"``, ``"5m"``, ``"2h"``, ``"30d"``, ``"1w"``."""
    text = text_of(value)
    found = _DURATION.fullmatch(text)
    if found is None:
        raise fail("is not a duration", 'a number and s, m, h, d or w: "60s", "5m", "2h", "30d"')
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if length > _LONGEST:
        raise fail("is too long", "at most 36500d")
    return length


def interval(value: object) -> timedelta:
    """A duration of at least a second."""
    length = duration(value)
    if length < timedelta(seconds=1):
        raise fail("must be at least 1s")
    return length


def seconds(value: object) -> int:
    """A number of seconds, or a duration as text; at least one."""
    given = value if isinstance(value, int) and not isinstance(value, bool) else None
    whole = given if given is not None else int(duration(value).total_seconds())
    if not 1 <= whole <= 86400:
        raise fail("must be between one second and a day")
    return whole


def share(value: object) -> float:
    """``"10%"`` as 0.1; between 0 and 100 %."""
    found = _SHARE.fullmatch(text_of(value))
    if found is None or float(found[1]) > 100:
        raise fail("is not a share", 'a percentage: "10%"')
    return float(found[1]) / 100


def zone_name(value: object) -> str:
    """The key of an IANA time zone that is known here."""
    text = text_of(value)
    if text and zone_info(text) is not None:
        return text
    suggested = WINDOWS_ZONES.get(text)
    if suggested:
        raise fail(f'"{text}" is a Windows name', f'did you mean "{suggested}"?')
    close = nearest(text, available_timezones())
    hint = close or 'an IANA name: "Asia/Shanghai"'
    raise fail(f'there is no time zone "{shown(text)}"', hint)


def email(value: object) -> str:
    """An e-mail address in its normalised form. The message does not repeat it."""
    address = normalise_email(text_of(value))
    if not is_email(address):
        raise fail("is not an e-mail address", "it has the form name@host.tld")
    return address


def is_email(text: str) -> bool:
    """Whether ``text`` is one bare e-mail address."""
    return _ADDRESS.fullmatch(text) is not None


def domain(value: object) -> str:
    """A domain such as ``example.com``, in lower case."""
    text = text_of(value).strip().lower().removeprefix("@")
    if not text or not is_email(f"x@{text}"):
        raise fail("is not a domain", '"example.com"')
    return text


def address(value: object) -> Address | None:
    """``"127.0.0.1:8480"``, ``"[::1]:8480"``, or ``"off"`` as ``None``."""
    text = text_of(value)
    if text == "off":
        return None
    found = _LISTEN.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise fail("is not a place to listen", '"127.0.0.1:8480", or "off"')
    return Address(found["host"].strip("[]"), int(found["port"]))


def plain_name(value: object) -> str:
    """The name of a channel, system or bridge: no colon, no line end, not blank at its ends."""
    text = text_of(value)
    if not is_name(text):
        raise fail("is not a name", "letters, digits, blanks, . _ -")
    return text


def is_name(text: str) -> bool:
    """Whether a channel, system or bridge may be called so."""
    return bool(text) and text == text.strip() and ":" not in text and text.isprintable()


Duration = Annotated[timedelta, BeforeValidator(duration)]
Interval = Annotated[timedelta, BeforeValidator(interval)]
Share = Annotated[float, BeforeValidator(share)]
ZoneName = Annotated[str, BeforeValidator(zone_name)]
Email = Annotated[str, BeforeValidator(email)]
Domain = Annotated[str, BeforeValidator(domain)]
Listen = Annotated[Address | None, BeforeValidator(address)]
Name = Annotated[str, BeforeValidator(plain_name)]
