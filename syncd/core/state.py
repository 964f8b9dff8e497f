"""What settling works on: copies, observations, agreements, intents, cases and plans. Plain data.

Times here are aware UTC datetimes of the daemon's own clock, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from syncd.core.model import Appointment, RecurrenceId, Value
from syncd.core.paths import Path

AppointmentId: TypeAlias = str
Key: TypeAlias = str
Version: TypeAlias = str
ChannelName: TypeAlias = str

Slot: TypeAlias = RecurrenceId
"""Which part of an appointment a copy stands for: ``""`` all of it, else one occurrence."""

WHOLE: Slot = ""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every look and every write."""

PERSON = "person:"
"""What the name of a setter begins with that is an administrator, not a channel."""

WITHDRAWN = "withdrawn"
"""The reason of an absence of a copy that its channel no longer holds."""

GAVE_WAY = "built-in: the invitation itself stands for it"
"""The reason of an absence of a copy of ours whose place the vendor's own invitation takes."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Our mark on a copy: which installation, which appointment, which part of it."""

    installation: str
    appointment: AppointmentId
    slot: Slot = WHOLE

    def __str__(self) -> str:
        return ":".join((self.installation, self.appointment, self.slot)).rstrip(":")

    @classmethod
    def parse(cls, text: str) -> Marker | None:
        """The marker in ``text``, ``None`` if it is not one of the form that ``str`` gives."""
        parts = text.strip().split(":")
        if not 2 <= len(parts) <= 3 or not all(part.isalnum() for part in parts):
            return None
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Copy:
    """How one channel holds one appointment (or one occurrence of a series).

    ``wire`` is the wire form as text; ``reads`` what it reads as with today's mapping.
    ``version`` is ``None`` where the system gives none. ``modified`` is the copy's own time of
    change (by the remote clock, aware), ``None`` if it has none. ``uid`` is the iCalendar UID
    or the vendor's like. ``invited``: the copy is an invitation that somebody else organises.
    """

    key: Key
    version: Version | None
    wire: str
    reads: Appointment
    uid: str | None = None
    marker: Marker | None = None
    modified: datetime | None = None
    invited: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """The channel shows this copy."""

    copy: Copy


@dataclass(frozen=True, slots=True)
class Gone:
    """The channel has proven that the copy is no longer there. ``last``: as what it read when it
    was seen last, which may not have been settled."""

    last: Appointment | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Nothing is known: the system did not answer, the copy could not be read, …"""

    reason: str


Observation: TypeAlias = Present | Gone | Unseen


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation and when: ``at`` the first look that showed it, ``before`` the last without.

    The change happened between the two. ``before`` is ``None`` at the channel's first look.
    """

    observation: Observation
    at: datetime
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """When something happened: not before ``earliest``, not after ``latest``."""

    earliest: datetime
    latest: datetime

    def certainly_before(self, other: Span) -> bool:
        """Whether this one was over before the other began."""
        return self.latest < other.earliest


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set an agreed value: ``channel`` (or ``person:NAME``), when, by which rule.

    ``changed`` is when it was changed there, ``at`` when it was decided here.
    """

    channel: ChannelName
    changed: Span
    at: datetime
    rule: str = ""

    @property
    def is_person(self) -> bool:
        """Whether an administrator set it (``resolve``, ``undo``)."""
        return self.channel.startswith(PERSON)


@dataclass(frozen=True, slots=True)
class Settled:
    """A channel's copy at the last settling.

    ``asked``: the appointment (as given to this channel, before it shortens) that was last asked
    of it and confirmed; a value that was taken from this copy, or equal to it, counts as asked.
    ``disputed``: paths at which it was decided against this copy, owed until a confirmed write.
    ``ours``: we created it. ``confirmed``: when our last write was confirmed.
    """

    copy: Copy
    asked: Appointment | None = None
    disputed: frozenset[Path] = frozenset()
    ours: bool = False
    confirmed: datetime | None = None


Place: TypeAlias = tuple[ChannelName, Slot]
"""Where a copy is: the channel and the part of the appointment."""


@dataclass(frozen=True, slots=True)
class Absence:
    """An absence that was agreed: nothing is owed until the appointment moves to the future."""

    since: datetime
    reason: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A field left open by an ``ask`` rule: what each claimant keeps."""

    claims: Mapping[ChannelName, Value]
    rule: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """An appointment as last decided.

    ``setters``: by path, who set the value; at the empty path, the channel it was born in.
    ``copies``: the settled copies. ``absent``: agreed absences. ``open``: fields that wait for a
    person. ``uids``: every UID the appointment has.
    ``born``: the channel of its first copy. ``deleting``: its copies are all to go, since then.
    ``before_cancel``: its status before it was cancelled. ``unmet``: channels that could not be
    looked at when it was born, and have not been since: their first contact is to come. ``gone``:
    what the copy of a channel that has none any more was last asked, as ``Settled.asked``.
    """

    appointment: Appointment
    setters: Mapping[Path, Setter] = field(default_factory=dict)
    copies: Mapping[Place, Settled] = field(default_factory=dict)
    absent: Mapping[Place, Absence] = field(default_factory=dict)
    open: Mapping[Path, Question] = field(default_factory=dict)
    uids: frozenset[str] = frozenset()
    born: ChannelName = ""
    deleting: datetime | None = None
    before_cancel: str = ""
    unmet: frozenset[ChannelName] = frozenset()
    gone: Mapping[ChannelName, Appointment] = field(default_factory=dict)


