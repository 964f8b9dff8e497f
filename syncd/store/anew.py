"""Beginning anew with all channels: after a restore, and where the state proves an old one."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from syncd.core.state import AppointmentId
from syncd.store.channels import CONTACTED, FACT
from syncd.store.database import Database, chunks, upsert
from syncd.store.look import PRESENT
from syncd.store.schema import (
    DIRTY,
    agreements,
    channels,
    history,
    intents,
    meta,
    observed,
    tombstone_uids,
    tombstones,
    uids,
)

_BEHIND = "behind:"


class Behind(NamedTuple):
    """When it was noticed that the state was older than a bridge's systems, and of how many
    appointments that it did not know copies bore our mark."""

    at: datetime
    appointments: int


_UNHEARD = select(observed.c.channel, observed.c.marker_appointment).where(
    observed.c.bridge == bindparam("of"),
    DIRTY,
    observed.c.appointment.is_(None),
    observed.c.state == PRESENT,
    observed.c.marker_installation == bindparam("by"),
    ~exists().where(uids.c.bridge == bindparam("of"), uids.c.uid_index == observed.c.uid_index),
    ~exists().where(tombstone_uids.c.uid_index == observed.c.uid_index),
)
_UNHEARD_SINCE = _UNHEARD.where(observed.c.at > bindparam("since"))


class Anew:
    """The part of the store that notices that it is an old one."""

    _database: Database
    installation: str

    def unheard_of(self, bridge: str, known: Collection[str]) -> set[AppointmentId]:
        """Appointments that this state has never heard of, in no bridge, and whose mark copies
        that are new in the channels ``known`` bear, under the name of this installation.

        An appointment is stored before it is marked, and keeps its history when it is deleted: so
        such a mark is of a time after this state. Copies of which that was noticed before, and
        those with a UID that is known, are left out.
        """
        with self._database.read() as connection:
            last = _behind(connection, bridge)
            query = _UNHEARD if last is None else _UNHEARD_SINCE
            those = {"of": bridge, "by": self.installation, "since": last and last.at}
            found = {id_ for channel, id_ in connection.execute(query, those) if channel in known}
            return found - _heard_of(connection, found)

    def begin_anew(self, bridge: str, at: datetime, appointments: int) -> None:
        """The state is older than the systems, which hold so many appointments that it does not
        know: every channel begins with a full look and a first contact, as after a restore."""
        told = json.dumps({"at": at.isoformat(), "appointments": appointments})
        with self._database.write(durable=True) as connection:
            begin_anew(connection, f"{bridge}/")
            upsert(connection, meta, [{"name": f"{_BEHIND}{bridge}", "value": told}])

    def behind(self, bridge: str) -> Behind | None:
        """When the state was last found to be older than the bridge's systems."""
        with self._database.read() as connection:
            return _behind(connection, bridge)


def begin_anew(connection: Connection, prefix: str = "") -> None:
    """Let the channels whose names begin so start with a full look, as a cursor of an old state
    may lead nowhere by now, and with a first contact: what was made since bears no name that
    this state knows."""
    these = channels.c.channel.startswith(prefix, autoescape=True)
    connection.execute(
        update(channels).where(these).values(cursor=None, full_look=None, retry_at=None)
    )
    contacted = meta.c.name.startswith(f"{CONTACTED}{prefix}", autoescape=True)
    connection.execute(delete(meta).where(contacted))


def _behind(connection: Connection, bridge: str) -> Behind | None:
    text = connection.scalar(FACT, {"of": f"{_BEHIND}{bridge}"})
    if text is None:
        return None
    told = json.loads(text)
    return Behind(datetime.fromisoformat(told["at"]), told["appointments"])


def _heard_of(connection: Connection, ids: Collection[AppointmentId]) -> set[AppointmentId]:
    """Those of ``ids`` of which there is anything in the state."""
    places = (
        agreements.c.id,
        tombstones.c.id,
        observed.c.appointment,
        intents.c.appointment,
        history.c.appointment,
    )
    found: set[AppointmentId] = set()
    for part in chunks(sorted(ids)):
        for column in places:
            query = select(column).where(column.in_(part)).distinct()
            found.update(connection.execute(query).scalars())
    return found
