"""The port: what a connector offers, and what it is given. Connectors arrive by entry points.

A connector speaks to one *collection* (a calendar, a table) with plain synchronous calls. It
is used by several threads at once; what is not thread-safe in it, it keeps a thread each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment
from syncd.core.state import Copy, Key, Marker, Version
from syncd.core.taken import Taken
from syncd.errors import ConfigError
from syncd.manifest import Manifest as Manifest

GROUP = "syncd.connectors"
"""The entry-point group; each entry is an object that satisfies :class:`Plugin`."""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """A file of ``mappings/``, read and checked: which of their columns hold our fields.

    ``fields``: canonical path (``title``, ``when.start``, ``customer.email``) to their name.
    ``values``: canonical field to {canonical value: their value}. ``lists``: field to how a
    list is kept in one text (``json`` or a delimiter). ``lengths``: canonical field to the
    most characters. ``extra``: every other key of the file.
    """

    name: str
    file: str
    connector: str
    object: str
    key: str
    modified: str = ""
    version: str = ""
    deleted: str = ""
    marker: str = ""
    time_zone: str = ""
    resolution: int = 1
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class System:
    """One ``[systems.NAME]`` of the configuration, ready for its connector.

    ``options`` are its other keys, validated against the manifest, secrets already resolved
    to text (keep them out of messages). ``installation`` names this syncd in markers.
    ``time_zone`` is for values that carry none.
    """

    name: str
    connector: str
    role: str
    installation: str
    time_zone: str = "UTC"
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    mapping: TableMapping | None = None
    folder: str = ""
    """The configuration's folder, to which relative paths belong."""
    tokens: str = ""
    """The folder (0700, there once ``syncd auth`` ran) for what a sign-in brought: one file each,
    0600, replaced by rename, read anew when it fails: ``syncd auth`` runs beside the daemon."""

    def text(self, key: str) -> str:
        """An option that is text, without space around it; empty if it is not there. As all
        these raises ``ConfigError``."""
        value = self.options.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, "must be text")
        return value.strip()

    def number(self, key: str, usual: float, most: float, unit: str = "") -> float:
        """An option that is a positive number."""
        value = self.options.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise self.wrong(key, f"must be a number{f' of {unit}' if unit else ''} up to {most:g}")
        return float(value)

    def file(self, key: str) -> str:
        """The path of a file that is there; empty if none is configured."""
        name = self.text(key)
        if name and not (Path(self.folder) / name).is_file():
            raise self.wrong(key, "is no file")
        return str(Path(self.folder) / name) if name else ""

    def wrong(self, key: str, what: str, hint: str = "") -> ConfigError:
        """What is wrong with an option."""
        return ConfigError(what, key=f"systems.{self.name}.{key}", hint=hint)


@dataclass(frozen=True, slots=True)
class Collection:
    """What a channel asks of its system: ``calendar`` (a name or URL) and how it writes."""

    calendar: str = ""
    person: str = ""
    invite: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that is kept equal: aware UTC, ``end`` exclusive."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that is there and cannot be read: one clear line, without personal data."""

    key: Key
    version: Version | None
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The answer of ``observe``.

    ``copies``: the new and changed ones. ``gone``: keys proven gone. ``complete``: together with
    ``unchanged`` this is all that the collection holds in the window; a known key that is in
    none of them is then *missing*, which the caller proves by ``fetch``. ``cursor``: where to go
    on, ``None`` if the system has none. ``identity``: which collection answered; another one
    than last time makes cursors worthless.
    """

    copies: Sequence[Copy] = ()
    gone: frozenset[Key] = frozenset()
    unchanged: frozenset[Key] = frozenset()
    complete: bool = False
    cursor: str | None = None
    identity: str = ""
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer of ``fetch``: each key is in exactly one of the three."""

    copies: Sequence[Copy] = ()
    gone: frozenset[Key] = frozenset()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which names a copy is created: our marker, and the UID of its other copies, if any.

    ``others``: items that are known to be of other appointments, whatever marker they carry: a
    person duplicated ours with all that is on it. They do not stand in the way of a create.
    """

    marker: Marker
    uid: str | None = None
    others: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Written:
    """The answer of a create or an update that the system confirmed.

    ``version`` is the one the answer gave, ``None`` if it gave none. ``copy`` is set where the
    vendor ties what it now holds to the write (the body of the answer, or a read that showed
    the same version); else the next look tells.
    """

    key: Key
    version: Version | None
    copy: Copy | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What ``syncd check`` shows of one collection.

    ``skew``: seconds that the remote clock is ahead of ours, ``None`` if it tells no time.
    """

    ok: bool
    account: str = ""
    can_write: bool = False
    skew: float | None = None
    detail: str = ""


