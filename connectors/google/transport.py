"""HTTP to Google: one connection for each request under way, signed, limited, counted.

httplib2 is not thread-safe: one object shared by six threads gave some the answers of others
(seen). So each request takes an idle one of its account, and nobody else has it meanwhile. It
follows no redirect (a token would travel), and reads no answer of any size.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode

import httplib2
from google.auth import exceptions as auth_errors
from google_auth_httplib2 import Request as AuthRequest

from syncd.errors import Unauthorized, Unavailable

MAX_ANSWER = 20_000_000
"""The largest answer that is read, in bytes after decompression."""

_USER_AGENT = "syncd"


class TooLarge(http.client.HTTPException):
    """The answer is larger than anybody needs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. ``writes``: whether it may change something at Google."""

    method: str
    url: str
    body: str | None
    headers: Mapping[str, str]
    writes: bool


@dataclass(slots=True)
class Connections:
    """The idle connections of one account; each has a socket, and is used by one at a time."""

    timeout: float
    ca_file: str = ""
    _idle: list[httplib2.Http] = field(default_factory=list)

    def take(self) -> httplib2.Http:
        """One that nobody else uses until it is given back: the one that was used last."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, taken: httplib2.Http) -> None:
        """It is idle again."""
        self._idle.append(taken)

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().close()

    def _make(self) -> httplib2.Http:
        made = httplib2.Http(timeout=self.timeout)
        made.follow_redirects = False
        made.forward_authorization_headers = False
        return made


class Sign(Protocol):
    """What puts a token into the headers of a request; raises ``GoogleAuthError``."""

    @property
    def delegated(self) -> bool:
        """Whether a service account acts as somebody."""
        ...

    def sign(self, request: AuthRequest, headers: dict[str, str]) -> None:
        """Put it there."""
        ...


class Sent:
    """Counts requests as they leave, those that httplib2 repeats by itself included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self) -> None:
        """One more."""
        with self._lock:
            self.value += 1


def exchange(
    connections: Connections,
    sign: Sign,
    asked: Asked,
    sent: Callable[[], None],
) -> Answer:
    """One request, signed. Raises :class:`~syncd.errors.Unavailable` if no answer comes
    (``maybe_applied`` for a write that left), ``Unauthorized`` if the sign-in is refused."""
    taken = connections.take()
    left = False

    def leaves() -> None:
        nonlocal left
        left = True
        sent()

    try:
        kind = _connection_type(asked.url, connections.ca_file)
        signed = {"user-agent": _USER_AGENT, "accept-encoding": "gzip", **asked.headers}
        sign.sign(_AuthRequest(taken, connections.ca_file), signed)
        with _telling(leaves):
            response, content = taken.request(
                asked.url, asked.method, body=asked.body, headers=signed, connection_type=kind
            )
    except auth_errors.GoogleAuthError as error:
        taken.close()
        raise sign_in_error(error, delegated=sign.delegated) from None
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError) as error:
        # Closed: else a late answer would be read as that of the next request.
        taken.close()
        fault = type(error).__name__
        doubt = asked.writes and left
        raise Unavailable(
            f"Google does not answer: {fault}", maybe_applied=doubt, waited="Timeout" in fault
        ) from None
    connections.give_back(taken)
    return Answer(response.status, {k.lower(): v for k, v in response.items()}, content)


def post_form(connections: Connections, url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The answer of a token endpoint. Raises as :func:`exchange`."""
    taken = connections.take()
    headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": _USER_AGENT}
    try:
        response, content = taken.request(
            url,
            "POST",
            body=urlencode(form),
            headers=headers,
            connection_type=_connection_type(url, connections.ca_file),
        )
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError) as error:
        fault = type(error).__name__
        raise Unavailable(f"Google's sign-in does not answer: {fault}") from None
    finally:
        taken.close()
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if response.status >= 500 or not isinstance(value, dict):
        raise Unavailable(f"Google's sign-in answers HTTP {response.status}")
    if response.status != 200:
        code = str(value.get("error", ""))
        said = code if code.isidentifier() else f"HTTP {response.status}"
        raise Unauthorized(f"Google refuses the sign-in: {said}")
    return value


