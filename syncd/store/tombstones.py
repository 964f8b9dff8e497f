"""What stays of deleted appointments, so that nothing comes back by accident (invariant 4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from syncd.core.state import AppointmentId, ChannelName, Key, Kind, Remains, Tombstone
from syncd.store.codec import dumps, loads
from syncd.store.database import Database, chunks, insert_new, upsert
from syncd.store.rows import qualified
from syncd.store.schema import history, indexable, tombstone_keys, tombstone_uids, tombstones
from syncd.store.state_codec import decode_record


class Tombstones:
    """The part of the store that remembers deleted appointments."""

    _database: Database

    def tombstones_by(
        self,
        bridge: str,
        *,
        uids: Collection[str] = (),
        keys: Collection[tuple[ChannelName, Key]] = (),
        ids: Collection[AppointmentId] = (),
    ) -> list[Tombstone]:
        """The bridge's tombstones with one of these UIDs, keys or ids."""
        with self._database.read() as connection:
            found = set(_by_uids(connection, uids))
            found |= set(_by_keys(connection, bridge, keys))
            found |= set(ids)
            return [
                Tombstone(
                    row.id,
                    row.at,
                    frozenset(loads(row.uids)),
                    frozenset((channel, key) for channel, key in loads(row.keys)),
                    bool(row.cancelled),
                )
                for part in chunks(sorted(found))
                for row in connection.execute(
                    select(tombstones)
                    .where(tombstones.c.bridge == bridge, tombstones.c.id.in_(part))
                    .order_by(tombstones.c.at, tombstones.c.id)
                )
            ]

    def remains(self, bridge: str, ids: Collection[AppointmentId]) -> dict[AppointmentId, Remains]:
        """What those of ``ids`` that have a tombstone in the bridge were before."""
        found: dict[AppointmentId, Remains] = {}
        query = (
            select(history)
            .join(tombstones, tombstones.c.id == history.c.appointment)
            .where(tombstones.c.bridge == bridge, history.c.kind == Kind.BURIED.value)
            .order_by(history.c.id)
        )
        with self._database.read() as connection:
            for part in chunks(sorted(ids)):
                for row in connection.execute(query.where(tombstones.c.id.in_(part))):
                    record = decode_record(row.kind, tuple(loads(row.path)), row.body)
                    if record.remains is not None:
                        found[row.appointment] = record.remains
        return found

    def purge_tombstones(self, before: datetime) -> int:
        """Forget tombstones that are older; returns how many."""
        old = tombstones.c.at < before
        with self._database.write() as connection:
            number = connection.execute(
                select(func.count()).select_from(tombstones).where(old)
            ).scalar_one()
            connection.execute(delete(tombstones).where(old))
        return int(number)


def write_tombstones(connection: Connection, bridge: str, stones: Sequence[Tombstone]) -> None:
    """Store tombstones; one of the same appointment is replaced."""
    ids = [stone.id for stone in stones]
    for part in chunks(ids):
        connection.execute(delete(tombstones).where(tombstones.c.id.in_(part)))
    upsert(
        connection,
        tombstones,
        [
            {
                "id": stone.id,
                "bridge": bridge,
                "at": stone.at,
                "uids": dumps(sorted(stone.uids)),
                "keys": dumps(sorted(stone.keys)),
                "cancelled": stone.cancelled,
            }
            for stone in stones
        ],
    )
    uid_rows = [
        {"uid_index": index, "tombstone": stone.id}
        for stone in stones
        for index in sorted({indexable(uid) for uid in stone.uids})
    ]
    insert_new(connection, tombstone_uids, uid_rows)
    key_rows = [
        {"channel": qualified(bridge, channel), "key": key, "tombstone": stone.id}
        for stone in stones
        for channel, key in stone.keys
    ]
    if key_rows:
        connection.execute(insert(tombstone_keys), key_rows)


def _by_uids(connection: Connection, uids: Collection[str]) -> list[AppointmentId]:
    return [
        id_
        for part in chunks(sorted({indexable(uid) for uid in uids}))
        for id_ in connection.execute(
            select(tombstone_uids.c.tombstone).where(tombstone_uids.c.uid_index.in_(part))
        ).scalars()
    ]


def _by_keys(
    connection: Connection, bridge: str, keys: Collection[tuple[ChannelName, Key]]
) -> list[AppointmentId]:
    by_channel: dict[str, list[Key]] = {}
    for name, key in keys:
        by_channel.setdefault(qualified(bridge, name), []).append(key)
    columns = tombstone_keys.c
    return [
        id_
        for channel, own in by_channel.items()
        for part in chunks(own)
        for id_ in connection.execute(
            select(columns.tombstone).where(columns.channel == channel, columns.key.in_(part))
        ).scalars()
    ]
