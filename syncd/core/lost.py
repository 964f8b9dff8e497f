"""A lost state: copies of ours whose marks are all that is left, and those that bear none.

A copy that a person made bears no mark of ours; its copies elsewhere do. Without a state the two
find each other as at first contact, and here it is known that each of ours has had an original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TypeAlias

from syncd.core.channel import Policy
from syncd.core.fidelity import project
from syncd.core.match import SEVERAL, Doubtful
from syncd.core.paired import Pairing
from syncd.core.paths import diff
from syncd.core.state import WHOLE, AppointmentId, ChannelName, Copy, Key, Place, Slot

Ref: TypeAlias = tuple[ChannelName, Key]


def rebuilt(
    joined: Mapping[Ref, tuple[AppointmentId, Slot]],
    births: Mapping[AppointmentId, Sequence[Ref]],
    copies: Mapping[Ref, Copy],
) -> dict[Ref, AppointmentId]:
    """The copies that were just joined by nothing but a mark of an appointment not known."""
    found: dict[Ref, AppointmentId] = {}
    for ref, (id, slot) in joined.items():
        marker = copies[ref].marker if ref in copies else None
        if slot == WHOLE and id in births and marker is not None and marker.appointment == id:
            found[ref] = id
    return found


def twins(
    doubtful: Iterable[Doubtful],
    copies: Mapping[Ref, Copy],
    ours: Mapping[Ref, AppointmentId],
    policy: Policy,
) -> Iterator[tuple[Ref, AppointmentId]]:
    """Copies without a mark that several of ours might stand for: which goes with which.

    Those that differ least first; of equal ones any will do, as they say the same. It is for
    the caller to see that nothing is given twice.
    """
    pairs: list[tuple[int, Ref, Ref]] = []
    for each in doubtful:
        ref = _ref(each.ref)
        if each.reason != SEVERAL or ref is None or ref in ours or ref not in copies:
            continue
        for other in map(_ref, each.candidates):
            if other is not None and other in ours:
                pairs.append((_distance(ref, other, copies, policy), ref, other))
    for _, ref, other in sorted(pairs):
        yield ref, ours[other]


def contested(
    doubtful: Iterable[Doubtful], ours: Mapping[Ref, AppointmentId], waiting: Iterable[Ref]
) -> dict[AppointmentId, set[Ref]]:
    """Appointments of ours that a copy in doubt may be, with those copies: until a person has
    answered, they are not copied either, else the answer would come too late."""
    left = set(waiting)
    found: dict[AppointmentId, set[Ref]] = {}
    for each in doubtful:
        ref = _ref(each.ref)
        if ref is None or ref not in left:
            continue
        for other in map(_ref, each.candidates):
            if other is not None and other in ours:
                found.setdefault(ours[other], set()).add(ref)
    return found


def reunited(
    ids: set[AppointmentId],
    ours: Iterable[AppointmentId],
    found: Pairing,
    taken: MutableMapping[tuple[AppointmentId, Place], Key],
) -> set[AppointmentId]:
    """``ids`` that are one appointment, without those of ``ours`` that another one stands for: the
    original was born anew while our copies of it could not be asked. These join it."""
    known = ids.difference(ours)
    if len(known) != 1:
        return ids
    (own,) = known
    for id in ids - known:
        moving = {ref: slot for ref, (other, slot) in found.joined.items() if other == id}
        if any((own, (ref[0], slot)) in taken for ref, slot in moving.items()):
            return ids
        del found.births[id]
        for ref, slot in moving.items():
            found.joined[ref] = (own, slot)
            taken[own, (ref[0], slot)] = taken.pop((id, (ref[0], slot)))
    return known


def _distance(a: Ref, b: Ref, copies: Mapping[Ref, Copy], policy: Policy) -> int:
    """In how many fields that both channels carry the two differ."""
    first, second = policy.channels[a[0]].fidelity, policy.channels[b[0]].fidelity
    return len(diff(project(copies[a].reads, second), project(copies[b].reads, first)))


def _ref(told: object) -> Ref | None:
    """A ref that pairing gave; ``None`` for the id of an appointment that is known."""
    return told if isinstance(told, tuple) and len(told) == 2 else None
