"""Values that tests of the store begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from syncd.core.model import Appointment, Attendee, Customer, Person, Timed
from syncd.core.state import (
    Agreement,
    AppointmentId,
    Copy,
    Marker,
    Operation,
    Place,
    Plan,
    Setter,
    Settled,
    Span,
    Write,
)
from syncd.store import Look, Store

NOW = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
CRM, CAL = "sales/crm", "sales/cal"


def after(minutes: float) -> datetime:
    """So many minutes after :data:`NOW`."""
    return NOW + timedelta(minutes=minutes)


def visit(title: str = "拜访 Müller 🚗", hour: int = 9, day: int = 2) -> Appointment:
    """An ordinary appointment."""
    start = datetime(2026, 3, day, hour)
    return Appointment(
        Timed(start, start + timedelta(hours=1), "Asia/Shanghai"),
        title=title,
        location="上海市南京东路 1 号",
        organizer=Person("alice@example.com", "Alice"),
        owner="alice@example.com",
        attendees=(Attendee("alice@example.com"), Attendee("wang@kunde.example", "王")),
        customer=Customer("王先生", "+86 21 1234", "wang@kunde.example"),
    )


def copy(
    key: str,
    version: str | None = "1",
    appointment: Appointment | None = None,
    *,
    wire: str | None = None,
    uid: str | None = None,
    marker: Marker | None = None,
) -> Copy:
    """A copy whose wire form tells its content."""
    reads = appointment or visit()
    text = f"{version}|{reads.title}|{reads.when}" if wire is None else wire
    return Copy(key, version, text, reads, uid or f"uid-{key}", marker, NOW, False)


def look(
    store: Store, channel: str, at: datetime, *copies: Copy, gone: tuple[str, ...] = ()
) -> int:
    """Record a look that showed these."""
    return store.record_look(channel, Look(at=at, copies=copies, gone=gone, cursor=str(at)))


def agreement(copies: dict[Place, Copy], appointment: Appointment | None = None) -> Agreement:
    """An agreement with these settled copies."""
    agreed = appointment or visit()
    setter = Setter("crm", Span(after(-5), NOW), NOW, "default.toml:3")
    return Agreement(
        agreed,
        {("title",): setter, ("attendees", "wang@kunde.example"): setter},
        {place: Settled(each, agreed) for place, each in copies.items()},
        uids=frozenset(each.uid for each in copies.values() if each.uid),
        born="crm",
    )


def settled(store: Store, id_: AppointmentId, at: datetime, copies: dict[Place, Copy]) -> Agreement:
    """An appointment that is in the store, settled and clean, with these copies."""
    for (name, slot), each in copies.items():
        channel = f"sales/{name}"
        look(store, channel, at, each)
        store.assign([(channel, each.key, id_, slot)])
    agreed = agreement(copies)
    store.commit("sales", "c0", at, [Plan(id_, agreed)])
    return agreed


def update(name: str, base: Copy, content: Appointment) -> Write:
    """An update that a plan may owe."""
    return Write(name, "", Operation.UPDATE, content, content, base, (("title",),), "owed")
