"""Google's notification channels: opened for a week, never renewed, and lossy.

https://developers.google.com/workspace/calendar/api/guides/push: to go on beyond the expiration
another channel is opened. Messages can be lost: polling goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from connectors.google.client import Client, Refused
from connectors.google.wire import text_of
from syncd.connector import Watch
from syncd.errors import Unavailable

TTL = timedelta(days=7)
"""What is asked for: Google's own default."""

_GONE = frozenset({404, 410})


def watch(client: Client, address: str, secret: str) -> Watch:
    """Open a channel for the events of a calendar."""
    name = uuid4().hex
    channel = {
        "id": name,
        "type": "web_hook",
        "address": address,
        "token": secret,
        "params": {"ttl": str(int(TTL.total_seconds()))},
    }
    try:
        opened, _ = client.call(
            lambda service: service.events().watch(calendarId=client.calendar, body=channel)
        )
    except Refused as error:
        if error.refused.status in _GONE:
            raise Unavailable(f"the calendar: {error.refused}", lone=True) from None
        raise client.error(error.refused, "the notification channel", writes=True) from None
    return Watch(name, text_of(opened, "resourceId"), _expires(opened))


def stop(client: Client, watch: Watch) -> None:
    """End a channel; one that is over already is success."""
    body = {"id": watch.id, "resourceId": watch.resource}
    try:
        client.call(lambda service: service.channels().stop(body=body))
    except Refused as error:
        if error.refused.status not in _GONE:
            raise client.error(error.refused, "the notification channel", writes=False) from None


def _expires(opened: Mapping[str, object]) -> datetime:
    """``expiration``: milliseconds of the epoch, as text. Without it an hour, to be safe."""
    value = str(opened.get("expiration", ""))
    if value.isascii() and value.isdigit() and len(value) < 15:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    return datetime.now(UTC) + timedelta(hours=1)
