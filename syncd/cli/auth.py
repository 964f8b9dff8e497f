"""``syncd auth``: a person signs in to a system. The connector leads through it; no token is
shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from syncd import plugins
from syncd.cli import console
from syncd.cli.opening import open_store
from syncd.config import Settings
from syncd.connector import SignsIn
from syncd.errors import ConfigError
from syncd.problems import nearest


def sign_in(settings: Settings, name: str, *, browser: bool, json: bool) -> None:
    """Sign in to the system ``name``. Raises ``ConfigError``, ``Unauthorized``,
    ``Unavailable``."""
    if name not in settings.systems:
        hint = nearest(name, settings.systems)
        raise ConfigError(f'there is no system "{name}"', file=settings.file, hint=hint)
    connector = settings.systems[name].connector
    plugin = plugins.plugin(connector)
    if not isinstance(plugin, SignsIn):
        raise ConfigError(
            f'nobody signs in to "{name}": the connector "{connector}" has all it needs in the'
            " configuration",
            file=settings.file,
            key=f"systems.{name}",
            hint="syncd check",
        )
    _make_private(Path(settings.daemon.tokens))
    with open_store(settings) as store:
        system = settings.system(name, store.installation)
    say: Callable[[str], None] = console.aside if json else console.line
    account = plugin.sign_in(system, say, _ask(), browser=browser and _has_screen())
    console.said(
        {"system": name, "account": account},
        f"signed in to {name} as {account}; next: syncd check",
        json,
    )


def _make_private(folder: Path) -> None:
    """The folder of the tokens is there, and only for its owner."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror}"
        hint = "tokens in [daemon] names another one"
        raise ConfigError(message, file=str(folder), hint=hint) from None


def _ask() -> Callable[[str], str] | None:
    """A line from whoever sits there; nobody does in a pipe."""
    if not sys.stdin.isatty():
        return None

    def ask(prompt: str) -> str:
        console.aside(prompt)
        return sys.stdin.readline().strip()

    return ask


def _has_screen() -> bool:
    """Whether a browser can show anything: on Linux that takes a display."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
