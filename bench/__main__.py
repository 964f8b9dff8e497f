"""``python -m bench``: all measurements; ``python -m bench idle change``: some of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from bench import change, core, crm, first, idle, memory, people, vendors
from bench.table import Row, show


def settling(count: int = 20_000) -> Iterator[Row]:
    """How many appointments the core settles in a second; see :mod:`bench.core`."""
    wanted = core.policy()
    unchanged = [core.settled_case(number, wanted) for number in range(count)]
    changed = [core.changed_case(case, number) for number, case in enumerate(unchanged)]
    speeds = {
        "unchanged": max(core.measure(unchanged, lambda plan: plan.quiet) for _ in range(3)),
        "changed": max(core.measure(changed, lambda plan: len(plan.writes) == 2) for _ in range(3)),
    }
    for name, speed in speeds.items():
        least = core.TARGETS[name]
        yield Row(f"core: {name}", speed, "/s", target=f"≥ {least:,} /s", met=speed >= least)


MEASUREMENTS: dict[str, Callable[[], Iterator[Row]]] = {
    "core": settling,
    "change": change.run,
    "crm": crm.run,
    "idle": idle.run,
    "memory": memory.run,
    "first": first.run,
    "people": people.run,
    "vendors": vendors.run,
}
SMALL: dict[str, Callable[[], Iterator[Row]]] = {
    "core": lambda: settling(1000),
    "change": lambda: change.run(20),
    "crm": lambda: crm.run(50),
    "idle": lambda: idle.run((100,)),
    "memory": lambda: memory.run(500),
    "first": lambda: first.run(50),
    "people": lambda: people.run(20),
    "vendors": lambda: vendors.run(50),
}


def main() -> int:
    """Run what was asked for; the exit code tells whether every target was met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = tuple(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--small", action="store_true", help="few events, to try the bench itself")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(names))
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}; there are {', '.join(names)}")
    wanted = asked.names or names
    rows: list[Row] = []
    for name, measure in (SMALL if asked.small else MEASUREMENTS).items():
        if name not in wanted:
            continue
        for row in measure():
            rows.append(row)
            print(f"{name}: {row.name}: {row.ours:.3f} {row.unit}", file=sys.stderr)
    if rows:
        show(rows)
    return 0 if all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
