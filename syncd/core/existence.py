"""Whether an appointment goes on: deletions and cancellations against edits.

Being deleted and becoming cancelled are the same kind of claim, contested by every edit
made since. Only ``Gone`` deletes; an absence that cancels nothing is agreed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from syncd.core.afterall import FINAL, call_off
from syncd.core.belong import Moment, holds, keeps_cancelled, should_hold
from syncd.core.channel import Policy
from syncd.core.claims import Claim, on_behalf, setter_of
from syncd.core.declined import DECLINE_RULE, decline, is_borrowed
from syncd.core.draft import Draft
from syncd.core.model import Appointment, Status
from syncd.core.paths import Path
from syncd.core.recurrence import cut, ended, has_past
from syncd.core.rules import Contest, ContestRule
from syncd.core.situation import Here
from syncd.core.state import (
    WHOLE,
    Absence,
    Agreement,
    ChannelName,
    Kind,
    Question,
    Record,
    Setter,
    Span,
)

STATUS: Path = ("status",)
DELETING: Path = ("deleting",)
"""The path whose setter is the channel in which the appointment was deleted."""

ENDED_RULE = "built-in: what has ended is not cancelled by a calendar"
FUTURE_RULE = "built-in: deleting a series cancels only its future"
GOING_RULE = "built-in: it is being deleted"
MOVED_RULE = "built-in: moved to another calendar is not deleted"
ABSENT_RULE = "built-in: only this copy goes"
HANDED_RULE = "built-in: it is somebody else's by now"

CONTEST_NOTE = "delete against edit"
"""The note of a conflict of a value with the end of its appointment."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A channel's claim that the appointment shall not take place; ``gone`` or cancelled."""

    channel: ChannelName
    span: Span
    here: Here | None = None
    gone: bool = True
    person: bool = False


def is_cancelling(claim: Claim) -> bool:
    """Whether a claim on the status says that the appointment is cancelled."""
    return claim.path == STATUS and claim.value is Status.CANCELLED


def deletions(
    heres: Collection[Here], draft: Draft, policy: Policy, cancelling: Sequence[Claim]
) -> list[Deletion]:
    """The claims that the appointment shall go. Expected and borrowed absences are agreed here.

    Where a copy of ours went and one came to another calendar, it was moved: by a person, or by
    us, and an older state was put in place. Neither ends the appointment."""
    found: list[Deletion] = []
    moved = any(has_come(here, draft.before, policy) for here in heres)
    for here in heres:
        if not here.gone or here.place[1] != WHOLE:
            continue
        if _is_expected(here, draft, policy):
            continue
        if is_borrowed(here, draft, policy):
            decline(here, draft)
            continue
        if moved and not here.channel.is_crm:
            claims = ((here.channel.name, Status.CANCELLED),)
            draft.records.append(Record(Kind.PUT_BACK, STATUS, MOVED_RULE, claims=claims))
            continue
        found.append(Deletion(here.channel.name, here.span, here))
    for claim in cancelling:
        found.append(Deletion(claim.channel, claim.span, claim.here, False, claim.person))
    return found


def has_come(here: Here, before: Agreement | None, policy: Policy) -> bool:
    """Whether a copy that bears our mark is new in a calendar. One that was found at the first
    look there, as where a calendar returns, is not where it belonged ``before``."""
    copy = here.copy if here.newcomer and here.place[1] == WHOLE else None
    if copy is None or copy.marker is None or copy.invited or here.channel.is_crm:
        return False
    if before is not None and here.seen is not None and here.seen.before is None:
        was, born = before.appointment, before.born
        if should_hold(here.channel, was, policy, born=born, here=False):
            return False
    return copy.reads.status is not Status.CANCELLED


def judge(
    found: Sequence[Deletion],
    edits: Sequence[Claim],
    draft: Draft,
    policy: Policy,
    moment: Moment,
    merged: Appointment,
) -> bool:
    """Decide deletions against edits. Returns whether the edits hold.

    Where the deletion wins, the edits are recorded and dropped. ``merged`` is the appointment
    with the edits in it: on it is judged whether it has ended.
    """
    serious = [d for d in found if not _harmless(d, draft, policy, moment, merged)]
    if not serious:
        return True
    names = {deletion.channel for deletion in serious}
    ends = [deletion.span for deletion in serious]
    contesting = [
        e for e in edits if e.channel not in names and not _cancels_one(e) and _is_since(e, ends)
    ]
    contesting += _unseen_edits(serious, draft, policy)
    rule = policy.rules.contest(draft.before.appointment if draft.before else draft.appointment)
    outcome = weigh(rule, ends, [e.span for e in contesting])
    if any(deletion.person for deletion in serious):
        outcome = Contest.DELETE
    if contesting:
        _record(serious, contesting, outcome, rule.name, draft)
    if outcome is Contest.DELETE:
        _delete(serious, rule.name if contesting else ABSENT_RULE, draft, policy, moment)
        return all(e.span.certainly_before(d.span) for e in contesting for d in serious)
    _restore(serious, outcome, rule.name, contesting, draft)
    return True


