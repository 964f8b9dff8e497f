"""The inbox: what waits for a person, and how a person's answer becomes an order.

An id carries a digest of the values that were shown: an answer to something that has moved
since is refused.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.core.model import AllDay, Appointment, Busy, Status, Timed, Value, Visibility
from syncd.core.paths import Path, get, path_text
from syncd.core.state import WHOLE, Agreement, AppointmentId, Key, Order, Question
from syncd.core.zones import UTC_ZONE
from syncd.errors import SyncdError
from syncd.store import Doubt, HoldState, Observed, Store
from syncd.wording import brief, brief_here, value_text


class InboxError(SyncdError):
    """The answer does not fit: says why, and what would."""


class ItemKind(StrEnum):
    """``question``: an ``ask`` rule left a field open. ``doubt``: a copy may be known already."""

    QUESTION = "question"
    DOUBT = "doubt"


LINK = "link"
"""The answer to all doubts at once that says: it is what it may be, where that is one thing."""

NEW = "new"
"""The answer to a doubt that says: this copy is another appointment."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits. ``choices``: channel (or candidate) to value, as text.

    ``shown``: the copy in doubt, as people know it: its channel, time and title. ``told``: the
    same (by no name) and the candidates, with times for people; for programs these stay as they
    are.
    """

    id: str
    kind: ItemKind
    bridge: str
    appointment: str
    path: str
    choices: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    since: datetime | None = None
    shown: str = ""
    key: str = ""
    told: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str = "") -> str:
        """The copy in doubt, or a choice, for people."""
        return self.told.get(name) or (self.choices[name] if name else self.shown)


def items(store: Store, zone: str = UTC_ZONE) -> Iterator[Item]:
    """Everything that waits for a person, questions first. ``zone``: on whose clock doubtful
    ones are told; the values of a question are as ``resolve --value`` takes them."""
    for bridge, appointment, path, question in store.questions():
        choices = {channel: value_text(value) for channel, value in question.claims.items()}
        yield Item(
            f"{appointment}/{path_text(path)}@{_digest(choices)}",
            ItemKind.QUESTION,
            bridge,
            appointment,
            path_text(path),
            choices,
            question.rule,
            question.since,
        )
    yield from _doubts(store, zone)


def _doubts(store: Store, zone: str) -> Iterator[Item]:
    """Copies that may be known already, without those that have been answered or are gone."""
    doubts = store.doubts()
    seen = _seen(store, doubts)
    ids = {c for doubt in doubts for c in doubt.candidates if ":" not in c}
    ids |= {item.appointment for item in seen.values() if item.appointment is not None}
    agreements = store.agreements(ids)
    for doubt in doubts:
        own = seen.get((doubt.channel, doubt.key))
        if own is None or own.copy is None or own.appointment is not None:
            continue
        bridge, name = doubt.channel.split("/", 1)
        found = dict(_candidates(doubt, seen, agreements))
        choices = {each: f"{where}{brief(reads)}" for each, (where, reads) in found.items()}
        told = {each: f"{where}{brief_here(reads, zone)}" for each, (where, reads) in found.items()}
        choices[NEW] = "another appointment, to be copied"
        shown = f"{name}, {brief(own.copy.reads)}"
        told[""] = f"{name}, {brief_here(own.copy.reads, zone)}"
        yield Item(
            f"{doubt.channel}#{_digest({doubt.key: ''})}@{_digest({doubt.key: shown, **choices})}",
            ItemKind.DOUBT,
            bridge,
            "",
            "",
            choices,
            doubt.reason,
            doubt.at,
            shown,
            doubt.key,
            told,
        )


def _seen(store: Store, doubts: Iterable[Doubt]) -> dict[tuple[str, Key], Observed]:
    """The copies in doubt and those that they may be, by channel and key, as far as they are
    there."""
    wanted: dict[str, set[Key]] = {}
    for doubt in doubts:
        bridge = doubt.channel.split("/", 1)[0]
        wanted.setdefault(doubt.channel, set()).add(doubt.key)
        for candidate in doubt.candidates:
            channel, colon, key = candidate.partition(":")
            if colon:
                wanted.setdefault(f"{bridge}/{channel}", set()).add(key)
    return {
        (channel, key): item
        for channel, keys in wanted.items()
        for key, item in store.observed_many(channel, keys).items()
        if item.copy is not None and item.state == "present"
    }


def _candidates(
    doubt: Doubt,
    seen: Mapping[tuple[str, Key], Observed],
    agreements: Mapping[AppointmentId, Agreement],
) -> Iterator[tuple[str, tuple[str, Appointment]]]:
    """What a copy in doubt may be, where that is, and what it says; without what has a copy in
    its channel by now."""
    bridge, name = doubt.channel.split("/", 1)
    for candidate in doubt.candidates:
        channel, colon, key = candidate.partition(":")
        other = seen.get((f"{bridge}/{channel}", key)) if colon else None
        id_ = candidate if not colon else (other.appointment or "") if other else ""
        agreed = agreements.get(id_)
        if agreed is not None and (name, WHOLE) in agreed.copies:
            continue
        if other is not None and other.copy is not None:
            yield candidate, (f"{channel}, ", other.copy.reads)
        elif agreed is not None:
            yield candidate, ("", agreed.appointment)


def resolve(
    store: Store,
    id: str,
    now: datetime,
    by: str,
    new_id: Callable[[], str],
    *,
    take: str = "",
    value: str | None = None,
) -> None:
    """Answer one item: ``take`` a channel's value (or a candidate, or ``new``), or give a value.

    Raises ``InboxError`` if there is no such item, or if it has moved since it was shown.
    """
    found = next((item for item in items(store) if item.id == id), None)
    if found is None:
        stem = f"{id.rpartition('@')[0]}@"
        moved = next((item for item in items(store) if item.id.startswith(stem)), None)
        hint = f"it has changed since it was shown; it is now {moved.id}" if moved else "no such id"
        raise InboxError(f"{id}: {hint}")
    if found.kind is ItemKind.QUESTION:
        _answer_question(store, found, now, by, take, value)
    else:
        _answer_doubt(store, found, now, take, new_id)


def question_of(store: Store, id: str) -> tuple[str, Path, Question]:
    """The bridge, the path and the question of the inbox's item ``id``. Raises ``InboxError``."""
    stem = id.rpartition("@")[0]
    for bridge, appointment, path, question in store.questions():
        if f"{appointment}/{path_text(path)}" == stem:
            return bridge, path, question
    raise InboxError(f"{id}: is no open question; see syncd conflicts")


