"""Graph: sign-in, batches, paging, and its errors as ours."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from connectors.microsoft365.mailbox import Ask, Mailbox, Result, retry_after
from connectors.microsoft365.signin import Credentials, SignIn
from connectors.microsoft365.transport import Raw, Sessions
from syncd.errors import (
    ConnectorError,
    CursorExpired,
    Rejected,
    Stale,
    Unauthorized,
    Unavailable,
)

IMMUTABLE = 'IdType="ImmutableId"'
"""Ids that stay when an item is moved; asked for with every request, since the two kinds of id
do not mix (microsoft-graph-docs, ``outlook-immutable-id``)."""

MAX_PAGES = 2_000
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,80}")
_EXPIRED = frozenset({"syncstatenotfound", "resyncrequired", "syncstateinvalid"})
_DUPLICATE = "errorduplicatetransactionid"
_NO_MAILBOX = frozenset(
    {"mailboxnotenabledforrestapi", "errorinvaliduser", "errornonexistentmailbox"}
    | {"resourcenotfound", "request_resourcenotfound", "mailboxnothostedinexchangeonline"}
)


class NotThere(Unavailable):
    """The mailbox or the calendar is not there: looking for it again may find another."""

    def __init__(self, message: str) -> None:
        super().__init__(message, lone=True)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks which Graph. ``endpoint`` ends with a slash."""

    credentials: Credentials
    endpoint: str
    ca_file: str = ""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Graph; ``found`` is its JSON."""

    status: int
    headers: Mapping[str, str]
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether Graph did what it was asked."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The code of an error; nothing else of it is kept, as it may quote the item."""
        error = self.found.get("error")
        code = error.get("code") if isinstance(error, Mapping) else None
        match = _CODE.fullmatch(code) if isinstance(code, str) else None
        return match[0] if match else ""

    @property
    def is_duplicate(self) -> bool:
        """Whether a create was refused because its ``transactionId`` is known already: status
        400 or 409, both were seen."""
        return self.code.lower() == _DUPLICATE

    @property
    def said(self) -> str:
        """Status and code."""
        return f"HTTP {self.status}" + (f" ({self.code})" if self.code else "")

    @property
    def retry_after(self) -> float | None:
        """The seconds to wait that Graph names."""
        if "retry-after" not in self.headers:
            return None
        return retry_after(Raw(self.status, self.headers, b""))


class Counter:
    """Counts requests from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def up(self) -> None:
        """Count one more."""
        with self._lock:
            self.value += 1


class Graph:
    """One account's way to Graph, shared by all its connectors in this process."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._sessions = Sessions(account.ca_file, account.timeout)
        self._sign_in = SignIn(account.credentials, self._sessions)
        self._lock = threading.Lock()
        self._mailboxes: dict[str, Mailbox] = {}

    def mailbox(self, name: str) -> Mailbox:
        """The gate of one mailbox."""
        with self._lock:
            key = name.lower()
            if key not in self._mailboxes:
                self._mailboxes[key] = Mailbox(self._send)
            return self._mailboxes[key]

    def _send(self, asks: Sequence[Ask]) -> Sequence[Result]:
        """One HTTP call, and a second one with a fresh token for what was refused the first."""
        token = self._sign_in.token()
        results = self._exchange(asks, token)
        refused = [index for index, each in enumerate(results) if _is_unknown(each)]
        if refused:
            fresh = self._sign_in.token(refused=token)
            again = self._exchange([asks[index] for index in refused], fresh)
            for index, result in zip(refused, again, strict=True):
                results[index] = result
        return results

    def _exchange(self, asks: Sequence[Ask], token: str) -> list[Result]:
        if len(asks) == 1:
            return [self._alone(asks[0], token)]
        body = json.dumps({"requests": [_inner(n, ask) for n, ask in enumerate(asks)]})
        batch = Ask("POST", "$batch", body)
        writes = any(ask.writes for ask in asks)
        answer = self._alone(batch, token, writes=writes)
        if isinstance(answer, ConnectorError):
            return [_for_each(answer, ask) for ask in asks]
        if answer.status != 200:
            # Sign-in and throttling are those of each; any other refusal leaves each in doubt.
            if answer.status in (401, 429):
                return [answer] * len(asks)
            return [_for_each(_no_batch(answer), ask) for ask in asks]
        return _outer(asks, answer)

    def _alone(self, ask: Ask, token: str, *, writes: bool | None = None) -> Result:
        url = self._url(ask.path)
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "User-Agent": "syncd",
            **_headers(ask),
        }
        does_write = ask.writes if writes is None else writes
        try:
            raw = self._sessions.send(
                ask.method, url, ask.body.encode() or None, headers, writes=does_write
            )
        except Unavailable as error:
            return error
        if raw.status in (301, 302, 303, 307, 308):
            host = urlsplit(url).hostname
            return Unavailable(f"{host} redirects, which is not followed")
        return raw

    def _url(self, path: str) -> str:
        """The whole address; a link that Graph gave must lead to Graph (it gets our token)."""
        if "://" not in path:
            return self.account.endpoint + path.removeprefix("/")
        ours, theirs = urlsplit(self.account.endpoint), urlsplit(path)
        same = (ours.scheme, ours.hostname, ours.port) == (
            theirs.scheme,
            theirs.hostname,
            theirs.port,
        )
        if not same or theirs.username:
            raise CursorExpired("a link leads to another host, which is not followed")
        return path

    def close(self) -> None:
        """Close connections that are not in use."""
        self._sessions.close()


