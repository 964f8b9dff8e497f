"""``syncd run`` with a probe beside it: what the process holds, as a line of JSON now and then."""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

EVERY = 5.0
"""Seconds between two lines."""

MOST_TYPES = 150
_RSS = re.compile(r"VmRSS:\s+(\d+) kB")


def sample() -> dict[str, object]:
    """Seconds, resident MB, threads, open files, and live objects by type."""
    gc.collect()
    kinds = Counter(f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects())
    status = Path("/proc/self/status").read_text()
    found = _RSS.search(status)
    return {
        "at": time.time(),
        "rss": int(found[1]) * 1024 / 1e6 if found else 0.0,
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "objects": dict(kinds.most_common(MOST_TYPES)),
    }


def _watch(file: Path) -> None:
    while True:
        with file.open("a") as out:
            out.write(json.dumps(sample()) + "\n")
        time.sleep(EVERY)


if __name__ == "__main__":
    threading.Thread(target=_watch, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    from syncd.cli import main

    main()
