"""What every command begins with: its configuration, the store, who is asking."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from syncd import log, plugins
from syncd.cli import console
from syncd.config import ConfigErrors, LogLevel, Settings, find_config, load
from syncd.errors import ConfigError
from syncd.store import Store, clearly

Config = Annotated[
    str | None, typer.Option("--config", help="The configuration (else $SYNCD_CONFIG, …).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
BridgeName = Annotated[str | None, typer.Option("--bridge", help="Only this bridge.")]


def config_path(config: str | None) -> Path:
    """The file of the configuration."""
    return find_config(config, os.environ, Path.cwd())


def read_settings(config: str | None, *, daemon: bool = False) -> Settings:
    """The configuration. Commands that answer by themselves log only what went wrong."""
    settings = load(config_path(config), plugins.Plugins())
    level = settings.daemon.log_level
    if level is LogLevel.INFO and not daemon:
        level = LogLevel.WARNING
    log.configure(settings.daemon.log_format, level, settings.secrets)
    for warning in settings.warnings:
        console.warning(warning)
    return settings


def told_errors(error: ConfigError) -> None:
    """What is wrong with the configuration, or with how a command was called: a line each."""
    for each in error.errors if isinstance(error, ConfigErrors) else (error,):
        console.error(str(each))


def known_bridge(settings: Settings, name: str | None) -> None:
    """Raises ``ConfigError`` if ``name`` is no bridge; ``None`` means all."""
    names = [bridge.name for bridge in settings.bridges]
    if name is not None and name not in names:
        raise ConfigError(f"there is no bridge {name!r}", key="--bridge", hint=", ".join(names))


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store, for as long as the command takes. What it refuses then is told clearly."""
    url = settings.daemon.state.reveal()
    with clearly(url), Store.open(url) as store:
        yield store


def me() -> str:
    """Who is asking: the name that approvals and orders are recorded under."""
    return getpass.getuser()
