"""What the store of the pure world tells pairing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.core.paired import Known
from syncd.core.state import WHOLE, Agreement, ChannelName, Copy, Operation, Present

if TYPE_CHECKING:
    from tests.core.harness import World


def known_of(world: World) -> Known:
    """What pairing may look up."""
    by_uid: dict[str, frozenset[str]] = {}
    by_key: dict[tuple[str, str], tuple[str, str]] = {}
    for id, agreement in world.agreements.items():
        for uid in agreement.uids:
            by_uid[uid] = by_uid.get(uid, frozenset()) | {id}
        for place, settled in agreement.copies.items():
            by_key[(place[0], settled.copy.key)] = (id, place[1])
    present = {
        (row.id, (name, row.slot)): key
        for (name, key), row in world.rows.items()
        if row.id is not None and isinstance(row.seen.observation, Present)
    }
    contacts = contacts_of(world)
    creating = {
        (id, (each.write.channel, each.write.slot))
        for id, begun in world.intents.items()
        for each in begun
        if each.write.operation is Operation.CREATE and not each.done
    }
    agreements, stones = dict(world.agreements), tuple(world.stones)
    open_ = {(id, each.write.channel) for id, begun in world.intents.items() for each in begun}
    removing = {
        (id, (each.write.channel, each.write.slot))
        for id, begun in world.intents.items()
        for each in begun
        if each.write.operation is Operation.DELETE
    }
    series: dict[str, list[tuple[str, Copy]]] = {}
    for (name, _), row in world.rows.items():
        shown = row.seen.observation
        if row.id and isinstance(shown, Present) and shown.copy.reads.recurrence is not None:
            series.setdefault(name, []).append((row.id, shown.copy))
    return Known(
        agreements, by_uid, by_key, present, stones, contacts, creating, open_, removing, series
    )


def contacts_of(world: World) -> frozenset[ChannelName]:
    """The channels that no agreement knows a copy in."""
    known = {place[0] for each in world.agreements.values() for place in each.copies}
    return frozenset(world.policy.channels) - known


def without(agreement: Agreement, name: ChannelName) -> Agreement:
    """An agreement whose channel ``name`` is forgotten: what its copy was asked is kept."""
    copies = {p: s for p, s in agreement.copies.items() if p[0] != name}
    absent = {p: s for p, s in agreement.absent.items() if p[0] != name}
    own, gone = agreement.copies.get((name, WHOLE)), dict(agreement.gone)
    if own is not None:
        gone[name] = own.asked if own.asked is not None else own.copy.reads
    return replace(agreement, copies=copies, absent=absent, gone=gone)
