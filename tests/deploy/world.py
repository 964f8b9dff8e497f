"""The demo world of ``deploy/compose``, on this machine instead of in containers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd import plugins
from syncd.config import load
from syncd.config.settings import Webhooks
from tests.architecture.tree import ROOT
from tests.servers import START_SECONDS, free_port, stop

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
BIN = Path(sys.executable).parent
"""Where the programs of this environment are: ``syncd``, ``hadolint``."""


@dataclass(frozen=True, slots=True)
class World:
    """``state``: the one folder that syncd writes to. The ports are Radicale's and that of the
    page where syncd serves its health."""

    config: Path
    state: Path
    calendar_port: int
    page_port: int

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SYNCD_CONFIG": str(self.config), "DEMO_PASSWORD": "demo"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of syncd, waited for."""
        return subprocess.run(
            [str(BIN / "syncd"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            cwd=self.config.parent,
            check=False,
        )


def exchanged(text: str, *pairs: tuple[str, str]) -> str:
    """``text`` with each first replaced by its second; all of them must be in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def listening(file: Path, config: Path, folder: Path, environment: Mapping[str, str]) -> Webhooks:
    """The webhooks of ``config`` with the lines of ``[daemon.webhooks]`` that the comment at the
    head of ``file`` shows."""
    lines = [line[4:] for line in file.read_text("utf-8").splitlines() if line.startswith("#   ")]
    start = lines.index("[daemon.webhooks]")
    own = folder / "syncd.toml"
    own.write_text("\n".join([*lines[start : start + 3], config.read_text("utf-8")]), "utf-8")
    found = load(own, plugins.Plugins(), environment).daemon.webhooks
    assert found is not None
    return found


@contextlib.contextmanager
def demo_world(folder: Path) -> Iterator[World]:
    """The files of ``deploy/compose`` with the paths and ports of this test; Radicale runs."""
    state, etc, calendars = folder / "state", folder / "etc", folder / "calendars"
    for each in (state, etc, calendars):
        each.mkdir()
    calendar_port, page_port = free_port(), free_port()
    users, radicale = calendars / "users", calendars / "config"
    users.write_text((COMPOSE / "users").read_text("utf-8"), "utf-8")
    radicale.write_text(
        exchanged(
            (COMPOSE / "radicale.conf").read_text("utf-8"),
            ("0.0.0.0:5232", f"127.0.0.1:{calendar_port}"),
            ("/etc/radicale/users", str(users)),
            ("/var/lib/syncd", str(calendars)),
        ),
        "utf-8",
    )
    config = etc / "syncd.toml"
    config.write_text(
        exchanged(
            (COMPOSE / "syncd.toml").read_text("utf-8"),
            ("radicale:5232", f"127.0.0.1:{calendar_port}"),
            ("/var/lib/syncd/", f"{state}/"),
            ("/world/", f"{state}/"),
            ("0.0.0.0:8480", f"127.0.0.1:{page_port}"),
        ),
        "utf-8",
    )
    subprocess.run([sys.executable, str(COMPOSE / "crm.py"), str(state / "crm.db")], check=True)
    with _serving(radicale, calendar_port):
        yield World(config, state, calendar_port, page_port)


@contextlib.contextmanager
def _serving(radicale: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "radicale", "--config", str(radicale)]
    with (radicale.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _answers(process, port)
        yield
    finally:
        stop(process)


def _answers(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("Radicale does not start")
