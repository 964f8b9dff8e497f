"""Secrets: where they come from, and a wrapper that does not show them (invariant 11)."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.errors import ConfigError

SOURCES = ("env", "file", "credential", "keyring")
"""The keys of which a secret's table has exactly one."""

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable that names the folder of ``{ credential = "name" }``. systemd sets it for a unit
with ``LoadCredential=`` (https://systemd.io/CREDENTIALS/, read 2026-11)."""

KEYRING_SERVICE = "syncd"
"""The service under which ``{ keyring = "name" }`` looks ``name`` up."""

_LITERAL = 'is written into the configuration; { env = "…" } or { file = "…" } keeps it out'

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secret:
    """Text that shows itself only to who asks by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Hand it on, never print it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A secret and what an administrator should be told about where it was kept."""

    secret: Secret
    warning: str = ""


def is_reference(value: object) -> bool:
    """Whether a value of the configuration says where a secret is: ``{ env = "NAME" }``."""
    return isinstance(value, Mapping) and any(source in value for source in SOURCES)


def has_password(text: str) -> bool:
    """Whether ``text`` is a URL with a password in it, or one that cannot be judged."""
    try:
        return bool(urlsplit(text).password)
    except ValueError:
        return "@" in text


def resolve(value: object, folder: Path, environ: Mapping[str, str]) -> Resolved:
    """The secret that ``value`` names, or is.

    ``value``: text, or a table with one of ``env``, ``file`` (relative to ``folder``),
    ``credential`` and ``keyring``. Raises ``ConfigError`` with a message and a hint, without
    file and line.
    """
    if isinstance(value, str):
        if not value:
            raise ConfigError("is empty")
        harmless = "://" in value and not has_password(value)  # an address alone
        return Resolved(Secret(value), "" if harmless else _LITERAL)
    if not isinstance(value, Mapping) or len(value) != 1 or not is_reference(value):
        raise ConfigError(
            "must be text or a table",
            hint='{ env = "…" }, { file = "…" }, { credential = "…" } or { keyring = "…" }',
        )
    ((source, name),) = value.items()
    if not isinstance(name, str) or not name:
        raise ConfigError(f'needs text after "{source} ="')
    if source == "env":
        return Resolved(_from_environment(name, environ))
    if source == "file":
        return Resolved(*_from_file(folder / name, f'the secret\'s file "{name}"'))
    if source == "credential":
        return Resolved(_from_credential(name, environ))
    return Resolved(_from_keyring(name))


def _from_environment(name: str, environ: Mapping[str, str]) -> Secret:
    if _VARIABLE.fullmatch(name) is None:  # perhaps the secret itself: do not repeat it
        raise ConfigError("env must name an environment variable", hint="such as CRM_TOKEN")
    text = environ.get(name, "")
    if not text:
        state = "is empty" if name in environ else "is not set"
        raise ConfigError(f"the environment variable {name} {state}", hint=f"export {name}=…")
    return Secret(text)


def _from_file(path: Path, called: str) -> tuple[Secret, str]:
    """The secret, and a warning if others may read the file. ``called``: its name in messages."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{called} cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or a path with a NUL
        raise ConfigError(f"{called} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigError(f"{called} is empty")
    warning = ""
    if mode & 0o077:
        warning = f"others may read {called} (mode {mode:04o}); chmod 600 it"
    return Secret(text), warning


def _from_credential(name: str, environ: Mapping[str, str]) -> Secret:
    """Whoever makes the folder guards it: systemd gives the files to the unit's user alone."""
    if Path(name).name != name:
        raise ConfigError(f'"{name}" is no credential\'s name', hint="the ID of LoadCredential=")
    folder = environ.get(CREDENTIALS, "")
    if not folder:
        raise ConfigError(
            f'the credential "{name}" is not there: {CREDENTIALS} is not set',
            hint=f"LoadCredential={name}:… in the unit; in a shell, {CREDENTIALS}=FOLDER",
        )
    secret, _ = _from_file(Path(folder) / name, f'the credential "{name}"')
    return secret


def _from_keyring(name: str) -> Secret:
    try:
        keyring: Any = import_module("keyring")
        errors: Any = import_module("keyring.errors")
    except ImportError:
        raise ConfigError(
            "keyrings need another package", hint='pip install "syncd[keyring]"'
        ) from None
    try:
        text = keyring.get_password(KEYRING_SERVICE, name)
    except errors.KeyringError as error:
        raise ConfigError(f"the keyring does not answer: {type(error).__name__}") from None
    if not text:
        raise ConfigError(
            f'the keyring has no "{name}"', hint=f"keyring set {KEYRING_SERVICE} {name}"
        )
    return Secret(text)
