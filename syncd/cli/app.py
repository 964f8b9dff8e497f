"""The commands, each a thin layer over the deployment, the store and the inbox."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from syncd import __version__, inbox, log
from syncd import backup as backups
from syncd import verify as verifying
from syncd.cli import backup as told_backup
from syncd.cli import console, show
from syncd.cli.answers import conflicts, resolve
from syncd.cli.auth import sign_in
from syncd.cli.busy import busy
from syncd.cli.check import health
from syncd.cli.notify import tried
from syncd.cli.opening import (
    BridgeName,
    Config,
    Json,
    config_path,
    known_bridge,
    me,
    open_store,
    read_settings,
    told_errors,
)
from syncd.cli.past import explain, history, undo
from syncd.cli.plan import plan_exit, plans
from syncd.cli.status import status as show_status
from syncd.cli.status import status_all_the_same
from syncd.cli.verify import verified
from syncd.config import LogLevel, Settings, template
from syncd.daemon import Daemon
from syncd.deployment import Deployment, now_utc
from syncd.errors import ConfigError, SyncdError
from syncd.lock import Busy, StoreLock, is_held
from syncd.notify import try_all
from syncd.pool import THREADS
from syncd.results import Exit, exit_code

app = typer.Typer(
    name="syncd",
    help="Keeps a company's appointments equal in its CRM and in everybody's calendars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
def check(
    notify: Annotated[
        bool, typer.Option("--notify", help=r"Instead, send a test to each \[\[notify]].")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is right, however many channels there are.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Configuration, sign-in, rights and clock of every system, as a table."""
    settings = read_settings(config)
    if notify:
        _try_notify(settings, json)
        return
    with (
        open_store(settings) as store,
        Deployment(settings, store) as deployment,
        console.counting("checking", json) as told,
    ):
        found = deployment.check(told)
    health(settings, found, everything=everything, json=json)
    if not all(each.is_right for each in found):
        raise typer.Exit(Exit.FAILED)


