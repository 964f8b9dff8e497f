"""The third step, and the only code that writes to remotes.

Each write has its intent in the store before it begins. It ends in a stored confirmation, in
the vendor's refusal, or in doubt: then the intent stays open, and what is seen next tells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from syncd import metrics
from syncd.accepting import Accepting
from syncd.arrivals import Arrivals
from syncd.breakers import Resting
from syncd.connector import Finds, Identity, Written
from syncd.core.state import (
    AppointmentId,
    Copy,
    Key,
    Marker,
    Operation,
    Place,
    Write,
)
from syncd.errors import ConnectorError, Locked, Rejected, Stale, Unauthorized, Unavailable
from syncd.observe import fetch_all, patiently
from syncd.outcome import Outcome, Task
from syncd.owing import Debts, Owing
from syncd.pool import Begun, Job, Pool, Stopped
from syncd.store import Spot, Store
from syncd.target import Target

ASIDE_FOR = timedelta(hours=24)
STALE_LIMIT = 3
"""A copy that is stale so many times in a row is set aside (invariant 7)."""


class Writer:
    """Carries out intents and stores how each ended."""

    def __init__(
        self,
        store: Store,
        pool: Pool,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        stop: Event,
        arrivals: Arrivals,
        accepting: Accepting,
        debts: Debts,
        patience: float | None = None,
    ) -> None:
        self._patience = patience
        self._store, self._pool, self._clock, self._stop = store, pool, clock, stop
        self._arrivals, self._accepting, self._debts = arrivals, accepting, debts
        self._retry = patiently(sleep)
        self._stale: Counter[tuple[AppointmentId, Place]] = Counter()

    def write(
        self,
        parts: Iterable[Sequence[Task]],
        targets: Mapping[str, Target],
        bridge: str,
        outcome: Outcome,
        dark: Collection[str] = (),
    ) -> None:
        """Carry out the tasks of each part, and add to ``outcome`` what became of them; systems
        that are down there, and the ``dark`` channels, which did not answer when they were last
        looked at, are left alone. A part is asked for while the last ones of the part before are
        under way. ``targets`` by name of channel. Raises nothing that a remote did."""
        round = _Round(bridge, targets, outcome, Owing(bridge), dict(outcome.down), dark)
        try:
            self._write_all(iter(parts), round)
        finally:
            self._close(round)  # also what has ended before a bug in making the next part

    def _write_all(self, coming: Iterator[Sequence[Task]], round: _Round) -> None:
        apart = list[list[Task]]()
        while True:
            round.begun = 0
            flow = iter(partial(self._next, coming, round, apart), None)
            for ended in self._pool.batches(flow):
                self._take([(round.under_way.pop(index), result) for index, result in ended], round)
            if not apart:
                return
            while apart:
                self._each_apart(apart.pop(0), round)

    def _next(
        self, coming: Iterator[Sequence[Task]], round: _Round, apart: list[list[Task]]
    ) -> list[Job[Written | None]] | None:
        """The jobs of the next part, to be made while others are under way. What is to wait for
        all others is put ``apart``: then there are none until it is done."""
        if apart:
            return None
        self._close(round)
        tasks = next(coming, None)
        if tasks is None:
            return None
        self._open(tasks, round)
        fresh, tried = round.owing.in_order(tasks, round.spot)
        well, ill = self._sorted(fresh, round)
        apart += [each for each in (ill, tried) if each]
        round.under_way.update(enumerate(well, round.begun))
        round.begun += len(well)
        return [self._job(task, round) for task in well]

    def _each_apart(self, tasks: Sequence[Task], round: _Round) -> None:
        """Carry these out with nothing else under way. Where the last write has failed, nobody
        waits for longer than ``patience`` seconds: it may have been made then."""
        well, ill = self._sorted(tasks, round)
        for ended in self._pool.batches([[self._job(task, round) for task in well]]):
            self._take([(well[index], result) for index, result in ended], round)
        jobs = [self._job(task, round) for task in ill]
        for index, result in self._pool.race(jobs, self._patience or math.inf):
            if isinstance(result, Begun):
                result = Unavailable("no answer yet", maybe_applied=True)
            self._take([(ill[index], result)], round)

    def _sorted(self, tasks: Iterable[Task], round: _Round) -> tuple[list[Task], list[Task]]:
        """Whose system took the last write, and whose did not."""
        well, ill = list[Task](), list[Task]()
        for task in tasks:
            is_well = self._patience is None or self._accepting.is_well(round.target(task).system)
            (well if is_well else ill).append(task)
        return well, ill

    def _open(self, tasks: Sequence[Task], round: _Round) -> None:
        """These are carried out next."""
        self._debts.open(round.owing, {task.appointment for task in tasks})
        round.down.update(round.outcome.down)
        round.down.update(self._unseen(round, tasks))

    def _take(
        self, ended: Iterable[tuple[Task, Written | ConnectorError | None]], round: _Round
    ) -> None:
        """Store what became of these."""
        accepted: dict[int, Written] = {}
        for task, result in ended:
            if isinstance(result, Stopped) and not result.maybe_applied:
                round.left.append(task)
                round.outcome.halted = True
            else:
                accepted |= self._record(task, result, round)
        self._accept(accepted)

    def _close(self, round: _Round) -> None:
        """Store what is left of those that have ended, and fetch what they make necessary."""
        self._leave(round)
        self._debts.close(round.owing)
        for channel in list(round.again) if not self._stop.is_set() else ():
            self._fetch(channel, round.again.pop(channel), round)

    def _job(self, task: Task, round: _Round) -> Job[Written | None]:
        target, spot = round.target(task), round.spot(task)
        attempt = _Attempt(
            task,
            target,
            self._store,
            self._accepting,
            round.down,
            self._stop,
            alone=round.owing.is_alone(spot),
        )
        return Job(target.system, attempt, target.name)

    def _unseen(self, round: _Round, tasks: Sequence[Task]) -> dict[str, ConnectorError]:
        """The dark channels that are to be written to, and why they do not answer."""
        found: dict[str, ConnectorError] = {}
        for name in {task.intent.write.channel for task in tasks} & set(round.dark):
            id = round.targets[name].id
            state = self._store.channel_state(id)
            reason = state.error if state is not None else ""
            found[id] = Unavailable(reason or "it does not answer", lone=True)
        return found

    def _leave(self, round: _Round) -> None:
        """All is to stop, or all writing, and some were not begun: who writes next goes on."""
        tasks = round.left
        if tasks:
            self._store.mark_due(round.bridge, [task.appointment for task in tasks], self._clock())
            self._store.drop_intents([task.intent.id for task in tasks])
        for task in tasks:
            round.outcome.undone.add((round.target(task).id, task.appointment))
        tasks.clear()

    def _record(
        self, task: Task, result: Written | ConnectorError | None, round: _Round
    ) -> dict[int, Written]:
        """Note what became of a write; by its intent what it left, if that is told: it is stored
        with others, which is far faster."""
        if isinstance(result, ConnectorError):
            self._failed(task, result, round)
            return {}
        intent, now, target = task.intent, self._clock(), round.target(task)
        self._stale.pop((task.appointment, (target.name, intent.write.slot)), None)
        round.owing.is_accepted(round.spot(task), target)
        round.outcome.tally(target.name).count(intent.write.operation)
        self._arrivals.arrived(task.appointment, target.name, now)
        if result is None or task.follows:
            self._store.mark_due(round.bridge, [task.appointment], now)
        if result is None:
            self._store.confirm_delete(intent.id, now)
            return {}
        if result.copy is None and result.version is None:
            round.again.setdefault(target.name, {})[result.key] = intent.write
        return {intent.id: result}

    def _accept(self, accepted: Mapping[int, Written]) -> None:
        now, results = self._clock(), accepted.items()
        self._store.confirm_many(((id, w.copy) for id, w in results if w.copy is not None), now)
        self._store.answer_many(
            ((id, w.key, w.version) for id, w in results if w.copy is None), now
        )

    def _failed(self, task: Task, error: ConnectorError, round: _Round) -> None:
        target, intent = round.target(task), task.intent
        doubtful = isinstance(error, Unavailable) and error.maybe_applied
        if not doubtful:
            round.outcome.undone.add((target.id, task.appointment))
        if isinstance(error, Unauthorized | Unavailable) and not isinstance(error, Stopped):
            self._later(task, error, round)
            return
        if isinstance(error, Stale):
            self._is_stale(task, error, round)
        elif isinstance(error, Stopped):
            self._store.mark_due(round.bridge, [task.appointment], self._clock())
        else:
            round.outcome.tally(target.name).failed += 1
            self._aside(task, round, f"refused: {error}")
        # Last: killed before it, the intent is still open and makes its appointment due again.
        self._store.fail(intent.id, doubtful=doubtful)

    def _is_stale(self, task: Task, error: Stale, round: _Round) -> None:
        """Somebody was faster: it is fetched, and settled again at once."""
        intent, write, target = task.intent, task.intent.write, round.target(task)
        round.outcome.stale += 1
        key = error.key or (write.base.key if write.base is not None else intent.key)
        round.again.setdefault(target.name, {})[key] = write
        place = (task.appointment, (target.name, write.slot))
        self._stale[place] += 1
        self._store.mark_due(round.bridge, [task.appointment], self._clock())
        if self._stale[place] >= STALE_LIMIT:
            self._aside(task, round, "somebody else changes this copy at every write")
            del self._stale[place]
            round.outcome.tally(target.name).failed += 1

    def _aside(self, task: Task, round: _Round, reason: str) -> None:
        now, write = self._clock(), task.intent.write
        round.owing.is_over(round.spot(task))
        self._store.set_aside(
            round.bridge,
            task.appointment,
            write.channel,
            write.slot,
            (),
            reason,
            now,
            now + ASIDE_FOR,
        )
        if task.follows:
            self._store.mark_due(round.bridge, [task.appointment], now)

    def _later(self, task: Task, error: Unauthorized | Unavailable, round: _Round) -> None:
        """It stays owed. What was not even tried has not failed: a moment later it may be made."""
        target, spot = round.target(task), round.spot(task)
        round.owing.fails(spot, target, error, task.intent.id)
        if isinstance(error, Resting):
            return
        round.outcome.tally(target.name).failed += 1
        if not (isinstance(error, Locked) or round.owing.is_alone(spot)):
            round.outcome.down.setdefault(_reach(target, error), error)

    def _fetch(self, channel: str, writes: Mapping[Key, Write], round: _Round) -> None:
        """What is there now, at once: after a stale write, or one that was answered without
        a version. ``writes``: by key, what was written."""
        target, outcome = round.targets[channel], round.outcome
        results = self._pool.gather(
            [Job(target.system, lambda: fetch_all(target, sorted(writes), self._retry))]
        )
        fetched = results[0]
        if isinstance(fetched, ConnectorError):
            metrics.failed(target.system, fetched)
            outcome.down.setdefault(_reach(target, fetched), fetched)
            return
        # A key that is gone may have moved, and a series that was cut short may go on under
        # another key: only a look at the channel tells both at once.
        if fetched.gone or any(_is_reshaped(copy, writes[copy.key]) for copy in fetched.copies):
            outcome.lost.add(target.name)
        self._store.record_fetch(target.id, self._clock(), fetched.copies, (), fetched.unreadable)


@dataclass(slots=True)
class _Round:
    """Writes of one draw. ``down``: systems, and channels by id, that are left alone; threads of
    the pool add to it. ``begun``: how many were begun side by side, and by the index of its job
    what of it is ``under_way``. ``left``: what was not begun after all. ``again``: by channel and
    key, what is to be fetched after its write."""

    bridge: str
    targets: Mapping[str, Target]
    outcome: Outcome
    owing: Owing
    down: dict[str, ConnectorError]
    dark: Collection[str]
    begun: int = 0
    under_way: dict[int, Task] = field(default_factory=dict)
    left: list[Task] = field(default_factory=list)
    again: dict[str, dict[Key, Write]] = field(default_factory=dict)

    def target(self, task: Task) -> Target:
        """Where it is written."""
        return self.targets[task.intent.write.channel]

    def spot(self, task: Task) -> Spot:
        """Where it is owed."""
        return task.appointment, self.target(task).id, task.intent.write.slot


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Called: what the system answers, ``None`` to a deletion; raises ``ConnectorError``. What is
    known to be down, a system or one channel of it, is left alone. ``alone``: its failure says
    nothing about its system."""

    task: Task
    target: Target
    store: Store
    accepting: Accepting
    down: dict[str, ConnectorError]
    stop: Event
    alone: bool

    def __call__(self) -> Written | None:
        system = self.target.system
        if self.stop.is_set() or self.store.is_stopped(self.target.bridge):
            raise Stopped
        name = self.target.id if self.target.id in self.down else system
        known = self.down.get(name)
        if known is not None:
            retry_after = known.retry_after if isinstance(known, Unavailable) else None
            raise Resting(str(known), retry_after=retry_after, lone=name != system)
        item = (self.task.appointment, self.target.id, self.task.intent.write.slot)
        try:
            return self.accepting.offer(system, item, self._write, alone=self.alone)
        except Resting:
            raise
        except ConnectorError as error:
            metrics.failed(system, error)
            if isinstance(error, Unauthorized | Unavailable) and not (
                self.alone or isinstance(error, Locked)
            ):
                self.down[_reach(self.target, error)] = error
            raise

    def _write(self) -> Written | None:
        write, connector = self.task.intent.write, self.target.connector
        if write.operation is Operation.DELETE:
            if write.base is not None:
                connector.delete(write.base)
            return None
        if write.content is None:
            raise Rejected("a write without content")
        if write.operation is Operation.UPDATE and write.base is not None:
            return connector.update(write.base, write.content)
        marker = Marker(self.store.installation, self.task.appointment, write.slot)
        identity = Identity(marker, self.task.uid)
        if isinstance(connector, Finds):
            others = self.store.others_marked(self.target.id, self.task.appointment)
            identity = Identity(marker, self.task.uid, others)
            if not self.target.manifest.client_keys:
                for copy in connector.find(marker):
                    if copy.key not in others:
                        raise Stale("it is there already", key=copy.key)
        return connector.create(identity, write.content)


def _is_reshaped(copy: Copy, write: Write) -> bool:
    """Whether a series has another rule than ``write`` left or found there."""
    known = [write.content, write.base.reads if write.base is not None else None]
    rules = {each.recurrence for each in known if each is not None}
    return rules != {None} and copy.reads.recurrence not in rules


def _reach(target: Target, error: ConnectorError) -> str:
    """Who is down: the whole system, or (``lone``) this one channel of it."""
    lone = isinstance(error, Unauthorized | Unavailable) and error.lone
    return target.id if lone else target.system
