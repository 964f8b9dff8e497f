"""Signing in by msal: an application's secret or certificate, or a person's consent."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.microsoft365.transport import Sessions
from syncd.errors import ConfigError, SyncdError, Unauthorized, Unavailable

if TYPE_CHECKING:
    import msal

MICROSOFT = "login.microsoftonline.com"
"""The only host that is asked about other authorities (instance discovery)."""

_CODE = re.compile(r"AADSTS\d{3,8}")
_PERSONAL = ("Calendars.ReadWrite", "Calendars.ReadWrite.Shared")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in where.

    ``authority``: ``https://login.microsoftonline.com``. ``secret`` and ``certificate`` (PEM with
    the private key) are an application's; without them a person's consent is used, kept in
    ``token_file``. ``resource``: scheme and host of Graph, to which scopes belong.
    """

    authority: str
    tenant: str
    client_id: str
    resource: str
    secret: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    token_file: str = ""
    system: str = ""

    @property
    def is_application(self) -> bool:
        """Whether an application signs in, not a person."""
        return bool(self.secret or self.certificate)

    @property
    def scopes(self) -> list[str]:
        """What is asked for: all that the application was given, or a person's calendars."""
        if self.is_application:
            return [f"{self.resource}/.default"]
        return [f"{self.resource}/{name}" for name in _PERSONAL]


class SignIn:
    """The sign-in of one account: a token from memory, renewed in time. Threads share it."""

    def __init__(self, credentials: Credentials, sessions: Sessions) -> None:
        self._credentials, self._sessions = credentials, sessions
        self._lock = threading.Lock()
        self._application: msal.ClientApplication | None = None
        self._read: float = -1.0

    def token(self, *, refused: str = "") -> str:
        """An access token; another one than ``refused``, which Graph did not take.

        Raises ``Unauthorized``, ``Unavailable``.
        """
        with self._lock:
            application = self._made()
            if not self._credentials.is_application:
                answer = self._of_person(application, refused)
            else:
                answer = self._of_application(application, refused)
        return _token_in(answer)

    def _of_application(self, application: Any, refused: str) -> Any:
        scopes = self._credentials.scopes
        answer = _asked(lambda: application.acquire_token_for_client(scopes=scopes))
        if refused and isinstance(answer, dict) and answer.get("access_token") == refused:
            application.remove_tokens_for_client()
            answer = _asked(lambda: application.acquire_token_for_client(scopes=scopes))
        return answer

    def _of_person(self, application: Any, refused: str) -> Any:
        accounts = application.get_accounts()
        if not accounts:
            raise Unauthorized(f"nobody has signed in; run `syncd auth {self._credentials.system}`")
        scopes = self._credentials.scopes

        def renew(force: bool) -> Any:
            return application.acquire_token_silent(scopes, accounts[0], force_refresh=force)

        answer = _asked(lambda: renew(False))
        if refused and isinstance(answer, dict) and answer.get("access_token") == refused:
            answer = _asked(lambda: renew(True))
        self._save(application)
        return answer

    def _made(self) -> Any:
        """The msal application; a person's anew when ``syncd auth`` has written the file."""
        credentials = self._credentials
        if credentials.is_application:
            if self._application is None:
                self._application = _asked(lambda: confidential(credentials, self._sessions))
            return self._application
        changed = _changed(credentials.token_file)
        if self._application is None or changed != self._read:
            self._application = _asked(
                lambda: public(credentials, self._sessions, _stored(credentials.token_file))
            )
            self._read = changed
        return self._application

    def _save(self, application: Any) -> None:
        cache = application.token_cache
        if cache.has_state_changed:
            store(self._credentials.token_file, cache.serialize())
            cache.has_state_changed = False
            self._read = _changed(self._credentials.token_file)


