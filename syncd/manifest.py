"""What a kind of system can do, as its connector's ``manifest.toml`` says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Self


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a kind of system can do, declared in the connector's ``manifest.toml``.

    ``role``: the role of its systems unless configured. ``cursors``: it answers from a cursor.
    ``versions``: writes are guarded by a version. ``marker_search``: it has ``find``;
    ``free_busy``: ``busy``. ``recurrence``: it holds series itself. ``concurrency``: requests at
    once to one system. ``batch``: most keys a ``fetch`` request. ``options``: the keys its part
    of the configuration may have, with one line of help each; ``required`` of them must be there.
    ``collections``: a channel names a calendar (else the system has only one collection).
    ``client_keys``: creates are idempotent by a name that we choose; else, after a doubt, the
    marker is searched before each create.
    """

    name: str
    role: str
    cursors: bool
    versions: bool
    recurrence: bool
    marker_search: bool = False
    free_busy: bool = False
    collections: bool = True
    client_keys: bool = True
    concurrency: int = 8
    batch: int = 100
    options: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    skips: Mapping[str, str] = field(default_factory=dict)
    """Conformance checks that do not apply, each with its reason."""

    @classmethod
    def of(cls, package: str) -> Self:
        """The one that lies in a connector's ``package``."""
        read = tomllib.loads((files(package) / "manifest.toml").read_text(encoding="utf-8"))
        for name in ("required", "secrets"):
            read[name] = frozenset(read[name])
        return cls(**read)
