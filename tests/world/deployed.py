"""The real daemon on a stage: one thread, the stage's clock, seeded ids, points to die at."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from syncd import deployment
from syncd.config import load
from syncd.connector import Collection, Connector, Manifest, Plugin, System
from syncd.core.model import Appointment
from syncd.core.state import AppointmentId, ChannelName, Key, Record, Slot
from syncd.inbox import NEW, Item, ItemKind, approve, hold_id, items, resolve
from syncd.store import HoldState, Store
from syncd.store.channels import prepare
from syncd.store.database import Database, open_database
from tests.world.company import CRM, DOMAIN, Company, Desk
from tests.world.hosted import HostedSystem
from tests.world.hosts import address_of
from tests.world.memory import connect
from tests.world.play import Stage
from tests.world.pools import MortalPool, Points
from tests.world.remote import MemorySystem
from tests.world.surface import Remote

BACKUP_EVERY = 5
"""Cycles between two backups."""

_TOKEN = re.compile(r"\bt\d+(?= )")


class MortalDatabase(Database):
    """Every transaction can be lost just before, and followed by death just after, its commit."""

    def __init__(self, opened: Database, points: Points) -> None:
        super().__init__(opened._engine)  # its engine is what it wraps
        self._points = points

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """See :meth:`Database.write`."""
        self._points.live()
        with super().write(durable=durable) as connection:
            yield connection
            self._points.pass_by()
        self._points.pass_by()


class DeskPlugin:
    """The connector of one desk."""

    def __init__(self, desk: Desk, system: MemorySystem) -> None:
        self._abilities, self._system = desk.abilities, system

    @property
    def manifest(self) -> Manifest:
        """What the desk's system can do."""
        return self._abilities.manifest()

    def connect(self, system: System, collection: Collection) -> Connector:
        """A client of the desk's system."""
        return connect(self._system, invite=collection.invite)


def plugin_of(desk: Desk, system: Remote) -> Plugin:
    """The connector of a desk: the vendor's own, or that of a remote in memory."""
    if isinstance(system, HostedSystem):
        return system.plugin
    assert isinstance(system, MemorySystem)
    return DeskPlugin(desk, system)


