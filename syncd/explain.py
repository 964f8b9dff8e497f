"""Why a value is as it is: who set it, what else was claimed, and how each copy stands to it.

Answered from the store alone; no system is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.config import Settings
from syncd.core.belong import (
    Moment,
    given,
    holds,
    in_window,
    is_cancelled,
    is_private,
    keeps_cancelled,
    should_hold,
)
from syncd.core.channel import Channel, Direction, FilterMode, OnExit, Policy
from syncd.core.claims import is_disputed
from syncd.core.draft import agreed_path
from syncd.core.fidelity import project
from syncd.core.model import FIELDS, Appointment, Value
from syncd.core.paths import Path, element_paths, field_of, get, is_empty
from syncd.core.recurrence import occurrence
from syncd.core.state import (
    WHOLE,
    WITHDRAWN,
    Agreement,
    AppointmentId,
    ChannelName,
    Place,
    Question,
    Setter,
    Settled,
    Slot,
)
from syncd.errors import ConfigError
from syncd.naming import Named
from syncd.problems import nearest
from syncd.remembered import remembered_policy
from syncd.store import Aside, HistoryEntry, Store

SAME = "as agreed"
FINER = "as this system can hold it"
ASKED = "was asked exactly this, and holds it otherwise"
OWED = "is owed the agreed value"
DISPUTED = "was decided against; is owed the agreed value"
CLAIMED = "keeps its own value until the question is answered"
NOT_CARRIED = "has no such field"
SINGLE = "a single event: this channel has no form for the series"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one copy stands to the agreed value of a field. ``reads``: what it shows."""

    channel: ChannelName
    slot: Slot
    reads: Value
    state: str


