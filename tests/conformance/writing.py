"""Conformance: what ``create``, ``update`` and ``delete`` do, and what they refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from syncd.connector import Connector, Finds, Identity
from syncd.core.model import Appointment, Attendee, Person, Response
from syncd.core.state import Copy, Key
from syncd.errors import Rejected, Stale, Unauthorized, Unavailable
from tests.conformance.world import World, held, identity, look, make, one, visit

ATTENDEES = (
    Attendee("wang@kunde.example", "王小明"),
    Attendee("o'hara+x@example.com", "O'Hara, Pat", response=Response.ACCEPTED),
)


class Writing:
    """Checks of writing."""

    def test_the_same_identity_makes_one(self, world: World) -> None:
        """Invariant 3."""
        connector, name = world.connect(), identity()
        key = connector.create(name, visit()).key
        for client in (connector, world.connect()):
            with pytest.raises(Stale) as stale:
                client.create(name, visit(1))
            assert stale.value.key == key
        assert world.person.count() == 1
        assert one(connector, key).reads == held(visit(), connector.fidelity)

    def test_a_deleted_copy_can_be_made_again(self, world: World) -> None:
        connector, name = world.connect(), identity()
        for number in range(3):
            key = connector.create(name, visit(number)).key
            copy = one(connector, key)
            assert copy.marker == name.marker
            assert copy.reads == held(visit(number), connector.fidelity)
            connector.delete(copy)
        assert world.person.count() == 0

    def test_the_slot_of_an_occurrence_travels(self, world: World) -> None:
        if world.manifest.recurrence:
            pytest.skip("the manifest declares series")
        connector = world.connect()
        names = [identity(slot=slot) for slot in ("20260302T100000", "20260303T100000", "20260304")]
        made = {connector.create(name, visit()).key: name.marker for name in names}
        assert {copy.key: copy.marker for copy in look(connector).copies} == made

    def test_the_answer_to_a_write_is_what_is_held(self, world: World) -> None:
        connector = world.connect()
        written = connector.create(identity(), visit())
        for number in (1, 2):
            copy = one(connector, written.key)
            assert written.version in (None, copy.version)
            assert written.copy is None or written.copy.reads == copy.reads
            assert written.copy is None or written.copy.version == copy.version
            written = connector.update(copy, held(visit(number), connector.fidelity))
            assert written.key == copy.key

    def test_an_update_moves_the_version(self, world: World) -> None:
        connector = world.connect()
        copy = make(connector, visit())
        connector.update(copy, held(visit(1), connector.fidelity))
        after = one(connector, copy.key)
        assert after.reads == held(visit(1), connector.fidelity)
        assert (after.marker, after.uid) == (copy.marker, copy.uid)
        if world.manifest.versions:
            assert after.version != copy.version
            assert after.version is not None

    def test_an_update_is_guarded(self, world: World) -> None:
        """Invariant 2: nothing that a person wrote meanwhile is overwritten."""
        connector = world.connect()
        copy = make(connector, visit())
        world.person.retitle(copy.key, "Von Hand")
        with pytest.raises(Stale) as stale:
            connector.update(copy, held(visit(1), connector.fidelity))
        assert stale.value.key == copy.key
        after = one(connector, copy.key)
        assert after.reads.title == "Von Hand"
        assert after.reads.when == held(visit(), connector.fidelity).when

    def test_an_update_of_what_is_gone_is_stale(self, world: World) -> None:
        """Invariant 4: an update never makes a deleted item again."""
        connector = world.connect()
        copy = make(connector, visit())
        world.person.delete(copy.key)
        with pytest.raises(Stale):
            connector.update(copy, held(visit(1), connector.fidelity))
        assert world.person.count() == 0

    def test_a_version_that_never_was_is_stale(self, world: World) -> None:
        if not world.manifest.versions:
            pytest.skip("the manifest declares no versions")
        connector = world.connect()
        copy = make(connector, visit())
        for nonsense in ("no-version", '"00"', "-1"):
            with pytest.raises(Stale):
                connector.update(replace(copy, version=nonsense), visit(1))
            with pytest.raises(Stale):
                connector.delete(replace(copy, version=nonsense))
        assert one(connector, copy.key).reads == copy.reads

    def test_an_update_keeps_what_it_does_not_know(self, world: World) -> None:
        """Invariant 8."""
        connector = world.connect()
        key = make(connector, visit()).key
        world.person.plant(key)
        assert world.person.planted(key)
        copy = one(connector, key)
        assert copy.reads == held(visit(), connector.fidelity)
        for number in (1, 2):
            connector.update(one(connector, key), held(visit(number), connector.fidelity))
        assert one(connector, key).reads == held(visit(2), connector.fidelity)
        assert world.person.planted(key)

    def test_an_update_of_a_person_s_item(self, world: World) -> None:
        """What a person made carries no marker; an update changes it where it stands."""
        connector = world.connect()
        start = visit(1).when
        key = world.person.put("Von Hand", start)  # type: ignore[arg-type]  # a visit is Timed
        world.person.plant(key)
        copy = one(connector, key)
        wanted = replace(copy.reads, title="Von uns")
        connector.update(copy, wanted)
        assert one(connector, key).reads == held(wanted, connector.fidelity)
        assert world.person.planted(key)
        assert world.person.count() == 1

    def test_an_update_to_the_same_is_harmless(self, world: World) -> None:
        connector = world.connect()
        copy = make(connector, visit())
        connector.update(copy, copy.reads)
        assert one(connector, copy.key).reads == copy.reads
        assert world.person.count() == 1

    def test_a_delete_is_guarded(self, world: World) -> None:
        """Invariant 2."""
        connector = world.connect()
        copy = make(connector, visit())
        world.person.retitle(copy.key, "Von Hand")
        with pytest.raises(Stale):
            connector.delete(copy)
        assert one(connector, copy.key).reads.title == "Von Hand"

    def test_a_repeated_delete_succeeds(self, world: World) -> None:
        connector = world.connect()
        copy, other = make(connector, visit()), make(connector, visit(1))
        for _ in range(2):
            connector.delete(copy)
        world.person.delete(other.key)
        connector.delete(other)
        assert world.person.count() == 0
        assert connector.fetch([copy.key]).gone == {copy.key}

    def test_a_hopeless_item_is_rejected_alone(self, world: World) -> None:
        """Invariant 9."""
        assert world.hopeless is not None, "declare in `lacks` why there is none"
        connector = world.connect()
        copy = make(connector, visit())
        with pytest.raises(Rejected) as rejected:
            connector.create(identity(), world.hopeless)
        assert world.hopeless.title not in str(rejected.value)
        connector.update(copy, held(visit(1), connector.fidelity))
        make(connector, visit(2))
        assert world.person.count() == 2

    def test_nobody_is_mailed(self, world: World) -> None:
        """Invariant 5."""
        connector = world.connect()
        organizer = Person("alice@example.com", "Alice")
        content = replace(visit(), attendees=ATTENDEES, organizer=organizer)
        copy = make(connector, content)
        assert copy.reads == held(content, connector.fidelity)
        moved = replace(content, when=visit(1).when, attendees=(*ATTENDEES[:1], _li()))
        connector.update(copy, held(moved, connector.fidelity))
        after = one(connector, copy.key)
        assert after.reads == held(moved, connector.fidelity)
        assert world.person.mails() == 0
        connector.delete(after)
        assert world.person.mails() == 0

    def test_eight_threads_share_a_connector(self, world: World) -> None:
        """Invariant 3: also where writers disturb each other."""
        connector = world.connect()
        names = [(identity(), visit(number)) for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda each: _persist(connector, *each), names))
        assert len(set(made)) == 40
        assert world.person.count() == 40
        shown = {copy.key: copy for copy in look(connector).copies}
        for key, (name, content) in zip(made, names, strict=True):
            assert shown[key].marker == name.marker
            assert shown[key].reads == held(content, connector.fidelity)

    def test_eight_threads_create_the_same(self, world: World) -> None:
        """Invariant 3: answered twice, sent twice, or by two daemons at once."""
        clients, name = [world.connect() for _ in range(4)], identity()
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda n: _persist(clients[n % 4], name, visit()), range(8)))
        assert len(set(keys)) == 1
        assert world.person.count() == 1

    def test_of_eight_racing_updates_one_wins(self, world: World) -> None:
        """Invariant 2: who was too late is told so."""
        if not world.manifest.versions:
            pytest.skip("the manifest declares no versions")
        winners, after, all_of_it = _eight_race(world.connect())
        assert len(winners) <= 1
        assert after in (winners or all_of_it)

    def test_of_eight_racing_updates_one_is_held(self, world: World) -> None:
        """Also where a system confirms more than one: whole, and one that it confirmed."""
        if not world.manifest.versions:
            pytest.skip("the manifest declares no versions")
        winners, after, all_of_it = _eight_race(world.connect())
        assert after in (winners or all_of_it)

    def test_a_marker_is_found(self, world: World) -> None:
        connector, name = world.connect(), identity()
        if not world.manifest.marker_search:
            pytest.skip("the manifest declares no search for markers")
        assert isinstance(connector, Finds)
        assert connector.find(name.marker) == ()
        key = connector.create(name, visit()).key
        make(connector, visit(1))
        assert [copy.key for copy in connector.find(name.marker)] == [key]

    def test_an_item_of_another_does_not_stand_in_the_way(self, world: World) -> None:
        """A person duplicated ours, marker and all: it is known to be another appointment."""
        connector, name = world.connect(), identity()
        if not world.manifest.marker_search:
            pytest.skip("the manifest declares no search for markers")
        other = connector.create(name, visit()).key
        try:
            own = connector.create(replace(name, others=frozenset({other})), visit(1)).key
        except (Stale, Rejected):
            assert world.person.count() == 1
        else:
            assert own != other
            assert world.person.count() == 2

    def test_check_finds_a_healthy_system(self, world: World) -> None:
        health = world.connect().check()
        assert health.ok
        assert health.can_write
        assert world.person.count() == 0

    def test_secrets_stay_secret(self, world: World) -> None:
        """Invariant 11."""
        assert world.secret, "declare in `lacks` why there is none"
        connector = world.connect()
        shown = [repr(connector), str(connector), repr(connector.check()), repr(look(connector))]
        if world.intruder is not None:
            intruder = world.intruder()
            with pytest.raises(Unauthorized) as refused:
                look(intruder)
            shown += [repr(intruder), str(refused.value), repr(refused.value)]
        assert not [text for text in shown if world.secret in text]


def _li() -> Attendee:
    return Attendee("li@example.com", "李四", response=Response.TENTATIVE)


def _eight_race(
    connector: Connector,
) -> tuple[list[Appointment], Appointment, list[Appointment]]:
    """The updates that were confirmed, what is held afterwards, and all that it may be."""
    copy = make(connector, visit())
    targets = [held(visit(number + 1), connector.fidelity) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda target: _race(connector, copy, target), targets))
    winners = [target for target, each in zip(targets, won, strict=True) if each]
    return winners, one(connector, copy.key).reads, [*targets, copy.reads]


def _race(connector: Connector, copy: Copy, target: Appointment) -> bool:
    """Whether the update was confirmed; a system may be in trouble under such a rush."""
    try:
        connector.update(copy, target)
    except (Stale, Unavailable):
        return False
    return True


def _persist(connector: Connector, name: Identity, content: Appointment) -> Key:
    """Create as a patient writer does: again while the system is in trouble."""
    for _ in range(30):
        try:
            return connector.create(name, content).key
        except Stale as stale:
            return stale.key
        except Unavailable:
            continue
    raise AssertionError("the system never answered")
