"""The demo: a CRM with some 200 visits, three colleagues' calendars, one bridge."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType

from rich.console import Console

from syncd import plugins
from syncd.cli import console, show
from syncd.config import Settings, load
from syncd.demo.server import CALENDAR, CalendarServer
from syncd.deployment import Deployment, now_utc
from syncd.errors import ConfigError
from syncd.lock import StoreLock
from syncd.results import BridgeResult, State, exit_code
from syncd.store import Store

POLL_SECONDS = 3.0

COLLEAGUES = {
    "alice": ("alice@example.com", "Alice Martin"),
    "bob": ("bob@example.com", "Bob Schneider"),
    "wangfang": ("wang.fang@example.com", "王芳"),
}
"""User of the calendar server to address and name; the demo CRM's staff."""

_out = Console(soft_wrap=True, highlight=False)


def run_demo(host: str, port: int, folder: Path | None, *, once: bool, json: bool) -> int:
    """Run the demo world. ``folder`` keeps it; without one it is gone afterwards.

    ``once``: end when all is equal, print the counts. Returns the exit code.
    """
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as temporary:
        home = folder or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        passwords = {user: secrets.token_urlsafe(6) for user in COLLEAGUES}
        server = CalendarServer(home / "calendars", host, port, passwords)
        server.start()
        try:
            return _run(_configured(home, server, passwords), server, passwords, once, json)
        finally:
            server.stop()


def _run(
    config: Path, server: CalendarServer, passwords: dict[str, str], once: bool, json: bool
) -> int:
    settings = load(config, plugins.Plugins())
    url = settings.daemon.state.reveal()
    stop = threading.Event()
    with (
        StoreLock(url),
        Store.open(url) as store,
        _stopping(stop),
        Deployment(settings, store, stop=stop) as deployment,
    ):
        if not json:
            _out.print("syncd demo: a CRM with about 200 visits and three empty calendars.")
        with console.progress(json) as told:
            results = deployment.sync(told=told)
        show.results(results, json)
        if once or stop.is_set():
            return exit_code(results)
        _introduce(server, passwords, settings)
        _poll(deployment, stop)
    return 0


def _poll(deployment: Deployment, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        for result in deployment.cycle():
            _tell(result)


def _tell(result: BridgeResult) -> None:
    for channel in result.channels:
        done = [
            f"{count} {word}"
            for word, count in (
                ("created", channel.created),
                ("updated", channel.updated),
                ("deleted", channel.deleted),
            )
            if count
        ]
        if done:
            _out.print(f"  {datetime.now():%H:%M:%S} {channel.name}: {', '.join(done)}")  # noqa: DTZ005  # the time on this machine's wall
    if result.state is not State.CONVERGED:
        _out.print(f"  {result.state.value}: {result.reason}")


def _introduce(server: CalendarServer, passwords: dict[str, str], settings: Settings) -> None:
    _out.print(f"\nThe calendars are at {server.url} (any CalDAV client: Thunderbird, a phone):")
    if server.is_open:
        _out.print(f"(It listens on every address of this machine, port {server.port}.)")
    for user, password in passwords.items():
        address, name = COLLEAGUES[user]
        _out.print(f"  user {user:9} password {password}   {name} <{address}>")
    crm = Path(settings.folder) / "crm.db"
    query = "SELECT id, subject, starts_at, state FROM visit ORDER BY updated_at DESC LIMIT 5"
    user = next(iter(passwords))
    _out.print(
        f"\nThings to try while this runs (it looks every {POLL_SECONDS:.0f} s):\n"
        f"  curl -u {user}:{passwords[user]} {server.url}{user}/{CALENDAR}/\n"
        f"  move a visit in Thunderbird, and see it in the CRM:\n"
        f"  python3 -c \"import sqlite3; [print(row) for row in sqlite3.connect('{crm}')"
        f".execute('{query}')]\"\n"
        f"  syncd status --config {settings.file}\n"
        "Ctrl-C ends it.\n"
    )


def _configured(home: Path, server: CalendarServer, passwords: dict[str, str]) -> Path:
    """The configuration of the demo world, as an administrator would write it."""
    _crm()(home / "crm.db", now_utc())
    lines = [
        "[daemon]",
        'state = "sqlite:///state.db"',
        'time_zone = "Asia/Shanghai"',
        "",
        "[people]",
        'domains = ["example.com"]',
        "",
        "[systems.crm]",
        'connector = "sql"',
        'url = "sqlite:///crm.db"',
        'mapping = "visits"',
    ]
    for user in passwords:
        secret = home / f"{user}.password"
        secret.touch(mode=0o600)
        secret.write_text(passwords[user], "utf-8")
        lines += [
            "",
            f"[systems.calendar-{user}]",
            'connector = "caldav"',
            f'url = "{server.url}{user}/{CALENDAR}/"',
            f'username = "{user}"',
            f'password = {{ file = "{secret.name}" }}',
        ]
    lines += ["", "[[bridges]]", 'name = "sales"', "", "[[bridges.channels]]", 'system = "crm"']
    for user in passwords:
        lines += [
            "",
            "[[bridges.channels]]",
            f'name = "{user}"',
            f'system = "calendar-{user}"',
            f'person = "{COLLEAGUES[user][0]}"',
            'admits = "all"',
        ]
    config = home / "syncd.toml"
    config.write_text("\n".join(lines) + "\n", "utf-8")
    os.chmod(config, 0o600)
    return config


def _crm() -> Callable[[Path, datetime], str]:
    """The demo's CRM comes with the sql connector, found by entry point like any connector."""
    for entry in entry_points(group="syncd.demo", name="crm"):
        found: Callable[[Path, datetime], str] = entry.load()
        return found
    raise ConfigError("the demo needs the sql connector", hint='pip install "syncd[demo]"')


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
