"""A split of a series as settling meets it: two cases, whose later copies change hands.

"This and all following" reaches us as a series cut short and a new one in the same channel.
Channels without series keep their copies of the later occurrences, with all that is written
in them; they only stand for the new series from now on.

Who writes it does so in two steps, and a look may come between them. So a series that was cut
short stands as it was until its channel has been looked at once more, if there is anything that
what goes on would have to be given.

What the series was before the cut tells its agreement; where there is none (a lost state, an old
backup, first contact), the copies of other channels do that still have it whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from syncd.core.belong import Moment
from syncd.core.birth import born
from syncd.core.channel import Policy
from syncd.core.claims import claims_of
from syncd.core.continuing import (
    Cut,
    changing_hands,
    cuts_of,
    goes_on_from,
    is_busy,
    keys_of,
    taken_over,
)
from syncd.core.fidelity import project
from syncd.core.model import FIELDS
from syncd.core.paths import DELETED, Path, patch
from syncd.core.recurrence import BadRecurrence, is_occurrence
from syncd.core.situation import situate
from syncd.core.split import Split, carry_over, find_split
from syncd.core.state import (
    WHOLE,
    Agreement,
    AppointmentId,
    Case,
    ChannelName,
    Copy,
    Intent,
    Key,
    Kind,
    Place,
    Plan,
    Present,
    Record,
    Setter,
    Settled,
    Slot,
)

RULE = "built-in: this and all following"


_Heir: TypeAlias = tuple[timedelta, AppointmentId, AppointmentId, ChannelName]
"""How far from the cut it begins; the series that was cut, what may go on from it, and where."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A case ready to be settled, the copies that came to it from another appointment, with their
    open intents, and what is to be told of that. ``waits``: channels that are to be looked at again
    before it is decided what was cut there."""

    case: Case
    moved: tuple[tuple[ChannelName, Key, Slot], ...] = ()
    records: tuple[Record, ...] = ()
    waits: tuple[ChannelName, ...] = ()
    followed: tuple[tuple[int, Slot], ...] = ()

    def completed(self, plan: Plan) -> Plan:
        """The plan that settling the case has made, with what came to it and is told of that."""
        if not self.records and not self.moved:
            return plan
        return replace(
            plan,
            records=(*self.records, *plan.records),
            moved=(*plan.moved, *self.moved),
            followed=tuple(each for each in self.followed if each[0] not in plan.closed),
            quiet=False,
        )


def seed_splits(
    cases: Sequence[Case],
    policy: Policy,
    moment: Moment,
    agreed: Sequence[Case] = (),
    elsewhere: Sequence[Case] = (),
) -> list[Seeded]:
    """The cases, those of a split prepared: the newcomer has an agreement before it is settled.
    Of a series that was just cut short, and that nothing goes on, the cut is not shown yet.
    ``agreed``: what else begins where one was cut (:func:`spans_of`); of these the answer has
    those that go on from it. ``elsewhere``: likewise, of what is settled at the same time: for
    that one waits."""
    divided: set[str] = set()
    cut: set[tuple[AppointmentId, ChannelName]] = set()
    heirs: set[AppointmentId] = set()
    seeded = {case.id: Seeded(case) for case in cases}
    newcomers = [case for case in cases if _newcomers(case, policy)]
    if newcomers:
        series = [case for case in cases if _is_series(case) or _is_told_apart(case)]
        for _, old, new, channel in _heirs(series, newcomers, policy, moment):
            if (old, channel) in cut or new in heirs:
                continue  # somebody made another series just then, at about that time
            if _divide(seeded, old, new, channel, policy, moment):
                divided |= {old, new}
                cut.add((old, channel))
                heirs.add(new)
    for case in cases:
        cuts = cuts_of(case, policy, moment) if case.id not in divided else []
        if not cuts:
            continue
        others = [each for each in (*cases, *agreed) if each.id not in divided | {case.id}]
        busy = any(goes_on_from(cut, each, moment) for cut in cuts for each in elsewhere)
        halves = _rejoined(case, cuts, others, policy, moment, busy=busy)
        seeded |= {half.case.id: half for half in halves}
        divided |= {half.case.id for half in halves if len(halves) > 1}
    return list(seeded.values())


def _newcomers(case: Case, policy: Policy) -> list[tuple[ChannelName, Copy]]:
    """The copies, all of one appointment that is about to be born; where somebody was invited to
    it, first those of whoever did that."""
    if case.agreement is not None or not case.views:
        return []
    wholes = _wholes(case)
    if len(wholes) < len(case.views) or not wholes.keys() <= policy.channels.keys():
        return []
    return sorted(wholes.items(), key=lambda e: (e[1].invited, policy.channels[e[0]].order))


def _is_series(case: Case) -> bool:
    return case.agreement is not None and case.agreement.appointment.recurrence is not None


def _is_told_apart(case: Case) -> bool:
    """Whether it is about to be born of copies that tell of different series."""
    told = {copy.reads.recurrence for copy in _wholes(case).values()}
    return case.agreement is None and len(told) > 1


def _wholes(case: Case) -> dict[ChannelName, Copy]:
    """The copies that are seen of all of an appointment."""
    return {
        channel: seen.observation.copy
        for (channel, slot), seen in case.views.items()
        if slot == WHOLE and isinstance(seen.observation, Present)
    }


def _heirs(
    series: Iterable[Case], newcomers: Iterable[Case], policy: Policy, moment: Moment
) -> list[_Heir]:
    """Which newcomers may go on from which series: who begins nearest to where it was cut first."""
    found: list[_Heir] = []
    for new in newcomers:
        shown = _newcomers(new, policy)
        for old in series:
            for channel, copy in shown:
                parted = _parted(old, channel, copy, policy, moment)
                if parted is not None:
                    found.append((parted[1].apart, old.id, new.id, channel))
    return sorted(found, key=lambda heir: heir[0])


def _parted(
    old: Case, channel: ChannelName, newcomer: Copy, policy: Policy, moment: Moment
) -> tuple[Copy, Split] | None:
    after = _wholes(old).get(channel)
    if after is None:
        return None
    return _found(_before(old, channel, after, policy), after, newcomer, moment)


def _divide(
    seeded: dict[AppointmentId, Seeded],
    old_id: AppointmentId,
    new_id: AppointmentId,
    channel: ChannelName,
    policy: Policy,
    moment: Moment,
) -> bool:
    old, new = seeded[old_id].case, seeded[new_id].case
    copy = _wholes(new)[channel]
    parted = _parted(old, channel, copy, policy, moment)
    if parted is None:
        return False
    known, (before, split) = seeded[old_id], parted
    if old.agreement is None:
        known = _born_uncut(old, channel, before, policy, moment)
    cut, rest = _seed(known.case, new, channel, copy, split, policy, moment)
    seeded[old_id], seeded[new_id] = replace(cut, records=known.records), rest
    return True


def _before(old: Case, channel: ChannelName, after: Copy, policy: Policy) -> Iterator[Copy]:
    """What the copy ``after`` of a series may have been until somebody cut it."""
    if old.agreement is not None:
        place = (channel, WHOLE)
        for intent in reversed(old.intents):  # what we wrote there, that nobody has seen yet
            write = intent.write
            if (write.channel, write.slot) == place and write.content is not None:
                yield replace(after, reads=write.content)
        settled = old.agreement.copies.get(place)
        if settled is not None:
            yield settled.copy
        return
    for other in _wholes(old).values():
        was = project(other.reads, policy.channels[channel].fidelity)
        if was.when != after.reads.when:
            continue
        own = dict(after.reads.overrides)
        own |= {rid: each for rid, each in was.overrides if not is_occurrence(after.reads, rid)}
        reads = replace(after.reads, recurrence=was.recurrence, overrides=tuple(own.items()))
        yield replace(after, reads=reads)


def _found(
    cut: Iterable[Copy], after: Copy, newcomer: Copy, moment: Moment
) -> tuple[Copy, Split] | None:
    """The first of ``cut`` that was split into ``after`` and ``newcomer``, and how."""
    try:
        for before in cut:
            was, now = before.reads, after.reads
            if was.recurrence == now.recurrence:
                continue
            split = find_split(
                *(was, now, newcomer.reads, moment.end, moment.default_zone),
                invited=newcomer.invited,
            )
            if split is not None:
                return before, split
    except BadRecurrence:
        pass
    return None


def _born_uncut(
    case: Case, channel: ChannelName, before: Copy, policy: Policy, moment: Moment
) -> Seeded:
    """A case without agreement as if it had been settled just before its copy in ``channel``,
    which was ``before``, was cut: that is what came last."""
    place = (channel, WHOLE)
    uncut = replace(case.views[place], observation=Present(before))
    situation = situate(replace(case, views={**case.views, place: uncut}), policy)
    draft = born(case.id, situation, policy, moment)
    assert draft is not None
    draft.copies[place] = replace(draft.copies[place], confirmed=moment.now)
    return Seeded(replace(case, agreement=draft.agreement()), (), tuple(draft.records))


def _rejoined(
    case: Case,
    cuts: Sequence[Cut],
    others: Sequence[Case],
    policy: Policy,
    moment: Moment,
    *,
    busy: bool,
) -> tuple[Seeded, ...]:
    """A series that was cut, with that of ``others`` that goes on from it; alone if none does.
    ``busy``: something else may, of which more will be known the next time."""
    for cut in cuts:
        follows = [(goes_on_from(cut, other, moment), other) for other in others]
        heirs = [(split, other) for split, other in follows if split is not None]
        for split, other in sorted(heirs, key=lambda heir: heir[0].apart):
            # What begins nearer to the cut may be seen by the next look only.
            early = bool(split.apart) and _is_news(cut, moment)
            if early or is_busy(case, other, split):
                busy = True
                break
            channel = policy.channels[cut.place[0]]
            (old, back), (new, moved) = taken_over(case, other, channel, split)
            record = Record(Kind.SPLIT, (), RULE, channel.name, note=case.id)
            return Seeded(old, back), Seeded(new, moved, (record,))
    return (_held_back(case, cuts if busy else [c for c in cuts if _is_news(c, moment)]),)


def _is_news(cut: Cut, moment: Moment) -> bool:
    """Whether the very last look at a channel showed it: it may be one of two steps."""
    looked = moment.looked.get(cut.place[0])
    return looked is not None and cut.seen >= looked


def _held_back(case: Case, cuts: Sequence[Cut]) -> Seeded:
    """A case without what its series was cut to. What is owed there is not written meanwhile,
    either."""
    if not cuts:
        return Seeded(case)
    cut = {each.place for each in cuts}
    views = {place: seen for place, seen in case.views.items() if place not in cut}
    aside = case.aside | {(place, ()) for place in cut}
    waits = tuple(sorted(channel for channel, _ in cut))
    return Seeded(replace(case, views=views, aside=aside), waits=waits)


def _seed(
    old: Case,
    new: Case,
    channel: ChannelName,
    copy: Copy,
    split: Split,
    policy: Policy,
    moment: Moment,
) -> tuple[Seeded, Seeded]:
    agreement = old.agreement
    assert agreement is not None
    found = policy.channels.get(channel)
    uncarried = frozenset(FIELDS) - (found.fidelity.carries if found is not None else frozenset())
    whole = carry_over(agreement.appointment, copy.reads, split, uncarried)
    changes = changing_hands(old, agreement, split)
    copies = {changes[place]: s for place, s in agreement.copies.items() if place in changes}
    copies[(channel, WHOLE)] = Settled(copy, whole)
    dropped = _dropped_meanwhile(old, copy, split, policy, moment)
    own = Agreement(
        patch(whole, dict.fromkeys(dropped, True)),
        {**agreement.setters, **dropped},
        copies,
        uids=frozenset({copy.uid} if copy.uid else set()),
        born=channel,
    )
    left = {place: s for place, s in agreement.copies.items() if place not in changes}
    stays = {place: seen for place, seen in old.views.items() if place not in changes}
    comes = {changes[place]: seen for place, seen in old.views.items() if place in changes}
    moved = keys_of(old, agreement, changes)
    record = Record(Kind.SPLIT, (), RULE, channel, note=old.id)
    begun, kept = _follow(old.intents, changes)
    old = replace(old, agreement=replace(agreement, copies=left), views=stays, intents=kept)
    new = replace(new, agreement=own, views={**new.views, **comes}, intents=new.intents + begun)
    followed = tuple((each.id, each.write.slot) for each in begun)
    return Seeded(old), Seeded(new, moved, (record,), followed=followed)


def _dropped_meanwhile(
    old: Case, newcomer: Copy, split: Split, policy: Policy, moment: Moment
) -> dict[Path, Setter]:
    """What goes on is without the later occurrences that somebody who may do so dropped elsewhere
    just then, but for those of which it says something itself."""
    agreement = old.agreement
    assert agreement is not None
    told = {slot for slot, _ in newcomer.reads.overrides}
    found: dict[Path, Setter] = {}
    wholes = [here for here in situate(old, policy).heres.values() if here.place[1] == WHOLE]
    for claim in (c for here in wholes for c in claims_of(here, agreement, policy, moment)):
        if claim.path[0] != "overrides" or claim.path[2] != DELETED or not claim.value:
            continue
        rule = policy.rules.authority(claim.path, agreement.appointment)
        by = policy.channels[claim.channel]
        slot = split.rid_map.get(claim.path[1])
        may = rule is None or any(map(by.named_by, rule.authority))
        if may and slot is not None and slot not in told:
            span = claim.span
            found["overrides", slot, DELETED] = Setter(by.name, span, span.latest, RULE)
    return found


def _follow(
    intents: Sequence[Intent], changes: Mapping[Place, Place]
) -> tuple[tuple[Intent, ...], tuple[Intent, ...]]:
    """The intents of copies that change hands, with their places there, and the others: what was
    written to such a copy is known to be ours by the side to which it goes."""
    going: list[Intent] = []
    for intent in intents:
        channel, slot = changes.get((intent.write.channel, intent.write.slot), ("", ""))
        if channel:
            going.append(replace(intent, write=replace(intent.write, slot=slot)))
    ids = {each.id for each in going}
    return tuple(going), tuple(each for each in intents if each.id not in ids)
