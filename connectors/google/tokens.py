"""Where a colleague's sign-in is kept: a file that nobody else may read, or the keyring."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from syncd.connector import System
from syncd.errors import ConfigError

KEYRING = "keyring"
FILE = "file"
_SERVICE = "syncd"

KEPT = ("refresh_token", "token_uri", "client_id", "client_secret")
"""What a sign-in is made of. Access tokens are never stored: they live an hour, in memory."""


def stored(system: System, account: str) -> Mapping[str, Any]:
    """The sign-in of an account. Raises :class:`~syncd.errors.ConfigError` if there is none."""
    found = _from_keyring(account) if _in_keyring(system) else _from_file(system, account)
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in KEPT):
        raise ConfigError(
            "nobody has signed in as this account",
            key=f"systems.{system.name}.account",
            hint=f"syncd auth {system.name}",
        )
    return found


def keep(system: System, account: str, sign_in: Mapping[str, str]) -> None:
    """Store a sign-in. Raises :class:`~syncd.errors.ConfigError`."""
    value = {key: sign_in[key] for key in KEPT}
    if _in_keyring(system):
        _to_keyring(account, value)
        return
    path = _path(system)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"account": account, **value}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise ConfigError(
            f'the sign-in cannot be kept in "{path.name}": {error.strerror}',
            key=f"systems.{system.name}",
        ) from None


def _in_keyring(system: System) -> bool:
    where = system.options.get("tokens", FILE)
    if where not in (FILE, KEYRING):
        raise ConfigError(f'must be "{FILE}" or "{KEYRING}"', key=f"systems.{system.name}.tokens")
    return where == KEYRING


def _path(system: System) -> Path:
    return Path(system.tokens or system.folder) / f"{system.name}.json"


def _from_file(system: System, account: str) -> object:
    try:
        value = json.loads(_path(system).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise ConfigError(
            "its sign-in cannot be read",
            key=f"systems.{system.name}.account",
            hint=f"syncd auth {system.name}, as the user that syncd runs as",
        ) from None
    return value if isinstance(value, dict) and value.get("account") == account else None


def _keyring() -> tuple[Any, Any]:
    try:
        return import_module("keyring"), import_module("keyring.errors")
    except ImportError:
        raise ConfigError(
            "keyrings need another package", hint='pip install "syncd[keyring]"'
        ) from None


def _from_keyring(account: str) -> object:
    keyring, errors = _keyring()
    try:
        return json.loads(keyring.get_password(_SERVICE, f"google:{account}") or "null")
    except errors.KeyringError as error:
        raise ConfigError(f"the keyring does not answer: {type(error).__name__}") from None
    except ValueError:
        return None


def _to_keyring(account: str, value: Mapping[str, str]) -> None:
    keyring, errors = _keyring()
    try:
        keyring.set_password(_SERVICE, f"google:{account}", json.dumps(value))
    except errors.KeyringError as error:
        raise ConfigError(f"the keyring does not take it: {type(error).__name__}") from None
