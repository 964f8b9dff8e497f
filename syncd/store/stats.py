"""Counting: how much there is of everything, cheap enough to be asked every few seconds.

Each query is answered by an index (or by a table that is nearly empty) and reads no copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, exists, func, select

from syncd.core.state import WHOLE
from syncd.store.database import Database
from syncd.store.holds import HoldState
from syncd.store.look import PRESENT, UNREADABLE
from syncd.store.schema import (
    DIRTY,
    OPEN,
    agreements,
    asides,
    channels,
    doubts,
    holds,
    intents,
    meta,
    observed,
    owed,
)


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


@dataclass(frozen=True, slots=True)
class Levels:
    """Numbers for metrics. By channel (``bridge/name``): ``copies``, ``unreadable`` items, the
    last successful look, failed looks in a row, writes that are ``owed`` as they could not be
    made, and since when. By bridge: the rest. ``rows``: single occurrences
    that wait for their series. ``stopped``: whose writing
    was stopped by an order; the empty name is everybody's.
    """

    copies: Mapping[str, int]
    unreadable: Mapping[str, int]
    looked: Mapping[str, datetime]
    failures: Mapping[str, int]
    owed: Mapping[str, int]
    owed_since: Mapping[str, datetime]
    appointments: Mapping[str, int]
    questions: Mapping[str, int]
    doubts: Mapping[str, int]
    asides: Mapping[str, int]
    holds: Mapping[str, int]
    intents: Mapping[str, int]
    rows: Mapping[str, int]
    stopped: frozenset[str]


_COPIES = (
    select(observed.c.channel, func.count())
    .where(observed.c.state == PRESENT)
    .group_by(observed.c.channel)
)
_STATES = select(observed.c.channel, observed.c.state, func.count()).group_by(
    observed.c.channel, observed.c.state
)
"""One walk through the index that has just these two columns."""

_APPOINTMENTS = select(agreements.c.bridge, func.count()).group_by(agreements.c.bridge)
_QUESTIONS = _APPOINTMENTS.where(OPEN)
_DOUBTS = select(doubts.c.bridge, func.count()).group_by(doubts.c.bridge)
_ASIDES = select(asides.c.bridge, func.count()).group_by(asides.c.bridge)
_HOLDS = (
    select(holds.c.scope, func.count())
    .where(holds.c.state == HoldState.OPEN.value)
    .group_by(holds.c.scope)
)
_WAITING = (
    DIRTY,
    observed.c.appointment.is_(None),
    observed.c.state == PRESENT,
    observed.c.parked.is_(None),
    observed.c.marker_slot != WHOLE,
    ~exists().where(agreements.c.id == observed.c.marker_appointment),
)
"""Copies of single occurrences whose series nothing has shown: after each cycle, all that is new
and has no appointment."""

_ROWS = select(observed.c.bridge, func.count()).where(*_WAITING).group_by(observed.c.bridge)
_INTENTS = select(intents.c.bridge, func.count()).group_by(intents.c.bridge)
_SUMS = select(
    *(
        select(func.count()).select_from(table).where(*those).scalar_subquery()
        for table, those in (
            (intents, ()),
            (holds, (holds.c.state == HoldState.OPEN.value,)),
            (asides, ()),
            (agreements, (OPEN,)),
            (doubts, ()),
        )
    )
)
"""In the order of :class:`Stats`."""

_OWED = select(owed.c.channel, func.count(), func.min(owed.c.since)).group_by(owed.c.channel)
_PAUSED = "paused:"
_STOPPED = "writing-stopped"


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """Copies of single occurrences in a ``channel`` that wait until their series is seen: how
    many, of how many series, and since when."""

    channel: str
    copies: int
    series: int
    since: datetime


class Counted:
    """The part of the store that counts."""

    _database: Database

    def ping(self) -> None:
        """Read one row. Raises ``SQLAlchemyError`` if the database does not answer."""
        with self._database.read() as connection:
            connection.execute(select(meta.c.name).limit(1)).first()

    def stats(self) -> Stats:
        """How much there is of everything."""
        with self._database.read() as connection:
            sums = connection.execute(_SUMS).one()
            return Stats(_counted(connection, _COPIES), _counted(connection, _APPOINTMENTS), *sums)

    def rows_waiting(self) -> list[WaitingRows]:
        """By channel, what waits for its series while a channel that may show it is not seen."""
        columns = observed.c
        series = func.count(func.distinct(columns.marker_appointment))
        query = select(columns.channel, func.count(), series, func.min(columns.at))
        with self._database.read() as connection:
            rows = connection.execute(query.where(*_WAITING).group_by(columns.channel)).all()
        return sorted((WaitingRows(*row) for row in rows), key=lambda each: each.channel)

    def levels(self) -> Levels:
        """What metrics show of the store, in one moment."""
        states = select(channels.c.channel, channels.c.looked, channels.c.failures)
        orders = select(meta.c.name).where(
            (meta.c.name == _STOPPED) | meta.c.name.startswith(_PAUSED), meta.c.value != ""
        )
        with self._database.read() as connection:
            rows = connection.execute(states).all()
            names = connection.execute(orders).scalars().all()
            seen = connection.execute(_STATES).all()
            debts = connection.execute(_OWED).all()
            return Levels(
                copies={channel: n for channel, state, n in seen if state == PRESENT},
                unreadable={channel: n for channel, state, n in seen if state == UNREADABLE},
                looked={row.channel: row.looked for row in rows if row.looked is not None},
                failures={row.channel: row.failures for row in rows},
                owed={channel: n for channel, n, _ in debts},
                owed_since={channel: since for channel, _, since in debts},
                appointments=_counted(connection, _APPOINTMENTS),
                questions=_counted(connection, _QUESTIONS),
                doubts=_counted(connection, _DOUBTS),
                asides=_counted(connection, _ASIDES),
                holds=_counted(connection, _HOLDS),
                intents=_counted(connection, _INTENTS),
                rows=_counted(connection, _ROWS),
                stopped=frozenset(name.partition(":")[2] for name in names),
            )


def _counted(connection: Connection, query: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}