def resolve_doubtful(
    store: Store, answer: str, now: datetime, new_id: Callable[[], str]
) -> tuple[int, int]:
    """Answer all doubtful copies at once: ``link`` those that may be one other only and that no
    rival may be, too; or take all for ``new`` appointments. Returns how many were answered, and
    how many are left.

    Raises ``InboxError`` for another answer.
    """
    if answer not in (LINK, NEW):
        raise InboxError(f"--all-doubtful takes {LINK} or {NEW}, not {answer!r}")
    doubtful = [item for item in items(store) if item.kind is ItemKind.DOUBT]
    single = _single(doubtful) if answer == LINK else {item.id: NEW for item in doubtful}
    answered: set[tuple[str, str]] = set()
    for item in doubtful:
        place = (item.id.partition("#")[0], item.key)
        take = single.get(item.id)
        if take is None or place in answered:
            continue
        answered |= {place, *_place_of(item, take)}
        _answer_doubt(store, item, now, take, new_id)
    left = sum((item.id.partition("#")[0], item.key) not in answered for item in doubtful)
    return len(doubtful) - left, left


def _single(doubtful: Sequence[Item]) -> dict[str, str]:
    """The items with one candidate that is no other's in the same channel, and which it is."""
    candidates = {item.id: [name for name in item.choices if name != NEW] for item in doubtful}
    several = {
        (item.id.partition("#")[0], item.key) for item in doubtful if len(candidates[item.id]) > 1
    }
    rivals = Counter(
        (item.id.partition("#")[0], name) for item in doubtful for name in candidates[item.id]
    )
    found: dict[str, str] = {}
    for item in doubtful:
        names = candidates[item.id]
        if len(names) != 1 or rivals[item.id.partition("#")[0], names[0]] > 1:
            continue
        if not several & set(_place_of(item, names[0])):
            found[item.id] = names[0]
    return found


