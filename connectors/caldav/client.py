"""HTTP to a CalDAV server: sign-in, limits, redirects, and its errors as ours.

Sessions sign in as the caldav library's ``DAVClient`` does (basic, digest, bearer). That one is
not used itself: its ``request`` follows redirects to any host with the credentials, reads bodies
of any size and logs what it cannot parse, and it comes with the whole library and icalendar,
which are 5 MB (caldav 3.6, read in its source).
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from connectors.caldav.webdav import error_words, normalised_etag
from syncd.connector.http import TooLong, body_of, never_sent, new_session
from syncd.errors import ConnectorError, Locked, Rejected, Stale, Unauthorized, Unavailable

if TYPE_CHECKING:
    from niquests import Session
    from niquests.auth import AuthBase

    from connectors.caldav.webdav import Member

MAX_ANSWER = 10_000_000
"""The largest answer that is read, in bytes after decompression."""

MAX_REDIRECTS = 5
SIGN_IN = "sign-in"
"""What an answer is about that concerns the account as a whole."""

_READS = frozenset({"GET", "OPTIONS", "PROPFIND", "REPORT"})
_PRIVILEGES = "{DAV:}need-privileges"


class TooLarge(Unavailable):
    """The answer is larger than was allowed."""


class NotThere(Unavailable):
    """The collection itself is not there: looking for it again may find another."""

    def __init__(self, message: str) -> None:
        super().__init__(message, lone=True)


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in where. ``origin`` is scheme, host and port of the configured URL."""

    origin: str
    username: str = ""
    secret: str = field(default="", repr=False)
    auth: str = "basic"
    timeout: float = 30.0
    ca_file: str = ""
    features: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str | None:
        """The ETag header, normalised."""
        return normalised_etag(self.headers.get("etag"))

    @property
    def retry_after(self) -> float | None:
        """The seconds to wait that the server names."""
        return retry_seconds(self.headers.get("retry-after", ""), datetime.now(UTC))

    def says(self, condition: str) -> bool:
        """Whether the body is a DAV:error with this condition (``{DAV:}valid-sync-token``)."""
        return condition in error_words(self.body)[0]


class Counter:
    """Counts from several threads: requests, and what was sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, count: int) -> None:
        """Count some more."""
        with self._lock:
            self.value += count

    def taken(self) -> int:
        """What was counted so far; from now on it is counted anew."""
        with self._lock:
            value, self.value = self.value, 0
        return value


@dataclass(frozen=True, slots=True)
class _Client:
    """A session, and how it signs in: ``None`` without a secret."""

    session: Session
    auth: AuthBase | None


class Transport:
    """The sessions of one account: one for each request under way, as the library is not
    thread-safe, and no more than there were at once: each has connections, a thread and 0.2 MB.

    ``discovered`` is what discovery found, by where it began: when, and the calendars;
    ``discovering`` guards it.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.discovering = threading.Lock()
        self.discovered: dict[str, tuple[float, list[Member]]] = {}
        self._idle: list[_Client] = []

    def send(
        self,
        method: str,
        path: str,
        counter: Counter,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        most: int = MAX_ANSWER,
    ) -> Answer:
        """One request, and the redirects within the same host that it meets.

        Raises :class:`~syncd.errors.Unavailable` if no answer comes (``maybe_applied`` for a
        write), :class:`TooLarge` (beyond ``most`` bytes), and never for a status.
        """
        url = self.account.origin + path
        data = body.encode() if isinstance(body, str) else body
        for _ in range(MAX_REDIRECTS + 1):
            answer, target = self._exchange(method, url, data, headers or {}, counter, most)
            if not target:
                return answer
            if not _same_host(self.account.origin, target):
                raise Unavailable(f"{_host(url)} redirects to another host, which is not followed")
            if method not in _READS and answer.status not in (307, 308):
                raise Unavailable(f"{_host(url)} redirects a {method}, which is not followed")
            url = target
        raise Unavailable(f"{_host(url)} redirects in a circle")

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes,
        headers: Mapping[str, str],
        counter: Counter,
        most: int,
    ) -> tuple[Answer, str]:
        from niquests.exceptions import RequestException
        from niquests.packages.urllib3.exceptions import (  # type: ignore[import-not-found]  # aliased at run time
            HTTPError,
        )

        sent = {"Content-Type": "application/xml; charset=utf-8", **headers}
        if not data:
            del sent["Content-Type"]
        client = self._taken()
        try:
            response = client.session.request(
                method,
                url,
                data=data or None,
                headers={**_HEADERS, **sent},
                auth=client.auth,
                timeout=self.account.timeout,
                verify=self.account.ca_file or True,
                allow_redirects=False,
                stream=True,
            )
            counter.add(1 + len(response.history))
            content = body_of(response, most)
        except TooLong:
            raise TooLarge(f"an answer is larger than {most} bytes") from None
        except (RequestException, HTTPError, OSError) as error:
            counter.add(1)
            fault = type(error).__name__
            doubt = method not in _READS and not never_sent(error)
            raise Unavailable(
                f"{_host(url)} does not answer: {fault}",
                maybe_applied=doubt,
                waited="Timeout" in fault,
            ) from None
        finally:
            self._idle.append(client)
        answer_headers = {str(key).lower(): str(value) for key, value in response.headers.items()}
        status = int(response.status_code or 0)
        answer = Answer(status, answer_headers, content)
        moved = status in (301, 302, 303, 307, 308) and answer_headers.get("location", "")
        return answer, urljoin(url, moved) if moved else ""

    def _taken(self) -> _Client:
        """A client that nobody else uses until it is put back: the one that was used last."""
        try:
            return self._idle.pop()
        except IndexError:
            return _client(self.account)

    def close(self) -> None:
        """Close the sessions that are not in use."""
        while self._idle:
            self._taken().session.close()


