"""What people did, written down as they did it, by nobody that shares code with settling.

An edit is kept by token and path; a row that stands for one occurrence of a series is filed
under the occurrence (``("overrides", slot, field)``), so that both kinds of channels speak of
the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from syncd.core.model import Appointment, Value
from syncd.core.paths import DELETED, Path, diff, field_of
from syncd.core.state import AppointmentId, Key, Kind, Marker, Record, Slot
from tests.world.company import Company
from tests.world.exchanged import Exchanged
from tests.world.filed import alike, filed, goes, same_place, same_value, value_in
from tests.world.steps import Token

CALM_LOOKS = 3  # so many undisturbed cycles in a row before a look, and all was equal then


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody in ``channel`` changed ``path`` of ``token``, after cycle ``look``.

    ``before`` and ``after`` are what the channel showed.
    """

    number: int
    look: int
    channel: str
    token: Token
    path: Path
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Birth:
    """Made in ``channel`` after cycle ``look``; ``sort``: the verb; ``anew``: from no other one."""

    token: Token
    channel: str
    sort: str
    look: int = 0
    anew: bool = True


@dataclass(frozen=True, slots=True)
class Plant:
    """Another program's property on an item."""

    channel: str
    key: Key
    name: str
    value: str


@dataclass(slots=True)
class Ending:
    """``token`` was deleted or cancelled under ``key``, after cycle ``look`` and so many ``edits``.

    ``contested``: an edit stood or stands against it.
    """

    token: Token
    channel: str
    key: Key
    look: int
    edits: int
    contested: bool


