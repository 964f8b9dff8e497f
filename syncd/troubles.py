"""Trouble that lasts: told when it begins, when it changes, once an hour meanwhile, when it ends.

A server that is away for a night is one story, not a line at each look. Everything else about it
is in the state, where ``syncd status`` finds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

HELD = "held"
"""What is logged of a hold."""

UNREAD, UNWRITTEN = "the state cannot be read", "the state cannot be written"
"""What is logged of a state that does not answer those who tell an administrator."""

REMIND = timedelta(hours=1)
"""So often trouble that stays as it is is told again."""

_VARYING = re.compile(r"\b(?=[\w-]*\d)(?:0x)?[0-9a-fA-F-]{6,}\b|\d+(?:\.\d+)? ?(?:ms|s|seconds)\b")
"""Ids of requests, addresses of objects, countdowns."""


log = structlog.get_logger("syncd.troubles")


def steady(words: str) -> str:
    """What a server says, without what differs from answer to answer."""
    return _VARYING.sub("…", words)


@dataclass(frozen=True, slots=True)
class _Told:
    what: str
    since: datetime
    at: datetime


class Troubles:
    """What has been told, by kind and place. For one thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], _Told] = {}

    def is_news(self, kind: str, place: str, what: str) -> bool:
        """Whether this is to be told now; then it counts as told."""
        now, told = self._clock(), self._told.get((kind, place))
        if told is None or told.what != what:
            since = told.since if told is not None else now
            self._told[kind, place] = _Told(what, since, now)
            return True
        if told.at <= now < told.at + REMIND:
            return False
        self._told[kind, place] = replace(told, at=now)
        return True

    def since(self, kind: str, place: str) -> datetime:
        """When it began, as far as it was told; else now."""
        told = self._told.get((kind, place))
        return told.since if told is not None else self._clock()

    def is_over(self, kind: str, place: str) -> bool:
        """Whether it had been told, so that its end is worth a line; then it is forgotten."""
        return self._told.pop((kind, place), None) is not None

    def are_over(self, kind: str) -> bool:
        """Whether any of this kind had been told; then all of it is forgotten."""
        over = [told for told in self._told if told[0] == kind]
        for each in over:
            del self._told[each]
        return bool(over)


def tell_state(troubles: Troubles, what: str, error: Exception | None) -> None:
    """``what`` goes on, by this ``error``, or is no longer so."""
    if error is None:
        if troubles.is_over(what, ""):
            log.info("the state answers again")
    elif troubles.is_news(what, "", type(error).__name__):
        log.warning(what, error=type(error).__name__, since=troubles.since(what, ""))


def tell_held(troubles: Troubles, bridge: str, reason: str, writes: int) -> None:
    """A bridge holds, or goes on holding."""
    if troubles.is_news(HELD, bridge, f"{reason}: {writes}"):
        since = troubles.since(HELD, bridge)
        log.error(HELD, bridge=bridge, reason=reason, writes=writes, since=since)


def tell_release(troubles: Troubles, bridge: str) -> None:
    """A bridge does not hold."""
    if troubles.is_over(HELD, bridge):
        log.info("held no longer", bridge=bridge)
