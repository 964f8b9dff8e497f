"""``syncd run`` as a process: its log lines are read while it runs."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests import warm
from tests.office import Office
from tests.people.firm import Firm

PATIENCE = 90.0
"""Seconds until a test gives up; what is waited for takes one or two."""


def wait_for(condition: Callable[[], object]) -> bool:
    """Whether ``condition`` comes true."""
    end, pause = time.monotonic() + PATIENCE, 0.1
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
        pause = min(0.4, 1.2 * pause)  # who asks a server all the time takes it from the daemon
    return False


class Running:
    """A daemon. ``lines``: what it has logged so far."""

    def __init__(self, office: Office | Firm, environment: Mapping[str, str]) -> None:
        self.office = office
        self.lines: list[str] = []
        reading, writing = os.pipe()
        try:
            whole = {**office.environment, **environment}
            self.process = warm.start(["run"], whole, office.folder, writing, writing)
        finally:
            os.close(writing)
        self._reader = threading.Thread(target=self._read, args=[reading], daemon=True)
        self._reader.start()

    def _read(self, number: int) -> None:
        with open(number, encoding="utf-8") as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def said(self, *words: str) -> bool:
        """Whether a line with all these words comes."""
        return wait_for(lambda: any(all(w in line for w in words) for line in self.lines[:]))

    def told(self) -> list[dict[str, Any]]:
        """Every line, parsed."""
        return [json.loads(line) for line in self.lines]

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and how many seconds the end took."""
        began = time.monotonic()
        self.process.send_signal(with_signal)
        code = self.process.wait(60)
        took = time.monotonic() - began
        self._reader.join(10)
        return code, took


@contextmanager
def daemon(
    office: Office | Firm, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """``syncd run`` until the block ends."""
    running = Running(office, environment or {})
    try:
        assert running.said("started"), running.lines
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
