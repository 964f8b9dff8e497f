"""The first step for a whole bridge: each channel whose turn it is, stored as it comes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from syncd import metrics
from syncd.answers import ask_after
from syncd.arrivals import Arrivals
from syncd.breakers import Resting
from syncd.connector import Window
from syncd.errors import ConnectorError, Unauthorized, Unavailable
from syncd.observe import Sight, look_at, patiently
from syncd.pool import Begun, Job
from syncd.preparing import mark_all_due
from syncd.results import BridgeResult, State
from syncd.schedule import Fault, Flow, pause_after
from syncd.store import ChannelState, Look
from syncd.surroundings import Surroundings
from syncd.target import Target
from syncd.troubles import steady

NOT_OBSERVED = "not observed"
"""What is logged of a channel that does not answer."""

NO_ANSWER_YET = "no answer yet"
"""Why a cycle has failed that went on without a channel whose look is still under way."""

log = structlog.get_logger("syncd.looking")


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of looks. ``states`` by id of the channel; ``again``: also if they back off."""

    at: datetime
    window: Window
    result: BridgeResult
    states: Mapping[str, ChannelState]
    full: bool
    again: Collection[str]


@dataclass(slots=True)
class _Chosen:
    """Whom to ask: ``probes`` try for their system, ``others`` only once its probe succeeded."""

    able: list[Target] = field(default_factory=list)
    probes: list[Target] = field(default_factory=list)
    others: list[Target] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Late:
    """A look that is still under way. ``probes``: it tries for its system. ``void``: what it
    brings is no use, since all is to be seen anew."""

    target: Target
    begun: Begun[Sight]
    probes: bool
    void: bool = False


