"""The most memory that a process has: a first synchronisation of 5,000 events, and idling."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.calendars import bodies
from bench.ours import Ours
from bench.process import peak_of
from bench.quick import QuickServer
from bench.rival import Rival
from bench.table import Row

MOST = 1.2
IDLE_SECONDS = 8.0


def run(count: int = 5000) -> Iterator[Row]:
    """syncd and vdirsyncer fill an empty calendar each; then nothing is left to do.

    The calendars are in memory, in a process of their own: Radicale takes hours for so many
    creates, and what a client needs does not depend on its server.
    """
    with QuickServer() as server, tempfile.TemporaryDirectory() as folder:
        full, by_syncd, by_rival = (server.calendar(name) for name in ("full", "ours", "rival"))
        server.fill("full", bodies(count))
        ours = Ours(Path(folder) / "ours", {"full": full, "empty": by_syncd})
        first, told = ours.sync()
        if told["channels"][1]["created"] != count:
            raise RuntimeError(f"the first synchronisation came to {told}")
        rival = Rival(Path(folder) / "rival", full, by_rival)
        rival_first, rival_idle = rival.sync(), rival.sync()
        with ours.daemon() as process:
            time.sleep(IDLE_SECONDS)
            idle = peak_of(process.pid)
    most = MOST * rival_first.peak
    note = f"{first.seconds:.1f} s, vdirsyncer {rival_first.seconds:.1f} s; a server in memory"
    name = f"peak memory, {count:,} events"
    yield Row(
        f"{name}, first synchronisation",
        first.peak,
        "MB",
        rival=rival_first.peak,
        target=f"≤ {MOST} × vdirsyncer",
        met=first.peak <= most,
        note=note,
    )
    yield Row(
        f"{name}, idle daemon",
        idle,
        "MB",
        rival=rival_first.peak,
        target=f"≤ {MOST} × vdirsyncer",
        met=idle <= most,
        note=f"vdirsyncer with nothing to do: {rival_idle.peak:.0f} MB",
    )
