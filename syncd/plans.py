"""What the next cycle would do: what ``syncd plan`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.channel import Channel
from syncd.core.model import Appointment
from syncd.core.state import ChannelName, Plan, Write
from syncd.drawn import Draw
from syncd.store import Store


@dataclass(frozen=True, slots=True)
class Linked:
    """How many copies of each channel are tied to others, and how many appointments that makes."""

    copies: Mapping[ChannelName, int] = field(default_factory=dict)
    appointments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """What the next cycle would do, without doing it.

    By channel: ``doubtful``, copies that wait for a person; ``reread``, keys of copies that read
    differently since the configuration changed, each with the fields. ``dangers``: why it would
    hold. ``failed``: what did not answer. ``channels``: those of the bridge.
    """

    plans: Sequence[Plan]
    dangers: Sequence[str]
    failed: str = ""
    linked: Linked = Linked()
    doubtful: Mapping[str, int] = field(default_factory=dict)
    questions: int = 0
    reread: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    channels: Mapping[ChannelName, Channel] = field(default_factory=dict)

    @property
    def writes(self) -> list[tuple[Plan, Write]]:
        """All writes, each with its plan."""
        return [(plan, write) for plan in self.plans for write in plan.writes]

    def mailed(self) -> dict[ChannelName, frozenset[str]]:
        """By channel, whom its vendor may mail because of these writes."""
        found: dict[ChannelName, set[str]] = {}
        for _, write in self.writes:
            found.setdefault(write.channel, set()).update(mailed(write, self.channels))
        return {name: frozenset(people) for name, people in found.items() if people}


def linked(store: Store, draw: Draw) -> Linked:
    """What is tied together that was not before."""
    before = store.agreements([plan.id for plan in draw.plans])
    found: Counter[str] = Counter()
    appointments = 0
    for plan in draw.plans:
        if plan.agreement is None:
            continue
        known = before[plan.id].copies if plan.id in before else {}
        places = [place for place in plan.agreement.copies if place not in known]
        if places and (known or len(places) > 1):
            found.update(channel for channel, _ in places)
            appointments += 1
    return Linked(found, appointments)


def mailed(write: Write, channels: Mapping[ChannelName, Channel]) -> Iterable[str]:
    """Whom a write may mail: where attendees are written as attendees (``invite = true``), every
    one that the copy names or named, but the person whose calendar it is and who organises it.

    Elsewhere nobody: attendees are carried in another way, and a write that could not be made
    silently is refused (invariant 5).
    """
    channel = channels.get(write.channel)
    if channel is None or not channel.invite or "attendees" not in channel.fidelity.carries:
        return
    base = write.base.reads if write.base is not None else None
    for appointment in (write.content, base):
        if appointment is not None:
            own = {channel.person, _organizer(appointment)}
            yield from (a.email for a in appointment.attendees if a.email not in own)


def _organizer(appointment: Appointment) -> str:
    return appointment.organizer.email if appointment.organizer is not None else ""
