"""The second step: settle what is due, refuse what is unsafe, store decisions and intents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.continuing import spans_of
from syncd.core.owe import SINGLY
from syncd.core.packed import Packed
from syncd.core.paths import Path
from syncd.core.recurrence import last_end, starts_utc
from syncd.core.safety import (
    Census,
    Danger,
    Limits,
    fingerprint,
    is_ending,
    outline,
    reasons,
    refuse,
)
from syncd.core.settle import settle
from syncd.core.splits import Seeded, seed_splits
from syncd.core.state import (
    WHOLE,
    Agreement,
    AppointmentId,
    Case,
    Kind,
    Operation,
    Order,
    Place,
    Plan,
    Present,
    Remains,
    Write,
)
from syncd.drawn import CHUNK, Draw
from syncd.isolating import InHand
from syncd.shown import operation, shown_write
from syncd.store import Hold, HoldState, LoggedWrite, Store
from syncd.write import ASIDE_FOR

MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
CASES = 100
"""So many appointments are read and settled at a time: with their copies they are megabytes."""
FIGHT_LIMIT = 3
"""So often in a day we write over what somebody set, then the value is set aside (invariant 7)."""


def draw_up(
    store: Store,
    bridge: str,
    policy: Policy,
    moment: Moment,
    ids: Sequence[AppointmentId],
    dying: Mapping[AppointmentId, Agreement],
    in_hand: InHand,
    *,
    whole: bool = False,
    orders: Mapping[AppointmentId, Order] | None = None,
    invited: Mapping[AppointmentId, Collection[Place]] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Draw:
    """The plans of the appointments that are due; ``whole`` even if they are many. ``orders``:
    as if these had been given. ``invited``: as in ``Case``. ``progress`` is called now and then,
    and may raise. Writes nothing."""
    given, invitations, draw = orders or {}, invited or {}, Draw()
    if len(ids) > CHUNK and not whole:
        draw.packed = Packed(few=0)
    known = set(ids)

    def draw_part(part: Sequence[AppointmentId]) -> None:
        """A function, so that these cases, which are megabytes, go before others are read."""
        read = store.cases(bridge, part, moment.now)
        new = [case.id for case in read if case.agreement is None]
        remains = store.remains(bridge, new) if new else {}
        cases = [_prepared(case, dying, given, invitations, remains) for case in read]
        begun = _begun_at_cuts(store, bridge, cases, policy, moment)
        agreed = [case for case in begun if case.id not in known]
        elsewhere = [case for case in begun if case.id in known]
        for seeded in seed_splits(cases, policy, moment, agreed, elsewhere):
            _count_moves(seeded.case, draw.moved)
            draw.waits.update(seeded.waits)
            draw.note_split(seeded.case.id, seeded.records)
            plan = _planned(seeded, policy, moment)
            if draw.packed is not None:
                draw.packed.append(plan)
                plan = _outline(plan)
            draw.plans.append(plan)

    for part in in_hand.parts(ids, CASES, str):
        progress()
        with in_hand.work(part):
            draw_part(part)
    return draw


def _begun_at_cuts(
    store: Store, bridge: str, cases: Sequence[Case], policy: Policy, moment: Moment
) -> list[Case]:
    """What else there is, be it unborn, where series were cut: it may go on from one of them."""
    spans = list(spans_of(cases, policy, moment))
    if not spans:
        return []
    found: set[AppointmentId] = set()
    unborn = [(item.channel, item.appointment, item.copy) for item in store.unborn(bridge)]
    for channel, start, end in spans:
        found |= store.held_from(bridge, channel, start - DAY, end + DAY)
        for name, id, copy in unborn:
            here = copy if name == f"{bridge}/{channel}" else None
            if id and here and start < starts_utc(here.reads, moment.default_zone) < end:
                found.add(id)
    return store.cases(bridge, sorted(found - {case.id for case in cases}), moment.now)


def _planned(seeded: Seeded, policy: Policy, moment: Moment) -> Plan:
    plan = settle(seeded.case, policy, moment)
    again = moment.now if seeded.waits else _again(plan, policy, moment)
    if again is not None:
        plan = replace(plan, again=again)
    return seeded.completed(plan)


def _outline(plan: Plan) -> Plan:
    """A plan as far as it is to be judged: the outlines of its writes."""
    writes = tuple(outline(plan.id, write) for write in plan.writes)
    return Plan(plan.id, None, writes, quiet=plan.quiet)


def census(
    store: Store, bridge: str, draw: Draw, emptied: Collection[str], now: datetime
) -> Census:
    """What the limits are judged by. A write that is tried again is counted as planned only."""
    copies = store.stats().copies
    prefix = f"{bridge}/"
    own = {name[len(prefix) :]: n for name, n in copies.items() if name.startswith(prefix)}
    deleted: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    ended: set[AppointmentId] = set()
    written = 0
    for entry in store.writes_since(now - DAY):
        if entry.approved:
            continue
        if entry.operation in _ENDINGS:
            ended.add(entry.appointment)
            if entry.channel.startswith(prefix):
                deleted[entry.channel[len(prefix) :]] += 1
                gone[entry.channel[len(prefix) :]] += entry.operation == "delete"
        written += entry.at >= now - HOUR and entry.channel.startswith(prefix)
    for name in own:
        own[name] += gone[name]
    # Those that are planned to end are counted there, be it once more.
    ended -= {id for id, write in draw.writes if is_ending(write)}
    total = sum(store.stats().agreements.values()) + len(ended - store.exists(ended))
    begun = store.begun(bridge)
    again = [write for id, write in draw.writes if _place(id, write) in begun]
    for write in again:
        if operation(write) in _ENDINGS:
            deleted[write.channel] = max(0, deleted[write.channel] - 1)
    written = max(0, written - len(again))
    retimed = {name.removeprefix(prefix): n for name, n in store.retimed(bridge).items()}
    return Census(own, deleted, written, draw.moved, emptied, total, len(ended), retimed)


def _place(id: AppointmentId, write: Write) -> tuple[AppointmentId, str, str]:
    return id, write.channel, write.slot


_ENDINGS = frozenset({"delete", "cancel"})


def check(
    store: Store,
    bridge: str,
    draw: Draw,
    limits: Limits,
    emptied: Collection[str],
    now: datetime,
) -> tuple[list[Danger], frozenset[str]]:
    """Why the plans must wait for a person, if they must; and which writes are approved."""
    planned = {fingerprint(id, write) for id, write in draw.writes}
    approvals = [
        {entry["write"] for entry in hold.writes}
        for hold in store.holds(HoldState.APPROVED)
        if hold.scope == bridge
    ]
    approved = frozenset().union(*(each for each in approvals if each & planned))
    counted = census(store, bridge, draw, emptied, now)
    return refuse(draw.plans, counted, limits, approved), approved


def hold(store: Store, bridge: str, draw: Draw, dangers: Sequence[Danger], now: datetime) -> str:
    """Stop the bridge: show exactly these writes to a person. Returns the reason."""
    reason = "; ".join(reasons(dangers, bridge))
    plans = (plan for part in draw.parts() for plan in part)
    shown = [shown_write(plan.id, write, plan.agreement) for plan in plans for write in plan.writes]
    digest = digest_of(entry["write"] for entry in shown)
    for known in store.holds(HoldState.OPEN):
        if known.scope == bridge:
            if known.digest == digest and known.reason == reason:
                return reason
            store.close_hold(known.id)
    store.open_hold(bridge, reason, now, digest, shown)
    return reason


def release_holds(store: Store, bridge: str, now: datetime, *, approved: bool) -> None:
    """What was held is safe again: the open holds of the bridge are over. ``approved``: it has
    been written, so that approvals are used up, unless something of theirs is owed still; others
    end after a day."""
    for known in store.holds():
        if known.scope != bridge or known.state is HoldState.GONE:
            continue
        old = known.approved_at is not None and known.approved_at < now - DAY
        used_up = approved and not _is_owed(store, known)
        if known.state is HoldState.OPEN or used_up or old:
            store.close_hold(known.id)


def _is_owed(store: Store, known: Hold) -> bool:
    """Whether a write that was approved is put off."""
    channel = f"{known.scope}/"
    spots = {(e["appointment"], channel + e["channel"], e["slot"]) for e in known.writes}
    return not spots.isdisjoint(store.owed({appointment for appointment, _, _ in spots}))


def log_begun(
    store: Store, bridge: str, draw: Draw, approved: Collection[str], now: datetime
) -> None:
    """Count the writes for the sliding windows; approved ones do not count, nor those begun
    before: an outage is no series of deletions. What looked strange has been approved, or is over.
    """
    for channel in store.retimed(bridge):
        store.set_retimed(channel, 0)
    begun = store.begun(bridge)
    store.log_writes(
        [
            LoggedWrite(
                now,
                f"{bridge}/{write.channel}",
                operation(write),
                id,
                fingerprint(id, write) in approved,
            )
            for id, write in draw.writes
            if _place(id, write) not in begun
        ]
    )


def _again(plan: Plan, policy: Policy, moment: Moment) -> datetime | None:
    """When time alone makes it due: the horizon moves on, day by day, and with it, where there
    are channels that do not hold the series, its occurrences there. What only waits to be buried
    is looked at every minute."""
    if plan.agreement is None:
        return None
    appointment = plan.agreement.appointment
    if plan.agreement.unmet and not plan.agreement.copies:
        return moment.now + MINUTE
    starts = starts_utc(appointment, moment.default_zone)
    if starts >= moment.end:
        return moment.now + (starts - moment.end)
    if appointment.recurrence is None:
        return None
    last = last_end(appointment, moment.default_zone)
    if _changes_form(plan):
        return moment.now
    rows = any(not each.fidelity.repeats(appointment) for each in policy.channels.values())
    return moment.now + DAY if rows and (last is None or last >= moment.end) else None


def _changes_form(plan: Plan) -> bool:
    """Whether a channel holds a series in another form from now on, which takes two steps."""
    if plan.agreement is None:
        return False
    singly = {channel for channel, slot in plan.agreement.copies if slot != WHOLE}
    return any(
        write.reason == SINGLY
        or (write.operation is Operation.CREATE and write.slot == WHOLE and write.channel in singly)
        for write in plan.writes
    )


def count_conflicts(plans: Iterable[Plan]) -> Counter[str]:
    """By channel, how many of its values lost a conflict."""
    lost: Counter[str] = Counter()
    for plan in plans:
        for record in plan.records:
            if record.kind is Kind.CONFLICT:
                lost.update(name for name, value in record.claims if value != record.value)
    return lost


def set_fights_aside(
    store: Store, bridge: str, policy: Policy, plans: Iterable[Plan], now: datetime
) -> int:
    """Values that we wrote over three times in a day are left alone for a day, explained."""
    losers = [plan.id for plan in plans if any(r.kind in _AGAINST for r in plan.records)]
    if not losers:
        return 0
    count = 0
    singly = {
        (plan.id, *place)
        for plan in plans
        if plan.agreement is not None
        for place in plan.agreement.copies
        if place[1] != WHOLE
    }
    known = {(a.appointment, a.channel, a.slot, a.path) for a in store.asides(bridge)}
    for (id, channel, path), times in store.put_backs(losers, now - DAY).items():
        slot, own = _own(policy, singly, id, channel, path)
        if times < FIGHT_LIMIT or (id, channel, slot, own) in known:
            continue
        reason = f"somebody sets this value again and again ({times} times within 24 h)"
        store.set_aside(bridge, id, channel, slot, own, reason, now, now + ASIDE_FOR)
        count += 1
    return count


_AGAINST = frozenset({Kind.CONFLICT, Kind.PUT_BACK, Kind.OVERWRITTEN})


def _own(
    policy: Policy,
    singly: Collection[tuple[AppointmentId, str, str]],
    id: AppointmentId,
    channel: str,
    path: Path,
) -> tuple[str, Path]:
    """A path in a copy's own terms: without series, an override is a field of its row."""
    found = policy.channels.get(channel)
    if found is None or path[0] != "overrides":
        return WHOLE, path
    if found.fidelity.recurrence and (id, channel, path[1]) not in singly:
        return WHOLE, path
    return path[1], (path[2],)


def _prepared(
    case: Case,
    dying: Mapping[AppointmentId, Agreement],
    orders: Mapping[AppointmentId, Order],
    invited: Mapping[AppointmentId, Collection[Place]],
    remains: Mapping[AppointmentId, Remains],
) -> Case:
    if case.id in dying and case.agreement is None:
        case = replace(case, agreement=dying[case.id])
    if case.id in remains:
        case = replace(case, remains=remains[case.id])
    if case.id in orders:
        case = replace(case, orders=(*case.orders, orders[case.id]))
    if case.id in invited:
        case = replace(case, invited=frozenset(invited[case.id]))
    return case


def _count_moves(case: Case, moved: Counter[str]) -> None:
    if case.agreement is None:
        return
    for place, settled in case.agreement.copies.items():
        seen = case.views.get(place)
        if seen is None or not isinstance(seen.observation, Present):
            continue
        copy = seen.observation.copy
        if copy is settled.copy or copy.reads.when == settled.copy.reads.when:
            continue
        contents = [intent.write.content for intent in case.intents]
        if not any(each is not None and each.when == copy.reads.when for each in contents):
            moved[place[0]] += 1


def digest_of(names: Iterable[str]) -> str:
    """What identifies exactly these writes, by their fingerprints."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]
