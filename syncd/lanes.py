"""What waits for one system: so much at a time, and whoever has a thousand is given one turn for
each turn of somebody who has one."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lane(Generic[T]):
    """Items of one system, ``limit`` of them under way at once; the others wait. ``running``: how
    many are under way. Not safe for threads: whoever shares one has a lock."""

    def __init__(self, limit: int) -> None:
        self.limit, self.running = limit, 0
        self.waiting: dict[str, deque[T]] = {}

    def line_up(self, item: T, of: str) -> None:
        """Behind all that is to be done for the same, ``of`` whom it is."""
        self.waiting.setdefault(of, deque()).append(item)

    @property
    def startable(self) -> int:
        """How many more of its items may begin now."""
        waiting = sum(map(len, self.waiting.values()))
        return min(waiting, self.limit - self.running)

    def next(self) -> T:
        """What is longest waited for by whom it is the turn, who goes behind all others. Raises
        ``StopIteration`` where nothing waits."""
        whose = next(iter(self.waiting))
        items = self.waiting.pop(whose)
        item = items.popleft()
        if items:
            self.waiting[whose] = items
        return item
