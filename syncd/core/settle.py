"""Settling one appointment: a pure function from a case to a plan.

Claims of any number of channels are merged path by path; contradictions are decided by the
rules; what each channel is owed is derived. Nothing here knows about a particular system.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from syncd.core.afterall import restore_one
from syncd.core.belong import Moment, is_readable, readable, shows_busy_only
from syncd.core.birth import born, know_late, know_made, late_claims, meet_rows
from syncd.core.burial import buried, waits_for_sight
from syncd.core.channel import Direction, Policy
from syncd.core.claims import (
    Claim,
    already_so,
    by_path,
    claims_of,
    newcomer_claims,
    on_behalf,
    unsubsumed,
)
from syncd.core.decide import Court, Decision
from syncd.core.draft import Draft, own_path
from syncd.core.dropped import edits_of_cut, edits_of_cut_off, edits_of_dropped, edits_of_gone
from syncd.core.existence import STATUS, deletions, is_cancelling, judge, revive
from syncd.core.model import Status
from syncd.core.orders import bring_back, brought_back, carry_out, ordered, overruled, restoring
from syncd.core.owe import Owing, nothing_left
from syncd.core.paths import Path, get, patch
from syncd.core.reborn import lives_again, reborn
from syncd.core.series import follow_series, rekey_orphans, reslot_copies
from syncd.core.single import made_single
from syncd.core.situation import Here, Situation, situate
from syncd.core.state import (
    GAVE_WAY,
    WHOLE,
    Agreement,
    Case,
    ChannelName,
    Kind,
    Plan,
    Question,
    Record,
    Span,
)
from syncd.core.vanished import occurrences_gone

__all__ = ["settle"]


def settle(case: Case, policy: Policy, moment: Moment) -> Plan:
    """What to do about one appointment. Deterministic; raises nothing for any well-formed case.

    The plan's agreement has today's copies as settled copies; its writes are what every channel
    is owed, whatever failed before.
    """
    again = lives_again(case, policy)
    if again is not None:
        case = replace(case, agreement=again)
    situation = situate(case, policy)
    agreement = case.agreement or brought_back(case.orders)
    if agreement is None:
        draft = born(case.id, situation, policy, moment)
        if draft is None:
            return Plan(case.id, None, closed=situation.closed, quiet=True)
    elif _is_idle(case, agreement, situation):
        draft = Draft.of(agreement, moment.now)
        draft.look_at(situation.heres.values())
    else:
        draft = _merged(case, agreement, situation, policy, moment)
    if again is not None:
        draft.records.insert(0, reborn(again))
    return _planned(case, draft, situation, policy, moment)


def _is_idle(case: Case, agreement: Agreement, situation: Situation) -> bool:
    return situation.quiet and not case.orders and not agreement.open


def _planned(
    case: Case, draft: Draft, situation: Situation, policy: Policy, moment: Moment
) -> Plan:
    if draft.before is not None and draft.appointment is not draft.before.appointment:
        made_single(draft)
        rekey_orphans(draft, moment)
        reslot_copies(draft, policy, moment)
    _record_replaced(draft, situation)
    draft.unmet &= moment.blind
    owing = Owing(draft, situation.heres, policy, moment, case.aside, case.invited)
    writes = owing.derive()
    draft.let_go(writes)
    waiting = any(here.waiting for here in situation.heres.values())
    waiting = waiting or waits_for_sight(draft, policy, moment)
    if not waiting and nothing_left(draft, policy, writes):
        return buried(case, draft)
    agreement = draft.agreement()
    quiet = not writes and not draft.records and not situation.closed and not case.orders
    if quiet and case.agreement is not None:
        quiet = _same(case.agreement, agreement)
    records, moved, closed = tuple(draft.records), tuple(draft.moved), situation.closed
    plan = Plan(case.id, agreement, writes, records, closed, None, quiet, moved)
    return replace(plan, follows=True) if owing.follows else plan


def _record_replaced(draft: Draft, situation: Situation) -> None:
    """An invitation took the place of our copy, without having waited for it to go."""
    before = draft.before.absent if draft.before is not None else {}
    for here in situation.heres.values():
        if here.replaced and here.place not in before:
            draft.records.append(Record(Kind.REPLACED, (), GAVE_WAY, here.channel.name))


def _same(old: Agreement, new: Agreement) -> bool:
    """Whether nothing worth storing differs; copies are compared by identity first."""
    if old.copies.keys() != new.copies.keys():
        return False
    for place, settled in new.copies.items():
        known = old.copies[place]
        if settled is not known and settled != known:
            return False
    return (
        (old.appointment is new.appointment or old.appointment == new.appointment)
        and old.absent == new.absent
        and old.open == new.open
        and old.deleting == new.deleting
        and old.uids == new.uids
        and old.unmet == new.unmet
        and old.gone == new.gone
    )


def _merged(
    case: Case, agreement: Agreement, situation: Situation, policy: Policy, moment: Moment
) -> Draft:
    draft = Draft.of(agreement, moment.now)
    heres = list(situation.heres.values())
    draft.look_at(heres)
    know_late(heres, draft, moment)
    know_made(case.id, heres, agreement, draft, policy)
    for here in heres:
        _put_back_unread(here, draft, policy)
        for own, value in already_so(here, agreement, policy):
            draft.was_asked(here, own, value)
    meet_rows(heres, draft, policy)
    known = dict(draft.appointment.overrides)
    claims = _all_claims(case, agreement, heres, policy, moment)
    claims += late_claims(heres, draft, policy, {claim.path for claim in claims})
    moved_on = {(claim.path, claim.channel) for claim in claims if not claim.contested}
    court = Court(
        policy,
        agreement.appointment,
        _borrowed(agreement, policy),
        on_behalf=lambda path: _defended(on_behalf(path, agreement), moved_on),
    )
    decisions = _decided(claims, court, agreement, draft)
    cut, told = edits_of_cut(decisions, agreement)
    decisions = [each for each in decisions if each not in cut]
    draft.records += told
    for each in cut:
        _drop(each, draft)
    cancelling = [c for d in decisions for c in _cancelling(d, agreement)]
    if cancelling:
        decisions = [d for d in decisions if d.path != STATUS]
    edits = [c for d in decisions for c in d.claims if _is_edit(c, agreement)]
    restore = restoring(case.orders)
    if restore is not None:
        bring_back(restore, draft, new=case.agreement is None)
    found = overruled(deletions(heres, draft, policy, cancelling), restore, draft)
    keep = revive(edits, draft, policy)
    if keep and found:
        merged = patch(draft.appointment, {d.path: d.value for d in decisions if d.winner})
        keep = judge(found, edits, draft, policy, moment, merged)
    for decision in decisions:
        if keep or _joins(decision):
            _apply(decision, draft, heres)
        else:
            _drop(decision, draft)
    if keep:
        follow_series(decisions, draft, policy)
    _close_questions(draft, agreement, heres, decisions)
    draft.records += edits_of_dropped(decisions, draft.appointment, agreement)
    draft.records += edits_of_cut_off(draft.appointment, draft.setters, agreement, heres)
    draft.records += edits_of_gone(heres, draft.appointment)
    if restore is None:
        occurrences_gone(heres, draft, agreement, policy, moment)
    carry_out(case.orders, draft)
    restore_one(draft, known, moment)
    return draft


def _defended(agreed: Claim | None, moved_on: Collection[tuple[Path, ChannelName]]) -> Claim | None:
    """The agreed value, unless the channel that set it says something else by now."""
    if agreed is None or agreed.person or (agreed.path, agreed.channel) not in moved_on:
        return agreed
    return None


def _decided(
    claims: list[Claim], court: Court, agreement: Agreement, draft: Draft
) -> list[Decision]:
    """Path by path. What might be any of several values is told which one it is, unless it reads
    so."""
    decisions = []
    for path, found in by_path(claims).items():
        counted = unsubsumed(found, court.policy)
        decision = court.decide(path, counted, asking=_asking(path, agreement))
        decisions.append(decision)
        places = {claim.here.place for claim in counted if claim.here is not None}
        for claim in found if not decision.asked else ():
            if claim.here is not None and claim.here.place not in places:
                draft.dispute(claim.here, claim.path)
    return decisions


def _all_claims(
    case: Case, agreement: Agreement, heres: list[Here], policy: Policy, moment: Moment
) -> list[Claim]:
    claims: list[Claim] = []
    for here in heres:
        if here.newcomer and here.channel.name in agreement.unmet:
            continue  # see late_claims
        if here.newcomer:
            claims += newcomer_claims(here, agreement, policy, heres)
        else:
            claims += claims_of(here, agreement, policy, moment)
    for order in case.orders:
        claims += ordered(order)
    for path, question in agreement.open.items():
        fresh = {claim.channel for claim in claims if claim.path == path}
        if any(claim.path == path and claim.person for claim in claims):
            continue
        claims += _still_claimed(path, question, agreement, heres, fresh)
    return claims


def _still_claimed(
    path: Path,
    question: Question,
    agreement: Agreement,
    heres: list[Here],
    fresh: set[ChannelName],
) -> list[Claim]:
    """The claims of an open question that stand: all but those whose copy has gone back."""
    agreed = get(agreement.appointment, path)
    left: list[Claim] = []
    for channel, value in question.claims.items():
        here = next((h for h in heres if h.channel.name == channel and _stands_for(h, path)), None)
        if channel in fresh or (value != agreed and _went_back(here, path)):
            continue
        span = Span(question.since, question.since)
        left.append(Claim(channel, path, value, value, span, here))
    return left


def _stands_for(here: Here, path: Path) -> bool:
    slot = here.place[1]
    return slot == WHOLE or path[:2] == ("overrides", slot)


def _went_back(here: Here | None, path: Path) -> bool:
    """Whether a claimant's copy moved at ``path`` without claiming: back to what is agreed.

    A copy that was deleted, which is a claim on the status, and is there again has gone back.
    """
    own = own_path(here, path) if here is not None else None
    return here is not None and own is not None and (own in here.changes or here.newcomer)


def _asking(path: Path, agreement: Agreement) -> str:
    question = agreement.open.get(path)
    return question.rule if question is not None else ""


def _borrowed(agreement: Agreement, policy: Policy) -> frozenset[ChannelName]:
    """The channels with the invitation itself, if somebody outside the company organises it."""
    organizer = agreement.appointment.organizer
    if organizer is None or policy.is_colleague(organizer.email):
        return frozenset()
    return frozenset(
        place[0] for place, settled in agreement.copies.items() if settled.copy.invited
    )


def _cancelling(decision: Decision, agreement: Agreement) -> list[Claim]:
    if decision.path != STATUS or agreement.appointment.status is Status.CANCELLED:
        return []
    if decision.path in agreement.open and decision.winner is None:
        return []
    if (
        decision.winner is not None
        and decision.winner.person
        and not is_cancelling(decision.winner)
    ):
        return []
    return [c for c in decision.claims if is_cancelling(c) and not c.agreed]


def _is_edit(claim: Claim, agreement: Agreement) -> bool:
    return not claim.agreed and claim.value != get(agreement.appointment, claim.path)


def _joins(decision: Decision) -> bool:
    """Whether a copy that joins tells what is agreed from now on, ended or not."""
    here = decision.winner.here if decision.winner is not None else None
    return here is not None and here.newcomer


def _apply(decision: Decision, draft: Draft, heres: list[Here]) -> None:
    if decision.asked:
        draft.keep_open(decision)
        return
    was_open = draft.open.pop(decision.path, None)
    draft.take(decision)
    if was_open is not None:
        for here in heres:  # also where it was decided for what had been agreed before
            claimed = was_open.claims.get(here.channel.name, decision.value)
            if claimed != decision.value and _stands_for(here, decision.path):
                draft.dispute(here, decision.path)
        _end_absences(decision.path, was_open, draft)
        claims = tuple((claim.channel, claim.value) for claim in decision.claims)
        draft.records.append(
            Record(
                Kind.CLOSED,
                decision.path,
                was_open.rule,
                decision.winner.channel if decision.winner is not None else "",
                decision.value,
                claims=claims,
            )
        )


def _end_absences(path: Path, question: Question, draft: Draft) -> None:
    """It takes place after all: what was deleted, and asked about, is owed again."""
    if path == STATUS and draft.appointment.status is not Status.CANCELLED:
        for place, absence in list(draft.absent.items()):
            if absence.reason == question.rule:
                del draft.absent[place]


def _drop(decision: Decision, draft: Draft) -> None:
    """An edit of what was deleted: recorded already; its copy is owed what is agreed."""
    for claim in (*decision.claims, *decision.struck):
        if claim.here is not None:
            draft.dispute(claim.here, claim.path)


def _close_questions(
    draft: Draft, agreement: Agreement, heres: list[Here], decisions: list[Decision]
) -> None:
    """A question whose claimants have all gone back closes; what is agreed stays."""
    decided = {decision.path for decision in decisions}
    for path, question in agreement.open.items():
        if path in decided or path not in draft.open:
            continue
        del draft.open[path]
        _end_absences(path, question, draft)
        draft.records.append(
            Record(Kind.CLOSED, path, question.rule, value=get(draft.appointment, path))
        )


def _put_back_unread(here: Here, draft: Draft, policy: Policy) -> None:
    """What a person changed where changes are not read: put back once, and recorded. What a copy
    says besides its time, where we give no more than that and did not make it, is its own."""
    if not here.changes:
        return
    channel, born = here.channel, draft.born
    readings = readable(channel, draft.appointment, policy, born)
    unread = [path for path in here.changes if not is_readable(path, readings)]
    ours = here.settled is not None and here.settled.ours
    if not ours and shows_busy_only(channel, draft.appointment, policy, born):
        unread = []
    if channel.direction is Direction.TO:
        unread += [path for path in here.changes if is_readable(path, readings)]
    for path in unread:
        draft.dispute(here, path)
        claims = ((here.channel.name, here.changes[path]),)
        value = get(draft.appointment, path)
        rule = "direction: only written" if here.channel.direction is Direction.TO else "privacy"
        draft.records.append(Record(Kind.PUT_BACK, path, rule, value=value, claims=claims))
