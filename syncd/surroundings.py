"""What the engine is given from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from syncd.accepting import Accepting
from syncd.breakers import Breakers
from syncd.core.state import AppointmentId
from syncd.pool import Pool
from syncd.store import Store
from syncd.troubles import Troubles


class Stopping(Exception):
    """A long piece of work was abandoned, since all is to stop. Nothing is lost by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is passed in, so that a whole deployment can run seeded in one thread.

    ``progress`` is called at each step of a long piece of work; it may raise ``Stopping``.
    ``retry_first``: the wait before a write is tried again, doubled each time. ``bridges``: all
    that are configured: what is of another one is not taken from it. ``troubles``: what has been
    logged of trouble that lasts. ``patience``: the seconds for which a cycle waits for looks
    of which nothing is heard; ``None``: for as long as they take.
    """

    store: Store
    pool: Pool
    breakers: Breakers
    accepting: Accepting
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], AppointmentId]
    progress: Callable[[], None]
    stop: Event = field(default_factory=Event)
    retry_first: timedelta
    bridges: frozenset[str] = frozenset()
    troubles: Troubles
    patience: float | None = None
