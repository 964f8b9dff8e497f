"""What the copies of a channel were last asked, kept in their agreements when it is forgotten.

A calendar that returns may show what was deleted everywhere else meanwhile: only what its copy says
beside what it had been told is an edit of somebody's.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from syncd.core.model import Appointment
from syncd.core.state import WHOLE, ChannelName
from syncd.store.codec import decode_appointment
from syncd.store.database import chunks
from syncd.store.schema import agreements, settled
from syncd.store.state_codec import SAME, decode_gone, encode_gone

_COPIES = (
    select(agreements.c.id, agreements.c.gone, settled.c.asked, settled.c.reads)
    .join(settled, settled.c.appointment == agreements.c.id)
    .where(settled.c.channel == bindparam("of"), settled.c.slot == WHOLE)
)
_REMEMBER = (
    update(agreements).where(agreements.c.id == bindparam("those")).values(gone=bindparam("told"))
)


def keep_asked(connection: Connection, channel: str) -> None:
    """Before ``channel`` (qualified) is forgotten: what each of its copies was last asked."""
    name = ChannelName(channel.partition("/")[2])
    rows: list[dict[str, Any]] = []
    for row in connection.execute(_COPIES, {"of": channel}):
        gone = decode_gone(row.gone) if row.gone else {}
        rows.append(
            {"those": row.id, "told": encode_gone({**gone, name: _asked(row.asked, row.reads)})}
        )
    for part in chunks(rows):
        connection.execute(_REMEMBER, part)


def _asked(asked: str | None, reads: str) -> Appointment:
    return decode_appointment(reads if asked is None or asked == SAME else asked)
