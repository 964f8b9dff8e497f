"""How an appointment is born: from one copy, or at first contact from all there are.

Which may be later for some: a state was lost while the CRM did not answer, and what was found in
a calendar is all that is known, until the record is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Set
from dataclasses import replace

from syncd.core.afterall import born_after_all, is_alive
from syncd.core.belong import Moment, should_hold, takes_part
from syncd.core.channel import Direction, Policy
from syncd.core.claims import BIRTH, Claim, birth_claims, by_path, is_as_given, unsubsumed
from syncd.core.decide import Court, Decision
from syncd.core.draft import Draft
from syncd.core.existence import STATUS
from syncd.core.fidelity import project
from syncd.core.model import OVERRIDABLE_FIELDS, Attendee, Status, Value
from syncd.core.paths import DELETED, Path, diff, get, is_empty, patch
from syncd.core.recurrence import occurrence
from syncd.core.situation import Here, Situation
from syncd.core.state import WHOLE, Agreement, AppointmentId, Kind, Record, Setter

BORN_RULE = "born here"
_SINGLE_BIRTH = "born in one copy"


def born(id: AppointmentId, situation: Situation, policy: Policy, moment: Moment) -> Draft | None:
    """The first draft of an appointment; ``None`` if no copy of it is to be seen."""
    heres = [here for here in situation.heres.values() if here.copy is not None]
    heres.sort(key=lambda here: (here.place[1] != WHOLE, here.channel.order, here.place[1]))
    if not heres:
        return None
    first = heres[0]
    if first.copy is None or first.place[1] != WHOLE:
        return None
    draft = Draft(None, first.copy.reads, moment.now, first.channel.name)
    draft.unmet = moment.blind
    draft.look_at(situation.heres.values())
    if len(heres) > 1:
        _know_ours(id, heres, draft)
    setter = Setter(first.channel.name, first.span, first.span.latest, BORN_RULE)
    draft.setters[BIRTH] = setter
    whole = [here for here in heres if here.place[1] == WHOLE]
    if len(whole) > 1:
        _merge(whole, draft, policy)
    draft.born = _birthplace(id, whole)
    draft.setters[BIRTH] = replace(setter, channel=draft.born)
    rows = [here for here in heres if here.place[1] != WHOLE]
    if draft.appointment.recurrence is None:
        rows = []
    carried = frozenset[str]().union(*(here.channel.fidelity.carries for here in whole))
    _merge_common(rows, carried, draft, policy)
    _take_part(id, whole, draft, policy)
    _merge_occurrences(rows, carried, draft, policy)
    born_after_all(draft, moment)
    draft.records.append(Record(Kind.BORN, (), _SINGLE_BIRTH, draft.born))
    return draft


def _know_ours(id: AppointmentId, heres: Iterable[Here], draft: Draft) -> None:
    """A lost state: the copies that we made are told by their marker from what they stand for."""
    for here in heres:
        if _is_ours(id, here):
            draft.copies[here.place] = replace(draft.copies[here.place], ours=True)


def know_late(heres: Iterable[Here], draft: Draft, moment: Moment) -> None:
    """The same of copies that nobody could look at when the appointment was born anew, maybe by
    another id, and of those in a channel that has returned, or that an old state does not know,
    also where they bear the mark of one that is forgotten: else they would look as if a person had
    pasted them there, and stay when it is handed over."""
    for here in heres:
        if here.copy is None or here.copy.marker is None:
            continue
        if is_late(here, draft) or _has_met(here, moment):
            draft.copies[here.place] = replace(draft.copies[here.place], ours=True)


def know_made(
    id: AppointmentId, heres: Iterable[Here], agreement: Agreement, draft: Draft, policy: Policy
) -> None:
    """A create may be made and yet be answered as if the copy had been there: a proxy sent it
    twice. What comes where we were to make one, with our mark and just as we would have made it,
    is that."""
    for here in heres:
        if not here.newcomer or not _is_ours(id, here) or draft.copies[here.place].ours:
            continue
        channel, born = here.channel, draft.born
        wanted = should_hold(channel, agreement.appointment, policy, born=born, here=False)
        if wanted and is_as_given(here, agreement, policy):
            draft.copies[here.place] = replace(draft.copies[here.place], ours=True)


def _has_met(here: Here, moment: Moment) -> bool:
    """Whether a copy was there when its channel met the others: now, or at its first look, where a
    death or a hold came between that and this."""
    first = here.seen is not None and here.seen.before is None
    return here.newcomer and (first or here.channel.name in moment.contacts)


def late_claims(
    heres: Iterable[Here], draft: Draft, policy: Policy, claimed: Container[Path]
) -> list[Claim]:
    """First contact of copies that nobody could look at when the appointment was born: as if they
    had been there then, every reading is a claim, beside what is agreed unless somebody has
    ``claimed`` that path just now. That it is cancelled is known, and they knew nothing of it."""
    late = [h for h in heres if is_late(h, draft) and h.place[1] == WHOLE]
    found = [claim for here in late for claim in _late(here, draft, policy)]
    agreed = [_agreed(path, draft) for path in by_path(found) if path not in claimed]
    return [*found, *(claim for claim in agreed if claim is not None)]


def meet_rows(heres: Iterable[Here], draft: Draft, policy: Policy) -> None:
    """The same for rows that stand for the occurrences of a series."""
    rows = [here for here in heres if is_late(here, draft) and here.place[1] != WHOLE]
    if not rows or draft.appointment.recurrence is None:
        return
    whole = [policy.channels.get(name) for name, slot in draft.copies if slot == WHOLE]
    carried = frozenset[str]().union(*(each.fidelity.carries for each in whole if each))
    _merge_common(rows, carried, draft, policy)
    _merge_occurrences(rows, carried, draft, policy, _outdated(rows, draft))


def _outdated(rows: list[Here], draft: Draft) -> Set[tuple[Path, Value]]:
    """What most rows say, where the series was changed since it was born: nobody has told them."""
    found: set[tuple[Path, Value]] = set()
    for path in draft.setters:
        if len(path) != 1 or path[0] not in OVERRIDABLE_FIELDS:
            continue
        told = Counter(get(here.copy.reads, path) for here in rows if here.copy is not None)
        value, times = told.most_common(1)[0]
        if 2 * times > len(rows):
            found.add((path, value))
    return found


def is_late(here: Here, draft: Draft) -> bool:
    """Whether a copy joins that nobody could look at when the appointment was born."""
    return here.newcomer and draft.deleting is None and here.channel.name in draft.unmet


def _late(here: Here, draft: Draft, policy: Policy) -> list[Claim]:
    if here.channel.direction is Direction.TO:
        return []
    return [
        claim
        for claim in birth_claims(here, policy)
        if claim.value != get(draft.appointment, claim.path)
        and not (claim.path == STATUS and _knew_no_end(claim.value, draft))
    ]


def _agreed(path: Path, draft: Draft) -> Claim | None:
    """What is agreed, as a claim of whoever set it."""
    value = get(draft.appointment, path)
    setter = draft.setters.get(path) or draft.setters[BIRTH]
    if is_empty(value) or (path == STATUS and value is Status.CANCELLED):
        return None
    return Claim(setter.channel, path, value, value, setter.changed, person=setter.is_person)


def _knew_no_end(value: Value, draft: Draft) -> bool:
    return draft.appointment.status is Status.CANCELLED and is_alive(value)


def _birthplace(id: AppointmentId, heres: list[Here]) -> str:
    """The channel of the copy that was not made by us, if one can be told by its marker."""
    for here in heres:
        if not _is_ours(id, here):
            return here.channel.name
    return heres[0].channel.name


def _merge(heres: list[Here], draft: Draft, policy: Policy) -> None:
    """Every reading is a claim; one that is only a shortened form of another is none."""
    claims: list[Claim] = []
    for here in heres:
        claims += birth_claims(here, policy)
    court = Court(policy, draft.appointment, birth=True)
    for path, found in by_path(claims).items():
        _agree(court.decide(path, unsubsumed(found, policy)), draft)


def _agree(decision: Decision, draft: Draft) -> None:
    if decision.asked:
        draft.keep_open(decision)
    elif decision.is_conflict or decision.struck:
        draft.take(decision)
    elif decision.winner is not None:
        known = len(draft.records)
        draft.take(decision)
        del draft.records[known:]  # a value that nobody contradicts is no news at birth


def _merge_common(rows: list[Here], carried: Set[str], draft: Draft, policy: Policy) -> None:
    """What rows tell of their series: what no occurrence has of its own (the owner), and of what
    the series' own copies do not carry (the customer) that which most rows say, and that it takes
    place where it is cancelled and most rows are not.

    Where rows differ in the former, somebody has changed one that the others did not follow yet:
    what changed last goes before, then what fewer tell.
    """
    court = Court(policy, draft.appointment, birth=True)
    told: dict[Path, list[Claim]] = {}
    for here in rows:
        for path, value in _own(here, draft):
            told_of_it = path[0] not in OVERRIDABLE_FIELDS & carried
            if not is_empty(value) and (told_of_it or _lives(path, value, draft)):
                claim = Claim(here.channel.name, path, value, value, here.span, here)
                told.setdefault(path, []).append(claim)
    for path, claims in told.items():
        values = Counter(claim.value for claim in claims)
        if path[0] in OVERRIDABLE_FIELDS:
            able = sum(path[0] in here.channel.fidelity.carries for here in rows)
            claims = [claim for claim in claims if 2 * values[claim.value] > able]
        claims.sort(key=lambda claim: (-claim.span.latest.timestamp(), values[claim.value]))
        value = get(draft.appointment, path)
        if path[0] in carried and not is_empty(value):
            claims.append(Claim(draft.born, path, value, value, draft.setters[BIRTH].changed))
        if not claims:
            continue
        decision = court.decide(path, unsubsumed(claims, policy))
        if path == STATUS and (decision.winner is None or decision.winner.here is None):
            continue  # a cancelled series stays so, and its rows are judged one by one
        _agree(decision, draft)


def _lives(path: Path, value: Value, draft: Draft) -> bool:
    """Whether a value is the status of one that is to take place while its series is cancelled."""
    cancelled = draft.appointment.status is Status.CANCELLED
    return path == STATUS and is_alive(value) and cancelled


def _merge_occurrences(
    rows: list[Here],
    carried: Set[str],
    draft: Draft,
    policy: Policy,
    outdated: Set[tuple[Path, Value]] = frozenset(),
) -> None:
    """Rows that stand for occurrences may know more of theirs than the series does: outcomes."""
    court = Court(policy, draft.appointment, birth=True)
    for here in rows:
        slot = here.place[1]
        single = occurrence(draft.appointment, slot)
        if single is None or here.copy is None:
            _keep_cancelled(here, draft)
            continue
        differing = {path[0] for path, value in _own(here, draft) if (path, value) not in outdated}
        for name in sorted(differing & OVERRIDABLE_FIELDS):
            target, value = ("overrides", slot, name), get(here.copy.reads, (name,))
            claims = [Claim(here.channel.name, target, value, value, here.span, here)]
            of_series = get(single, (name,))
            if name in carried and not is_empty(of_series):
                claims.append(Claim(draft.born, target, of_series, of_series, here.span))
            _agree(court.decide(target, unsubsumed(claims, policy)), draft)


def _keep_cancelled(here: Here, draft: Draft) -> None:
    """A row says of an occurrence that it is cancelled, which the series' own copies show as one
    that was dropped: the row is the record of it, and stays."""
    slot = here.place[1]
    dropped: Path = ("overrides", slot, DELETED)
    if here.copy is None or here.copy.reads.status is not Status.CANCELLED:
        return
    if get(draft.appointment, dropped):
        setter = Setter(here.channel.name, here.span, here.span.latest, BORN_RULE)
        draft.appointment = patch(draft.appointment, {dropped: None})
        draft.set(("overrides", slot, "status"), Status.CANCELLED, setter)


def _own(here: Here, draft: Draft) -> Iterator[tuple[Path, Value]]:
    """In what a row differs from its occurrence as the series would have it."""
    single = occurrence(draft.appointment, here.place[1])
    if single is None or here.copy is None:
        return
    for path, value in diff(project(single, here.channel.fidelity), here.copy.reads).items():
        if draft.before is None or path != STATUS or not _knew_no_end(value, draft):
            yield path, value


def _take_part(id: AppointmentId, heres: list[Here], draft: Draft, policy: Policy) -> None:
    """Whose channel a copy was born in takes part, and owns it if no colleague organises it."""
    for here in heres:
        person = here.channel.person
        if not person or (_is_ours(id, here) and len(heres) > 1):
            continue
        appointment = draft.appointment
        organizer = appointment.organizer.email if appointment.organizer is not None else ""
        stands = policy.colleagues.get(organizer, organizer)
        if not appointment.owner and (
            not organizer or stands == person or not policy.is_colleague(organizer)
        ):
            draft.appointment = replace(appointment, owner=person)
        elif not takes_part(person, appointment, policy):
            draft.appointment = replace(
                appointment, attendees=(*appointment.attendees, Attendee(person))
            )


def _is_ours(id: AppointmentId, here: Here) -> bool:
    """Whether we made the copy: it carries this appointment's marker, no other's."""
    marker = here.copy.marker if here.copy is not None else None
    return marker is not None and marker.appointment == id
