"""What the server serves: requests in, answers out. It knows no page and no vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole. ``target``: path and query as they were sent; ``headers``: by
    lower-case name, the first of each."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Answer(NamedTuple):
    """What is answered. ``kind``: of content."""

    status: int
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a site is asked at most. ``connections`` at a time: when one more comes, the oldest
    ends. ``body``: bytes. A connection lasts so many ``seconds``, from its first byte to its
    last."""

    connections: int = 16
    body: int = 0
    seconds: float = 10.0

    @property
    def threads(self) -> int:
        """Beyond it a connection is ended unanswered: threads whose lines were ended are still
        at work."""
        return 2 * self.connections


class Site(Protocol):
    """Answers requests, in several threads at once."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it knows; with ``GET`` comes ``HEAD``."""
        ...

    @property
    def bounds(self) -> Bounds:
        """What it is asked at most."""
        ...

    def answer(self, request: Request) -> Answer:
        """The answer; of a ``HEAD`` the body is left out."""
        ...