class Calls:
    """The requests of one connector to one mailbox; counts the HTTP calls that they cost."""

    def __init__(self, graph: Graph, mailbox: str) -> None:
        self.graph, self._mailbox = graph, graph.mailbox(mailbox)
        self._count = Counter()

    @property
    def requests(self) -> int:
        """The HTTP calls so far."""
        return self._count.value

    def get(self, path: str, query: Mapping[str, str] | None = None, prefer: str = "") -> Answer:
        """One GET."""
        return answer_of(self._mailbox.ask(read(path, query, prefer), self._count.up))

    def get_all(self, asks: Sequence[Ask]) -> list[Answer | ConnectorError]:
        """Several GETs, in batches."""
        results = self._mailbox.ask_all(asks, self._count.up)
        return [each if isinstance(each, ConnectorError) else answer_of(each) for each in results]

    def look_up(self, path: str, body: Mapping[str, Any], prefer: str) -> Answer:
        """One POST that asks something and changes nothing."""
        ask = Ask("POST", path, json.dumps(body), {"Prefer": prefer}, reads=True)
        return answer_of(self._mailbox.ask(ask, self._count.up), reads=True)

    def write(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, etag: str = ""
    ) -> Answer:
        """One write, together with what other threads write to this mailbox."""
        text = json.dumps(body, ensure_ascii=False) if body is not None else ""
        headers = {"If-Match": etag} if etag else {}
        ask = Ask(method, path, text, headers)
        return answer_of(self._mailbox.ask_together(ask, self._count.up))

    def pages(self, path: str, query: Mapping[str, str], prefer: str = "") -> Iterator[Answer]:
        """A listing, page by page. Raises as :func:`read_error`."""
        ask = read(path, query, prefer)
        for _ in range(MAX_PAGES):
            answer = answer_of(self._mailbox.ask(ask, self._count.up))
            if not answer.is_good:
                raise read_error(answer, "a listing")
            if not isinstance(answer.found.get("value"), list):
                raise Unavailable("a listing is none: its answer has no values")
            yield answer
            link = answer.found.get("@odata.nextLink")
            if not isinstance(link, str):
                return
            ask = Ask("GET", link, headers={"Prefer": prefer} if prefer else {})
        raise Unavailable("a listing has no end")


_graphs: weakref.WeakValueDictionary[bytes, Graph] = weakref.WeakValueDictionary()
_graphs_lock = threading.Lock()


def graph_for(account: Account) -> Graph:
    """The one way to Graph of an account, shared by all its connectors."""
    own = account.credentials
    parts = (own.authority, own.tenant, own.client_id, own.secret, own.certificate)
    rest = (own.token_file, account.endpoint, account.ca_file, str(account.timeout))
    key = hashlib.sha256("\0".join((*parts, *rest)).encode()).digest()
    with _graphs_lock:
        found = _graphs.get(key)
        if found is None:
            found = _graphs[key] = Graph(account)
        return found


