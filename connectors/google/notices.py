"""What Google's notifications say. Read without any of Google's libraries: anybody may send one.

https://developers.google.com/workspace/calendar/api/guides/push: a message has no body; its
headers name the channel, our token and the state (``sync`` once, then ``exists``).
"""

from __future__ import annotations

from syncd.connector import Notice, Receipt, Told

_STATES = frozenset({"sync", "exists", "not_exists"})


def receive(notice: Notice) -> Receipt:
    """Read one message."""
    headers = notice.headers
    channel, state = headers.get("x-goog-channel-id", ""), headers.get("x-goog-resource-state", "")
    if notice.method != "POST" or not channel or state not in _STATES:
        return Receipt(400)
    secret = headers.get("x-goog-channel-token", "")
    told = Told(channel, secret, lost=state == "not_exists", stands=state == "sync")
    return Receipt(200, told=(told,))
