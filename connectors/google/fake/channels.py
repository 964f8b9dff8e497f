"""Notification channels of the fake: opened, told, lost, expired, stopped."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from connectors.google.fake.discovery import ApiError

_LONGEST = 7 * 86400
_LOOPBACK = ("http://127.0.0.1", "http://localhost")


@dataclass
class Channel:
    """One channel. ``number``: the messages so far."""

    id: str
    calendar: str
    address: str
    token: str
    resource: str
    until: float
    number: int = 0


class Channels:
    """``lost``: no message arrives. ``insecure``: loopback addresses need no TLS, as in tests."""

    def __init__(self) -> None:
        self.open: dict[str, Channel] = {}
        self.lost = False
        self.insecure = True
        self.sent = 0
        self._line: SimpleQueue[urllib.request.Request | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        self._thread.start()

    def watch(self, calendar: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """events.watch."""
        id, address = body.get("id", ""), body.get("address", "")
        if not 1 <= len(id) <= 64:
            raise ApiError(400, "channelIdInvalid")
        if id in self.open:
            raise ApiError(400, "channelIdNotUnique")
        if body.get("type") not in ("web_hook", "webhook"):
            raise ApiError(400, "unknownChannelType")
        local = self.insecure and address.startswith(_LOOPBACK)
        if not address.startswith("https://") and not local:
            raise ApiError(400, "push.webhookUrlNotHttps")
        if len(body.get("token", "")) > 256:
            raise ApiError(400, "channelTokenTooLong")
        ttl = min(int(body.get("params", {}).get("ttl", _LONGEST)), _LONGEST)
        made = Channel(id, calendar, address, body.get("token", ""), f"r-{calendar}", 0.0)
        made.until = time.time() + ttl
        self.open[id] = made
        self._tell(made, "sync")
        return {
            "kind": "api#channel",
            "id": id,
            "resourceId": made.resource,
            "resourceUri": f"https://www.googleapis.com/calendar/v3/calendars/{calendar}/events",
            "token": made.token,
            "expiration": str(int(made.until * 1000)),
        }

    def stop(self, body: Mapping[str, Any]) -> None:
        """channels.stop."""
        found = self.open.get(body.get("id", ""))
        if found is None or found.resource != body.get("resourceId"):
            raise ApiError(404, "notFound", "Channel not found")
        del self.open[found.id]

    def changed(self, calendar: str) -> None:
        """Something in a calendar changed: tell those who watch it."""
        for each in list(self.open.values()):
            if each.calendar == calendar and time.time() < each.until:
                self._tell(each, "exists")

    def close(self) -> None:
        """Deliver nothing more."""
        self._line.put(None)
        self._thread.join(5)

    def _tell(self, channel: Channel, state: str) -> None:
        if self.lost:
            return
        channel.number += 1
        headers = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Channel-Token": channel.token,
            "X-Goog-Resource-ID": channel.resource,
            "X-Goog-Resource-State": state,
            "X-Goog-Message-Number": str(channel.number),
            "Content-Length": "0",
        }
        told = urllib.request.Request(channel.address, b"", headers, method="POST")  # noqa: S310  # the test's own address
        self._line.put(told)

    def _deliver(self) -> None:
        trusting = ssl._create_unverified_context()  # noqa: S323  # a test's own certificate
        while (request := self._line.get()) is not None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(request, timeout=5, context=trusting).close()  # noqa: S310  # the test's own address
            self.sent += 1
