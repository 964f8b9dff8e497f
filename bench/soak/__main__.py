"""``python -m bench.soak [--minutes 30] [--calendars 200]``: run it, judge it, say so."""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

from bench.soak.company import Company
from bench.soak.staff import Staff
from bench.soak.verdict import WORKERS, complaints, figures
from tests.servers import radicale, xandikos
from tests.wire.proxy import Fault, door

REST = 240.0
"""Seconds that the last edits have to arrive."""


def main() -> int:
    """Exit code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--calendars", type=int, default=200)
    parser.add_argument("--poll", type=int, default=10, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-soak-")))
        servers = [stack.enter_context(make()) for make in (radicale, xandikos)]
        pairs = [(server, stack.enter_context(door(server.url))) for server in servers]
        company = Company(folder, pairs, given.calendars, given.poll, WORKERS)
        stack.callback(company.close)
        staff = Staff(company, Random(given.seed))
        warm = _work(company, staff, given.minutes * 60, most=given.calendars * 5)
        _rest(company, staff)
        wrong = complaints(company, staff, warm, given.poll)
        print(figures(company, staff, warm))
    for each in wrong:
        print(f"WRONG: {each}")
    return 1 if wrong else 0


def _work(company: Company, staff: Staff, seconds: float, most: int) -> float:
    """People work while servers fail and the daemon is restarted; the end of warming up.

    Restarts come while it warms up, or they would hide what grows; outages all the time.
    """
    begun = time.monotonic()
    warm = min(300.0, seconds * 0.4)
    restarts = [(warm * 0.3, signal.SIGTERM), (warm * 0.6, signal.SIGKILL)]
    outage = max(10.0, seconds / 8)
    out, reloaded = 0, 0
    while (now := time.monotonic() - begun) < seconds:
        if restarts and now > restarts[0][0]:
            company.restart(restarts.pop(0)[1])
        phase, numbered = now % outage, int(now // outage)
        if out <= numbered and phase > outage * 0.5:
            company.doors[numbered % 2].fail(Fault(status=503, times=10**9))
            out = numbered + 1
        elif phase < outage * 0.5 or phase > outage * 0.7:
            for each in company.doors:
                each.mend()
        if reloaded < numbered // 2:
            company.reload()
            reloaded = numbered // 2
        staff.act(most)
        staff.look()
        for each in company.doors:
            each.seen.clear()
            each.last.clear()
        time.sleep(0.2)
    for each in company.doors:
        each.mend()
    return warm + _wall(begun)


def _wall(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)


def _rest(company: Company, staff: Staff) -> None:
    """The last edits arrive; killed once more, the daemon finds nothing left to do."""
    end = time.monotonic() + REST
    while staff.underway and time.monotonic() < end:
        staff.look()
        time.sleep(0.5)
    company.restart(signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())
