"""Play storms against the real daemon: ``python -m tests.world 0 100 --acts 60 --shrink``.

Prints the seeds that end in complaints, and with ``--shrink`` the fewest steps that still do.
"""

from __future__ import annotations

import argparse
import gc
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from unittest import mock

import structlog

from syncd.drawn import CHUNK
from tests import dialects
from tests.world.company import (
    CALENDARS,
    CRM,
    CRMS,
    Company,
    Desk,
    a_company,
    a_hosted_company,
)
from tests.world.deployed import Deployed
from tests.world.faults import storm
from tests.world.hosts import Memory, vendors
from tests.world.known import KNOWN, LEAVING
from tests.world.play import play, shrink
from tests.world.steps import Act, Step


def played(steps: Sequence[Step], company: Company, seed: int, hosts: Memory) -> list[str]:
    """The complaints of a play in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-world-"))
    try:
        return play(steps, company, lambda stage: Deployed(stage, folder), seed, hosts)
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
    parser.add_argument("--vendors", action="store_true", help="Google, Microsoft 365 over HTTP")
    parser.add_argument("--ask", action="append", default=[], help="a field to ask a person of")
    parser.add_argument("--hold", action="store_true", help="what exceeds a few writes an hour")
    parser.add_argument("--late", action="store_true", help="looks that nobody waits for")
    parser.add_argument("--leave", action="store_true", help="calendars leave and return")
    parser.add_argument("--parts", type=int, default=CHUNK, help="plans stored at a time")
    given = parser.parse_args()
    gc.freeze()  # what is imported stays
    dialects.keep()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    of_parts = mock.patch("syncd.engine.CHUNK", given.parts)
    with of_parts, vendors() if given.vendors else nullcontext(Memory()) as hosts:
        failed = _play_all(given, hosts)
    print(f"{given.last - given.first} plays, {failed} with complaints")
    sys.exit(1 if failed else 0)


def _play_all(given: argparse.Namespace, hosts: Memory) -> int:
    """Play every seed; how many ended in complaints that were not known."""
    failed = 0
    known = {} if given.vendors else LEAVING if given.leave else KNOWN
    for seed in range(given.first, given.last):
        company = (a_hosted_company if given.vendors else a_company)(Random(seed))
        company = replace(company, asks=tuple(given.ask), holds=given.hold, late=given.late)
        steps: list[Step] = [
            step
            for step in storm(seed, company, given.acts, faults=not given.fair, leaves=given.leave)
            if not (isinstance(step, Act) and step.verb in given.without)
        ]
        complaints = played(steps, company, seed, hosts)
        failed += bool(complaints) and seed not in known
        if complaints:
            print(f"seed {seed}: {complaints}", flush=True)
            print(f"    known: {known[seed]}" if seed in known else "", flush=True)
        if complaints and given.shrink:
            _explain(steps, company, seed, complaints[0][:2], hosts)
    return failed


def _explain(steps: list[Step], company: Company, seed: int, law: str, hosts: Memory) -> None:
    """The fewest steps after which the same law is complained of."""

    def fails(left: Sequence[Step]) -> bool:
        return any(line.startswith(law) for line in played(left, company, seed, hosts))

    print(f"    ranking {company.ranking}")
    for desk in company.desks:
        print(f"    {desk.name}: {_kind(desk)} {desk.person}")
    for step in shrink(steps, fails):
        print(f"    {step},")


def _kind(desk: Desk) -> str:
    if desk.vendor:
        return desk.vendor
    kinds, name = (CRMS, "CRMS") if desk.name == CRM else (CALENDARS, "CALENDARS")
    return f"{name}[{kinds.index(desk.abilities)}]"


if __name__ == "__main__":
    main()
