"""Copies as columns, and channels' names as the tables have them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from syncd.core.state import ChannelName, Copy, Marker
from syncd.store.codec import decode_appointment, encode_appointment

COPY_COLUMNS = (
    "version",
    "wire",
    "reads",
    "uid",
    "marker_installation",
    "marker_appointment",
    "marker_slot",
    "modified",
    "invited",
)

NO_COPY: dict[str, Any] = {**dict.fromkeys(COPY_COLUMNS), "invited": False}

_LONGEST_ID = 200
"""Characters of an appointment's id: a longer one in a marker is not ours."""


def qualified(bridge: str, name: ChannelName) -> str:
    """A channel as the tables name it."""
    return f"{bridge}/{name}"


def bridge_of(channel: str) -> str:
    """The bridge of a channel in the tables."""
    return channel.partition("/")[0]


def bare(channel: str) -> ChannelName:
    """The name that a channel in the tables has in its bridge."""
    return channel.partition("/")[2]


def copy_columns(copy: Copy) -> dict[str, Any]:
    """What a table holds of a copy besides its key."""
    marker = copy.marker
    if marker is not None and len(marker.appointment) > _LONGEST_ID:
        marker = None
    return {
        "version": copy.version,
        "wire": copy.wire,
        "reads": encode_appointment(copy.reads),
        "uid": copy.uid,
        "marker_installation": marker.installation if marker else None,
        "marker_appointment": marker.appointment if marker else None,
        "marker_slot": marker.slot if marker else None,
        "modified": copy.modified,
        "invited": copy.invited,
    }


def copy_of(row: Row[Any]) -> Copy | None:
    """The copy in a row; ``None`` if it was never read."""
    if row.reads is None:
        return None
    marker = None
    if row.marker_appointment is not None:
        marker = Marker(row.marker_installation, row.marker_appointment, row.marker_slot)
    return Copy(
        row.key,
        row.version,
        row.wire,
        decode_appointment(row.reads),
        row.uid,
        marker,
        row.modified,
        row.invited,
    )