def revive(edits: Sequence[Claim], draft: Draft, policy: Policy) -> bool:
    """An appointment that is cancelled or going, edited where that was not known yet.

    Returns whether the edits hold: then it is back; else they are recorded and dropped.
    """
    going = draft.deleting is not None
    if not going and draft.appointment.status is not Status.CANCELLED:
        return True
    if draft.before is None:
        return True
    setter = setter_of(draft.before, DELETING if going else STATUS)
    ends = [setter.changed] if setter is not None else []
    unaware = [
        e
        for e in edits
        if e.here is not None
        and not _says_so_too(e.here)
        and not _cancels_one(e)
        and _is_since(e, ends)
        and _unaware(e, setter, draft, policy)
    ]
    if setter is None or not unaware:
        if going:
            draft.records += [_dropped(edit) for edit in edits if edit.here is not None]
        return not going
    rule = policy.rules.contest(draft.before.appointment)
    outcome = weigh(rule, [setter.changed], [claim.span for claim in unaware])
    _record([Deletion(setter.channel, setter.changed)], unaware, outcome, rule.name, draft)
    if outcome is Contest.DELETE:
        for claim in unaware:
            if claim.here is not None:
                draft.dispute(claim.here, claim.path)
        return False
    draft.deleting = None
    draft.setters.pop(DELETING, None)
    if draft.appointment.status is Status.CANCELLED:
        first = unaware[0]
        back = Status(draft.before_cancel or Status.CONFIRMED)
        draft.set(STATUS, back, Setter(first.channel, first.span, first.span.latest, rule.name))
        draft.records.append(
            Record(Kind.SET, STATUS, rule.name, first.channel, back, Status.CANCELLED)
        )
    return True


def _says_so_too(here: Here) -> bool:
    """Whether a copy is cancelled itself: who edits it and calls it off does not want it back."""
    return here.copy is not None and here.copy.reads.status is Status.CANCELLED


def _dropped(edit: Claim) -> Record:
    claims = ((edit.channel, edit.value),)
    return Record(Kind.PUT_BACK, edit.path, GOING_RULE, claims=claims)


def weigh(rule: ContestRule, deleted: Sequence[Span], edited: Sequence[Span]) -> Contest:
    """Who wins: ``DELETE``, ``EDIT`` or ``ASK``. Where the order is unknown, the edit does."""
    if not edited:
        return Contest.DELETE
    if all(any(edit.certainly_before(span) for span in deleted) for edit in edited):
        return Contest.DELETE
    if rule.prefer is not Contest.LATEST:
        return rule.prefer
    return Contest.EDIT


def _is_expected(here: Here, draft: Draft, policy: Policy) -> bool:
    if draft.deleting is not None or here.place in draft.absent:
        return True
    before = draft.before.appointment if draft.before is not None else draft.appointment
    return not should_hold(here.channel, before, policy, born=draft.born, here=True)


def _harmless(
    deletion: Deletion, draft: Draft, policy: Policy, moment: Moment, merged: Appointment
) -> bool:
    """What has ended or is completed is never cancelled by a calendar: only that copy goes. So it
    is with a copy that goes from where the appointment belongs no more, whoever took it away."""
    channel = policy.channels.get(deletion.channel)
    if deletion.person or channel is None or channel.is_crm:
        return False
    if deletion.gone and not holds(channel, merged, policy):
        told = ((deletion.channel, Status.CANCELLED),)
        draft.records.append(
            Record(Kind.ABSENT, (), HANDED_RULE, deletion.channel, None, None, told)
        )
        return True
    over = merged.status in FINAL or ended(merged, moment.now, moment.default_zone)
    if not over:
        return False
    path = STATUS
    if deletion.here is not None and deletion.gone:
        draft.absent[deletion.here.place] = Absence(draft.now, ENDED_RULE, channel.person)
        path = ()
    elif deletion.here is not None:
        draft.count_as_asked(deletion.here, STATUS, draft.appointment.status)
    claims = ((deletion.channel, Status.CANCELLED),)
    draft.records.append(
        Record(Kind.ABSENT, path, ENDED_RULE, deletion.channel, None, None, claims)
    )
    return True


def _unseen_edits(serious: Sequence[Deletion], draft: Draft, policy: Policy) -> list[Claim]:
    """Agreed values that the deleting channel had not been given yet contest its deletion; not
    that somebody has declined by deleting an invitation, which wants nothing to take place."""
    if draft.before is None:
        return []
    found: list[Claim] = []
    for deletion in serious:
        if deletion.here is None:
            continue
        known = deletion.here.known_until
        for path, setter in draft.before.setters.items():
            if not path or path == DELETING or setter.channel == deletion.channel:
                continue
            if path[0] not in deletion.here.channel.fidelity.carries or setter.at <= known:
                continue
            if setter.rule == DECLINE_RULE:
                continue
            claim = on_behalf(path, draft.before)
            if claim is not None and not _cancels_one(claim):
                found.append(claim)
    return found


