"""What pairing looks up, and what it found: copies that belong together, and that wait."""

from __future__ import annotations

from collections.abc import Collection, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.channel import Channel
from syncd.core.marks import Unpaired, goes_by_its_uid, slot_of
from syncd.core.match import SEVERAL, Doubtful
from syncd.core.model import Appointment
from syncd.core.state import (
    WHOLE,
    Agreement,
    AppointmentId,
    ChannelName,
    Copy,
    Key,
    Place,
    Slot,
    Tombstone,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What pairing may look up.

    ``agreements``: those that a marker, key or UID of the unpaired may lead to, and on first
    contact those that start in the same span; also what copies that were paired and never
    settled would agree on. ``by_uid`` and ``by_key``: the appointments of
    UIDs and of (channel, key). ``present``: the key that is seen at each place. ``stones``.
    ``contacts``: channels of which this is the first contact. ``creating``: where we have begun
    to make a copy and nobody knows yet whether it is there. ``begun``: where a write has no
    confirmation yet; ``removing``: where that is the removal of a copy. ``series``: by channel,
    those that are shown where new ones are unpaired; their agreements may be looked up, too.
    ``passed``: by channel and marker, what a row that bears it stands for since its series was
    split.
    """

    agreements: Mapping[AppointmentId, Agreement] = field(default_factory=dict)
    by_uid: Mapping[str, frozenset[AppointmentId]] = field(default_factory=dict)
    by_key: Mapping[tuple[ChannelName, Key], tuple[AppointmentId, Slot]] = field(
        default_factory=dict
    )
    present: Mapping[tuple[AppointmentId, Place], Key] = field(default_factory=dict)
    stones: Sequence[Tombstone] = ()
    contacts: Collection[ChannelName] = frozenset()
    creating: Collection[tuple[AppointmentId, Place]] = frozenset()
    begun: Collection[tuple[AppointmentId, ChannelName]] = frozenset()
    removing: Collection[tuple[AppointmentId, Place]] = frozenset()
    series: Mapping[ChannelName, Sequence[tuple[AppointmentId, Copy]]] = field(default_factory=dict)
    passed: Mapping[tuple[ChannelName, AppointmentId, Slot], tuple[AppointmentId, Slot]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Doubt:
    """A copy that might be one of several appointments, or of none: it waits in the inbox."""

    channel: ChannelName
    key: Key
    candidates: tuple[str, ...]
    reason: str


@dataclass(slots=True)
class Pairing:
    """What pairing found. ``joined``: (channel, key) to appointment and slot; ``births``: new
    appointments with their first copies; ``parked``: look again next cycle; ``left``: not
    admitted; ``met``: copies that met a tombstone; ``late``: invitations that wait for what
    becomes of a copy of ours; ``invited``: the places where that one is to go. ``awaited``:
    channels that are to be looked at soon, to know what something is that is parked there."""

    joined: dict[tuple[ChannelName, Key], tuple[AppointmentId, Slot]] = field(default_factory=dict)
    births: dict[AppointmentId, list[tuple[ChannelName, Key]]] = field(default_factory=dict)
    parked: list[tuple[ChannelName, Key]] = field(default_factory=list)
    left: list[tuple[ChannelName, Key]] = field(default_factory=list)
    met: list[tuple[Unpaired, Tombstone]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    late: list[tuple[ChannelName, Key]] = field(default_factory=list)
    invited: dict[AppointmentId, set[Place]] = field(default_factory=dict)
    awaited: set[ChannelName] = field(default_factory=set)

    def doubt(
        self, copy: tuple[ChannelName, Key], candidates: tuple[str, ...], reason: str
    ) -> None:
        """A copy waits for a person."""
        self.doubts.append(Doubt(*copy, candidates, reason))


def standing_for(
    id: AppointmentId, agreement: Agreement
) -> Iterator[tuple[ChannelName, Key, Appointment]]:
    """By what an appointment is known again at a first contact: its whole copies. One that has none
    left and waits for a channel that nobody could look at stands for itself, where it was born."""
    if agreement.unmet and not agreement.copies:
        yield agreement.born, Key(id), agreement.appointment
    for (channel, slot), settled in agreement.copies.items():
        if slot == WHOLE:
            yield channel, settled.copy.key, settled.copy.reads


def still_doubtful(
    found: Iterable[Doubtful],
    ids: Mapping[Hashable, AppointmentId],
    known: Known,
    fresh: Container[tuple[AppointmentId, Place]],
) -> Iterator[Doubtful]:
    """Without the copies that are merely like appointments which have another one in their channel:
    that is known, so nobody need be asked. ``ids``: whose copies the candidates are; ``fresh``:
    the places of which a copy has just been found."""
    for doubtful in found:
        name = doubtful.ref[0] if isinstance(doubtful.ref, tuple) else ""
        place, own = (name, WHOLE), [ids.get(each, "") for each in doubtful.candidates]
        agreed = [known.agreements.get(id) for id in own]
        has_one = all(
            (id, place) in fresh or (each is not None and place in each.copies)
            for id, each in zip(own, agreed, strict=True)
        )
        if doubtful.reason == SEVERAL or not has_one:
            yield doubtful


def of_singles(each: Unpaired, known: Known) -> tuple[AppointmentId, ...]:
    """The single appointments that have the UID of a series which nothing else names: after an old
    state what stands for one of its occurrences may have become one, and still says so."""
    copy, ids = each.copy, known.by_uid.get(each.copy.uid or "", frozenset())
    if copy.marker is not None or copy.reads.recurrence is None:
        return ()
    agreed = [found for id in ids if (found := known.agreements.get(id)) is not None]
    single = all(found.appointment.recurrence is None for found in agreed)
    several = len(agreed) > 1 or any(map(_was_occurrence, agreed))
    named = (each.channel, copy.key) in known.by_key
    return tuple(sorted(ids)) if single and several and not named else ()


def _was_occurrence(agreement: Agreement) -> bool:
    marks = (settled.copy.marker for settled in agreement.copies.values())
    return any(mark is not None and mark.slot != WHOLE for mark in marks)


def is_doubled(each: Unpaired, id: AppointmentId, place: Place, known: Known) -> bool:
    """Whether a copy in a place that is taken is no person's duplicate: a server doubled it,
    since it adds nothing, or we made it, and it comes to light after the invitation."""
    copy, agreement = each.copy, known.agreements.get(id)
    settled = agreement.copies.get(place) if agreement else None
    if settled is None or copy.marker is None:
        return copy.marker is None and (settled is None or settled.copy.reads == copy.reads)
    late = settled.copy.invited and not copy.invited
    return late and goes_by_its_uid(copy, known.by_uid)


def reborn_at(
    each: Unpaired, stone: Tombstone, channel: Channel, *, same: bool = False
) -> Slot | None:
    """Which part a copy is of what lives again, having met its tombstone; ``None`` if it goes, too.

    Edited after the deletion, the edit wins. And a record of what was only cancelled stays: the
    CRM showed it late, or answered late that it had made it. ``same``: it says nothing else than
    what was deleted. Where it was found at a channel's first look, as where one returns, it was not
    edited then, whatever the clock there says.
    """
    if stone.cancelled and channel.is_crm:
        return slot_of(each)
    modified = each.copy.modified if not (same and each.seen.before is None) else None
    return WHOLE if modified is not None and modified > stone.at else None
