"""An agreement in the making: what a settling has decided so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.core.claims import BIRTH, Claim
from syncd.core.decide import Decision
from syncd.core.fidelity import Fidelity, project_value
from syncd.core.model import OVERRIDABLE_FIELDS, Appointment, Value
from syncd.core.paths import Path, get, patch
from syncd.core.situation import Here
from syncd.core.state import (
    WHOLE,
    Absence,
    Agreement,
    ChannelName,
    Key,
    Kind,
    Operation,
    Place,
    Question,
    Record,
    Setter,
    Settled,
    Slot,
    Write,
)


@dataclass(slots=True)
class Draft:
    """The next agreement, mutable while it is being decided. Fields as in ``Agreement``."""

    before: Agreement | None
    appointment: Appointment
    now: datetime
    born: ChannelName
    setters: dict[Path, Setter] = field(default_factory=dict)
    copies: dict[Place, Settled] = field(default_factory=dict)
    absent: dict[Place, Absence] = field(default_factory=dict)
    open: dict[Path, Question] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)
    deleting: datetime | None = None
    before_cancel: str = ""
    unmet: frozenset[ChannelName] = frozenset()
    gone: dict[ChannelName, Appointment] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    moved: list[tuple[ChannelName, Key, Slot]] = field(default_factory=list)

    @classmethod
    def of(cls, agreement: Agreement, now: datetime) -> Draft:
        """A draft that starts as ``agreement`` stands."""
        return cls(
            agreement,
            agreement.appointment,
            now,
            agreement.born,
            dict(agreement.setters),
            dict(agreement.copies),
            dict(agreement.absent),
            dict(agreement.open),
            set(agreement.uids),
            agreement.deleting,
            agreement.before_cancel,
            agreement.unmet,
            dict(agreement.gone),
        )

    def agreement(self) -> Agreement:
        """The draft as an agreement."""
        return Agreement(
            self.appointment,
            self.setters,
            self.copies,
            self.absent,
            self.open,
            frozenset(self.uids),
            self.born,
            self.deleting,
            self.before_cancel,
            self.unmet,
            self.gone,
        )

    def look_at(self, heres: Iterable[Here]) -> None:
        """Take over what every place shows now as its settled copy."""
        for here in heres:
            if here.copy is None:
                self._remember(here.place)
                self.copies.pop(here.place, None)
                continue
            if here.place[1] == WHOLE:
                self.gone.pop(here.place[0], None)
            # The row of an occurrence may go by the UID of a series that it was split from.
            if here.copy.uid and here.place[1] == WHOLE:
                self.uids.add(here.copy.uid)
            settled = here.settled
            if settled is None:
                self.copies[here.place] = Settled(here.copy, here.copy.reads)
                self.absent.pop(here.place, None)
            elif settled.copy is not here.copy or self.copies.get(here.place) is not settled:
                self.copies[here.place] = Settled(
                    here.copy, settled.asked, settled.disputed, settled.ours, settled.confirmed
                )

    def let_go(self, writes: Iterable[Write]) -> None:
        """These writes are owed: the store forgets a copy as soon as its removal is accepted."""
        for write in writes:
            if write.operation is Operation.DELETE:
                self._remember((write.channel, write.slot))

    def _remember(self, place: Place) -> None:
        """What it was last asked tells later whether what comes back there says anything new."""
        settled = self.copies.get(place)
        if settled is not None and place[1] == WHOLE:
            asked = settled.asked
            self.gone[place[0]] = asked if asked is not None else settled.copy.reads

    def set(self, path: Path, value: Value, setter: Setter) -> None:
        """Agree on ``value`` at ``path``."""
        self.appointment = patch(self.appointment, {path: value})
        self.setters[path] = setter

    def take(self, decision: Decision) -> None:
        """Carry out a decision: the value, its setter, who agrees, who is owed, the record."""
        before = get(self.appointment, decision.path)
        winner = decision.winner
        if winner is not None and (decision.value != before or winner.person):
            setter = Setter(winner.channel, winner.span, winner.span.latest, decision.rule)
            self.set(decision.path, decision.value, setter)
        for claim in (*decision.claims, *decision.struck):
            self._note_side(claim, decision)
        self.records.extend(records_of(decision, before))

    def keep_open(self, decision: Decision) -> None:
        """Leave a field open: its claimants keep their values."""
        for claim in decision.struck:
            if claim.here is not None:
                self.dispute(claim.here, claim.path)
        # Who set what is agreed may say something else by now.
        sides = sorted(decision.claims, key=lambda claim: not claim.agreed)
        claims = {claim.channel: claim.value for claim in sides}
        known = self.open.get(decision.path)
        if known is not None and known.claims == claims:
            return
        since = known.since if known is not None else self.now
        self.open[decision.path] = Question(claims, decision.rule, since)
        self.records.extend(records_of(decision, get(self.appointment, decision.path)))

    def count_as_asked(self, here: Here, path: Path, value: Value) -> None:
        """This copy has the agreed value at ``path`` already, in its own or in a finer form."""
        own = own_path(here, path)
        if own is not None:
            self.was_asked(here, own, value)

    def was_asked(self, here: Here, own: Path, value: Value) -> None:
        """As :meth:`count_as_asked`, at the copy's ``own`` path."""
        settled = self.copies.get(here.place)
        if settled is None:
            return
        asked = settled.asked if settled.asked is not None else settled.copy.reads
        if asked.overrides and own[0] in OVERRIDABLE_FIELDS:
            asked = _as_told(asked, own[0], here.channel.fidelity)
        asked = patch(asked, {own: value})
        disputed = settled.disputed - {own} if settled.disputed else settled.disputed
        self.copies[here.place] = Settled(
            settled.copy, asked, disputed, settled.ours, settled.confirmed
        )

    def dispute(self, here: Here, path: Path) -> None:
        """It was decided against this copy at ``path``: it is owed the agreed value."""
        settled = self.copies.get(here.place)
        own = own_path(here, path)
        if settled is not None and own is not None:
            self.copies[here.place] = replace(settled, disputed=settled.disputed | {own})

    def _note_side(self, claim: Claim, decision: Decision) -> None:
        if claim.here is None:
            return
        if claim.value == decision.value and decision.winner is not None:
            self.count_as_asked(claim.here, claim.path, claim.value)
        else:
            self.dispute(claim.here, claim.path)

    def birth_setter(self, setter: Setter) -> None:
        """Who set everything that nobody has set since."""
        self.setters[BIRTH] = setter


