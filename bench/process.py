"""Processes that are measured: how long they took, and the most memory they had."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY = 0.02
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Run:
    """A process that has ended. ``seconds`` of wall clock, start included; ``peak`` in MB."""

    code: int
    seconds: float
    peak: float
    output: str


def peak_of(pid: int) -> float:
    """The most resident memory that a process ever had, in MB (10^6 bytes); 0 if it has ended.

    From ``/proc``: the figure that ``wait4`` gives counts the parent's memory at the fork too.
    """
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Run:
    """Run a command to its end."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peaks = [0.0]

    def watch() -> None:
        while process.poll() is None:
            peaks.append(max(peaks[-1], peak_of(process.pid)))
            time.sleep(_LOOK_EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begun
    watcher.join()
    return Run(process.returncode, seconds, peaks[-1], output)
