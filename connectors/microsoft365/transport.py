"""HTTP by niquests: sessions, limits, trust. Nothing of Graph is known here.

One session for each request under way: sessions are not shared by threads.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from syncd.connector.http import TooLong, body_of, never_sent, new_session
from syncd.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from niquests import Session

MAX_ANSWER = 30_000_000
"""The largest answer that is read, in bytes after decompression."""

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Raw:
    """What came back. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Sessions:
    """The sessions of one account, no more than there were requests at once.

    ``ca_file``: authorities that are trusted besides the system's; empty for those alone.
    """

    def __init__(self, ca_file: str, timeout: float) -> None:
        self._verify: str | bool = trusted(ca_file) if ca_file else True
        self._timeout = timeout
        self._idle: list[Session] = []

    def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, writes: bool
    ) -> Raw:
        """One request; redirects are answers like any other, and are not followed.

        Raises ``Unavailable`` if no whole answer comes, ``maybe_applied`` for what ``writes``.
        """
        from niquests.exceptions import RequestException
        from niquests.packages.urllib3.exceptions import (  # type: ignore[import-not-found]  # aliased at run time
            HTTPError,
        )

        session = self.taken()
        try:
            response = session.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=self._timeout,
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
            content = body_of(response, MAX_ANSWER)
        except (RequestException, HTTPError, OSError) as error:
            doubt = writes and not never_sent(error)
            host, fault = urlsplit(url).hostname or "the server", type(error).__name__
            raise Unavailable(
                f"{host} does not answer: {fault}", maybe_applied=doubt, waited="Timeout" in fault
            ) from None
        except TooLong:
            raise Unavailable(
                f"an answer is larger than {MAX_ANSWER} bytes", maybe_applied=writes
            ) from None
        finally:
            self._idle.append(session)
        answered = {str(key).lower(): str(value) for key, value in response.headers.items()}
        return Raw(int(response.status_code or 0), answered, content)

    def taken(self) -> Session:
        """A session that nobody else uses until it is put back."""
        try:
            return self._idle.pop()
        except IndexError:
            return new_session()

    def for_sign_in(self) -> SignInClient:
        """What msal sends its requests by."""
        return SignInClient(self.taken(), self._verify, self._timeout)

    def close(self) -> None:
        """Close the sessions that are not in use."""
        while self._idle:
            self.taken().close()


class SignInClient:
    """msal's ``http_client``: a session with our trust and time-out.

    msal's own passes ``verify`` to requests, over which ``REQUESTS_CA_BUNDLE`` in the environment
    wins, so that a company's authority would be unknown (msal 1.39, seen).
    """

    def __init__(self, session: Session, verify: str | bool, timeout: float) -> None:
        self._session, self._verify, self._timeout = session, verify, timeout

    def get(self, url: str, **options: Any) -> Any:
        """A GET as msal asks for it."""
        return self._send("GET", url, options)

    def post(self, url: str, **options: Any) -> Any:
        """A POST as msal asks for it."""
        return self._send("POST", url, options)

    def _send(self, method: str, url: str, options: dict[str, Any]) -> Any:
        known = {name: options.get(name) for name in ("params", "data", "headers")}
        return self._session.request(
            method,
            url,
            timeout=self._timeout,
            verify=self._verify,
            allow_redirects=False,
            **known,
        )

    def close(self) -> None:
        """Close the session."""
        self._session.close()


@cache
def trusted(ca_file: str) -> str:
    """The system's authorities and those of a file, as one PEM text. Raises ``ConfigError``."""
    try:
        own = Path(ca_file).read_text(encoding="utf-8")
        ssl.create_default_context(cadata=own)
    except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
        raise ConfigError("ca_file holds no certificate that can be read") from error
    bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), "")
    if bundle and Path(bundle).is_file():
        system = Path(bundle).read_text(encoding="utf-8", errors="replace")
    else:
        import wassima

        system = wassima.generate_ca_bundle()
    return f"{own.strip()}\n{system}"
