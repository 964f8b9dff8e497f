"""Conformance: what ``observe`` and ``fetch`` show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from syncd.connector import Connector, Snapshot
from syncd.core.model import AllDay, Timed, When
from syncd.core.state import Copy, Key
from syncd.errors import CursorExpired
from tests.conformance.world import (
    WINDOW,
    World,
    held,
    identity,
    is_missing,
    look,
    make,
    one,
    versions,
    visit,
)


def _when(number: int) -> Timed:
    when = visit(number).when
    assert isinstance(when, Timed)
    return when


class Observing:
    """Checks of looking."""

    def test_an_empty_collection_is_complete(self, world: World) -> None:
        snapshot = look(world.connect())
        assert snapshot.complete
        found = (snapshot.copies, snapshot.gone, snapshot.unchanged, snapshot.unreadable)
        assert not any(found)

    def test_what_was_created_is_observed_once(self, world: World) -> None:
        """Invariant 6: our marker travels with every copy."""
        connector, name, content = world.connect(), identity(), visit()
        key = connector.create(name, content).key
        (copy,) = look(world.connect()).copies
        assert copy.key == key
        assert copy.reads == held(content, connector.fidelity)
        assert copy.marker == name.marker

    def test_the_uid_travels(self, world: World) -> None:
        connector = world.connect()
        copy = make(connector, visit(), uid="040000008200E0-0A@outlook.example")
        assert copy.uid == "040000008200E0-0A@outlook.example"

    def test_a_person_s_item_is_observed(self, world: World) -> None:
        key = world.person.put("Besuch, mit Komma 🚗", _when(1))
        connector = world.connect()
        (copy,) = look(connector).copies
        expected = held(visit(1, "Besuch, mit Komma 🚗"), connector.fidelity)
        assert copy.key == key
        assert copy.marker is None
        assert (copy.reads.title, copy.reads.when) == (expected.title, expected.when)

    def test_a_second_look_shows_nothing(self, world: World) -> None:
        connector = world.connect()
        for number in range(3):
            make(connector, visit(number))
        first = look(connector)
        assert (first.cursor is not None) == world.manifest.cursors
        second = look(connector, first)
        if world.manifest.cursors or world.manifest.versions:
            assert not second.copies
        assert not second.gone
        assert not any(is_missing(second, copy.key) for copy in first.copies)

    @pytest.mark.parametrize("cursor", [True, False], ids=["cursor", "listing"])
    def test_others_edits_are_observed(self, world: World, cursor: bool) -> None:
        connector, other = world.connect(), world.connect()
        keys = [make(connector, visit(number)).key for number in range(4)]
        first = look(connector)
        moved = replace(visit(0), when=visit(9).when)
        other.update(one(other, keys[0]), held(moved, other.fidelity))
        world.person.retitle(keys[1], "Umbenannt")
        world.person.delete(keys[2])
        made = world.person.put("Neu", _when(7))
        second = look(connector, first, cursor=cursor)
        shown = {copy.key: copy.reads for copy in second.copies}
        assert shown[keys[0]].when == held(moved, connector.fidelity).when
        assert shown[keys[1]].title == "Umbenannt"
        assert shown[made].title == "Neu"
        assert is_missing(second, keys[2])
        assert keys[2] in connector.fetch([keys[2]]).gone
        assert not is_missing(second, keys[3])

    def test_known_versions_spare_downloads(self, world: World) -> None:
        if not world.manifest.versions:
            pytest.skip("the manifest declares no versions")
        connector = world.connect()
        keys = {make(connector, visit(number)).key for number in range(3)}
        first = look(connector)
        world.person.retitle(min(keys), "Anders")
        again = look(connector, first, cursor=False)
        assert again.complete
        assert {copy.key for copy in again.copies} == {min(keys)}
        assert again.unchanged == keys - {min(keys)}

    def test_a_full_look_reports_what_is_missing_by_absence(self, world: World) -> None:
        """Invariant 4: absence is for the caller to prove."""
        connector = world.connect()
        keys = [make(connector, visit(number)).key for number in range(2)]
        known = versions(look(connector))
        world.person.delete(keys[0])
        again = connector.observe(None, WINDOW, known)
        assert again.complete
        assert is_missing(again, keys[0])
        assert not is_missing(again, keys[1])

    def test_an_unknown_cursor_is_never_answered_in_part(self, world: World) -> None:
        if not world.manifest.cursors:
            pytest.skip("the manifest declares no cursors")
        connector = world.connect()
        keys = {make(connector, visit(number)).key for number in range(3)}
        first = look(connector)
        assert first.cursor is not None
        world.person.delete(min(keys))
        try:
            again = connector.observe(world.person.broken(first.cursor), WINDOW, versions(first))
        except CursorExpired:
            again = look(connector, first, cursor=False)
        assert again.complete
        assert {copy.key for copy in again.copies} | again.unchanged == keys - {min(keys)}

    def test_looking_changes_nothing(self, world: World) -> None:
        connector = world.connect()
        for number in range(3):
            make(connector, visit(number))
        first, second = look(connector), look(connector)
        assert set(first.copies) == set(second.copies)
        assert first.identity == second.identity
        world.person.retitle(min(copy.key for copy in first.copies), "Anders")
        assert set(look(connector, first).copies) == set(look(connector, first).copies)

    def test_keys_are_canonical(self, world: World) -> None:
        connector, other = world.connect(), world.connect()
        created = {connector.create(identity(), visit(number)).key for number in range(3)}
        observed = {copy.key for copy in look(other).copies}
        fetched = {copy.key for copy in other.fetch(sorted(created)).copies}
        assert created == observed == fetched

    def test_fetch_answers_each_key_once(self, world: World) -> None:
        connector = world.connect()
        there = make(connector, visit(1)).key
        lost = make(connector, visit(2)).key
        other = make(connector, visit(3)).key
        world.person.delete(lost)
        fetched = connector.fetch([lost, there, other, there])
        assert sorted(copy.key for copy in fetched.copies) == sorted([there, other])
        assert fetched.gone == {lost}
        assert not fetched.unreadable
        nothing = connector.fetch([])
        assert not any((nothing.copies, nothing.gone, nothing.unreadable))

    def test_leaving_the_window_is_not_gone(self, world: World) -> None:
        """Invariant 4."""
        connector = world.connect()
        copy = make(connector, visit())
        first = look(connector)
        start = _when(0).start.replace(year=2030)
        away = replace(visit(), when=Timed(start, start, "Asia/Shanghai"))
        connector.update(copy, held(away, connector.fidelity))
        again = look(connector, first)
        assert copy.key not in again.gone
        assert one(connector, copy.key).reads == held(away, connector.fidelity)
        back = one(connector, copy.key)
        connector.update(back, held(visit(), connector.fidelity))
        (shown,) = look(connector).copies
        assert shown.reads == held(visit(), connector.fidelity)

    @pytest.mark.parametrize("seed", range(3))
    def test_looks_add_up(self, world: World, seed: int) -> None:
        """Whatever happens between looks, together they show what is there."""
        connector, other, random = world.connect(), world.connect(), Random(seed)
        seen: dict[Key, Copy] = {}
        cursor: str | None = None
        for number in range(25):
            for _ in range(random.randint(0, 3)):
                _meddle(world, other, random, number)
            known = {key: copy.version for key, copy in seen.items()}
            try:
                snapshot = connector.observe(cursor, WINDOW, known)
            except CursorExpired:
                snapshot = connector.observe(None, WINDOW, known)
            seen = _added(connector, seen, snapshot)
            cursor = snapshot.cursor
        fresh = {copy.key: copy.reads for copy in look(world.connect()).copies}
        assert {key: copy.reads for key, copy in seen.items()} == fresh

    def test_what_reaches_into_the_window_is_in_it(self, world: World) -> None:
        connector, edge = world.connect(), WINDOW.start.replace(tzinfo=None)
        inside: list[When] = [
            Timed(edge - timedelta(hours=2), edge + timedelta(hours=2), "UTC"),
            Timed(edge + timedelta(hours=1), edge + timedelta(hours=1), "UTC"),
            Timed(edge - timedelta(days=400), edge + timedelta(days=400), "UTC"),
            AllDay(edge.date() - timedelta(days=3), edge.date() + timedelta(days=2)),
        ]
        keys = {make(connector, replace(visit(), when=when)).key for when in inside}
        shown = look(world.connect())
        assert shown.complete
        assert keys <= {copy.key for copy in shown.copies}

    def test_what_cannot_be_read_is_reported_alone(self, world: World) -> None:
        """Invariant 9; and invariant 4: it is not gone."""
        connector = world.connect()
        good, bad = (make(connector, visit(number)).key for number in range(2))
        first = look(connector)
        world.person.spoil(bad)
        for shown in (look(connector, first), look(world.connect())):
            assert [each.key for each in shown.unreadable] == [bad]
            assert not is_missing(shown, good)
            assert not is_missing(shown, bad)
        fetched = connector.fetch([good, bad])
        assert [copy.key for copy in fetched.copies] == [good]
        assert [each.key for each in fetched.unreadable] == [bad]
        assert visit(1).title not in fetched.unreadable[0].reason

    def test_many_items(self, world: World) -> None:
        connector = world.connect()
        made = {
            connector.create(identity(), visit(number % 900, f"Nr {number}")).key: number
            for number in range(world.many)
        }
        shown = look(world.connect())
        assert shown.complete
        assert {copy.key: copy.reads.title for copy in shown.copies} == {
            key: f"Nr {number}" for key, number in made.items()
        }
        keys = list(made)
        Random(1).shuffle(keys)
        world.person.delete(keys[0])
        fetched = connector.fetch(keys)
        assert sorted(copy.key for copy in fetched.copies) == sorted(keys[1:])
        assert fetched.gone == {keys[0]}

    def test_the_order_of_keys_is_irrelevant(self, world: World) -> None:
        connector = world.connect()
        keys = [make(connector, visit(number)).key for number in range(6)]
        forth, back = connector.fetch(keys), connector.fetch(keys[::-1])
        assert set(forth.copies) == set(back.copies)


def _meddle(world: World, other: Connector, random: Random, number: int) -> None:
    """Another client or a person does something."""
    keys = sorted(copy.key for copy in look(other).copies)
    deed = random.choice(("create", "put", "update", "retitle", "delete"))
    content = visit(random.randrange(200), f"M{number} {random.random()}")
    if deed == "create" or not keys:
        other.create(identity(), content)
    elif deed == "put":
        world.person.put(content.title, _when(random.randrange(200)))
    elif deed == "update":
        other.update(one(other, random.choice(keys)), held(content, other.fidelity))
    elif deed == "retitle":
        world.person.retitle(random.choice(keys), content.title)
    else:
        world.person.delete(random.choice(keys))


def _added(connector: Connector, seen: dict[Key, Copy], snapshot: Snapshot) -> dict[Key, Copy]:
    """What is known after another look; absence is proven as syncd does, by fetching."""
    together = seen | {copy.key: copy for copy in snapshot.copies}
    lost = {key for key in together if is_missing(snapshot, key)}
    gone = connector.fetch(sorted(lost)).gone
    return {key: copy for key, copy in together.items() if key not in gone}
