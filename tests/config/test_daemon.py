"""``[daemon]``: how often, how long, how many at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from syncd.config import load
from syncd.plugins import Plugins
from syncd.schedule import Bounds
from tests.config.conftest import ENVIRON

SECOND = timedelta(seconds=1)


def test_intervals(folder: Any) -> None:
    """By default a busy channel is asked four times as often, and none less than usual."""
    assert folder.load().daemon.bounds == Bounds(15 * SECOND, 60 * SECOND, 60 * SECOND)
    folder.bend("syncd.toml", "[daemon]", '[daemon]\npoll_fastest = "5s"\npoll_slowest = "10m"')
    assert folder.load().daemon.bounds == Bounds(5 * SECOND, 60 * SECOND, 600 * SECOND)


def test_the_shortest_interval_is_a_second(folder: Any) -> None:
    folder.bend("syncd.toml", "[daemon]", '[daemon]\npoll_interval = "2s"')
    assert folder.load().daemon.bounds == Bounds(1 * SECOND, 2 * SECOND, 2 * SECOND)


def test_a_timeout_is_for_systems_that_have_one_and_do_not_set_it(folder: Any) -> None:
    """Without it each connector has its own."""

    def options(name: str) -> Any:
        return load(folder.path / "syncd.toml", Plugins(), ENVIRON).systems[name].options

    assert "timeout" not in options("crm")
    folder.bend("syncd.toml", "[daemon]", '[daemon]\ntimeout = "1m"')
    assert options("crm")["timeout"] == options("cloud")["timeout"] == 60
    without = folder.load().systems["cloud"].options
    assert "timeout" not in without, "where the connector has no such option"
    folder.bend("syncd.toml", "[systems.crm]", "[systems.crm]\ntimeout = 3")
    assert options("crm")["timeout"] == 3


def test_workers(folder: Any) -> None:
    assert folder.load().daemon.workers == 32
    folder.bend("syncd.toml", "[daemon]", "[daemon]\nworkers = 4")
    assert folder.load().daemon.workers == 4
