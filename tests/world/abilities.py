"""What a simulated remote can do, and what is wrong with it at the moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from syncd.connector import Manifest
from syncd.core.fidelity import Fidelity


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """The lasting nature of a remote.

    ``fidelity``: what it holds of what it is sent. ``trims`` alters text beyond that, undeclared:
    blanks at the ends of texts go. ``reorders``: rewrites every body.

    ``cursors``: it answers what changed since a cursor. ``tombstones``: such answers name what
    is gone; else a cursor only tells whether anything changed. ``forgiving``: an expired cursor
    is answered by a list of what is there, without tombstones, instead of an error.
    ``windowed``: full listings have only what touches the window. ``unordered``: listings come
    in any order. ``repeats``: the probability that an answer repeats an item.

    ``versions``: items have versions and writes can be guarded. ``answers``: what a confirmed
    write tells: ``copy``, ``version`` or ``nothing``; ``mute``: the probability that it tells
    nothing all the same.

    ``client_keys``: the client names new items; else the remote does, and marks are searched.
    ``burnt_keys``: the key of a deleted item stays taken. ``unique_uids``: a UID is held once.
    ``tells_time``: items tell when they were changed, by the remote's clock (ahead by ``skew``).

    ``always_mails``: whoever is written to ``attendees`` is mailed, even if asked not to.
    ``latency``: seconds that a request takes.
    """

    role: str = "calendar"
    fidelity: Fidelity = field(default_factory=Fidelity)
    trims: bool = False
    reorders: bool = False
    cursors: bool = True
    tombstones: bool = True
    forgiving: bool = False
    windowed: bool = True
    unordered: bool = False
    repeats: float = 0.0
    versions: bool = True
    answers: str = "copy"
    mute: float = 0.0
    client_keys: bool = True
    burnt_keys: bool = False
    unique_uids: bool = False
    tells_time: bool = True
    skew: timedelta = timedelta()
    always_mails: bool = False
    latency: float = 0.05
    batch: int = 50

    def manifest(self) -> Manifest:
        """The same, as the manifest of a connector."""
        return Manifest(
            name="memory",
            role=self.role,
            cursors=self.cursors,
            versions=self.versions,
            recurrence=self.fidelity.recurrence,
            marker_search=not self.client_keys,
            collections=False,
            batch=self.batch,
        )


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is wrong now; rates are probabilities for one request.

    ``down``: nothing answers. ``locked``: our sign-in is refused. ``read_only``: writes are.
    ``throttled``: share of requests told to wait ``retry_after`` seconds. ``lost_requests``:
    share that time out before anything happened; ``lost_answers``: after the write was carried
    out. ``doubled``: share of writes that a proxy on the way sends twice; only those that HTTP
    calls idempotent, so never a create under a key that the remote chooses (RFC 9110, 9.2.2).
    ``broken_listings``: share of listings that fail in the middle. ``refused``: an item whose
    text has one of these words is rejected. ``blind``: listings are empty, as after a calendar
    was swapped for another one.
    """

    down: bool = False
    locked: bool = False
    read_only: bool = False
    throttled: float = 0.0
    retry_after: float = 30.0
    lost_requests: float = 0.0
    lost_answers: float = 0.0
    doubled: float = 0.0
    broken_listings: float = 0.0
    refused: frozenset[str] = frozenset()
    blind: bool = False
