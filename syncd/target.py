"""One channel of a bridge, connected: what observing and writing work on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from syncd import __version__
from syncd.config import ChannelSettings
from syncd.connector import Connector, Manifest, TableMapping
from syncd.core.channel import Channel


@dataclass(frozen=True, slots=True)
class Target:
    """A channel with its connector. ``id`` is its name in the store. ``time_zone`` is that of
    values which carry none."""

    bridge: str
    settings: ChannelSettings
    connector: Connector
    manifest: Manifest
    channel: Channel
    mapping: TableMapping | None = None
    time_zone: str = ""

    @property
    def name(self) -> str:
        """The channel's name within its bridge."""
        return self.settings.name

    @property
    def id(self) -> str:
        """The channel's name in the store."""
        return f"{self.bridge}/{self.settings.name}"

    @property
    def system(self) -> str:
        """The system whose limits its requests count against."""
        return self.settings.system

    def fingerprint(self) -> str:
        """What a stored reading depends on besides the copy: version, mapping, configuration."""
        collection = asdict(self.settings.collection)
        mapping = asdict(self.mapping) if self.mapping is not None else {}
        mapping.pop("file", None)
        told = (__version__, asdict(self.channel), collection, mapping, self.time_zone)
        text = json.dumps(told, sort_keys=True, default=_told)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _told(value: object) -> object:
    """What JSON has no form for: sets, which have no order of their own, and a function, of which
    the name is the same after each start."""
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', '')}"
    return sorted(value)  # type: ignore[call-overload]  # all else are sets of texts
