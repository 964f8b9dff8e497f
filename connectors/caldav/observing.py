"""What a calendar shows: changes since a token, or a listing, and the bodies that are needed.

A token is never proof that nothing was deleted: servers exist that answer an unknown token
with a listing without tombstones. So a token is bound to the identity of its collection, and a
listing (``since=None``) is cheap: hrefs and ETags in one request, bodies only of what differs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.caldav.client import (
    MAX_ANSWER,
    Answer,
    Counter,
    NotThere,
    TooLarge,
    Transport,
    read_error,
)
from connectors.caldav.discovery import Calendar
from connectors.caldav.translate import NoEvent, Unusable, WireError, read
from connectors.caldav.webdav import (
    CTAG,
    LISTING,
    D,
    Member,
    Multistatus,
    NotWebDAV,
    S,
    multiget,
    parse_multistatus,
    sync_collection,
)
from syncd.connector import Snapshot, Unreadable
from syncd.core.packed import Packed
from syncd.core.state import Copy, Key, Version
from syncd.errors import Unavailable

BATCH = 100
MAX_PAGES = 1000
_NO_SUCH_REPORT = frozenset({400, 403, 404, 405, 406, 415, 422, 501})
_DEAD_TOKEN = frozenset({400, 403, 404, 409, 410, 412, 507})
_VALID_TOKEN = D + "valid-sync-token"
_PRIVILEGES = D + "need-privileges"
_MANY = 20

MOST_INLINE = 500_000
"""Bytes of bodies that come with a list of changes; where there are more, they are got in
batches, since a parsed answer takes a multiple of its size."""


@dataclass(slots=True)
class Items:
    """What was read of a collection's items, each key in one place."""

    copies: Packed[Copy] = field(default_factory=Packed)
    gone: set[Key] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)
    others: dict[Key, Version | None] = field(default_factory=dict)


