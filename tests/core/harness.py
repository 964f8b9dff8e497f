"""A tiny pure world: channels as dictionaries, a store as dictionaries, the real settling.

What the daemon does with connectors and a database, done with values in memory, so that a
trace reads as: given, when, then. A *cycle* looks at every channel that answers, pairs, settles
and writes until nothing is due. Faults are said beforehand, one for each coming write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Channel, Policy
from syncd.core.marks import Unpaired
from syncd.core.model import Appointment
from syncd.core.pair import pair
from syncd.core.paired import Doubt, Pairing
from syncd.core.reborn import outlives
from syncd.core.rules import RuleSet
from syncd.core.settle import settle
from syncd.core.splits import seed_splits
from syncd.core.state import (
    WHOLE,
    Agreement,
    Case,
    Gone,
    Intent,
    Order,
    Place,
    Plan,
    Present,
    Record,
    Seen,
    Settled,
    Tombstone,
    Write,
)
from tests.core.lookup import contacts_of, known_of, without
from tests.core.remote import Fault, KilledError, Remote, Row
from tests.core.values import NOW, USUAL, VISIT, channels, remains_of
from tests.core.writing import write_out


@dataclass
class World:
    """Everything at once: the remotes, and what the daemon's store holds."""

    policy: Policy
    now: datetime = NOW
    remotes: dict[str, Remote] = field(default_factory=dict)
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    looked: dict[str, datetime] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    intents: dict[str, list[Intent]] = field(default_factory=dict)
    orders: dict[str, list[Order]] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=dict)
    stones: list[Tombstone] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    aside: frozenset[tuple[Place, tuple[str, ...]]] = frozenset()
    written: list[Write] = field(default_factory=list)
    due: set[str] = field(default_factory=set)
    parked: list[tuple[str, str]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    invited: dict[str, set[Place]] = field(default_factory=dict)
    waits: set[str] = field(default_factory=set)
    ids: int = 0
    numbers: int = 0
    past: timedelta = timedelta(days=30)
    future: timedelta = timedelta(days=365)

    def __post_init__(self) -> None:
        for name, each in self.policy.channels.items():
            self.remotes.setdefault(name, Remote(each))

    # What people do

    def add(
        self, name: str, appointment: Appointment = VISIT, key: str = "", **more: object
    ) -> str:
        """Somebody enters an appointment in a channel; returns its key."""
        remote = self.remotes[name]
        key = key or f"{name}{len(remote.copies) + 1}"
        if remote.channel.role == "calendar":
            more.setdefault("uid", f"{key}@{name}")
        remote.put(key, appointment, **more)
        return key

    def edit(self, name: str, key: str = "", *, stamp: bool = False, **values: object) -> None:
        """Somebody changes fields of a copy; ``stamp``: the system notes the time."""
        remote = self.remotes[name]
        key = key or next(iter(remote.copies))
        reads = replace(remote.copies[key].reads, **values)  # type: ignore[arg-type]  # fields
        remote.put(key, reads, **({"modified": self.now} if stamp else {}))

    def reread(self, name: str, mended: Callable[[Appointment], Appointment]) -> None:
        """The mapping of a channel is mended: stored wire forms read differently."""

        copies = self.remotes[name].copies
        for key, copy in list(copies.items()):
            copies[key] = replace(copy, reads=mended(copy.reads))
        for (channel_, key), row in self.rows.items():
            if channel_ == name and isinstance(row.seen.observation, Present):
                row.copy = copies[key]
                row.seen = replace(row.seen, observation=Present(row.copy))
        for id, agreement in self.agreements.items():
            settled = dict(agreement.copies)
            for place, each in agreement.copies.items():
                if place[0] == name:
                    settled[place] = replace(each, copy=copies[each.copy.key])
            self.agreements[id] = replace(agreement, copies=settled)

    def lose_store(self) -> None:
        """Everything that the daemon knew is lost; the systems are as they were."""
        for lost in (self.rows, self.looked, self.agreements, self.intents, self.records):
            lost.clear()
        self.stones.clear()

    def configure(self, policy: Policy) -> None:
        """Another configuration; channels that are not in it are forgotten."""
        for name in self.policy.channels.keys() - policy.channels.keys():
            self.looked.pop(name, None)
            self.rows = {ref: row for ref, row in self.rows.items() if ref[0] != name}
            for id, each in self.agreements.items():
                self.agreements[id] = without(each, name)
        self.policy = policy
        for name, made in policy.channels.items():
            self.remotes.setdefault(name, Remote(made)).channel = made

    def remove(self, name: str, key: str = "") -> None:
        """Somebody deletes a copy."""
        copies = self.remotes[name].copies
        del copies[key or next(iter(copies))]

    def fault(self, name: str, *faults: Fault | None) -> None:
        """What becomes of the next writes to a channel."""
        self.remotes[name].faults.extend(faults)

    def order(self, order: Order, id: str = "") -> None:
        """An administrator's edit."""
        self.orders.setdefault(id or self.only, []).append(order)

    # What is there

    @property
    def only(self) -> str:
        """The id of the only appointment there is."""
        (id,) = self.agreements
        return id

    def agreed(self, id: str = "") -> Appointment:
        """The agreed value."""
        return self.agreements[id or self.only].appointment

    def reads(self, name: str, key: str = "") -> Appointment:
        """What the only copy in a channel, or that with a key, reads as."""
        copies = self.remotes[name].copies
        if key:
            return copies[key].reads
        (copy,) = copies.values()
        return copy.reads

    def all_reads(self, name: str) -> list[Appointment]:
        """What all copies of a channel read as, by time and title."""
        found = [copy.reads for copy in self.remotes[name].copies.values()]
        return sorted(found, key=lambda each: (str(each.when), each.title))

    def history(self, *kinds: str, id: str = "") -> list[Record]:
        """The records of some kinds."""
        ids = [id] if id else list(self.records)
        return [
            r for each in ids for r in self.records.get(each, []) if not kinds or r.kind in kinds
        ]

    # What the daemon does

    def moment(self) -> Moment:
        """Now, and the channels that nobody has looked at."""
        blind = frozenset(self.policy.channels) - self.looked.keys()
        since, until = self.now - self.past, self.now + self.future
        return Moment(self.now, since, until, "UTC", blind, self.looked, contacts_of(self))

    def cycle(self, *, minutes: int = 5) -> int:
        """One cycle; returns the number of writes. A kill ends it early."""
        self.now += timedelta(minutes=minutes)
        before = len(self.written)
        self.failed.clear()
        self.waits.clear()
        for name, remote in self.remotes.items():
            if name in self.policy.channels and not remote.down and not remote.unlisted:
                self._look(remote)
        for ref in self.parked:
            if ref in self.rows:
                self.rows[ref].dirty = True
        self.parked.clear()
        self.due |= self.agreements.keys()
        try:
            for _ in range(12):
                self._pair()
                self.due |= {row.id for row in self.rows.values() if row.dirty and row.id}
                if not self.due:
                    break
                self._round()
            else:
                raise AssertionError("a cycle did not come to an end")
        except KilledError:
            pass
        return len(self.written) - before

    def run(self, cycles: int = 3) -> None:
        """Cycles until one writes nothing and nothing is open; fails if that takes too many."""
        for _ in range(cycles):
            waits = self.cycle() or any(self.intents.values()) or self.parked or self.waits
            if not waits:
                break
        self.quiet()

    def quiet(self) -> None:
        """The next cycle writes and records nothing."""
        known = self.history()
        assert (self.cycle(), self.history()) == (0, known), self.written[-1:]

    def _look(self, remote: Remote) -> None:
        self.now += timedelta(seconds=1)
        name = remote.channel.name
        before = self.looked.get(name)
        for key, copy in remote.copies.items():
            row = self.rows.get((name, key))
            if row is None or isinstance(row.seen.observation, Gone):
                kept = row if row is not None and row.id in self.agreements else None
                id, slot = (kept.id, kept.slot) if kept is not None else (None, WHOLE)
                self.rows[(name, key)] = Row(Seen(Present(copy), self.now, before), copy, id, slot)
            elif row.copy.version != copy.version:
                since = row.seen.before if row.dirty else before
                row.seen, row.copy, row.dirty = Seen(Present(copy), self.now, since), copy, True
        for (channel_, key), row in list(self.rows.items()):
            if channel_ == name and key not in remote.copies:
                if row.id is None:
                    del self.rows[(channel_, key)]
                elif not isinstance(row.seen.observation, Gone):
                    row.seen, row.dirty = Seen(Gone(row.copy.reads), self.now, before), True
        self.looked[name] = self.now

    def fetch(self, remote: Remote, key: str, place: Place, id: str) -> None:
        name, copy = remote.channel.name, remote.copies.get(key)
        row = self.rows.get((name, key))
        if copy is not None:
            seen = Seen(Present(copy), self.now, self.looked.get(name))
            if row is None:
                self.rows[(name, key)] = Row(seen, copy, id, place[1])
            elif row.copy.version != copy.version:
                row.seen, row.copy, row.dirty = seen, copy, True
        elif row is not None and not isinstance(row.seen.observation, Gone):
            row.seen, row.dirty = Seen(Gone(), self.now, self.looked.get(name)), True

    def _pair(self) -> None:
        unpaired = [
            Unpaired(
                name, row.copy, row.seen, row.parked is not None, self._is_same_look(name, row)
            )
            for (name, _), row in self.rows.items()
            if row.id is None and row.dirty and isinstance(row.seen.observation, Present)
        ]
        self.invited = {}
        if not unpaired:
            return
        found = pair(unpaired, known_of(self), self.policy, self.moment(), self._new_id)
        self._take_pairing(found)

    def _is_same_look(self, name: str, row: Row) -> bool:
        return row.parked is not None and self.looked[name] <= row.parked

    def _take_pairing(self, found: Pairing) -> None:
        self.invited = found.invited
        self.waits |= found.awaited
        self.due |= found.invited.keys()
        for ref, (id, slot) in found.joined.items():
            row = self.rows[ref]
            row.id, row.slot = id, slot
            self.due.add(id)
        for ref in found.left:
            self.rows[ref].dirty = False
        for name, key in (*found.parked, *found.late):
            self.rows[(name, key)].parked = self.now
            self.rows[(name, key)].dirty = False
            self.parked.append((name, key))
        for doubt in found.doubts:
            self.rows[(doubt.channel, doubt.key)].dirty = False
            self.doubts.append(doubt)
        for each, stone in found.met:
            self._met(each, stone)

    def _met(self, each: Unpaired, stone: Tombstone) -> None:
        """Contested if it was edited since, else it is deleted once more."""
        slot = outlives(each, stone, remains_of(self.records.get(stone.id, ())), self.policy)
        row = self.rows[(each.channel, each.copy.key)]
        row.id, row.slot = stone.id, slot or WHOLE
        self.due.add(stone.id)
        if slot is not None:
            self.stones = [other for other in self.stones if other != stone]
            return
        copies = {(each.channel, WHOLE): Settled(each.copy, each.copy.reads)}
        self.agreements[stone.id] = Agreement(
            each.copy.reads, copies=copies, uids=stone.uids, born=each.channel, deleting=stone.at
        )

    def _new_id(self) -> str:
        self.ids += 1
        return f"a{self.ids}"

    def _round(self) -> None:
        due, self.due = sorted(self.due), set()
        moment = self.moment()
        others = [self.case(id) for id in self.agreements if id not in due]
        cases = seed_splits([self.case(id) for id in due], self.policy, moment, others)
        self.waits |= {name for each in cases for name in each.waits}
        plans = [each.completed(settle(each.case, self.policy, moment)) for each in cases]
        begun = [pair for plan in plans for pair in self._store(plan)]
        for id, intent in begun:
            write_out(self, id, intent)

    def case(self, id: str) -> Case:
        """All that settling an appointment needs."""
        agreement = self.agreements.get(id)
        settled = {p: s.copy.key for p, s in agreement.copies.items()} if agreement else {}
        views: dict[Place, Seen] = {}
        ranks: dict[Place, tuple[bool, bool, str]] = {}
        for (name, key), row in self.rows.items():
            if row.id != id:
                continue
            place = (name, row.slot)
            rank = (isinstance(row.seen.observation, Gone), key != settled.get(place), key)
            if place not in views or rank < ranks[place]:
                views[place], ranks[place] = row.seen, rank
        intents = tuple(self.intents.get(id, ()))
        orders, invited = tuple(self.orders.get(id, ())), frozenset(self.invited.get(id, ()))
        remains = remains_of(self.records.get(id, ()))
        return Case(id, agreement, views, intents, orders, self.aside, invited, remains)

    def _store(self, plan: Plan) -> list[tuple[str, Intent]]:
        id = plan.id
        self.orders.pop(id, None)
        known = [each for each in plan.moved if each[:2] in self.rows]
        for name, key, slot in known:
            self.rows[name, key].id, self.rows[name, key].slot = id, slot
        copies = plan.agreement.copies if plan.agreement is not None else {}
        kept = {(place[0], settled.copy.key) for place, settled in copies.items()}
        for ref, row in list(self.rows.items()):
            if row.id == id:
                row.dirty = False
                if isinstance(row.seen.observation, Gone) and ref not in kept:
                    del self.rows[ref]
        if not plan.quiet:
            if plan.agreement is None:
                self.agreements.pop(id, None)
                for row in self.rows.values():
                    if row.id == id:
                        row.id, row.slot = None, WHOLE
            else:
                self.agreements[id] = plan.agreement
            if plan.tombstone is not None:
                self.stones.append(plan.tombstone)
        self.records.setdefault(id, []).extend(plan.records)
        left = [each for each in self.intents.get(id, []) if each.id not in plan.closed]
        slots = dict(plan.followed)
        for own in self.intents.values():
            came = [each for each in own if each.id in slots]
            own[:] = [e for e in own if e.id not in slots and e.id not in plan.closed]
            left += [replace(e, write=replace(e.write, slot=slots[e.id])) for e in came]
        begun = []
        for write in plan.writes:
            self.numbers += 1
            begun.append(Intent(self.numbers, write, self.now))
        self.intents[id] = left + begun
        return [(id, each) for each in begun]


def world(*wanted: str | Channel, ruleset: RuleSet = USUAL, **policy: object) -> World:
    """A world with these channels."""
    return World(Policy(channels(*wanted), ruleset, **policy))  # type: ignore[arg-type]  # fields


def settled_world(
    *wanted: str | Channel,
    ruleset: RuleSet = USUAL,
    visit: Appointment = VISIT,
    born: str = "",
    **policy: object,
) -> World:
    """A world in which one appointment was born in the first channel and is everywhere."""
    made = world(*wanted, ruleset=ruleset, **policy)
    made.cycle()
    made.add(born or next(iter(made.policy.channels)), visit)
    made.run()
    made.records.clear()
    made.written.clear()
    return made
