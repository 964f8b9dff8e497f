"""A daemon with pages, and what they tell."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from tests.daemon.conftest import Running, daemon
from tests.office import Office
from tests.web.conftest import ask

Labels = frozenset[tuple[str, str]]


class Page:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values: dict[str, dict[Labels, float]] = {}
        self.labels: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(text):
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
            for ending in endings.get(family.type, ("",)):
                self.labels[family.name + ending] = set()
            for sample in family.samples:
                known = self.values.setdefault(sample.name, {})
                known[frozenset(sample.labels.items())] = sample.value
                self.labels.setdefault(sample.name, set()).update(sample.labels)

    def value(self, metric: str, **labels: str) -> float:
        """One number; ``nan`` where it is not there."""
        return self.values.get(metric, {}).get(frozenset(labels.items()), math.nan)


class Watched:
    """A daemon, and its pages."""

    def __init__(self, running: Running) -> None:
        self.lines, self.process, self.end = running.lines, running.process, running.end

    @property
    def url(self) -> str:
        """Where the pages are now."""
        served = [line for line in self.lines[:] if '"pages served"' in line]
        return f"http://{json.loads(served[-1])['listen']}"

    def scrape(self) -> Page:
        """The metrics now."""
        return Page(ask(f"{self.url}/metrics").text)


@contextmanager
def watched(office: Office) -> Iterator[Watched]:
    """``syncd run`` until the block ends."""
    with daemon(office) as running:
        yield Watched(running)
