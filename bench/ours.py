"""syncd as a process: its configuration, ``syncd sync``, ``syncd run``, and single cycles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.process import Run, measured, peak_of
from tests.servers import stop

_HEAD = """[daemon]
state = "sqlite:///state.db"
poll_interval = "1s"
listen = "off"
"""
_CALENDAR = """[systems.{name}]
connector = "caldav"
url = "{url}"
username = "alice"
password = {{ env = "CALDAV_PASSWORD" }}
timeout = 120
"""
_CRM = """[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
"""
_CHANNEL = """[[bridges.channels]]
system = "{name}"
admits = "all"
holds = "all"
"""
_ENVIRONMENT = {"CALDAV_PASSWORD": "x", "PYTHONDONTWRITEBYTECODE": ""}
"""Compiled modules are kept, as those of the installed vdirsyncer are."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one cycle cost. ``requests`` and ``writes`` by channel; ``peak`` so far, in MB."""

    seconds: float
    state: str
    requests: dict[str, int]
    writes: dict[str, int]
    peak: float


class Ours:
    """A folder with a configuration and a store; ``calendars`` by name, in order."""

    def __init__(self, folder: Path, calendars: dict[str, str], *, crm: bool = False) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        names = (["crm"] if crm else []) + list(calendars)
        parts = [_HEAD, *([_CRM] if crm else [])]
        parts += [_CALENDAR.format(name=name, url=url) for name, url in calendars.items()]
        parts += ['[[bridges]]\nname = "bench"\n', *(_CHANNEL.format(name=n) for n in names)]
        self.config = folder / "syncd.toml"
        self.config.write_text("\n".join(parts), "utf-8")

    def sync(self) -> tuple[Run, dict[str, Any]]:
        """``syncd sync --json``: the process, and what it tells of the bridge."""
        command = self.command("sync", "--json")
        run = measured(command, self.folder, _ENVIRONMENT)
        if run.code:
            raise RuntimeError(f"syncd sync ends with {run.code}: {run.output[-2000:]}")
        last = run.output.strip().splitlines()[-1]
        told: dict[str, Any] = json.loads(last)["bridges"][0]
        return run, told

    def command(self, *words: str) -> list[str]:
        """The command line of a syncd process."""
        main = "from syncd.cli import main; main()"
        return [sys.executable, "-c", main, *words, "--config", str(self.config)]

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """``syncd run``, ended by SIGTERM."""
        with (self.folder / "run.log").open("wb") as log:
            process = subprocess.Popen(
                self.command("run"),
                cwd=self.folder,
                env={**os.environ, **_ENVIRONMENT},
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                stop(process)

    @contextmanager
    def cycles(self) -> Iterator[Cycles]:
        """The daemon's cycles one by one, in a process of their own."""
        with cycles_of(self.config) as cycles:
            yield cycles


@contextmanager
def cycles_of(config: Path) -> Iterator[Cycles]:
    """The cycles of the daemon with this configuration, in a process of their own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.cycles", str(config)],
        env={**os.environ, **_ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Cycles(process.pid, process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait(60)


class Cycles:
    """A running deployment that makes one cycle whenever it is asked to."""

    def __init__(self, pid: int, asked: IO[str], answers: IO[str]) -> None:
        self.pid, self._asked, self._answers = pid, asked, answers

    def one(self) -> Told:
        """One cycle of the daemon."""
        self._asked.write("cycle\n")
        self._asked.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the cycles ended")
        told = json.loads(line)
        return Told(**told, peak=peak_of(self.pid))

    def many(self, number: int) -> Sequence[Told]:
        """Several cycles, one after the other."""
        return [self.one() for _ in range(number)]
