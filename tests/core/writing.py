"""What becomes of a write in the pure world: answered, refused, lost, and how that is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.core.state import Copy, Intent, Marker, Operation, Place, Present, Seen, Settled, Write
from tests.core.remote import Fault, KilledError, Remote, Row

if TYPE_CHECKING:
    from tests.core.harness import World


def write_out(world: World, id: str, intent: Intent) -> None:
    """Make one write, with what was said to go wrong; raises ``KilledError``."""
    write = intent.write
    remote = world.remotes[write.channel]
    world.written.append(write)
    world.now += timedelta(seconds=1)
    while remote.before_write:
        remote.before_write.pop()()
    fault = _next_fault(world, remote)
    if remote.down or fault in (Fault.REFUSED, Fault.LOST):
        doubtful = replace(intent, doubtful=True) if fault is Fault.LOST else None
        _replace_intent(world, id, intent, doubtful)
        return
    made = _first_step(remote, write) if fault is Fault.BROKEN else write
    copy, stale = _carry_out(world, id, remote, made)
    if fault is Fault.DOUBLED:
        copy, stale = _carry_out(world, id, remote, made)
    while remote.after_write:
        remote.after_write.pop()()
    if fault is Fault.KILLED:
        raise KilledError
    if stale is not None:
        _replace_intent(world, id, intent, None)
        world.fetch(remote, stale, (write.channel, write.slot), id)
    elif fault in (Fault.TIMEOUT, Fault.BROKEN):
        _replace_intent(world, id, intent, replace(intent, doubtful=True))
    elif write.operation is Operation.DELETE:
        _confirm_delete(world, id, intent)
    elif fault in (Fault.SILENT, Fault.MUTE) and copy is not None:
        version = copy.version if fault is Fault.SILENT else None
        done = replace(intent, done=True, answered=version, key=copy.key)
        _replace_intent(world, id, intent, done)
    elif copy is not None:
        _confirm(world, id, intent, copy)


def _first_step(remote: Remote, write: Write) -> Write:
    """What Google and Microsoft are told first: the event itself. What single occurrences have
    of their own comes after it; another time or rule drops what they had."""
    content = write.content
    if content is None or content.recurrence is None:
        return write
    current = remote.copies.get(write.base.key) if write.base is not None else None
    held = current.reads if current is not None else None
    same = held is not None and (held.when, held.recurrence) == (content.when, content.recurrence)
    kept = held.overrides if held is not None and same else ()
    return replace(write, content=replace(content, overrides=kept))


def _next_fault(world: World, remote: Remote) -> Fault | None:
    """What goes wrong now; a system that refused stays away for the rest of the cycle."""
    if remote.channel.name in world.failed:
        return Fault.REFUSED
    fault = remote.faults.popleft() if remote.faults else None
    if fault is Fault.REFUSED:
        world.failed.add(remote.channel.name)
    if fault is Fault.DEAD:
        raise KilledError
    return fault


def _carry_out(
    world: World, id: str, remote: Remote, write: Write
) -> tuple[Copy | None, str | None]:
    """What the system did: the copy it then holds, or the key that was stale."""
    if write.operation is Operation.CREATE:
        assert write.content is not None
        agreement = world.agreements.get(id)
        key = f"{id}{write.slot}"
        if agreement is not None:  # what stands for another occurrence now has kept its key
            place, copies = (write.channel, write.slot), agreement.copies.items()
            others = {each.copy.key for p, each in copies if p[0] == place[0] and p != place}
            while key in others:
                key += "+"
        if key in remote.copies:
            return None, key
        uid = min(agreement.uids, default=f"{id}@syncd") if agreement else None
        more = {"uid": uid} if remote.channel.role == "calendar" else {}
        marker = Marker("inst", id, write.slot)
        return remote.put(key, write.content, marker=marker, **more), None
    assert write.base is not None
    key = write.base.key
    current = remote.copies.get(key)
    if write.operation is Operation.DELETE:
        if current is not None and current.version != write.base.version:
            return None, key
        remote.copies.pop(key, None)
        return None, None
    if current is None or current.version != write.base.version:
        return None, key
    assert write.content is not None
    return remote.put(key, write.content), None


def _replace_intent(world: World, id: str, intent: Intent, by: Intent | None) -> None:
    others = [by if each.id == intent.id else each for each in world.intents[id]]
    world.intents[id] = [each for each in others if each is not None]


def _confirm(world: World, id: str, intent: Intent, copy: Copy) -> None:
    write = intent.write
    place = (write.channel, write.slot)
    agreement = world.agreements[id]
    known = agreement.copies.get(place)
    ours = write.operation is Operation.CREATE or (known is not None and known.ours)
    settled = Settled(copy, write.asked, frozenset(), ours, world.now)
    uids = agreement.uids | ({copy.uid} if copy.uid else set())
    world.agreements[id] = replace(
        agreement, copies={**agreement.copies, place: settled}, uids=uids
    )
    seen = Seen(Present(copy), world.now, world.now)
    world.rows[(write.channel, copy.key)] = Row(seen, copy, id, write.slot, dirty=False)
    _close(world, id, place)


def _confirm_delete(world: World, id: str, intent: Intent) -> None:
    write = intent.write
    place = (write.channel, write.slot)
    agreement = world.agreements[id]
    copies = {p: s for p, s in agreement.copies.items() if p != place}
    world.agreements[id] = replace(agreement, copies=copies)
    if write.base is not None:
        world.rows.pop((write.channel, write.base.key), None)
    _close(world, id, place)
    if agreement.deleting is not None:
        world.due.add(id)


def _close(world: World, id: str, place: Place) -> None:
    left = [i for i in world.intents[id] if (i.write.channel, i.write.slot) != place]
    world.intents[id] = left
