"""WebDAV and CalDAV bodies (RFC 4918, 4791, 6578): what is asked, and what was answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from lxml.etree import _Element  # type: ignore[import-untyped]  # lxml ships no types

D, C, S = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES = (
    'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
)
_ITEM = "<D:getetag/><D:getcontenttype/>"
_DATA = "<C:calendar-data/>"

COLLECTION = (
    f"{_HEAD}<D:propfind {_SPACES}><D:prop><D:resourcetype/><D:displayname/><D:resource-id/>"
    "<D:supported-report-set/><D:current-user-privilege-set/>"
    "<D:current-user-principal/><C:calendar-home-set/><C:calendar-user-address-set/>"
    "<C:supported-calendar-component-set/></D:prop></D:propfind>"
)
"""What is asked of a collection or principal, in one PROPFIND.

Neither DAV:sync-token nor CTag, which cost Radicale 3.9 a look at every item of every calendar.
"""

LISTING = f"{_HEAD}<D:propfind {_SPACES}><D:prop>{_ITEM}<D:resourcetype/></D:prop></D:propfind>"
CTAG = f"{_HEAD}<D:propfind {_SPACES}><D:prop><S:getctag/></D:prop></D:propfind>"

_DOCTYPE = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>)?(?:\s|<!--.*?-->)*<!DOCTYPE", re.S)
_NOT_XML = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]);"
    rb"|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]);)"
)
_PIECE = 65_536
_SAFE = "!$&'()*+,;=:@~-._"


class NotWebDAV(ValueError):
    """The body is no XML answer that may be read: HTML, a document type, something broken."""


@dataclass(frozen=True, slots=True)
class Member:
    """One response of a multistatus.

    ``key`` is its canonical path. ``status`` is that of the member itself, 0 if it has none.
    ``etag`` is normalised, ``None`` if not given. ``data`` is its iCalendar text if it came.
    ``properties`` are the found ones, by tag.
    """

    key: str
    status: int = 0
    etag: str | None = None
    data: str | None = None
    kind: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_collection(self) -> bool:
        """Whether it is a collection, not an item."""
        return self.has_type(D + "collection") or self.key.endswith("/")

    def has_type(self, tag: str) -> bool:
        """Whether DAV:resourcetype names ``tag``."""
        types = self.properties.get(D + "resourcetype")
        return types is not None and types.find(tag) is not None

    @property
    def may_be_event(self) -> bool:
        """Whether the server does not say that it is something else (a task, a contact)."""
        kind = self.kind.lower().replace(" ", "").replace('"', "")
        component = kind.partition("component=")[2].partition(";")[0]
        return component in ("", "vevent") and (not kind or kind.startswith("text/calendar"))

    def text(self, tag: str) -> str:
        """The text of a property; of the DAV:href in it, if it has one."""
        element = self.properties.get(tag)
        if element is None:
            return ""
        inner = element.find(D + "href")
        return ((element if inner is None else inner).text or "").strip()

    def hrefs(self, tag: str) -> list[str]:
        """The hrefs in a property."""
        element = self.properties.get(tag)
        found = [] if element is None else element.findall(D + "href")
        return [each.text.strip() for each in found if each.text]


@dataclass(frozen=True, slots=True)
class Multistatus:
    """A parsed 207. ``truncated``: the server left members out and says so (RFC 6578, 3.6)."""

    members: tuple[Member, ...]
    token: str = ""
    truncated: bool = False


def sync_collection(token: str, *, with_data: bool) -> str:
    """A sync-collection REPORT. ``nresults`` is never sent: Xandikos 0.4 then loses members."""
    data = _DATA if with_data else ""
    return (
        f"{_HEAD}<D:sync-collection {_SPACES}><D:sync-token>{escape(token)}</D:sync-token>"
        f"<D:sync-level>1</D:sync-level><D:prop>{_ITEM}{data}</D:prop></D:sync-collection>"
    )


def multiget(keys: Iterable[str]) -> str:
    """A calendar-multiget REPORT."""
    hrefs = "".join(f"<D:href>{escape(key)}</D:href>" for key in keys)
    return (
        f"{_HEAD}<C:calendar-multiget {_SPACES}><D:prop>{_ITEM}{_DATA}</D:prop>{hrefs}"
        "</C:calendar-multiget>"
    )


def query_uid(uid: str) -> str:
    """A calendar-query REPORT for the events with this UID."""
    return (
        f"{_HEAD}<C:calendar-query {_SPACES}><D:prop>{_ITEM}{_DATA}</D:prop><C:filter>"
        '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID">'
        f'<C:text-match collation="i;octet">{escape(uid)}</C:text-match></C:prop-filter>'
        "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )


def free_busy_query(start: str, end: str) -> str:
    """A free-busy-query REPORT for a span: UTC, as iCalendar writes it."""
    span = f'<C:time-range start="{start}" end="{end}"/>'
    return f"{_HEAD}<C:free-busy-query {_SPACES}>{span}</C:free-busy-query>"


def parse_multistatus(body: bytes, base: str) -> Multistatus:
    """The answer to a PROPFIND or REPORT on the path ``base``. Raises :class:`NotWebDAV`."""
    answered: list[Member] = []
    root = parse_xml(body, answered)
    if root.tag != D + "multistatus":
        raise NotWebDAV("the answer is no multistatus")
    own = base.rstrip("/")
    members = [each for each in answered if each.status != 507 or each.key.rstrip("/") != own]
    token = root.find(D + "sync-token")
    return Multistatus(
        tuple(members),
        (token.text or "").strip() if token is not None else "",
        len(members) < len(answered),
    )


def parse_xml(body: bytes, members: list[Member] | None = None) -> _Element:
    """The root of an XML answer. Raises :class:`NotWebDAV`. ``members`` are filled with the
    responses in it.

    A document type is refused, entities are not resolved and nothing is loaded. Characters
    that XML cannot have are taken out: servers copy them from an item into the answer, and
    one such item would hide all others (invariant 9).
    """
    from lxml import etree  # type: ignore[import-untyped]  # late: only a connector needs it

    if _DOCTYPE.match(body):
        raise NotWebDAV("the answer has a document type")
    responses: list[Member] = [] if members is None else members
    try:
        root = _parsed(body, responses)
    except etree.XMLSyntaxError:
        try:
            root = _parsed(_NOT_XML.sub(b"", body), responses)
        except etree.XMLSyntaxError as error:
            raise NotWebDAV("the answer is not XML") from error
    if root.getroottree().docinfo.doctype:
        raise NotWebDAV("the answer has a document type")
    return root


def _parsed(body: bytes, members: list[Member]) -> _Element:
    """The root; each response in it becomes a member and is emptied, since the tree of a long
    answer takes a multiple of its size."""
    from lxml import etree

    members.clear()
    options = {"resolve_entities": False, "no_network": True, "load_dtd": False}
    parser = etree.XMLPullParser(("end",), tag=D + "response", **options)
    for start in range(0, len(body), _PIECE):
        parser.feed(body[start : start + _PIECE])
        for _, response in parser.read_events():
            parent = response.getparent()
            if parent is None or parent.getparent() is not None:
                continue
            member = _member(response)
            if member is not None:
                members.append(member)
            response.clear()
    return parser.close()


def _member(response: _Element) -> Member | None:
    key = canonical_path(response.findtext(D + "href") or "")
    if not key:
        return None
    found: dict[str, Any] = {}
    failed = 0
    for propstat in response.iterfind(D + "propstat"):
        status = status_code(propstat.findtext(D + "status") or "")
        prop = propstat.find(D + "prop")
        if status // 100 == 2 and prop is not None:
            found.update((child.tag, child) for child in prop if isinstance(child.tag, str))
        else:
            failed = failed or status
    status_text = response.findtext(D + "status")
    status = status_code(status_text) if status_text else (0 if found else failed)
    data, etag = found.get(C + "calendar-data"), found.get(D + "getetag")
    kind = found.get(D + "getcontenttype")
    return Member(
        key,
        status,
        normalised_etag(etag.text) if etag is not None else None,
        data.text if data is not None and data.text and data.text.strip() else None,
        intern(kind.text or "") if kind is not None else "",
        {
            tag: child
            for tag, child in found.items()
            if tag not in (C + "calendar-data", D + "getetag", D + "getcontenttype")
        },
    )


def status_code(text: str) -> int:
    """The code in ``HTTP/1.1 404 Not Found``; 0 if there is none."""
    match = re.search(r"\b([1-5]\d\d)\b", text)
    return int(match[1]) if match else 0


def error_words(body: bytes) -> tuple[frozenset[str], str]:
    """The conditions of a DAV:error and at most 200 characters of what it says."""
    try:
        root = parse_xml(body) if body.lstrip()[:1] == b"<" else None
    except NotWebDAV:
        root = None
    if root is None or root.tag != D + "error":
        return frozenset(), ""
    names = [child.tag for child in root if isinstance(child.tag, str)]
    bare = [name.rpartition("}")[2] for name in names]
    return frozenset(names), ", ".join(bare)[:200]


def error_href(body: bytes) -> str:
    """The path of the resource that a DAV:error names; empty if it names none."""
    try:
        root = parse_xml(body)
    except NotWebDAV:
        return ""
    href = root.find(f".//{D}href")
    return canonical_path(href.text or "") if href is not None else ""


@lru_cache(maxsize=256)
def canonical_path(href: str) -> str:
    """The path of an href, quoted in one way, so that a resource has one key."""
    path = urlsplit(href.strip()).path
    if not path.startswith("/"):
        return ""
    return "/".join(quote(unquote(part), safe=_SAFE) for part in path.split("/"))


def normalised_etag(text: str | None) -> str | None:
    """An ETag as If-Match takes it: quoted, without what compressing proxies add."""
    bare = (text or "").strip()
    if not bare:
        return None
    weak = bare.startswith(("W/", "w/"))
    inner = (bare[2:] if weak else bare).strip('"')
    for suffix in ("--gzip", "-gzip", ";gzip"):
        inner = inner.removesuffix(suffix)
    return f'W/"{inner}"' if weak else f'"{inner}"'
