"""Worlds of the traces: cal is on Radicale, cal2 on Xandikos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server
from tests.wire.world import World


@pytest.fixture
def make(
    tmp_path: Path, radicale_server: Server, xandikos_server: Server
) -> Iterator[Callable[..., World]]:
    """``make("cal", "cal2", rules=..., settings=...)``: a world with these calendars."""
    kinds = {"cal": radicale_server, "cal2": xandikos_server, "cal3": radicale_server}
    made: list[World] = []

    def build(*names: str, **more: Any) -> World:
        folder = tmp_path / f"world{len(made)}"
        folder.mkdir()
        made.append(World(folder, {name: kinds[name] for name in names}, **more))
        return made[-1]

    yield build
    for world in made:
        world.end()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """The CRM and two calendars with one visit, settled."""
    found = make("cal", "cal2")
    found.add_visit()
    found.converge()
    assert found.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    return found
