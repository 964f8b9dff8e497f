"""Calendars on CalDAV servers: Nextcloud, Radicale, SOGo, Baikal, iCloud and their like."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncd.connector import Collection, Manifest, System
from syncd.core.model import normalise_email
from syncd.errors import ConfigError

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
        text = (files(self.package) / "manifest.toml").read_text(encoding="utf-8")
        read = tomllib.loads(text)
        for name in ("required", "secrets"):
            read[name] = frozenset(read[name])
        return Manifest(**read)

    def connect(self, system: System, collection: Collection) -> CalDavConnector:
        """A connector for one calendar. Raises :class:`~syncd.errors.ConfigError`."""
        from connectors.caldav.client import Account
        from connectors.caldav.connector import CalDavConnector, Settings
        from connectors.caldav.webdav import canonical_path

        options = system.options
        url = urlsplit(_text(system, "url"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise _wrong(system, "url", "is no http or https address")
        if url.username or url.password:
            raise _wrong(system, "url", "must not have a password in it")
        auth = _one_of(system, "auth", _AUTHS)
        secret = _text(system, "token" if auth == "bearer" else "password")
        account = Account(
            origin=f"{url.scheme}://{url.netloc}",
            username=_text(system, "username"),
            secret=secret,
            auth=auth,
            timeout=_timeout(system, options),
            ca_file=_file(system, "ca_file"),
            features=_text(system, "features"),
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


def _text(system: System, key: str) -> str:
    value = system.options.get(key, "")
    if not isinstance(value, str):
        raise _wrong(system, key, "must be text")
    return value.strip() if key != "password" else value


def _one_of(system: System, key: str, values: tuple[str, ...]) -> str:
    value = _text(system, key) or values[0]
    if value not in values:
        raise _wrong(system, key, f"must be one of {', '.join(values)}")
    return value


def _timeout(system: System, options: Mapping[str, object]) -> float:
    value = options.get("timeout", _DEFAULT_TIMEOUT)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 600:
        raise _wrong(system, "timeout", "must be a number of seconds up to 600")
    return float(value)


def _file(system: System, key: str) -> str:
    name = _text(system, key)
    if not name:
        return ""
    path = Path(system.folder) / name
    if not path.is_file():
        raise _wrong(system, key, "is no file")
    return str(path)


def _wrong(system: System, key: str, what: str) -> ConfigError:
    return ConfigError(what, key=f"systems.{system.name}.{key}")


plugin = CalDavPlugin()
"""The entry point ``caldav``."""
