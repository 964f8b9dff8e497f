"""After a play has come to rest: what must hold, checked on the remotes and the diary alone.

Each complaint begins with the invariant it is about. An empty list is a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from syncd.core.fidelity import project
from syncd.core.model import Appointment, Status, Value
from syncd.core.paths import DELETED, Path, field_of, get
from syncd.core.state import AppointmentId, Key, Marker
from tests.world.company import CRM, Desk
from tests.world.diary import Diary
from tests.world.filed import alike, as_set, is_of_series, value_in
from tests.world.oracle import Edit, Oracle
from tests.world.people import slot_of, token_of
from tests.world.series import occurrence, slots
from tests.world.steps import Token
from tests.world.surface import Remote


@dataclass(frozen=True, slots=True)
class Shown:
    """One item at the end."""

    key: Key
    token: Token
    slot: str
    reads: Appointment


class Verdict:
    """Looks at the remotes of ``oracle``'s company as they are now."""

    def __init__(self, oracle: Diary, systems: Mapping[str, Remote]) -> None:
        self._oracle = oracle
        self._systems = systems
        self._shown = {name: _shown(system, oracle) for name, system in systems.items()}

    def complaints(self) -> list[str]:
        """Everything that does not hold."""
        return [
            *self._mails(),
            *self._strangers(),
            *self._twins(),
            *self._existence(),
            *self._records(),
            *self._equality(),
            *self._invented_drops(),
            *self._lost_edits(),
            *self._priorities(),
            *self._stripped(),
        ]

    def _mails(self) -> Iterator[str]:
        for name, system in self._systems.items():
            if system.mails:
                yield f"5: {system.mails} mails went out from {name}"

    def _strangers(self) -> Iterator[str]:
        for name, items in self._shown.items():
            for item in items:
                if item.token not in self._oracle.births:
                    yield f"6: {name} holds {item.key}, which nobody made"

    def _twins(self) -> Iterator[str]:
        for name, items in self._shown.items():
            counted = Counter((item.token, item.slot) for item in items)
            for (token, slot), number in counted.items():
                if number > 1:
                    yield f"3: {name} holds {token} {slot} {number} times"
            whole = {item.token for item in items if not item.slot}
            rows = {item.token for item in items if item.slot}
            for token in sorted(whole & rows):
                yield f"3: {name} holds {token} whole and in rows"

    def _existence(self) -> Iterator[str]:
        for token, birth in self._oracle.births.items():
            endings = [each for each in self._oracle.endings if each.token == token]
            lives = {name for name in self._systems if self._lives(name, token)}
            if birth.sort == "lunch":
                yield from self._private(token, birth.channel, lives, ended=bool(endings))
                continue
            required, allowed = self._places(token)
            excused = {name for name, each in self._oracle.excused if each == token}
            if endings and not all(each.contested for each in endings):
                for name in sorted(lives):
                    yield f"4: {token} was ended and lives in {name}"
            elif not endings or lives:
                for name in sorted(required - lives - excused):
                    yield f"4: {token} lives and is not in {name}"
                for name in sorted(lives - allowed):
                    if not self._is_guest(name, token):
                        yield f"4: {token} does not belong in {name}"

    def _is_guest(self, channel: str, token: Token) -> bool:
        """Whether all that a channel has is an invitation to what is somebody else's."""
        keys = [item.key for item in self._items(channel, token)]
        invited = all("invited" in self._systems[channel].foreign(key) for key in keys)
        return invited and self._oracle.may_be_invited(channel, token)

    def _records(self) -> Iterator[str]:
        """What was ended in a calendar, and not in the CRM, keeps its record, as one that is
        cancelled."""
        crm = self._systems[CRM]
        for token, birth in self._oracle.births.items():
            dropped = any(e.token == token and e.path[-1] == DELETED for e in self._oracle.edits)
            if birth.sort == "lunch" or dropped or self._items(CRM, token):
                continue
            deleted = any(e.token == token and e.channel == CRM for e in self._oracle.endings)
            gone = [crm.reads_of(item) for item in crm.buried.values()]
            if not deleted and any(token_of(held) == token for held in gone):
                yield f"2: {token} was never deleted in {CRM}, and its record is gone"

    def _private(self, token: Token, home: str, lives: set[str], *, ended: bool) -> Iterator[str]:
        if home not in lives and not ended:
            yield f"4: {token} is private and no longer in {home}"
        for name in sorted(lives - {home}):
            yield f"4: {token} is private and in {name}"

    def _places(self, token: Token) -> tuple[set[str], set[str]]:
        """The channels that must hold a living appointment, and those that may."""
        birth = self._oracle.births[token]
        record = next((item.reads for item in self._items(CRM, token)), None)
        edits = self._oracle.edits
        handed = [e.after for e in edits if e.token == token and e.path[-1] == "owner"]
        taking_part = set(handed[-1:])  # where every row was dropped, and with them the owner
        if record is not None:
            taking_part = {record.owner, *(each.email for each in record.attendees)}
        desks = self._oracle.company.desks
        required = {d.name for d in desks if not d.person or d.person in taking_part}
        records = {(CRM, item.key) for item in self._items(CRM, token)}
        if not handed and not self._oracle.is_stray(token, records):
            required.add(birth.channel)
        empty = self._emptied(token)
        if empty is not None:
            required -= {d.name for d in desks if not d.fidelity.repeats(empty)}
        return required, required | {birth.channel}

    def _emptied(self, token: Token) -> Appointment | None:
        """A series of which people dropped every occurrence, of what it was duplicated from maybe:
        where single ones stand for it, as for any in a channel without series, there are none."""
        anew = self._oracle.births[token].anew
        dropped = {
            e.path[1]
            for e in self._oracle.edits
            if (e.token == token or not anew)
            and e.path[0] == "overrides"
            and e.path[2] == DELETED
            and e.after
        }
        series = [
            item.reads
            for name in self._systems
            for item in self._items(name, token)
            if item.reads.recurrence is not None
        ]
        is_empty = all(
            slot in dropped and value_in(held, "", ("overrides", slot, DELETED))
            for held in series
            for slot in slots(held)
        )
        return series[0] if series and is_empty else None

    def _equality(self) -> Iterator[str]:
        for token in self._oracle.births:
            held = [
                (desk, item)
                for desk in self._oracle.company.desks
                for item in self._items(desk.name, token)
                if item.reads.status is not Status.CANCELLED
            ]
            series = next((each for each in held if each[1].reads.recurrence is not None), None)
            first = series or next(iter(held), None)
            if first is None:
                continue
            for other in held:
                if not _equal(first, other):
                    names = f"{first[0].name} and {other[0].name}"
                    yield f"1: {token} {other[1].slot} differs in {names}"
            if series is not None:
                yield from self._missing_rows(token, series[1].reads)

    def _missing_rows(self, token: Token, series: Appointment) -> Iterator[str]:
        living = {
            s for s in slots(series) if value_in(series, "", ("overrides", s, DELETED)) is None
        }
        for desk in self._oracle.company.desks:
            rows = {item.slot for item in self._items(desk.name, token)}
            if rows and not desk.fidelity.recurrence and rows != living:
                yield f"1: {desk.name} has other occurrences of {token} than its series"

    def _invented_drops(self) -> Iterator[str]:
        """What nobody has dropped takes place. Where an occurrence was dropped, what was duplicated
        or split off may have come without it."""
        edits = self._oracle.edits
        dropped = {e.token for e in edits if e.path[0] == "overrides" and e.path[-1] == DELETED}
        for name in self._systems:
            for item in self._shown[name]:
                birth = self._oracle.births.get(item.token)
                if birth is None or item.reads.recurrence is None or item.token in dropped:
                    continue
                if (dropped and not birth.anew) or item.reads.status is Status.CANCELLED:
                    continue
                for slot in slots(item.reads):
                    if value_in(item.reads, "", ("overrides", slot, DELETED)):
                        yield f"2: {item.token} {slot} is dropped in {name}, and nobody did that"

    def _lost_edits(self) -> Iterator[str]:
        for edit in self._oracle.edits:
            if self._oracle.is_superseded(edit) or self._ended(edit.token):
                continue
            if edit.number in self._oracle.unnoticed:
                continue
            if not (self._holds(edit) or self._oracle.is_on_record(edit, self._ids(edit.token))):
                yield f"2: {edit.channel} set {edit.path} of {edit.token} to {edit.after!r}: lost"

    def _priorities(self) -> Iterator[str]:
        for edit in self._oracle.edits:
            if field_of(edit.path) in self._oracle.company.asks:
                continue  # who answers decides, and not at once
            place = (edit.token, edit.path)
            rivals = [e for e in self._oracle.edits if (e.token, e.path) == place]
            if any(e.look > edit.look for e in rivals) or not self._oracle.was_calm(edit):
                continue
            if self._oracle.joined(edit):
                continue
            met = [e for e in rivals if e.look == edit.look and not self._oracle.joined(e)]
            last = {e.channel: e for e in met}
            best = min(last, key=self._oracle.company.ranking.index)
            alive = not any(each.token == edit.token for each in self._oracle.endings)
            if last[best] is edit and alive and len(last) > 1 and not self._holds(edit):
                losers = sorted(set(last) - {best})
                yield f"rule: {best} ranks above {losers} at {edit.path} of {edit.token} and lost"

    def _stripped(self) -> Iterator[str]:
        for plant in self._oracle.plants:
            system = self._systems[plant.channel]
            if plant.key not in system.items or plant.key in system.buried:
                continue
            if system.foreign(plant.key).get(plant.name) != plant.value:
                yield f"8: {plant.channel} lost {plant.name} of {plant.key}"

    def _items(self, channel: str, token: Token) -> list[Shown]:
        return [item for item in self._shown[channel] if item.token == token]

    def _lives(self, channel: str, token: Token) -> bool:
        found = self._items(channel, token)
        return any(item.reads.status is not Status.CANCELLED for item in found)

    def _ended(self, token: Token) -> bool:
        """Whether an appointment was ended by people and lives nowhere."""
        if not any(each.token == token for each in self._oracle.endings):
            return False
        return not any(self._lives(name, token) for name in self._systems)

    def _holds(self, edit: Edit) -> bool:
        """Whether the value of ``edit`` is what its channel shows, or any if it lost the copy. So
        for each of the series that may go on with it."""
        return any(
            self._oracle.agree(
                replace(edit, after=as_set(edit.path, edit.before, edit.after, value)), value, name
            )
            or self._is_same_time(edit, value)
            for token in sorted(self._oracle.goes_on_as(edit.token))
            for name in ([edit.channel] if self._items(edit.channel, token) else self._systems)
            for value in self._values(name, token, edit.path)
        )

    def _is_same_time(self, edit: Edit, value: Value) -> bool:
        """Whether a copy that went and was made anew from one without time zones tells the time
        that somebody had set in it."""
        went = any(
            (each.token, each.channel) == (edit.token, edit.channel) and each.edits > edit.number
            for each in self._oracle.endings
        )
        desks = self._oracle.company.desks if went and field_of(edit.path) == "when" else ()
        held = [desk.fidelity for desk in desks if desk.fidelity.zone]
        return any(alike(edit.path, edit.after, each, value, each) for each in held)

    def _values(self, channel: str, token: Token, path: Path) -> Iterator[Value]:
        """What a channel shows at a filed path."""
        items = self._items(channel, token)
        slot = path[1] if path[0] == "overrides" else ""
        rows = [item for item in items if item.slot]
        if slot and rows:
            here = [item for item in rows if item.slot == slot]
            if path[2] == DELETED:
                yield None if here else True
            else:
                shown = here or (rows if is_of_series(path) else [])
                yield from (value_in(item.reads, slot, path) for item in shown)
            return
        yield from (
            value_in(item.reads, "", path) if slot else get(item.reads, path) for item in items
        )

    def _ids(self, token: Token) -> set[AppointmentId]:
        """Under which ids the daemon may know an appointment: by the marks on its copies, or that
        they bore; after an old backup also by one that stands on no copy."""
        marks = [
            (self._oracle.stands_for(token_of(system.reads_of(item)), ""), mark.appointment)
            for system in self._systems.values()
            for held in (system.items, system.buried)
            for item in held.values()
            if (mark := Marker.parse(str(item.property("marker")))) is not None
        ]
        names = self._oracle.goes_on_as(token)
        elsewhere = {id for other, id in marks if other not in names}
        told = {id for id, _ in self._oracle.records}
        own = {id for other, id in marks if other in names}
        return own | self._oracle.known_as.get(token, set()) | (told - elsewhere)


def judged(diary: Diary, systems: Mapping[str, Remote]) -> list[str]:
    """What does not hold, by the reading of the diary that fits best of those that can be true."""
    return min((Verdict(each, systems).complaints() for each in diary.possible()), key=len)


def _shown(system: Remote, oracle: Oracle) -> list[Shown]:
    found = [(key, slot_of(system, key), system.reads(key)) for key in system.items]
    return [
        Shown(key, oracle.stands_for(token_of(held), slot), slot, held) for key, slot, held in found
    ]


def _equal(one: tuple[Desk, Shown], two: tuple[Desk, Shown]) -> bool:
    """Whether two copies can be projections of one appointment."""
    (ours, first), (theirs, second) = one, two
    if first.slot != second.slot and not first.slot and first.reads.recurrence is not None:
        if second.slot not in slots(first.reads):
            return False
        reads = occurrence(first.reads, second.slot)
    elif first.slot != second.slot:
        return True
    else:
        reads = first.reads
    return project(reads, theirs.fidelity) == project(second.reads, ours.fidelity)
