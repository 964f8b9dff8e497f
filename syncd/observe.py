"""The first step: what a channel shows, stored together with the cursor to go on from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from syncd.connector import Fetched, Snapshot, Unreadable, Window
from syncd.core.packed import Packed
from syncd.core.recurrence import BadRecurrence, last_end, occurrence_ids
from syncd.core.state import Copy, Key, Version
from syncd.errors import CursorExpired, Unavailable
from syncd.store import KEY_LIMIT, ChannelState, Look, Store, fits
from syncd.target import Target

FULL_EVERY = timedelta(days=1)
"""How often everything is listed: a sync answer that claims no deletions is not proof."""

PATIENCE = 5.0
"""Seconds that a single look waits for a system that asks for time; longer waits end the look."""

ATTEMPTS = 3
EMPTIED = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look brought. ``emptied``: the channel listed none of its 10 or more copies.
    ``moved``: another collection answered than last time, and it has none of the known keys.
    """

    look: Look
    emptied: bool = False
    moved: bool = False

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was new."""
        look = self.look
        news = look.copies or look.gone or look.unreadable
        return not (news or self.emptied or self.moved)


class LazyKnown(Mapping[Key, Version | None]):
    """The versions of a channel's stored copies, read only if somebody asks."""

    def __init__(self, load: Callable[[], dict[Key, Version | None]]) -> None:
        self._load = load
        self._loaded: dict[Key, Version | None] | None = None

    def _all(self) -> dict[Key, Version | None]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def __getitem__(self, key: Key) -> Version | None:
        return self._all()[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def patiently(sleep: Callable[[float], None], *, attempts: int = ATTEMPTS) -> Retrying:
    """Retries of a read by the consequence of its error; writes are never repeated blindly."""
    return Retrying(
        retry=retry_if_exception(_is_passing),
        stop=stop_after_attempt(attempts),
        wait=_pause,
        sleep=sleep,
        reraise=True,
    )


def look_at(
    target: Target,
    state: ChannelState | None,
    store: Store,
    window: Window,
    at: datetime,
    retry: Retrying,
    *,
    full: bool = False,
) -> Sight:
    """One look at a channel. Raises ``Unavailable``, ``Unauthorized``."""
    known = LazyKnown(lambda: store.known(target.id))
    due = state is None or state.full is None or at - state.full >= FULL_EVERY
    since = None if full or due or state is None else state.cursor
    try:
        snapshot = retry(target.connector.observe, since, window, known)
    except CursorExpired:
        snapshot = retry(target.connector.observe, None, window, known)
    gone, fetched = set(snapshot.gone), Fetched()
    emptied = moved = False
    if snapshot.complete:
        missing = _missing(snapshot, known)
        fetched = fetch_all(target, missing, retry)
        if _has_nothing_known(snapshot, known, fetched):
            moved = _is_another(target, state, snapshot)
            emptied = len(known) >= EMPTIED and not moved
        gone |= set() if moved else fetched.gone
    copies: Sequence[Copy] = snapshot.copies
    if fetched.copies:
        copies = Packed(chain(copies, fetched.copies)).told()
    hopeless = hopeless_of(copies, window)
    if hopeless:
        copies = Packed(copy for copy in copies if copy.key not in hopeless).told()
    unreadable = (*snapshot.unreadable, *fetched.unreadable, *hopeless.values())
    look = Look(
        at=at,
        copies=copies,
        gone=gone,
        unreadable=tuple(replace(item, key=_storable(item.key)) for item in unreadable),
        cursor=snapshot.cursor,
        identity=snapshot.identity,
        complete=snapshot.complete or since is None,
        window_end=window.end,
        fingerprint=state.fingerprint if state is not None else "",
    )
    return Sight(look, emptied, moved)


def fetch_all(target: Target, keys: list[Key], retry: Retrying) -> Fetched:
    """The copies of many keys, in batches as large as the system allows."""
    size = max(1, target.manifest.batch)
    copies = Packed[Copy]()
    gone: set[Key] = set()
    unreadable: list[Unreadable] = []
    for start in range(0, len(keys), size):
        part = retry(target.connector.fetch, keys[start : start + size])
        copies.extend(part.copies)
        gone |= part.gone
        unreadable.extend(part.unreadable)
    return Fetched(copies.told(), frozenset(gone), tuple(unreadable))


def hopeless_of(copies: Sequence[Copy], window: Window) -> dict[Key, Unreadable]:
    """The copies whose series nobody can expand or whose key nobody can store: they harm only
    themselves."""
    hopeless: dict[Key, Unreadable] = {}
    for copy in copies:
        if not fits(copy.key):
            reason = f"its name is longer than {KEY_LIMIT} bytes"
            hopeless[copy.key] = Unreadable(copy.key, copy.version, reason)
            continue
        try:
            if copy.reads.recurrence is not None:
                last_end(copy.reads)
                occurrence_ids(copy.reads, window.start, window.end)
        except BadRecurrence as error:
            reason = f"its series cannot be expanded: {error}"
            hopeless[copy.key] = Unreadable(copy.key, copy.version, reason)
    return hopeless


def _storable(key: Key) -> Key:
    """The key, or what is told of it if it is too long: its beginning and its digest."""
    if fits(key):
        return key
    return f"{key[:200]}… {hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


def requests_of(target: Target) -> int:
    """How many requests the channel's connector has sent so far."""
    # Not isinstance(…, Counts): that looks at the whole class, a thousand times in each cycle.
    return int(getattr(target.connector, "requests", 0))


def _missing(snapshot: Snapshot, known: Mapping[Key, Version | None]) -> list[Key]:
    if not known:
        return []
    listed = {copy.key for copy in snapshot.copies}
    listed |= snapshot.unchanged | snapshot.gone
    listed |= {item.key for item in snapshot.unreadable}
    listed |= {_storable(key) for key in listed if not fits(key)}
    return sorted(key for key in known if key not in listed)


def _has_nothing_known(
    snapshot: Snapshot, known: Mapping[Key, Version | None], fetched: Fetched
) -> bool:
    if not known or fetched.copies or fetched.unreadable:
        return False
    still = snapshot.unchanged or snapshot.unreadable
    return not still and not any(copy.key in known for copy in snapshot.copies)


def _is_another(target: Target, state: ChannelState | None, snapshot: Snapshot) -> bool:
    """Whether a calendar was moved or exchanged: what the old one had is not gone, it is
    elsewhere. A CRM has all appointments, so there this is a disaster like any other."""
    if target.channel.is_crm or state is None or not state.identity or not snapshot.identity:
        return False
    return state.identity != snapshot.identity


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, Unavailable) or error.waited:
        return False
    return (error.retry_after or 0.0) <= PATIENCE


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Unavailable) and error.retry_after is not None:
        return error.retry_after
    return float(0.2 * 2**state.attempt_number)
