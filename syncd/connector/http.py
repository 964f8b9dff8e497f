"""HTTP by niquests, for all that send requests: sessions, answers of bounded size, and whether a
request that failed can have arrived. Nothing of any service is known here."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from niquests import Session

_CHUNK = 65_536
_NO_CONNECTION = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError"}
)


class TooLong(Exception):
    """The answer is longer than was allowed. The connection is closed."""


def new_session() -> Session:
    """A session of its own: sessions are not shared by threads."""
    import niquests

    # Neither a UDP port nor a certificate authority's server for revocations may be reachable:
    # both would only cost a timeout.
    return niquests.Session(disable_http3=True, revocation_configuration=None)


def body_of(response: Any, most: int) -> bytes:
    """The body of a streamed response. ``most``: bytes after decompression.

    Raises ``TooLong``, and what niquests and urllib3 raise.
    """
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(_CHUNK):
        size += len(part)
        if size > most:
            response.close()
            raise TooLong
        parts.append(part)
    return b"".join(parts)


def never_sent(error: BaseException, besides: Set[str] = frozenset()) -> bool:
    """Whether no connection came about, so that a write cannot have been carried out.

    ``besides``: names of further errors that come before a request has left.
    """
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    names = {type(each).__name__ for each in (error, reason)}
    return not names.isdisjoint(_NO_CONNECTION | besides)