def sign_in_error(
    error: auth_errors.GoogleAuthError, *, delegated: bool = False
) -> Unavailable | Unauthorized:
    """What a refused token means. Only the code of the error is told: the rest names people.

    With a service account (``delegated``) ``invalid_grant`` is most often one person who is not, or
    no longer, in the company; ``unauthorized_client`` says that the scope was not delegated.
    """
    if isinstance(error, auth_errors.TransportError) or error.retryable:
        return Unavailable("Google's sign-in does not answer")
    said = str(error.args[0]) if error.args else ""
    code = said.partition(":")[0].strip()
    if not code.isidentifier():
        code = type(error).__name__
    about_key = "JWT" in said or "account not found" in said
    lone = delegated and code == "invalid_grant" and not about_key
    return Unauthorized(f"Google refuses the sign-in: {code}", lone=lone)


class _AuthRequest(AuthRequest):  # type: ignore[misc]  # its library ships no types
    """How google-auth asks for tokens: over our own kind of socket."""

    def __init__(self, taken: httplib2.Http, ca_file: str) -> None:
        super().__init__(taken)
        self._ca_file = ca_file

    def __call__(self, url: str, *args: Any, timeout: object = None, **options: Any) -> Any:
        """As its class; the timeout is that of the connection."""
        kind = _connection_type(url, self._ca_file)
        try:
            return super().__call__(url, *args, connection_type=kind, **options)
        except OSError as error:
            raise auth_errors.TransportError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # its library's own class


_leaving = threading.local()


@contextmanager
def _telling(leaves: Callable[[], None]) -> Iterator[None]:
    """Meanwhile this thread's requests are told as they leave."""
    _leaving.told = leaves
    try:
        yield
    finally:
        _leaving.told = None


class _Response(http.client.HTTPResponse):
    """An answer that is read up to a limit, compressed or not."""

    def read(self, amt: int | None = None) -> bytes:
        """All of it. Raises :class:`TooLarge`."""
        if amt is not None:
            return super().read(amt)
        content = super().read(MAX_ANSWER + 1)
        if len(content) > MAX_ANSWER:
            self.close()
            raise TooLarge
        if self.headers.get("content-encoding", "").lower() != "gzip":
            return content
        del self.headers["content-encoding"]
        try:
            unpacker = zlib.decompressobj(wbits=31)
            plain = unpacker.decompress(content, MAX_ANSWER)
        except zlib.error as error:
            raise http.client.HTTPException("no gzip") from error
        if unpacker.unconsumed_tail:
            self.close()
            raise TooLarge
        return plain


class _Plain(httplib2.HTTPConnectionWithTimeout):
    response_class = _Response

    def request(self, *args: Any, **options: Any) -> None:
        """As its class, and counted."""
        _tell_leaving()
        super().request(*args, **options)


class _Secure(httplib2.HTTPSConnectionWithTimeout):
    response_class = _Response
    extra = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        context: ssl.SSLContext = vars(self)["_context"]  # the standard library's, and no secret
        context.load_default_certs()
        if self.extra:
            context.load_verify_locations(self.extra)

    def request(self, *args: Any, **options: Any) -> None:
        """As its class, and counted."""
        _tell_leaving()
        super().request(*args, **options)


def _tell_leaving() -> None:
    told = getattr(_leaving, "told", None)
    if told is not None:
        told()


def _connection_type(url: str, ca_file: str) -> type[Any]:
    return _Plain if url.startswith("http:") else _secure(ca_file)


@cache
def _secure(ca_file: str) -> type[Any]:
    """Sockets that trust what the system trusts, and the authorities in ``ca_file``."""
    return type("_Trusting", (_Secure,), {"extra": ca_file})


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a Retry-After header asks for; ``now`` is in seconds of the epoch."""
    bare = headers.get("retry-after", "").strip()
    if bare.isascii() and bare.isdigit() and len(bare) < 7:
        return float(bare)
    try:
        return max(0.0, parsedate_to_datetime(bare).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
