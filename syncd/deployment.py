"""The composition root: settings to store, pool, connectors and bridges."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import structlog

from syncd import log as logs
from syncd import plugins
from syncd.config import BridgeSettings, ChannelSettings, Mode, Settings
from syncd.connector import Connector, Health, Plugin
from syncd.core.fidelity import Fidelity
from syncd.core.safety import Limits
from syncd.engine import Bridge, Surroundings
from syncd.errors import ConnectorError, Unauthorized, Unavailable
from syncd.plans import Plans
from syncd.pool import Job, Pool, ThreadPool
from syncd.results import BridgeResult, State
from syncd.store import Store
from syncd.target import Target

MOST_CYCLES = 12
"""``sync`` gives up after so many cycles; what is still owed then is said."""

PATIENCE = timedelta(seconds=6)
"""How long ``sync`` waits for a write that is to be tried again."""

OWED_WITHIN = timedelta(hours=6)
"""What is due within this time is owed; later things are the horizon's, a day ahead."""

TOMBSTONES_KEPT = timedelta(days=400)

log = structlog.get_logger("syncd.deployment")


def now_utc() -> datetime:
    """The clock of the machine, aware UTC."""
    return datetime.now(UTC)


def new_appointment_id() -> str:
    """A fresh id: 16 lower-case hexadecimal digits."""
    return secrets.token_hex(8)


