"""Claims: what each channel says a value should be now, and whom it contradicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from syncd.core.belong import Moment, for_copy, given, is_readable, readable
from syncd.core.channel import Channel, Direction, Policy
from syncd.core.fidelity import Fidelity, project, project_value
from syncd.core.lift import CannotLift, lift
from syncd.core.model import OVERRIDABLE_FIELDS, Appointment, Status, Value
from syncd.core.paths import DELETED, Path, element_paths, get, is_empty
from syncd.core.recurrence import occurrence
from syncd.core.situation import Here
from syncd.core.state import WHOLE, Agreement, ChannelName, Setter, Settled, Span

_STATUS: Path = ("status",)

BIRTH: Path = ()
"""The path under which an agreement keeps the channel of its birth as a setter."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One channel's value of one path. ``raw`` is as the channel shows it, ``value`` lifted.

    ``contested``: the agreed value's setter disputes it. ``agreed``: this is that dispute, made
    on behalf of the setter. ``person``: an administrator's. ``here``: the copy it was seen in.
    """

    channel: ChannelName
    path: Path
    value: Value
    raw: Value
    span: Span
    here: Here | None = None
    contested: bool = False
    agreed: bool = False
    person: bool = False


def setter_of(agreement: Agreement, path: Path) -> Setter | None:
    """Who set the agreed value at ``path``."""
    return agreement.setters.get(path) or agreement.setters.get(BIRTH)


def claims_of(here: Here, agreement: Agreement, policy: Policy, moment: Moment) -> list[Claim]:
    """What a copy that was settled before claims now: the fields that a person changed in it."""
    if not here.changes or here.channel.direction is Direction.TO or here.settled is None:
        return []
    whole = agreement.appointment
    fields = readable(here.channel, whole, policy, agreement.born)
    view = _View.of(here, agreement, policy)
    claims: list[Claim] = []
    for path, raw in here.changes.items():
        if not is_readable(path, fields):
            continue
        if raw == view.shown(path):
            continue
        claims.append(_claim(here, agreement, view, path, raw))
    return claims


def already_so(here: Here, agreement: Agreement, policy: Policy) -> Iterator[tuple[Path, Value]]:
    """The agreed values, by the copy's own paths, that it has come to hold without being asked,
    or without that having been recorded. They count as asked."""
    if not here.changes or here.settled is None:
        return
    view = _View.of(here, agreement, policy)
    for path, raw in here.changes.items():
        if raw == view.shown(path):
            yield path, get(view.full, path)


def newcomer_claims(
    here: Here, agreement: Agreement, policy: Policy, heres: Iterable[Here]
) -> list[Claim]:
    """A copy that joins claims only fields that are empty in the agreement; an invitation also
    that its organizer has called it off, if that is not seen otherwise in any of ``heres``."""
    if here.copy is None or here.channel.direction is Direction.TO:
        return []
    whole = agreement.appointment
    fields = readable(here.channel, whole, policy, agreement.born)
    claims = [
        Claim(here.channel.name, path, value, value, here.span, here)
        for path, value in element_paths(here.copy.reads)
        if here.place[1] == WHOLE
        and path[0] in fields
        and not is_empty(value)
        and is_empty(getattr(whole, path[0]))
    ]
    if here.place[1] == WHOLE and "status" in fields and _is_called_off(here, heres, policy):
        status = here.copy.reads.status
        claims.append(Claim(here.channel.name, _STATUS, status, status, here.span, here))
    return claims


def _is_called_off(here: Here, heres: Iterable[Here], policy: Policy) -> bool:
    """Whether an invitation joins that its organizer has called off. Where the organizer's own
    meeting stands, or an invitation of somebody else's, just this person is to come no more."""
    copy = here.copy
    if copy is None or not copy.invited or copy.reads.organizer is None:
        return False
    if copy.reads.status is not Status.CANCELLED:
        return False
    organizer = copy.reads.organizer.email
    return not any(_stands(other, organizer, policy) for other in heres if other is not here)


def _stands(here: Here, organizer: str, policy: Policy) -> bool:
    """Whether a copy that ``organizer`` keeps, or sent to somebody, is there and not cancelled."""
    copy = here.copy
    if copy is None or here.gone or copy.reads.status is Status.CANCELLED:
        return False
    if copy.invited:
        return copy.reads.organizer is not None and copy.reads.organizer.email == organizer
    ours = here.settled is not None and here.settled.ours
    return not ours and organizer in policy.names_of(here.channel.person)


def birth_claims(here: Here, policy: Policy) -> list[Claim]:
    """Where no copy has an agreement, every reading is a claim, except that which says nothing."""
    if here.copy is None:
        return []
    fields = readable(here.channel, here.copy.reads, policy, here.channel.name)
    return [
        Claim(here.channel.name, path, value, value, here.span, here)
        for path, value in element_paths(here.copy.reads)
        if path[0] in fields and not is_empty(value)
    ]


def on_behalf(path: Path, agreement: Agreement) -> Claim | None:
    """The agreed value as a claim of whoever set it."""
    setter = setter_of(agreement, path)
    if setter is None:
        return None
    value = get(agreement.appointment, path)
    return Claim(
        setter.channel,
        path,
        value,
        value,
        setter.changed,
        agreed=True,
        person=setter.is_person,
    )


