"""What one change costs in requests, on the channel where it happened and on the others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.calendars import body, fill, warm
from bench.ours import Cycles, Ours
from bench.proxy import CountingProxy
from bench.table import Row
from bench.wire import Wire
from tests.servers import Server, radicale

MOST = 2


def run(size: int = 200) -> Iterator[Row]:
    """A changed title, a new event and a deleted one, each made in the first of three calendars."""
    names = ("a", "b", "c")
    with (
        radicale() as server,
        tempfile.TemporaryDirectory() as folder,
        CountingProxy(server.url) as proxy,
    ):
        wire = Wire(server.url, "alice", "x")
        paths = {name: fill(server, name, size) for name in names}
        for path in paths.values():
            warm(wire, path)
        urls = {name: proxy.url.rstrip("/") + path for name, path in paths.items()}
        ours = Ours(Path(folder) / "ours", urls)
        ours.sync()
        with ours.cycles() as cycles:
            cycles.many(2)
            for what, verb in (("changed", _change), ("new", _create), ("deleted", _delete)):
                verb(server, paths["a"])
                yield from _carried(what, cycles, proxy)


def _change(server: Server, path: str) -> None:
    text = body(7).replace("SUMMARY:Besuch", "SUMMARY:Umbenannt")
    server.put(server.url.rstrip("/") + path, "visit-7.ics", text)


def _create(server: Server, path: str) -> None:
    server.put(server.url.rstrip("/") + path, "visit-9999.ics", body(9999))


def _delete(server: Server, path: str) -> None:
    server.delete(server.url.rstrip("/") + f"{path}visit-9999.ics")


def _carried(what: str, cycles: Cycles, proxy: CountingProxy) -> Iterator[Row]:
    proxy.taken()
    carried = cycles.one()
    counts = {name: found.total() for name, found in proxy.taken().items()}
    if counts != carried.requests:
        raise RuntimeError(f"the connectors count {carried.requests}, the proxy {counts}")
    if not all(carried.writes[name] for name in ("b", "c")):
        raise RuntimeError(f"the change was not carried: {carried}")
    confirming = cycles.one()
    proxy.taken()
    if any(confirming.writes.values()):
        raise RuntimeError(f"the next cycle writes again: {confirming}")
    after = ", ".join(f"{name} {count}" for name, count in confirming.requests.items())
    for where, names in (("where it happened", ["a"]), ("on each other channel", ["b", "c"])):
        most = max(counts[name] for name in names)
        yield Row(
            f"one event {what}: requests {where}",
            most,
            "requests",
            target=f"≤ {MOST}",
            met=most <= MOST,
            note=f"the poll included; next cycle: {after}",
        )
