"""The store: observations, agreements, intents and records in one database.

Every method is one transaction. The methods are written where their subject is:
:mod:`~syncd.store.channels`, :mod:`~syncd.store.observed`, :mod:`~syncd.store.agreements`,
:mod:`~syncd.store.cases`, :mod:`~syncd.store.commit`, :mod:`~syncd.store.intents`,
:mod:`~syncd.store.tombstones`, :mod:`~syncd.store.records`, :mod:`~syncd.store.holds`.

A channel is the text ``bridge/name`` in arguments; inside an agreement, a case or a plan it
is the bare name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Select, func, select

from syncd.core.state import AppointmentId
from syncd.store.agreements import Agreements
from syncd.store.cases import Cases, Shown
from syncd.store.channels import Channels, prepare
from syncd.store.commit import Commits
from syncd.store.database import Database, open_database
from syncd.store.holds import Holds, HoldState
from syncd.store.intents import Intents
from syncd.store.look import PRESENT
from syncd.store.observed import Observations
from syncd.store.records import Records
from syncd.store.schema import OPEN, agreements, asides, doubts, holds, intents, observed
from syncd.store.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers for ``status``: copies that each channel (``bridge/name``) shows, appointments
    of each bridge; ``conflicts`` are appointments with fields that wait for a person."""

    copies: Mapping[str, int]
    agreements: Mapping[str, int]
    intents: int
    holds: int
    asides: int
    conflicts: int
    doubts: int


class Store(
    Channels,
    Observations,
    Agreements,
    Cases,
    Commits,
    Intents,
    Tombstones,
    Records,
    Holds,
):
    """The state of one installation. Threads share it; one process writes, others may read."""

    def __init__(self, database: Database, installation: str) -> None:
        self._database = database
        self._shown: dict[AppointmentId, Shown] = {}
        self.installation = installation

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Store:
        """The store at ``url``: ``sqlite:///file`` or ``postgresql://user@host/name``.

        ``create``: make it, or bring it up to date, where needed. Raises ``ConfigError`` if
        it cannot be opened, is damaged, or was written by a newer syncd.
        """
        database = open_database(url, create=create)
        return cls(database, prepare(database))

    def close(self) -> None:
        """Let go of all connections. The store is not used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stats(self) -> Stats:
        """How much there is of everything."""
        copies = (
            select(observed.c.channel, func.count())
            .where(observed.c.state == PRESENT)
            .group_by(observed.c.channel)
        )
        agreed = select(agreements.c.bridge, func.count()).group_by(agreements.c.bridge)
        counts = (
            select(func.count()).select_from(intents),
            select(func.count()).where(holds.c.state == HoldState.OPEN.value),
            select(func.count()).select_from(asides),
            select(func.count()).select_from(agreements).where(OPEN),
            select(func.count()).select_from(doubts),
        )
        with self._database.read() as connection:
            per_channel = _counted(connection, copies)
            per_bridge = _counted(connection, agreed)
            numbers = [connection.execute(query).scalar_one() for query in counts]
        return Stats(per_channel, per_bridge, *numbers)


def _counted(connection: Connection, query: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}