@dataclass(frozen=True, slots=True)
class FieldStory:
    """One value: who set it, what was decided about it so far (oldest first), its copies."""

    path: Path
    value: Value
    setter: Setter | None
    records: Sequence[HistoryEntry] = ()
    copies: Sequence[Standing] = ()
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """A channel and its copy, or why it has none. ``asides``: what is left alone there."""

    channel: ChannelName
    slot: Slot = WHOLE
    key: str = ""
    reason: str = ""
    confirmed: datetime | None = None
    asides: Sequence[Aside] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of one appointment. ``life``: records of the whole of it: birth, deletion,
    absences."""

    id: AppointmentId
    bridge: str
    appointment: Appointment
    state: str
    born: ChannelName
    fields: Sequence[FieldStory] = ()
    channels: Sequence[Presence] = ()
    life: Sequence[HistoryEntry] = ()


@dataclass(slots=True)
class _View:
    """What the parts of an explanation are told from."""

    agreement: Agreement
    policy: Policy
    moment: Moment
    asides: Sequence[Aside]
    shown: dict[Place, tuple[Appointment, Appointment]] = field(default_factory=dict)

    def of(self, place: Place) -> tuple[Appointment, Appointment] | None:
        """What a place is given in full, and what it would hold of that."""
        channel = self.policy.channels.get(place[0])
        if channel is None:
            return None
        if place not in self.shown:
            whole = given(channel, self.agreement.appointment, self.policy, self.agreement.born)
            full = whole if place[1] == WHOLE else occurrence(whole, place[1]) or whole
            self.shown[place] = full, project(full, channel.fidelity)
        return self.shown[place]


def explain(
    settings: Settings, store: Store, named: Named, now: datetime, field: str | None = None
) -> Explanation:
    """The story of ``named``, of one ``field`` or of all that say something.

    Raises ``ConfigError`` if there is no such field.
    """
    records = store.histories([named.id]).get(named.id, [])
    agreement = store.agreements([named.id]).get(named.id)
    if field is not None and field.partition(".")[0] not in FIELDS:
        raise ConfigError(f"there is no field {field!r}", hint=nearest(field, FIELDS))
    life = [each for each in records if not each.record.path]
    if agreement is None:
        fields = [
            FieldStory(path, value, None, _about(path, records))
            for path, value in _told(named.appointment, records, field)
        ]
        born = next((e.record.remains.born for e in life if e.record.remains is not None), "")
        return Explanation(
            named.id, named.bridge, named.appointment, "deleted", born, fields, (), life
        )
    view = _view(settings, store, named, agreement, now)
    fields = [
        _field(path, value, records, view)
        for path, value in _told(agreement.appointment, records, field)
    ]
    state = "being deleted" if agreement.deleting is not None else "agreed"
    channels = list(_presences(view))
    return Explanation(
        named.id,
        named.bridge,
        agreement.appointment,
        state,
        agreement.born,
        fields,
        channels,
        life,
    )


def _view(
    settings: Settings, store: Store, named: Named, agreement: Agreement, now: datetime
) -> _View:
    bridge = next((each for each in settings.bridges if each.name == named.bridge), None)
    policy = remembered_policy(store, bridge, settings.people) if bridge is not None else Policy({})
    window = settings.daemon.window(now)
    moment = Moment(now, window.start, window.end, settings.daemon.time_zone)
    asides = [each for each in store.asides(named.bridge) if each.appointment == named.id]
    return _View(agreement, policy, moment, asides)


def _told(
    appointment: Appointment, records: Sequence[HistoryEntry], field: str | None
) -> list[tuple[Path, Value]]:
    """The values that say something, or of which history says something; those of one field,
    or of one element (``attendees.li@example.com``)."""
    values = {path: value for path, value in element_paths(appointment) if not is_empty(value)}
    for entry in records:
        path = entry.record.path
        if path and path not in values and path != ("deleting",):
            values[path] = get(appointment, path)
    if field is not None and "." not in field and not any(_is_of(p, field) for p in values):
        values[(field,)] = get(appointment, (field,))
    order = {name: place for place, name in enumerate(FIELDS)}
    chosen = [path for path in values if field is None or _is_of(path, field)]
    return [(path, values[path]) for path in sorted(chosen, key=lambda p: (order[p[0]], p))]


def _is_of(path: Path, field: str) -> bool:
    name, _, element = field.partition(".")
    if element:
        return path[0] == name and ".".join(path[1:]).startswith(element)
    return name in (path[0], field_of(path))


def _about(path: Path, records: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    return [each for each in records if each.record.path == path]


def _field(path: Path, value: Value, records: Sequence[HistoryEntry], view: _View) -> FieldStory:
    setters = view.agreement.setters
    setter = setters.get(path) or setters.get(path[:1]) or setters.get(())
    copies = [
        standing
        for place, settled in view.agreement.copies.items()
        if (standing := _standing(place, settled, path, view)) is not None
    ]
    question = view.agreement.open.get(path)
    return FieldStory(path, value, setter, _about(path, records), copies, question)


def _standing(place: Place, settled: Settled, path: Path, view: _View) -> Standing | None:
    """How a copy stands to a value; ``None`` for one of which the path says nothing."""
    shown = view.of(place)
    own = _own(place, path)
    if shown is None or own is None:
        return None
    full, projected = shown
    channel = view.policy.channels[place[0]]
    if own[0] not in channel.fidelity.carries:
        return Standing(*place, None, NOT_CARRIED)
    reads = get(settled.copy.reads, own)
    return Standing(*place, reads, _state(place, settled, own, (full, projected), view))


def _state(
    place: Place, settled: Settled, own: Path, shown: tuple[Appointment, Appointment], view: _View
) -> str:
    full, projected = shown
    reads = get(settled.copy.reads, own)
    for aside in view.asides:
        here = not aside.channel or (aside.channel, aside.slot) == place
        if here and aside.path in ((), own):
            return f"is set aside until {aside.until:%Y-%m-%d %H:%M} UTC: {aside.reason}"
    question = view.agreement.open.get(agreed_path(place[1], own))
    if question is not None and place[0] in question.claims:
        return CLAIMED
    if reads == get(projected, own):
        return SAME if reads == get(full, own) else FINER
    if is_disputed(settled, own):
        return DISPUTED
    if settled.asked is not None and get(settled.asked, own) == get(full, own):
        return ASKED
    return OWED


def _own(place: Place, path: Path) -> Path | None:
    """A path of the appointment in the terms of a copy; an occurrence's copy has its own."""
    slot = place[1]
    if slot == WHOLE:
        return path
    if path[0] == "overrides":
        return (path[2],) if path[1] == slot and path[2] != "deleted" else None
    return None if path[0] == "recurrence" else path


