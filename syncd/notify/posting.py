"""One JSON request to a robot: verified TLS, no redirects, bounded in time and size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from syncd.connector.http import TooLong, body_of, never_sent, new_session
from syncd.notify.senders import InDoubt, SendError

TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and to wait for (each part of) an answer."""

MOST_BYTES = 65_536
"""The longest answer that is read; a robot's has about 100 bytes."""

_NOT_SENT = frozenset({"SSLError", "ProxyError", "InvalidURL", "MissingSchema", "InvalidSchema"})
"""Errors before the request has left, besides those of connecting."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is the JSON object, empty if it was something else."""

    status: int
    body: dict[str, Any]
    retry_after: str = ""


def post(url: str, payload: dict[str, object]) -> Answer:
    """Send ``payload``. Raises ``SendError`` (``InDoubt`` if it may have arrived)."""
    from niquests.exceptions import RequestException
    from niquests.packages.urllib3.exceptions import (  # type: ignore[import-not-found]  # aliased at run time
        HTTPError,
    )

    try:
        with new_session() as session:
            response = session.post(
                url,
                data=json.dumps(payload, ensure_ascii=False).encode(),
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "User-Agent": "syncd",
                    "Accept": "application/json",
                },
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
            content = body_of(response, MOST_BYTES)
    except TooLong:
        raise SendError("the answer is far too long: that is no robot") from None
    except (RequestException, HTTPError, OSError) as error:
        # ``from None``: the words of a library quote the URL.
        words = f"the service does not answer ({type(error).__name__})"
        if never_sent(error, _NOT_SENT):
            raise SendError(words) from None
        raise InDoubt(words) from None
    status = int(response.status_code or 0)
    retry_after = str(response.headers.get("retry-after", ""))
    return Answer(status, _object(content), retry_after)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