class Operation(StrEnum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One write that a plan owes a channel.

    ``content`` is exactly what the channel shall hold: its reading with the owed values put in
    (an update), or the projection (a create); ``None`` for a delete. ``asked`` is what the
    channel is given, in full, and counts as asked once the write is confirmed. ``base`` is the
    copy it is based on. ``paths`` are the owed values.
    """

    channel: ChannelName
    slot: Slot
    operation: Operation
    content: Appointment | None = None
    asked: Appointment | None = None
    base: Copy | None = None
    paths: tuple[Path, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was begun and has no stored confirmation yet.

    ``answered``: the version that the vendor's answer gave, once there was one; ``key`` likewise.
    ``doubtful``: an attempt ended without an answer, so that it may have been carried out.
    """

    id: int
    write: Write
    at: datetime
    key: Key = ""
    answered: Version | None = None
    done: bool = False
    doubtful: bool = False


class Kind(StrEnum):
    """What a record is about."""

    CONFLICT = "conflict"
    PUT_BACK = "put-back"
    OVERWRITTEN = "overwritten"
    ASKED = "asked"
    CLOSED = "closed"
    SET = "set"
    BORN = "born"
    DELETED = "deleted"
    ABSENT = "absent"
    REPLACED = "replaced"
    DOUBTFUL = "doubtful"
    SPLIT = "split"
    BURIED = "buried"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Remains:
    """What an appointment was when its last copy had gone: enough to bring it back. ``gone``: as
    in ``Agreement``, of the channels that had not been given all of it. ``cancelled``: since when
    nothing is left, where nobody had deleted it: it was only cancelled."""

    appointment: Appointment
    born: ChannelName = ""
    uids: frozenset[str] = frozenset()
    gone: Mapping[ChannelName, Appointment] = field(default_factory=dict)
    cancelled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One line of history: what was claimed, by whom, what was decided, by which rule.

    ``claims`` hold each claimant's value, ``before`` the agreed value until then (its
    before-image), ``value`` the decision, ``winner`` its channel. ``remains``: the before-image
    of an appointment of which nothing is left.
    """

    kind: Kind
    path: Path
    rule: str
    winner: ChannelName = ""
    value: Value = None
    before: Value = None
    claims: tuple[tuple[ChannelName, Value], ...] = ()
    note: str = ""
    remains: Remains | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An administrator's edit: ``resolve`` or ``undo``. ``changes`` are canonical values.

    ``at``: when it was given; edits made after it are a contest. ``restore``: the appointment
    is no longer deleted, and what was deleted of it from ``since`` on is there again;
    ``remains`` is what to start from where nothing is left of it. ``delete``: it is to go, as it
    had before it was restored. ``left``: earlier values that were not put back, since somebody
    has set another one meanwhile: a conflict, to be recorded.
    """

    by: str
    at: datetime
    changes: Mapping[Path, Value] = field(default_factory=dict)
    cancel: bool = False
    reason: str = ""
    restore: bool = False
    delete: bool = False
    since: datetime | None = None
    remains: Remains | None = None
    left: Mapping[Path, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """All that settling one appointment needs.

    ``views`` has an entry for each copy that a channel shows or has lost since it was settled;
    a place without an entry has never been seen. ``intents`` are the open ones, oldest first.
    ``aside``: values of copies that are set aside and not written (the empty path: all of it).
    ``invited``: places at which the vendor's own invitation waits for our copy to go. ``remains``:
    what it was, if it had been deleted and has a copy again.
    """

    id: AppointmentId
    agreement: Agreement | None
    views: Mapping[Place, Seen]
    intents: tuple[Intent, ...] = ()
    orders: tuple[Order, ...] = ()
    aside: frozenset[tuple[Place, Path]] = frozenset()
    invited: frozenset[Place] = frozenset()
    remains: Remains | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stays of a deleted appointment: its UIDs and the keys of its copies. ``cancelled``: it
    was only cancelled, and no channel that keeps such had a copy of it."""

    id: AppointmentId
    at: datetime
    uids: frozenset[str] = frozenset()
    keys: frozenset[tuple[ChannelName, Key]] = frozenset()
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about one appointment.

    ``agreement`` is the new one; ``None`` where nothing is left of the appointment, which then
    has a ``tombstone``. ``closed`` are the ids of intents that this settling ends.
    ``quiet``: nothing changes, nothing is to be stored or written. ``moved``: copies that now
    stand at another place, or came from another appointment: channel, key, slot. ``followed``: the
    open intents, by their ids, that came with them, and their slots now. ``again``:
    when time alone makes the appointment due. ``follows``: it is due as soon as one of its writes
    is accepted, or refused for good.
    """

    id: AppointmentId
    agreement: Agreement | None
    writes: tuple[Write, ...] = ()
    records: tuple[Record, ...] = ()
    closed: tuple[int, ...] = ()
    tombstone: Tombstone | None = None
    quiet: bool = False
    moved: tuple[tuple[ChannelName, Key, Slot], ...] = ()
    followed: tuple[tuple[int, Slot], ...] = ()
    again: datetime | None = None
    follows: bool = False
