"""What a running process costs, from ``/proc``: processor time, threads, open files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """``cpu``: seconds of processor time, user and system. ``files``: descriptors, with sockets."""

    cpu: float
    threads: int
    files: int

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.cpu - before.cpu, self.threads - before.threads, self.files - before.files)


def cost_of(pid: int) -> Cost:
    """The cost of a process up to now (proc(5): utime, stime and num_threads of ``stat``)."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Cost(ticks / _TICKS, int(fields[17]), len(list((folder / "fd").iterdir())))
