"""The first synchronisation: a full calendar, an empty one, each on a Radicale of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean

from bench.calendars import bodies, fill, warm
from bench.ours import Ours
from bench.rival import Rival
from bench.table import Row
from bench.wire import Wire
from connectors.caldav import plugin
from tests.servers import Server, radicale

MOST = 1.15
ROUNDS = 3
"""Single runs on an idle machine differ by four per cent either way, as bare PUTs do."""

CONCURRENCY = plugin.manifest.concurrency


def run(count: int = 1000) -> Iterator[Row]:
    """Creates of ``count`` events, by bare PUTs and by syncd in turns, then by vdirsyncer."""
    with radicale() as source, radicale() as target, tempfile.TemporaryDirectory() as folder:
        path = fill(source, "full", count)
        warm(Wire(source.url, "alice", "x"), path)
        full = source.url.rstrip("/") + path
        floors = [_floor(target, 0, count)]
        ours: list[float] = []
        for turn in range(1, ROUNDS + 1):
            ours.append(_ours(Path(folder) / f"ours-{turn}", full, target))
            floors.append(_floor(target, turn, count))
        rival = Rival(Path(folder) / "rival", full, target.calendar("by-vdirsyncer")).sync()
    # Each run of ours beside what came before and after it.
    floor = mean((before + after) / 2 for before, after in pairwise(floors))
    each = ", ".join(
        f"{o / ((b + a) / 2):.2f}" for o, (b, a) in zip(ours, pairwise(floors), strict=True)
    )
    yield Row(
        f"first synchronisation, {count:,} events",
        mean(ours),
        "s",
        floor,
        rival.seconds,
        f"≤ {MOST} × floor",
        mean(ours) <= MOST * floor,
        f"process start to end, mean of {ROUNDS} runs ({each}); floor: bare PUTs, {CONCURRENCY} at "
        "once, mean of the runs before and after each",
    )


def _ours(folder: Path, full: str, target: Server) -> float:
    made = Ours(folder, {"full": full, "empty": target.calendar(f"by-syncd-{folder.name}")})
    run, told = made.sync()
    if told["state"] != "converged" or told["channels"][1]["created"] == 0:
        raise RuntimeError(f"the first synchronisation came to {told}")
    return run.seconds


def _floor(target: Server, turn: int, count: int) -> float:
    path = "/" + target.calendar(f"by-bare-puts-{turn}").removeprefix(target.url)
    wire, items = Wire(target.url, "alice", "x"), list(bodies(count))
    begun = time.perf_counter()
    wire.put_all(path, items, CONCURRENCY)
    return time.perf_counter() - begun