class Connector(Protocol):
    """One collection of one system. Errors are those of ``syncd.errors``, nothing else."""

    @property
    def fidelity(self) -> Fidelity:
        """What this collection carries."""
        ...

    def observe(
        self, since: str | None, window: Window, known: Mapping[Key, Version | None]
    ) -> Snapshot:
        """What changed since the cursor ``since`` (all, if ``None``).

        ``known`` has the version of every copy that is already stored, so that a listing need
        not download what has not changed. Raises ``CursorExpired``, ``Unavailable``,
        ``Unauthorized``. An answer is whole or an error: a page that failed is an error.
        """
        ...

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The copies with these keys as they are now. Raises ``Unavailable``, ``Unauthorized``."""
        ...

    def create(self, identity: Identity, content: Appointment) -> Written:
        """A new copy that reads as ``content``. Idempotent: the same identity never makes two.

        Raises ``Stale`` (with ``key``) if the copy exists already, ``Rejected``,
        ``Unavailable`` (``maybe_applied`` where the outcome is unknown), ``Unauthorized``.
        """
        ...

    def update(self, copy: Copy, content: Appointment) -> Written:
        """Change ``copy`` so that it reads as ``content``; only what differs is touched.

        Guarded by ``copy.version``. Raises as ``create``; ``Stale`` if the version has moved
        or the copy is gone.
        """
        ...

    def delete(self, copy: Copy) -> None:
        """Remove ``copy``, guarded by its version. Gone is success. Raises as ``update``."""
        ...

    def read(self, key: Key, version: Version | None, wire: str) -> Copy:
        """A stored wire form, read with today's mapping. Pure. Raises ``Rejected``."""
        ...

    def check(self) -> Health:
        """Sign in, look at rights and clock; writes nothing. Raises as ``observe``."""
        ...

    def close(self) -> None:
        """Let go of connections. The connector is not used afterwards."""
        ...


@runtime_checkable
class Finds(Protocol):
    """A connector whose system can be searched for our marker."""

    def find(self, marker: Marker) -> tuple[Copy, ...]:
        """The copies that carry ``marker``. Raises as ``observe``."""
        ...


@runtime_checkable
class TellsBusy(Protocol):
    """A connector whose system tells when a collection is taken, without telling by what."""

    def busy(self, span: Window) -> tuple[Taken, ...]:
        """When it is taken in ``span``, cut at its ends, sorted. Raises as ``observe``, and
        ``Rejected`` if the system has no answer for this collection."""
        ...


@runtime_checkable
class Counts(Protocol):
    """A connector that counts what it costs."""

    @property
    def requests(self) -> int:
        """The requests (HTTP) or statements (SQL) that were sent since it was made."""
        ...


@runtime_checkable
class Expires(Protocol):
    """A connector whose sign-in ends at a known time."""

    @property
    def token_expires(self) -> datetime | None:
        """When its sign-in ends and a person must renew it (aware), ``None`` if it does not
        know. Answers from memory; a token that the connector renews itself does not count."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """A vendor's promise to tell us of changes: a Google channel, a Graph subscription.

    ``id``: what its notifications name. ``resource``: the watched thing (opaque). ``expires``: UTC.
    """

    id: str
    resource: str
    expires: datetime


@runtime_checkable
class Watches(Protocol):
    """A connector whose system tells of changes. What it tells is a hint, never data: the next
    look is made sooner."""

    def watch(self, address: str, secret: str, before: Watch | None) -> Watch:
        """Be told at ``address`` (public, https) with ``secret`` in each notification.

        ``before`` is renewed where the vendor renews, else a new one is opened and ``before``
        ended after it. Raises as ``observe``; ``Rejected`` if the vendor refuses the address.
        """
        ...

    def unwatch(self, watch: Watch) -> None:
        """End ``watch``; one that is over already is success. Raises as ``observe``."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """A request that reached the daemon's door for one system. Anybody may have sent it. The names
    of its headers are in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """Something may have changed. ``secret``: what the request claims, not yet compared. ``lost``:
    the watch is over or has missed something, and to be made anew; ``stands``: just that it does.
    """

    watch: str
    secret: str
    lost: bool = False
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer (``text/plain``), and what was told."""

    status: int
    body: str = ""
    told: tuple[Told, ...] = ()


@runtime_checkable
class Receives(Protocol):
    """A plugin that reads its vendor's notifications."""

    def receive(self, notice: Notice) -> Receipt:
        """Read one request. Pure and quick; anything that is no notification is status 400."""
        ...


@runtime_checkable
class SignsIn(Protocol):
    """A plugin whose systems a person can sign in to, for ``syncd auth SYSTEM``."""

    def sign_in(
        self,
        system: System,
        say: Callable[[str], None],
        ask: Callable[[str], str] | None,
        *,
        browser: bool,
    ) -> str:
        """Lead a person through the vendor's consent and keep the token; the account's name.

        ``say`` shows a line, ``ask`` reads one (``None``: nobody can type). ``browser``: one can
        be opened on this machine. Raises ``ConfigError``, ``Unauthorized``, ``Unavailable``.
        """
        ...


class Plugin(Protocol):
    """What an entry point of :data:`GROUP` names."""

    @property
    def manifest(self) -> Manifest:
        """What this kind of system can do."""
        ...

    def connect(self, system: System, collection: Collection) -> Connector:
        """A connector for one collection; makes no request yet. Raises ``ConfigError``."""
        ...
