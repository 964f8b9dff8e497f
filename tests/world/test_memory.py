"""The simulated remote does what its abilities and faults say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from syncd.connector import Connector, Identity, Window
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment, Attendee, Timed
from syncd.core.state import Copy, Marker
from syncd.errors import CursorExpired, Rejected, Stale, Unauthorized, Unavailable
from tests.world.abilities import Abilities
from tests.world.clock import START, WorldClock
from tests.world.memory import MemorySystem, connect

WINDOW = Window(START - timedelta(days=30), START + timedelta(days=365))
NAME = Identity(Marker("world", "a1"))
TEN = datetime(2026, 3, 9, 10)
VISIT = Appointment(Timed(TEN, TEN + timedelta(hours=1), "Asia/Shanghai"), title="客户拜访 🚗")


def _world(**abilities: object) -> tuple[MemorySystem, Connector]:
    own = Abilities(**abilities)  # type: ignore[arg-type]  # each test names what it needs
    system = MemorySystem("m", own, WorldClock(), Random(3))
    return system, connect(system)


def _made(connector: Connector) -> Copy:
    written = connector.create(NAME, VISIT)
    return connector.fetch([written.key]).copies[0]


@pytest.mark.parametrize("client_keys", [True, False])
def test_a_create_whose_answer_is_lost_makes_one(client_keys: bool) -> None:
    """Invariant 3."""
    system, connector = _world(client_keys=client_keys)
    system.faults.lost_answers = 1
    with pytest.raises(Unavailable) as lost:
        connector.create(NAME, VISIT)
    assert lost.value.maybe_applied
    system.faults.lost_answers = 0
    with pytest.raises(Stale) as again:
        connector.create(NAME, VISIT)
    assert list(system.items) == [again.value.key]


def test_a_lost_request_changes_nothing_but_may_have() -> None:
    system, connector = _world()
    system.faults.lost_requests = 1
    with pytest.raises(Unavailable) as lost:
        connector.create(NAME, VISIT)
    assert lost.value.maybe_applied
    assert not system.items
    with pytest.raises(Unavailable) as read:
        connector.fetch(["k"])
    assert not read.value.maybe_applied


def test_a_doubled_update_is_applied_and_answered_as_stale() -> None:
    system, connector = _world()
    copy = _made(connector)
    system.faults.doubled = 1
    with pytest.raises(Stale):
        connector.update(copy, replace(VISIT, title="neu"))
    assert system.reads(copy.key).title == "neu"
    connector.delete(connector.fetch([copy.key]).copies[0])
    assert not system.items


def test_a_doubled_create_makes_one() -> None:
    system, connector = _world(client_keys=False)
    system.faults.doubled = 1
    connector.create(NAME, VISIT)
    assert len(system.items) == 1


def test_troubles_are_told_by_consequence() -> None:
    system, connector = _world()
    system.faults.down = True
    with pytest.raises(Unavailable):
        connector.check()
    system.faults.down, system.faults.throttled = False, 1
    with pytest.raises(Unavailable) as throttled:
        connector.observe(None, WINDOW, {})
    assert throttled.value.retry_after == 30
    system.faults.throttled, system.faults.locked = 0, True
    with pytest.raises(Unauthorized):
        connector.observe(None, WINDOW, {})
    system.faults.locked, system.faults.read_only = False, True
    assert not connector.check().can_write
    with pytest.raises(Unauthorized):
        connector.create(NAME, VISIT)
    system.faults.read_only, system.faults.broken_listings = False, 1
    with pytest.raises(Unavailable):
        connector.observe(None, WINDOW, {})
    system.faults.broken_listings, system.faults.refused = 0, frozenset({"客户"})
    with pytest.raises(Rejected) as rejected:
        connector.create(NAME, VISIT)
    assert "客户" not in str(rejected.value)


def test_an_expired_cursor_is_refused_or_answered_in_full() -> None:
    for forgiving in (False, True):
        system, connector = _world(forgiving=forgiving)
        first = system.person_create(VISIT)
        second = system.person_create(VISIT)
        seen = connector.observe(None, WINDOW, {})
        system.person_delete(first)
        system.expire_cursors()
        known = {copy.key: copy.version for copy in seen.copies}
        if not forgiving:
            with pytest.raises(CursorExpired):
                connector.observe(seen.cursor, WINDOW, known)
            continue
        again = connector.observe(seen.cursor, WINDOW, known)
        assert again.complete
        assert again.unchanged == {second}


def test_a_remade_collection_expires_cursors() -> None:
    system, connector = _world(forgiving=True)
    seen = connector.observe(None, WINDOW, {})
    system.remake()
    with pytest.raises(CursorExpired):
        connector.observe(seen.cursor, WINDOW, {})
    assert connector.observe(None, WINDOW, {}).identity != seen.identity


def test_burnt_keys_are_never_used_again() -> None:
    _, connector = _world(burnt_keys=True)
    first = _made(connector)
    connector.delete(first)
    second = _made(connector)
    assert second.key != first.key
    with pytest.raises(Stale) as stale:
        connector.create(NAME, VISIT)
    assert stale.value.key == second.key


def test_mails_go_out_where_attendees_are_written_with_invitations() -> None:
    """Invariant 5."""
    people = (Attendee("wang@kunde.example"), Attendee("li@kunde.example"))
    for always, invite, mails in ((False, False, 0), (False, True, 2), (True, True, 2)):
        system = MemorySystem("m", Abilities(always_mails=always), WorldClock())
        connect(system, invite=invite).create(NAME, replace(VISIT, attendees=people))
        assert system.mails == mails
    system, connector = _world(always_mails=True)
    key = system.person_create(replace(VISIT, attendees=people))
    copy = connector.fetch([key]).copies[0]
    connector.update(copy, replace(copy.reads, attendees=(*people[:1], Attendee("zhao@x.example"))))
    after = connector.fetch([key]).copies[0]
    assert [each.email for each in after.reads.attendees] == [
        "wang@kunde.example",
        "zhao@x.example",
    ]
    assert system.mails == 0


def test_a_remote_rounds_what_it_is_sent_and_leaves_the_rest() -> None:
    system, connector = _world(fidelity=Fidelity(resolution=300))
    key = system.person_create(VISIT)
    odd = Timed(TEN + timedelta(minutes=2), TEN + timedelta(hours=1), "Asia/Shanghai")
    system.person_edit(key, lambda held: replace(held, when=odd), exact=True)
    copy = connector.fetch([key]).copies[0]
    assert copy.reads.when == odd
    connector.update(copy, replace(copy.reads, title="neu"))
    assert system.reads(key).when == odd
    connector.update(connector.fetch([key]).copies[0], replace(VISIT, when=odd))
    assert system.reads(key).when == odd
    later = Timed(TEN + timedelta(minutes=12), TEN + timedelta(hours=1), "Asia/Shanghai")
    connector.update(connector.fetch([key]).copies[0], replace(VISIT, when=later))
    assert system.reads(key).when == replace(later, start=TEN + timedelta(minutes=10))


def test_a_remote_that_trims_does_not_say_so() -> None:
    system, connector = _world(trims=True, reorders=True)
    written = connector.create(NAME, replace(VISIT, title="Visit "))
    assert system.reads(written.key).title == "Visit"


def test_people_bypass_faults_and_leave_traces() -> None:
    system, connector = _world(tells_time=True, skew=timedelta(minutes=5))
    system.faults.down = True
    key = system.person_create(VISIT, uid="u@phone", x_colour="red")
    twin = system.person_duplicate(key, lambda held: replace(held, title="Kopie"))
    moved = system.person_move_key(key)
    system.person_delete(twin)
    back = system.person_put_back(twin)
    system.faults.down = False
    copies = {copy.key: copy for copy in connector.observe(None, WINDOW, {}).copies}
    assert set(copies) == {moved, back}
    assert copies[moved].uid == "u@phone"
    assert copies[back].uid == f"{twin}@m"
    assert copies[back].reads.title == "Kopie"
    assert copies[back].modified == START + timedelta(minutes=5)
    assert system.foreign(moved)["x-colour"] == "red"


def test_a_retention_policy_takes_what_has_ended() -> None:
    system, _ = _world()
    past = Timed(TEN - timedelta(days=90), TEN - timedelta(days=90), None)
    old = system.person_create(replace(VISIT, when=past))
    new = system.person_create(VISIT)
    assert system.purge(datetime(2026, 2, 1, tzinfo=UTC)) == [old]
    assert list(system.items) == [new]


def test_what_nobody_can_read_is_reported_alone() -> None:
    """Invariant 9."""
    system, connector = _world()
    good, bad = system.person_create(VISIT), system.person_create(VISIT)
    system.person_break(bad)
    seen = connector.observe(None, WINDOW, {})
    assert [copy.key for copy in seen.copies] == [good]
    assert [each.key for each in seen.unreadable] == [bad]
    assert [each.key for each in connector.fetch([good, bad]).unreadable] == [bad]


def test_a_blind_listing_is_empty_without_an_error() -> None:
    system, connector = _world()
    system.person_create(VISIT)
    system.faults.blind = True
    seen = connector.observe(None, WINDOW, {})
    assert seen.complete
    assert not seen.copies
