"""The service manager is told how the daemon fares: sd_notify, without a library.

The protocol is one datagram of ``NAME=VALUE`` lines to the socket in ``$NOTIFY_SOCKET``
(https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html, "Notes"; read 2026-11).
Without that variable nothing is sent, and nothing that goes wrong here harms the daemon.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

MOST_STATUS = 200
"""Characters of a status: it is one line of ``systemctl status``."""


class Systemd:
    """Sends the daemon's state to the service manager, if there is one.

    ``watchdog``: seconds within which it wants a sign of life, ``None`` if it wants none.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(environ) if self._address else None

    def ready(self, status: str) -> None:
        """The configuration is at work: after the start, or after a reload."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """A new configuration is being read; :meth:`ready` tells the end of it. Both lines
        stand in one datagram, which ``Type=notify-reload`` wants."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``; no personal data (invariant 11)."""
        self._send(_status(status))

    def alive(self) -> None:
        """A sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # Lost if nobody listens, or if the manager's queue is full: the next one comes.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> str:
    """A path, or an abstract socket (``@name``); ``""`` for what this machine has no socket for."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    return name if name.startswith("/") else ""


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """``WATCHDOG_USEC`` in seconds, if it is meant for this process
    (https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html)."""
    text, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or process not in ("", str(os.getpid())):
        return None
    return int(text) / 1_000_000


def _status(status: str) -> str:
    return f"STATUS={' '.join(status.split())[:MOST_STATUS]}"
