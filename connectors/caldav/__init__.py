"""Calendars on CalDAV servers: Nextcloud, Radicale, SOGo, Baikal, iCloud and their like."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncd.connector import Collection, Manifest, System
from syncd.core.model import normalise_email

if TYPE_CHECKING:
    from connectors.caldav.connector import CalDavConnector

_AUTHS = ("basic", "digest", "bearer")
_SCHEDULING = ("refuse", "write")
_DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True)
class CalDavPlugin:
    """What the entry point names. Importing it loads no library; connecting does."""

    package: str = field(default=__name__)

    @cached_property
    def manifest(self) -> Manifest:
        """The contents of ``manifest.toml``."""
        return Manifest.of(self.package)

    def connect(self, system: System, collection: Collection) -> CalDavConnector:
        """A connector for one calendar. Raises :class:`~syncd.errors.ConfigError`."""
        from connectors.caldav.client import Account
        from connectors.caldav.connector import CalDavConnector, Settings
        from connectors.caldav.webdav import canonical_path

        url = urlsplit(system.text("url"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise system.wrong("url", "is no http or https address")
        if url.username or url.password:
            raise system.wrong("url", "must not have a password in it")
        auth = _one_of(system, "auth", _AUTHS)
        secret = system.text("token") if auth == "bearer" else _password(system)
        account = Account(
            origin=f"{url.scheme}://{url.netloc}",
            username=system.text("username"),
            secret=secret,
            auth=auth,
            timeout=system.number("timeout", _DEFAULT_TIMEOUT, 600, "seconds"),
            ca_file=system.file("ca_file"),
            features=system.text("features"),
        )
        return CalDavConnector(
            Settings(
                account=account,
                start=canonical_path(url.path or "/") or "/",
                wanted=collection.calendar.strip(),
                person=normalise_email(collection.person),
                invite=collection.invite,
                refuse=_one_of(system, "scheduling", _SCHEDULING) == "refuse",
            )
        )


def _password(system: System) -> str:
    """As it is: it may begin or end with a space."""
    value = system.options.get("password", "")
    if not isinstance(value, str):
        raise system.wrong("password", "must be text")
    return value


def _one_of(system: System, key: str, values: tuple[str, ...]) -> str:
    value = system.text(key) or values[0]
    if value not in values:
        raise system.wrong(key, f"must be one of {', '.join(values)}")
    return value


plugin = CalDavPlugin()
"""The entry point ``caldav``."""
