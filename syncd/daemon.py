"""The one loop: ``syncd run``."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from syncd import log as logs
from syncd import metrics, plugins
from syncd.atwork import Attendance
from syncd.config import BridgeSettings, Settings, load
from syncd.deployment import Deployment, now_utc
from syncd.doorbell import Doorbell
from syncd.ending import ended_in_time
from syncd.errors import ConfigError, StateUnavailable
from syncd.heartbeat import Heartbeat
from syncd.lock import Busy, StoreLock
from syncd.notify import Notifier, Seen
from syncd.pulse import Pulse
from syncd.results import State
from syncd.store import Store, is_away
from syncd.systemd import Systemd
from syncd.troubles import Troubles, steady

RETRY_FIRST = timedelta(seconds=30)
"""The first wait before a write is tried again."""

SHORTEST_WAIT = 0.05
"""Seconds between two rounds, however long the last one took."""

GATHERED = 0.25
"""Seconds that pass between the first ring and the round that answers it: a burst is one."""

PATIENCE = 5.0
"""Seconds for which a cycle waits for looks of which nothing is heard; they go on beside it."""

TIDY_EVERY = 3600.0
"""Seconds after which what is too old to matter is forgotten."""

CYCLE_FAILED = "a cycle failed; the next one tries again"
REFUSED = "configuration refused, the old one stays"
"""What is logged of trouble that lasts."""

Beside = Callable[[Deployment, Pulse], AbstractContextManager[object]]
"""What is open while the deployment of one configuration is at work: the pages that show it."""

log = structlog.get_logger("syncd.daemon")


def nothing(_deployment: Deployment, _pulse: Pulse) -> AbstractContextManager[object]:
    """Nothing beside the daemon."""
    return nullcontext()


class Daemon:
    """``syncd run``: polls until SIGTERM; SIGHUP reads the configuration again."""

    def __init__(self, config: Path, *, beside: Beside = nothing) -> None:
        self._config, self._beside = config, beside
        self._stop = Event()
        self._wake = Event()
        self._reload = False
        self._tidied = float("-inf")
        self._pulse = Pulse()
        self._manager = Systemd(os.environ)
        self._bell = Doorbell(self._wake.set)
        self._heart = Heartbeat(self._pulse, self._manager, time.monotonic)
        self._attendance = Attendance(now_utc())
        self._troubles = Troubles(now_utc)

    def run(self) -> None:
        """Poll every bridge until asked to stop. Raises ``ConfigError`` and
        ``StateUnavailable`` at the start only, and ``Busy`` if another syncd has the store."""
        settings = load(self._config, plugins.Plugins())
        url = settings.daemon.state.reveal()
        in_time = ended_in_time(_abandoned)
        with self._signals(), in_time, StoreLock(url) as lock, Store.open(url) as store:
            deployment: Deployment | None = self._deployed(settings, store)
            while deployment is not None:
                deployment = self._serve(deployment, lock)
        log.info("stopped", state="stopped")

    def _serve(self, deployment: Deployment, lock: StoreLock) -> Deployment | None:
        """Poll with one configuration until stopped, or until another one is at work: it is
        returned."""
        settings = deployment.settings
        told = closing(Notifier(settings, deployment.store))
        self._guarded(deployment.recall)
        # The doors close last: what is told while requests are waited for is not lost.
        with self._beside(deployment, self._pulse), deployment, told as notifier:
            self._pulse.configured([b.name for b in settings.bridges], settings.systems)
            self._attendance.configured(settings.file, now_utc())
            self._manager.ready(self._status())
            log.info("started", state="running")
            while not self._stop.is_set():
                if self._reload or settings.is_outdated(now_utc()):
                    fresh = self._reloaded(deployment)
                    if fresh is not None:
                        return fresh
                fault = self._round(deployment, lock)
                notifier.look(Seen(expiring=deployment.expiries(), fault=fault), now_utc())
                self._wait(deployment)
        return None

    def _round(self, deployment: Deployment, lock: StoreLock) -> str:
        """Look, settle and write where it is time; the class of the first error, if any."""
        self._heart.beat()
        fault = self._guarded(lock.keep)
        if not fault:
            bridges = deployment.settings.bridges
            polls = (partial(self._poll, deployment, bridge) for bridge in bridges)
            tidy = partial(self._tidy, deployment)
            keep = partial(self._attendance.keep, deployment.store)
            steps: list[Callable[[], object]] = [keep, deployment.hear, *polls, tidy]
            faults = [self._guarded(step) for step in steps]
            fault = next(filter(None, faults), "")
        if not fault and self._troubles.are_over(CYCLE_FAILED):
            log.info("cycles end well again")
        self._manager.status(self._status())
        return fault

    def _guarded(self, step: Callable[[], object]) -> str:
        """Do it; the class of the error if it failed, which stops nothing else."""
        try:
            step()
        except Busy:
            raise
        except Exception as error:  # the one loop: a bug in one bridge must not end the daemon
            if _is_passing(error):
                reason = str(getattr(error, "orig", error))
                if self._troubles.is_news(CYCLE_FAILED, steady(reason), ""):
                    since = self._troubles.since(CYCLE_FAILED, steady(reason))
                    log.error(CYCLE_FAILED, reason=reason, since=since)
                self._pulse.unstored(reason)
            else:
                metrics.cycle_crashed()
                if self._troubles.is_news(CYCLE_FAILED, _place(error), ""):
                    log.exception(CYCLE_FAILED)
            return type(error).__name__
        return ""

    def _poll(self, deployment: Deployment, bridge: BridgeSettings) -> None:
        ended = False
        try:
            result = deployment.poll(bridge)
            ended = True
        finally:
            if not ended:
                self._pulse.broke(bridge.name)
        if result is not None:
            self._pulse.cycled([result], result.seconds, now_utc())

    def _tidy(self, deployment: Deployment) -> None:
        if time.monotonic() - self._tidied >= TIDY_EVERY:
            deployment.tidy()
            self._tidied = time.monotonic()

    def _wait(self, deployment: Deployment) -> None:
        """Until a channel's turn comes, somebody rings, or a signal."""
        until = time.monotonic() + max(SHORTEST_WAIT, deployment.next_turn().total_seconds())
        while not self._wake.is_set():
            self._heart.beat()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._wake.wait(min(left, self._heart.every))
        self._wake.clear()
        self._stop.wait(GATHERED)

    def _deployed(self, settings: Settings, store: Store) -> Deployment:
        """The deployment of a configuration. Raises ``ConfigError`` if a connector refuses its
        options."""
        deployment = Deployment(
            settings,
            store,
            stop=self._stop,
            retry_first=RETRY_FIRST,
            beat=self._heart.beat,
            fares=self._pulse.system,
            bell=self._bell,
            patience=PATIENCE,
        )
        try:
            deployment.connect()
        except ConfigError:
            deployment.close()
            raise
        return deployment

    def _reloaded(self, before: Deployment) -> Deployment | None:
        """The deployment of the configuration as it is written now; ``None`` if it is refused:
        then the old one stays, whole."""
        self._manager.reloading()
        old, asked = before.settings, self._reload
        self._reload = False
        try:
            settings = load(self._config, plugins.Plugins())
            if settings.daemon.state != old.daemon.state:
                raise ConfigError(
                    "another state needs a restart", key="daemon.state", hint="stop, move, start"
                )
            # Before its connectors are made: what they log must not show the new secrets.
            self._log(settings)
            fresh = self._deployed(settings, before.store)
        except ConfigError as error:
            self._log(old)
            # Once somebody has left, it is tried at every round.
            if self._troubles.is_news(REFUSED, "", str(error)) or asked:
                for line in str(error).splitlines():
                    log.error(REFUSED, reason=line)
            self._pulse.reloaded(refused=str(error))
            self._attendance.refused(str(error), now_utc())
            self._manager.ready(self._status())
            return None
        self._troubles.are_over(REFUSED)
        fresh.inherit(before)
        self._guarded(partial(before.leave, fresh))
        for warning in settings.warnings:
            log.warning("configuration", reason=warning)
        self._pulse.reloaded()
        log.info("configuration taken", file=settings.file)
        return fresh

    def _log(self, settings: Settings) -> None:
        daemon = settings.daemon
        logs.configure(daemon.log_format, daemon.log_level, settings.secrets)

    def _status(self) -> str:
        """One line without personal data: names of bridges and systems may hold some."""
        now = self._pulse.snapshot()
        parts = [_counted(len(now.bridges), "bridge", "bridges")]
        for state in (State.FAILED, State.HELD, State.CONFLICTS):
            count = sum(1 for cycled in now.cycles.values() if cycled.state is state)
            parts += [f"{count} {state.value}"] if count else []
        resting = sum(1 for circuit in now.circuits.values() if not circuit.is_closed)
        if resting:
            parts.append(f"{_counted(resting, 'system', 'systems')} left alone")
        if now.refused:
            parts.append("the last configuration was refused")
        last = max((cycled.ended for cycled in now.cycles.values()), default=None)
        parts.append(f"last cycle {last:%H:%M:%S} UTC" if last else "no cycle yet")
        return ", ".join(parts)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(_number: int, _frame: FrameType | None) -> None:
            self._stop.set()
            self._wake.set()
            self._manager.stopping()

        def again(_number: int, _frame: FrameType | None) -> None:
            self._reload = True
            self._wake.set()

        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, end),
            signal.SIGINT: signal.signal(signal.SIGINT, end),
            signal.SIGHUP: signal.signal(signal.SIGHUP, again),
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_passing(error: Exception) -> bool:
    """Whether the state cannot be read or written for now: no bug, and no word for programmers."""
    if isinstance(error, StateUnavailable):
        return True
    return isinstance(error, SQLAlchemyError) and is_away(error)


def _place(error: Exception) -> str:
    """Where it was raised: what tells one bug from another."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frame.filename}:{frame.lineno}"


def _abandoned() -> None:
    log.warning("stopped", state="stopped", reason="what was under way is abandoned")


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
