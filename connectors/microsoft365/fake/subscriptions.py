"""Subscriptions of the fake: it really posts to the address that it was given."""

from __future__ import annotations

import itertools
import json
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.microsoft365.fake.checks import Refused

_LONGEST = timedelta(minutes=10_070)
_SECONDS = 10


@dataclass
class Subscriptions:
    """``loses``: notifications are not sent. ``posted`` counts those that were."""

    loses: bool = False
    posted: int = 0
    living: dict[str, dict[str, Any]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _queue: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = field(
        default_factory=queue.SimpleQueue
    )
    _thread: threading.Thread | None = None

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """POST: the handshake is made at once."""
        known = {"changeType", "notificationUrl", "lifecycleNotificationUrl", "resource"}
        known |= {"expirationDateTime", "clientState", "latestSupportedTlsVersion"}
        if not set(body) <= known or len(body.get("clientState", "")) > 128:
            raise Refused(400, "InvalidRequest")
        self._check_expiry(body)
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if name in body:
                self._shake_hands(body[name])
        made = {**body, "id": f"sub-{next(self._numbers)}"}
        self.living[made["id"]] = made
        return {name: value for name, value in made.items() if name != "clientState"}

    def renew(self, id: str, body: dict[str, Any]) -> dict[str, Any]:
        """PATCH of the expiry."""
        if id not in self.living:
            raise Refused(404, "ResourceNotFound")
        if set(body) != {"expirationDateTime"}:
            raise Refused(400, "InvalidRequest")
        self._check_expiry(body)
        self.living[id] |= body
        return self.living[id]

    def delete(self, id: str) -> None:
        """DELETE."""
        if self.living.pop(id, None) is None:
            raise Refused(404, "ResourceNotFound")

    def tell(self, resource: str, event: str) -> None:
        """Post that an event has changed to all who watch its calendar."""
        for each in list(self.living.values()):
            if each["resource"].lower() == resource.lower() and not self.loses:
                self._post(each["notificationUrl"], self._told(each, {"changeType": "updated"}))

    def lifecycle(self, id: str, event: str) -> None:
        """Post a lifecycle event; a removed subscription is over."""
        each = self.living[id]
        if event == "subscriptionRemoved":
            del self.living[id]
        address = each.get("lifecycleNotificationUrl")
        if address:
            self._post(address, self._told(each, {"lifecycleEvent": event}))

    def close(self) -> None:
        """End the thread that posts."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _told(self, each: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        return {
            "subscriptionId": each["id"],
            "clientState": each.get("clientState"),
            "resource": each["resource"],
            "tenantId": "tenant",
            **more,
        }

    def _check_expiry(self, body: dict[str, Any]) -> None:
        until = datetime.fromisoformat(body["expirationDateTime"][:19]).replace(tzinfo=UTC)
        if until > datetime.now(UTC) + _LONGEST + timedelta(minutes=1):
            raise Refused(400, "InvalidRequest")

    def _shake_hands(self, address: str) -> None:
        token = "Validation: Testing client application reachability <é/1>"
        mark = "&" if "?" in address else "?"
        url = f"{address}{mark}validationToken={quote(token)}"
        try:
            with urllib.request.urlopen(  # loopback, given by the test
                urllib.request.Request(url, b"", method="POST"), timeout=_SECONDS
            ) as answer:
                kind = answer.headers.get("Content-Type", "")
                good = answer.status == 200 and kind.startswith("text/plain")
                good = good and answer.read().decode() == token
        except (urllib.error.URLError, OSError):
            good = False
        if not good:
            raise Refused(400, "ValidationError")

    def _post(self, address: str, told: dict[str, Any]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._queue.put((address, told))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            address, told = item
            body = json.dumps({"value": [told]}).encode()
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(address, body, headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS):  # loopback
                    self.posted += 1
            except (urllib.error.URLError, OSError):
                continue
