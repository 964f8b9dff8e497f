"""vdirsyncer, installed into a virtual environment of its own below ``.bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.process import Run, measured

VERSION = "0.21.0"
PLACE = Path(__file__).parent.parent / ".bench"

_CONFIGURATION = """[general]
status_path = "{folder}/status"
[pair bench]
a = "a"
b = "b"
collections = null
conflict_resolution = "a wins"
[storage a]
type = "caldav"
url = "{a}"
username = "alice"
password = "x"
[storage b]
type = "caldav"
url = "{b}"
username = "alice"
password = "x"
"""


def installed() -> Path:
    """vdirsyncer's command; installed at the first call."""
    home = PLACE / f"vdirsyncer-{VERSION}"
    command = home / "bin" / "vdirsyncer"
    if not command.exists():
        PLACE.mkdir(exist_ok=True)
        (PLACE / ".gitignore").write_text("*\n")
        print(f"installing vdirsyncer {VERSION} into {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"vdirsyncer=={VERSION}"], check=True)
    return command


class Rival:
    """One pair of calendars, kept equal by vdirsyncer."""

    def __init__(self, folder: Path, a: str, b: str) -> None:
        folder.mkdir(parents=True)
        self._folder, self._command = folder, str(installed())
        text = _CONFIGURATION.format(folder=folder, a=a, b=b)
        (folder / "config").write_text(text)
        self._run("discover")

    def sync(self) -> Run:
        """One run of ``vdirsyncer sync``."""
        return self._run("sync")

    def _run(self, verb: str) -> Run:
        config = str(self._folder / "config")
        run = measured([self._command, "-c", config, verb], self._folder, {})
        if run.code:
            raise RuntimeError(f"vdirsyncer {verb}: {run.output[-2000:]}")
        return run
