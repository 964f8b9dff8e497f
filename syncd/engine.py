"""One bridge at work: observe, settle, write, until nothing is left to do.

The three steps are joined only by the store. The engine is driven by the daemon, by ``sync``
and by tests; clock, randomness and pool are passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

import structlog

from syncd.arrivals import Arrivals
from syncd.committing import commit
from syncd.connector import Window
from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.safety import Limits, reasons
from syncd.core.state import Plan
from syncd.drawn import CHUNK, Draw
from syncd.isolating import InHand
from syncd.looking import Looks
from syncd.observe import requests_of
from syncd.outcome import Outcome, Task
from syncd.owing import Debts
from syncd.pairing import Paired, pair_stored
from syncd.plans import Plans, linked
from syncd.preparing import (
    forget_read_otherwise,
    mark_all_due,
    prepare,
    prepare_all,
    read_otherwise,
)
from syncd.results import BridgeResult, ChannelResult, State
from syncd.settling import (
    check,
    count_conflicts,
    draw_up,
    hold,
    log_begun,
    release_holds,
)
from syncd.store import Debt, HoldState
from syncd.surroundings import Stopping, Surroundings
from syncd.target import Target
from syncd.troubles import steady, tell_held, tell_release
from syncd.write import Writer

ROUNDS = 5
"""Settling and writing are repeated within a cycle so often, where a write was stale."""

STOPPED = "writing is stopped"

NOT_WRITTEN = "not written"
"""What is logged of who does not take writes."""

log = structlog.get_logger("syncd.engine")


class Bridge:
    """A set of channels that are kept equal. ``targets`` in the order of the configuration.

    ``configured``: also the channels that could not be connected yet; they are not forgotten.
    ``steady``: ids of channels that another configuration left as they were: they go on backing
    off. ``waits``: names of channels that are to be looked at soon, to know what was done there.
    """

    def __init__(
        self,
        name: str,
        targets: Sequence[Target],
        policy: Policy,
        limits: Limits,
        window: Callable[[datetime], Window],
        default_zone: str,
        surroundings: Surroundings,
        *,
        writes: bool = True,
        configured: Collection[str] = (),
        steady: Collection[str] = (),
    ) -> None:
        self._configured = frozenset(configured) | {target.name for target in targets}
        self._steady = steady
        self.name, self.policy, self.limits, self.writes = name, policy, limits, writes
        self.targets: Mapping[str, Target] = {target.name: target for target in targets}
        self._window, self._zone, self._around = window, default_zone, surroundings
        self._store = surroundings.store
        self._arrivals = Arrivals(name, surroundings.store)
        self._debts = Debts(
            surroundings.store,
            surroundings.accepting,
            surroundings.clock,
            surroundings.retry_first,
        )
        self._writer = Writer(
            surroundings.store,
            surroundings.pool,
            surroundings.clock,
            surroundings.sleep,
            surroundings.stop,
            self._arrivals,
            surroundings.accepting,
            self._debts,
            surroundings.patience,
        )
        self.looks = Looks(name, self.targets, surroundings, self._arrivals)
        self._last = surroundings.clock()
        self.in_hand = InHand(name, surroundings.store, self.now)
        self._contacted: set[str] = set()
        self._prepared, self._fresh = False, True
        self._late: frozenset[tuple[str, str]] = frozenset()
        self.waits: frozenset[str] = frozenset()

    def now(self) -> datetime:
        """The clock, never going back: what is later here was later."""
        self._last = max(self._around.clock(), self._last + timedelta(microseconds=1))
        return self._last

    def cycle(
        self, cycle: str, *, full: bool = False, only: Collection[str] | None = None
    ) -> BridgeResult:
        """One cycle: look at every channel that may be looked at, or ``only`` at some, then
        settle and write."""
        self._prepare()
        started = self._around.clock()
        before = {name: requests_of(target) for name, target in self.targets.items()}
        result = BridgeResult(self.name, cycles=1)
        result.channels = [ChannelResult(t.name, t.system) for t in self.targets.values()]
        emptied = self._look(result, full=full, only=only)
        self._debts.call_probes(self.name, sorted({t.system for t in self.targets.values()}))
        with suppress(Stopping):
            self._work(cycle, emptied, result)
        self.in_hand.calm()
        if self._fresh:
            forget_read_otherwise(self._store, self._list())
            self._fresh = False
        self._conclude(result, before)
        result.seconds = (self._around.clock() - started).total_seconds()
        return result

    def plan(self) -> Plans:
        """What the next cycle would do. Looks at every channel; writes to none."""
        self._prepare()
        result = BridgeResult(self.name)
        result.channels = [ChannelResult(t.name, t.system) for t in self.targets.values()]
        emptied = self._look(result)
        now = self.now()
        draw = self._draw(now, whole=True)
        dangers, _ = check(self._store, self.name, draw, self.limits, emptied, now)
        return Plans(
            plans=draw.plans,
            dangers=reasons(dangers, self.name),
            failed=result.reason,
            linked=linked(self._store, draw),
            doubtful=Counter(d.channel.split("/", 1)[1] for d in self._store.doubts(self.name)),
            questions=len(self._store.questions(self.name)),
            reread=read_otherwise(self._store, self._list()),
            channels=self.policy.channels,
        )

    def is_settled(self) -> bool:
        """Whether nothing is due and no write waits to be seen. An invitation that waits for a
        copy of ours waits for what is due, or for what was set aside; what is parked in a channel
        that does not answer waits for that."""
        store = self._store
        if store.due(self.name, self.now()):
            return False
        unpaired = store.unpaired(self.name, self.now(), wires=False)
        dark = {self.targets[name].id for name in self.looks.dark}
        for each in unpaired:
            parked = each.parked is not None and each.channel in dark
            if not parked and (each.channel, each.key) not in self._late:
                return False
        return not store.waits_for_look(self.name)

    def _prepare(self) -> None:
        """At the start: take on what the configuration changed."""
        if self._prepared:
            return
        now, store = self.now(), self._store
        names = prepare(store, self.name, self._list(), self._configured, now, self._steady)
        self._contacted, self.looks.emptied = names.contacted, names.emptied
        prepare_all(self._store, self.name, self._list(), self.policy, self.now())
        self._prepared = True

    def _work(self, cycle: str, emptied: set[str], result: BridgeResult) -> None:
        rounds = 0
        while rounds < ROUNDS and not self._around.stop.is_set():
            rounds += 1
            now = self.now()
            draw = self._draw(now)
            if not draw.writes:
                release_holds(self._store, self.name, now, approved=False)
                tell_release(self._around.troubles, self.name)
            if not draw.plans:
                return
            if draw.writes and self._must_wait(draw, emptied, now, result):
                return
            outcome = self._carry_out(cycle, draw, now, result)
            if outcome is None or not (outcome.stale or self._store.due(self.name, self.now())):
                return
            emptied = set()
            if outcome.lost:
                emptied = self._look(result, again=outcome.lost)

    def _look(
        self,
        result: BridgeResult,
        *,
        full: bool = False,
        only: Collection[str] | None = None,
        again: Collection[str] = (),
    ) -> set[str]:
        """Look, and where what is seen proves that the state is an old one that somebody put in
        the place of today's, look at everything anew before anything is decided."""
        at = self.now()
        emptied = self.looks.look(at, self._window(at), result, full=full, only=only, again=again)
        contacted = {self.targets[name].id for name in self._contacted}
        unknown = self._store.unheard_of(self.name, contacted) if contacted else ()
        if not unknown or self._around.stop.is_set():
            return emptied
        at = self.now()
        self._store.begin_anew(self.name, at, len(unknown))
        self._contacted.clear()
        log.warning("older than its systems, linked anew", bridge=self.name, unknown=len(unknown))
        return self.looks.look(at, self._window(at), result, full=True)

    def _must_wait(
        self, draw: Draw, emptied: set[str], now: datetime, result: BridgeResult
    ) -> bool:
        """Whether these writes must not be made now: observed only, stopped, or unsafe."""
        if not self.writes:
            return True
        if self._store.is_stopped(self.name):
            result.worsen(State.HELD, STOPPED)
            return True
        dangers, approved = check(self._store, self.name, draw, self.limits, emptied, now)
        if dangers:
            reason = hold(self._store, self.name, draw, dangers, now)
            result.worsen(State.HELD, reason)
            tell_held(self._around.troubles, self.name, reason, len(draw.writes))
            return True
        tell_release(self._around.troubles, self.name)
        log_begun(self._store, self.name, draw, approved, now)
        for name in sorted(emptied):
            self.looks.set_emptied(name, emptied=False)
        release_holds(self._store, self.name, now, approved=False)
        return False

    def _draw(self, now: datetime, *, whole: bool = False) -> Draw:
        self._contacted -= self.looks.moved
        self.looks.moved.clear()
        moment = self._moment(now)
        paired = self._pair(moment)
        self._late = paired.late
        ids = set(self._store.due(self.name, now)) | set(paired.births) | set(paired.dying)
        ids |= set(paired.giving_way)
        ids -= self._store.left_alone(self.name, now)
        draw = draw_up(
            self._store,
            self.name,
            self.policy,
            moment,
            sorted(ids),
            paired.dying,
            self.in_hand,
            whole=whole,
            invited=paired.invited,
            progress=self._around.progress,
        )
        self.waits = paired.awaited.union(draw.waits)
        return draw

    def _pair(self, moment: Moment) -> Paired:
        contacts = moment.contacts
        others = self._around.bridges - {self.name}
        paired = pair_stored(
            self._store, self.name, self.policy, moment, self._around.new_id, contacts, others
        )
        if contacts:  # what is agreed belongs in the new channels, too
            mark_all_due(self._store, self.name, moment.now)
        for name in contacts:
            self._store.meta_set(f"contacted:{self.targets[name].id}", "1")
        self._contacted.update(contacts)
        return paired

    def _moment(self, now: datetime) -> Moment:
        window, blind = self._window(now), self.looks.blind()
        contacts = self.targets.keys() - blind - self._contacted
        last = self.looks.last()
        return Moment(now, window.start, window.end, self._zone, blind, last, contacts)

    def _carry_out(
        self, cycle: str, draw: Draw, now: datetime, result: BridgeResult
    ) -> Outcome | None:
        result_by_name = {channel.name: channel for channel in result.channels}
        outcome = Outcome()
        parts = map(partial(self._commit, cycle, now, outcome), self._parts(draw, outcome))
        self._writer.write(parts, self.targets, self.name, outcome, self.looks.dark)
        for name in result_by_name.keys() & outcome.conflicts.keys():
            result_by_name[name].conflicts += outcome.conflicts[name]
        if not draw.writes:
            return None
        outcome.undone.update(
            (f"{self.name}/{write.channel}", id)
            for id, write in draw.writes
            if id not in outcome.carried
        )
        self._store.forget_writes(now, outcome.undone)
        if not outcome.undone:
            release_holds(self._store, self.name, now, approved=True)
        if outcome.halted and not self._around.stop.is_set():
            result.worsen(State.HELD, STOPPED)
        for name, tally in outcome.tallies.items():
            channel = result_by_name[name]
            channel.created += tally.created
            channel.updated += tally.updated
            channel.deleted += tally.deleted
            channel.failed += tally.failed
            if tally.failed:
                words = "a write" if tally.failed == 1 else f"{tally.failed} writes"
                result.worsen(State.FAILED, f"{name}: {words} failed")
        self._tell_down(outcome, result)
        return outcome

    def _parts(self, draw: Draw, outcome: Outcome) -> Iterator[Sequence[Plan]]:
        """The plans, some at a time, until all is to stop: each part is let go of before the next
        is unpacked."""
        for plans in draw.parts():
            for part in self.in_hand.parts(plans, CHUNK, attrgetter("id")):
                if outcome.carried and (outcome.halted or self._around.stop.is_set()):
                    return
                yield part
                del part
            del plans

    def _commit(
        self, cycle: str, now: datetime, outcome: Outcome, plans: Sequence[Plan]
    ) -> list[Task]:
        """Store these plans; answers their writes."""
        ids = [plan.id for plan in plans]
        with self.in_hand.work(ids):
            tasks = commit(self._store, self.name, self.policy, cycle, plans, now)
            self._arrivals.decided(plans, self.looks.dark)
        outcome.conflicts.update(count_conflicts(plans))
        outcome.carried.update(ids)
        return tasks

    def _tell_down(self, outcome: Outcome, result: BridgeResult) -> None:
        """Who did not take what was written, and who takes it again."""
        troubles = self._around.troubles
        for system, error in outcome.down.items():
            name, reason, place = type(error).__name__, str(error), f"{self.name} {system}"
            result.worsen(State.FAILED, f"{system}: {reason}")
            if troubles.is_news(NOT_WRITTEN, place, f"{name} {steady(reason)}"):
                since = troubles.since(NOT_WRITTEN, place)
                log.warning(NOT_WRITTEN, system=system, error=name, reason=reason, since=since)
        took = [self.targets[name] for name, tally in outcome.tallies.items() if tally.written]
        written = {name for target in took for name in (target.id, target.system)}
        for system in sorted(written - outcome.down.keys()):
            if self._around.troubles.is_over(NOT_WRITTEN, f"{self.name} {system}"):
                log.info("written again", system=system)

    def _conclude(self, result: BridgeResult, before: Mapping[str, int]) -> None:
        store = self._store
        copies = store.stats().copies
        for channel in result.channels:
            target = self.targets[channel.name]
            channel.requests = requests_of(target) - before[channel.name]
            touched = channel.created + channel.updated
            channel.unchanged = max(0, copies.get(target.id, 0) - touched)
        debts: dict[str, list[Debt]] = {}
        for each in store.debts(self.name):
            debts.setdefault(each.system, []).append(each)
        for system, owed in debts.items():
            writes = sum(each.writes for each in owed)
            words = "a write is" if writes == 1 else f"{writes} writes are"
            result.worsen(State.FAILED, f"{system}: {words} owed: {owed[0].reason}")
        asides = store.asides(self.name)
        if asides:
            result.worsen(State.FAILED, f"{len(asides)} set aside")
        if any(known.scope == self.name for known in store.holds(HoldState.OPEN)):
            result.worsen(State.HELD, "")
        if waiting := len(store.questions(self.name)) + len(store.doubts(self.name)):
            verb = "waits" if waiting == 1 else "wait"
            result.worsen(State.CONFLICTS, f"{waiting} {verb} for a person")

    def _list(self) -> list[Target]:
        return list(self.targets.values())

    def close(self) -> None:
        """Let go of the connectors."""
        for target in self.targets.values():
            target.connector.close()
