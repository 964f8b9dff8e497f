"""The one loop: ``syncd run``."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from types import FrameType

import structlog

from syncd import plugins
from syncd.config import Settings, load
from syncd.deployment import Deployment
from syncd.errors import ConfigError
from syncd.lock import StoreLock
from syncd.store import Store

log = structlog.get_logger("syncd.daemon")


class Daemon:
    """``syncd run``: polls until SIGTERM; SIGHUP reads the configuration again."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._stop = Event()
        self._wake = Event()
        self._reload = False

    def run(self) -> None:
        """Poll every bridge until asked to stop. Raises ``ConfigError`` at the start only."""
        settings = load(self._config, plugins.Plugins())
        url = settings.daemon.state.reveal()
        with self._signals(), StoreLock(url), Store.open(url) as store:
            while not self._stop.is_set():
                settings = self._serve(settings, store)

    def _serve(self, settings: Settings, store: Store) -> Settings:
        """Poll with one configuration until stopped or given another one, which is returned."""
        interval = settings.daemon.poll_interval
        with Deployment(
            settings, store, stop=self._stop, retry_first=timedelta(seconds=30)
        ) as deployment:
            log.info("started", state="running")
            while not self._stop.is_set():
                started = time.monotonic()
                self._cycle(deployment)
                if self._reload:
                    self._reload = False
                    return self._reloaded(settings)
                left = interval.total_seconds() - (time.monotonic() - started)
                self._wake.wait(max(0.05, left))
                self._wake.clear()
        log.info("stopped", state="stopped")
        return settings

    def _cycle(self, deployment: Deployment) -> None:
        try:
            deployment.cycle()
            deployment.tidy()
        except Exception:  # the one loop: a bug in one cycle must not end the daemon
            log.exception("a cycle failed; the next one tries again")

    def _reloaded(self, settings: Settings) -> Settings:
        try:
            return load(self._config, plugins.Plugins())
        except ConfigError as error:
            log.error("configuration refused, the old one stays", reason=str(error))
            return settings

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(_number: int, _frame: FrameType | None) -> None:
            self._stop.set()
            self._wake.set()

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
