"""The daemon's loop with a handle: one cycle for each line of standard input.

The same deployment that ``syncd run`` holds, so connections and memory are as in the daemon.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from syncd import log, plugins
from syncd.config import LogLevel, load
from syncd.deployment import Deployment
from syncd.store import Store


def main(config: Path) -> None:
    """Print a JSON object for each cycle."""
    log.configure(level=LogLevel.ERROR)
    settings = load(config, plugins.Plugins())
    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store) as at_work,
    ):
        for _ in sys.stdin:
            begun = time.perf_counter()
            result = at_work.cycle()[0]
            at_work.tidy()
            told = {
                "seconds": time.perf_counter() - begun,
                "state": result.state.value,
                "requests": {each.name: each.requests for each in result.channels},
                "writes": {
                    each.name: each.created + each.updated + each.deleted
                    for each in result.channels
                },
            }
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
