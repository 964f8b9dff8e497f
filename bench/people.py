"""A thousand colleagues: one CRM, a people file, a calendar each on one Radicale."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.cost import Cost, cost_of
from bench.ours import Told, cycles_of
from bench.table import Row
from bench.wire import Wire
from tests.people.firm import Firm
from tests.servers import radicale

SIZE = 1000
EACH = 3
ROUNDS = 5
AT_ONCE = 4
MOST_CPU = 3.0
"""Seconds of an idle cycle; the HTTP library alone takes some 1.4 ms for each calendar."""

MOST_MEMORY = 300
MOST_FILES = 300


def run(size: int = SIZE) -> Iterator[Row]:
    """A first cycle, and cycles with nothing to do beside the same REPORTs."""
    with radicale() as server, tempfile.TemporaryDirectory() as folder:
        firm = Firm(Path(folder), server, size)
        firm.visits(EACH)
        with cycles_of(firm.config) as cycles:
            first = cycles.one()
            yield from _first(first, cost_of(cycles.pid), size)
            cycles.many(2)
            told, costs = [], []
            for _ in range(ROUNDS):
                before = cost_of(cycles.pid)
                told.append(cycles.one())
                costs.append(cost_of(cycles.pid) - before)
            after = cost_of(cycles.pid)
        floor = _floor(firm)
    yield from _idle(told, costs, after, floor, size)


def _first(first: Told, cost: Cost, size: int) -> Iterator[Row]:
    written = sum(first.writes.values())
    if first.state != "converged" or written != EACH * size:
        raise RuntimeError(f"the first cycle is {first.state} after {written} writes")
    crm = first.requests["crm"]
    rest = sum(first.requests.values()) - crm
    yield Row(
        f"{size:,} calendars, {EACH * size:,} visits: first cycle",
        first.seconds,
        "s",
        note=f"{rest} requests, {crm} statements; own CPU {cost.cpu:.1f} s",
    )
    yield Row(
        f"{size:,} calendars: memory",
        first.peak,
        "MB",
        target=f"< {MOST_MEMORY} MB",
        met=first.peak < MOST_MEMORY,
        note=f"peak of the first cycle; {cost.threads} threads",
    )
    yield Row(
        f"{size:,} calendars: open files",
        cost.files,
        "files",
        target=f"< {MOST_FILES}",
        met=cost.files < MOST_FILES,
    )


def _idle(
    told: Sequence[Told], costs: Sequence[Cost], after: Cost, floor: float, size: int
) -> Iterator[Row]:
    if any(each.state != "converged" or any(each.writes.values()) for each in told):
        raise RuntimeError("something was done in an idle cycle")
    spent = statistics.median(each.seconds for each in told)
    cpu = statistics.median(each.cpu for each in costs)
    yield Row(
        f"{size:,} calendars: idle cycle",
        spent,
        "s",
        floor,
        note=f"floor: the same REPORTs; peak {told[-1].peak:.0f} MB, {after.threads} threads,"
        f" {after.files} files",
    )
    yield Row(
        f"{size:,} calendars: own CPU of an idle cycle",
        cpu,
        "s",
        target=f"< {MOST_CPU:g} s",
        met=cpu < MOST_CPU,
    )
    for name, most in (("crm", 1), ("calendars", size)):
        counted = max(_requests(each, name) for each in told)
        yield Row(
            f"{size:,} calendars: idle requests, {name}",
            counted,
            "requests",
            target=f"{most}",
            met=counted == most,
        )


def _requests(told: Told, name: str) -> int:
    crm = told.requests["crm"]
    return crm if name == "crm" else sum(told.requests.values()) - crm


def _floor(firm: Firm) -> float:
    """Seconds that the server takes for the same REPORTs, as many at once as we ask."""
    wire = Wire(firm.server.url, "alice", "x")
    paths = [line["nextcloud"].removeprefix(firm.server.url) for line in firm.lines.values()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        paths = [f"/{path}" for path in paths]
        tokens = list(pool.map(wire.sync_token, paths))
        begun = time.perf_counter()
        list(pool.map(wire.changes, paths, tokens))
        return time.perf_counter() - begun
