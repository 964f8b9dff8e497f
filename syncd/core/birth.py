"""How an appointment is born: from one copy, or at first contact from all there are."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.belong import Moment, takes_part
from syncd.core.channel import Policy
from syncd.core.claims import BIRTH, Claim, birth_claims, by_path, unsubsumed
from syncd.core.decide import Court, Decision
from syncd.core.draft import Draft
from syncd.core.fidelity import project
from syncd.core.model import OVERRIDABLE_FIELDS, Attendee
from syncd.core.paths import diff, get
from syncd.core.recurrence import occurrence
from syncd.core.situation import Here, Situation
from syncd.core.state import WHOLE, AppointmentId, Kind, Record, Setter

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
    draft.look_at(situation.heres.values())
    setter = Setter(first.channel.name, first.span, first.span.latest, BORN_RULE)
    draft.setters[BIRTH] = setter
    whole = [here for here in heres if here.place[1] == WHOLE]
    if len(whole) > 1:
        _merge(whole, draft, policy)
    draft.born = _birthplace(id, whole)
    draft.setters[BIRTH] = replace(setter, channel=draft.born)
    _take_part(id, whole, draft, policy)
    rows = [here for here in heres if here.place[1] != WHOLE]
    if rows and draft.appointment.recurrence is not None:
        _merge_occurrences(rows, draft, policy, moment)
    draft.records.append(Record(Kind.BORN, (), _SINGLE_BIRTH, draft.born))
    return draft


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


def _merge_occurrences(heres: list[Here], draft: Draft, policy: Policy, moment: Moment) -> None:
    """Rows that stand for occurrences may know more of theirs than the series does: outcomes."""
    court = Court(policy, draft.appointment, birth=True)
    for here in heres:
        slot = here.place[1]
        single = occurrence(draft.appointment, slot)
        if single is None or here.copy is None:
            continue
        shown = project(single, here.channel.fidelity)
        differing = {path[0] for path in diff(shown, here.copy.reads)}
        for name in sorted(differing & OVERRIDABLE_FIELDS):
            target, value = ("overrides", slot, name), get(here.copy.reads, (name,))
            row = Claim(here.channel.name, target, value, value, here.span, here)
            of_series = get(single, (name,))
            whole = Claim(draft.born, target, of_series, of_series, here.span)
            _agree(court.decide(target, unsubsumed([row, whole], policy)), draft)


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
