"""The options of a Google system, checked: which account acts on which calendar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.google.accounts import SignIn
from connectors.google.tokens import stored
from syncd.connector import Collection, System
from syncd.core.model import normalise_email

if TYPE_CHECKING:
    from connectors.google.connector import Settings

ENDPOINT = "https://www.googleapis.com/calendar/v3/"
PRIMARY = "primary"

_SHARED = ".calendar.google.com"
_ROOM = "@resource.calendar.google.com"
"""How the ids of calendars end that are no person's, and those of rooms among them."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def sign_in_of(system: System, collection: Collection) -> SignIn:
    """Who signs in, to act on this calendar. Raises :class:`~syncd.errors.ConfigError`."""
    account = normalise_email(system.text("account"))
    key, again = system.options.get("service_account"), None
    if key:
        info, subject = secret_table(system, "service_account"), _person(collection, account)
        if not subject:
            hint = 'person = "alice@example.com" in the channel, or account in the system'
            raise system.wrong("service_account", "does not know whom to act for", hint)
    elif account:
        info, subject = stored(system, account), account
        again = partial(stored, system, account)
    else:
        hint = 'service_account = { file = "google.json" }, or account = "me@example.com"'
        raise system.wrong("service_account", "is missing, and so is account", hint)
    return SignIn(
        endpoint=endpoint_of(system),
        subject=subject,
        delegated=bool(key),
        info=info,
        timeout=system.number("timeout", 30, 600, "seconds"),
        ca_file=system.file("ca_file"),
        user_quota=int(system.number("requests_per_user", 600, 1_000_000)),
        project_quota=int(system.number("requests_per_project", 10_000, 10_000_000)),
        again=again,
    )


def _person(collection: Collection, account: str) -> str:
    """Whom a service account acts as: the channel's person; rooms cannot sign in."""
    person, calendar = normalise_email(collection.person), normalise_email(collection.calendar)
    if calendar.endswith(_ROOM) or person.endswith(_SHARED):
        return account or ("" if person.endswith(_SHARED) else person)
    if person:
        return person
    return calendar if "@" in calendar and not calendar.endswith(_SHARED) else account


def settings_of(system: System, collection: Collection, sign_in: SignIn) -> Settings:
    """Which calendar, and how it is written. A mailbox means its primary calendar."""
    from connectors.google.connector import Settings

    calendar = collection.calendar.strip() or normalise_email(collection.person) or PRIMARY
    if calendar.lower() == sign_in.subject:
        calendar = PRIMARY
    identity = sign_in.subject if calendar == PRIMARY else calendar
    return Settings(calendar, identity, collection.invite, system.time_zone or "UTC")


def endpoint_of(system: System) -> str:
    """The address of the API, with the slash at its end that Google's library needs."""
    endpoint = system.text("endpoint") or ENDPOINT
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query:
        raise system.wrong("endpoint", "is no https address")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise system.wrong("endpoint", "must be https: tokens are sent there")
    return endpoint if endpoint.endswith("/") else f"{endpoint}/"


def secret_table(system: System, key: str) -> Mapping[str, Any]:
    """A secret that is a file in JSON, read. Its contents are in no message."""
    value = system.options.get(key)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            hint = f'{key} = {{ file = "…" }}, with the file that Google\'s console gives'
            raise system.wrong(key, "is no JSON", hint) from None
    if not isinstance(value, Mapping):
        raise system.wrong(key, "is no file of Google's console")
    return value
