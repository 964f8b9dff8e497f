"""Where copies belong: what a channel admits, what it holds, and what it is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.channel import Cancelled, Channel, Filter, FilterMode, Policy, Privacy, Private
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import Appointment, Override, Status, Value, Visibility
from syncd.core.paths import DELETED, Path
from syncd.core.recurrence import is_called_off, last_end, occurrences, starts_utc
from syncd.core.rules import value_matches
from syncd.core.state import Settled

BUSY_TITLE = "Busy"
"""What a copy is called that may only show that somebody is busy."""

_PUBLIC, _CANCELLED = Visibility.PUBLIC, Status.CANCELLED
_ALL, _BUSY = FilterMode.ALL, Privacy.BUSY
# (Looking up a member of an enumeration costs more than all else in the check of a copy.)

BUSY_FIELDS = frozenset({"when", "recurrence", "busy"})
"""What is read from a channel that is only given busy times: when it takes place."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a settling happens: ``now`` and the window that is kept equal (aware UTC).

    ``default_zone``: of times that carry none. ``blind``: channels that have never been looked
    at, in which nothing is created, since nobody knows what is there. ``looked``: when each
    channel was last listed, as far as that is to matter. ``contacts``: those that meet the others
    for the first time, or again after they had left.
    """

    now: datetime
    start: datetime
    end: datetime
    default_zone: str = "UTC"
    blind: frozenset[str] = frozenset()
    looked: Mapping[str, datetime] = field(default_factory=dict)
    contacts: Collection[str] = frozenset()


def admits(channel: Channel, copy: Appointment, policy: Policy) -> bool:
    """Whether an appointment may be born from this copy in ``channel``."""
    if channel.direction == "to":
        return False
    return _passes(channel.admits, channel, copy, policy)


def holds(channel: Channel, appointment: Appointment, policy: Policy) -> bool:
    """Whether ``appointment`` belongs into ``channel``, judged on the merged value."""
    return _passes(channel.holds, channel, appointment, policy)


def takes_part(person: str, appointment: Appointment, policy: Policy) -> bool:
    """Whether a colleague or a room owns, attends or is booked for the appointment."""
    names = policy.names_of(person)
    return any(name in names for name in _taking_part(appointment))


def concerned(
    appointment: Appointment, policy: Policy, having: Collection[str]
) -> Iterable[Channel]:
    """The channels that may hold the appointment or have a copy (``having``), in configured
    order; all others neither hold it nor are owed anything."""
    return policy.concerned(_taking_part(appointment), having)


def _taking_part(appointment: Appointment) -> Iterator[str]:
    yield appointment.owner
    yield from appointment.resources
    for each in appointment.attendees:
        yield each.email


def is_private(appointment: Appointment) -> bool:
    """Whether the appointment is not for everybody's eyes."""
    return appointment.visibility is not _PUBLIC


def is_cancelled(appointment: Appointment) -> bool:
    """Whether it does not take place: as a whole, or because none of its occurrences does."""
    if appointment.status is _CANCELLED:
        return True
    return bool(appointment.overrides) and is_called_off(appointment)


def keeps_cancelled(channel: Channel) -> bool:
    """Whether a cancelled appointment keeps its copy here: always in a CRM, else as configured."""
    return channel.is_crm or (
        channel.cancelled is Cancelled.MARK and "status" in channel.fidelity.carries
    )


def should_hold(
    channel: Channel, appointment: Appointment, policy: Policy, *, born: str, here: bool
) -> bool:
    """Whether ``channel`` should have a copy.

    ``here``: it has one that a private appointment may stay in: somebody's own, or a CRM's.
    """
    if not keeps_cancelled(channel) and is_cancelled(appointment):
        return False
    if is_private(appointment) and channel.name != born and not here:
        origin = policy.channels.get(born)
        if origin is None or origin.private is Private.STAY:
            return False
    return holds(channel, appointment, policy)


def shows_busy_only(channel: Channel, appointment: Appointment, policy: Policy, born: str) -> bool:
    """Whether this channel is told only that somebody is busy."""
    if channel.privacy is _BUSY:
        return True
    if not is_private(appointment) or channel.name == born:
        return False
    origin = policy.channels.get(born)
    return origin is not None and origin.private is Private.BUSY


def given(channel: Channel, appointment: Appointment, policy: Policy, born: str) -> Appointment:
    """What ``channel`` is given of the appointment, in full, before it shortens anything."""
    busy_only = shows_busy_only(channel, appointment, policy, born)
    if appointment.overrides and not keeps_cancelled(channel):
        overrides = tuple(map(_without_cancelled, appointment.overrides))
        appointment = replace(appointment, overrides=overrides)
    return _busy_only(appointment) if busy_only else appointment


