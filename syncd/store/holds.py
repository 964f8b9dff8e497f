"""Holds, and the log of writes that the limits are counted from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from syncd.core.state import AppointmentId
from syncd.store.codec import dumps, loads
from syncd.store.database import Database, upsert
from syncd.store.schema import holds, meta, write_log

LOG_KEPT = timedelta(hours=48)
"""How long writes are logged: twice the longest span that limits look at."""

STOP_ALL = "writing-stopped"
"""The flag that stops all writing of the installation."""

_RETIMED = "retimed:"

PAUSED = "paused:"
"""What the flag begins with that stops the writing of one bridge."""

_STOPPING = select(meta.c.value).where(
    or_(meta.c.name == STOP_ALL, meta.c.name == bindparam("paused")), meta.c.value != ""
)
"""Asked before each write: to build it takes longer than to carry it out."""


_ALL = select(holds).order_by(holds.c.id)
_IN_STATE = _ALL.where(holds.c.state == bindparam("of"))
_WRITES_SINCE = (
    select(write_log)
    .where(write_log.c.at >= bindparam("since"))
    .order_by(write_log.c.at, write_log.c.id)
)
_LOG = insert(write_log)
_FORGET_LOG = delete(write_log).where(write_log.c.at < bindparam("oldest"))


class HoldState(StrEnum):
    """``gone``: approved and carried out, replaced, or no longer needed."""

    OPEN = "open"
    APPROVED = "approved"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Hold:
    """A bridge or the installation (``scope``) that stopped itself.

    ``digest`` identifies exactly the ``writes`` that are shown, each a table that JSON can hold
    (channel, operation, appointment).
    """

    id: int
    scope: str
    reason: str
    at: datetime
    digest: str
    writes: tuple[Mapping[str, Any], ...]
    state: HoldState = HoldState.OPEN
    approved_by: str = ""
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody allows who was shown the ``writes`` before anything was held."""

    scope: str
    reason: str
    digest: str
    writes: tuple[Mapping[str, Any], ...]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """A write that was carried out. ``channel`` is ``bridge/name``."""

    at: datetime
    channel: str
    operation: str
    appointment: AppointmentId
    approved: bool = False


class Holds:
    """The part of the store that keeps disasters from happening twice."""

    _database: Database

    def open_hold(
        self,
        scope: str,
        reason: str,
        at: datetime,
        digest: str,
        writes: Sequence[Mapping[str, Any]],
    ) -> Hold:
        """Hold ``scope``. The open hold of the same writes stays; one of others is replaced."""
        with self._database.write() as connection:
            query = select(holds).where(holds.c.scope == scope, holds.c.state == HoldState.OPEN)
            for row in connection.execute(query).all():
                if row.digest == digest:
                    return _hold_of(row)
                connection.execute(
                    update(holds).where(holds.c.id == row.id).values(state=HoldState.GONE.value)
                )
            values = {
                "scope": scope,
                "reason": reason,
                "at": at,
                "digest": digest,
                "writes": dumps([dict(write) for write in writes]),
                "state": HoldState.OPEN.value,
                "approved_by": "",
            }
            row = connection.execute(insert(holds).values(values).returning(holds)).one()
            return _hold_of(row)

    def holds(self, state: HoldState | None = None) -> list[Hold]:
        """Holds in this state, or all of them, oldest first."""
        query, those = (_ALL, {}) if state is None else (_IN_STATE, {"of": HoldState(state).value})
        with self._database.read() as connection:
            return [_hold_of(row) for row in connection.execute(query, those)]

    def approve_hold(self, hold_id: int, by: str, at: datetime) -> bool:
        """A person allows exactly the writes of an open hold. False if it is open no longer."""
        approval = {"state": HoldState.APPROVED.value, "approved_by": by, "approved_at": at}
        statement = (
            update(holds)
            .where(holds.c.id == hold_id, holds.c.state == HoldState.OPEN.value)
            .values(approval)
            .returning(holds.c.id)
        )
        with self._database.write(durable=True) as connection:
            return connection.execute(statement).first() is not None

    def is_stopped(self, bridge: str) -> bool:
        """Whether an administrator has stopped all writing, or that of this bridge."""
        with self._database.read() as connection:
            found = connection.execute(_STOPPING, {"paused": f"{PAUSED}{bridge}"})
            return found.first() is not None

    def set_retimed(self, channel: str, copies: int) -> None:
        """So many copies of a channel read with another time than was agreed, since something
        was configured anew; 0 if that is over."""
        with self._database.write(durable=True) as connection:
            value = str(copies or "")
            upsert(connection, meta, [{"name": f"{_RETIMED}{channel}", "value": value}])

    def retimed(self, bridge: str) -> dict[str, int]:
        """By channel (``bridge/name``) how many copies read with another time than agreed."""
        named = meta.c.name.startswith(f"{_RETIMED}{bridge}/", autoescape=True)
        with self._database.read() as connection:
            rows = connection.execute(select(meta).where(named, meta.c.value != ""))
            return {row.name.removeprefix(_RETIMED): int(row.value) for row in rows}

    def close_hold(self, hold_id: int) -> None:
        """The hold is over."""
        with self._database.write() as connection:
            connection.execute(
                update(holds).where(holds.c.id == hold_id).values(state=HoldState.GONE.value)
            )

    def log_writes(self, writes: Sequence[LoggedWrite]) -> None:
        """Log writes; those more than 48 hours older than the newest are forgotten."""
        if not writes:
            return
        rows = [
            {
                "at": write.at,
                "channel": write.channel,
                "operation": write.operation,
                "appointment": write.appointment,
                "approved": write.approved,
            }
            for write in writes
        ]
        oldest = max(write.at for write in writes) - LOG_KEPT
        with self._database.write() as connection:
            connection.execute(_LOG, rows)
            connection.execute(_FORGET_LOG, {"oldest": oldest})

    def forget_writes(self, at: datetime, writes: Collection[tuple[str, AppointmentId]]) -> None:
        """Writes (channel, appointment) logged at ``at`` that certainly were not carried out."""
        with self._database.write() as connection:
            for channel, appointment in sorted(writes):
                connection.execute(
                    delete(write_log).where(
                        write_log.c.at == at,
                        write_log.c.channel == channel,
                        write_log.c.appointment == appointment,
                    )
                )

    def writes_since(self, since: datetime) -> list[LoggedWrite]:
        """The writes at ``since`` or later, oldest first."""
        with self._database.read() as connection:
            return [
                LoggedWrite(row.at, row.channel, row.operation, row.appointment, row.approved)
                for row in connection.execute(_WRITES_SINCE, {"since": since})
            ]


def insert_approval(connection: Connection, approval: Approval) -> None:
    """An approved hold, on record with who approved it and of what."""
    values = {
        "scope": approval.scope,
        "reason": approval.reason,
        "at": approval.at,
        "digest": approval.digest,
        "writes": dumps([dict(write) for write in approval.writes]),
        "state": HoldState.APPROVED.value,
        "approved_by": approval.by,
        "approved_at": approval.at,
    }
    connection.execute(insert(holds).values(values))


def _hold_of(row: Row[Any]) -> Hold:
    return Hold(
        row.id,
        row.scope,
        row.reason,
        row.at,
        row.digest,
        tuple(loads(row.writes)),
        HoldState(row.state),
        row.approved_by,
        row.approved_at,
    )
