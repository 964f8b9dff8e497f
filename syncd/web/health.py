"""Whether the daemon is alive, and whether it is ready. Tells names of bridges, nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from syncd.pulse import Snapshot
from syncd.store import Debt, Store
from syncd.web.sources import Sources

ALIVE_WITHIN = 600.0
"""Seconds without progress after which the loop counts as dead. Long, since a first look at
a large calendar of a slow server is progress that takes its time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that must be so. ``detail``: what is not, in words without personal data."""

    name: str
    ok: bool
    detail: str = ""

    def as_json(self) -> dict[str, object]:
        """The form that the pages show."""
        told: dict[str, object] = {"name": self.name, "ok": self.ok}
        if self.detail:
            told["detail"] = self.detail
        return told


def alive(sources: Sources, began: float) -> Part:
    """Whether the loop makes progress. ``began``: since when the pages are served, in seconds
    of ``time.monotonic()``: a loop that has not begun yet has been waited for since then."""
    last = sources.pulse.snapshot().alive
    silent = time.monotonic() - (began if last is None else last)
    if silent <= ALIVE_WITHIN:
        return Part("loop", ok=True)
    return Part("loop", ok=False, detail=f"no progress for {silent:.0f} s")


def readiness(sources: Sources) -> list[Part]:
    """The parts that make the daemon ready, each with what is missing."""
    now = sources.pulse.snapshot()
    return [_store(sources.store), _configuration(now), *_bridges(now, _owed(sources.store))]


def _owed(store: Store) -> dict[str, list[Debt]]:
    """What the channels of each bridge are owed; nothing if the store does not answer."""
    found: dict[str, list[Debt]] = {}
    try:
        for each in store.debts():
            found.setdefault(each.channel.partition("/")[0], []).append(each)
    except SQLAlchemyError:
        return {}  # the part of the store says so
    return found


def _store(store: Store) -> Part:
    try:
        store.ping()
    except SQLAlchemyError as error:
        return Part("store", ok=False, detail=f"not reachable: {type(error).__name__}")
    return Part("store", ok=True)


def _configuration(now: Snapshot) -> Part:
    if not now.ready:
        return Part("configuration", ok=False, detail="not loaded yet")
    refused = "the last reload was refused, the one before is at work; see the log"
    return Part("configuration", ok=True, detail=refused if now.refused else "")


def _bridges(now: Snapshot, owed: Mapping[str, Sequence[Debt]]) -> list[Part]:
    """Each has finished a cycle, however it ended: a dead server is no reason to restart us.
    One that broke off (the disk is full) stored and wrote nothing."""
    parts = []
    for name in sorted(now.bridges):
        last = now.cycles.get(name)
        detail = "no cycle has ended yet" if last is None else last.state.value
        if name in now.broken:
            detail = "its last cycle broke off; see the log"
        if debts := owed.get(name):
            detail += f"; {_told(debts)}"
        ok = last is not None and name not in now.broken
        parts.append(Part(f"bridge {name}", ok=ok, detail=detail))
    return parts


def _told(debts: Sequence[Debt]) -> str:
    """So many writes, and since when the oldest could not be made."""
    writes, since = sum(each.writes for each in debts), min(each.since for each in debts)
    many = "1 write" if writes == 1 else f"{writes} writes"
    where = "1 channel" if len(debts) == 1 else f"{len(debts)} channels"
    return f"{many} owed in {where} since {since:%Y-%m-%dT%H:%M:%SZ}"
