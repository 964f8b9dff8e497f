"""Play storms against the real daemon: ``python -m tests.world 0 100 --acts 60 --shrink``.

Prints the seeds that end in complaints, and with ``--shrink`` the fewest steps that still do.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import structlog

from tests.world.company import CALENDARS, CRM, CRMS, Company, a_company
from tests.world.deployed import Deployed
from tests.world.faults import storm
from tests.world.known import KNOWN
from tests.world.play import play, shrink
from tests.world.steps import Act, Step


def played(steps: Sequence[Step], company: Company, seed: int) -> list[str]:
    """The complaints of a play in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-world-"))
    try:
        return play(steps, company, lambda stage: Deployed(stage, folder), seed)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.world")
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, help="exclusive")
    parser.add_argument("--acts", type=int, default=40)
    parser.add_argument("--fair", action="store_true", help="no faults")
    parser.add_argument("--without", action="append", default=[], help="a verb to leave out")
    parser.add_argument("--shrink", action="store_true")
    given = parser.parse_args()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    failed = 0
    for seed in range(given.first, given.last):
        company = a_company(Random(seed))
        steps: list[Step] = [
            step
            for step in storm(seed, company, given.acts, faults=not given.fair)
            if not (isinstance(step, Act) and step.verb in given.without)
        ]
        complaints = played(steps, company, seed)
        failed += bool(complaints) and seed not in KNOWN
        if complaints:
            print(f"seed {seed}: {complaints}", flush=True)
            print(f"    known: {KNOWN[seed]}" if seed in KNOWN else "", flush=True)
        if complaints and given.shrink:
            _explain(steps, company, seed, complaints[0][:2])
    print(f"{given.last - given.first} plays, {failed} with complaints")
    sys.exit(1 if failed else 0)


def _explain(steps: list[Step], company: Company, seed: int, law: str) -> None:
    """The fewest steps after which the same law is complained of."""

    def fails(left: Sequence[Step]) -> bool:
        return any(line.startswith(law) for line in played(left, company, seed))

    print(f"    ranking {company.ranking}")
    for desk in company.desks:
        kinds, name = (CRMS, "CRMS") if desk.name == CRM else (CALENDARS, "CALENDARS")
        print(f"    {desk.name}: {name}[{kinds.index(desk.abilities)}] {desk.person}")
    for step in shrink(steps, fails):
        print(f"    {step},")


if __name__ == "__main__":
    main()
