"""Watches that nobody needs any more, at a system that does not end them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.connecting import Connections
from syncd.connector import Collection, Connector, Watch
from syncd.errors import Unavailable
from syncd.store import Former
from syncd.unwatching import NOT_ENDED, Unwatching
from tests.daemon.conftest import wait_for
from tests.engine.test_dead_server import Clock, company, deployed

HOUR = timedelta(hours=1)


class Stubborn(Connections):
    """Connections to a vendor that ends no watch while it has an ``error``."""

    error: Unavailable | None = None
    ended = 0

    def spare(self, system: str, collection: Collection) -> Connector:
        return self  # type: ignore[return-value]  # as much of a connector as is asked here

    def watch(self, address: str, secret: str, before: Watch | None) -> Watch:
        raise AssertionError("watches only end here")

    def unwatch(self, watch: Watch) -> None:
        if self.error is not None:
            raise self.error
        self.ended += 1


@pytest.mark.parametrize("hours", [5, 48])
def test_what_is_not_ended_is_logged_once_an_hour(tmp_path: Path, hours: int) -> None:
    """Three watches of one vendor, for five hours, are one story; and its end is told once: by
    the vendor's answer, or since their time is over."""
    clock = Clock()
    begun = clock()
    text = company(tmp_path, "http://127.0.0.1:9/", ["/a/"])
    with deployed(tmp_path, text, clock) as deployment, capture_logs() as lines:
        around = deployment._around
        vendor = Stubborn(deployment.settings, deployment._plugins, around.store)
        unwatching = Unwatching(vendor, around, ["dav"])
        for number in range(3):
            watch = Watch(f"w{number}", "resource", begun + timedelta(hours=24))
            unwatching.add(Former("dav", "/a/", "c0@example.com", watch))
        tries = 0

        def round() -> None:
            unwatching.keep(clock())
            assert wait_for(lambda: unwatching.collect(clock()) or not list(unwatching._errands))

        while clock() < begun + timedelta(hours=hours) and unwatching._former:
            vendor.error = Unavailable(f"HTTP 503 (request 7f3a9c2e-{tries:04})")
            tries += 1
            round()
            clock.later(timedelta(minutes=1))
        vendor.error = None
        clock.later(HOUR)
        round()
    told: list[Any] = [line for line in lines if line["event"] == NOT_ENDED]
    assert min(hours, 24) <= len(told) <= min(hours, 24) + 1 < tries
    assert told[-1]["since"] <= begun + timedelta(minutes=2)
    endings = [line["event"] for line in lines if "has ended" in line["event"]]
    if hours > 24:
        assert (endings, vendor.ended) == (["a watch has ended by itself"], 0)
    else:
        assert (endings, vendor.ended) == (["a watch has ended"] * 3, 3)
