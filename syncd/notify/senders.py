"""Sending: the port, and what can go wrong, by consequence.

::

    SendError          not delivered; try again later
    ├── Throttled      too many messages: wait at least ``wait`` seconds
    ├── Refused        somebody must mend the configuration, or the robot's own settings
    └── InDoubt        it may have been delivered: do not send it again at once

Messages name a code and a remedy, never a URL (invariant 11).
"""

from __future__ import annotations

from typing import Protocol

from syncd.errors import SyncdError
from syncd.notify.words import Message


class SendError(SyncdError):
    """The message was not delivered."""


class Throttled(SendError):
    """The service asks to wait ``wait`` seconds."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class Refused(SendError):
    """The service understood and refuses: trying the same again is useless until it is mended."""


class InDoubt(SendError):
    """Nobody knows whether the message was delivered."""


class Sender(Protocol):
    """Delivers messages to one place."""

    def send(self, message: Message) -> str:
        """Deliver it; returns what the service answered. Raises ``SendError``."""
        ...


def shortened(text: str, most: int) -> str:
    """``text`` in at most ``most`` bytes of UTF-8, cut between two characters."""
    coded = text.encode("utf-8", "replace")
    if len(coded) <= most:
        return text
    return coded[: most - 3].decode("utf-8", "ignore") + "…"
