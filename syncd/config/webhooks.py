"""``[daemon.webhooks]`` judged: where vendors reach the daemon, and where it listens for them."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from syncd.config.places import is_loopback
from syncd.config.schema import DaemonTable
from syncd.config.settings import Webhooks
from syncd.problems import Problems
from syncd.tomlfile import TomlFile

SAFETY_NET = timedelta(minutes=10)
"""How often a channel is looked at that is told of, unless configured."""

_EXAMPLE = '"https://syncd.example.com/hooks/"'


def read_webhooks(table: DaemonTable, source: TomlFile, problems: Problems) -> Webhooks | None:
    """The webhooks, ``None`` if there are none; what is wrong goes to ``problems``."""
    told, at = table.webhooks, ("daemon", "webhooks")
    if told is None:
        return None
    fault = _fault(told.url)
    if fault:
        problems.error(source, (*at, "url"), fault, _EXAMPLE)
    if told.listen is None:
        hint = "without [daemon.webhooks] every system is polled"
        problems.error(source, (*at, "listen"), "must be a place to listen", hint)
        return None
    if told.listen == table.listen and told.listen.port:
        message = "is where the health pages listen, which nobody outside shall see"
        problems.error(source, (*at, "listen"), message, "another port")
    longest = max(table.poll_interval, table.poll_slowest or table.poll_interval)
    if told.poll_interval is not None and told.poll_interval < longest:
        message = "is shorter than that of systems that tell nothing"
        problems.error(source, (*at, "poll_interval"), message, "it is a safety net")
    return Webhooks(
        url=told.url.rstrip("/") + "/",
        listen=told.listen,
        poll_interval=told.poll_interval or max(longest, SAFETY_NET),
        spacing=told.spacing,
    )


def _fault(url: str) -> str:
    """Why vendors could not reach this address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        whole = f"{parts.scheme}://{parts.netloc}{parts.path}"
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if not host or "@" in parts.netloc or whole != url or not url.isascii() or " " in url:
        return "must be an address alone: no password, query or fragment, only ASCII"
    # Loopback is for a trial on one machine: no vendor reaches it.
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return "must be https: vendors tell nothing to other addresses"
    return ""
