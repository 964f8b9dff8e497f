"""Where an appointment stands at each place, before anything is decided.

Tells our own half-recorded writes from people's edits: a value that is what the channel
would hold of any open intent is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncd.core.channel import Channel, Policy
from syncd.core.invitation import has_replaced
from syncd.core.model import Appointment, Value
from syncd.core.paths import DELETED, Path, diff, get, patch
from syncd.core.state import (
    BEGINNING,
    Agreement,
    Case,
    Copy,
    Gone,
    Intent,
    Key,
    Operation,
    Place,
    Present,
    Seen,
    Settled,
    Span,
    Write,
)

_SECOND = timedelta(seconds=1)

UNDERWAY = timedelta(hours=1)
"""So long a request may be on its way, in a proxy or a system's queue, that nobody waits for."""


@dataclass(slots=True)
class Here:
    """One place: its channel, what was settled, what is seen now.

    ``copy``: the copy as last seen, ``None`` if there is none. ``changes``: what a person
    changed in it since it was settled, in the copy's own terms. ``gone``: it was settled and
    has been proven gone since. ``newcomer``: it is there and was never settled. ``waiting``: a
    write was answered and what it made has not been seen yet, so nothing can be based on it.
    ``silent``: an intent is open and the version moved without any value moving. ``replaced``: it
    is an invitation, a newcomer where a copy of ours was. ``unfinished``: what single occurrences
    have of their own, by the copy's own paths, that a write which was not confirmed may not have
    come to.
    """

    place: Place
    channel: Channel
    seen: Seen | None
    settled: Settled | None
    copy: Copy | None
    changes: dict[Path, Value] = field(default_factory=dict)
    gone: bool = False
    newcomer: bool = False
    waiting: bool = False
    silent: tuple[Intent, ...] = ()
    replaced: bool = False
    unfinished: frozenset[Path] = frozenset()

    @property
    def span(self) -> Span:
        """When the change that is seen here happened, by our clock."""
        if self.seen is None:
            return Span(BEGINNING, BEGINNING)
        earliest, latest = self.seen.before or BEGINNING, self.seen.at
        modified = self.copy.modified if self.copy is not None and not self.gone else None
        if modified is not None and earliest <= modified <= latest:
            # Most systems tell whole seconds, rounded down: it happened some time within.
            exact = modified.microsecond != 0
            return Span(modified, modified if exact else min(latest, modified + _SECOND))
        return Span(earliest, latest)

    @property
    def known_until(self) -> datetime:
        """Until when this copy is known to have been as settled: last look without, last write."""
        before = (self.seen.before if self.seen is not None else None) or BEGINNING
        confirmed = self.settled.confirmed if self.settled is not None else None
        return max(before, confirmed or BEGINNING)


