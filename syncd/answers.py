"""Writes that were answered and whose result no look has shown: their keys are asked for.

A server may leave out what was created and deleted again between two looks (Xandikos 0.4 does),
and a write may have changed nothing: neither must leave a copy waiting for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from tenacity import Retrying

from syncd.connector import Fetched
from syncd.core.state import Intent
from syncd.errors import ConnectorError
from syncd.observe import fetch_all
from syncd.pool import Job, Pool
from syncd.store import Store
from syncd.target import Target


def ask_after(
    store: Store,
    pool: Pool,
    bridge: str,
    targets: Mapping[str, Target],
    looked: Collection[str],
    at: datetime,
    retry: Retrying,
) -> None:
    """Fetch what ``looked`` channels (by name) should have shown by now and did not."""
    unseen: dict[str, list[Intent]] = {}
    for intent in store.unseen(bridge, looked):
        unseen.setdefault(intent.write.channel, []).append(intent)
    names = sorted(unseen)
    jobs: list[Job[Fetched]] = [
        Job(targets[name].system, _Fetch(targets[name], unseen[name], retry)) for name in names
    ]
    answers = pool.gather(jobs)
    for name, answer in zip(names, answers, strict=True):
        if not isinstance(answer, ConnectorError):
            _take(store, targets[name], unseen[name], answer, at)


def _take(
    store: Store, target: Target, intents: list[Intent], fetched: Fetched, at: datetime
) -> None:
    copies = {copy.key: copy for copy in fetched.copies}
    for intent in intents:
        copy = copies.get(intent.key)
        if copy is not None and copy.version in (intent.answered, _base_version(intent)):
            store.confirm(intent.id, copy, at)
        elif copy is not None:
            store.record_fetch(target.id, at, [copy])
        elif intent.key in fetched.gone:
            store.record_vanished(intent.id, at)


def _base_version(intent: Intent) -> str | None:
    return intent.write.base.version if intent.write.base is not None else intent.answered


class _Fetch:
    def __init__(self, target: Target, intents: list[Intent], retry: Retrying) -> None:
        self._target, self._retry = target, retry
        self._keys = sorted({intent.key for intent in intents})

    def __call__(self) -> Fetched:
        return fetch_all(self._target, self._keys, self._retry)
