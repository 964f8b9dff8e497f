"""Pages in Markdown: headings, code blocks, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.architecture.tree import ROOT

PAGES = (
    "README.md",
    "README.zh-CN.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
    "deploy/README.md",
    "connectors/README.md",
    "mappings/README.md",
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Page:
    """A page. ``blocks``: (language, text) of its fenced code; ``prose``: the rest."""

    name: str
    text: str

    @property
    def blocks(self) -> list[tuple[str, str]]:
        return _FENCE.findall(self.text)

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    @property
    def headings(self) -> list[int]:
        """The level of each heading, in order."""
        return [len(marks) for marks, _ in _HEADING.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def section(self, title: str) -> str:
        """The text below the heading ``title`` up to the next heading of any level."""
        pattern = rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)"
        found = re.search(pattern, self.prose, re.DOTALL | re.MULTILINE)
        assert found is not None, f"{self.name} has no section {title!r}"
        return found[1]

    def keys(self, title: str) -> list[str]:
        """What the first cells of the first table below ``title`` name."""
        return [_CODE.findall(row[0])[0] for row in first_table(self.section(title))]


def first_table(text: str) -> Iterator[list[str]]:
    """The rows of the first table in ``text``, without its head."""
    lines = [line.strip() for line in text.splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith("|"))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


@cache
def page(name: str) -> Page:
    """The page ``name``, a path in the repository."""
    return Page(name, (ROOT / name).read_text("utf-8"))
