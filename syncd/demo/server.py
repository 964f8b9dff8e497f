"""A real CalDAV server (Radicale) in a thread, with a calendar for each colleague."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

from syncd.errors import ConfigError

CALENDAR = "work"

_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what a user asked for by --listen
"""Addresses that mean all of them, and the one by which this machine reaches itself."""

_BACKLOG = 128
"""Connections that may wait to be accepted. The default of 5 (Python's ``socketserver``) is less
than begin at once when all calendars are written: Linux makes those beyond it try again after a
second, or answers by a SYN cookie, and resets the connection where that fails."""


class CalendarServer:
    """Radicale on ``host``; ``port`` 0 takes a free one. ``passwords`` by user.

    Raises ``ConfigError`` if Radicale is not installed or the address cannot be had.
    """

    def __init__(self, folder: Path, host: str, port: int, passwords: Mapping[str, str]) -> None:
        self._folder, self._passwords = folder, passwords
        self.host, self.port = host, port or _free_port(host)
        self._stop, self._stopped = socket.socketpair()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address that clients on this machine are given."""
        return f"http://{_bracketed(_HERE.get(self.host, self.host))}:{self.port}/"

    @property
    def is_open(self) -> bool:
        """Whether it listens on every address of this machine."""
        return self.host in _HERE

    def start(self) -> None:
        """Serve until :meth:`stop`; answers as soon as this returns."""
        try:
            from radicale import config, server
        except ImportError as error:
            raise ConfigError(
                "the demo needs Radicale", hint='pip install "syncd[demo]"'
            ) from error
        self._prepare()
        server.ParallelHTTPServer.request_queue_size = _BACKLOG
        settings = config.load()
        settings.update(
            {
                # The default of 8 would keep the writers of three calendars waiting for each other.
                "server": {
                    "hosts": f"{_bracketed(self.host)}:{self.port}",
                    "max_connections": "64",
                },
                "auth": {
                    "type": "htpasswd",
                    "htpasswd_filename": str(self._folder / "users"),
                    "htpasswd_encryption": "plain",
                    "delay": "0",
                },
                "storage": {"filesystem_folder": str(self._folder / "collections")},
                "logging": {"level": "critical"},
            },
            "demo",
            privileged=True,
        )
        self._thread = threading.Thread(
            target=server.serve, args=(settings, self._stopped), daemon=True, name="radicale"
        )
        self._thread.start()
        _wait_for(_HERE.get(self.host, self.host), self.port)

    def stop(self) -> None:
        """End the server and its thread."""
        self._stop.close()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        users = self._folder / "users"
        users.touch(mode=0o600)
        users.write_text("".join(f"{u}:{p}\n" for u, p in self._passwords.items()), "utf-8")
        for user in self._passwords:
            calendar = self._folder / "collections" / "collection-root" / user / CALENDAR
            calendar.mkdir(parents=True, exist_ok=True)
            properties = calendar / ".Radicale.props"
            if not properties.exists():
                told = {
                    "tag": "VCALENDAR",
                    "D:displayname": CALENDAR,
                    "C:supported-calendar-component-set": "VEVENT",
                }
                properties.write_text(json.dumps(told), "utf-8")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, 0), family=family) as found:
            port: int = found.getsockname()[1]
    except OSError as error:
        raise ConfigError(f"cannot listen there: {error.strerror}", key="--listen") from error
    return port


def _wait_for(host: str, port: int) -> None:
    for _ in range(200):
        try:
            with socket.create_connection((host, port), timeout=0.2):
                return
        except OSError:
            threading.Event().wait(0.05)
    raise ConfigError(f"the calendar server does not answer on {host}:{port}", key="--port")
