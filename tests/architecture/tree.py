"""The repository as text: which files it has, and what a module imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("syncd", "connectors", "tests", "bench")
PRODUCT = ("syncd", "connectors")
_SKIPPED = frozenset({"__pycache__", "build", "dist"})


@dataclass(frozen=True)
class Source:
    """One Python file. ``module`` is its dotted name, ``name`` its path in the repository."""

    path: Path
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        parts = list(self.path.relative_to(ROOT).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def tree(self) -> ast.Module:
        """Not kept: hundreds of them would burden every later test of the process."""
        return ast.parse(self.text, self.name)

    @cached_property
    def imports(self) -> frozenset[str]:
        """As :func:`imports`."""
        return frozenset(imports(self.tree, self.module))


def sources(*rooms: str) -> tuple[Source, ...]:
    """The Python files below the top-level folders ``rooms``."""
    return tuple(source for room in rooms for source in _below(room))


@cache
def _below(room: str) -> tuple[Source, ...]:
    return tuple(
        Source(path, path.read_text("utf-8"))
        for path in sorted((ROOT / room).rglob("*.py"))
        if not _SKIPPED & set(path.parts)
    )


def texts(*endings: str) -> Iterator[tuple[str, str]]:
    """Name and text of every file that is written by hand and ends in one of ``endings``."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = [part for part in parts if part.startswith(".") and part != ".ci"]
        if hidden or _SKIPPED & set(parts) or any(part.endswith(".egg-info") for part in parts):
            continue
        if path.is_file() and path.name.endswith(endings):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def imports(tree: ast.Module, module: str = "") -> set[str]:
    """Dotted names that a module imports, at its top, in functions, or for types only."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                package = ".".join([*above, *filter(None, [package])])
            found |= {f"{package}.{alias.name}" for alias in node.names}
    return found


def within(name: str, rooms: tuple[str, ...] | frozenset[str] | set[str]) -> bool:
    """Whether the dotted ``name`` is one of ``rooms`` or inside one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)
