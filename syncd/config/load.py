"""Configuration file, people file, mappings, rules, environment: all to one ``Settings``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.config.bridges import BridgeReader
from syncd.config.notify import read_notify
from syncd.config.places import state_url, tokens_folder
from syncd.config.schema import ConfigTable, DaemonTable, PeopleTable
from syncd.config.settings import DaemonSettings, Settings
from syncd.config.systems import SystemReader
from syncd.config.webhooks import read_webhooks
from syncd.connector import Manifest
from syncd.core.zones import zone_info
from syncd.errors import ConfigError
from syncd.people import People, read_people
from syncd.problems import Problems
from syncd.schedule import Bounds
from syncd.secrets import Secret, resolve
from syncd.tomlfile import TomlFile, read_toml
from syncd.validation import validate


def load(
    path: Path,
    manifests: Mapping[str, Manifest],
    environ: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Settings:
    """The configuration in ``path``, judged as a whole.

    ``manifests`` are those of the connectors by name (``plugins.Plugins()``); ``environ``
    replaces the process's environment, ``now`` (aware) its clock. Raises ``ConfigError``, or
    ``ConfigErrors`` with all that was found wrong; each names file, line, key and how to mend
    it. Makes no request.
    """
    problems = Problems()
    source = read_toml(path)
    config = validate(ConfigTable, source, (), problems)
    problems.check()
    assert config is not None
    environment = os.environ if environ is None else environ
    folder = path.resolve().parent
    daemon = _daemon(config.daemon, source, folder, environment, problems)
    people = _people(config.people, source, folder, problems)
    reader = SystemReader(source, folder, environment, manifests, problems, daemon.timeout)
    read = {name: reader.read(name, table) for name, table in config.systems.items()}
    systems = {name: system for name, system in read.items() if system is not None}
    today = (now or datetime.now(UTC)).astimezone(zone_info(daemon.time_zone)).date()
    bridges = BridgeReader(source, folder, systems, manifests, people, problems, today)
    settings = Settings(
        file=str(path),
        folder=str(folder),
        daemon=daemon,
        people=people,
        systems=systems,
        bridges=bridges.read(config.bridges),
        last_day=people.changes_after(today),
        notify=read_notify(config.notify, source, folder, environment, problems),
    )
    _check_used(config, source, problems)
    problems.check()
    return replace(settings, warnings=problems.warnings)


def _daemon(
    table: DaemonTable,
    source: TomlFile,
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
) -> DaemonSettings:
    at = ("daemon", "state")
    state = Secret("")
    try:
        text = table.state
        if not isinstance(text, str):
            found = resolve(text, folder, environ)
            text = found.secret.reveal()
            if found.warning:
                problems.warn(source, at, found.warning)
        url, warning = state_url(text, folder)
        state = Secret(url)
        if warning:
            problems.warn(source, at, warning)
    except ConfigError as error:
        problems.error(source, at, error.message, error.hint)
    return DaemonSettings(
        state=state,
        bounds=_bounds(table, source, problems),
        time_zone=table.time_zone,
        past=table.window.past,
        future=table.window.future,
        timeout=table.timeout,
        workers=table.workers,
        listen=table.listen,
        tokens=tokens_folder(table.tokens, state.reveal(), folder),
        webhooks=read_webhooks(table, source, problems),
        log_format=table.log.format,
        log_level=table.log.level,
    )


def _bounds(table: DaemonTable, source: TomlFile, problems: Problems) -> Bounds:
    """By default a busy channel is looked at four times as often, and none less than usual."""
    usual = table.poll_interval
    fastest = table.poll_fastest or min(usual, max(usual / 4, timedelta(seconds=1)))
    slowest = table.poll_slowest or usual
    if fastest > usual:
        at = ("daemon", "poll_fastest")
        problems.error(source, at, "is longer than poll_interval", "it is for busy channels")
    if slowest < usual:
        at = ("daemon", "poll_slowest")
        problems.error(source, at, "is shorter than poll_interval", "it is for silent channels")
    return Bounds(fastest, usual, slowest)


def _people(table: PeopleTable, source: TomlFile, folder: Path, problems: Problems) -> People:
    domains = tuple(dict.fromkeys(table.domains))
    if not table.file:
        return People(domains=domains)
    try:
        people = read_people(folder / table.file, domains)
    except ConfigError as error:
        if error.line:
            problems.add(error)
        else:
            message = f"{error.file}: {error.message}"
            problems.error(source, ("people", "file"), message, error.hint)
        return People(file=table.file, domains=domains)
    problems.add_warnings(people.warnings)
    return people


def _check_used(config: ConfigTable, source: TomlFile, problems: Problems) -> None:
    used = {channel.system for bridge in config.bridges for channel in bridge.channels}
    for name in config.systems:
        if name not in used:
            problems.warn(source, ("systems", name), "no bridge has a channel of this system")
