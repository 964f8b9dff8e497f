"""Errors by consequence: each class answers one question, what the caller should do.

::

    SyncdError
    ├── ConfigError            stop: an administrator must mend the configuration
    ├── StateUnavailable       try later: no room for the state, or its server is away
    └── ConnectorError         raised by connectors, translated once, at their client
        ├── Unavailable        back off, try later (``retry_after`` seconds)
        │   └── Locked         likewise, this one item: the others go on
        ├── Unauthorized       pause the system, tell the administrator
        ├── CursorExpired      observe everything again
        ├── Stale              somebody was faster: fetch the key and settle again
        └── Rejected           set this one item aside, with the vendor's words
"""

from __future__ import annotations


class SyncdError(Exception):
    """The root of every error that syncd raises on purpose."""


class ConfigError(SyncdError):
    """The configuration is wrong: says the file, the line, what, and how to mend it."""

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, key: str = "", hint: str = ""
    ) -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        what = f"{key}: " if key else ""
        mend = f" ({hint})" if hint else ""
        super().__init__(f"{where}{what}{message}{mend}")
        self.message, self.file, self.line, self.key, self.hint = message, file, line, key, hint


class StateUnavailable(SyncdError):
    """The state cannot be read or written for now; nothing is wrong with the configuration."""


class ConnectorError(SyncdError):
    """Something went wrong between a connector and its system.

    Messages carry ids, codes and the vendor's words about the fault, never an
    appointment's title, a person's name or a secret (invariant 11).
    """


class Unavailable(ConnectorError):
    """The system does not answer, or asks to wait.

    ``retry_after`` is in seconds, ``None`` if the system named no time. ``maybe_applied``
    is true where a write may have been carried out although no answer came: the intent
    then stays open. ``lone``: the system answers; it is this one collection that is not there.
    ``waited``: for as long as is configured, so that to ask again at once is no use.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        maybe_applied: bool = False,
        lone: bool = False,
        waited: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after, self.maybe_applied, self.lone = retry_after, maybe_applied, lone
        self.waited = waited


class Locked(Unavailable):
    """Somebody is at this one item just now: it is tried again, and the others go on."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, maybe_applied: bool = False
    ) -> None:
        super().__init__(message, retry_after=retry_after, maybe_applied=maybe_applied, lone=True)


class Unauthorized(ConnectorError):
    """The system refuses our credentials or our rights. ``lone``: those to one collection only,
    which says nothing about the others."""

    def __init__(self, message: str, *, lone: bool = False) -> None:
        super().__init__(message)
        self.lone = lone


class CursorExpired(ConnectorError):
    """The cursor is no longer valid: observe without one."""


class Stale(ConnectorError):
    """The copy has another version than the one the write was based on, or it is gone.

    For a create: the key exists already. ``key`` names what to fetch.
    """

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class Rejected(ConnectorError):
    """The system understood and refused this one item; trying the same again is useless."""
