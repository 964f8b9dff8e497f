"""Watches kept: opened, renewed in time, made anew when lost, ended when nobody needs them.

The control thread decides and stores; vendors are asked by errands. What goes wrong here costs
speed and nothing else: a channel that is not told of is polled as usual.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from urllib.parse import quote

import structlog

from syncd.config import Settings
from syncd.connecting import Connections
from syncd.connector import Collection as Calendar
from syncd.connector import Watch, Watches
from syncd.doorbell import Doorbell, Expected, Rung, digest_of
from syncd.errands import Errands, wait_after
from syncd.errors import ConnectorError
from syncd.pool import Stopped
from syncd.store import Kept
from syncd.surroundings import Surroundings
from syncd.troubles import steady
from syncd.unwatching import Unwatching

OFTEN_ENOUGH = timedelta(days=7)
"""A watch is renewed as if it ended then at the latest."""

RENEWED = (0.6, 0.75)
"""Between these shares of its time a watch is renewed: not all at once, and with time left to
try again."""

ANEW_AFTER = timedelta(minutes=1)
"""A watch that is lost is made anew at once, but not sooner than this after it was made."""

STORED_EVERY = timedelta(minutes=1)
"""How exactly it is stored when we were last told."""

log = structlog.get_logger("syncd.watching")


class WatchState(StrEnum):
    """``trusted``: the longer interval suffices. ``open``: told of, polled as usual. ``failing``:
    it could not be opened or renewed. ``missing``: it is not open yet."""

    TRUSTED = "trusted"
    OPEN = "open"
    FAILING = "failing"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A channel that is to be watched."""

    system: str
    collection: Calendar
    address: str
    connector: Watches

    def is_kept_by(self, each: Kept) -> bool:
        """Whether this is what is watched already."""
        mine = (self.system, self.collection.calendar, self.collection.person, self.address)
        return mine == (each.system, each.calendar, each.person, each.address)


