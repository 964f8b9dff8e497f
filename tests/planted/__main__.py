"""Plants each fault in a copy of the tree and runs the tests of the core: are they caught?

``python -m tests.planted [WORD]`` plants those whose description or file contains the word.
Exits with 1 if one is missed, or if its sound text no longer stands in the file exactly once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.planted.fault import Fault
from tests.planted.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
# The quickest first: a planted fault is usually caught by an example.
EXAMPLES = (
    "test_invariants.py",
    "test_unmet.py",
    "test_vanished.py",
    "test_traces_*.py",
    "test_abandoned.py",
    "test_endings.py",
    "test_outlives.py",
    "test_privacy.py",
    "test_put_back.py",
    "test_split*.py",
    "test_cut.py",
    "test_invitations*.py",
)
TESTS = (*EXAMPLES, "test_laws_settling.py", "test_laws_*.py")
SECONDS = 400


def copied(into: Path) -> Path:
    """A copy of what the tests of the core need."""
    ignore = shutil.ignore_patterns("__pycache__", ".hypothesis")
    shutil.copytree(ROOT / "syncd", into / "syncd", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "core", into / "tests" / "core", ignore=ignore)
    shutil.copy(ROOT / "tests" / "strategies.py", into / "tests" / "strategies.py")
    shutil.copy(ROOT / "pyproject.toml", into / "pyproject.toml")
    return into


def is_caught(tree: Path) -> bool:
    """Whether a test fails."""
    folder = tree / "tests" / "core"
    files = dict.fromkeys(str(path) for each in TESTS for path in sorted(folder.glob(each)))
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--hypothesis-seed=1"]
    command += ["-p", "no:cacheprovider", "--tb=no", *files]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, timeout=SECONDS, check=False
    )
    return ended.returncode != 0


def is_planted_and_caught(fault: Fault, tree: Path) -> str:
    """``caught``, ``MISSED``, or ``OUTDATED`` where the sound text is not there once."""
    path = tree / fault.file
    sound = path.read_text(encoding="utf-8")
    if sound.count(fault.sound) != 1:
        return "OUTDATED"
    path.write_text(sound.replace(fault.sound, fault.broken), encoding="utf-8")
    try:
        return "caught" if is_caught(tree) else "MISSED"
    finally:
        path.write_text(sound, encoding="utf-8")


def main(word: str) -> int:
    """Plant, run, report."""
    wanted = [fault for fault in FAULTS if word in fault.what or word in fault.file]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        if not word and is_caught(tree):
            print("the tests fail without any fault")
            return 1
        for fault in wanted:
            begun = time.monotonic()
            outcome = is_planted_and_caught(fault, tree)
            bad += outcome != "caught"
            spent = time.monotonic() - begun
            print(f"{outcome:<9}{spent:5.0f} s  {fault.file}: {fault.what}", flush=True)
    print(f"{len(wanted) - bad} of {len(wanted)} caught")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
