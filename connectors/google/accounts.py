"""Whose account is used and how it signs in. No token is ever shown.

A service account with domain-wide delegation acts as each channel's person; a colleague's own
consent is a refresh token that ``syncd auth`` has stored (:mod:`connectors.google.consent`).
https://developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

import hashlib
import json
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from syncd.core.quota import Quota
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from google_auth_httplib2 import Request

    from connectors.google.transport import Connections

SCOPE = "https://www.googleapis.com/auth/calendar.events"
"""The least that reads, writes and watches events; it reaches no settings and no sharing."""

FREE_BUSY = "https://www.googleapis.com/auth/calendar.events.freebusy"
"""The least that answers ``freebusy.query`` also for rooms and shared calendars:
``calendar.events`` is not among its scopes (discovery document, revision 20261030). A service
account asks for it only then, so that a delegation without it does for everything else."""

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signs in where. ``info`` is a service account's key file, or a stored consent."""

    endpoint: str
    subject: str
    delegated: bool
    info: Mapping[str, Any] = field(repr=False)
    timeout: float = 30.0
    ca_file: str = ""
    user_quota: int = 600
    project_quota: int = 10_000
    again: Callable[[], Mapping[str, Any]] | None = field(default=None, repr=False, compare=False)
    """Reads a stored consent anew: ``syncd auth`` may have run meanwhile."""

    @property
    def project(self) -> str:
        """Whose quota the requests count against: that of the project which made the key."""
        for name in ("project_id", "client_id", "client_email"):
            if self.info.get(name):
                return str(self.info[name])
        return self.subject


class Signer:
    """Tokens for one scope of one sign-in, shared by threads. A consent has one for all scopes."""

    def __init__(self, sign_in: SignIn, scope: str) -> None:
        self._sign_in, self._scope, self._info = sign_in, scope, sign_in.info
        self._credentials = credentials_of(sign_in, scope)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Signer(…)"

    @property
    def delegated(self) -> bool:
        """Whether a service account acts as somebody."""
        return self._sign_in.delegated

    def sign(self, request: Request, headers: dict[str, str]) -> None:
        """Put a valid token into ``headers``; one thread renews it for all.

        Raises ``google.auth.exceptions.GoogleAuthError``.
        """
        with self._lock:
            if not self._credentials.valid:
                self._refresh(request)
            self._credentials.apply(headers)

    def _refresh(self, request: Request) -> None:
        from google.auth.exceptions import RefreshError

        try:
            self._credentials.refresh(request)
        except RefreshError:
            info = self._sign_in.again() if self._sign_in.again is not None else self._info
            if info == self._info:
                raise
            self._info = info
            self._credentials = credentials_of(replace(self._sign_in, info=info), self._scope)
            self._credentials.refresh(request)

    def forget(self) -> None:
        """The token was refused: get another one before the next request."""
        with self._lock:
            self._credentials.token = None


class Account:
    """One person's credentials, connections and quotas, shared by all connectors that act as it.

    ``events`` signs what concerns events.
    """

    def __init__(self, sign_in: SignIn, project: Project) -> None:
        from connectors.google.transport import Connections

        self.sign_in, self.project = sign_in, project
        self.connections: Connections = Connections(sign_in.timeout, sign_in.ca_file)
        self.quota = Quota(sign_in.user_quota, MINUTE, threading.Lock())
        self.events = Signer(sign_in, SCOPE)

    def __repr__(self) -> str:
        return "Account(…)"

    @cached_property
    def free_busy(self) -> Signer:
        """Signs look-ups of when calendars are taken."""
        return Signer(self.sign_in, FREE_BUSY) if self.sign_in.delegated else self.events

    @property
    def quotas(self) -> tuple[Quota, Quota]:
        """Those that each request counts against, the narrower first."""
        return self.quota, self.project.quota


@dataclass(slots=True, weakref_slot=True)
class Project:
    """A Google Cloud project, by which all its users' requests are counted together."""

    quota: Quota


def credentials_of(sign_in: SignIn, scope: str) -> Any:
    """google-auth's credentials for a scope. Raises :class:`~syncd.errors.ConfigError`."""
    try:
        if sign_in.delegated:
            from google.oauth2 import service_account

            return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # not typed there
                sign_in.info, scopes=[scope], subject=sign_in.subject
            )
        from google.oauth2.credentials import Credentials

        return Credentials(  # type: ignore[no-untyped-call]  # not typed there
            None,
            refresh_token=sign_in.info["refresh_token"],
            token_uri=sign_in.info["token_uri"],
            client_id=sign_in.info["client_id"],
            client_secret=sign_in.info["client_secret"],
        )
    except (ValueError, KeyError, TypeError):
        # The library's words may quote the key.
        kind = "a service account's key" if sign_in.delegated else "a stored sign-in"
        raise ConfigError(f"is not {kind} that can be used") from None


_accounts: weakref.WeakValueDictionary[bytes, Account] = weakref.WeakValueDictionary()
_projects: weakref.WeakValueDictionary[tuple[str, str, int], Project] = (
    weakref.WeakValueDictionary()
)
_lock = threading.Lock()


def account_for(sign_in: SignIn) -> Account:
    """The one account of this sign-in. Raises :class:`~syncd.errors.ConfigError`."""
    info = json.dumps(dict(sign_in.info), sort_keys=True, default=str)
    parts = (sign_in.endpoint, sign_in.subject, str(sign_in.delegated), info, sign_in.ca_file)
    text = "\0".join((*parts, f"{sign_in.timeout} {sign_in.user_quota} {sign_in.project_quota}"))
    key = hashlib.sha256(text.encode()).digest()
    named = (sign_in.endpoint, sign_in.project, sign_in.project_quota)
    with _lock:
        found = _accounts.get(key)
        if found is None:
            project = _projects.get(named)
            if project is None:
                quota = Quota(sign_in.project_quota, MINUTE, threading.Lock())
                project = _projects[named] = Project(quota)
            found = _accounts[key] = Account(sign_in, project)
        return found
