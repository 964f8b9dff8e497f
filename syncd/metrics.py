"""What the process counts as it works; :mod:`syncd.web` serves it, docs/monitoring.md explains it.

Labels are names of bridges, channels and systems and classes of errors, never anything of an
appointment. Whoever counts calls a function here and needs to know nothing of pages. The
counts are those of the process: they begin anew with it.
"""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Collection
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from syncd import __version__
from syncd.core.state import Operation
from syncd.results import BridgeResult, ChannelResult, State

MOST_CHANNELS = 2000
"""So many channels have counters of their own; those beyond are counted together, so that a
mistake in the people file does not flood whoever stores the numbers."""

OTHERS = "(others)"
"""The channel label of the channels beyond :data:`MOST_CHANNELS`."""

ERRORS = ("Unavailable", "Unauthorized", "CursorExpired", "Stale", "Rejected")
"""The classes of :mod:`syncd.errors` that systems answer with."""

LAGS = (1, 2, 5, 10, 30, 60, 90, 120, 300, 900, 3600, 86400)
"""Seconds: from what one poll takes to a server that was away for a day."""

CYCLES = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)

# Else each counter has a second series, which nobody asked for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it untyped

registry = CollectorRegistry()
"""What this process counts. What the store knows is added where the page is made."""

ProcessCollector(registry=registry)
Info("syncd_build", "Which syncd this is.", registry=registry).info(
    {"version": __version__, "python": platform.python_version()}
)

_Metric = TypeVar("_Metric", Counter, Histogram)
_CHANNEL = ("bridge", "channel")
_CYCLES = Counter("syncd_cycles", "Finished cycles.", ("bridge", "state"), registry=registry)
_SECONDS = Histogram(
    "syncd_cycle_seconds", "How long cycles took.", ("bridge",), buckets=CYCLES, registry=registry
)
_CRASHES = Counter("syncd_cycle_crashes", "Cycles that a bug ended.", registry=registry)
_LAG = Histogram(
    "syncd_edit_lag_seconds",
    "From a person's edit to its arrival in this channel.",
    _CHANNEL,
    buckets=LAGS,
    registry=registry,
)
_WRITES = Counter(
    "syncd_writes", "Writes that a system accepted.", (*_CHANNEL, "operation"), registry=registry
)
_FAILED = Counter("syncd_writes_failed", "Writes that failed.", _CHANNEL, registry=registry)
_CONFLICTS = Counter(
    "syncd_conflicts", "Values of this channel that lost a conflict.", _CHANNEL, registry=registry
)
_REQUESTS = Counter(
    "syncd_requests", "Requests or statements sent.", ("system",), registry=registry
)
_ERRORS = Counter(
    "syncd_errors", "Errors of systems by class.", ("system", "error"), registry=registry
)
_NOTIFIED = Counter(
    "syncd_notifications",
    "What systems told of, by what became of it.",
    ("system", "outcome"),
    registry=registry,
)

_ABOUT: dict[Counter | Histogram, str] = {
    _CYCLES: "bridge",
    _SECONDS: "bridge",
    _LAG: "channel",
    _WRITES: "channel",
    _FAILED: "channel",
    _CONFLICTS: "channel",
    _REQUESTS: "system",
    _ERRORS: "system",
    _NOTIFIED: "system",
}
"""What the first labels of a metric name."""

_lock = threading.Lock()
_known: set[str] = set()
"""The channels that have counters of their own."""

_series: dict[Counter | Histogram, set[tuple[str, ...]]] = {}
"""The labels that each metric has."""


def labels_of(channel: str) -> tuple[str, str]:
    """The labels ``bridge`` and ``channel`` of a channel (``bridge/name``).

    A name that is an e-mail address, as those of colleagues are who share a local part, is
    shown as that part and a digest: the pages tell nobody's address.
    """
    bridge, _, name = channel.partition("/")
    local, at, _ = name.partition("@")
    if at:
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:6]
        name = f"{local}~{digest}"
    return bridge, name


def counted_as(channel: str) -> tuple[str, str]:
    """The labels ``bridge`` and ``channel`` that a channel (``bridge/name``) is counted under."""
    with _lock:
        if channel in _known or len(_known) < MOST_CHANNELS:
            _known.add(channel)
            return labels_of(channel)
    return channel.partition("/")[0], OTHERS


def cycle_over(result: BridgeResult) -> None:
    """A bridge has ended a cycle."""
    for state in State:
        _of(_CYCLES, result.name, state.value).inc(state is result.state)
    _of(_SECONDS, result.name).observe(result.seconds)
    for channel in result.channels:
        _count(f"{result.name}/{channel.name}", channel)


def cycle_crashed() -> None:
    """A bug has ended a cycle."""
    _CRASHES.inc()


def arrived(channel: str, seconds: float) -> None:
    """A person's edit is now in ``channel``, so many seconds after it was made."""
    _of(_LAG, *counted_as(channel)).observe(max(0.0, seconds))


def failed(system: str, error: Exception) -> None:
    """A look, a fetch or a write ended with this error."""
    _of(_ERRORS, system, type(error).__name__).inc()


def notified(system: str, outcome: str) -> None:
    """Somebody has told us something of ``system``."""
    _of(_NOTIFIED, system, outcome).inc()


def keep(channels: Collection[str], systems: Collection[str]) -> None:
    """These are configured: what is not among them is counted no longer."""
    with _lock:
        _known.intersection_update(channels)
    bridges = {channel.partition("/")[0] for channel in channels}
    kept: dict[str, set[tuple[str, ...]]] = {
        "system": {(name,) for name in systems},
        "bridge": {(name,) for name in bridges},
        "channel": {labels_of(each) for each in channels} | {(name, OTHERS) for name in bridges},
    }
    with _lock:
        for metric, series in _series.items():
            there, width = kept[_ABOUT[metric]], 2 if _ABOUT[metric] == "channel" else 1
            for labels in [each for each in series if each[:width] not in there]:
                metric.remove(*labels)
                series.discard(labels)
    for system in systems:
        for error in ERRORS:
            _of(_ERRORS, system, error)  # 0, so that the first one is an increase


def _count(channel: str, result: ChannelResult) -> None:
    names = counted_as(channel)
    _of(_WRITES, *names, Operation.CREATE.value).inc(result.created)
    _of(_WRITES, *names, Operation.UPDATE.value).inc(result.updated)
    _of(_WRITES, *names, Operation.DELETE.value).inc(result.deleted)
    _of(_FAILED, *names).inc(result.failed)
    _of(_CONFLICTS, *names).inc(result.conflicts)
    _of(_REQUESTS, result.system).inc(result.requests)


def _of(metric: _Metric, *labels: str) -> _Metric:
    """The series of a metric with these labels, remembered for :func:`keep`."""
    with _lock:
        _series.setdefault(metric, set()).add(labels)
    return metric.labels(*labels)