def for_copy(
    channel: Channel,
    settled: Settled | None,
    full: Appointment,
    appointment: Appointment,
    policy: Policy,
    born: str,
) -> Appointment:
    """Of what its channel is ``given``, what one copy is. Where that is the time only, a copy that
    somebody else put there keeps its text: an invitation, or what its person entered herself.

    ``settled``: the copy, if there is one; ``full``: what is given for its part of
    ``appointment``. After a lost store a copy that is alone counts as somebody else's.
    """
    if settled is None or settled.ours:
        return full
    if not shows_busy_only(channel, appointment, policy, born):
        return full
    return _timed_as(settled.copy.reads, full)


def readable(
    channel: Channel, appointment: Appointment, policy: Policy, born: str
) -> frozenset[str]:
    """The fields whose values this channel may claim."""
    if shows_busy_only(channel, appointment, policy, born):
        return BUSY_FIELDS & channel.fidelity.carries
    return channel.fidelity.carries


def is_readable(path: Path, fields: frozenset[str]) -> bool:
    """Whether a channel of which ``fields`` are read may claim a value at ``path``."""
    return path[0] in fields or (
        path[0] == "overrides" and (path[2] == DELETED or path[2] in fields)
    )


def projected(
    fidelity: Fidelity, whole: Appointment, moment: Moment, *, series: bool
) -> dict[str, Appointment]:
    """What a channel would hold, by slot: one entry, or the occurrences of a series in the window.

    ``whole`` is what the channel is given. ``series``: it is one, and the channel has no series.
    """
    if not series:
        return {"": project(whole, fidelity)}
    shown = occurrences(whole, moment.start, moment.end, moment.default_zone)
    return {slot: project(each, fidelity) for slot, each in shown.items()}


def defaults_of(channel: Channel, shown: Appointment) -> dict[Path, Value]:
    """What an appointment new to this channel gets where it says nothing."""
    found: dict[Path, Value] = {}
    for name, value in channel.defaults.items():
        if name in channel.fidelity.carries and getattr(shown, name, None) == "":
            found[(name,)] = value
    return found


def in_window(appointment: Appointment, moment: Moment) -> bool:
    """Whether the appointment, or an occurrence of it, overlaps the window."""
    if starts_utc(appointment, moment.default_zone) >= moment.end:
        return False
    end = last_end(appointment, moment.default_zone)
    return end is None or end >= moment.start


def _passes(rule: Filter, channel: Channel, judged: Appointment, policy: Policy) -> bool:
    if rule.mode is _ALL:
        return True
    if rule.mode is FilterMode.NONE:
        return False
    if rule.mode is FilterMode.OWN:
        return not channel.person or takes_part(channel.person, judged, policy)
    if rule.mode is FilterMode.CUSTOMERS:
        return _concerns_customer(judged, policy)
    return all(
        value_matches(getattr(judged, name), allowed) for name, allowed in rule.match.items()
    )


def _concerns_customer(judged: Appointment, policy: Policy) -> bool:
    if judged.customer:
        return True
    people = {each.email for each in judged.attendees}
    if judged.organizer is not None:
        people.add(judged.organizer.email)
    return any("@" in each and not policy.is_colleague(each) for each in people)


def _busy_only(appointment: Appointment) -> Appointment:
    overrides = tuple(
        (slot, Override(_times(own), own.deleted)) for slot, own in appointment.overrides
    )
    return Appointment(
        when=appointment.when,
        busy=appointment.busy,
        recurrence=appointment.recurrence,
        overrides=overrides,
        title=BUSY_TITLE,
        status=appointment.status,
        visibility=Visibility.PRIVATE,
    )


def _timed_as(own: Appointment, given: Appointment) -> Appointment:
    """``own`` at the time of ``given``; it is cancelled if that is."""
    overrides = {slot: Override(_texts(each)) for slot, each in own.overrides}
    for slot, each in given.overrides:
        texts = overrides[slot].values if slot in overrides else ()
        values = {**dict(texts), **dict(_times(each))}
        overrides[slot] = Override(tuple(values.items()), each.deleted)
    return replace(
        own,
        when=given.when,
        busy=given.busy,
        recurrence=given.recurrence,
        overrides=tuple((slot, each) for slot, each in overrides.items() if each),
        status=_CANCELLED if given.status is _CANCELLED else own.status,
    )


def _times(own: Override) -> tuple[tuple[str, Value], ...]:
    """When it takes place, or that it does not."""
    cancelled = ("status", _CANCELLED)
    return tuple(pair for pair in own.values if pair[0] in BUSY_FIELDS or pair == cancelled)


def _texts(own: Override) -> tuple[tuple[str, Value], ...]:
    return tuple(pair for pair in own.values if pair[0] not in BUSY_FIELDS)


def _without_cancelled(pair: tuple[str, Override]) -> tuple[str, Override]:
    slot, own = pair
    if dict(own.values).get("status") is Status.CANCELLED:
        return slot, Override((), True)
    return pair
