"""Channels' cursors and health, the installation's name, and other small facts."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from syncd.store.database import Database, any_of, chunks, insert_new, upsert
from syncd.store.forgotten import keep_asked
from syncd.store.passed import keep_passed
from syncd.store.schema import channels, doubts, intents, meta, observed, owed, settled

_INSTALLATION = "installation"
_REVISION = "revision"
CONTACTED = "contacted:"
"""What begins the name of the fact that a channel has met the others."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How far a channel has been observed, and how it fares.

    ``looked``: the last successful look, ``full``: the last complete one. ``window_end``: up
    to where it was looked at. ``fingerprint``: of the mapping and configuration it was read
    with. ``failures``: in a row; ``retry_at``: not before.
    """

    channel: str
    cursor: str | None = None
    identity: str = ""
    looked: datetime | None = None
    full: datetime | None = None
    window_end: datetime | None = None
    fingerprint: str = ""
    failures: int = 0
    retry_at: datetime | None = None
    error: str = ""


FACT = select(meta.c.value).where(meta.c.name == bindparam("of"))
"""A small fact by its name."""

_STATES = select(channels)
_STATE = _STATES.where(channels.c.channel == bindparam("of"))
_STATES_OF = _STATES.where(any_of(channels.c.channel))
_LAST_REVISION = select(meta.c.value).where(meta.c.name == _REVISION)
_TAKE_REVISION = _LAST_REVISION.with_for_update()
_NEXT_REVISION = update(meta).where(meta.c.name == _REVISION).values(value=bindparam("next"))


class Channels:
    """The part of the store that concerns whole channels."""

    _database: Database
    installation: str
    """This installation's name in markers: 8 characters, made at the first opening."""

    def meta_get(self, name: str) -> str | None:
        """A small fact, ``None`` if it was never set."""
        with self._database.read() as connection:
            return connection.scalar(FACT, {"of": name})

    def metas(self, prefix: str) -> dict[str, str]:
        """The small facts whose names begin so and that are not empty, by the rest of the name."""
        named = meta.c.name.startswith(prefix, autoescape=True)
        with self._database.read() as connection:
            rows = connection.execute(select(meta).where(named, meta.c.value != ""))
            return {row.name.removeprefix(prefix): row.value for row in rows}

    def meta_set(self, name: str, value: str) -> None:
        """Remember a small fact."""
        with self._database.write(durable=True) as connection:
            upsert(connection, meta, [{"name": name, "value": value}])

    def channel_state(self, channel: str) -> ChannelState | None:
        """The state of one channel, ``None`` if it was never saved."""
        with self._database.read() as connection:
            return read_channel_state(connection, channel)

    def channel_states(self) -> list[ChannelState]:
        """The states of all channels, by name."""
        with self._database.read() as connection:
            rows = connection.execute(_STATES).all()
        return sorted((_state_of(row) for row in rows), key=lambda state: state.channel)

    def save_channel_state(self, state: ChannelState) -> None:
        """Store the state of one channel."""
        with self._database.write() as connection:
            write_channel_state(connection, state)

    def forget_channel(self, channel: str) -> None:
        """A channel was taken out of the configuration: it starts anew if it returns.

        What it showed, its cursor, its settled copies and its open intents go; agreements,
        tombstones and history stay, and what rows of split series stand for and copies were asked.
        """
        with self._database.write() as connection:
            keep_passed(connection, channel)
            keep_asked(connection, channel)
            for table in (observed, channels, settled, intents, owed, doubts):
                connection.execute(delete(table).where(table.c.channel == channel))
            connection.execute(delete(meta).where(meta.c.name == f"{CONTACTED}{channel}"))


def read_channel_state(connection: Connection, channel: str) -> ChannelState | None:
    """The state of one channel."""
    row = connection.execute(_STATE, {"of": channel}).first()
    return None if row is None else _state_of(row)


def read_channel_states(connection: Connection, names: Collection[str]) -> dict[str, ChannelState]:
    """The states of many channels, by name."""
    found: dict[str, ChannelState] = {}
    for part in chunks(list(names)):
        rows = connection.execute(_STATES_OF, {"ids": part})
        found.update((row.channel, _state_of(row)) for row in rows)
    return found


def write_channel_state(connection: Connection, state: ChannelState) -> None:
    """Store the state of one channel."""
    write_channel_states(connection, [state])


def write_channel_states(connection: Connection, states: Sequence[ChannelState]) -> None:
    """Store the states of many channels."""
    rows = [
        {
            "channel": state.channel,
            "cursor": state.cursor,
            "identity": state.identity,
            "looked": state.looked,
            "full_look": state.full,
            "window_end": state.window_end,
            "fingerprint": state.fingerprint,
            "failures": state.failures,
            "retry_at": state.retry_at,
            "error": state.error,
        }
        for state in states
    ]
    upsert(connection, channels, rows)


def prepare(database: Database) -> str:
    """The installation's name; made, with the other first facts, where there is none."""
    named = select(meta.c.value).where(meta.c.name == _INSTALLATION)
    with database.read() as connection:
        name = connection.scalar(named)
    if name is not None:
        return str(name)
    fresh = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    with database.write(durable=True) as connection:
        insert_new(
            connection,
            meta,
            [{"name": _INSTALLATION, "value": fresh}, {"name": _REVISION, "value": "0"}],
        )
        return str(connection.scalar(named))


def next_revision(connection: Connection) -> int:
    """The number of a change of observations.

    Whoever has taken one holds the row until the transaction ends, so revisions become
    visible in their order: who reads the revision first has seen all that bears a lower one.
    """
    revision = int(connection.execute(_TAKE_REVISION).scalar_one()) + 1
    connection.execute(_NEXT_REVISION, {"next": str(revision)})
    return revision


def current_revision(connection: Connection) -> int:
    """The last revision whose changes this transaction sees."""
    return int(connection.execute(_LAST_REVISION).scalar_one())


def _state_of(row: Row[Any]) -> ChannelState:
    return ChannelState(
        row.channel,
        row.cursor,
        row.identity,
        row.looked,
        row.full_look,
        row.window_end,
        row.fingerprint,
        row.failures,
        row.retry_at,
        row.error,
    )
