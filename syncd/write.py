"""The third step, and the only code that writes to remotes.

Each write has its intent in the store before it begins. It ends in a stored confirmation, in
the vendor's refusal, or in doubt: then the intent stays open, and what is seen next tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from syncd import metrics
from syncd.arrivals import Arrivals
from syncd.connector import Finds, Identity, Written
from syncd.core.state import (
    Agreement,
    AppointmentId,
    Copy,
    Intent,
    Key,
    Marker,
    Operation,
    Place,
    Write,
)
from syncd.errors import ConnectorError, Rejected, Stale, Unauthorized, Unavailable
from syncd.observe import fetch_all, patiently
from syncd.pool import Job, Pool, Stopped
from syncd.store import Store
from syncd.target import Target

ASIDE_FOR = timedelta(hours=24)
STALE_LIMIT = 3
"""A copy that is stale so many times in a row is set aside (invariant 7)."""

RETRY_FIRST = timedelta(seconds=30)
RETRY_MOST = timedelta(minutes=30)


@dataclass(slots=True)
class Tally:
    """What the writes of a cycle came to, for one channel."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0

    def count(self, operation: Operation) -> None:
        """One more write that was carried out."""
        if operation is Operation.CREATE:
            self.created += 1
        elif operation is Operation.UPDATE:
            self.updated += 1
        else:
            self.deleted += 1


