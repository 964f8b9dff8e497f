"""Subscriptions: Graph tells of changes, and we read what it tells.

Facts from microsoft-graph-docs (``subscription``, ``change-notifications-lifecycle-events``):
``clientState`` has at most 128 characters; lifecycle notifications go to an address that can be
named only at the beginning; a subscription to events lasts less than seven days (10,080 minutes
are refused: "can only be 10070 minutes"). The documents say that an answer of 202 is enough,
within three seconds, and that the handshake is answered with the decoded token as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.microsoft365.client import Answer, Calls, read_error, segment
from connectors.microsoft365.fields import text_at
from syncd.connector import Notice, Receipt, Told, Watch
from syncd.errors import ConnectorError, Rejected

LONGEST = timedelta(minutes=10_070)
MOST_SECRET = 128
_MOST_TOLD = 1_000
_LOST = frozenset({"subscriptionRemoved", "reauthorizationRequired"})
_LIFECYCLE = frozenset({"subscriptionRemoved", "reauthorizationRequired", "missed"})


class Subscriptions:
    """The subscriptions of one calendar."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def watch(self, resource: str, address: str, secret: str, before: Watch | None) -> Watch:
        """Renew ``before``, else open a new one and end ``before`` after it."""
        until = datetime.now(UTC) + LONGEST
        if before is not None and before.resource == resource:
            renewed = self._renew(before, until)
            if renewed is not None:
                return renewed
        made = self._open(resource, address, secret, until)
        if before is not None:
            self.unwatch(before)
        return made

    def unwatch(self, watch: Watch) -> None:
        """End a subscription; one that is over already is success."""
        answer = self._calls.write("DELETE", f"subscriptions/{segment(watch.id)}")
        if not answer.is_good and answer.status not in (404, 410):
            raise read_error(answer, "a subscription")

    def _renew(self, before: Watch, until: datetime) -> Watch | None:
        """The renewed one; nothing if it is not there (any more)."""
        body = {"expirationDateTime": _stamp(until)}
        answer = self._calls.write("PATCH", f"subscriptions/{segment(before.id)}", body)
        if answer.status in (400, 404, 410):
            return None
        if not answer.is_good:
            raise _refused(answer)
        return Watch(before.id, before.resource, _expires(answer, until))

    def _open(self, resource: str, address: str, secret: str, until: datetime) -> Watch:
        if len(secret) > MOST_SECRET:
            raise Rejected(f"a subscription takes a secret of at most {MOST_SECRET} characters")
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "resource": resource,
            "expirationDateTime": _stamp(until),
            "clientState": secret,
        }
        answer = self._calls.write("POST", "subscriptions", body)
        id = text_at(answer.found, "id")
        if not answer.is_good or not id:
            raise _refused(answer)
        return Watch(id, resource, _expires(answer, until))


def receive(notice: Notice) -> Receipt:
    """Read one request of Graph: the handshake, or notifications of several subscriptions."""
    if notice.method != "POST":
        return Receipt(400)
    token = notice.query.get("validationToken")
    if token is not None:
        return Receipt(200, token)
    try:
        found = json.loads(notice.body)
    except (ValueError, RecursionError):
        return Receipt(400)
    values = found.get("value") if isinstance(found, dict) else None
    if not isinstance(values, list) or len(values) > _MOST_TOLD:
        return Receipt(400)
    told = [_told(each) for each in values if isinstance(each, dict)]
    kept = tuple(dict.fromkeys(each for each in told if each is not None))
    return Receipt(202, "", kept) if kept or not values else Receipt(400)


def _told(each: Mapping[str, Any]) -> Told | None:
    """What one notification tells.

    ``missed`` has lost some notifications, not the subscription: a look makes up for them.
    """
    id = text_at(each, "subscriptionId")
    if not id:
        return None
    event = text_at(each, "lifecycleEvent")
    if event and event not in _LIFECYCLE:
        return None
    return Told(id, text_at(each, "clientState"), lost=event in _LOST)


def _refused(answer: Answer) -> ConnectorError:
    if answer.status in (400, 404, 409, 422):
        return Rejected(f"a subscription: {answer.said}")
    return read_error(answer, "a subscription")


def _expires(answer: Answer, asked: datetime) -> datetime:
    """When it ends by Graph's own words, which may be sooner than was asked."""
    text = text_at(answer.found, "expirationDateTime")
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return asked


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
