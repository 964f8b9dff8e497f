"""From what is configured to one calendar: RFC 4791 (6.2.1), RFC 5397, RFC 6764 (5)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from connectors.caldav.client import SIGN_IN, Answer, Counter, NotThere, Transport, read_error
from connectors.caldav.webdav import (
    COLLECTION,
    C,
    D,
    Member,
    NotWebDAV,
    canonical_path,
    parse_multistatus,
)
from syncd.core.model import normalise_email
from syncd.errors import ConfigError, Unavailable

WELL_KNOWN = "/.well-known/caldav"
KEPT_SECONDS = 30.0
"""How long the connectors of one account share what was found: each calendar is one of them."""

_CALENDAR = C + "calendar"
_SYNC = D + "sync-collection"
_WRITES = frozenset({D + "write", D + "write-content", D + "bind", D + "all"})


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar as it was found.

    ``identity`` names the collection: its URL, with DAV:resource-id where the server has one
    (RFC 5842), so that one that was deleted and made anew is another.
    """

    path: str
    identity: str
    syncs: bool = True
    can_write: bool = True


def find_calendar(transport: Transport, start: str, wanted: str, counter: Counter) -> Calendar:
    """The calendar ``wanted`` (a display name, URL or path), looked for from the path ``start``.

    Raises :class:`~syncd.errors.ConfigError` if there is none, naming those there are.
    """
    if "/" in wanted:
        url = urlsplit(wanted)
        if url.scheme and not transport.account.origin.endswith("//" + url.netloc):
            raise ConfigError("the calendar is on another host than its system", key="calendar")
        return _direct(transport, canonical_path(url.path), counter)
    first = _first(transport, start, counter)
    if first.has_type(_CALENDAR) and wanted in ("", *_names(first)):
        return _calendar(transport, first)
    return _calendar(transport, _chosen(_at_home(transport, first, wanted, counter), wanted))


def account_addresses(
    transport: Transport, calendar: Calendar, counter: Counter
) -> frozenset[str] | None:
    """The addresses that the server knows the account by, ``None`` if it does not tell.

    Raises as every read.
    """
    (own, *_) = _members(transport, calendar.path, "0", counter)
    principal = own
    if own.text(D + "current-user-principal"):
        principal = _principal(transport, own, counter)
    hrefs = principal.hrefs(C + "calendar-user-address-set")
    mails = {normalise_email(href) for href in hrefs if href.lower().startswith("mailto:")}
    return frozenset(mails) or None


def _at_home(transport: Transport, first: Member, wanted: str, counter: Counter) -> list[Member]:
    """The calendars of the account; asked anew for a name that is new."""
    with transport.discovering:
        at, found = transport.discovered.get(first.key, (0.0, []))
        known = any(wanted in _names(member) for member in found)
        if not known or time.monotonic() - at > KEPT_SECONDS:
            found = _homes(transport, first, counter)
            transport.discovered[first.key] = (time.monotonic(), found)
        return found


def _homes(transport: Transport, first: Member, counter: Counter) -> list[Member]:
    homes = first.hrefs(C + "calendar-home-set")
    if not homes:
        homes = _principal(transport, first, counter).hrefs(C + "calendar-home-set")
    if not homes:
        raise ConfigError("no calendars are found from this address", key="url")
    return [
        member
        for home in homes
        for member in _members(transport, _local(transport, home), "1", counter)
        if member.has_type(_CALENDAR)
    ]


def _direct(transport: Transport, path: str, counter: Counter) -> Calendar:
    members = _members(transport, path.rstrip("/") + "/", "0", counter)
    if not members or not members[0].has_type(_CALENDAR):
        raise ConfigError("this address is no calendar", key="calendar")
    return _calendar(transport, members[0])


def _first(transport: Transport, start: str, counter: Counter) -> Member:
    """What the configured address tells; where it tells nothing, the well-known one."""
    answer = _propfind(transport, start, "0", counter)
    if answer.status in (401, 403):
        raise read_error(answer, SIGN_IN)
    if answer.status == 207:
        members = _parsed(answer)
        if members and (members[0].properties.keys() & _POINTERS or members[0].has_type(_CALENDAR)):
            return members[0]
    well_known = _propfind(transport, WELL_KNOWN, "0", counter)
    members = _parsed(well_known if well_known.status == 207 else answer)
    if not members:
        raise Unavailable("the server's answer to discovery is empty")
    return members[0]


_POINTERS = {D + "current-user-principal", C + "calendar-home-set"}


def _principal(transport: Transport, first: Member, counter: Counter) -> Member:
    href = first.text(D + "current-user-principal")
    if not href:
        raise ConfigError("the server names no principal for this account", key="url")
    members = _members(transport, _local(transport, href), "0", counter)
    if not members:
        raise Unavailable("the server's answer about its principal is empty")
    return members[0]


def _local(transport: Transport, href: str) -> str:
    """The path of an href that the server gave. Credentials go to no other host."""
    url = urlsplit(href)
    if url.netloc and not transport.account.origin.endswith("//" + url.netloc):
        host = url.hostname or ""
        if host != urlsplit(transport.account.origin).hostname:
            raise ConfigError(f"the calendars are at {host}", key="url", hint="configure that URL")
    return canonical_path(url.path)


def _members(transport: Transport, path: str, depth: str, counter: Counter) -> tuple[Member, ...]:
    return _parsed(_propfind(transport, path, depth, counter))


def _propfind(transport: Transport, path: str, depth: str, counter: Counter) -> Answer:
    return transport.send("PROPFIND", path, counter, COLLECTION, {"Depth": depth})


def _parsed(answer: Answer) -> tuple[Member, ...]:
    if answer.status != 207:
        raise read_error(answer, "discovery")
    try:
        members = parse_multistatus(answer.body, "").members
    except NotWebDAV as error:
        raise Unavailable(f"discovery: {error}") from error
    if len(members) == 1 and members[0].status in (404, 410):
        raise NotThere(f"{members[0].key} is not there")  # Xandikos 0.4 says so in a 207
    return members


def _names(member: Member) -> Iterator[str]:
    yield member.text(D + "displayname")
    yield unquote(member.key.rstrip("/").rpartition("/")[2])


def _chosen(found: list[Member], wanted: str) -> Member:
    names = [member.text(D + "displayname") for member in found]
    by_name = [member for member in found if member.text(D + "displayname") == wanted]
    by_path = [member for member in found if wanted in _names(member)]
    matches = found if not wanted else by_name or by_path
    if len(matches) == 1:
        return matches[0]
    there = ", ".join(sorted(name or member.key for name, member in zip(names, found, strict=True)))
    what = "is not there" if not matches else "is not unique"
    raise ConfigError(
        f"the calendar {wanted!r} {what}; there are: {there or 'none'}",
        key="calendar",
        hint="name one of them, or give its URL",
    )


def _calendar(transport: Transport, member: Member) -> Calendar:
    properties = member.properties
    reports = properties.get(D + "supported-report-set")
    privileges = properties.get(D + "current-user-privilege-set")
    tags = {each.tag for each in privileges.iter()} if privileges is not None else _WRITES
    path = member.key if member.key.endswith("/") else member.key + "/"
    resource = member.text(D + "resource-id")
    return Calendar(
        path=path,
        identity=f"{transport.account.origin}{path} {resource}".strip(),
        syncs=reports is None or reports.find(f".//{_SYNC}") is not None,
        can_write=bool(_WRITES & set(tags)),
    )