class Deployed:
    """A :class:`tests.world.play.Deployment`: configuration, store and daemon in ``folder``."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage, self._points, self._cycles = stage, Points(), 0
        self._backed_up = 0
        self._state, self._backup = folder / "state.db", folder / "backup.db"
        self._folder, self._config = folder, folder / "syncd.toml"
        self.away: set[str] = set()
        self._configure()
        self._ids = Random(len(stage.company.desks))
        self._dice = Random(len(stage.company.desks)) if stage.company.late else None
        desks = stage.company.desks
        self._plugins = {f"desk-{d.name}": plugin_of(d, stage.systems[d.name]) for d in desks}
        self._store, self._daemon = self._start()

    @property
    def channels(self) -> Mapping[str, Remote]:
        """The remotes, by channel."""
        return self._stage.systems

    def cycle(self) -> None:
        """One cycle of the daemon. Raises ``Killed``."""
        self._pool.cycle_begins()
        try:
            self._daemon.cycle()
        finally:
            self._points.arm(0)
        self._cycles += 1
        if self._cycles % BACKUP_EVERY == 0:
            _copy(self._state, self._backup)
            self._backed_up = len(self._stage.oracle.calm) + 1  # this cycle is not counted yet

    @property
    def late(self) -> set[str]:
        """The channels with an answer that was not told, or only in the last cycle."""
        return {desk.name for desk in self._stage.company.desks} & self._pool.late

    def clear(self) -> None:
        """From now on no answer is late."""
        self._dice = self._pool.dice = None

    def kill_at(self, step: int) -> None:
        """The next cycle dies at its ``step``-th point."""
        self._points.arm(step)

    def restart(self, backup: bool = False) -> None:
        """Start anew; from the last backup, if there is one."""
        self._store.close()
        backup = backup and self._backup.exists()
        if backup:
            _copy(self._backup, self._state)
        self._store, self._daemon = self._start()
        if backup:
            shown = [(n, key) for n, system in self.channels.items() for key in system.items]
            told = self._told()
            self._stage.oracle.restored(self._backed_up, self._copies(), shown, told)

    def leave(self, channel: str) -> None:
        """Start anew without a channel."""
        self.away.add(channel)
        self._configure()
        self.restart()

    def come_back(self, channel: str) -> None:
        """Start anew with a channel that had left."""
        self.away.discard(channel)
        self._configure()
        self.restart()

    def _configure(self) -> None:
        company, away = self._stage.company, self.away
        own = {
            name: system.settings(self._folder)
            for name, system in self._stage.systems.items()
            if isinstance(system, HostedSystem)
        }
        there = replace(
            company,
            desks=tuple(desk for desk in company.desks if desk.name not in away),
            ranking=tuple(name for name in company.ranking if name not in away),
        )
        self._config.write_text(configuration(there, own), encoding="utf-8")
        (self._folder / "rules.toml").write_text(rules(there), encoding="utf-8")

    def records(self) -> Iterable[tuple[AppointmentId, Record]]:
        """All of history."""
        return [(entry.appointment, entry.record) for entry in self._store.history()]

    def has_met(self, channel: str) -> bool:
        """Whether a channel has had its first contact, by the state."""
        return channel in self._store.metas("contacted:world/")

    def answer(self) -> int:
        """Answer what is open: the value of whoever ranks first, what bears the same name for a
        copy in doubt; and approve what is held."""
        ranking, now = self._stage.company.ranking, self._stage.clock.now()
        waiting = [each for each in items(self._store) if each.kind is ItemKind.QUESTION]
        for each in waiting:
            best = min(each.choices, key=ranking.index)
            resolve(self._store, each.id, now, "anna", self._new_id, take=best)
        doubts = 0
        while doubt := next((i for i in items(self._store) if i.kind is ItemKind.DOUBT), None):
            resolve(self._store, doubt.id, now, "anna", self._new_id, take=_same(doubt))
            doubts += 1
        held = self._store.holds(HoldState.OPEN)
        for hold in held:
            approve(self._store, hold_id(hold.id, hold.digest), now, "anna")
        return len(waiting) + doubts + len(held)

    def _copies(self) -> dict[tuple[str, Key], Appointment | None]:
        """By channel and key, what the store knows of its copies: what they read as, or what was
        written where only an answer tells of it; ``None`` if that was to be deleted."""
        found: dict[tuple[str, Key], Appointment | None] = {}
        for case in self._store.cases("world", self._store.agreement_ids("world")):
            copies = case.agreement.copies if case.agreement is not None else {}
            for each in case.intents:
                if each.key:
                    found[each.write.channel, each.key] = each.write.content
            for (channel, _), settled in copies.items():
                found[channel, settled.copy.key] = settled.copy.reads
        return found

    def _told(self) -> list[tuple[ChannelName, Slot, Appointment]]:
        """As what the store has settled each copy."""
        return [
            (channel, slot, settled.copy.reads)
            for case in self._store.cases("world", self._store.agreement_ids("world"))
            if case.agreement is not None
            for (channel, slot), settled in case.agreement.copies.items()
        ]

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _start(self) -> tuple[Store, deployment.Deployment]:
        opened = open_database(f"sqlite:///{self._state}")
        store = Store(MortalDatabase(opened, self._points), prepare(opened))
        self._pool = MortalPool(self._points, self._dice)
        manifests = {name: plugin.manifest for name, plugin in self._plugins.items()}
        return store, deployment.Deployment(
            load(self._config, manifests),
            store,
            find=self._plugin,
            pool=self._pool,
            patience=1.0 if self._dice is not None else None,
            clock=self._stage.clock,
            sleep=self._stage.clock.sleep,
            new_id=self._new_id,
        )

    def _new_id(self) -> AppointmentId:
        return f"{self._ids.getrandbits(64):016x}"

    def _plugin(self, name: str) -> Plugin:
        return self._plugins[name]


def _same(doubt: Item) -> str:
    """Which of its choices a copy in doubt is, which people know by the tokens in the titles."""
    own = set(_TOKEN.findall(doubt.shown))
    same = (name for name, told in doubt.choices.items() if own & {*_TOKEN.findall(told)})
    return next(same, NEW)


def configuration(company: Company, own: Mapping[str, Sequence[str]]) -> str:
    """The company's ``syncd.toml``: one rule, no limits. ``own``: lines of single systems."""
    lines = [
        "[daemon]",
        'state = "sqlite:///state.db"',
        'time_zone = "Asia/Shanghai"',
        'window = { past = "30d", future = "365d" }',
        "[people]",
        f'domains = ["{DOMAIN}"]',
    ]
    for desk in company.desks:
        lines += [f"[systems.{desk.name}]", f'connector = "desk-{desk.name}"']
        lines += [f'role = "{desk.abilities.role}"', *own.get(desk.name, ())]
    lines += ["[[bridges]]", 'name = "world"', 'rules = "rules.toml"']
    often = ", writes_per_hour = 4" if company.holds else ""
    lines += [f'limits = {{ deletes = "100%", moves = "100%"{often} }}']
    for desk in company.desks:
        lines += ["[[bridges.channels]]", f'system = "{desk.name}"']
        lines += [f'admits = "{"all" if desk.name == CRM else "customers"}"']
        if desk.vendor:
            lines += [f'calendar = "{address_of(desk)}"']
        if desk.person:
            lines += [f'person = "{desk.person}"', 'holds = "own"']
        else:
            lines += ['holds = "all"']
    return "\n".join(lines) + "\n"


def rules(company: Company) -> str:
    """The company's rules file."""
    ranking = ", ".join(f'"{name}"' for name in company.ranking)
    asks = ", ".join(f'"{name}"' for name in company.asks)
    first = f'[[rule]]\nfields = [{asks}]\nprefer = "ask"\n' if asks else ""
    return f'{first}[[rule]]\nfields = ["*"]\nprefer = [{ranking}]\n'


def _copy(source: Path, target: Path) -> None:
    """A whole copy of an SQLite file, whatever is in its log."""
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()