def read(path: str, query: Mapping[str, str] | None = None, prefer: str = "") -> Ask:
    """A GET. ``prefer``: what else to ask for besides immutable ids."""
    text = f"?{urlencode(query, quote_via=quote, safe='$(),/:;')}" if query else ""
    return Ask("GET", f"{path}{text}", headers={"Prefer": prefer} if prefer else {})


def segment(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="@")


def answer_of(raw: Raw, *, reads: bool = False) -> Answer:
    """An answer as JSON. Raises ``Unavailable`` where it should be some and is not."""
    if not raw.body:
        return Answer(raw.status, raw.headers)
    try:
        found = json.loads(raw.body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return Answer(raw.status, raw.headers, found)
    if 200 <= raw.status < 300:
        raise Unavailable("Graph answers with something that is no JSON", maybe_applied=not reads)
    return Answer(raw.status, raw.headers)


def read_error(answer: Answer, what: str) -> ConnectorError:
    """What a refused read means."""
    said, code = f"{what}: {answer.said}", answer.code.lower()
    if code in _EXPIRED or answer.status == 410:
        return CursorExpired(said)
    if answer.status == 404:
        return NotThere(f"{what} is not there: {answer.said}")
    if answer.status in (401, 403):
        return Unauthorized(said, lone=answer.status == 403)
    return Unavailable(said, retry_after=answer.retry_after)


def write_error(answer: Answer, key: str) -> ConnectorError:
    """What a refused write means. ``key`` is empty for a create."""
    said, code = f"{key or 'a new event'}: {answer.said}", answer.code.lower()
    if answer.status in (401, 403):
        return Unauthorized(said, lone=answer.status == 403)
    if answer.status == 412 or code == "errorirresolvableconflict":
        return Stale(said, key=key)
    if answer.status == 404:
        if not key or code in _NO_MAILBOX:
            return NotThere(f"the calendar of {said}")
        return Stale(said, key=key)
    if answer.status in (408, 423, 425, 429) or answer.status >= 500:
        doubt = answer.status not in (423, 425, 429, 503)
        return Unavailable(said, retry_after=answer.retry_after, maybe_applied=doubt)
    return Rejected(said)


def _headers(ask: Ask) -> dict[str, str]:
    more = ask.headers.get("Prefer", "")
    found = {**ask.headers, "Prefer": f"{IMMUTABLE}, {more}" if more else IMMUTABLE}
    if ask.body:
        found["Content-Type"] = "application/json"
    return found


def _inner(number: int, ask: Ask) -> dict[str, Any]:
    inner: dict[str, Any] = {
        "id": str(number),
        "method": ask.method,
        "url": f"/{ask.path.removeprefix('/')}",
        "headers": _headers(ask),
    }
    if ask.body:
        inner["body"] = json.loads(ask.body)
    return inner


def _outer(asks: Sequence[Ask], answer: Raw) -> list[Result]:
    """The answer for each request of a batch; one that is missing leaves its request in doubt."""
    try:
        found = json.loads(answer.body)
        responses = {str(each["id"]): each for each in found["responses"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        responses = {}
    results: list[Result] = []
    for number, ask in enumerate(asks):
        inner = responses.get(str(number))
        if not isinstance(inner, dict) or not isinstance(inner.get("status"), int):
            lacks = Unavailable("a batch lacks an answer", maybe_applied=True)
            results.append(_for_each(lacks, ask))
            continue
        given = inner.get("headers")
        headers = given if isinstance(given, dict) else {}
        body = inner.get("body")
        text = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        names = {str(name).lower(): str(value) for name, value in headers.items()}
        results.append(Raw(inner["status"], names, text))
    return results


def _for_each(error: ConnectorError, ask: Ask) -> ConnectorError:
    """A fault of the whole batch as that of one of its requests."""
    if not isinstance(error, Unavailable):
        return error
    return Unavailable(
        str(error),
        retry_after=error.retry_after,
        maybe_applied=ask.writes and error.maybe_applied,
    )


def _no_batch(answer: Raw) -> Unavailable:
    doubt = answer.status >= 500 and answer.status != 503
    wait = answer.headers.get("retry-after", "")
    seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 7 else None
    return Unavailable(f"a batch: HTTP {answer.status}", retry_after=seconds, maybe_applied=doubt)


def _is_unknown(result: Result) -> bool:
    return isinstance(result, Raw) and result.status == 401
