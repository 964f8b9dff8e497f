"""A cycle of the running daemon in which nothing has changed."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.calendars import fill, warm
from bench.ours import Ours, Told
from bench.process import peak_of
from bench.proxy import CountingProxy
from bench.rival import Rival
from bench.table import Row
from bench.wire import Wire
from tests.servers import Server, radicale

MOST = 3.0
LEAST_FASTER = 4.0
ROUNDS = 7
SIZES = (100, 1000, 5000)


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """For each size: time beside bare REPORTs and vdirsyncer, then requests that arrive."""
    for size in sizes:
        with radicale() as one, radicale() as two, tempfile.TemporaryDirectory() as folder:
            yield from _pair(one, two, Path(folder), size, last=size == max(sizes))


def _pair(one: Server, two: Server, folder: Path, size: int, *, last: bool) -> Iterator[Row]:
    paths = [fill(server, "work", size) for server in (one, two)]
    wires = [Wire(server.url, "alice", "x") for server in (one, two)]
    for wire, path in zip(wires, paths, strict=True):
        warm(wire, path)
    urls = [server.url.rstrip("/") + path for server, path in zip((one, two), paths, strict=True)]
    ours = Ours(folder / "ours", {"a": urls[0], "b": urls[1]})
    linking, _ = ours.sync()
    rival = Rival(folder / "rival", *urls)
    rival_linking = rival.sync()
    yield Row(
        f"two equal calendars, {size:,} events, first contact",
        linking.seconds,
        "s",
        rival=rival_linking.seconds,
        note=f"peaks: {linking.peak:.0f} MB, vdirsyncer {rival_linking.peak:.0f} MB",
    )
    told, floors = _beside_floor(ours, wires, paths)
    spent, floor = statistics.median(each.seconds for each in told), statistics.median(floors)
    other = min(rival.sync().seconds for _ in range(2))
    yield Row(
        f"nothing to do, {size:,} events: time of a cycle",
        spent,
        "s",
        floor,
        other,
        f"≤ {MOST:g} × floor" + (f", vdirsyncer ≥ {LEAST_FASTER:g} ×" if last else ""),
        spent <= MOST * floor and (not last or other >= LEAST_FASTER * spent),
        f"median of {ROUNDS} cycles; floor: the same two REPORTs",
    )
    counted = max(number for each in told for number in each.requests.values())
    yield Row(
        f"nothing to do, {size:,} events: requests of a connector",
        counted,
        "requests",
        target="1",
        met=counted == 1,
    )
    yield from _arriving(one, two, paths, folder, size)


def _beside_floor(
    ours: Ours, wires: list[Wire], paths: list[str]
) -> tuple[list[Told], list[float]]:
    """Cycles and bare requests in turn, so that both meet the same load."""
    told: list[Told] = []
    floors: list[float] = []
    tokens = [wire.sync_token(path) for wire, path in zip(wires, paths, strict=True)]
    with ours.cycles() as cycles, ThreadPoolExecutor(2) as pool:
        cycles.many(2)
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            list(pool.map(Wire.changes, wires, paths, tokens))
            floors.append(time.perf_counter() - begun)
            told.append(cycles.one())
    if any(each.state != "converged" or any(each.writes.values()) for each in told):
        raise RuntimeError(f"something was done in an idle cycle: {told}")
    return told, floors


def _arriving(one: Server, two: Server, paths: list[str], folder: Path, size: int) -> Iterator[Row]:
    """What ``syncd run`` sends, counted in front of the servers."""
    with CountingProxy(one.url) as left, CountingProxy(two.url) as right:
        urls = [
            proxy.url.rstrip("/") + path for proxy, path in zip((left, right), paths, strict=True)
        ]
        ours = Ours(folder / "counted", {"a": urls[0], "b": urls[1]})
        ours.sync()
        left.taken(), right.taken()
        with ours.daemon() as process:
            polls = _polls(left, right)
            peak = peak_of(process.pid)
    yield Row(
        f"nothing to do, {size:,} events: requests at a server",
        max(polls),
        "requests",
        target="1",
        met=max(polls) == 1,
        note=f"`syncd run`, {len(polls) // 2} polls of two servers; peak {peak:.0f} MB",
    )


def _polls(left: CountingProxy, right: CountingProxy, number: int = 4) -> list[int]:
    """Requests of each poll, apart from the first, which also finds the calendar.

    Each server is polled at times of its own, and its polls are told apart by the pause between.
    """
    counts: list[int] = []
    for proxy in (left, right):
        proxy.taken()
        for poll in range(number + 1):
            while not proxy.total():
                time.sleep(0.01)
            time.sleep(0.5)
            found = sum(each.total() for each in proxy.taken().values())
            counts += [found] if poll else []
    return counts
