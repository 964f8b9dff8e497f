"""Calendars of Microsoft 365 (Exchange Online), by Microsoft Graph v1.0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncd.connector import Collection, Manifest, Notice, Receipt, System
from syncd.core.model import normalise_email
from syncd.core.zones import zone_info

if TYPE_CHECKING:
    from connectors.microsoft365.client import Account
    from connectors.microsoft365.connector import GraphConnector
    from syncd.core.model import Appointment

_ENDPOINT = "https://graph.microsoft.com/v1.0/"
_AUTHORITY = "https://login.microsoftonline.com"
_DEFAULT_TIMEOUT = 60.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Microsoft365Plugin:
    """What the entry point names. Importing it loads no library; connecting does."""

    package: str = field(default=__name__)

    @cached_property
    def manifest(self) -> Manifest:
        """The contents of ``manifest.toml``."""
        return Manifest.of(self.package)

    def connect(self, system: System, collection: Collection) -> GraphConnector:
        """A connector for one calendar. Raises :class:`~syncd.errors.ConfigError`."""
        from connectors.microsoft365.connector import GraphConnector, Settings
        from connectors.microsoft365.places import place_of
        from connectors.microsoft365.translate_write import Style

        account = self._account(system)
        person = normalise_email(collection.person)
        is_application = account.credentials.is_application
        place = place_of(collection.calendar, person, is_application=is_application)
        zone = system.time_zone if zone_info(system.time_zone) is not None else "UTC"
        style = Style(collection.invite, zone)
        return GraphConnector(Settings(account, place, person, style))

    def expresses(self, appointment: Appointment) -> bool:
        """Whether Graph can hold this series itself."""
        from connectors.microsoft365.expressible import expresses

        return expresses(appointment)

    def receive(self, notice: Notice) -> Receipt:
        """Read a notification of Graph."""
        from connectors.microsoft365.watching import receive

        return receive(notice)

    def sign_in(
        self,
        system: System,
        say: Callable[[str], None],
        ask: Callable[[str], str] | None,
        *,
        browser: bool,
    ) -> str:
        """Lead a person through the consent by a code, which any browser takes."""
        from connectors.microsoft365.signin import sign_in_by_device
        from connectors.microsoft365.transport import Sessions

        account = self._account(system)
        if account.credentials.is_application:
            raise system.wrong("client_secret", "signs in already: nobody needs to consent")
        sessions = Sessions(account.ca_file, account.timeout)
        try:
            return sign_in_by_device(account.credentials, sessions, say)
        finally:
            sessions.close()

    def _account(self, system: System) -> Account:
        from connectors.microsoft365.client import Account
        from connectors.microsoft365.signin import Credentials

        endpoint = _address(system, "endpoint", _ENDPOINT, plain=True)
        authority = _address(system, "authority", _AUTHORITY, plain=False)
        secret, certificate = system.text("client_secret"), system.text("certificate")
        if secret and certificate:
            raise system.wrong("certificate", "is one too many beside client_secret")
        tenant = system.text("tenant")
        if not tenant or "/" in tenant:
            raise system.wrong("tenant", "must be a domain or an id of the organisation")
        credentials = Credentials(
            authority=authority,
            tenant=tenant,
            client_id=system.text("client_id"),
            resource=f"https://{urlsplit(endpoint).netloc}",
            secret=secret,
            certificate=certificate,
            token_file=str(Path(system.tokens or system.folder) / f"{system.name}.msal.json"),
            system=system.name,
        )
        return Account(
            credentials,
            endpoint.rstrip("/") + "/",
            system.file("ca_file"),
            system.number("timeout", _DEFAULT_TIMEOUT, 600),
        )


def _address(system: System, key: str, default: str, *, plain: bool) -> str:
    """An https address; ``plain``: http will do on this very machine."""
    text = system.text(key) or default
    url = urlsplit(text)
    local = plain and url.scheme == "http" and url.hostname in _LOOPBACK
    if not url.hostname or (url.scheme != "https" and not local):
        raise system.wrong(key, "is no https address")
    if url.username or url.password or url.query:
        raise system.wrong(key, "must be a plain address")
    return text


plugin = Microsoft365Plugin()
"""The entry point ``microsoft365``."""
