"""Which tests cite which invariant: ``Invariant 4``, ``invariants 2 and 10`` in their docstring.

``python -m tests.architecture.citations`` writes the tables of docs/invariants.md anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import ROOT, Source, sources

CITES = re.compile(r"[Ii]nvariants?\s+(\d+(?:(?:,\s*|\s+and\s+)\d+)*)")


def cited() -> dict[int, list[str]]:
    """Invariant to the tests that cite it, as ``file::name``."""
    found: dict[int, list[str]] = {}
    for source in sources("tests"):
        for name, text in _docstrings(source):
            for match in CITES.finditer(text):
                for number in re.findall(r"\d+", match[1]):
                    found.setdefault(int(number), []).append(f"{source.name}::{name}")
    return {number: sorted(set(names)) for number, names in sorted(found.items())}


def _docstrings(source: Source) -> Iterator[tuple[str, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node) or ""


def rewritten(page: str) -> str:
    """The text of the page with the tables of today."""
    for number, tests in cited().items():
        rows = [f"| `{name}` | `{file}` |" for file, _, name in (t.partition("::") for t in tests)]
        table = "\n".join(["| test | in |", "|---|---|", *rows])
        pattern = rf"(^## {number}\. .*?\n\n.*?\n\n)(?:\|.*\n)+"
        page = re.sub(pattern, rf"\g<1>{table}\n", page, flags=re.MULTILINE)
    return page


if __name__ == "__main__":
    invariants = ROOT / "docs" / "invariants.md"
    invariants.write_text(rewritten(invariants.read_text("utf-8")), "utf-8")