def sign_in_by_device(
    credentials: Credentials, sessions: Sessions, say: Callable[[str], None]
) -> str:
    """Lead a person through the consent, at any browser; the account's name.

    Raises ``Unauthorized``, ``Unavailable``, ``ConfigError``.
    """
    application = _asked(lambda: public(credentials, sessions, ""))
    flow = _asked(lambda: application.initiate_device_flow(scopes=credentials.scopes))
    if "user_code" not in flow:
        raise _refused(flow)
    say(f"Open {flow.get('verification_uri', '')} in any browser and enter {flow['user_code']}.")
    answer = _asked(lambda: application.acquire_token_by_device_flow(flow))
    _token_in(answer)
    store(credentials.token_file, application.token_cache.serialize())
    accounts = application.get_accounts()
    return str(accounts[0].get("username", "")) if accounts else ""


def confidential(credentials: Credentials, sessions: Sessions) -> msal.ClientApplication:
    """msal's application with a secret or a certificate."""
    import msal

    client_credential: Any = credentials.secret
    if credentials.certificate:
        found = _CERTIFICATE.search(credentials.certificate)
        if found is None or "PRIVATE KEY" not in credentials.certificate:
            raise ConfigError(
                "the file must hold the private key and the certificate, both as PEM",
                key=f"systems.{credentials.system}.certificate",
            )
        client_credential = {
            "private_key": credentials.certificate,
            "public_certificate": found[0],
        }
    return msal.ConfidentialClientApplication(
        credentials.client_id,
        client_credential=client_credential,
        authority=_authority(credentials),
        instance_discovery=_discovers(credentials),
        http_client=sessions.for_sign_in(),
    )


def public(credentials: Credentials, sessions: Sessions, cached: str) -> msal.ClientApplication:
    """msal's application for a person's consent; ``cached`` is what was kept of it."""
    import msal

    cache = msal.SerializableTokenCache()
    if cached:
        cache.deserialize(cached)
    return msal.PublicClientApplication(
        credentials.client_id,
        authority=_authority(credentials),
        instance_discovery=_discovers(credentials),
        http_client=sessions.for_sign_in(),
        token_cache=cache,
    )


def _authority(credentials: Credentials) -> str:
    return f"{credentials.authority.rstrip('/')}/{credentials.tenant}"


def _discovers(credentials: Credentials) -> bool | None:
    return None if urlsplit(credentials.authority).hostname == MICROSOFT else False


def _asked(ask: Callable[[], Any]) -> Any:
    """What msal answers; its errors, and those of HTTP beneath it, as ours."""
    from niquests.exceptions import HTTPError, RequestException

    try:
        return ask()
    except SyncdError:
        raise
    except HTTPError as error:
        status = getattr(error.response, "status_code", 0)
        raise Unavailable(f"the sign-in does not work now: HTTP {status}") from None
    except (RequestException, OSError) as error:
        raise Unavailable(f"the sign-in does not answer: {type(error).__name__}") from None
    except (ValueError, KeyError, TypeError) as error:
        # msal raises ValueError for a tenant that is not known, and for answers without form.
        raise Unauthorized(f"the sign-in failed: {type(error).__name__}") from None


def _token_in(answer: Any) -> str:
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if isinstance(token, str) and token:
        return token
    raise _refused(answer)


def _refused(answer: Any) -> Unauthorized | Unavailable:
    """What a refusal means; of its words only codes are kept (invariant 11)."""
    record = answer if isinstance(answer, dict) else {}
    error = str(record.get("error", "no token"))
    code = _CODE.search(str(record.get("error_description", "")))
    said = "".join(letter for letter in error if letter.isalnum() or letter in "_- ")[:60]
    if error in ("temporarily_unavailable", "server_error"):
        return Unavailable(f"the sign-in does not work now: {said}")
    return Unauthorized(f"the sign-in was refused: {said}" + (f" ({code[0]})" if code else ""))


def _changed(name: str) -> float:
    try:
        return Path(name).stat().st_mtime_ns if name else 0.0
    except OSError:
        return 0.0


def _stored(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8") if name else ""
    except (OSError, UnicodeDecodeError):
        return ""


def store(name: str, text: str) -> None:
    """Write a secret file at once: readable by nobody else, and never half written."""
    path = Path(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigError(f"the token cannot be kept: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise ConfigError(f"the token cannot be kept: {error.strerror}") from error