def _place_of(item: Item, candidate: str) -> list[tuple[str, str]]:
    """The channel and key of a candidate that is a copy, none of one that is an appointment."""
    channel, colon, key = candidate.partition(":")
    return [(f"{item.bridge}/{channel}", key)] if colon else []


def approve(store: Store, id: str, now: datetime, by: str) -> int:
    """Allow exactly the writes of the hold ``id`` (as shown). Returns how many.

    Raises ``InboxError`` if it is not open, or shows other writes by now.
    """
    for hold in store.holds(HoldState.OPEN):
        if hold_id(hold.id, hold.digest) == id:
            store.approve_hold(hold.id, by, now)
            return len(hold.writes)
    raise InboxError(f"{id}: no open hold with exactly these writes; see syncd status")


def hold_id(number: int, digest: str) -> str:
    """The name of a hold, which changes with the writes that it shows."""
    return f"{number}-{digest[:6]}"


def parse_value(path: Path, text: str, before: Value) -> Value:
    """A value that an administrator typed, of the kind that the field has.

    Times are ``START/END`` (ISO 8601, wall time in the appointment's zone) or two dates, the
    second exclusive. Raises ``InboxError``.
    """
    name = path[-1]
    try:
        if name == "when":
            return _parse_when(text, before)
        if name == "status":
            return Status(text)
        if name == "busy":
            return Busy(text)
        if name == "visibility":
            return Visibility(text)
    except ValueError as error:
        raise InboxError(f"{text!r} is no value of {path_text(path)}: {error}") from error
    if before is None or isinstance(before, str):
        return text
    raise InboxError(f"{path_text(path)} takes no typed value; take a channel's with --take")


def _parse_when(text: str, before: Value) -> Timed | AllDay:
    first, _, last = text.partition("/")
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last or first)
    if "T" not in first:
        return AllDay(start.date(), end.date())
    return Timed(start, end, before.zone if isinstance(before, Timed) else None)


def _answer_question(
    store: Store, item: Item, now: datetime, by: str, take: str, value: str | None
) -> None:
    path, question = next(
        (path, question)
        for _, appointment, path, question in store.questions(item.bridge)
        if appointment == item.appointment and path_text(path) == item.path
    )
    agreement = store.agreements([item.appointment])[item.appointment]
    before = get(agreement.appointment, path)
    if value is not None:
        chosen = parse_value(path, value, before)
    elif take in question.claims:
        chosen = question.claims[take]
    else:
        raise InboxError(f"--take one of {', '.join(sorted(question.claims))}, or --value")
    store.give_order(item.appointment, Order(by, now, {path: chosen}, reason="resolve"))


def _answer_doubt(
    store: Store, item: Item, now: datetime, take: str, new_id: Callable[[], str]
) -> None:
    """The copy gets its appointment; the next pairing takes it off the inbox, and looks again at
    what is in doubt with it."""
    if take not in item.choices:
        raise InboxError(f"--take one of {', '.join(item.choices)}")
    place = (item.id.partition("#")[0], item.key)
    appointment, members = new_id(), [place]
    channel, colon, key = take.partition(":")
    if take != NEW and not colon:
        appointment = take
    elif take != NEW:
        other = store.observed(f"{item.bridge}/{channel}", key)
        if other is None or other.state != "present":
            raise InboxError(f"{item.id}: that copy is no longer there")
        members += [] if other.appointment else [(other.channel, other.key)]
        appointment = other.appointment or _marked(store, members) or appointment
    else:
        appointment = _marked(store, members) or appointment
    store.assign([(name, each, appointment, WHOLE) for name, each in members])
    store.mark_due(item.bridge, [appointment], now)


def _marked(store: Store, places: Iterable[tuple[str, str]]) -> str | None:
    """The appointment whose mark one of the copies bears, if nothing goes by it: so the copies
    elsewhere that bear it, too, will find it."""
    for channel, key in places:
        item = store.observed(channel, key)
        marker = item.copy.marker if item is not None and item.copy is not None else None
        if marker is not None and not store.exists([marker.appointment]):
            return marker.appointment
    return None


def _digest(choices: Mapping[str, str]) -> str:
    told = "\x1f".join(f"{name}\x1e{value}" for name, value in sorted(choices.items()))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:6]
