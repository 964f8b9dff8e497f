"""Which tests cite which invariant: ``Invariant 4``, ``invariants 2 and 10`` in their docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import Source, sources

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
