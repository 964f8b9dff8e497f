"""The diary of one play, read in every way that can be true.

Who deletes the original of a duplicate before syncd has told the two apart has moved it: "a second
key with a known marker in the same channel waits one cycle: if the first is gone it has moved,
else a person duplicated it and it is new". Then the duplicate is no appointment of its own, and
what it says are edits of its original. In bad weather nobody can tell how long it has waited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TypeVar, cast

from syncd.core.model import Appointment, Status
from syncd.core.paths import diff, field_of
from syncd.core.state import AppointmentId, Key, Marker, Slot
from tests.world.filed import value_in
from tests.world.oracle import Edit, Oracle
from tests.world.steps import Token

WAITS = 2
"""In so many looks a duplicate stands beside its original, and is new then."""

_Telling = TypeVar("_Telling", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Twin:
    """A duplicate, called ``token``, with its original's ``mark``; made after cycle ``look``."""

    token: Token
    mark: AppointmentId
    look: int


@dataclass(slots=True)
class Parting:
    """The original of a duplicate was deleted after cycle ``look``; the youngest that may have
    taken its place was made after cycle ``since``. ``doubtful``: nobody can tell whether it did.
    """

    channel: str
    token: Token
    since: int
    look: int
    doubtful: bool


def _told(tell: _Telling) -> _Telling:
    """Told to every reading, by the names that the appointments have there."""

    @wraps(tell)
    def telling(self: Diary, *words: object, **more: object) -> None:
        for each in self.readings():
            tell(each, *map(each.named, words), **more)

    return cast(_Telling, telling)


