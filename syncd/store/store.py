"""The store: observations, agreements, intents and records in one database.

Every method is one transaction. The methods are written where their subject is:
:mod:`~syncd.store.channels`, :mod:`~syncd.store.observed`, :mod:`~syncd.store.agreements`,
:mod:`~syncd.store.cases`, :mod:`~syncd.store.commit`, :mod:`~syncd.store.intents`,
:mod:`~syncd.store.owed`, :mod:`~syncd.store.tombstones`, :mod:`~syncd.store.records`,
:mod:`~syncd.store.holds`, :mod:`~syncd.store.stats`, :mod:`~syncd.store.watches`,
:mod:`~syncd.store.anew`.

A channel is the text ``bridge/name`` in arguments; inside an agreement, a case or a plan it
is the bare name.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sqlalchemy.exc import DatabaseError

from syncd.core.state import AppointmentId
from syncd.store.agreements import Agreements
from syncd.store.anew import Anew
from syncd.store.cases import Cases, Shown
from syncd.store.channels import Channels, prepare
from syncd.store.commit import Commits
from syncd.store.database import Database, not_opened, open_database, parse_url
from syncd.store.holds import Holds
from syncd.store.intents import Intents
from syncd.store.observed import Observations
from syncd.store.owed import OwedWrites
from syncd.store.passed import PassedOn
from syncd.store.records import Records
from syncd.store.stats import Counted
from syncd.store.tombstones import Tombstones
from syncd.store.watches import WatchRecords


class Store(
    Channels,
    Observations,
    PassedOn,
    Agreements,
    Cases,
    Commits,
    Intents,
    OwedWrites,
    Tombstones,
    Records,
    Holds,
    Counted,
    WatchRecords,
    Anew,
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
        it cannot be opened, is damaged, or was written by a newer syncd, ``StateUnavailable`` if
        there is no room, somebody keeps it locked, or its server is away.
        """
        database = open_database(url, create=create)
        try:
            return cls(database, prepare(database))
        except DatabaseError as error:
            database.close()
            raise not_opened(parse_url(url), error) from None

    def fault(self) -> str:
        """Why nothing can be stored just now (a full disk, a server that only reads); empty if
        all is well."""
        return self._database.fault()

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
