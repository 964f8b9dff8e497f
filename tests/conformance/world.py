"""What the conformance suite needs of a connector's surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

from syncd.connector import Connector, Identity, Manifest, Snapshot, Window
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import Appointment, Timed
from syncd.core.state import Copy, Key, Marker, Version

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


class Person(Protocol):
    """Somebody's own client: reaches the collection without the connector."""

    def put(self, title: str, when: Timed) -> Key:
        """A new item without our marker; its key as the connector names it."""
        ...

    def retitle(self, key: Key, title: str) -> None:
        """Change the title of an item and nothing else."""
        ...

    def delete(self, key: Key) -> None:
        """Remove an item."""
        ...

    def count(self) -> int:
        """The items that are stored now."""
        ...

    def plant(self, key: Key) -> None:
        """Add a property to an item that the connector does not know."""
        ...

    def planted(self, key: Key) -> bool:
        """Whether that property is still there, unharmed."""
        ...

    def spoil(self, key: Key) -> None:
        """Make an item unreadable."""
        ...

    def mails(self) -> int:
        """How many mails the vendor has sent, or would send for what it was asked."""
        ...

    def broken(self, cursor: str) -> str:
        """A cursor that the system does not know (any more); may make it forget ``cursor``."""
        ...


@dataclass(frozen=True, kw_only=True)
class World:
    """One fresh, empty collection. ``connect`` gives independent clients of it.

    ``lacks``: checks (without ``test_``) that cannot be made in this very surrounding, each with
    its reason; what no surrounding of a connector has stands in its manifest. ``intruder`` gives a
    client with a wrong password, where there are passwords. ``hopeless`` is an appointment that
    the system refuses for good. ``secret``: the password or token in use. ``examples``: how many
    generated appointments it can bear; ``many``: how many items are many.
    """

    manifest: Manifest
    connect: Callable[[], Connector]
    person: Person
    lacks: Mapping[str, str] = field(default_factory=dict)
    intruder: Callable[[], Connector] | None = None
    hopeless: Appointment | None = None
    secret: str = ""
    examples: int = 30
    many: int = 300


def visit(number: int = 0, title: str = "") -> Appointment:
    """An ordinary appointment inside the window, another one for each ``number``."""
    start = datetime(2026, 3, 2, 10) + timedelta(hours=3 * number)
    when = Timed(start, start + timedelta(hours=1), "Asia/Shanghai")
    return Appointment(when, title=title or f"V{number} 客户拜访", location="上海 🏢, Gate 2")


def identity(uid: str | None = None, slot: str = "") -> Identity:
    """A new identity."""
    return Identity(Marker("conformance", uuid4().hex, slot), uid)


def make(connector: Connector, content: Appointment, *, uid: str | None = None) -> Copy:
    """Create ``content``; the copy as ``fetch`` shows it afterwards."""
    return one(connector, connector.create(identity(uid), content).key)


def one(connector: Connector, key: Key) -> Copy:
    """The one copy under ``key``."""
    fetched = connector.fetch([key])
    assert not fetched.gone
    assert not fetched.unreadable
    (copy,) = fetched.copies
    return copy


def held(content: Appointment, fidelity: Fidelity) -> Appointment:
    """What a collection of this fidelity holds of ``content``."""
    return project(content, fidelity)


def look(connector: Connector, before: Snapshot | None = None, *, cursor: bool = True) -> Snapshot:
    """Observe, from where ``before`` ended if there was a look before."""
    if before is None:
        return connector.observe(None, WINDOW, {})
    return connector.observe(before.cursor if cursor else None, WINDOW, versions(before))


def versions(snapshot: Snapshot) -> dict[Key, Version | None]:
    """What is known after a first look."""
    return {copy.key: copy.version for copy in snapshot.copies}


def is_missing(snapshot: Snapshot, key: Key) -> bool:
    """Whether a look tells that ``key`` may be gone: by name, or by absence from all there is."""
    listed = {copy.key for copy in snapshot.copies} | snapshot.unchanged
    listed |= {each.key for each in snapshot.unreadable}
    return key in snapshot.gone or (snapshot.complete and key not in listed)
