"""What is planted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``sound`` stands exactly once in ``file``; ``broken`` in its place breaks ``what``."""

    file: str
    sound: str
    broken: str
    what: str