def unsubsumed(claims: Iterable[Claim], policy: Policy) -> list[Claim]:
    """Claims that are only what their channel would hold of another's value are claims of that
    value: it has the rank of either. Those that might be of several are left out."""
    claims = list(claims)
    if len({claim.value for claim in claims}) < 2:
        return claims
    left: list[Claim] = []
    for claim in claims:
        whole = {other.value for other in claims if _holds_of(claim, other, policy)}
        if len(whole) < 2:
            left.append(replace(claim, value=next(iter(whole), claim.value)))
    return left


def owes(here: Here, path: Path, agreement: Agreement, policy: Policy) -> bool:
    """Whether the channel is owed the agreed value at ``path`` of its own copy."""
    return _View.of(here, agreement, policy).owes(here, path)


def is_as_given(here: Here, agreement: Agreement, policy: Policy) -> bool:
    """Whether a copy reads just as its channel would hold what it is given."""
    full = _View.of(here, agreement, policy).full
    return here.copy is not None and here.copy.reads == project(full, here.channel.fidelity)


def is_disputed(settled: Settled, path: Path) -> bool:
    """Whether it was decided against this copy at ``path``, or at the whole of its field."""
    return path in settled.disputed or path[:1] in settled.disputed


def _holds_of(claim: Claim, other: Claim, policy: Policy) -> bool:
    if claim is other or claim.value == other.value or claim.agreed:
        return False
    channel = policy.channels.get(claim.channel)
    if channel is None:
        return False
    shown = project_value(claim.path[-1], other.value, channel.fidelity)
    if shown != claim.raw:
        return False
    # Two channels that each shorten to the same text: the longer one is the full value.
    mutual = policy.channels.get(other.channel)
    if mutual is None or other.agreed:
        return True
    back = project_value(claim.path[-1], claim.value, mutual.fidelity)
    return back != other.raw or len(str(other.value)) > len(str(claim.value))


@dataclass(frozen=True, slots=True)
class _View:
    """The agreed appointment as one place is given it, and what the channel would hold of it."""

    channel: Channel
    full: Appointment

    @classmethod
    def of(cls, here: Here, agreement: Agreement, policy: Policy) -> _View:
        appointment, born = agreement.appointment, agreement.born
        whole = given(here.channel, appointment, policy, born)
        slot = here.place[1]
        full = whole if slot == WHOLE else (occurrence(whole, slot) or whole)
        full = for_copy(here.channel, here.settled, full, appointment, policy, born)
        return cls(here.channel, full)

    def shown(self, path: Path) -> Value:
        """What the channel would hold at ``path``."""
        fidelity = self.channel.fidelity
        if len(path) == 1 and path[0] in fidelity.carries and path[0] != "recurrence":
            return project_value(path[0], get(self.full, path), fidelity)
        return get(project(self.full, fidelity), path)

    def owes(self, here: Here, path: Path) -> bool:
        settled = here.settled
        if settled is None or get(settled.copy.reads, path) == self.shown(path):
            return False
        if settled.asked is None or is_disputed(settled, path):
            return True
        return get(settled.asked, path) != get(self.full, path)


def _claim(here: Here, agreement: Agreement, view: _View, path: Path, raw: Value) -> Claim:
    """One changed value as a claim on the appointment: lifted, and contested or not."""
    was = get(here.settled.copy.reads, path) if here.settled is not None else None
    fidelity = here.channel.fidelity
    contested = _contested(here, agreement, view, path)
    try:
        value = _lifted(path, raw, was, get(view.full, path), fidelity)
    except CannotLift:
        value, contested = raw, True
    slot = here.place[1]
    if slot == WHOLE or path[0] not in OVERRIDABLE_FIELDS:
        return Claim(here.channel.name, path, value, raw, here.span, here, contested)
    if len(path) > 1:
        value, raw = _whole_field(here, view, path[0])
    target = ("overrides", slot, path[0])
    return Claim(here.channel.name, target, value, raw, here.span, here, contested)


def _lifted(path: Path, raw: Value, was: Value, full: Value, fidelity: Fidelity) -> Value:
    if raw is None or was is None or full is None:
        return raw
    return lift(path, raw, was, full, fidelity)


def _contested(here: Here, agreement: Agreement, view: _View, path: Path) -> bool:
    target = _target_path(here, path)
    setter = setter_of(agreement, target) if target is not None else None
    if setter is None or setter.channel == here.channel.name:
        return False
    if path in here.unfinished:
        return True
    return view.owes(here, path) or setter.at > here.known_until


def _target_path(here: Here, path: Path) -> Path | None:
    slot = here.place[1]
    if slot == WHOLE:
        return path
    return ("overrides", slot, path[0]) if path[0] in OVERRIDABLE_FIELDS else None


def _whole_field(here: Here, view: _View, name: str) -> tuple[Value, Value]:
    """What a copy of a single occurrence says of a field of which an element was edited, which is
    an override of the whole field: lifted, and as it reads."""
    if here.copy is None or here.settled is None:
        raise ValueError("no copy, no edit")
    raw = get(here.copy.reads, (name,))
    was, full = get(here.settled.copy.reads, (name,)), get(view.full, (name,))
    return _lifted((name,), raw, was, full, here.channel.fidelity), raw


def deleted_path(here: Here) -> Path:
    """The path that says that the occurrence of this place does not take place."""
    return ("overrides", here.place[1], DELETED)


def by_path(claims: Iterable[Claim]) -> Mapping[Path, list[Claim]]:
    """Claims grouped by what they are about, in a stable order."""
    grouped: dict[Path, list[Claim]] = {}
    for claim in claims:
        grouped.setdefault(claim.path, []).append(claim)
    return grouped