class Deployment:
    """Everything that one configuration names, at work. Used as a context manager."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        find: Callable[[str], Plugin] = plugins.plugin,
        pool: Pool | None = None,
        clock: Callable[[], datetime] = now_utc,
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] = new_appointment_id,
        stop: Event | None = None,
        retry_first: timedelta = timedelta(seconds=1),
    ) -> None:
        self.settings, self.store = settings, store
        self._plugins = {each.connector: find(each.connector) for each in settings.systems.values()}
        stop = stop or Event()
        self._around = Surroundings(
            store=store,
            pool=pool or ThreadPool(self._limits(), stop=stop),
            clock=clock,
            sleep=sleep,
            new_id=new_id,
            stop=stop,
            retry_first=retry_first,
        )
        self._connectors: dict[tuple[str, str], Connector] = {}
        self._bridges: dict[str, Bridge] = {}

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything but the store, which was passed in."""
        self._around.pool.close()
        for connector in self._connectors.values():
            connector.close()

    def bridges(self, name: str | None = None) -> Iterator[Bridge]:
        """The bridges, or the one called ``name``; each as far as its systems can be reached."""
        for settings in self.settings.bridges:
            if name in (None, settings.name):
                yield self._bridge(settings)

    def sync(
        self, name: str | None = None, *, told: Callable[[BridgeResult], None] | None = None
    ) -> list[BridgeResult]:
        """Observe, settle and write until nothing is left to do. ``told`` after each cycle."""
        return [self._converge(settings, told) for settings in self._named(name)]

    def cycle(self, name: str | None = None) -> list[BridgeResult]:
        """One cycle of each bridge."""
        return [self._cycle(self._bridge(settings)) for settings in self._named(name)]

    def plans(self, name: str | None = None) -> dict[str, Plans]:
        """What the next cycle would do, by bridge. Writes nothing to any remote."""
        return {settings.name: self._bridge(settings).plan() for settings in self._named(name)}

    def check(self) -> Iterator[tuple[BridgeSettings, ChannelSettings, Health]]:
        """Sign in to every channel and look at rights and clock, side by side."""
        pairs = [(b, c) for b in self.settings.bridges for c in b.channels]
        jobs: list[Job[Health]] = [Job(c.system, self._checking(b, c)) for b, c in pairs]
        answers = self._around.pool.gather(jobs)
        for (bridge, channel), answer in zip(pairs, answers, strict=True):
            if isinstance(answer, ConnectorError):
                answer = Health(ok=False, detail=f"{type(answer).__name__}: {answer}")
            yield bridge, channel, answer

    def tidy(self) -> None:
        """Forget what is too old to matter."""
        self.store.purge_tombstones(self._around.clock() - TOMBSTONES_KEPT)

    def _checking(self, bridge: BridgeSettings, channel: ChannelSettings) -> Callable[[], Health]:
        return lambda: self._connector(bridge.name, channel).check()

    def _named(self, name: str | None) -> list[BridgeSettings]:
        return [each for each in self.settings.bridges if name in (None, each.name)]

    def _converge(
        self, settings: BridgeSettings, told: Callable[[BridgeResult], None] | None
    ) -> BridgeResult:
        total = BridgeResult(settings.name)
        for _ in range(MOST_CYCLES):
            bridge = self._bridge(settings)
            result = self._cycle(bridge)
            _add(total, result)
            if told is not None:
                told(total)
            if result.state is State.HELD or self._around.stop.is_set():
                break
            if bridge.is_settled() and not self._wait_for_retry(bridge):
                break
        else:
            total.worsen(State.FAILED, "something changes at every cycle")
        retry = self.store.next_retry(settings.name)
        if retry is not None and retry < self._around.clock() + OWED_WITHIN:
            total.worsen(State.FAILED, "writes are still owed")
        return total

    def _wait_for_retry(self, bridge: Bridge) -> bool:
        """Whether a write is to be tried again soon; waits for that."""
        at = self.store.next_retry(bridge.name)
        if at is None or at - self._around.clock() > PATIENCE:
            return False
        self._around.sleep(max(0.0, (at - self._around.clock()).total_seconds()))
        return True

    def _cycle(self, bridge: Bridge) -> BridgeResult:
        cycle = f"{self._around.clock():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        with logs.cycle(cycle):
            result = bridge.cycle(cycle)
            written = sum(c.created + c.updated + c.deleted for c in result.channels)
            if written or result.state is not State.CONVERGED:
                log.info(
                    "cycle",
                    bridge=bridge.name,
                    state=result.state.value,
                    written=written,
                    reason=result.reason,
                )
        return result

    def _limits(self) -> dict[str, int]:
        return {
            name: self._plugins[system.connector].manifest.concurrency
            for name, system in self.settings.systems.items()
        }

    def _bridge(self, settings: BridgeSettings) -> Bridge:
        """The bridge, made anew while a channel of it has never been reached."""
        known = self._bridges.get(settings.name)
        if known is not None and len(known.targets) == len(settings.channels):
            return known
        fidelities: dict[str, Fidelity] = {}
        connectors: dict[str, Connector] = {}
        for channel in settings.channels:
            connector = self._connector(settings.name, channel)
            fidelity = self._fidelity(f"{settings.name}/{channel.name}", connector)
            if fidelity is not None:
                fidelities[channel.name], connectors[channel.name] = fidelity, connector
        policy = settings.policy(fidelities, self.settings.people)
        targets = [
            Target(
                settings.name,
                channel,
                connectors[channel.name],
                self._plugins[self.settings.systems[channel.system].connector].manifest,
                policy.channels[channel.name],
                self.settings.systems[channel.system].mapping,
                self.settings.daemon.time_zone,
            )
            for channel in settings.channels
            if channel.name in connectors
        ]
        limits = settings.limits
        self._bridges[settings.name] = Bridge(
            settings.name,
            targets,
            policy,
            Limits(limits.deletes, limits.moves, limits.writes_per_hour),
            self.settings.daemon.window,
            self.settings.daemon.time_zone,
            self._around,
            writes=settings.mode is Mode.BOTH,
            configured=[channel.name for channel in settings.channels],
        )
        return self._bridges[settings.name]

    def _connector(self, bridge: str, channel: ChannelSettings) -> Connector:
        key = (bridge, channel.name)
        if key not in self._connectors:
            system = self.settings.system(channel.system, self.store.installation)
            plugin = self._plugins[system.connector]
            self._connectors[key] = plugin.connect(system, channel.collection)
        return self._connectors[key]

    def _fidelity(self, channel: str, connector: Connector) -> Fidelity | None:
        """What the channel carries, as it says or as it said last; ``None`` if it never did."""
        name = f"fidelity:{channel}"
        try:
            found = connector.fidelity
        except (Unavailable, Unauthorized) as error:
            log.warning(
                "not reached", channel=channel, error=type(error).__name__, reason=str(error)
            )
            told = self.store.meta_get(name)
            return _decoded(told) if told is not None else None
        encoded = _encoded(found)
        if self.store.meta_get(name) != encoded:
            self.store.meta_set(name, encoded)
        return found


def _add(total: BridgeResult, cycle: BridgeResult) -> None:
    """Sum up the writes; state and reason are those of the last cycle."""
    total.cycles += 1
    total.seconds += cycle.seconds
    total.state, total.reason = cycle.state, cycle.reason
    known = {channel.name: channel for channel in total.channels}
    for channel in cycle.channels:
        sums = known.get(channel.name)
        if sums is None:
            total.channels.append(replace(channel))
            continue
        for name in ("created", "updated", "deleted", "conflicts", "failed", "requests"):
            setattr(sums, name, getattr(sums, name) + getattr(channel, name))
        sums.unchanged = max(0, channel.unchanged - sums.created - sums.updated)


def _encoded(fidelity: Fidelity) -> str:
    told = asdict(fidelity)
    return json.dumps(
        {name: sorted(v) if isinstance(v, frozenset) else v for name, v in told.items()},
        sort_keys=True,
    )


def _decoded(text: str) -> Fidelity:
    told = json.loads(text)
    sets = ("carries", "attendee_parts", "customer_parts", "override_fields")
    kept: dict[str, Any] = {n: frozenset(v) if n in sets else v for n, v in told.items()}
    return Fidelity(**kept)
