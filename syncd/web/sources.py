"""What the pages are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from syncd.breakers import Breakers
from syncd.pulse import Pulse
from syncd.store import Store
from syncd.watching import WatchState


@dataclass(frozen=True, slots=True)
class Sources:
    """``channels``: those that are configured (``bridge/name``). ``breakers``: whether each
    system is asked. ``expiries``: by system, when its sign-in ends, where that is known.
    ``watches``: by system and state, how many there are."""

    store: Store
    pulse: Pulse
    breakers: Breakers
    channels: frozenset[str]
    expiries: Callable[[], Mapping[str, datetime]]
    watches: Callable[[], Mapping[tuple[str, WatchState], int]]
