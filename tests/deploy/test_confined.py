"""The daemon as the unit runs it: no rights, and one folder that it can write to."""

from __future__ import annotations

import os
import queue
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.test_container import health_check
from tests.deploy.world import BIN, DEPLOY, World

PATIENCE = 90.0
"""Seconds until a test gives up; what is waited for takes one or two."""

CONFINE = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount --bind "$2" "$2" &&
mount -o remount,bind,ro "$1" && mount -o remount,bind,ro / || exit 90
touch "$1/forbidden" 2>/dev/null && exit 91
shift 2
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
"""
"""A root that is read-only but for the second folder, and no capability, though the uid is 0."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")),
    reason="needs root, unshare and setpriv",
)


class Daemon:
    """The process, and the lines that it logs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._coming: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line)

    def says(self, *words: str) -> str:
        """The next line with all these words."""
        while True:
            try:
                line = self._coming.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"{words} did not come: {self.lines}") from None
            self.lines.append(line)
            if all(word in line for word in words):
                return line


@contextmanager
def _confined(world: World) -> Iterator[Daemon]:
    """What ``ExecStart=`` says, with the program and the configuration of this test."""
    unit = (DEPLOY / "systemd" / "syncd.service").read_text("utf-8").splitlines()
    (start,) = (line.removeprefix("ExecStart=") for line in unit if line.startswith("ExecStart="))
    replaced = {
        "/opt/syncd/bin/syncd": str(BIN / "syncd"),
        "/etc/syncd/syncd.toml": str(world.config),
    }
    command = [replaced.get(word, word) for word in shlex.split(start)]
    credentials = world.config.parent / "credentials"
    credentials.mkdir(0o700)
    (credentials / "caldav").write_text("demo", "utf-8")
    confine = ["unshare", "--mount", "sh", "-c", CONFINE, "sh"]
    process = subprocess.Popen(
        [*confine, str(world.config.parents[1]), str(world.state), *command],
        # What systemd gives to a unit with a user, a state folder and credentials.
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "HOME": str(world.state),
            "STATE_DIRECTORY": str(world.state),
            "CREDENTIALS_DIRECTORY": str(credentials),
        },
        cwd="/",
        umask=0o077,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Daemon(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_a_life_in_the_unit(world: World) -> None:
    """It starts, works, refuses a wrong new configuration, and ends, all with no right but to
    its state. The password is a credential."""
    text = world.config.read_text("utf-8")
    text = text.replace('{ env = "DEMO_PASSWORD" }', '{ credential = "caldav" }')
    world.config.write_text(text, "utf-8")
    with _confined(world) as daemon:
        daemon.says('"event": "cycle"', '"state": "converged"')
        rights = _status(daemon.process.pid)
        assert int(rights["CapEff"], 16) == int(rights["CapBnd"], 16) == 0
        assert rights["NoNewPrivs"] == "1"
        subprocess.run(health_check(world.page_port), check=True)
        world.config.write_text(text.replace('"5s"', '"soon"'), "utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        assert "daemon.poll_interval" in daemon.says("refused")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(60) == 0, daemon.lines
    made = {path.name for path in world.state.iterdir()}
    assert {"state.db", "crm.db"} <= made
    assert not any(path.stat().st_mode & 0o077 for path in world.state.glob("state.db*"))
    assert not (world.config.parents[1] / "forbidden").exists()


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return {key: rest.strip() for key, _, rest in (line.partition(":") for line in lines)}
