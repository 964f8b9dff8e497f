"""Owing: what each channel should hold, and the writes that this takes. Always derived."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from syncd.core.alone import Elsewhere
from syncd.core.belong import (
    Moment,
    concerned,
    defaults_of,
    for_copy,
    given,
    in_window,
    is_cancelled,
    is_private,
    keeps_cancelled,
    projected,
    should_hold,
    takes_part,
)
from syncd.core.channel import Channel, Direction, OnExit, Policy
from syncd.core.claims import is_disputed
from syncd.core.draft import Draft, agreed_path
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import Appointment, Status, Value
from syncd.core.paths import Path, diff, get, patch
from syncd.core.recurrence import ended, is_occurrence, occurrence
from syncd.core.safety import INVITED, LEFT
from syncd.core.series import slot_start_utc
from syncd.core.situation import Here
from syncd.core.state import (
    GAVE_WAY,
    WHOLE,
    WITHDRAWN,
    Absence,
    Kind,
    Operation,
    Place,
    Record,
    Settled,
    Slot,
    Write,
)
from syncd.core.told import told
from syncd.core.withdrawn import forget, keeps_own, remember_ending, remember_gone, withdraw

NO_LONGER_HELD = "no longer held"
CANCELLED = "cancelled"
DELETED = "deleted"
NOT_AN_OCCURRENCE = "no longer an occurrence"
SINGLY = "single occurrences stand for the series here"
IN_SERIES = "its series is held here now"
CHANGED = "changed"
NEW = "new here"


_PAST_TOO = frozenset({DELETED, IN_SERIES, INVITED})
"""Why also the copy of a single occurrence goes that is over."""

_LIVES_ON = frozenset({NO_LONGER_HELD, LEFT, INVITED, SINGLY})
"""Why a copy goes of what is to be in another place, or form, from then on."""


class Owing:
    """Derives the writes that a draft owes; tells the draft which absences are agreed. ``follows``:
    more is owed as soon as one of them is accepted."""

    def __init__(
        self,
        draft: Draft,
        heres: Mapping[Place, Here],
        policy: Policy,
        moment: Moment,
        aside: frozenset[tuple[Place, Path]] = frozenset(),
        invited: frozenset[Place] = frozenset(),
    ) -> None:
        self.draft, self.heres, self.policy, self.moment = draft, heres, policy, moment
        self.aside, self.invited = aside, invited
        self.private = is_private(draft.appointment)
        self.shown: list[tuple[Appointment, Fidelity, Appointment]] = []
        self.writes: list[Write] = []
        self.follows = False

    def derive(self) -> tuple[Write, ...]:
        """All writes, in the order of the channels."""
        self._release_absences()
        remember_gone(self.heres.values(), self.draft, self.policy)
        places: dict[str, list[Place]] = {}
        for place in self.draft.copies:
            places.setdefault(place[0], []).append(place)
        for channel in concerned(self.draft.appointment, self.policy, places):
            if channel.direction is not Direction.FROM:
                self._channel(channel, places.get(channel.name, []))
        around = (self.draft, self.heres, self.policy, self.moment, self.aside)
        kept = Elsewhere(*around, self.writes).kept(_LIVES_ON)
        self.follows = len(kept) < len(self.writes)
        return kept

    def _channel(self, channel: Channel, places: list[Place]) -> None:
        draft = self.draft
        if draft.deleting is not None:
            self._end(channel, places, DELETED)
            return
        if not keeps_cancelled(channel) and is_cancelled(draft.appointment):
            self._end(channel, places, CANCELLED)
            return
        if (channel.name, WHOLE) in self.invited:
            self._give_way(channel, places)
            return
        stays = self.private and any(self._may_stay(channel, place) for place in places)
        if not should_hold(
            channel, draft.appointment, self.policy, born=draft.born, here=stays
        ) and not keeps_own(channel, places, draft, self.policy):
            self._exit(channel, places)
            return
        forget(channel, draft)
        self._equal(channel, places)

    def _may_stay(self, channel: Channel, place: Place) -> bool:
        return channel.is_crm or not self.draft.copies[place].ours

    def _end(self, channel: Channel, places: list[Place], reason: str) -> None:
        remember_ending(channel, places, self.draft, self.policy)
        for place in places:
            self._record_leaving(channel, place)
        self._remove(channel, places, reason)

    def _exit(self, channel: Channel, places: list[Place]) -> None:
        if channel.on_exit is OnExit.KEEP or (channel.is_left and self._has_ended()):
            return
        for place in places:
            self._record_leaving(channel, place)
            withdraw(channel, place, self.draft)
        self._remove(channel, places, LEFT if channel.is_left else NO_LONGER_HELD)

    def _give_way(self, channel: Channel, places: list[Place]) -> None:
        """The vendor's own invitation waits beside our copy, which goes. That is said once: it is
        on record while our copy, or for a moment any, is absent."""
        place = (channel.name, WHOLE)
        absence = self.draft.absent.get(place)
        if absence is None or absence.reason == WITHDRAWN:
            self.draft.absent[place] = Absence(self.draft.now, GAVE_WAY)
            self.draft.records.append(Record(Kind.REPLACED, (), GAVE_WAY, channel.name))
        self._remove(channel, places, INVITED)

    def _record_leaving(self, channel: Channel, place: Place) -> None:
        """What a copy says differently that joins where it may not stay."""
        here = self.heres.get(place)
        if here is None or not here.newcomer:
            return
        whole = given(channel, self.draft.appointment, self.policy, self.draft.born)
        full = whole if place[1] == WHOLE else occurrence(whole, place[1])
        if full is not None:
            full, shown = self._for_copy(channel, place, full, None)
            owed, _, _ = self._owed(place, self.draft.copies[place], full, shown)
            owed.pop(("status",), None)  # it goes: that is no fight for whether it takes place
            self._record_newcomer(here, owed)

    def _has_ended(self) -> bool:
        moment = self.moment
        return ended(self.draft.appointment, moment.now, moment.default_zone)

    def _remove(self, channel: Channel, places: list[Place], reason: str) -> None:
        for place in places:
            here = self.heres.get(place)
            if (here is not None and here.waiting) or (place, ()) in self.aside:
                continue
            if place[1] != WHOLE and self._is_past(place[1]) and reason not in _PAST_TOO:
                continue
            base = self.draft.copies[place].copy
            self.writes.append(Write(*place, Operation.DELETE, base=base, reason=reason))

    def _equal(self, channel: Channel, places: list[Place]) -> None:
        """Every copy as it should be, and the ones that are missing."""
        draft = self.draft
        whole = given(channel, draft.appointment, self.policy, draft.born)
        series = whole.recurrence is not None and not channel.fidelity.repeats(whole)
        if series and (channel.name, WHOLE) in draft.copies and channel.fidelity.recurrence:
            self._whole_goes(channel, whole)
            return
        if not series and len(places) == 1 and places[0][1] == WHOLE:
            if not self._is_as_asked(places[0], whole):
                self._update(channel, places[0], whole)
            return
        wanted = projected(channel.fidelity, whole, self.moment, series=series)
        have = {place[1] for place in places}
        if not series and self._series_comes(channel, whole, have):
            places = []  # what stands for its occurrences goes when it is there
        for place in places:
            self._occurrence(channel, place, whole, wanted, series=series)
        for slot, shown in wanted.items():
            if slot not in have:
                full = occurrence(whole, slot) if slot != WHOLE else whole
                self._create(channel, slot, full or whole, shown)

    def _whole_goes(self, channel: Channel, whole: Appointment) -> None:
        """A series that the channel could hold until now: single occurrences stand for it when it
        is gone. If it may not go it stays, so that nothing is there twice; so does an invitation.
        """
        place = (channel.name, WHOLE)
        settled = self.draft.copies[place]
        if settled.copy.invited:
            self._update(channel, place, whole)
            singly = [each for each in self.draft.copies if each[0] == channel.name]
            self._remove(channel, [each for each in singly if each != place], IN_SERIES)
        else:
            self._remove(channel, [place], SINGLY)

    def _series_comes(self, channel: Channel, whole: Appointment, have: Set[Slot]) -> bool:
        """Whether the channel gets a series for which single occurrences still stand there."""
        if whole.recurrence is None or WHOLE in have or whole.status is Status.CANCELLED:
            return False
        wanted = (channel.name, WHOLE) not in self.draft.absent and in_window(whole, self.moment)
        return wanted and bool(have)

    def _occurrence(
        self,
        channel: Channel,
        place: Place,
        whole: Appointment,
        wanted: Mapping[Slot, Appointment],
        *,
        series: bool,
    ) -> None:
        slot = place[1]
        shown = wanted.get(slot)
        if shown is not None:
            full = occurrence(whole, slot) if slot != WHOLE else whole
            self._update(channel, place, full or whole, shown)
        elif whole.recurrence is not None and not series and is_occurrence(whole, slot):
            self._remove(channel, [place], IN_SERIES)
        elif slot != WHOLE and not self._is_past(slot):
            if not series or not is_occurrence(whole, slot) or occurrence(whole, slot) is None:
                self._remove(channel, [place], NOT_AN_OCCURRENCE)
        elif series and slot == WHOLE:
            self._remove(channel, [place], NOT_AN_OCCURRENCE)

    def _projected(self, whole: Appointment, fidelity: Fidelity) -> Appointment:
        """As :func:`project`, once for all channels of one fidelity."""
        for given_, of, shown in self.shown:
            if given_ is whole and of is fidelity:
                return shown
        shown = project(whole, fidelity)
        self.shown.append((whole, fidelity, shown))
        return shown

    def _for_copy(
        self, channel: Channel, place: Place, full: Appointment, shown: Appointment | None
    ) -> tuple[Appointment, Appointment]:
        """Of what the channel is given, in full and as it would hold it, what this copy is."""
        draft, settled = self.draft, self.draft.copies[place]
        meant = for_copy(channel, settled, full, draft.appointment, self.policy, draft.born)
        if meant is full and shown is not None:
            return full, shown
        return meant, self._projected(meant, channel.fidelity)

    def _is_as_asked(self, place: Place, whole: Appointment) -> bool:
        settled = self.draft.copies[place]
        return not settled.disputed and settled.asked == whole

    def _update(
        self, channel: Channel, place: Place, full: Appointment, shown: Appointment | None = None
    ) -> None:
        full, shown = self._for_copy(channel, place, full, shown)
        here = self.heres.get(place)
        settled = self.draft.copies[place]
        owed, left_out, all_of_it = self._owed(place, settled, full, shown)
        self._record_newcomer(here, owed)
        self._record_overwritten(here, owed)
        if not owed:
            self._settle_down(place, settled, full, shown)
            return
        if (here is not None and here.waiting) or (place, ()) in self.aside:
            return
        content = shown if all_of_it else patch(settled.copy.reads, owed)
        asked = patch(full, {path: get(settled.copy.reads, path) for path in left_out})
        self.writes.append(
            Write(
                *place, Operation.UPDATE, content, asked, settled.copy, tuple(sorted(owed)), CHANGED
            )
        )

    def _owed(
        self, place: Place, settled: Settled, full: Appointment, shown: Appointment
    ) -> tuple[dict[Path, Value], list[Path], bool]:
        """What the copy is owed, what it would be but for a question or being set aside, and
        whether that is all in which it differs."""
        owed: dict[Path, Value] = {}
        left_out: list[Path] = []
        different = diff(settled.copy.reads, shown)
        for path, value in different.items():
            if self._was_asked(settled, path, full) and self._was_told(place, settled, path, shown):
                continue
            question = self.draft.open.get(agreed_path(place[1], path))
            if (question is not None and place[0] in question.claims) or (
                (place, path) in self.aside
            ):
                left_out.append(path)
            else:
                owed[path] = value
        return owed, left_out, len(owed) == len(different)

    def _was_told(self, place: Place, settled: Settled, path: Path, shown: Appointment) -> bool:
        """Whether what the copy was asked for told it what is ``shown`` at ``path``: what an
        occurrence has of its own is not told while its series has the same."""
        if path[0] != "overrides" or settled.asked is None:
            return True
        fidelity = self.policy.channels[place[0]].fidelity
        return get(project(settled.asked, fidelity), path) == get(shown, path)

    def _was_asked(self, settled: Settled, path: Path, full: Appointment) -> bool:
        """Whether the copy was asked exactly that, and it was not decided against it since."""
        if settled.asked is None or is_disputed(settled, path):
            return False
        return get(settled.asked, path) == get(full, path)

    def _settle_down(
        self, place: Place, settled: Settled, full: Appointment, shown: Appointment
    ) -> None:
        """A copy that reads as it should needs no dispute, and counts as asked for just that: else
        it would not be told when what it was asked for is agreed again."""
        if not settled.disputed:
            return
        different = diff(settled.copy.reads, shown).keys()
        fields = {path[:1] for path in different}
        left = frozenset(p for p in settled.disputed if p in different or p in fields)
        if left != settled.disputed:
            so = {path: get(full, path) for path in settled.disputed - left}
            asked = patch(settled.asked, so) if settled.asked is not None else None
            self.draft.copies[place] = replace(settled, asked=asked, disputed=left)

    def _create(self, channel: Channel, slot: Slot, full: Appointment, shown: Appointment) -> None:
        place = (channel.name, slot)
        here = self.heres.get(place)
        if place in self.draft.absent or (place, ()) in self.aside:
            return
        if channel.fidelity.series is not None and (channel.name, WHOLE) in self.draft.absent:
            return  # nor what would stand for it
        if channel.name in self.moment.blind or (here is not None and here.waiting):
            return
        if shown.status is Status.CANCELLED and "status" in channel.fidelity.carries:
            return  # nobody needs a new copy of what does not take place
        if slot == WHOLE and not in_window(full, self.moment):
            return
        content = patch(shown, defaults_of(channel, shown))
        self.writes.append(Write(*place, Operation.CREATE, content, full, reason=NEW))

    def _release_absences(self) -> None:
        """An agreed absence ends: moved into the future, or its person is added anew."""
        draft, before = self.draft, self.draft.before
        for place, absence in list(draft.absent.items()):
            if absence.reason == GAVE_WAY and place not in self.invited:
                del draft.absent[place]  # the invitation has come, or was taken back
        if before is None or not draft.absent:
            return
        moment = self.moment
        moved = draft.appointment.when != before.appointment.when
        if moved:
            moved = ended(before.appointment, moment.now, moment.default_zone) and not ended(
                draft.appointment, moment.now, moment.default_zone
            )
        for place, absence in list(draft.absent.items()):
            if absence.reason == WITHDRAWN:
                continue  # that ends when the channel holds it
            added = bool(absence.person) and (
                takes_part(absence.person, draft.appointment, self.policy)
                and not takes_part(absence.person, before.appointment, self.policy)
            )
            if (moved or added) and absence.since != draft.now:
                del draft.absent[place]

    def _record_newcomer(self, here: Here | None, owed: Mapping[Path, Value]) -> None:
        """What a copy that joins says differently is recorded and put back."""
        if here is None or not here.newcomer or here.copy is None or self.draft.before is None:
            return
        self.draft.records += told(Kind.PUT_BACK, "joined later", here, owed, owed)

    def _record_overwritten(self, here: Here | None, owed: Mapping[Path, Value]) -> None:
        if here is None or here.copy is None or not (here.silent or here.unfinished):
            return
        paths = [
            path
            for path in owed
            if (path in here.unfinished and path not in here.changes)
            or any(path in intent.write.paths for intent in here.silent)
        ]
        self.draft.records += told(Kind.OVERWRITTEN, "intent open", here, owed, paths)

    def _is_past(self, slot: Slot) -> bool:
        start = slot_start_utc(slot, self.draft.appointment, self.moment.default_zone)
        return start < self.moment.now


def nothing_left(draft: Draft, policy: Policy, writes: tuple[Write, ...]) -> bool:
    """Whether an appointment is over and done with: no copy anywhere and none owed."""
    return not writes and not any(place[0] in policy.channels for place in draft.copies)
