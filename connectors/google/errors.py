"""What Google's refusals mean to us. Only codes go into messages: its sentences name people.

https://developers.google.com/workspace/calendar/api/guides/errors (reasons and what to do) and
.../guides/quota (403 and 429 for too many requests).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from syncd.errors import ConnectorError, Rejected, Stale, Unauthorized, Unavailable

SLOW_DOWN = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
"""Reasons that mean: too fast, this minute."""

_OF_ONE = frozenset({"quotaExceeded", "calendarUsageLimits"})
_USED_UP = _OF_ONE | {"dailyLimitExceeded", "dailyLimitExceededUnreg"}
"""Reasons that mean: too much, for hours. The first two are said of one person."""

_NOT_OURS = frozenset({"forbidden", "requiredAccessLevel", "notACalendarUser"})
"""Reasons that concern one calendar: it is shared with fewer rights, or not at all."""

_FOR_ALL = {
    "accessNotConfigured": "the Calendar API is not enabled in the project",
    "SERVICE_DISABLED": "the Calendar API is not enabled in the project",
    "insufficientPermissions": "the sign-in lacks the scope calendar.events",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "the sign-in lacks the scope calendar.events",
    "authError": "the sign-in is refused",
}
"""Reasons that concern the whole system, and how they are told."""

_OF_THE_ITEM = frozenset(
    {"forbiddenForNonOrganizer", "forbiddenForServiceAccounts", "eventTypeRestriction"}
)

SHORT_WAIT = 10.0
LONG_WAIT = 3600.0
"""Seconds to wait where Google names none: it seldom does."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,60}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. ``reasons`` are Google's codes, the telling one first."""

    status: int
    reasons: tuple[str, ...] = ()
    retry_after: float | None = None

    def __str__(self) -> str:
        codes = f" ({', '.join(self.reasons[:2])})" if self.reasons else ""
        return f"HTTP {self.status}{codes}"

    def has(self, *reasons: str) -> bool:
        """Whether it names one of these."""
        return any(reason in self.reasons for reason in reasons)

    @property
    def slows_down(self) -> bool:
        """Whether it says: too fast."""
        return self.status == 429 or (self.status == 403 and self.has(*SLOW_DOWN))


def refusal(status: int, body: bytes, retry_after: float | None) -> Refusal:
    """The codes in an error's body; a body that is none of Google's tells none."""
    try:
        error = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        return Refusal(status, (), retry_after)
    found: list[Any] = []
    if isinstance(error, dict):
        for name in ("errors", "details"):
            listed = error.get(name)
            each = listed if isinstance(listed, list) else []
            found += [one.get("reason") for one in each if isinstance(one, dict)]
        found.append(error.get("status"))
    codes = [one for one in found if isinstance(one, str) and _CODE.fullmatch(one)]
    return Refusal(status, tuple(dict.fromkeys(codes)), retry_after)


def error_of(refused: Refusal, what: str, *, writes: bool) -> ConnectorError:
    """The error that a refusal is. ``what`` it was about: a key, or some words.

    Those of single verbs (a cursor that died, an id that is taken) are dealt with before.
    """
    said = f"{what}: {refused}"
    status = refused.status
    if status == 401:
        return Unauthorized(said)
    if refused.slows_down:
        wait = refused.retry_after if refused.retry_after is not None else SHORT_WAIT
        # Said of a person, or of one calendar: the others go on.
        return Unavailable(said, retry_after=wait, lone=True)
    if status == 403:
        return _forbidden(refused, said, writes=writes)
    if status == 412:
        return Stale(said, key=what)
    if status == 408 or status >= 500:
        return Unavailable(said, retry_after=refused.retry_after, maybe_applied=writes)
    if status in (404, 410):
        return Stale(said, key=what) if writes else Unavailable(said, lone=True)
    if 300 <= status < 400:
        return Unavailable(f"{said}: redirects are not followed")
    return Rejected(said) if writes else Unavailable(said, lone=True)


def _forbidden(refused: Refusal, said: str, *, writes: bool) -> ConnectorError:
    if refused.has(*_USED_UP):
        wait = refused.retry_after if refused.retry_after is not None else LONG_WAIT
        return Unavailable(said, retry_after=wait, lone=refused.has(*_OF_ONE))
    for reason in refused.reasons:
        if reason in _FOR_ALL:
            return Unauthorized(f"{said}: {_FOR_ALL[reason]}")
    if writes and (refused.has(*_OF_THE_ITEM) or not refused.has(*_NOT_OURS)):
        return Rejected(said)
    return Unauthorized(said, lone=True)
