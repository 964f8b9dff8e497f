"""The commands, each a thin layer over the deployment, the store and the inbox."""

from __future__ import annotations

import getpass
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from syncd import __version__, inbox, log, plugins
from syncd.cli import console, show
from syncd.cli.plan import plan_exit, plans
from syncd.cli.status import status as show_status
from syncd.config import ConfigErrors, LogLevel, Settings, find_config, load, template
from syncd.daemon import Daemon
from syncd.deployment import Deployment, new_appointment_id, now_utc
from syncd.errors import ConfigError, SyncdError
from syncd.lock import StoreLock
from syncd.pool import THREADS
from syncd.results import Exit, exit_code
from syncd.store import Store

app = typer.Typer(
    name="syncd",
    help="Keeps a company's appointments equal in its CRM and in everybody's calendars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Config = Annotated[
    str | None, typer.Option("--config", help="The configuration (else $SYNCD_CONFIG, …).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
BridgeName = Annotated[str | None, typer.Option("--bridge", help="Only this bridge.")]


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("syncd.toml"),
    config: Config = None,
    json: Json = False,
) -> None:
    """Write a commented configuration to start from."""
    target = Path(config) if config else file
    if target.exists():
        raise ConfigError("is there already; nothing was written", file=str(target))
    target.write_text(template(), encoding="utf-8")
    console.said({"file": str(target)}, f"{target} is written; edit it, then: syncd check", json)


@app.command()
def check(config: Config = None, json: Json = False) -> None:
    """Configuration, sign-in, rights and clock of every system, as a table."""
    settings = _settings(config)
    with _store(settings) as store, Deployment(settings, store) as deployment:
        found = list(deployment.check())
    show.health(settings, found, json)
    if not all(each.ok for _, _, each in found):
        raise typer.Exit(Exit.FAILED)


@app.command()
def plan(config: Config = None, bridge: BridgeName = None, json: Json = False) -> None:
    """What the next cycle would do, first as a summary, then each write. Writes nothing."""
    settings = _settings(config)
    _known_bridge(settings, bridge)
    with _at_work(settings) as deployment:
        found = deployment.plans(bridge)
    plans(found, json)
    raise typer.Exit(plan_exit(found.values()))


@app.command()
def sync(config: Config = None, bridge: BridgeName = None, json: Json = False) -> None:
    """Observe, settle and write until nothing is left to do, then end."""
    settings = _settings(config)
    _known_bridge(settings, bridge)
    with _at_work(settings) as deployment, console.progress(json) as told:
        results = deployment.sync(bridge, told=told)
    show.results(results, json)
    raise typer.Exit(exit_code(results))


@app.command()
def run(config: Config = None, json: Json = False) -> None:
    """The daemon: polls every system until SIGTERM; SIGHUP reads the configuration again."""
    _settings(config, daemon=True)
    Daemon(_path(config)).run()
    if any(thread.name.startswith(THREADS) for thread in threading.enumerate()):
        # A server that hangs has a thread that Python would wait for; all is stored and closed.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Exit.CONVERGED)


@app.command()
def status(config: Config = None, json: Json = False) -> None:
    """The state of every channel: last look, copies, errors, what is set aside, held or broken."""
    settings = _settings(config)
    with _store(settings) as store:
        code = show_status(settings, store, now_utc(), json)
    raise typer.Exit(code)


@app.command()
def conflicts(config: Config = None, json: Json = False) -> None:
    """The inbox: fields that an ask rule left open, and copies that may be known already."""
    with _store(_settings(config)) as store:
        waiting = list(inbox.items(store))
    show.inbox_items(waiting, json)
    if waiting:
        raise typer.Exit(Exit.CONFLICTS)


@app.command()
def resolve(
    id: Annotated[str, typer.Argument(help="As `syncd conflicts` shows it.")],
    take: Annotated[str, typer.Option(help="The channel whose value is right.")] = "",
    value: Annotated[str | None, typer.Option(help="Another value.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Answer one item of the inbox; refused if a value has moved since it was shown."""
    with _store(_settings(config)) as store:
        inbox.resolve(store, id, now_utc(), _me(), new_appointment_id, take=take, value=value)
    console.said({"resolved": id}, f"{id} is answered; the next cycle carries it out", json)


@app.command()
def approve(
    hold: Annotated[str | None, typer.Argument(help="As shown; without it, shows them.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Allow exactly the writes that a hold shows."""
    with _store(_settings(config)) as store:
        if hold is None:
            show.holds(store, json)
            return
        count = inbox.approve(store, hold, now_utc(), _me())
    console.said({"approved": hold, "writes": count}, f"{count} writes are approved", json)


@app.command()
def retry(
    id: Annotated[str | None, typer.Argument(help="An appointment; without it, all.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Try again what was set aside."""
    with _store(_settings(config)) as store:
        asides = [each for each in store.asides() if id in (None, each.appointment)]
        if id is not None and not asides:
            raise inbox.InboxError(f"{id}: nothing of it is set aside; see syncd status")
        store.release(now_utc(), ids=[each.id for each in asides])
    console.said({"released": len(asides)}, f"{len(asides)} set aside no longer", json)


@app.command()
def pause(config: Config = None, bridge: BridgeName = None, json: Json = False) -> None:
    """Stop all writing (or that of one bridge) at once; observing goes on."""
    _set_paused(config, bridge, "1")
    console.said({"paused": bridge or "all"}, "writing is stopped; `syncd resume` goes on", json)


@app.command()
def resume(config: Config = None, bridge: BridgeName = None, json: Json = False) -> None:
    """Write again after `pause`."""
    _set_paused(config, bridge, "")
    console.said({"resumed": bridge or "all"}, "writing goes on", json)


@app.command()
def demo(
    listen: Annotated[str, typer.Option(help="Where the calendar server listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; 0 takes a free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="End when all is equal.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Keep the demo world there.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """The embedded world: a real CalDAV server in the process, and a CRM in SQLite."""
    from syncd.demo import run_demo

    log.configure(level=LogLevel.WARNING)
    raise typer.Exit(run_demo(listen, port, folder, once=once, json=json))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit(0)


def main() -> None:
    """The entry point. Errors that have a remedy are one line each, with their exit code."""
    try:
        app()
    except ConfigErrors as errors:
        for error in errors.errors:
            console.error(str(error))
        sys.exit(Exit.CONFIGURATION)
    except ConfigError as error:
        console.error(str(error))
        sys.exit(Exit.CONFIGURATION)
    except SyncdError as error:
        console.error(str(error))
        sys.exit(Exit.FAILED)


def _path(config: str | None) -> Path:
    return find_config(config, os.environ, Path.cwd())


def _settings(config: str | None, *, daemon: bool = False) -> Settings:
    """The configuration. Commands that answer by themselves log only what went wrong."""
    settings = load(_path(config), plugins.Plugins())
    level = settings.daemon.log_level
    if level is LogLevel.INFO and not daemon:
        level = LogLevel.WARNING
    log.configure(settings.daemon.log_format, level, settings.secrets)
    for warning in settings.warnings:
        console.warning(warning)
    return settings


def _known_bridge(settings: Settings, name: str | None) -> None:
    names = [bridge.name for bridge in settings.bridges]
    if name is not None and name not in names:
        raise ConfigError(f"there is no bridge {name!r}", key="--bridge", hint=", ".join(names))


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.daemon.state.reveal()) as store:
        yield store


@contextmanager
def _at_work(settings: Settings) -> Iterator[Deployment]:
    with (
        StoreLock(settings.daemon.state.reveal()),
        _store(settings) as store,
        Deployment(settings, store) as deployment,
    ):
        yield deployment


def _set_paused(config: str | None, bridge: str | None, value: str) -> None:
    settings = _settings(config)
    _known_bridge(settings, bridge)
    with _store(settings) as store:
        store.meta_set(f"paused:{bridge}" if bridge else "writing-stopped", value)


def _me() -> str:
    return getpass.getuser()
