"""Google Calendar: a service account for the whole company, or a colleague's own consent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from syncd.connector import Collection, Manifest, Notice, Receipt, System
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from connectors.google.connector import GoogleConnector


@dataclass(frozen=True)
class GooglePlugin:
    """What the entry point names. Importing it loads no library; connecting does."""

    package: str = field(default=__name__)

    @cached_property
    def manifest(self) -> Manifest:
        """The contents of ``manifest.toml``."""
        return Manifest.of(self.package)

    def connect(self, system: System, collection: Collection) -> GoogleConnector:
        """A connector for one calendar. Raises :class:`~syncd.errors.ConfigError`."""
        _be_installed()
        from connectors.google.accounts import account_for
        from connectors.google.connector import GoogleConnector
        from connectors.google.options import settings_of, sign_in_of

        sign_in = sign_in_of(system, collection)
        return GoogleConnector(account_for(sign_in), settings_of(system, collection, sign_in))

    def receive(self, notice: Notice) -> Receipt:
        """Read one of Google's notifications."""
        from connectors.google.notices import receive

        return receive(notice)

    def sign_in(
        self,
        system: System,
        say: Callable[[str], None],
        ask: Callable[[str], str] | None,
        *,
        browser: bool,
    ) -> str:
        """A person's consent, kept where ``tokens`` says; whose it was."""
        _be_installed()
        from connectors.google.consent import sign_in

        return sign_in(system, say, ask, browser=browser)


def _be_installed() -> None:
    """Raise :class:`~syncd.errors.ConfigError` if Google's libraries are not there."""
    if not all(map(find_spec, ("googleapiclient", "google_auth_httplib2", "httplib2"))):
        raise ConfigError(
            "the connector google needs other packages", hint='pip install "syncd[google]"'
        )


plugin = GooglePlugin()
"""The entry point ``google``."""