@dataclass
class Oracle:
    """The diary of one play."""

    company: Company
    births: dict[Token, Birth] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    heirs: dict[Token, dict[str, Token]] = field(default_factory=dict)
    excused: set[tuple[str, Token]] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    known_as: dict[Token, set[AppointmentId]] = field(default_factory=dict)
    records: list[tuple[AppointmentId, Record]] = field(default_factory=list)
    calm: list[bool] = field(default_factory=list)
    listed: list[frozenset[str]] = field(default_factory=list)
    forgotten: tuple[int, int] = (0, 0)
    strange: frozenset[tuple[str, Key]] = frozenset()
    told: tuple[tuple[str, Slot, Appointment], ...] = ()
    unnoticed: set[int] = field(default_factory=set)
    exchanged: Exchanged = field(default_factory=Exchanged)

    # ---- what people do

    def born(self, token: Token, channel: str, sort: str, *, anew: bool = True) -> None:
        """A new appointment."""
        self.births[token] = Birth(token, channel, sort, len(self.calm), anew)

    def edited(
        self, channel: str, token: Token, slot: str, before: Appointment, after: Appointment
    ) -> None:
        """An item read as ``before`` and now reads as ``after``. Who drops an occurrence sets no
        value of it: what it had of its own goes with it."""
        for path in diff(before, after):
            place = filed(path, slot)
            if goes(place, after):
                continue
            old, new = (value_in(held, slot, place) for held in (before, after))
            self._note(channel, token, place, old, new)

    def dropped(self, channel: str, token: Token, slot: str) -> None:
        """The row of one occurrence was deleted."""
        self._note(channel, token, ("overrides", slot, DELETED), None, True)

    def split(
        self,
        channel: str,
        token: Token,
        cut: tuple[str, Token],
        before: Appointment,
        after: Appointment,
    ) -> None:
        """A series was ended before an occurrence, and another goes on from it: ``cut``."""
        self._note(channel, token, ("recurrence",), before.recurrence, after.recurrence)
        slot, heir = cut
        self.heirs.setdefault(token, {})[slot] = heir

    def ended(self, channel: str, token: Token, key: Key, shown: Appointment) -> None:
        """The whole appointment was deleted or cancelled where it read as ``shown``."""
        unseen = any(
            edit.channel not in {channel}.union(*self.listed[edit.look : -1])
            or self._is_forgotten(edit, channel)
            or not self.agree(edit, value_in(shown, "", edit.path), channel)
            for edit in self.edits
            if edit.token == token and not self.is_superseded(edit)
        )
        self._end(token, channel, key, contested=unseen or self._is_untold(channel, key))

    def thinned(self, channel: str, token: Token, shown: Appointment, other: Appointment) -> None:
        """One of two items that stood for the whole appointment was deleted where it read as
        ``shown``; ``other`` is still there, so that nothing has ended. What only the deleted one
        showed, and no undisturbed look had seen, went with it."""
        self.lost |= {
            edit.number
            for edit in self.edits
            if (edit.token, edit.channel) == (token, channel)
            and not self._was_seen(channel, range(edit.look, len(self.calm)))
            and self.agree(edit, value_in(shown, "", edit.path), channel)
            and not self.agree(edit, value_in(other, "", edit.path), channel)
        }

    def written_over(self, channel: str, token: Token) -> None:
        """The vendor wrote its invitation over our copy, which was cancelled. An invitation joins:
        what differs in it is put back and on record (design, section 5). So is a cancellation that
        no undisturbed look had seen in our copy; nothing has ended by it."""
        along = {token, *self.heirs.get(token, {}).values()}
        for ending in self.endings:
            seen = self._was_seen(channel, range(ending.look, len(self.calm)))
            if ending.token in along and ending.channel == channel and not seen:
                ending.contested = True

    def went_along(self, channel: str, token: Token, key: Key, *, contested: bool) -> None:
        """``token`` is the rest of a cancelled series, and no less cancelled: it lives only where
        the series does, whose cancellation was ``contested`` before it was split, or is later."""
        self._end(token, channel, key, contested=contested)

    def _comes_back(self, token: Token) -> None:
        """A deleted item came back: whether it lives is for the rules."""
        if not any(ending.token == token for ending in self.endings):
            self._end(token, "", "", contested=True)
        self._contest(token)

    def purged(self, channel: str, tokens: Iterable[Token]) -> None:
        """Items went that had ended: there they may stay away, elsewhere they stay. What no calm
        cycle had seen yet, or only in a plan that was held, may never have been elsewhere."""
        for token in tokens:
            self.excused.add((channel, token))
            birth = self.births.get(token)
            seen = birth and self._was_seen(birth.channel, range(birth.look, len(self.calm)))
            if birth and (self.company.holds or not seen):
                self._end(token, "", "", contested=True)

    def copied(self, channel: str, old: Key, new: Key) -> None:
        """An item was written under another key, too, with all that is on it."""
        for plant in list(self.plants):
            if (plant.channel, plant.key) == (channel, old):
                self.plants.append(Plant(channel, new, plant.name, plant.value))

    def marked(self, token: Token, marker: Marker | None) -> None:
        """Our copy bears this mark, and may lose it: a duplicate of it may keep it then."""
        if marker is not None:
            self.known_as.setdefault(token, set()).add(marker.appointment)

    def planted(self, channel: str, key: Key, name: str, value: str) -> None:
        """An item got a property that syncd does not know."""
        self.plants.append(Plant(channel, key, name, value))

    # ---- what the daemon does

    def remade(self, channel: str) -> None:
        """The collection of ``channel`` is another one from now on."""
        self.exchanged.remade(channel)

    def looking(self, shown: Mapping[str, frozenset[Key]]) -> None:
        """A cycle begins; the remotes have those that are ``shown``."""
        self.exchanged.anew[len(self.calm)] = found = self.exchanged.looking(shown)
        for channel in found:
            for ending in self.endings:
                looks = range(ending.look, len(self.calm))
                if ending.channel == channel and not self._was_seen(channel, looks):
                    ending.contested = True

    def looked(self, *, calm: bool, listed: Iterable[str]) -> None:
        """A cycle has ended; ``calm``: nothing was broken meanwhile. ``listed``: the channels that
        told what they have; one that had failed is left alone for a while."""
        self.calm.append(calm)
        self.listed.append(frozenset(listed))
        self.exchanged.looked(self.listed[-1] if calm else ())

    def restored(
        self,
        looks: int,
        known: Mapping[tuple[str, Key], Appointment | None],
        shown: Iterable[tuple[str, Key]],
        told: Iterable[tuple[str, Slot, Appointment]] = (),
    ) -> None:
        """A backup from after so many cycles is used, in which there are these ``known`` copies;
        the remotes have those that are ``shown``. ``told``: what it has of each copy.

        Nobody can tell that a copy is gone of which no store and no other copy tells, nor that it
        went after an edit that it did not show at the time of the backup: where it ended since,
        its appointment may live. So it may where it ends before there was a look.
        """
        self.forgotten = (looks, len(self.calm))
        self.strange = frozenset(shown) - known.keys()
        self.told = tuple(told)
        self.unnoticed |= {edit.number for edit in self.edits if self._is_back(edit)}
        self.exchanged.restored(known)
        for ending in self.endings:
            if ending.look >= looks and not self._is_told(ending, looks, known):
                ending.contested = True

    def recorded(self, records: Iterable[tuple[AppointmentId, Record]]) -> None:
        """Keep what history says, also for when the state is lost."""
        known = set(map(repr, self.records))
        self.records += [line for line in records if repr(line) not in known]

    # ---- what follows

    def is_contested(self, token: Token) -> bool:
        """Whether an edit stands against an ending of ``token``."""
        return any(ending.contested for ending in self.endings if ending.token == token)

    def sort_of(self, token: Token) -> str:
        """How an appointment was born."""
        return self.births[token].sort

    def stands_for(self, token: Token, slot: str) -> Token:
        """Whose occurrence the row of ``slot`` is that is called ``token``: of a series that was
        split, the later ones are the new one's, whatever name somebody gave to one of them."""
        cuts = [cut for cut in self.heirs.get(token, {}) if slot and cut <= slot]
        return self.stands_for(self.heirs[token][max(cuts)], slot) if cuts else token

    def is_superseded(self, edit: Edit) -> bool:
        """Whether somebody later changed the same value there, or elsewhere having seen it."""
        slot = edit.path[1] if edit.path[0] == "overrides" else ""
        names = {edit.token, self.stands_for(edit.token, slot)}
        later = [e for e in self.edits[edit.number + 1 :] if e.token in names]
        if edit.number in self.lost:
            return True
        if slot and any(e.path == ("overrides", slot, DELETED) for e in later):
            return True
        if any(self._took_along(ending, edit) for ending in self.endings):
            return True
        return any(
            (e.path == edit.path and e.channel == edit.channel)
            or (same_value(e.path, edit.path) and self.agree(edit, e.before, e.channel))
            for e in later
        )

    def agree(self, edit: Edit, value: Value, channel: str) -> bool:
        """Whether ``value``, as ``channel`` holds it, can be what ``edit`` set."""
        if field_of(edit.path) not in self.company.desk(channel).fidelity.carries | {DELETED}:
            return True
        theirs = self.company.desk(edit.channel).fidelity
        return alike(edit.path, edit.after, theirs, value, self.company.desk(channel).fidelity)

    def is_on_record(self, edit: Edit, ids: set[AppointmentId]) -> bool:
        """Whether a conflict or put-back tells the value of ``edit``."""
        fidelity = self.company.desk(edit.channel).fidelity
        return any(
            id_ in ids
            and record.kind in _RECORDING
            and same_place(record.path, edit.path)
            and any(
                alike(edit.path, edit.after, fidelity, told, fidelity)
                for told in (record.value, record.before, *(v for _, v in record.claims))
            )
            for id_, record in self.records
        )

    def was_calm(self, edit: Edit) -> bool:
        """Whether nothing was broken in the cycles round an edit, and its value at rest before."""
        around = self.calm[max(0, edit.look - CALM_LOOKS) : edit.look + 1]
        rivals = [e for e in self.edits if (e.token, e.path) == (edit.token, edit.path)]
        rested = all(not edit.look - CALM_LOOKS < e.look < edit.look for e in rivals)
        return len(around) == CALM_LOOKS + 1 and all(around) and rested

    def _is_forgotten(self, edit: Edit, channel: str) -> bool:
        """Whether an edit is not in the backup that is used, nor seen in ``channel`` since."""
        seen = self._was_seen(channel, range(self.forgotten[1], len(self.calm)))
        return self.forgotten[0] <= edit.look < self.forgotten[1] and not seen

    def _is_back(self, edit: Edit) -> bool:
        """Whether an edit set just what its copy reads as in the backup that is used, which does
        not know what was there between, and no undisturbed look had seen it, or that, before.
        It reads as settled, and only what differs from that is a claim (design, section 5)."""
        looks, since = self.forgotten
        unknown = range(min(edit.look, since), max(edit.look, since))
        if edit.look < looks or self._was_seen(edit.channel, unknown):
            return False
        own = edit.path[1] if edit.path[0] == "overrides" else ""
        return any(
            channel == edit.channel
            and held.title.partition(" ")[0] == edit.token
            and slot in ("", own)
            and value_in(held, slot, edit.path) == edit.after
            for channel, slot, held in self.told
        )

    def _is_untold(self, channel: str, key: Key) -> bool:
        """Whether no undisturbed look was since a backup is used that does not know this copy."""
        looks = range(self.forgotten[1], len(self.calm))
        return (channel, key) in self.strange and not self._was_seen(channel, looks)

    def _is_told(
        self, ending: Ending, looks: int, known: Mapping[tuple[str, Key], Appointment | None]
    ) -> bool:
        """Whether a copy that ended was ``known``, with all edits that others had made or had."""
        place = (ending.channel, ending.key)
        held = known.get(place)
        if held is None:
            return place in known
        return all(
            self.agree(edit, value_in(held, "", edit.path), ending.channel)
            for edit in self.edits[: ending.edits]
            if edit.token == ending.token
            and (
                edit.channel != ending.channel
                or any(edit.channel in each for each in self.listed[edit.look : ending.look])
            )
            and not any(
                (e.token, e.path) == (edit.token, edit.path) and e.look < looks
                for e in self.edits[edit.number + 1 :]
            )
        )

    def _took_along(self, ending: Ending, edit: Edit) -> bool:
        """Whether an edit may never have been seen: its own channel deleted the item before an
        undisturbed look."""
        same = (ending.token, ending.channel) == (edit.token, edit.channel)
        seen = self._was_seen(edit.channel, range(edit.look, ending.look))
        return same and ending.edits > edit.number and not seen

    def _was_seen(self, channel: str, looks: Iterable[int]) -> bool:
        """Whether a channel was listed in one of these cycles, and nothing was broken in it."""
        return any(self.calm[look] and channel in self.listed[look] for look in looks)

    def _note(self, channel: str, token: Token, path: Path, before: Value, after: Value) -> None:
        self._contest(token)
        number = len(self.edits)
        self.edits.append(Edit(number, len(self.calm), channel, token, path, before, after))
        if self._is_back(self.edits[-1]):
            self.unnoticed.add(number)

    def _end(self, token: Token, channel: str, key: Key, *, contested: bool) -> None:
        looks, edits = len(self.calm), len(self.edits)
        birth = self.births.get(token)
        if channel in self.exchanged.away:
            contested = True
            self.excused.add((channel, token))
        elif birth is not None and not birth.anew and birth.channel in self.exchanged.away:
            contested = True  # a duplicate has nothing of its own by which it would be known there
        self.endings.append(Ending(token, channel, key, looks, edits, contested))

    def _contest(self, token: Token) -> None:
        along = {token, *self.heirs.get(token, {}).values()}
        for ending in self.endings:
            if ending.token in along:
                ending.contested = True


_RECORDING = frozenset(
    {Kind.CONFLICT, Kind.PUT_BACK, Kind.OVERWRITTEN, Kind.ASKED, Kind.CLOSED, Kind.DELETED}
)