@dataclass(frozen=True, slots=True)
class Task:
    """An intent of an appointment, and the UID that its copies go by."""

    appointment: AppointmentId
    intent: Intent
    uid: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of the writes. ``down``: systems that failed, with the error. ``undone``:
    writes (channel, appointment) that certainly were not carried out. ``lost``: channels in
    which a copy was not where, or a series not what, it had been; they are to be looked at before
    anything else.
    ``halted``: writing was stopped on the way."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    down: dict[str, ConnectorError] = field(default_factory=dict)
    stale: int = 0
    lost: set[str] = field(default_factory=set)
    halted: bool = False
    undone: set[tuple[str, AppointmentId]] = field(default_factory=set)

    def tally(self, channel: str) -> Tally:
        """The tally of a channel."""
        return self.tallies.setdefault(channel, Tally())


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
        retry_first: timedelta = RETRY_FIRST,
    ) -> None:
        self._store, self._pool, self._clock, self._stop = store, pool, clock, stop
        self._arrivals = arrivals
        self._first = retry_first
        self._retry = patiently(sleep)
        self._stale: Counter[tuple[AppointmentId, Place]] = Counter()
        self._attempts: Counter[AppointmentId] = Counter()

    def write(
        self,
        tasks: Sequence[Task],
        targets: Mapping[str, Target],
        bridge: str,
        outcome: Outcome,
    ) -> None:
        """Carry out ``tasks``, and add to ``outcome`` what became of them; systems that are
        down there are left alone. ``targets`` by name of channel. Raises nothing that a remote
        did."""
        down = dict(outcome.down)
        jobs = [
            Job(
                targets[task.intent.write.channel].system,
                _Attempt(task, targets[task.intent.write.channel], self._store, down, self._stop),
                task.intent.write.channel,
            )
            for task in tasks
        ]
        again: dict[str, dict[Key, Write]] = {}
        left: list[Task] = []
        for index, result in self._pool.stream(jobs):
            task = tasks[index]
            if isinstance(result, Stopped) and not result.maybe_applied:
                left.append(task)
                continue
            target = targets[task.intent.write.channel]
            self._record(task, target, result, outcome, again, bridge)
        self._leave(left, bridge, outcome)
        outcome.down.update(down)
        for name, keys in again.items() if not self._stop.is_set() else ():
            self._fetch(targets[name], keys, outcome)

    def _leave(self, tasks: Sequence[Task], bridge: str, outcome: Outcome) -> None:
        """All is to stop, or all writing, and these were not begun: who writes next goes on."""
        if tasks:
            self._store.mark_due(bridge, [task.appointment for task in tasks], self._clock())
            self._store.drop_intents([task.intent.id for task in tasks])
            outcome.halted = True
        for task in tasks:
            outcome.undone.add((f"{bridge}/{task.intent.write.channel}", task.appointment))

    def _record(
        self,
        task: Task,
        target: Target,
        result: Written | ConnectorError | None,
        outcome: Outcome,
        again: dict[str, dict[Key, Write]],
        bridge: str,
    ) -> None:
        intent, now = task.intent, self._clock()
        tally = outcome.tally(target.name)
        if isinstance(result, ConnectorError):
            self._failed(task, target, result, outcome, again, bridge)
            return
        self._attempts.pop(task.appointment, None)
        self._stale.pop((task.appointment, (target.name, intent.write.slot)), None)
        tally.count(intent.write.operation)
        self._arrivals.arrived(task.appointment, target.name, now)
        if result is None:
            self._store.mark_due(bridge, [task.appointment], now)
            self._store.confirm_delete(intent.id, now)
        elif result.copy is not None:
            self._store.confirm(intent.id, result.copy, now)
        else:
            self._store.answer(intent.id, key=result.key, version=result.version, at=now)
            if result.version is None:
                again.setdefault(target.name, {})[result.key] = intent.write

    def _failed(
        self,
        task: Task,
        target: Target,
        error: ConnectorError,
        outcome: Outcome,
        again: dict[str, dict[Key, Write]],
        bridge: str,
    ) -> None:
        doubtful = isinstance(error, Unavailable) and error.maybe_applied
        if not doubtful:
            outcome.undone.add((target.id, task.appointment))
        self._consequence(task, target, error, outcome, again, bridge)
        # Last: killed before it, the intent is still open and makes its appointment due again.
        self._store.fail(task.intent.id, doubtful=doubtful)

    def _consequence(
        self,
        task: Task,
        target: Target,
        error: ConnectorError,
        outcome: Outcome,
        again: dict[str, dict[Key, Write]],
        bridge: str,
    ) -> None:
        """What follows from the class of the error: again at once, set aside, or later."""
        intent, write = task.intent, task.intent.write
        if isinstance(error, Stale):
            outcome.stale += 1
            key = error.key or (write.base.key if write.base is not None else intent.key)
            again.setdefault(target.name, {})[key] = write
            place = (task.appointment, (target.name, write.slot))
            self._stale[place] += 1
            self._store.mark_due(bridge, [task.appointment], self._clock())
            if self._stale[place] >= STALE_LIMIT:
                self._aside(task, bridge, "somebody else changes this copy at every write")
                del self._stale[place]
                outcome.tally(target.name).failed += 1
            return
        if isinstance(error, Stopped):
            self._store.mark_due(bridge, [task.appointment], self._clock())
            return
        outcome.tally(target.name).failed += 1
        if isinstance(error, Rejected):
            self._aside(task, bridge, f"refused: {error}")
            return
        if isinstance(error, Unauthorized | Unavailable):
            outcome.down.setdefault(_reach(target, error), error)
        self._later(task, error, bridge)

    def _aside(self, task: Task, bridge: str, reason: str) -> None:
        now, write = self._clock(), task.intent.write
        self._store.set_aside(
            bridge, task.appointment, write.channel, write.slot, (), reason, now, now + ASIDE_FOR
        )

    def _later(self, task: Task, error: ConnectorError, bridge: str) -> None:
        self._attempts[task.appointment] += 1
        wait = min(RETRY_MOST, self._first * 2 ** min(self._attempts[task.appointment] - 1, 10))
        if isinstance(error, Unavailable) and error.retry_after is not None:
            wait = max(timedelta(seconds=error.retry_after), timedelta(0))
        self._store.mark_due(bridge, [task.appointment], self._clock() + wait)

    def _fetch(self, target: Target, writes: Mapping[Key, Write], outcome: Outcome) -> None:
        """What is there now, at once: after a stale write, or one that was answered without
        a version. ``writes``: by key, what was written."""
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


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One write, in a thread of the pool. What is known to be down, a system or one channel of
    it, is left alone."""

    task: Task
    target: Target
    store: Store
    down: dict[str, ConnectorError]
    stop: Event

    def __call__(self) -> Written | None:
        system = self.target.system
        if self.stop.is_set() or self.store.is_stopped(self.target.bridge):
            raise Stopped
        name = self.target.id if self.target.id in self.down else system
        known = self.down.get(name)
        if known is not None:
            retry_after = known.retry_after if isinstance(known, Unavailable) else None
            lone = name != system
            raise Unavailable(f"{name} is not available", retry_after=retry_after, lone=lone)
        try:
            return self._write()
        except ConnectorError as error:
            metrics.failed(system, error)
            if isinstance(error, Unauthorized | Unavailable):
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


def uid_of(agreement: Agreement | None, appointment: AppointmentId) -> str | None:
    """The UID under which further copies are made: the one that a person's client chose, if any."""
    if agreement is None or not agreement.uids:
        return None
    return min(agreement.uids, key=lambda uid: (appointment in uid, uid))
