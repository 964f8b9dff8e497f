"""Storing what a channel showed: one look, one transaction, only rows that changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from syncd.connector import Unreadable
from syncd.core.state import Copy, Key
from syncd.store.channels import (
    ChannelState,
    next_revision,
    read_channel_state,
    read_channel_states,
    write_channel_state,
    write_channel_states,
)
from syncd.store.database import any_of, chunks, upsert
from syncd.store.rows import COPY_COLUMNS, NO_COPY, bridge_of, copy_columns
from syncd.store.schema import KEY_LIMIT, indexable, observed

PRESENT, GONE, UNREADABLE = "present", "gone", "unreadable"

_SHOWN = ("state", "at", "before", "dirty", "reason", "parked")
"""What every observation sets; ``appointment`` and ``slot`` stay as they were assigned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a channel showed. ``at`` is when it began.

    ``gone``: keys proven gone. ``complete``: it was a look at everything in the window.
    """

    at: datetime
    copies: Sequence[Copy] = ()
    gone: Collection[Key] = ()
    unreadable: Sequence[Unreadable] = ()
    cursor: str | None = None
    identity: str = ""
    complete: bool = False
    window_end: datetime | None = None
    fingerprint: str = ""


def store_look(connection: Connection, channel: str, look: Look) -> int:
    """Store a look with its cursor; returns the number of rows that changed."""
    state = read_channel_state(connection, channel) or ChannelState(channel)
    changed = store_shown(connection, channel, state.looked, look)
    write_channel_state(connection, _after(state, look))
    return changed


def store_quiet(connection: Connection, looks: Mapping[str, Look]) -> None:
    """Store looks that brought nothing new, by channel."""
    known = read_channel_states(connection, looks)
    states = [known.get(name) or ChannelState(name) for name in looks]
    write_channel_states(connection, [_after(state, looks[state.channel]) for state in states])


def _after(state: ChannelState, look: Look) -> ChannelState:
    return replace(
        state,
        cursor=look.cursor,
        identity=look.identity,
        looked=look.at,
        full=look.at if look.complete else state.full,
        window_end=look.window_end,
        fingerprint=look.fingerprint,
        failures=0,
        retry_at=None,
        error="",
    )


def store_shown(connection: Connection, channel: str, looked: datetime | None, look: Look) -> int:
    """Store what a look showed; ``looked`` is the channel's last look before it."""
    count = 0
    there: set[Key] = set()
    # In parts, as the rows of a first look need far more memory than its copies.
    for part in _parts(look.copies):
        count += _store_part(connection, channel, list(part.values()), look.at, looked)
        there |= part.keys()
    unreadable = {
        item.key: item for item in look.unreadable if item.key not in there and fits(item.key)
    }
    gone = set(look.gone) - there - unreadable.keys()
    known = _known_rows(connection, channel, [*unreadable, *gone])
    lost = [row for key in gone if (row := known.get(key)) is not None and row.state != GONE]
    broken = [item for item in unreadable.values() if _breaks(known.get(item.key), item)]
    if lost:
        _store_gone(connection, lost, look.at, looked, next_revision(connection))
    _store_unreadable(connection, channel, broken, known, look.at, looked)
    return count + len(lost) + len(broken)


def _parts(copies: Iterable[Copy], size: int = 100) -> Iterator[dict[Key, Copy]]:
    part: dict[Key, Copy] = {}
    for copy in copies:
        if fits(copy.key):
            part[copy.key] = copy
        if len(part) == size:
            yield part
            part = {}
    yield part


def _store_part(
    connection: Connection,
    channel: str,
    copies: Sequence[Copy],
    at: datetime,
    looked: datetime | None,
) -> int:
    """Store some of the copies of a look; returns how many of them changed."""
    known = _known_rows(connection, channel, [copy.key for copy in copies])
    changed = [copy for copy in copies if _differs(known.get(copy.key), copy)]
    if changed:
        revision = next_revision(connection)
        _store_copies(connection, channel, changed, known, at, looked, revision)
    return len(changed)