@app.command()
def auth(
    system: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Sign in on another machine.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Sign in to a system as a person, where its connector needs that. Shows no token."""
    sign_in(read_settings(config), system, browser=not no_browser, json=json)


@app.command()
def plan(
    config: Config = None,
    bridge: BridgeName = None,
    limit: Annotated[int, typer.Option(help="List so many writes.", min=0)] = show.MOST_LINES,
    every: Annotated[bool, typer.Option("--all", help="List all of them.")] = False,
    json: Json = False,
) -> None:
    """What the next cycle would do, first as a summary, then each write. Writes nothing."""
    settings = read_settings(config)
    known_bridge(settings, bridge)
    with _at_work(settings) as deployment:
        found = deployment.plans(bridge)
        waiting = list(inbox.items(deployment.store, settings.daemon.time_zone))
    plans(found, waiting, settings.daemon.time_zone, json, limit=None if every else limit)
    raise typer.Exit(plan_exit(found.values()))


@app.command()
def sync(config: Config = None, bridge: BridgeName = None, json: Json = False) -> None:
    """Observe, settle and write until nothing is left to do, then end."""
    settings = read_settings(config)
    known_bridge(settings, bridge)
    with _at_work(settings) as deployment, console.progress(json) as told:
        results = deployment.sync(bridge, told=told)
    show.results(results, json)
    raise typer.Exit(exit_code(results))


@app.command()
def run(config: Config = None, json: Json = False) -> None:
    """The daemon: polls every system until SIGTERM; SIGHUP reads the configuration again."""
    from syncd.web import doors

    read_settings(config, daemon=True)
    Daemon(config_path(config), beside=doors).run()
    if any(thread.name.startswith(THREADS) for thread in threading.enumerate()):
        # A server that hangs has a thread that Python would wait for; all is stored and closed.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Exit.CONVERGED)


@app.command()
def status(config: Config = None, json: Json = False) -> None:
    """The state of every channel: last look, copies, errors, what is set aside, held or broken."""
    try:
        settings = read_settings(config)
    except ConfigError as error:
        if not json:  # programs are told that it is wrong, and nothing else
            told_errors(error)
            status_all_the_same(config_path(config), now_utc())
            raise typer.Exit(Exit.CONFIGURATION) from None
        raise
    with open_store(settings) as store:
        code = show_status(settings, store, now_utc(), json)
    raise typer.Exit(code)


@app.command()
def approve(
    hold: Annotated[str | None, typer.Argument(help="As shown; without it, shows them.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Allow exactly the writes that a hold shows."""
    settings = read_settings(config)
    with open_store(settings) as store:
        if hold is None:
            show.holds(store, settings.daemon.time_zone, json)
            return
        count = inbox.approve(store, hold, now_utc(), me())
    console.said({"approved": hold, "writes": count}, f"{count} writes are approved", json)


@app.command()
def retry(
    id: Annotated[str | None, typer.Argument(help="An appointment; without it, all.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Try again what was set aside."""
    with open_store(read_settings(config)) as store:
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
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """The state in one file, while the daemon runs. `restore` puts it into either database."""
    found = backups.backup(read_settings(config).daemon.state.reveal(), file, now_utc())
    told_backup.backed_up(file, found, json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `syncd backup` wrote.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of the state, which is kept beside it. The daemon must rest."""
    found = backups.restore(read_settings(config).daemon.state.reveal(), file, now_utc())
    told_backup.restored(file, found, json)


@app.command()
def verify(
    config: Config = None,
    bridge: BridgeName = None,
    repair: Annotated[bool, typer.Option("--repair", help="Let a cycle mend it.")] = False,
    json: Json = False,
) -> None:
    """Compare every copy with its remote and with its appointment. `--repair` mends by a cycle."""
    settings = read_settings(config)
    known_bridge(settings, bridge)
    if not repair:
        with open_store(settings) as store, Deployment(settings, store) as deployment:
            found = verifying.verify(deployment, bridge)
        busy = bool(is_held(settings.daemon.state.reveal()))
        raise typer.Exit(verified(found, settings.daemon.time_zone, json, busy=busy))
    with _alone(settings) as deployment:
        before = verifying.verify(deployment, bridge)
        verifying.make_due(deployment, before)
        results = deployment.sync(bridge)
        found = verifying.verify(deployment, bridge)
    zone = settings.daemon.time_zone
    raise typer.Exit(verified(found, zone, json, before=before, repaired=results))


for _command in (conflicts, resolve, explain, history, undo, busy):
    app.command()(_command)


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
    except ConfigError as error:
        told_errors(error)
        sys.exit(Exit.CONFIGURATION)
    except SyncdError as error:
        console.error(str(error))
        sys.exit(Exit.FAILED)


def _try_notify(settings: Settings, json: bool) -> None:
    if not settings.notify:
        raise ConfigError("nobody is told", file=settings.file, key="notify", hint="[[notify]]")
    with open_store(settings) as store:
        found = list(try_all(settings, store.installation))
    tried(found, json)
    if not all(each.ok for each in found):
        raise typer.Exit(Exit.FAILED)


@contextmanager
def _at_work(settings: Settings) -> Iterator[Deployment]:
    with (
        StoreLock(settings.daemon.state.reveal()),
        open_store(settings) as store,
        Deployment(settings, store) as deployment,
    ):
        yield deployment


@contextmanager
def _alone(settings: Settings) -> Iterator[Deployment]:
    """As :func:`_at_work`, for what a daemon that is at work must be stopped for."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(_at_work(settings))
        except Busy as error:
            raise Busy(f"{error}: stop it first, as by systemctl stop syncd") from None
        yield found


def _set_paused(config: str | None, bridge: str | None, value: str) -> None:
    settings = read_settings(config)
    known_bridge(settings, bridge)
    with open_store(settings) as store:
        store.meta_set(f"paused:{bridge}" if bridge else "writing-stopped", value)
