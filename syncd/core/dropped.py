"""Edits of what is no longer there: of occurrences that a series does not have any more, and of
copies that went before what they said was settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.core.claims import Claim, setter_of
from syncd.core.decide import Decision
from syncd.core.draft import agreed_path, whole_path
from syncd.core.fidelity import project
from syncd.core.model import Appointment, Value
from syncd.core.paths import DELETED, Path, diff, get
from syncd.core.recurrence import is_occurrence, rid_of
from syncd.core.situation import Here
from syncd.core.state import WHOLE, Agreement, ChannelName, Gone, Kind, Record, Setter

GONE_RULE = "built-in: it went with its copy"

DROPPED_NOTE = "occurrence dropped against edit"
"""The note of a conflict whose value is shown nowhere."""


def edits_of_gone(heres: Iterable[Here], merged: Appointment) -> list[Record]:
    """What copies said that was seen and not settled before they went, because a plan was held or
    a daemon died: it went with them, and is told where ``merged`` does not say the same."""
    records: list[Record] = []
    for here in heres:
        shown = here.seen.observation if here.seen is not None else None
        if not here.gone or here.settled is None or not isinstance(shown, Gone) or not shown.last:
            continue
        agreed, slot = project(merged, here.channel.fidelity), here.place[1]
        changed = diff(here.settled.copy.reads, shown.last)
        for path in dict.fromkeys(whole_path(slot, each) for each in changed):
            place, value = agreed_path(slot, path), get(shown.last, path)
            if value != get(agreed, place):
                claims = ((here.channel.name, value),)
                left = get(merged, place)
                records.append(
                    Record(Kind.OVERWRITTEN, place, GONE_RULE, value=left, claims=claims)
                )
    return records


def edits_of_dropped(
    decisions: Sequence[Decision], merged: Appointment, agreement: Agreement
) -> list[Record]:
    """A conflict for each value of a dropped occurrence that its dropper had not seen.

    Both are decided on their own; the values of what does not take place are shown nowhere,
    and would be lost without a record (invariant 2).
    """
    records: list[Record] = []
    for decision in decisions:
        path, winner = decision.path, decision.winner
        if path[0] != "overrides" or path[2] != DELETED or winner is None:
            continue
        if not get(merged, path) or get(agreement.appointment, path):
            continue
        for place, channel, value in _unseen(winner, decisions, agreement):
            claims = ((winner.channel, True), (channel, value))
            records.append(
                Record(
                    Kind.CONFLICT,
                    place,
                    decision.rule,
                    winner.channel,
                    claims=claims,
                    note=DROPPED_NOTE,
                )
            )
    return records + _edits_too_late(decisions, merged, agreement)


def edits_of_cut(
    decisions: Sequence[Decision], agreement: Agreement
) -> tuple[list[Decision], list[Record]]:
    """What was decided of occurrences that the agreed series was cut short of, which the copies
    that say it still have; and what is to be told of that.

    None of it is agreed on: the series would have occurrences of which its rule knows nothing,
    which no calendar can show and Graph not even store.
    """
    series = agreement.appointment
    moved = any(d.path in (("when",), ("recurrence",)) and d.winner is not None for d in decisions)
    if series.recurrence is None or moved:
        return [], []
    late = [d for d in decisions if d.path[0] == "overrides" and _is_cut(d, series)]
    setter = setter_of(agreement, ("recurrence",))
    by = setter.channel if setter is not None else ""
    records = [
        Record(
            Kind.CONFLICT,
            claim.path,
            setter.rule if setter is not None else decision.rule,
            by,
            claims=((by, True), (claim.channel, claim.value)),
            note=DROPPED_NOTE,
        )
        for decision in late
        for claim in decision.claims
    ]
    return late, records


def edits_of_cut_off(
    merged: Appointment,
    setters: Mapping[Path, Setter],
    agreement: Agreement,
    heres: Iterable[Here],
) -> list[Record]:
    """A conflict for each value of an occurrence that the series has been cut short of just now, of
    which the copy that was cut had not been told. One that was made single is its first one."""
    was, setter = agreement.appointment, setters.get(("recurrence",))
    if setter is None or was.recurrence is None:
        return []
    if was.recurrence == merged.recurrence or was.when != merged.when:
        return []
    cutter = next((h for h in heres if h.place == (setter.channel, WHOLE)), None)
    records: list[Record] = []
    for path, own in setters.items():
        if path[:1] != ("overrides",) or path[2] == DELETED or is_occurrence(merged, path[1]):
            continue
        if merged.recurrence is None and path[1] == rid_of(was.when):
            continue
        fresh = agreement.setters.get(path) != own
        unseen = fresh or (cutter is not None and own.at > cutter.known_until)
        if unseen and own.channel != setter.channel:
            claims = ((setter.channel, True), (own.channel, get(merged, path)))
            made = Record(Kind.CONFLICT, path, setter.rule, setter.channel, claims=claims)
            records.append(replace(made, note=DROPPED_NOTE))
    return records


def _is_cut(decision: Decision, series: Appointment) -> bool:
    slot = decision.path[1]
    if is_occurrence(series, slot) or any(slot == known for known, _ in series.overrides):
        return False
    return bool(decision.claims) and all(
        claim.here is not None
        and claim.here.place[1] == WHOLE
        and claim.here.copy is not None
        and is_occurrence(claim.here.copy.reads, slot)
        for claim in decision.claims
    )


def _edits_too_late(
    decisions: Sequence[Decision], merged: Appointment, agreement: Agreement
) -> list[Record]:
    """A conflict for each value set in a copy that was still there when its occurrence had been
    dropped elsewhere."""
    records: list[Record] = []
    for decision in decisions:
        path = decision.path
        if path[0] != "overrides" or path[2] == DELETED:
            continue
        drop = (*path[:2], DELETED)
        if not get(merged, drop) or not get(agreement.appointment, drop):
            continue
        setter = setter_of(agreement, drop)
        by = setter.channel if setter is not None else ""
        for claim in decision.claims:
            if not claim.agreed and claim.channel != by:
                claims = ((by, True), (claim.channel, claim.value))
                note = "occurrence dropped against edit"
                rule = setter.rule if setter is not None else decision.rule
                records.append(Record(Kind.CONFLICT, path, rule, by, None, None, claims, note))
    return records


def _unseen(
    drop: Claim, decisions: Iterable[Decision], agreement: Agreement
) -> Iterator[tuple[Path, ChannelName, Value]]:
    """The values of the occurrence that ``drop`` is about, claimed now or agreed unseen by it."""
    slot = drop.path[:2]
    for decision in decisions:
        if decision.path[:2] == slot and decision.path != drop.path:
            for claim in decision.claims:
                if claim.channel != drop.channel and not claim.agreed:
                    yield claim.path, claim.channel, claim.value
    if drop.here is not None:
        for path, channel in agreed_unseen(drop.path, drop.here, agreement):
            yield path, channel, get(agreement.appointment, path)


def agreed_unseen(
    drop: Path, here: Here, agreement: Agreement
) -> Iterator[tuple[Path, ChannelName]]:
    """The agreed values of the occurrence that ``drop`` is about, and who set them, of which the
    copy that is dropped had not been told yet."""
    for path, setter in agreement.setters.items():
        if path[:2] != drop[:2] or path == drop or setter.channel == here.channel.name:
            continue
        if setter.at > here.known_until or path in here.unfinished:
            yield path, setter.channel