def present_row(channel: str, copy: Copy) -> dict[str, Any]:
    """The columns of a row that shows ``copy``, besides when and whose it is."""
    return {
        "channel": channel,
        "key": copy.key,
        "bridge": bridge_of(channel),
        "state": PRESENT,
        **copy_columns(copy),
        "uid_index": None if copy.uid is None else indexable(copy.uid),
        "reason": "",
        "parked": None,
    }


COPY_SHOWN = (*_SHOWN, *COPY_COLUMNS, "uid_index")


def fits(key: Key) -> bool:
    """Whether a key can be stored: one too long for an index would lose the whole look."""
    return len(key) * 4 <= KEY_LIMIT or len(key.encode("utf-8", "replace")) <= KEY_LIMIT


_KNOWN = select(
    observed.c.channel,
    observed.c.key,
    observed.c.bridge,
    observed.c.state,
    observed.c.version,
    observed.c.wire,
    observed.c.before,
    observed.c.dirty,
    observed.c.reason,
).where(observed.c.channel == bindparam("of"), any_of(observed.c.key))


def _known_rows(connection: Connection, channel: str, keys: Iterable[Key]) -> dict[Key, Row[Any]]:
    found: dict[Key, Any] = {}
    for part in chunks(list(keys)):
        for row in connection.execute(_KNOWN, {"of": channel, "ids": part}):
            found[row.key] = row
    return found


def _differs(row: Row[Any] | None, copy: Copy) -> bool:
    if row is None or row.state != PRESENT:
        return True
    return bool(row.version != copy.version or row.wire != copy.wire)


def _breaks(row: Row[Any] | None, item: Unreadable) -> bool:
    if row is None or row.state != UNREADABLE:
        return True
    return bool(row.version != item.version or row.reason != item.reason)


def _store_copies(
    connection: Connection,
    channel: str,
    copies: Sequence[Copy],
    known: dict[Key, Row[Any]],
    at: datetime,
    looked: datetime | None,
    revision: int,
) -> None:
    rows = []
    for copy in copies:
        row = present_row(channel, copy)
        before = _last_without(known.get(copy.key), looked)
        row.update(at=at, before=before, appointment=None, slot="", dirty=revision)
        rows.append(row)
    upsert(connection, observed, rows, COPY_SHOWN)


def _store_gone(
    connection: Connection,
    lost: Sequence[Row[Any]],
    at: datetime,
    looked: datetime | None,
    revision: int,
) -> None:
    rows = [
        {
            **_bare_row(row.channel, row.key),
            "state": GONE,
            "at": at,
            "before": row.before if row.state == UNREADABLE else looked,
            "dirty": revision,
            "reason": "",
        }
        for row in lost
    ]
    upsert(connection, observed, rows, _SHOWN)


def _store_unreadable(
    connection: Connection,
    channel: str,
    broken: Sequence[Unreadable],
    known: dict[Key, Row[Any]],
    at: datetime,
    looked: datetime | None,
) -> None:
    rows = [
        {
            **_bare_row(channel, item.key),
            "state": UNREADABLE,
            "version": item.version,
            "at": at,
            "before": _last_without(known.get(item.key), looked),
            "dirty": 0,
            "reason": item.reason,
        }
        for item in broken
    ]
    upsert(connection, observed, rows, (*_SHOWN, "version"))


def _last_without(last: Row[Any] | None, looked: datetime | None) -> datetime | None:
    """The last look that certainly did not show what is shown now.

    Changes that were not settled yet are one span, from before the first of them; what an
    unreadable item held is not known.
    """
    if last is not None and (last.state == UNREADABLE or (last.state == PRESENT and last.dirty)):
        before: datetime | None = last.before
        return before
    return looked


def _bare_row(channel: str, key: Key) -> dict[str, Any]:
    return {
        "channel": channel,
        "key": key,
        "bridge": bridge_of(channel),
        **NO_COPY,
        "uid_index": None,
        "appointment": None,
        "slot": "",
        "parked": None,
    }
