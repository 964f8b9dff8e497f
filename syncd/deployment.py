"""The composition root: settings to store, pool, connectors and bridges."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from threading import Event

import structlog

from syncd import log as logs
from syncd import metrics, plugins
from syncd.accepting import Accepting
from syncd.breakers import CIRCUIT, Breakers, encode
from syncd.checking import Checked, Told, check
from syncd.config import BridgeSettings, Mode, Settings
from syncd.connecting import Connections, Reached
from syncd.connector import Expires, Plugin, Receives, Window
from syncd.core.safety import Limits
from syncd.doorbell import Doorbell
from syncd.engine import Bridge
from syncd.former import with_former_addresses
from syncd.occupancy import Occupied, chosen, occupied
from syncd.plans import Plans
from syncd.pool import Pool, ThreadPool
from syncd.results import BridgeResult, State
from syncd.schedule import Circuit
from syncd.store import Store
from syncd.surroundings import Stopping, Surroundings
from syncd.troubles import Troubles, steady
from syncd.turns import Turns
from syncd.watching import Watching, WatchState

MOST_CYCLES = 12
"""``sync`` gives up after so many cycles; what is still owed then is said."""

PATIENCE = timedelta(seconds=6)
"""How long ``sync`` waits for a write that is to be tried again."""

OWED_WITHIN = timedelta(hours=6)
"""What is due within this time is owed; later things are the horizon's, a day ahead."""