def _cancels_one(claim: Claim) -> bool:
    """Whether a claim says that a single occurrence is cancelled, which is no edit that speaks
    for the series: so reads a row, too, in which we cancelled all of it, as an old backup has it.
    """
    path = claim.path
    return path[0] == "overrides" and path[-1:] == STATUS and claim.value is Status.CANCELLED


def _is_since(claim: Claim, ends: Sequence[Span]) -> bool:
    """What a copy that joins says was there before, unless it was certainly said later."""
    if claim.here is None or not claim.here.newcomer:
        return True
    return all(end.certainly_before(claim.span) for end in ends)


def _unaware(claim: Claim, setter: Setter | None, draft: Draft, policy: Policy) -> bool:
    """Whether a claim comes from a copy that had not been told of the end yet."""
    if claim.here is None or setter is None or setter.channel == claim.channel:
        return False
    if draft.deleting is not None or not keeps_cancelled(claim.here.channel):
        return True
    return setter.at > claim.here.known_until


def _delete(
    serious: Sequence[Deletion], rule: str, draft: Draft, policy: Policy, moment: Moment
) -> None:
    first = serious[0]
    setter = Setter(first.channel, first.span, first.span.latest, rule)
    series = draft.appointment.recurrence is not None
    if (
        series
        and all(d.gone for d in serious)
        and has_past(draft.appointment, moment.now, moment.default_zone)
    ):
        _cut_series(serious, setter, draft, moment)
        return
    for deletion in serious:
        channel = policy.channels.get(deletion.channel)
        if deletion.gone and channel is not None and channel.is_crm:
            draft.deleting = draft.now
            draft.setters[DELETING] = replace(setter, channel=deletion.channel)
            draft.records.append(Record(Kind.DELETED, (), rule, deletion.channel))
            return
    before = draft.appointment.status
    if before is not Status.CANCELLED:
        draft.before_cancel = before.value
        draft.set(STATUS, Status.CANCELLED, setter)
        claims = tuple((deletion.channel, Status.CANCELLED) for deletion in serious)
        draft.records.append(
            Record(Kind.SET, STATUS, rule, first.channel, Status.CANCELLED, before, claims)
        )
        call_off(draft, setter)
    for deletion in serious:
        if deletion.here is not None and not deletion.gone:
            draft.count_as_asked(deletion.here, STATUS, Status.CANCELLED)


def _cut_series(serious: Sequence[Deletion], setter: Setter, draft: Draft, moment: Moment) -> None:
    shorter = cut(draft.appointment, moment.now, moment.default_zone)
    if shorter is None:
        return
    before = draft.appointment.recurrence
    draft.appointment = shorter
    draft.setters[("recurrence",)] = setter
    for deletion in serious:
        if deletion.here is not None:
            draft.absent[deletion.here.place] = Absence(draft.now, FUTURE_RULE)
    draft.records.append(
        Record(
            Kind.DELETED,
            ("recurrence",),
            FUTURE_RULE,
            setter.channel,
            shorter.recurrence,
            before,
        )
    )


def _restore(
    serious: Sequence[Deletion],
    outcome: Contest,
    rule: str,
    contesting: Sequence[Claim],
    draft: Draft,
) -> None:
    """The edit won, or a person is asked: a copy that is still there keeps or gets its status."""
    if outcome is Contest.ASK:
        claims = {d.channel: Status.CANCELLED for d in serious}
        claims |= {e.channel: draft.appointment.status for e in contesting}
        draft.open[STATUS] = Question(dict(claims), rule, draft.now)
        for deletion in serious:
            if deletion.here is not None and deletion.gone:
                draft.absent[deletion.here.place] = Absence(draft.now, rule)
        return
    for deletion in serious:
        if deletion.here is not None and not deletion.gone:
            draft.dispute(deletion.here, STATUS)


def _record(
    serious: Sequence[Deletion],
    contesting: Sequence[Claim],
    outcome: Contest,
    rule: str,
    draft: Draft,
) -> None:
    """One conflict for each contested value: what the edit said, and that it was to go."""
    kind = Kind.ASKED if outcome is Contest.ASK else Kind.CONFLICT
    gone = tuple((deletion.channel, Status.CANCELLED) for deletion in serious)
    for edit in contesting:
        kept = outcome is not Contest.DELETE
        draft.records.append(
            Record(
                kind,
                edit.path,
                rule,
                edit.channel if kept else serious[0].channel,
                edit.value if kept else Status.CANCELLED,
                None,
                (*gone, (edit.channel, edit.value)),
                CONTEST_NOTE,
            )
        )
