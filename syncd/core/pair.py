"""Pairing: which appointment a copy without an agreement belongs to.

In this order: our marker, a known key, the iCalendar UID, a tombstone, and on first contact a
unique match. Pairing alone rebuilds a lost store.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from syncd.core.belong import Moment, admits, in_window
from syncd.core.beside import is_left
from syncd.core.channel import Policy
from syncd.core.continuing import waits_for_cut
from syncd.core.heirs import inherited
from syncd.core.invitation import Turn, turn_of
from syncd.core.lost import contested, rebuilt, reunited, twins
from syncd.core.marks import (
    Unpaired,
    apart,
    by_slot,
    free_id,
    is_duplicate,
    ranked,
    series_born_without,
    series_of,
    slot_of,
    truly_marked,
)
from syncd.core.match import Candidate, Doubtful, SlotLink, match, ref_text
from syncd.core.model import Appointment
from syncd.core.paired import Known, Pairing, is_doubled, of_singles, standing_for, still_doubtful
from syncd.core.state import WHOLE, AppointmentId, ChannelName, Copy, Key, Place, Slot

_Ref: TypeAlias = tuple[ChannelName, Key]


def pair(
    unpaired: Sequence[Unpaired],
    known: Known,
    policy: Policy,
    moment: Moment,
    new_id: Callable[[], AppointmentId],
) -> Pairing:
    """Where each copy belongs. Deterministic but for ``new_id``; the order of copies is no matter
    but for which of two equal copies in one channel comes first (the lower key)."""
    return _Pairing(known, policy, moment, new_id).run(
        sorted(unpaired, key=lambda each: (each.channel, each.copy.key))
    )


class _Pairing:
    def __init__(
        self, known: Known, policy: Policy, moment: Moment, new_id: Callable[[], AppointmentId]
    ) -> None:
        self.known, self.policy, self.moment, self.new_id = known, policy, moment, new_id
        self.found = Pairing()
        self.taken: dict[tuple[AppointmentId, Place], Key] = dict(known.present)
        self.newborn_uids: dict[str, AppointmentId] = {}
        self.doubles: list[Unpaired] = []
        self.copies: dict[_Ref, Copy] = {}
        self.rivals: set[_Ref] = set()
        self.orphans: set[_Ref] = set()

    def run(self, unpaired: Sequence[Unpaired]) -> Pairing:
        unpaired = self._sorted_out(unpaired)
        self.copies = {_ref(each): each.copy for each in unpaired}
        left = [each for each in unpaired if not self._by_identity(each)]
        left = self._by_lost_marker(left)
        for each in self.doubles:
            self._duplicate(each)
        left = self._by_shared_uid(left)
        left = self._by_match(left)
        left = [each for each in left if not self._by_contested_marker(each)]
        for each in left:
            # A row whose series nobody shows waits for those who cannot be asked just now.
            if _ref(each) not in self.orphans:
                self._bear(each)
        return self.found

    def _sorted_out(self, unpaired: Sequence[Unpaired]) -> list[Unpaired]:
        """With the markers that are truly theirs, those whose UIDs confirm them first, invitations
        after what they may replace."""
        found, known = [e for e in unpaired if e.channel in self.policy.channels], self.known
        marked = truly_marked(found, known.by_uid, known.agreements)
        found = inherited(marked, known, self.policy, self.new_id)
        return ranked(found, known.by_uid, known.agreements)

    def _by_identity(self, each: Unpaired) -> bool:
        """Marker, key, UID, tombstone: names that lead to what is known."""
        copy, channel = each.copy, each.channel
        singles = of_singles(each, self.known)
        if singles:
            self.found.doubt(_ref(each), singles, "its UID is that of single appointments")
            return True
        found = self._named(each)
        if found is not None:
            return self._join(each, *found)
        names = {copy.marker.appointment} if copy.marker is not None else set()
        for stone in self.known.stones:
            same = (copy.uid is not None and copy.uid in stone.uids) or (
                (channel, copy.key) in stone.keys
            )
            if not same and stone.id in names and is_duplicate(each, stone):
                self.doubles.append(each)
                return True
            if same or stone.id in names:
                self.found.met.append((each, stone))
                return True
        return False

    def _named(self, each: Unpaired) -> tuple[AppointmentId, Slot] | None:
        copy, marker = each.copy, each.copy.marker
        ids = self.known.by_uid.get(copy.uid or "", frozenset())
        if marker is not None and marker.appointment in self.known.agreements:
            # A duplicate keeps the marker of its original, but has a UID of its own.
            own = ids if marker.appointment not in ids else frozenset()
            free = [id for id in own if (id, (each.channel, WHOLE)) not in self.taken]
            return (min(free), WHOLE) if free else (marker.appointment, marker.slot)
        by_key = self.known.by_key.get((each.channel, copy.key))
        if by_key is not None:
            return by_key
        # After an old backup the series may go by a new id; its rows still name their occurrences.
        return (min(ids), slot_of(each)) if ids else None

    def _join(self, each: Unpaired, id: AppointmentId, slot: Slot) -> bool:
        """Join an appointment, unless its place is taken: then wait a cycle, then it is another."""
        place = (each.channel, slot)
        key = self.taken.get((id, place))
        turn = turn_of(each, id, place, key, self.known, self.policy.channels[each.channel])
        if turn is not Turn.NOW:
            (self.found.parked if turn is Turn.SOON else self.found.late).append(_ref(each))
            if turn is Turn.OURS:
                self.found.invited.setdefault(id, set()).add(place)
            return True
        if key is None or key == each.copy.key:
            if is_left(each, id, place, self.known):
                self.doubles.append(each)
            else:
                self._assign(each, id, slot)
        elif not each.waited or each.same_look:
            self.found.parked.append(_ref(each))
        elif is_doubled(each, id, place, self.known):
            self.found.doubt(_ref(each), (id,), "its UID stands twice in this calendar")
        else:
            self.doubles.append(each)
        return True

    def _duplicate(self, each: Unpaired) -> None:
        """A person duplicated it, marker and all: it is new, unless its own UID is known."""
        uid = each.copy.uid or ""
        ids = {*self.known.by_uid.get(uid, ()), *self._newborn(uid)}
        for id in sorted(ids):
            if (id, (each.channel, WHOLE)) not in self.taken:
                self._assign(each, id, WHOLE)
                return
        bare = replace(each, copy=replace(each.copy, marker=None))
        self._bear(bare)

    def _newborn(self, uid: str) -> set[AppointmentId]:
        return {self.newborn_uids[uid]} if uid in self.newborn_uids else set()

    def _by_lost_marker(self, unpaired: list[Unpaired]) -> list[Unpaired]:
        """A lost store: copies that carry the same marker are one appointment again."""
        groups: dict[AppointmentId, list[Unpaired]] = {}
        left: list[Unpaired] = []
        for each in unpaired:
            if each.copy.marker is None:
                left.append(each)
            else:
                groups.setdefault(each.copy.marker.appointment, []).append(each)
        for id, group in groups.items():
            group, rivals = apart(group)
            # What others hold tells which of two in one place is the duplicate.
            self.rivals.update(map(_ref, rivals))
            left.extend(rivals)
            whole = [each for each in group if slot_of(each) == WHOLE]
            whole = whole or series_of(group, left, self.policy)
            if not whole:
                self._without_series(group)
                left.extend(group)
                continue
            group = [*group, *(each for each in whole if each not in group)]
            for each in whole + [each for each in group if slot_of(each) != WHOLE]:
                self._join(each, id, slot_of(each))
            members = [each for each in group if self._joined(each) == id]
            if members:
                self._born(id, members)
        return [each for each in left if self._joined(each) is None]

    def _without_series(self, rows: Sequence[Unpaired]) -> None:
        """Rows of a series that is agreed on already, or waits to be seen, or is nowhere any more:
        then what stands for one occurrence is one."""
        known = self.known.agreements if self.known.contacts else {}
        series = series_born_without(rows, known, self.policy)
        if series is not None:
            for each in rows:
                self._join(each, series, slot_of(each))
            return
        if self.moment.blind:
            self.orphans.update(map(_ref, rows))
            return
        for group in by_slot(rows):
            if len(group) > 1 and any(map(self._is_admitted, group)):
                self._bear_together(group, self.new_id())

    def _bear_together(self, members: Sequence[Unpaired], id: AppointmentId) -> None:
        for each in members:
            self._assign(each, id, WHOLE)
        self._born(id, members)

    def _by_contested_marker(self, each: Unpaired) -> bool:
        """Of several with one marker in one place, which nothing else tells apart, the first."""
        marker = each.copy.marker
        if marker is None or _ref(each) not in self.rivals:
            return False
        id = marker.appointment
        self._join(each, id, marker.slot)
        if self._joined(each) == id and id not in self.found.births:
            self._born(id, [each])
        return True

    def _by_shared_uid(self, unpaired: list[Unpaired]) -> list[Unpaired]:
        """One UID in several channels is one meeting, new or just rebuilt from its markers."""
        groups: dict[str, list[Unpaired]] = {}
        left: list[Unpaired] = []
        for each in unpaired:
            if each.copy.uid is None:
                left.append(each)
            else:
                groups.setdefault(each.copy.uid, []).append(each)
        for uid, group in groups.items():
            known = self.newborn_uids.get(uid)
            if known is not None:
                for each in group:
                    self._join(each, known, slot_of(each))
                continue
            first = [e for e in group if self._is_admitted(e) and _ref(e) not in self.orphans]
            if len(group) == 1 or not first:
                left.extend(group)
                continue
            id = self.new_id()
            for each in group:
                self._join(each, id, WHOLE)
            self._born(id, [each for each in group if self._joined(each) == id])
        return left

    def _by_match(self, unpaired: list[Unpaired]) -> list[Unpaired]:
        """First contact of channels: unique matches are linked, doubtful ones wait."""
        contacts = frozenset(self.known.contacts)
        if not contacts or not (unpaired or self.found.births):
            return unpaired
        known = self._known_candidates(contacts)
        if len({each.channel for each in unpaired} | {each.channel for each, _ in known}) < 2:
            return self._without_waiting(unpaired)  # copies of one channel are never the same
        here = {_ref(each): each for each in unpaired if in_window(each.copy.reads, self.moment)}
        candidates = [self._candidate(*ref, each.copy.reads) for ref, each in here.items()]
        found = match([*candidates, *(each for each, _ in known)], contacts=contacts)
        ids = {each.ref: id for each, id in known}
        # But for rows that wait, alike in several channels.
        for group in (each for each in found.groups if not self.orphans.issuperset(each)):
            self._link(group, here, ids)
        for link in found.slots:
            self._link_slot(link, here, ids)
        self._link_twins(found.doubtful, here)
        fresh = self.taken.keys() - self.known.present.keys()
        for doubtful in still_doubtful(found.doubtful, ids, self.known, fresh):
            each = here.get(doubtful.ref)  # type: ignore[call-overload]  # a ref that we gave
            if each is not None and self._joined(each) is None:
                self.found.doubt(
                    _ref(each), tuple(map(ref_text, doubtful.candidates)), doubtful.reason
                )
        self._withhold(found.doubtful)
        return self._without_waiting(unpaired)

    def _without_waiting(self, unpaired: Sequence[Unpaired]) -> list[Unpaired]:
        waiting = {(doubt.channel, doubt.key) for doubt in self.found.doubts}
        waiting |= {*self.found.parked, *self.found.late}
        return [e for e in unpaired if self._joined(e) is None and _ref(e) not in waiting]

    def _candidate(self, channel: ChannelName, key: Key, reads: Appointment) -> Candidate:
        found = self.policy.channels[channel]
        people = frozenset({found.person} - {""})
        return Candidate((channel, key), channel, reads, found.fidelity, people)

    def _known_candidates(
        self, contacts: frozenset[ChannelName]
    ) -> list[tuple[Candidate, AppointmentId]]:
        """What has its place already: agreed copies, and those that their markers rebuilt."""
        found: list[tuple[Candidate, AppointmentId]] = []
        for id, agreement in self.known.agreements.items():
            everywhere = contacts <= {channel for channel, _ in agreement.copies}
            if everywhere or not in_window(agreement.appointment, self.moment):
                continue
            for channel, key, reads in standing_for(id, agreement):
                if channel in self.policy.channels:
                    found.append((self._candidate(channel, key, reads), id))
        for (channel, key), (id, slot) in self.found.joined.items():
            if slot == WHOLE and id in self.found.births:
                reads = self.copies[channel, key].reads
                found.append((self._candidate(channel, key, reads), id))
        return found

    def _link(
        self,
        group: Sequence[Hashable],
        here: Mapping[_Ref, Unpaired],
        ids: Mapping[Hashable, AppointmentId],
    ) -> None:
        """One appointment for a group, unless it would tie two known ones together."""
        members = [here[ref] for ref in group if ref in here]  # type: ignore[index]  # our refs
        known = {ids[ref] for ref in group if ref in ids}
        if len(known) > 1:
            ours = rebuilt(self.found.joined, self.found.births, self.copies)
            known = reunited(known, ours.values(), self.found, self.taken)
        if len(known) > 1:
            for each in members:
                self.found.doubt(_ref(each), tuple(sorted(known)), "matches several appointments")
            return
        if known:
            for each in members:
                self._join(each, min(known), WHOLE)
        elif any(self._is_admitted(each) for each in members):
            taken = self.found.births.keys() | self.known.agreements.keys()
            self._bear_together(members, free_id(members, taken) or self.new_id())

    def _link_twins(self, doubtful: Sequence[Doubtful], here: Mapping[_Ref, Unpaired]) -> None:
        """Without a state, of copies that look alike: each of ours had an original there."""
        ours = rebuilt(self.found.joined, self.found.births, self.copies)
        for ref, id in twins(doubtful, self.copies, ours, self.policy):
            each = here.get(ref)
            if each is None or self._joined(each) is not None:
                continue
            if (id, (each.channel, WHOLE)) not in self.taken:
                self._assign(each, id, WHOLE)
                self.found.births[id].append(ref)

    def _withhold(self, doubtful: Sequence[Doubtful]) -> None:
        """What a copy in doubt may be is not copied to where that one stands, either."""
        ours = rebuilt(self.found.joined, self.found.births, self.copies)
        doubts = {(doubt.channel, doubt.key): doubt.reason for doubt in self.found.doubts}
        for id, rivals in contested(doubtful, ours, doubts).items():
            rivals = {ref for ref in rivals if (id, (ref[0], WHOLE)) not in self.taken}
            if not rivals:
                continue
            named = tuple(sorted(map(ref_text, rivals)))
            for ref in [ref for ref, (other, _) in self.found.joined.items() if other == id]:
                _, slot = self.found.joined.pop(ref)
                self.taken.pop((id, (ref[0], slot)), None)
                self.found.doubt(ref, named, doubts[min(rivals)])
            del self.found.births[id]

    def _link_slot(
        self,
        link: SlotLink,
        here: Mapping[_Ref, Unpaired],
        ids: Mapping[Hashable, AppointmentId],
    ) -> None:
        """A row joins the series that it is an occurrence of."""
        each = here.get(link.ref)  # type: ignore[call-overload]  # a ref that we gave
        series = here.get(link.series)  # type: ignore[call-overload]  # likewise
        if each is None:
            return
        if series is not None and self._joined(series) is None and self._is_admitted(series):
            self._bear(series)
        id = ids.get(link.series) or (self._joined(series) if series is not None else None)
        if id is not None:
            self._join(each, id, link.slot)

    def _bear(self, each: Unpaired) -> None:
        if not self._is_admitted(each):
            self.found.left.append(_ref(each))
        elif waits_for_cut(each, self.known, self.policy, self.moment):
            self.found.parked.append(_ref(each))
            self.found.awaited.add(each.channel)
        else:
            self._bear_together([each], self.new_id())

    def _born(self, id: AppointmentId, members: Sequence[Unpaired]) -> None:
        self.found.births[id] = [(each.channel, each.copy.key) for each in members]
        for each in members:
            if each.copy.uid is not None:
                self.newborn_uids.setdefault(each.copy.uid, id)

    def _assign(self, each: Unpaired, id: AppointmentId, slot: Slot) -> None:
        self.taken[(id, (each.channel, slot))] = each.copy.key
        self.found.joined[_ref(each)] = (id, slot)

    def _joined(self, each: Unpaired) -> AppointmentId | None:
        return self.found.joined.get(_ref(each), (None, WHOLE))[0]

    def _is_admitted(self, each: Unpaired) -> bool:
        channel, reads = self.policy.channels[each.channel], each.copy.reads
        return in_window(reads, self.moment) and admits(channel, reads, self.policy)


def _ref(each: Unpaired) -> _Ref:
    return each.channel, each.copy.key