CYCLE, LEFT_ALONE = "cycle", "the system is left alone for a while"
"""What is logged of trouble that lasts."""

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
        beat: Callable[[], None] = lambda: None,
        fares: Callable[[str, Circuit], None] = lambda _system, _circuit: None,
        bell: Doorbell | None = None,
        patience: float | None = None,
    ) -> None:
        self.settings, self.store = settings, store
        self._people = with_former_addresses(store, settings.people)
        self._plugins = {each.connector: find(each.connector) for each in settings.systems.values()}
        stop = stop or Event()
        self._beat, self._told = beat, fares
        connections = Connections(settings, self._plugins, store)
        self._connections = connections
        breakers = Breakers(clock, self._fares)
        self._around = Surroundings(
            store=store,
            pool=pool
            or ThreadPool(
                self._limits(),
                workers=settings.daemon.workers,
                stop=stop,
                beat=beat,
                requests=connections.requests,
            ),
            breakers=breakers,
            accepting=Accepting(clock, breakers),
            progress=self._progress,
            clock=clock,
            sleep=sleep,
            new_id=new_id,
            stop=stop,
            retry_first=retry_first,
            bridges=frozenset(bridge.name for bridge in settings.bridges),
            troubles=Troubles(clock),
            patience=patience,
        )
        dice, webhooks = SystemRandom().random, settings.daemon.webhooks
        net = webhooks.poll_interval if webhooks is not None else timedelta(0)
        spacing = webhooks.spacing if webhooks is not None else None
        self._turns = Turns(settings.daemon.bounds, dice, net, spacing)
        self.bell = bell or Doorbell()
        self._watching = Watching(settings, connections, self._around, self.bell, dice)
        self._bridges: dict[str, tuple[Bridge, Reached]] = {}
        self._steady: frozenset[str] = frozenset()
        self._seen: frozenset[str] = frozenset()

    @property
    def around(self) -> Surroundings:
        """What its bridges are given from outside."""
        return self._around

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything but the store, which was passed in."""
        self._around.pool.close()
        self._watching.close()
        self._connections.close()

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

    def connect(self) -> None:
        """Make all connectors, without a request. Raises ``ConfigError``."""
        self._connections.connect_all()

    def inherit(self, before: Deployment) -> None:
        """Take over from the deployment of an older configuration how the systems and channels
        fare that are in both, unchanged: rhythms, circuits and back-off. Not of one that refuses
        our sign-in: a reload is what follows when that was mended, be it at the other end."""
        old, new = before.settings, self.settings
        refusing = before._around.breakers.refusing() | before._around.accepting.refusing()
        systems = {n for n, each in new.systems.items() if old.systems.get(n) == each} - refusing
        known = {f"{b.name}/{c.name}": c for b in old.bridges for c in b.channels}
        channels = {f"{b.name}/{c.name}": c for b in new.bridges for c in b.channels}
        self._steady = frozenset(
            id
            for id, each in channels.items()
            if each.system in systems and id in known and known[id].collection == each.collection
        )
        self._seen = _seen_in(bridge for bridge, _ in before._bridges.values()) & self._steady
        self._turns.inherit(before._turns, self._steady)
        self._around.breakers.inherit(before._around.breakers, systems)
        self._around.accepting.inherit(before._around.accepting, systems)
        self._watching.inherit(before._watching, systems)

    def leave(self, after: Deployment) -> None:
        """Before the deployment ``after`` takes over: end what only this one can still end."""
        self._watching.leave(self.settings.systems.keys() - after.settings.systems.keys())

    def recall(self) -> None:
        """Know who may ring. To be called before the doors open: what is told of a watch that is
        not known is not believed, and vendors say only once that a watch is over."""
        self._watching.recall(self._around.clock())

    def hear(self) -> None:
        """Keep the watches; whoever has rung since the last time is looked at soon."""
        now = self._around.clock()
        rung = self._watching.keep(now)
        self._turns.tell_of(self._watching.trusted(now), now)
        self._turns.rung(rung, now)

    def poll(self, settings: BridgeSettings) -> BridgeResult | None:
        """One cycle of a bridge that looks only at the channels whose turn it is; ``None`` if
        there is nothing to do."""
        now = self._around.clock()
        bridge = self._bridge(settings)
        names = self._turns.due(bridge.targets.values(), now)
        if not names and not bridge.looks.waited and self._turns.is_idle(bridge.name, now):
            return None
        written: list[str] = []
        try:
            result = self._cycle(bridge, only=names)
            written += [c.name for c in result.channels if c.created or c.updated or c.deleted]
            written += bridge.waits.difference(written)
        finally:
            # Also of a cycle that failed: it is tried again at its next turn, not at once.
            seen = bridge.looks.seen
            untold = self._turns.went(bridge.name, bridge.targets, seen, written, now)
            self._watching.doubt(untold)
        return result

    def next_turn(self) -> timedelta:
        """How long until a channel's turn comes; at most the usual interval."""
        usual, now = self.settings.daemon.poll_interval, self._around.clock()
        coming = filter(None, (self._turns.next(now), self._watching.next(now)))
        return min([usual, *(at - now for at in coming)])

    def plans(self, name: str | None = None) -> dict[str, Plans]:
        """What the next cycle would do, by bridge. Writes nothing to any remote."""
        return {settings.name: self._bridge(settings).plan() for settings in self._named(name)}

    def check(self, told: Told = lambda _done, _total: None) -> list[Checked]:
        """Sign in to every channel and look at rights and clock, side by side. ``told`` as each
        answers."""
        return check(self.settings, self._connections, self._around.pool, told)

    def busy(
        self, names: Collection[str], span: Window, told: Told = lambda _done, _total: None
    ) -> list[Occupied]:
        """When the channels of these names are taken, or all that can tell. Writes nothing.
        Raises ``ConfigError`` if a name is none."""
        places = chosen(self.settings, self._plugins, names)
        return occupied(self.settings, self._connections, self._around, places, span, told)

    def expiries(self) -> dict[str, datetime]:
        """By system, when the first of its sign-ins ends; of those that know. Asks nobody."""
        systems = {(b.name, c.name): c.system for b in self.settings.bridges for c in b.channels}
        found: dict[str, datetime] = {}
        for place, connector in self._connections.made():
            expires = connector.token_expires if isinstance(connector, Expires) else None
            if expires is not None:
                system = systems[place]
                found[system] = min(expires, found.get(system, expires))
        return found

    def watches(self) -> Mapping[tuple[str, WatchState], int]:
        """How many watches each system has, by state. Asks nobody."""
        return self._watching.counts()

    def receivers(self) -> dict[str, Receives]:
        """By system, who reads what it tells of; of those that tell."""
        found: dict[str, Receives] = {}
        for name, system in self.settings.systems.items():
            plugin = self._plugins[system.connector]
            if isinstance(plugin, Receives):
                found[name] = plugin
        return found

    def tidy(self) -> None:
        """Forget what is too old to matter."""
        self.store.purge_tombstones(self._around.clock() - TOMBSTONES_KEPT)

    def _progress(self) -> None:
        """A step of a long piece of work is done. Raises ``Stopping`` once all is to stop."""
        self._beat()
        if self._around.stop.is_set():
            raise Stopping

    def _fares(self, system: str, circuit: Circuit) -> None:
        """A system's circuit opened, closed, or failed again."""
        self._told(system, circuit)
        told = encode(circuit)
        if (self.store.meta_get(f"{CIRCUIT}{system}") or "") == told:
            return
        self.store.meta_set(f"{CIRCUIT}{system}", told)
        troubles, state = self._around.troubles, circuit.flow(self._around.clock())
        if circuit.is_closed:
            troubles.is_over(LEFT_ALONE, system)
            log.info("the system answers again", system=system)
        elif troubles.is_news(LEFT_ALONE, system, f"{circuit.fault} {steady(circuit.error)}"):
            since = troubles.since(LEFT_ALONE, system)
            log.warning(LEFT_ALONE, system=system, state=state, reason=circuit.error, since=since)

    def _named(self, name: str | None) -> list[BridgeSettings]:
        return [each for each in self.settings.bridges if name in (None, each.name)]

    def _converge(
        self, settings: BridgeSettings, told: Callable[[BridgeResult], None] | None
    ) -> BridgeResult:
        total = BridgeResult(settings.name)
        for _ in range(MOST_CYCLES):
            bridge = self._bridge(settings)
            result = self._cycle(bridge)
            total.add(result)
            if told is not None:
                told(total)
            if result.state is State.HELD or self._around.stop.is_set():
                break
            if bridge.is_settled() and not self._wait_for_retry(bridge):
                break
        else:
            total.worsen(State.FAILED, "something changes at every cycle")
        retry = self.store.next_retry(settings.name)
        if total.state is State.HELD:
            return total  # what is held is owed until somebody approves it
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

    def _cycle(self, bridge: Bridge, *, only: Collection[str] | None = None) -> BridgeResult:
        cycle = f"{self._around.clock():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        with logs.cycle(cycle):
            result = bridge.cycle(cycle, only=only)
            for name, error in self._bridges[bridge.name][1].missing.items():
                result.worsen(State.FAILED, f"{name}: {error}")
            metrics.cycle_over(result)
            self._tell(bridge, result)
        return result

    def _tell(self, bridge: Bridge, result: BridgeResult) -> None:
        """A line for a cycle that wrote, or that ended otherwise than the one before."""
        troubles, state, told = self._around.troubles, result.state, dict[str, object]()
        if state is not State.CONVERGED:
            news = troubles.is_news(CYCLE, bridge.name, f"{state} {_gist(result.reason)}")
            told["since"] = troubles.since(CYCLE, bridge.name)
        else:
            news = troubles.is_over(CYCLE, bridge.name)
        if news or result.written:
            told |= {"written": result.written, "reason": result.reason}
            log.info(CYCLE, bridge=bridge.name, state=state.value, **told)

    def _limits(self) -> dict[str, int]:
        return {
            name: self._plugins[system.connector].manifest.concurrency
            for name, system in self.settings.systems.items()
        }

    def _bridge(self, settings: BridgeSettings) -> Bridge:
        """The bridge, made anew once its channels carry something else than was known."""
        around = self._around
        reached = self._connections.reach(settings, around)
        known = self._bridges.get(settings.name)
        if known is not None and known[1].fidelities == reached.fidelities:
            known[1].missing = reached.missing
            known[0].looks.waited = reached.waited
            return known[0]
        policy = settings.policy(reached.fidelities, self._people)
        limits = settings.limits
        bridge = Bridge(
            settings.name,
            list(self._connections.targets(settings, reached, policy)),
            policy,
            Limits(limits.deletes, limits.moves, limits.writes_per_hour),
            self.settings.daemon.window,
            self.settings.daemon.time_zone,
            around,
            writes=settings.mode is Mode.BOTH,
            configured=[channel.name for channel in settings.channels],
            steady=self._steady,
        )
        # Else nothing would be written to the others before their next turns.
        seen = self._seen if known is None else _seen_in([known[0]])
        bridge.looks.waited = reached.waited
        bridge.looks.dark -= {name for name, target in bridge.targets.items() if target.id in seen}
        self._bridges[settings.name] = bridge, reached
        return bridge


def _gist(reason: str) -> str:
    """What is wrong, whichever channel says it this time for its system, and in which order."""
    parts = (part.rpartition(": ")[2] for part in steady(reason).split("; "))
    return "; ".join(sorted(set(parts)))


def _seen_in(bridges: Iterable[Bridge]) -> frozenset[str]:
    """The channels (ids) that were seen when they were last tried."""
    return frozenset(
        target.id
        for bridge in bridges
        for name, target in bridge.targets.items()
        if name not in bridge.looks.dark
    )
