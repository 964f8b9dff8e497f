"""What an administrator has been told: kept in the store, so that a restart repeats nothing.

Before a message leaves, it is noted as possibly delivered; whoever dies in between does not
tell twice within the hour. Pure, but for the texts that the store keeps.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.config import Topic
from syncd.notify.alerts import Alert

HOUR = timedelta(hours=1)
"""At most one alert of a topic is delivered within this time."""

MORE = 5
"""A number is clearly worse if it has doubled and grown by at least so much."""


class News(StrEnum):
    """Why a message is sent: something is wrong, or a topic is over."""

    ALERT = "alert"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Told:
    """The last alert of a topic that was, or may have been, delivered.

    ``open``: it is not over yet. ``names`` and ``count``: what it said. ``doubt``: nobody
    knows whether it arrived.
    """

    at: datetime | None = None
    open: bool = False
    names: frozenset[str] = frozenset()
    count: int = 0
    doubt: bool = False


def news(told: Told, alert: Alert | None, now: datetime) -> News | None:
    """What is to be said about a topic, if anything. ``alert``: what is wrong now."""
    if alert is None:
        return News.OVER if told.open and not told.doubt else None
    if told.at is not None and now - told.at < HOUR:
        return None
    if told.open and not told.doubt and not _worse(alert, told):
        return None
    return News.ALERT


def begun(told: Told, alert: Alert | None, now: datetime) -> Told:
    """As :func:`news` has it, the message leaves: from here on it may have been delivered."""
    if alert is None:
        return replace(told, open=False, doubt=False)
    return Told(now, open=True, names=alert.names, count=alert.count, doubt=True)


def quietly(told: Told, alert: Alert | None, now: datetime) -> Told:
    """What changes although nothing is said: the clock that went back, an unsaid end, fewer."""
    if told.at is not None and told.at > now:
        told = replace(told, at=now)  # else nothing could be said until the clock is there again
    if alert is None:
        return replace(told, open=False, doubt=False) if told.doubt else told
    if told.open and not told.doubt and alert.names < told.names:
        return replace(told, names=alert.names)  # what was over and comes back is news
    return told


def _worse(alert: Alert, told: Told) -> bool:
    return bool(alert.names - told.names) or (
        alert.count >= 2 * told.count and alert.count >= told.count + MORE
    )


def encoded(told: dict[Topic, Told]) -> str:
    """As the store keeps it: JSON."""
    rows = {
        topic.value: {
            **asdict(each),
            "at": each.at.isoformat() if each.at else None,
            "names": sorted(each.names),
        }
        for topic, each in sorted(told.items())
    }
    return json.dumps(rows, ensure_ascii=False)


def decoded(text: str | None) -> dict[Topic, Told]:
    """What :func:`encoded` made; a text of another version's topics loses only those."""
    rows = json.loads(text) if text else {}
    return {
        Topic(name): Told(
            datetime.fromisoformat(row["at"]) if row["at"] else None,
            row["open"],
            frozenset(row["names"]),
            row["count"],
            row["doubt"],
        )
        for name, row in rows.items()
        if name in set(Topic)
    }