@dataclass(slots=True)
class Situation:
    """All places of an appointment, and the intents that what is seen has ended."""

    heres: dict[Place, Here]
    closed: tuple[int, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether nobody changed anything."""
        return not any(
            here.changes or here.gone or here.newcomer or here.silent
            for here in self.heres.values()
        )


def situate(case: Case, policy: Policy) -> Situation:
    """The situation of a case. Channels that are not in the policy have no place in it."""
    agreement = case.agreement or _NOTHING
    heres: dict[Place, Here] = {}
    closed: list[int] = []
    by_place: dict[Place, list[Intent]] = {}
    for intent in case.intents:
        by_place.setdefault((intent.write.channel, intent.write.slot), []).append(intent)
    for place in _places(agreement, case, by_place):
        channel = policy.channels.get(place[0])
        if channel is None:
            continue
        settled = agreement.copies.get(place)
        seen = case.views.get(place)
        over = [each for each in by_place.get(place, ()) if _is_over(each, settled, seen)]
        closed.extend(intent.id for intent in over)
        intents = [each for each in by_place.get(place, ()) if each not in over]
        if _is_replaced(settled, case.views.get(place)):
            heres[place] = _plain(place, channel, case.views.get(place), None)
            heres[place].replaced = True
            closed.extend(intent.id for intent in intents)
            continue
        if not intents:
            heres[place] = _plain(place, channel, case.views.get(place), settled)
            continue
        if _have_gone(settled, case.views.get(place), intents):
            closed.extend(intent.id for intent in intents)
            continue
        here, ended = _with_intents(place, channel, case.views.get(place), settled, intents)
        heres[place] = here
        closed.extend(ended)
    return Situation(heres, tuple(closed))


_NOTHING: Agreement = Agreement(None)  # type: ignore[arg-type]  # only its empty maps are read


def _places(agreement: Agreement, case: Case, by_place: Iterable[Place]) -> list[Place]:
    places = list(agreement.copies)
    places += [place for place in case.views if place not in agreement.copies]
    return places + [place for place in by_place if place not in places]


def _is_over(intent: Intent, settled: Settled | None, seen: Seen | None) -> bool:
    """Whether nothing comes any more of a write that was begun, of which nobody knows whether it
    was made: who sets what it asked for has made an edit then. Systems write on the version that
    they are told only, so it is over when a copy of another one has been settled; and when looks
    have shown that one long after it was sent. What was made is over when the copy is another item
    by now, which was there before."""
    base = intent.write.base
    if intent.done:
        shown = seen.observation if seen is not None else None
        stands_in = isinstance(shown, Present) and shown.copy.key != _key_of(intent)
        return stands_in and seen is not None and seen.at <= intent.at
    if base is None or base.version is None or settled is None or settled.copy.version is None:
        return False
    before = seen.before if seen is not None else None
    long_ago = before is not None and before - intent.at >= UNDERWAY
    same = (settled.copy.key, settled.copy.version) == (base.key, base.version)
    return long_ago or not same


def _key_of(intent: Intent) -> Key:
    """Of which item a write tells."""
    base = intent.write.base
    return intent.key or (base.key if base is not None else "")


def _is_replaced(settled: Settled | None, seen: Seen | None) -> bool:
    """Whether an invitation is seen where a copy of ours was: what we wrote to that one is over."""
    shown = seen.observation if seen is not None else None
    return settled is not None and isinstance(shown, Present) and has_replaced(shown.copy, settled)


def _have_gone(settled: Settled | None, seen: Seen | None, intents: Iterable[Intent]) -> bool:
    """Whether what was to be updated stands for another appointment now: nothing that is seen
    here will ever end that."""
    return settled is None and seen is None and all(map(_updates, intents))


def _updates(intent: Intent) -> bool:
    return intent.write.operation is Operation.UPDATE


def _plain(place: Place, channel: Channel, seen: Seen | None, settled: Settled | None) -> Here:
    observation = seen.observation if seen is not None else None
    if isinstance(observation, Present):
        copy = observation.copy
        if settled is None:
            return Here(place, channel, seen, None, copy, newcomer=True)
        changes = diff(settled.copy.reads, copy.reads) if copy is not settled.copy else {}
        return Here(place, channel, seen, settled, copy, changes)
    if isinstance(observation, Gone):
        return Here(place, channel, seen, settled, None, gone=settled is not None)
    return Here(place, channel, seen, settled, settled.copy if settled is not None else None)


def _with_intents(
    place: Place,
    channel: Channel,
    seen: Seen | None,
    settled: Settled | None,
    intents: list[Intent],
) -> tuple[Here, list[int]]:
    copy = seen.observation.copy if seen and isinstance(seen.observation, Present) else None
    ended = _carried_out(copy, seen, settled, intents)
    if ended is not None:
        settled = _as_written(ended, copy, settled)
    ids = [intent.id for intent in intents if ended is not None and intent.id <= ended.id]
    here = _plain(place, channel, seen, settled)
    _set_apart_ours(here, intents)
    left = [intent for intent in intents if intent.id not in ids]
    here.waiting = any(intent.done for intent in left)
    if copy is not None and settled is not None and copy.version != settled.copy.version:
        here.silent = tuple(
            intent for intent in left if not intent.done and intent.write.content is not None
        )
    if here.gone:
        # What is gone can take no write any more; and where we were deleting, it was us.
        if any(intent.write.operation is Operation.DELETE for intent in intents):
            here.gone, here.settled = False, None
        ids = [intent.id for intent in intents]
        here.waiting = False
    return here, ids


def _carried_out(
    copy: Copy | None, seen: Seen | None, settled: Settled | None, intents: list[Intent]
) -> Intent | None:
    """The latest intent that is known to have been carried out by what is seen now."""
    for intent in reversed(intents):
        write = intent.write
        if write.content is None:
            continue
        if copy is None:
            gone = seen is not None and isinstance(seen.observation, Gone)
            if intent.done and gone and seen is not None and seen.at >= intent.at:
                return intent
            continue
        if _is_exact(copy, intent):
            return intent
        if _is_untouched(copy, write):
            continue
        if intent.done and seen is not None and seen.at > intent.at:
            return intent
        if write.base is None and settled is None:
            if copy.invited and copy.marker is None:
                continue  # the vendor's own invitation is nothing that we made
            return intent
        if write.paths and all(get(copy.reads, p) == get(write.content, p) for p in write.paths):
            return intent
    return None


def _is_exact(copy: Copy, intent: Intent) -> bool:
    """Whether a copy is just what a write has left: a system may have put it under another key."""
    return intent.done and intent.answered is not None and copy.version == intent.answered


def _is_untouched(copy: Copy, write: Write) -> bool:
    """Whether a copy is as it was before a write to it. Two items can have one version: numbers
    begin anew in each row."""
    base = write.base
    if base is None or base.version is None or base.key != copy.key:
        return False
    return copy.version == base.version


def _as_written(intent: Intent, copy: Copy | None, settled: Settled | None) -> Settled:
    """The settled copy that a carried-out write leaves: the very copy, or what it was asked."""
    write = intent.write
    ours = write.operation is Operation.CREATE or (settled is not None and settled.ours)
    if copy is not None and _is_exact(copy, intent):
        held = copy
    else:
        known = copy or write.base or (settled.copy if settled is not None else None)
        content = write.content or (known.reads if known is not None else None)
        if content is None:
            raise ValueError("an intent without content cannot leave a copy")
        held = (
            replace(known, version=intent.answered, wire="", reads=content)
            if known is not None
            else Copy(intent.key, intent.answered, "", content)
        )
    return Settled(held, write.asked, frozenset(), ours, intent.at)


def _set_apart_ours(here: Here, intents: list[Intent]) -> None:
    """Take our own values from the changes. That these were asked for is known now: else what
    the copy was asked before would pass for what it holds. What is missing because a write broke
    off is ours as well, and still to be asked for."""
    asked: dict[Path, Value] = {}
    unfinished = set()
    for path, value in list(here.changes.items()):
        write = _asking(path, value, intents)
        if write is not None:
            del here.changes[path]
            if write.asked is not None:
                asked[path] = get(write.asked, path)
        elif here.copy and any(_is_step(path, intent, here.copy.reads) for intent in intents):
            unfinished.add(path)
            if value is None:
                del here.changes[path]
                asked[path] = None
    here.unfinished = frozenset(unfinished)
    if asked and here.settled is not None and here.settled.asked is not None:
        here.settled = replace(here.settled, asked=patch(here.settled.asked, asked))


def _asking(path: Path, value: Value, intents: list[Intent]) -> Write | None:
    """The write of an open intent that asked for just this. What a write merely left as it was
    does not count: who sets that again has made an edit."""
    for intent in reversed(intents):
        write = intent.write
        if write.content is None or (write.base is not None and path not in write.paths):
            continue
        if get(write.content, path) == value:
            return write
    return None


def _is_step(path: Path, intent: Intent, reads: Appointment) -> bool:
    """Whether the write of an open intent sets ``path`` in a step of its own and can have broken
    off before. A series is made, or gets another time or rule, in the first step, which ``reads``
    then shows; after that its occurrences have nothing of their own until each is written."""
    write = intent.write
    if intent.done or path[0] != "overrides" or write.content is None:
        return False
    if get(write.content, path) is None:
        return False
    return write.base is None or any(
        _reshapes(each) and get(write.content, each) == get(reads, each) for each in write.paths
    )


def _reshapes(path: Path) -> bool:
    """Whether a system may drop what single occurrences have of their own when ``path`` changes:
    time and rule, and an exception that is taken back."""
    return path[0] in ("when", "recurrence") or (path[0] == "overrides" and path[2] == DELETED)