def _presences(view: _View) -> list[Presence]:
    """Every channel of the bridge: its copies, or why it has none."""
    found: list[Presence] = []
    for channel in view.policy.channels.values():
        asides = [each for each in view.asides if each.channel == channel.name]
        places = [place for place in view.agreement.copies if place[0] == channel.name]
        for place in places:
            settled = view.agreement.copies[place]
            found.append(
                Presence(
                    *place,
                    settled.copy.key,
                    _leaving(channel, view) or _form(channel, place[1], view),
                    settled.confirmed,
                    [each for each in asides if each.slot == place[1]],
                )
            )
        if not places:
            reason = _why_not(channel, view)
            found.append(Presence(channel.name, reason=reason, asides=asides))
    return found


def _leaving(channel: Channel, view: _View) -> str:
    """Why a copy that is there is to go, or stays although it is not held."""
    agreement = view.agreement
    if agreement.deleting is not None:
        return "is to be deleted"
    if not keeps_cancelled(channel) and is_cancelled(agreement.appointment):
        return "is to be removed: it is cancelled"
    if holds(channel, agreement.appointment, view.policy):
        return ""
    if channel.on_exit is OnExit.KEEP:
        return "is not held here (any more), and kept"
    return "is not held here (holds)"


def _form(channel: Channel, slot: Slot, view: _View) -> str:
    """Why a copy is not the series, in a channel that holds others."""
    whole = given(channel, view.agreement.appointment, view.policy, view.agreement.born)
    if slot == WHOLE or whole.recurrence is None or not channel.fidelity.recurrence:
        return ""
    return "" if channel.fidelity.repeats(whole) else SINGLE


def _why_not(channel: Channel, view: _View) -> str:
    agreement, appointment = view.agreement, view.agreement.appointment
    absence = agreement.absent.get((channel.name, WHOLE))
    if agreement.deleting is not None:
        return "it is being deleted"
    if not keeps_cancelled(channel) and is_cancelled(appointment):
        return "it is cancelled, and this channel removes what is"
    if not holds(channel, appointment, view.policy):
        return _not_held(channel, withdrawn=absence is not None and absence.reason == WITHDRAWN)
    if is_private(appointment) and not should_hold(
        channel, appointment, view.policy, born=agreement.born, here=False
    ):
        return f"it is private and stays in {agreement.born}"
    if absence is not None:
        return f"its absence is agreed since {absence.since:%Y-%m-%d %H:%M} UTC: {absence.reason}"
    if channel.direction is Direction.FROM:
        return "this channel is only read"
    if not in_window(appointment, view.moment):
        return "it is outside the window"
    return "it is owed a copy"


def _not_held(channel: Channel, *, withdrawn: bool) -> str:
    words = {
        FilterMode.OWN: f"{channel.person} neither owns it nor takes part",
        FilterMode.MATCH: f"it does not match holds ({', '.join(sorted(channel.holds.match))})",
        FilterMode.CUSTOMERS: "it concerns no customer",
        FilterMode.NONE: "this channel holds none",
    }
    gone = "; its copy was withdrawn" if withdrawn else ""
    return words.get(channel.holds.mode, "this channel does not hold it") + gone
