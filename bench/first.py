"""The first synchronisation: a full calendar, an empty one, each on a Radicale of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.calendars import bodies, fill, warm
from bench.ours import Ours
from bench.rival import Rival
from bench.table import Row
from bench.wire import Wire
from connectors.caldav import plugin
from tests.servers import Server, radicale

MOST = 1.15
CONCURRENCY = plugin.manifest.concurrency


def run(count: int = 1000) -> Iterator[Row]:
    """Creates of ``count`` events, in turn by bare PUTs, by syncd and by vdirsyncer."""
    with radicale() as source, radicale() as target, tempfile.TemporaryDirectory() as folder:
        path = fill(source, "full", count)
        warm(Wire(source.url, "alice", "x"), path)
        full = source.url.rstrip("/") + path
        before = _floor(target, "before", count)
        spent, whole = _ours(Path(folder) / "ours", full, target)
        floor = (before + _floor(target, "after", count)) / 2
        rival = Rival(Path(folder) / "rival", full, target.calendar("by-vdirsyncer")).sync()
    yield Row(
        f"first synchronisation, {count:,} events",
        whole,
        "s",
        floor,
        rival.seconds,
        f"≤ {MOST} × floor",
        whole <= MOST * floor,
        f"process start to end, {spent:.1f} s of it in cycles; floor: bare PUTs, "
        f"{CONCURRENCY} at once, mean of a run before and one after",
    )


def _ours(folder: Path, full: str, target: Server) -> tuple[float, float]:
    made = Ours(folder, {"full": full, "empty": target.calendar("by-syncd")})
    run, told = made.sync()
    if told["state"] != "converged" or told["channels"][1]["created"] == 0:
        raise RuntimeError(f"the first synchronisation came to {told}")
    return told["seconds"], run.seconds


def _floor(target: Server, name: str, count: int) -> float:
    path = "/" + target.calendar(f"by-bare-puts-{name}").removeprefix(target.url)
    wire, items = Wire(target.url, "alice", "x"), list(bodies(count))
    begun = time.perf_counter()
    wire.put_all(path, items, CONCURRENCY)
    return time.perf_counter() - begun
