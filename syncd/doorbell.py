"""Who rings, and whether it is one of ours: notifications of vendors, judged as they arrive.

Nothing that a notification says is believed but that a channel may have changed; and that only
from who knows the secret of its watch. The receiver's threads ring, the control thread answers.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from syncd import metrics
from syncd.connector import Receipt, Told

_NOBODY = hashlib.sha256(b"nobody's").hexdigest()
"""What the secret of an unknown watch is compared with, so that it takes as long as any."""


class Outcome(StrEnum):
    """What became of a notification.

    ``accepted``: a channel is looked at. ``confirmed``: its watch stands, and its vendor can reach
    us. ``lost``: its watch is made anew. ``unknown``: no watch of ours. ``forged``: not with its
    secret. ``refused``: no notification. ``empty``: one of nothing, as handshakes are.
    """

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    LOST = "lost"
    UNKNOWN = "unknown"
    FORGED = "forged"
    REFUSED = "refused"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Expected:
    """A watch of a channel, and the digests of the secrets that its notifications may carry."""

    channel: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rung:
    """Channels (``bridge/name``) that may have changed, and of them those whose watch is
    ``lost``; and those of which just their watch was ``confirmed``."""

    channels: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()


class Doorbell:
    """One for the whole life of a daemon. ``wake`` is called when somebody has rung."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._known: Mapping[tuple[str, str], Expected] = {}
        self._coming: dict[str, tuple[str, Expected]] = {}
        self._channels: set[str] = set()
        self._lost: set[str] = set()
        self._confirmed: set[str] = set()

    def know(self, watches: Mapping[tuple[str, str], Expected]) -> None:
        """These are our watches, by system and id, and no others."""
        self._known = MappingProxyType(dict(watches))

    def expect(self, system: str, channel: str, digest: str) -> None:
        """A watch is being opened: vendors tell of it before they tell us its id."""
        with self._lock:
            self._coming[channel] = (system, Expected(channel, (digest,)))

    def expect_no_more(self, channel: str) -> None:
        """It is known by its id now, or it was refused."""
        with self._lock:
            self._coming.pop(channel, None)

    def ring(self, system: str, receipt: Receipt) -> None:
        """A request was read: note what it told. Whether it is believed shows nowhere."""
        if not receipt.told:
            refused = receipt.status >= 400
            metrics.notified(system, Outcome.REFUSED if refused else Outcome.EMPTY)
            return
        for told in receipt.told:
            metrics.notified(system, self._heard(system, told))

    def rung(self) -> Rung:
        """Who has rung since the last time."""
        with self._lock:
            heard = self._channels, self._lost, self._confirmed
            found = Rung(*map(frozenset, heard))
            for each in heard:
                each.clear()
        return found

    def _heard(self, system: str, told: Told) -> Outcome:
        known = self._known.get((system, told.watch))
        digest = digest_of(told.secret)
        if known is None:
            with self._lock:
                coming = [each for name, each in self._coming.values() if name == system]
            candidates: Iterable[Expected] = coming or [Expected("", (_NOBODY,))]
        else:
            candidates = [known]
        matching = [each for each in candidates if _is_one_of(digest, each.digests)]
        if not matching:
            return Outcome.UNKNOWN if known is None else Outcome.FORGED
        channels = {each.channel for each in matching}
        with self._lock:
            (self._confirmed if told.stands else self._channels).update(channels)
            if told.lost:
                self._lost.update(channels)
        if told.stands:
            return Outcome.CONFIRMED  # nobody is woken: there is nothing to look at
        self._wake()
        return Outcome.LOST if told.lost else Outcome.ACCEPTED


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _is_one_of(digest: str, digests: Iterable[str]) -> bool:
    """Whether it is among them; which one is right does not show in the time that it takes."""
    found = False
    for each in digests:
        found |= hmac.compare_digest(digest, each)
    return found