class Watching:
    """The watches of one configuration. Without ``[daemon.webhooks]`` those there are are ended.

    A *trusted* channel is told of: its watch stands, something of its system has been told since
    the start, and no look has shown a change there that was not told.
    """

    def __init__(
        self,
        settings: Settings,
        connections: Connections,
        around: Surroundings,
        bell: Doorbell,
        dice: Callable[[], float],
    ) -> None:
        self._settings, self._connections, self._around = settings, connections, around
        self._store, self._bell, self._dice = around.store, bell, dice
        self._wanted: Mapping[str, _Wanted] = {}
        self._kept: dict[str, Kept] | None = None
        self._opening: Errands[str, Watch] = Errands(around)
        self._asked: dict[str, tuple[str, Watch | None]] = {}
        self._former = Unwatching(connections, around, settings.systems)
        self._made: dict[str, datetime] = {}
        self._lost: set[str] = set()
        self._proved: set[str] = set()
        self._doubted: set[str] = set()
        self._counts: Mapping[tuple[str, WatchState], int] = {}

    def recall(self, now: datetime) -> None:
        """Let the bell know the watches that are stored, before anybody can ring."""
        self._begin(now)

    def keep(self, now: datetime) -> frozenset[str]:
        """Do what is to be done by now. Returns the channels (ids) that may have changed, as
        somebody has told since the last time, or as nobody could."""
        kept = self._begin(now)
        rung = self._bell.rung()
        self._take(kept, rung, now)
        missed = self._collect(kept, now)
        for id, each in kept.items():
            if each.act_at <= now and id not in self._opening:
                self._open(each, now)
        self._former.keep(now)
        states = Counter((each.system, self._state(each, now)) for each in kept.values())
        systems = {each.system for each in kept.values()}
        self._counts = {(name, s): states[name, s] for name in systems for s in WatchState}
        return rung.channels | missed

    def trusted(self, now: datetime) -> frozenset[str]:
        """The channels (ids) for which a longer interval suffices."""
        kept = self._kept or {}
        return frozenset(id for id, each in kept.items() if self._is_trusted(each, now))

    def doubt(self, channels: Collection[str]) -> None:
        """These had changed without being told: whoever tells of their systems is not trusted
        until something is told again."""
        for id in sorted((self._kept or {}).keys() & set(channels)):
            self._doubted.add(id)
            self._proved.discard(self._wanted[id].system)
            log.info("a change was not told of", channel=id)

    def next(self, now: datetime) -> datetime | None:
        """When there is something to do."""
        coming = [each.act_at for each in (self._kept or {}).values() if each.act_at > now]
        coming += filter(None, [self._opening.next(now), self._former.next(now)])
        return min(coming, default=None)

    def counts(self) -> Mapping[tuple[str, WatchState], int]:
        """How many watches each system has, by state. Any thread may ask."""
        return self._counts

    def inherit(self, before: Watching, systems: Collection[str]) -> None:
        """Go on trusting the ``systems`` that another configuration left as they were."""
        self._proved = before._proved.intersection(systems)
        self._doubted = set(before._doubted)

    def leave(self, systems: Collection[str]) -> None:
        """These are not configured any more: end their watches while we can sign in there."""
        gone = [each for each in (self._kept or {}).values() if each.system in systems]
        if gone:
            self._store.part_with(gone)
            self._former.end_all([f for f in (each.former() for each in gone) if f is not None])
        for each in gone:
            del (self._kept or {})[each.channel]

    def close(self) -> None:
        """Note how it ended what was under way; the pool is closed."""
        now = self._around.clock()
        self._collect(self._kept or {}, now)
        self._former.collect(now)
        for id in self._opening:
            self._bell.expect_no_more(id)

    def _begin(self, now: datetime) -> dict[str, Kept]:
        """At the first time: what is stored, as far as it is still wanted."""
        if self._kept is not None:
            return self._kept
        self._wanted = self._find_wanted()
        kept, unwanted = dict[str, Kept](), list[Kept]()
        for each in self._store.watches():
            wanted = self._wanted.get(each.channel)
            if wanted is None or not wanted.is_kept_by(each):
                unwanted.append(each)
            else:
                # Whoever starts syncd anew has mended something.
                kept[each.channel] = replace(each, act_at=now) if each.failures else each
        if unwanted:
            self._store.part_with(unwanted)
        self._former.begin()
        for id, wanted in self._wanted.items():
            calendar, person = wanted.collection.calendar, wanted.collection.person
            fresh = Kept(id, wanted.system, calendar, person, wanted.address, act_at=now)
            kept.setdefault(id, fresh)
        self._kept = kept
        self._tell_bell(kept)
        return kept

    def _find_wanted(self) -> dict[str, _Wanted]:
        webhooks = self._settings.daemon.webhooks
        if webhooks is None:
            return {}
        wanted: dict[str, _Wanted] = {}
        for bridge in self._settings.bridges:
            for each in bridge.channels:
                connector = self._connections.connector(bridge.name, each)
                if isinstance(connector, Watches):
                    address = webhooks.url + quote(each.system, safe="")
                    calendar = each.collection
                    wanted[f"{bridge.name}/{each.name}"] = _Wanted(
                        each.system, calendar, address, connector
                    )
        return wanted

    def _take(self, kept: dict[str, Kept], rung: Rung, now: datetime) -> None:
        """Who has rung proves that we are told. That a watch stands proves that its vendor can
        reach us, and not that it tells of what changes."""
        noted: dict[str, datetime] = {}
        for id in sorted(rung.confirmed & kept.keys()):
            log.info("a watch is confirmed", channel=id, system=kept[id].system)
        for id in sorted((rung.channels | rung.confirmed) & kept.keys()):
            each = kept[id]
            if id in rung.channels:
                self._proved.add(each.system)
                self._doubted.discard(id)
            if each.told is None or not each.told <= now < each.told + STORED_EVERY:
                noted[id] = now
                kept[id] = replace(each, told=now)
        if noted:
            self._store.told_of(noted)
        for id in sorted((rung.lost & kept.keys()) - self._lost):
            self._lost.add(id)
            log.info("a watch is lost", channel=id)
            if not kept[id].failures:  # else it is waited for already
                soonest = self._made.get(id, now - ANEW_AFTER) + ANEW_AFTER
                kept[id] = replace(kept[id], act_at=max(now, soonest))

    def _open(self, each: Kept, now: datetime) -> None:
        """Open or renew a watch, unless its system is asked enough, or left alone."""
        if not self._opening.may_begin(each.system):
            return
        wanted = self._wanted[each.channel]
        secret = secrets.token_urlsafe(32)
        # What could not be renewed, or has missed something, is left to its end.
        sound = each.is_open(now) and not each.failures and each.channel not in self._lost
        before = each.watch if sound else None
        self._asked[each.channel] = digest_of(secret), before
        self._bell.expect(each.system, each.channel, digest_of(secret))
        watch = partial(wanted.connector.watch, wanted.address, secret, before)
        self._opening.begin(each.channel, each.system, watch)

    def _collect(self, kept: dict[str, Kept], now: datetime) -> set[str]:
        """What has been opened, renewed or refused since the last time; the channels that could
        have changed while nobody could tell."""
        missed: set[str] = set()
        for id, watch in self._opening.ended():
            if id not in kept:
                continue  # its system has just been left: it ends by itself
            if isinstance(watch, ConnectorError):
                self._failed(kept, id, watch, now)
            elif watch.expires <= now:
                self._failed(kept, id, None, now)
            else:
                if not kept[id].is_open(now) or id in self._lost:
                    missed.add(id)
                self._opened(kept, id, watch, now)
            self._bell.expect_no_more(id)
        return missed

    def _opened(self, kept: dict[str, Kept], id: str, watch: Watch, now: datetime) -> None:
        each, (digest, before) = kept[id], self._asked.pop(id)
        digests: tuple[str, ...] = (digest,)
        former = each.former() if before is None else None
        if each.watch is not None and each.watch.id == watch.id:
            # Renewed: whether the vendor has taken the new secret or keeps the first is its own.
            digests, former = (*each.digests[:1], digest), None
        soonest, latest = RENEWED
        share = soonest + (latest - soonest) * self._dice()
        act_at = now + min(watch.expires - now, OFTEN_ENOUGH) * share
        kept[id] = replace(each, watch=watch, digests=digests, act_at=act_at, failures=0, error="")
        self._store.save_watch(kept[id], former)
        if former is not None:
            self._former.add(former)
        self._made[id] = now
        self._lost.discard(id)
        self._tell_bell(kept)
        self._around.troubles.is_over("not watched", id)
        log.info("watched", channel=id, system=each.system)

    def _failed(
        self, kept: dict[str, Kept], id: str, error: ConnectorError | None, now: datetime
    ) -> None:
        """``error``: ``None`` for a watch whose time is over already."""
        if isinstance(error, Stopped):
            return
        each = kept[id]
        reason = "its time is over already" if error is None else str(error)
        act_at = now + wait_after(each.failures, error)
        kept[id] = replace(each, failures=each.failures + 1, error=reason, act_at=act_at)
        self._store.save_watch(kept[id])
        name = type(error).__name__ if error is not None else ""
        if self._around.troubles.is_news("not watched", id, f"{name} {steady(reason)}"):
            log.warning("not watched", channel=id, system=each.system, error=name, reason=reason)

    def _tell_bell(self, kept: Mapping[str, Kept]) -> None:
        watches: dict[tuple[str, str], Expected] = {}
        for id, each in kept.items():
            if each.watch is not None:
                watches[each.system, each.watch.id] = Expected(id, each.digests)
        self._bell.know(watches)

    def _is_trusted(self, each: Kept, now: datetime) -> bool:
        silent = each.channel in self._doubted or each.channel in self._lost
        return each.is_open(now) and each.system in self._proved and not silent

    def _state(self, each: Kept, now: datetime) -> WatchState:
        if each.failures:
            return WatchState.FAILING
        if not each.is_open(now):
            return WatchState.MISSING
        return WatchState.TRUSTED if self._is_trusted(each, now) else WatchState.OPEN