@dataclass
class Diary(Oracle):
    """A reading by which every duplicate is new, and with it the ``others``.

    ``names``: what was a duplicate by its name, and is its original moved. ``strays``: what
    a backup does not know that went where it was made, with all that was shown when it was used.
    ``arrivals``: where and of what a vendor's invitation came, and after which cycle. ``parts``:
    from which occurrence on and as what a series may go on that was cut in two calendars.
    """

    others: list[Diary] = field(default_factory=list)
    names: dict[Token, Token] = field(default_factory=dict)
    twins: dict[tuple[str, Key], Twin] = field(default_factory=dict)
    partings: list[Parting] = field(default_factory=list)
    strays: dict[Token, frozenset[tuple[str, Key]]] = field(default_factory=dict)
    arrivals: list[tuple[str, Token, int]] = field(default_factory=list)
    parts: dict[Token, dict[str, Token]] = field(default_factory=dict)

    born = _told(Oracle.born)
    edited = _told(Oracle.edited)
    dropped = _told(Oracle.dropped)
    ended = _told(Oracle.ended)
    thinned = _told(Oracle.thinned)
    written_over = _told(Oracle.written_over)
    went_along = _told(Oracle.went_along)
    purged = _told(Oracle.purged)
    copied = _told(Oracle.copied)
    marked = _told(Oracle.marked)
    planted = _told(Oracle.planted)
    remade = _told(Oracle.remade)
    looking = _told(Oracle.looking)
    looked = _told(Oracle.looked)
    recorded = _told(Oracle.recorded)

    def readings(self) -> list[Diary]:
        """This one and all others."""
        return [self, *self.others]

    def possible(self) -> list[Diary]:
        """The readings that can be true: where nothing was broken from before a duplicate was made
        until it was seen alone, it has moved."""
        return [each for each in self.readings() if not any(map(each._has_moved, each.partings))]

    def named(self, word: object) -> object:
        """A token by its name in this reading; nothing else is called as one."""
        return self.names.get(word, word) if isinstance(word, str) else word

    def doubled(self, channel: str, token: Token, key: Key, marker: Marker | None) -> None:
        """An item was duplicated to this ``key``, with its ``marker``: without one it is new."""
        if marker is not None:
            for each in self.readings():
                twin = Twin(token, marker.appointment, len(each.calm))
                each.twins[(channel, key)] = twin

    def rekeyed(self, channel: str, old: Key, new: Key) -> None:
        """An item has another key now."""
        for each in self.readings():
            if (channel, old) in each.twins:
                each.twins[(channel, new)] = each.twins.pop((channel, old))

    def restored(
        self,
        looks: int,
        known: Mapping[tuple[str, Key], Appointment | None],
        shown: Iterable[tuple[str, Key]],
        told: Iterable[tuple[str, Slot, Appointment]] = (),
    ) -> None:
        """A backup is used, and perhaps nobody can tell any more where something was made."""
        shown, told = frozenset(shown), tuple(told)
        names = {held.title.partition(" ")[0] for held in known.values() if held is not None}
        for each in self.readings():
            Oracle.restored(each, looks, known, shown, told)
            for ending in each.endings:
                place, birth = (ending.channel, ending.key), each.births.get(ending.token)
                made_there = birth is not None and birth.channel == ending.channel
                unknown = place not in {*known, *shown} and not names & each._names_of(ending.token)
                if made_there and unknown:
                    each.strays.setdefault(ending.token, shown)

    def is_stray(self, token: Token, records: Iterable[tuple[str, Key]]) -> bool:
        """Whether nobody can tell where an appointment was made, nor whose it is: the copy there
        went, no state knew of it, and all of its ``records`` in the CRM were made after that."""
        return token in self.strays and not self.strays[token] & set(records)

    def _names_of(self, token: Token) -> set[Token]:
        return {token, *(name for name, own in self.names.items() if own == token)}

    def deleted(
        self,
        channel: str,
        token: Token,
        gone: tuple[Key, Marker | None],
        shown: Appointment,
        left: Mapping[Key, Appointment],
    ) -> None:
        """The item ``gone`` was deleted where it read as ``shown``; these are ``left``."""
        for each in self.readings():
            each._forget_cuts(channel, each.names.get(token, token))
            self.others += each._parted(channel, each.names.get(token, token), gone, shown, left)

    def split(
        self,
        channel: str,
        token: Token,
        cut: tuple[str, Token],
        before: Appointment,
        after: Appointment,
    ) -> None:
        """A series was cut in two; where another calendar has cut it meanwhile, too, one of the two
        cuts holds, and nobody knows beforehand whose rows the later ones are."""
        for each in self.readings():
            name = each.names.get(token, token)
            Oracle.split(each, channel, name, cut, before, after)
            if each._is_cut_elsewhere(channel, name):
                each.parts.setdefault(name, {}).update(each.heirs.pop(name))

    def put_back(self, channel: str, token: Token, shown: Appointment, back: Appointment) -> None:
        """A deleted item came back: what has moved meanwhile may be a duplicate again. It reads as
        ``back``, the last one that went as ``shown``: what had been set between is taken back."""
        for each in self.readings():
            name = each.names.get(token, token)
            for parting in each.partings:
                parting.doubtful |= parting.token == name
            each.strays.pop(name, None)
            each.lost |= {
                edit.number
                for edit in each.edits
                if edit.token == name
                and each.agree(edit, value_in(shown, "", edit.path), channel)
                and not each.agree(edit, value_in(back, "", edit.path), channel)
            }
            each._comes_back(name)

    def arrived(self, channel: str, token: Token) -> None:
        """The vendor's own invitation came to a calendar."""
        for each in self.readings():
            each.arrivals.append((channel, each.names.get(token, token), len(each.calm)))

    def may_be_invited(self, channel: str, token: Token) -> bool:
        """Whether an invitation that came there may be to what is somebody else's by now: it stays
        then. Unless it had joined before that was handed over, nobody can tell; where a copy of
        ours is, it waits a cycle."""
        owners = [e for e in self.edits if e.token == token and field_of(e.path) == "owner"]
        return any(
            (name, own) == (channel, token)
            and not self._was_seen(channel, range(look + 1, edit.look))
            for name, own, look in self.arrivals
            for edit in owners
        )

    def joined(self, edit: Edit) -> bool:
        """Whether an edit was made in what joins in the cycle after it, and so claims nothing that
        is agreed: in a calendar met as if for the first time, or beside an invitation's arrival."""
        anew = self.exchanged.anew.get(edit.look, set())
        return edit.channel in anew or (edit.channel, edit.token, edit.look) in self.arrivals

    def left(self, channel: str) -> None:
        """A channel is not configured any more: what ended there and was not seen lives on, and
        may be given to it again, or not where it is somebody else's. A series that was split there
        and not seen is put back, and what goes on from it another one (trace 29), unless it is
        configured again before anybody has looked without it."""
        for each in self.readings():
            each.exchanged.away.add(channel)
            each._doubt_cuts(channel)
            for ending in each.endings:
                looks = range(ending.look, len(each.calm))
                if ending.channel == channel and not each._was_seen(channel, looks):
                    ending.contested = True
                    each.excused.add((channel, ending.token))

    def returned(self, channel: str) -> None:
        """It is configured again, and begins without agreements."""
        for each in self.readings():
            each.exchanged.returned(channel)
        self.remade(channel)

    def stands_for(self, token: Token, slot: str) -> Token:
        return Oracle.stands_for(self, self.names.get(token, token), slot)

    def is_superseded(self, edit: Edit) -> bool:
        """Also if a later occurrence had that value, and who cut its series could know of it, or
        had set it himself."""
        if Oracle.is_superseded(self, edit):
            return True
        slot, names = edit.path[1] if edit.path[0] == "overrides" else "", {edit.token}
        cuts = {**self.parts.get(edit.token, {}), **self.heirs.get(edit.token, {})}
        if any(cut <= slot for cut in cuts):
            names = self.goes_on_as(edit.token)
        return len(names) > 1 and any(
            cut.token in names
            and cut.path == ("recurrence",)
            and (cut.look > edit.look or cut.channel == edit.channel)
            for cut in self.edits[edit.number :]
        )

    def goes_on_as(self, token: Token) -> set[Token]:
        """What may have the occurrences of a series, if it was cut."""
        found = {token}
        for cuts in (self.parts.get(token, {}), self.heirs.get(token, {})):
            for heir in set(cuts.values()) - found:
                found |= self.goes_on_as(heir)
        return found

    def _is_cut_elsewhere(self, channel: str, token: Token) -> bool:
        return any(
            (edit.token, edit.path) == (token, ("recurrence",))
            and edit.channel != channel
            and not self._was_seen(edit.channel, range(edit.look, len(self.calm)))
            for edit in self.edits
        )

    def _doubt_cuts(self, channel: str) -> None:
        for edit in self.edits:
            cuts = self.heirs.get(edit.token) if edit.path == ("recurrence",) else None
            seen = self._was_seen(channel, range(edit.look, len(self.calm)))
            if cuts and edit.channel == channel and not seen:
                slot = min(cuts)  # a series is cut again only before
                self.parts.setdefault(edit.token, {})[slot] = cuts.pop(slot)

    def _forget_cuts(self, channel: str, token: Token) -> None:
        """Who cuts a series, makes another, and deletes the first one before there was a look has
        just made another one: nobody else can tell that it goes on."""
        for edit in self.edits:
            own = (edit.token, edit.channel) == (token, channel) and edit.path == ("recurrence",)
            cuts = self.heirs.get(token)
            if own and cuts and not self._was_seen(channel, range(edit.look, len(self.calm))):
                del cuts[min(cuts)]  # a series is cut again only before

    def _parted(
        self,
        channel: str,
        token: Token,
        gone: tuple[Key, Marker | None],
        shown: Appointment,
        left: Mapping[Key, Appointment],
    ) -> list[Diary]:
        """The readings by which one of its duplicates is what was deleted; here it has ended."""
        key, marker = gone
        own = self.twins.pop((channel, key), None)
        waiting = {
            other: twin
            for (name, other), twin in self.twins.items()
            if own is None and marker is not None and twin.mark == marker.appointment
            if name == channel and other in left and self._waits(channel, twin)
        }
        moves = [self._moved(channel, token, other, shown, left[other]) for other in waiting]
        if waiting:
            since = max(twin.look for twin in waiting.values())
            doubtful = token in self.known_as or any(e.token == token for e in self.endings)
            self.partings.append(Parting(channel, token, since, len(self.calm), doubtful))
        away = self._handed_away(channel, token, shown)
        if away is None:
            Oracle.ended(self, channel, token, key, shown)
        elif self._is_known(away):
            self._take_along(channel, token)
        else:
            self._end(token, channel, key, contested=True)
        return moves

    def _handed_away(self, channel: str, token: Token, shown: Appointment) -> Edit | None:
        """By which edit the person whose calendar this is lost what she had, for good: her copy,
        which reads as ``shown``, only waits to be withdrawn. Calendars do not show an owner."""
        person = self.company.desk(channel).person
        owners = [e for e in self.edits if e.token == token and field_of(e.path) == "owner"]
        if not person or not owners or owners[-1].after == person:
            return None
        if any(guest.email == person for guest in shown.attendees):
            return None
        return next((e for e in reversed(owners) if e.before == person), None)

    def _is_known(self, edit: Edit) -> bool:
        """Whether syncd is certain to know of an edit, also by the state that it has now: an
        absence of what belongs to somebody else is agreed then, and cancels nothing (trace 34)."""
        older, used = self.forgotten
        since = used if older <= edit.look < used else edit.look
        seen = self._was_seen(edit.channel, range(since, len(self.calm)))
        return seen and not self.company.holds

    def _take_along(self, channel: str, token: Token) -> None:
        """What a copy said that nobody had seen goes with it, though nothing ends."""
        self.lost |= {
            edit.number
            for edit in self.edits
            if (edit.token, edit.channel) == (token, channel)
            and not self._was_seen(channel, range(edit.look, len(self.calm)))
        }

    def _waits(self, channel: str, twin: Twin) -> bool:
        """Whether a duplicate need not be new yet."""
        looks = range(twin.look, len(self.calm))
        return sum(self._was_seen(channel, [look]) for look in looks) < WAITS

    def _moved(
        self, channel: str, token: Token, key: Key, shown: Appointment, now: Appointment
    ) -> Diary:
        """The reading by which ``token``, which read as ``shown``, is the item ``key`` now. What
        differs there was set there, but for what nobody saw and is now as it was before."""
        made = deepcopy(replace(self, others=[]), {id(self.company): self.company})
        made._rename(channel, made.twins.pop((channel, key)).token, token)
        Oracle.thinned(made, channel, token, shown, now)
        for path in diff(shown, now):
            old, new = (value_in(held, "", path) for held in (shown, now))
            unseen = [
                edit.before
                for edit in made.edits
                if (edit.token, edit.channel, edit.path) == (token, channel, path)
                and not made._was_seen(channel, range(edit.look, len(made.calm)))
            ]
            if path != ("status",) and unseen[:1] != [new]:
                made._note(channel, token, path, old, new)
        if now.status is Status.CANCELLED:
            Oracle.ended(made, channel, token, key, now)
        return made

    def _rename(self, channel: str, twin: Token, token: Token) -> None:
        """What was told of a duplicate is told of its original; what it says in its own
        ``channel`` is told by what it reads as."""
        self.names[twin] = token
        del self.births[twin]
        self.lost |= {e.number for e in self.edits if (e.token, e.channel) == (twin, channel)}
        self.edits = [replace(e, token=token) if e.token == twin else e for e in self.edits]
        self.endings = [ending for ending in self.endings if ending.token != twin]
        if twin in self.heirs:
            self.heirs.setdefault(token, {}).update(self.heirs.pop(twin))
        if twin in self.known_as:
            self.known_as.setdefault(token, set()).update(self.known_as.pop(twin))

    def _has_moved(self, parting: Parting) -> bool:
        """Whether everybody can tell that a duplicate has taken the place of its original."""
        looks = range(parting.look, len(self.calm))
        seen = next((look for look in looks if parting.channel in self.listed[look]), None)
        before = parting.since - 1
        if parting.doubtful or seen is None or before < 0:
            return False
        return self._was_seen(parting.channel, [before]) and all(self.calm[before : seen + 1])