def _as_told(asked: Appointment, name: str, fidelity: Fidelity) -> Appointment:
    """Without what occurrences have of their own in the field ``name`` and a copy was not told of,
    since its series had the same: once the series has something else it is to be told."""
    series = project_value(name, getattr(asked, name), fidelity)
    untold: dict[Path, Value] = {
        ("overrides", slot, own): None
        for slot, override in asked.overrides
        for own, value in override.values
        if own == name != "when" and project_value(name, value, fidelity) == series
    }
    return patch(asked, untold)


def own_path(here: Here, path: Path) -> Path | None:
    """The path in a copy's own terms: an override of its occurrence is its own field."""
    slot = here.place[1]
    if slot == WHOLE:
        return path
    if path[0] == "overrides":
        return (path[2],) if path[1] == slot and path[2] != "deleted" else None
    return path


def agreed_path(slot: Slot, path: Path) -> Path:
    """The path in the appointment of a path of a copy: the inverse of :func:`own_path`."""
    if slot == WHOLE or path[0] not in OVERRIDABLE_FIELDS:
        return path
    return ("overrides", slot, path[0])


def whole_path(slot: Slot, path: Path) -> Path:
    """Of a path of a copy, the part that :func:`agreed_path` can name: a single occurrence has a
    field of its own, or has not, so of an element of it the whole field is told."""
    return path[:1] if slot != WHOLE and path[0] in OVERRIDABLE_FIELDS else path


def records_of(decision: Decision, before: Value) -> list[Record]:
    """What history keeps of a decision: the change, the conflict, each value put back."""
    records: list[Record] = []
    for claim in decision.struck:
        records.append(
            Record(
                Kind.PUT_BACK,
                decision.path,
                decision.struck_by,
                value=decision.value if decision.winner is not None else before,
                before=before,
                claims=((claim.channel, claim.value),),
            )
        )
    claims = tuple((claim.channel, claim.value) for claim in decision.claims)
    if decision.asked:
        records.append(Record(Kind.ASKED, decision.path, decision.rule, "", None, before, claims))
    elif decision.winner is not None and (decision.is_conflict or decision.value != before):
        kind = Kind.CONFLICT if decision.is_conflict else Kind.SET
        records.append(
            Record(
                kind,
                decision.path,
                decision.rule,
                decision.winner.channel,
                decision.value,
                before,
                claims,
            )
        )
    return records
