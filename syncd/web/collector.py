"""Metrics that are looked up when somebody asks: what the store holds, how the daemon fares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from syncd import metrics
from syncd.breakers import Breakers
from syncd.pulse import Snapshot
from syncd.schedule import Flow
from syncd.store import Levels
from syncd.watching import WatchState
from syncd.web.sources import Sources

_CHANNEL = ("bridge", "channel")

_STORE_UP = "Whether the state can be read, and the last cycle could store what it found."


class Page(Collector):
    """Everything that ``/metrics`` shows: what was counted, and what is looked up now."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """All metrics. A store that does not answer leaves its own out, and no other."""
        yield from metrics.registry.collect()
        now = self._sources.pulse.snapshot()
        yield from _of_pulse(now)
        yield _of_systems(now.systems, self._sources.breakers)
        yield _by_name(
            "syncd_token_expires_timestamp_seconds",
            "When the sign-in at a system ends, where that is known.",
            "system",
            {name: at.timestamp() for name, at in self._sources.expiries().items()},
        )
        yield _of_watches(self._sources.watches())
        try:
            levels = self._sources.store.levels()
        except SQLAlchemyError:
            yield _single("syncd_store_up", _STORE_UP, 0)
            return
        yield _single("syncd_store_up", _STORE_UP, not now.unstored)
        yield from _of_channels(levels, self._sources.channels)
        yield from _of_bridges(levels, now.bridges)


def _of_pulse(now: Snapshot) -> Iterator[Metric]:
    yield _by_name(
        "syncd_last_cycle_timestamp_seconds",
        "When the last cycle of a bridge ended.",
        "bridge",
        {name: cycle.ended.timestamp() for name, cycle in now.cycles.items()},
    )
    refused = "Whether the last reload of the configuration was refused."
    yield _single("syncd_reload_refused", refused, bool(now.refused))


def _of_systems(systems: frozenset[str], breakers: Breakers) -> Metric:
    flows = GaugeMetricFamily(
        "syncd_system_state",
        "1 for the state that a system is in: closed (asked), open, paused or probing.",
        labels=("system", "state"),
    )
    for name in sorted(systems):
        flow = breakers.flow(name)
        for each in Flow:
            flows.add_metric((name, each.value), float(each is flow))
    return flows


def _of_watches(counts: Mapping[tuple[str, WatchState], int]) -> Metric:
    watches = GaugeMetricFamily(
        "syncd_watches",
        "Channels that a system is asked to tell of: trusted, open, failing or missing.",
        labels=("system", "state"),
    )
    for (system, state), count in sorted(counts.items()):
        watches.add_metric((system, state.value), count)
    return watches


def _of_channels(levels: Levels, channels: frozenset[str]) -> Iterator[Metric]:
    """One series a channel; those that are counted together show their sum or their worst."""
    looked = {name: at.timestamp() for name, at in levels.looked.items()}
    since = {name: at.timestamp() for name, at in levels.owed_since.items()}
    told: tuple[
        tuple[str, str, Mapping[str, float], Callable[[Iterable[float]], float], bool], ...
    ] = (
        ("syncd_copies", "Copies that a channel shows.", levels.copies, sum, True),
        ("syncd_unreadable", "Items that cannot be read.", levels.unreadable, sum, True),
        ("syncd_look_failures", "Looks that failed in a row.", levels.failures, max, True),
        ("syncd_writes_owed", "Writes that could not be made so far.", levels.owed, sum, True),
        (
            "syncd_writes_owed_since_timestamp_seconds",
            "Since when the oldest write that a channel is owed could not be made.",
            since,
            min,
            False,
        ),
        (
            "syncd_last_look_timestamp_seconds",
            "When a channel last answered a look.",
            looked,
            min,
            False,
        ),
    )
    names = [(name, metrics.counted_as(name)) for name in sorted(channels)]
    for metric, words, values, together, always in told:
        family = GaugeMetricFamily(metric, words, labels=_CHANNEL)
        found: dict[tuple[str, str], list[float]] = {}
        for name, labels in names:
            if always or name in values:
                found.setdefault(labels, []).append(values.get(name, 0))
        for labels, several in found.items():
            family.add_metric(labels, together(several))
        yield family


def _of_bridges(levels: Levels, bridges: frozenset[str]) -> Iterator[Metric]:
    everybody = "" in levels.stopped
    stopped = {name: int(everybody or name in levels.stopped) for name in bridges}
    told: tuple[tuple[str, str, Mapping[str, float]], ...] = (
        ("syncd_appointments", "Appointments that are agreed.", levels.appointments),
        ("syncd_conflicts_waiting", "Appointments that wait for a person.", levels.questions),
        ("syncd_doubts_waiting", "Copies that wait for a person to pair them.", levels.doubts),
        ("syncd_rows_waiting", "Single occurrences that wait for their series.", levels.rows),
        ("syncd_set_aside", "Values and copies that are left alone for a day.", levels.asides),
        ("syncd_holds_open", "Holds that wait for approval.", levels.holds),
        ("syncd_writes_open", "Writes that have begun and are not confirmed.", levels.intents),
        ("syncd_writing_stopped", "Whether writing was stopped by an order.", stopped),
    )
    for metric, words, values in told:
        known = {name: values.get(name, 0) for name in sorted(bridges)}
        if values is levels.holds:
            known |= values  # one may be the whole installation's
        yield _by_name(metric, words, "bridge", known)


def _by_name(metric: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(metric, words, labels=(label,))
    for name, value in values.items():
        family.add_metric((name,), value)
    return family


def _single(metric: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(metric, words, value=float(value))