_HEADERS = {"User-Agent": "syncd", "Accept": "text/xml, text/calendar"}
_transports: weakref.WeakValueDictionary[bytes, Transport] = weakref.WeakValueDictionary()
_transports_lock = threading.Lock()


def transport_for(account: Account) -> Transport:
    """The one transport of an account, shared by all its connectors."""
    parts = (account.origin, account.username, account.secret, account.auth, account.ca_file)
    text = "\0".join((*parts, account.features, str(account.timeout)))
    key = hashlib.sha256(text.encode()).digest()
    with _transports_lock:
        found = _transports.get(key)
        if found is None:
            found = _transports[key] = Transport(account)
        return found


def _client(account: Account) -> _Client:
    from caldav.requests import HTTPBearerAuth
    from niquests.auth import HTTPBasicAuth, HTTPDigestAuth

    if account.features:
        from caldav.config import resolve_features

        # It says nothing about requests that are ours; one that there is not is an error.
        resolve_features(account.features)  # type: ignore[no-untyped-call]  # it has no types
    auth: AuthBase | None = None
    if account.secret and account.auth == "bearer":
        auth = HTTPBearerAuth(account.secret)
    elif account.secret:
        kind = HTTPDigestAuth if account.auth == "digest" else HTTPBasicAuth
        auth = kind(account.username, account.secret)
    return _Client(new_session(), auth)


def retry_seconds(value: str, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for: a number, or a date to wait for."""
    bare = value.strip()
    if bare.isascii() and bare.isdigit() and len(bare) < 9:
        return float(bare)
    try:
        at = parsedate_to_datetime(bare)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def read_error(answer: Answer, what: str) -> ConnectorError:
    """What a refused read means."""
    said = _said(answer)
    if answer.status in (401, 403):
        # 403: signed in, but without rights here. A calendar that was not shared, most often.
        return Unauthorized(f"{what}: {said}", lone=answer.status == 403 and what != SIGN_IN)
    if answer.status in (404, 410):
        return NotThere(f"{what} is not there: {said}")
    return Unavailable(f"{what}: {said}", retry_after=answer.retry_after)


def write_error(answer: Answer, key: str) -> ConnectorError:
    """What a refused write means.

    423 and 500 come from Xandikos 0.4 when several write into one calendar (seen): whether
    the write was carried out is not known. 423 is said of the one item that somebody is at
    (RFC 4918, section 11.3), 507 of the room that its user has (11.5: "temporary").
    """
    said = f"{key}: {_said(answer)}"
    if answer.status == 401 or (answer.status == 403 and answer.says(_PRIVILEGES)):
        return Unauthorized(said, lone=answer.status == 403)
    if answer.status == 412:
        return Stale(said, key=key)
    if answer.status == 423:
        return Locked(said, retry_after=answer.retry_after, maybe_applied=True)
    if answer.status == 507:
        return Unavailable(said, retry_after=answer.retry_after, lone=True)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        doubt = answer.status not in (425, 429, 503)
        return Unavailable(said, retry_after=answer.retry_after, maybe_applied=doubt)
    if answer.status in (404, 409, 410) and not answer.says(
        "{urn:ietf:params:xml:ns:caldav}no-uid-conflict"
    ):
        return NotThere(f"{key}: its calendar is not there: {_said(answer)}")
    return Rejected(said)


def _said(answer: Answer) -> str:
    """Status and conditions; free text is left out, as it may quote the item (invariant 11)."""
    words = error_words(answer.body)[1]
    return f"HTTP {answer.status}" + (f" ({words})" if words else "")


def _same_host(origin: str, target: str) -> bool:
    ours, theirs = urlsplit(origin), urlsplit(target)
    if ours.hostname != theirs.hostname:
        return False
    if ours.scheme == theirs.scheme:
        return ours.port == theirs.port
    upgraded = (ours.scheme, theirs.scheme) == ("http", "https")
    return upgraded and ours.port in (None, 80) and theirs.port in (None, 443)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the server"