class Looks:
    """What a bridge sees of its channels, all by name.

    ``dark``: not seen when it was last tried; they are not written to blindly. ``emptied``:
    listed none of their copies. ``seen``: how many items changed, of those that answered in
    the last round. ``moved``: calendars that are others than before; until they were linked anew.
    A look that takes too long goes on beside the next rounds; its channel is dark meanwhile.
    ``waited``: who was asked just before the next round and did not answer; that was their look.
    """

    def __init__(
        self,
        bridge: str,
        targets: Mapping[str, Target],
        surroundings: Surroundings,
        arrivals: Arrivals,
    ) -> None:
        self._bridge, self._targets, self._around = bridge, targets, surroundings
        self._arrivals = arrivals
        self._store, self._breakers = surroundings.store, surroundings.breakers
        self._retry = patiently(surroundings.sleep)
        self._once = patiently(surroundings.sleep, attempts=1)
        self.dark = set(targets)
        self.emptied: set[str] = set()
        self.seen: dict[str, int] = {}
        self.moved: set[str] = set()
        self.waited: Mapping[str, Unavailable] = {}
        self._late: dict[str, _Late] = {}
        self._is_first = True

    def look(
        self,
        at: datetime,
        window: Window,
        result: BridgeResult,
        *,
        full: bool = False,
        only: Collection[str] | None = None,
        again: Collection[str] = (),
    ) -> set[str]:
        """Look at every channel (or ``only`` some), also at those of ``again`` that are left
        alone for a while. Returns the emptied ones."""
        round = _Round(at, window, result, self._states(), full, again)
        waited, self.waited = self.waited, {}
        names = self._targets.keys() if only is None else {*only, *again, *waited, *self._late}
        wanted = [target for name, target in self._targets.items() if name in names]
        self.seen = {}
        settled = set(waited)
        if self._late:
            settled |= self._take_late(round) | self._late.keys()
            round = replace(round, states=self._states())
        chosen = self._choose([t for t in wanted if t.name not in settled], round)
        self._ask([*chosen.able, *chosen.probes], round, {t.name for t in chosen.probes})
        closed = [t for t in chosen.others if self._breakers.circuit(t.system).is_closed]
        self._ask([t for t in closed if not _backs_off(t, round)], round)
        for name, error in waited.items():
            self._unseen(self._targets[name], error, round)
        self._is_first = False
        self.dark -= self.seen.keys()
        self.dark |= {target.name for target in wanted if target.name not in self.seen}
        self._rest(wanted, round)
        self._breakers.publish()
        around, seen = self._around, self.seen.keys()
        for name in seen:
            if around.troubles.is_over(NOT_OBSERVED, self._targets[name].id):
                log.info("observed again", channel=self._targets[name].id)
        self._arrivals.looked(seen, at)
        ask_after(self._store, around.pool, self._bridge, self._targets, seen, at, self._retry)
        return set(self.emptied)

    def set_emptied(self, name: str, emptied: bool) -> None:
        """Remembered, also beyond a restart, until copies are listed again or it is approved."""
        if emptied != (name in self.emptied):
            self._store.meta_set(f"emptied:{self._targets[name].id}", "1" if emptied else "")
            (self.emptied.add if emptied else self.emptied.discard)(name)

    def last(self) -> dict[str, datetime]:
        """When each channel was last listed."""
        known = self._states()
        found = {n: known[t.id].looked for n, t in self._targets.items() if t.id in known}
        return {name: at for name, at in found.items() if at is not None}

    def blind(self) -> frozenset[str]:
        """The dark channels, and those that were never seen."""
        known = self._states()
        never = {
            name
            for name, target in self._targets.items()
            if (state := known.get(target.id)) is None or state.looked is None
        }
        return frozenset(self.dark | never)

    def _states(self) -> dict[str, ChannelState]:
        return {state.channel: state for state in self._store.channel_states()}

    def _take_late(self, round: _Round) -> set[str]:
        """What became of looks that were under way when the last round ended. Returns the
        channels that did not answer; those that did are asked what is new since."""
        silent, quiet = set[str](), dict[str, Look]()
        for name, late in list(self._late.items()) if not self._around.stop.is_set() else ():
            sight = late.begun.result()
            if sight is None:
                self._late[name] = replace(late, void=late.void or round.full)
                continue
            del self._late[name]
            if late.void or round.full:
                continue
            if isinstance(sight, ConnectorError):
                silent.add(name)
                self._failed(late.target, sight, round)
                continue
            # Before the look is stored, as in `_ask`: the others went on without it.
            mark_all_due(self._store, self._bridge, round.at)
            self._record(late.target, sight, quiet)
        self._store.record_quiet(quiet)
        return silent

    def _choose(self, wanted: Iterable[Target], round: _Round) -> _Chosen:
        chosen, waiting = _Chosen(), dict[str, list[Target]]()
        tried = {late.target.system for late in self._late.values() if late.probes}
        for target in wanted:
            flow = self._breakers.flow(target.system)
            if flow is not Flow.CLOSED:
                chosen.others.append(target)
                if flow is Flow.PROBING and target.system not in tried:
                    waiting.setdefault(target.system, []).append(target)
            elif target.name in round.again or not _backs_off(target, round):
                chosen.able.append(target)
        for targets in waiting.values():
            # Another one each time: one bad calendar must not speak for its whole server.
            probe = min(targets, key=lambda target: _failures(target, round))
            chosen.probes.append(probe)
            chosen.others.remove(probe)
        return chosen

    def _ask(self, targets: Sequence[Target], round: _Round, probes: Collection[str] = ()) -> None:
        jobs = [Job(t.system, self._job(t, round, probe=t.name in probes)) for t in targets]
        failed: dict[int, ConnectorError] = {}
        back, quiet = False, dict[str, Look]()
        # Each is stored as it comes: together, first looks would fill the memory.
        for index, sight in self._answers(jobs, targets, round):
            target = targets[index]
            if isinstance(sight, Begun):
                self.seen.pop(target.name, None)
                self._late[target.name] = _Late(target, sight, target.name in probes)
                continue
            if self._around.stop.is_set():
                continue  # it is looked at again from its old cursor
            if isinstance(sight, ConnectorError):
                failed[index] = sight
                continue
            if not back and _failures(target, round):
                # Before the look is stored: killed in between, nobody knew that it was away.
                mark_all_due(self._store, self._bridge, round.at)
                back = True
            self._record(target, sight, quiet)
        self._store.record_quiet(quiet)
        for index, error in sorted(failed.items()):
            self._failed(targets[index], error, round)

    def _answers(
        self, jobs: Sequence[Job[Sight]], targets: Sequence[Target], round: _Round
    ) -> Iterator[tuple[int, Sight | ConnectorError | Begun[Sight]]]:
        """The looks as they end. A channel that hangs does not hold up the others, but after a
        start, where all is to be seen anew and for its first look at all: what is settled without
        it would have to be linked later."""
        patience, whole = self._around.patience, self._is_first or round.full
        if patience is None or whole or any(_is_new(target, round) for target in targets):
            return self._around.pool.stream(jobs)
        return self._around.pool.race(jobs, patience)

    def _failed(self, target: Target, error: ConnectorError, round: _Round) -> None:
        if not isinstance(error, Resting):
            self._unseen(target, error, round)

    def _job(self, target: Target, round: _Round, *, probe: bool) -> Callable[[], Sight]:
        retry = self._once if probe else self._retry
        state = round.states.get(target.id)

        def look() -> Sight:
            return look_at(
                target, state, self._store, round.window, round.at, retry, full=round.full
            )

        return lambda: self._breakers.ask(target.system, look, probe=probe)

    def _record(self, target: Target, sight: Sight, quiet: dict[str, Look]) -> None:
        """Store what a look brought; those without news are gathered in ``quiet``."""
        if sight.is_quiet and target.name not in self.emptied:
            quiet[target.id] = sight.look
            self.seen.setdefault(target.name, 0)
            return
        if sight.moved:
            log.warning("another calendar than before, linked anew", channel=target.id)
            self._store.forget_channel(target.id)
            self.moved.add(target.name)
        changed = self._store.record_look(target.id, sight.look)
        self.seen[target.name] = self.seen.get(target.name, 0) + changed
        if sight.emptied or target.name in self.emptied:
            self.set_emptied(target.name, not self._store.count_observed(target.id))
        broken = len(sight.look.unreadable)
        if changed or (broken and self._is_news(target, sight.look)):
            log.info("observed", channel=target.id, changed=changed, unreadable=broken)

    def _is_news(self, target: Target, look: Look) -> bool:
        """Whether other items cannot be read than before: some systems list all at each look."""
        keys = " ".join(sorted(item.key for item in look.unreadable))
        return self._around.troubles.is_news("unreadable", target.id, keys)

    def _unseen(self, target: Target, error: ConnectorError, round: _Round) -> None:
        """A channel that did not answer is left alone for a while; what it missed it will get."""
        state = round.states.get(target.id, ChannelState(target.id))
        asked = error.retry_after if isinstance(error, Unavailable) else None
        fault = Fault.REFUSED if isinstance(error, Unauthorized) else Fault.SILENT
        wait = pause_after(state.failures, fault, timedelta(seconds=asked or 0.0))
        self._store.save_channel_state(
            replace(state, failures=state.failures + 1, retry_at=round.at + wait, error=str(error))
        )
        self.seen.pop(target.name, None)
        metrics.failed(target.system, error)
        round.result.worsen(State.FAILED, f"{target.name}: {error}")
        troubles, name, reason = self._around.troubles, type(error).__name__, str(error)
        if troubles.is_news(NOT_OBSERVED, target.id, f"{name} {steady(reason)}"):
            since = troubles.since(NOT_OBSERVED, target.id)
            log.warning(NOT_OBSERVED, channel=target.id, error=name, reason=reason, since=since)

    def _rest(self, wanted: Iterable[Target], round: _Round) -> None:
        """Those that were not asked are said to fail. That of a resting system is said of the
        system; its channels are marked once, so that it is known what to catch up with."""
        for target in wanted:
            state = round.states.get(target.id, ChannelState(target.id))
            if target.name not in self.dark or self._around.stop.is_set():
                continue
            if target.name in self._late:
                round.result.worsen(State.FAILED, f"{target.name}: {NO_ANSWER_YET}")
                self._mark_failing(target, state, NO_ANSWER_YET)
                continue
            circuit = self._breakers.circuit(target.system)
            if circuit.is_closed:
                if _backs_off(target, round):
                    round.result.worsen(State.FAILED, f"{target.name}: {state.error}")
                continue
            round.result.worsen(State.FAILED, f"{target.system}: {circuit.error}")
            self._mark_failing(target, state, circuit.error)

    def _mark_failing(self, target: Target, state: ChannelState, error: str) -> None:
        """Unless the store says so; ``state`` is from before this round."""
        now = self._store.channel_state(target.id) if not state.failures else state
        if now is None or not now.failures:
            self._store.save_channel_state(replace(state, failures=1, error=error))


def _backs_off(target: Target, round: _Round) -> bool:
    state = round.states.get(target.id)
    return state is not None and state.retry_at is not None and state.retry_at > round.at


def _is_new(target: Target, round: _Round) -> bool:
    """Whether the channel was never seen, nor tried."""
    state = round.states.get(target.id)
    return state is None or (state.looked is None and not state.failures)


def _failures(target: Target, round: _Round) -> int:
    state = round.states.get(target.id)
    return state.failures if state is not None else 0