@dataclass(slots=True)
class Reader:
    """Reads one calendar. ``others`` remembers items that hold no event, by key and version.

    ``inline``: whether the sync report is asked for bodies (Radicale 3.9 gives them, Xandikos
    0.4 answers 404 for that property). ``written``: how many characters the bodies had that were
    written since the last look; they come back with the changes.
    """

    transport: Transport
    calendar: Calendar
    counter: Counter
    own: frozenset[str]
    others: dict[Key, Version | None] = field(default_factory=dict)
    inline: bool = True
    syncs: bool = True
    written: Counter = field(default_factory=Counter)

    def observe(self, since: str | None, known: Mapping[Key, Version | None]) -> Snapshot:
        """Changes since the cursor, or everything."""
        kind, value = self._cursor(since)
        if kind == "token" and self.syncs:
            changes = self._changes(value, known)
            if changes is not None:
                return changes
        if kind == "ctag" and value == self._ctag():
            return Snapshot(cursor=since, identity=self.calendar.identity)
        return self._everything(known)

    def _cursor(self, since: str | None) -> tuple[str, str]:
        """The kind and value of a cursor of this very collection; else nothing."""
        try:
            found = json.loads(since) if since else None
        except ValueError:
            return "", ""
        if not isinstance(found, list) or len(found) != 3:
            return "", ""
        identity, kind, value = map(str, found)
        return (kind, value) if identity == self.calendar.identity else ("", "")

    def _make_cursor(self, kind: str, value: str) -> str | None:
        return json.dumps([self.calendar.identity, kind, value]) if value else None

    def _changes(self, token: str, known: Mapping[Key, Version | None]) -> Snapshot | None:
        """What a token answers; ``None`` where it is dead or its answer is in doubt."""
        much = self.written.taken() > MOST_INLINE
        pages = list(self._pages(token, with_data=self.inline and not much))
        if not pages or not pages[-1].token:
            return None
        members = [member for page in pages for member in page.members]
        latest = {member.key: member for member in members if self._is_item(member)}
        same = sum(
            1 for key, member in latest.items() if member.etag and known.get(key) == member.etag
        )
        removed = any(member.status in (404, 410) for member in latest.values())
        if same > _MANY and 2 * same > len(known) and not removed:
            return self._everything(known, latest)
        gone = {key for key, member in latest.items() if member.status in (404, 410)}
        items, unchanged = self._items(
            [member for key, member in latest.items() if key not in gone], known
        )
        return Snapshot(
            copies=items.copies.told(),
            gone=frozenset(gone | items.gone),
            unchanged=frozenset(unchanged),
            cursor=self._make_cursor("token", pages[-1].token),
            identity=self.calendar.identity,
            unreadable=tuple(items.unreadable),
        )

    def _everything(
        self, known: Mapping[Key, Version | None], came: Mapping[Key, Member] | None = None
    ) -> Snapshot:
        """All there is. ``came``: members that came with bodies just before."""
        listing, cursor = self._listing()
        latest = {}
        for member in listing:
            if self._is_item(member) and member.status not in (404, 410):
                same = (came or {}).get(member.key)
                latest[member.key] = same if same and same.etag == member.etag else member
        items, unchanged = self._items(list(latest.values()), known)
        return Snapshot(
            copies=items.copies.told(),
            gone=frozenset(items.gone),
            unchanged=frozenset(unchanged),
            complete=True,
            cursor=cursor,
            identity=self.calendar.identity,
            unreadable=tuple(items.unreadable),
        )

    def _listing(self) -> tuple[list[Member], str | None]:
        """Every member with its ETag. The cursor is from the same answer, or from before it."""
        if self.syncs:
            pages = list(self._pages("", with_data=False))
            if pages and pages[-1].token:
                members = [member for page in pages for member in page.members]
                return members, self._make_cursor("token", pages[-1].token)
        ctag = self._ctag()
        listed = self._own_and_members(self._send("PROPFIND", LISTING, "1"))
        self.syncs = False
        return list(listed), self._make_cursor("ctag", ctag)

    def _ctag(self) -> str:
        return self._own_and_members(self._send("PROPFIND", CTAG, "0"))[0].text(S + "getctag")

    def _own_and_members(self, answer: Answer) -> tuple[Member, ...]:
        """The collection's own response and those of its members.

        Xandikos 0.4 answers for a calendar that is gone with a 207 in which only its own
        response says 404 (seen): that is no empty calendar (invariant 4).
        """
        members = self._parsed(answer).members
        path = self.calendar.path.rstrip("/")
        own = [member for member in members if member.key.rstrip("/") == path]
        if not own or own[0].status not in (0, 200):
            raise NotThere(f"{self.calendar.path} is not there")
        return (own[0], *(member for member in members if member is not own[0]))

    def _pages(self, token: str, *, with_data: bool) -> Iterator[Multistatus]:
        """The pages of a sync report; none where the server has no such report or token."""
        for _ in range(MAX_PAGES):
            answer, with_data = self._page(token, with_data)
            if answer.status != 207:
                forgiven = _DEAD_TOKEN if token else _NO_SUCH_REPORT
                if answer.status not in forgiven or answer.says(_PRIVILEGES):
                    raise read_error(answer, "the list of changes")
                return
            page = self._parsed(answer)
            yield page
            if not page.truncated:
                return
            if not page.token or page.token == token:
                raise Unavailable("the list of changes does not go on")
            token = page.token
        raise Unavailable("the list of changes does not end")

    def _page(self, token: str, with_data: bool) -> tuple[Answer, bool]:
        """One sync report, without bodies where they are too much or refused; and which."""
        try:
            most = MOST_INLINE if with_data else MAX_ANSWER
            answer = self._send("REPORT", sync_collection(token, with_data=with_data), "0", most)
        except TooLarge:
            if not with_data:
                raise
            return self._send("REPORT", sync_collection(token, with_data=False), "0"), False
        if not with_data or answer.status not in _NO_SUCH_REPORT or answer.says(_VALID_TOKEN):
            return answer, with_data
        plain = self._send("REPORT", sync_collection(token, with_data=False), "0")
        self.inline = self.inline and plain.status != 207
        return plain, False

    def _is_item(self, member: Member) -> bool:
        """Whether it is an item of this calendar. One that lies elsewhere makes all doubtful."""
        if member.is_collection or member.key == self.calendar.path.rstrip("/"):
            return False
        if not member.key.startswith(self.calendar.path):
            raise Unavailable("the calendar lists its items under another path")
        return True

    def _items(
        self, members: Sequence[Member], known: Mapping[Key, Version | None]
    ) -> tuple[Items, set[Key]]:
        """Read what came with a body; get the bodies of what is new or has another version."""
        items, unchanged, wanted = Items(), set[Key](), list[Key]()
        for member in members:
            if member.data is not None:
                self._take(items, member.key, member.etag, member.data, known)
            elif member.etag and known.get(member.key) == member.etag:
                unchanged.add(member.key)
            elif not self._is_other(member, known):
                wanted.append(member.key)
        self.get(wanted, items, known)
        self.others.update(items.others)
        return items, unchanged

    def _is_other(self, member: Member, known: Mapping[Key, Version | None]) -> bool:
        if member.key in known:
            return False
        if not member.may_be_event:
            return True
        return bool(member.etag) and self.others.get(member.key) == member.etag

    def get(self, keys: Sequence[Key], items: Items, known: Mapping[Key, Version | None]) -> None:
        """The items with these keys, in batches."""
        for start in range(0, len(keys), BATCH):
            self._get_batch(keys[start : start + BATCH], items, known)

    def _get_batch(
        self, keys: Sequence[Key], items: Items, known: Mapping[Key, Version | None]
    ) -> None:
        """One multiget; what it leaves out, or answers without a body, is got alone."""
        if len(keys) == 1:
            self._get_one(keys[0], items, known)
            return
        found: tuple[Member, ...] = ()
        try:
            answer = self._send("REPORT", multiget(keys), "1")
            if answer.status == 207:
                found = parse_multistatus(answer.body, self.calendar.path).members
            elif answer.status not in _NO_SUCH_REPORT | {507}:
                raise read_error(answer, "items")
        except TooLarge:
            middle = len(keys) // 2
            self._get_batch(keys[:middle], items, known)
            self._get_batch(keys[middle:], items, known)
            return
        except NotWebDAV:
            pass  # one item may have broken the answer: each alone tells which
        answered = {member.key: member for member in found}
        for key in keys:
            member = answered.get(key)
            if member is not None and member.data is not None:
                self._take(items, key, member.etag, member.data, known)
            elif member is not None and member.status in (404, 410):
                items.gone.add(key)
            else:
                self._get_one(key, items, known)

    def _get_one(self, key: Key, items: Items, known: Mapping[Key, Version | None]) -> None:
        """A GET: the proof that an item is gone, where a multiget leaves a doubt."""
        try:
            answer = self.transport.send("GET", key, self.counter)
        except TooLarge:
            items.unreadable.append(Unreadable(key, None, "the item is too large"))
            return
        if answer.status in (404, 410):
            items.gone.add(key)
        elif answer.status != 200:
            raise read_error(answer, key)
        elif answer.headers.get("content-type", "").startswith("text/html"):
            raise Unavailable(f"{key}: the server answers with a web page")
        else:
            text = answer.body.decode("utf-8", "replace")
            self._take(items, key, answer.etag, text, known)

    def _take(
        self,
        items: Items,
        key: Key,
        version: Version | None,
        text: str,
        known: Mapping[Key, Version | None],
    ) -> None:
        try:
            items.copies.append(read(key, version, text, self.own))
        except NoEvent as error:
            items.others[key] = version
            if key in known:
                items.unreadable.append(Unreadable(key, version, str(error)))
        except (Unusable, WireError) as error:
            items.unreadable.append(Unreadable(key, version, str(error)))

    def find_uid(self, body: str) -> tuple[Member, ...]:
        """What a calendar-query finds; nothing where the server cannot answer it."""
        answer = self._send("REPORT", body, "1")
        return self._parsed(answer).members if answer.status == 207 else ()

    def _send(self, method: str, body: str, depth: str, most: int = MAX_ANSWER) -> Answer:
        path, headers = self.calendar.path, {"Depth": depth}
        return self.transport.send(method, path, self.counter, body, headers, most=most)

    def _parsed(self, answer: Answer) -> Multistatus:
        if answer.status != 207:
            raise read_error(answer, "the calendar")
        try:
            return parse_multistatus(answer.body, self.calendar.path)
        except NotWebDAV as error:
            raise Unavailable(f"the calendar: {error}") from error
