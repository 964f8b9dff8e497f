"""The desks of vendors do what people and weather say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from syncd.config import load
from syncd.connector import Collection, Connector, Identity, Window
from syncd.core.model import Appointment, Attendee, Override, Recurrence, Response, Status, Timed
from syncd.core.state import Copy, Key, Marker
from syncd.errors import CursorExpired, Stale, Unauthorized, Unavailable
from tests.world.clock import START
from tests.world.company import CRM, CRMS, HOSTED, Company, Desk
from tests.world.deployed import configuration, rules
from tests.world.hosted import HostedSystem
from tests.world.hosts import Vendors, vendors
from tests.world.play import Stage

TEN = datetime(2026, 3, 9, 10)
VISIT = Appointment(
    Timed(TEN, TEN + timedelta(hours=1), "Asia/Shanghai"),
    title="t1 客户拜访 🚗",
    attendees=(Attendee("wang@kunde.example", "王先生"),),
)
WEEKLY = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))
WINDOW = Window(START - timedelta(days=30), START + timedelta(days=365))
NAME = Identity(Marker("world", "a1"))


@pytest.fixture(scope="module")
def hosts() -> Iterator[Vendors]:
    """One Google and one Graph for all worlds of this file."""
    with vendors() as hosts:
        yield hosts


@pytest.fixture(params=HOSTED)
def desk(
    request: pytest.FixtureRequest, hosts: Vendors, tmp_path: Path
) -> Iterator[tuple[HostedSystem, Connector]]:
    """A desk of each vendor, and its connector, configured as in a world."""
    own = Desk(name="cal1", abilities=HOSTED[request.param], vendor=request.param)
    company = Company((Desk(name=CRM, abilities=CRMS[0]), own), (CRM, "cal1"))
    system = Stage(company, 7, hosts).systems["cal1"]
    assert isinstance(system, HostedSystem)
    text = configuration(company, {"cal1": system.settings(tmp_path)})
    (tmp_path / "syncd.toml").write_text(text, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(rules(company), encoding="utf-8")
    manifests = {"desk-crm": CRMS[0].manifest(), "desk-cal1": system.plugin.manifest}
    settings = load(tmp_path / "syncd.toml", manifests).system("cal1", "world")
    connector = system.plugin.connect(settings, Collection(system.address))
    yield system, connector
    connector.close()


Pair = tuple[HostedSystem, Connector]


def _there(pair: Pair) -> dict[Key, Copy]:
    return {copy.key: copy for copy in pair[1].observe(None, WINDOW, {}).copies}


@pytest.mark.parametrize("fault", ["down", "locked", "throttled", "lost_requests"])
def test_weather_meets_each_request(desk: Pair, fault: str) -> None:
    system, connector = desk
    setattr(system.faults, fault, True)
    refused = Unauthorized if fault == "locked" else Unavailable
    with pytest.raises(refused):
        connector.observe(None, WINDOW, {})
    with pytest.raises(refused):
        connector.create(NAME, VISIT)
    assert not system.items
    assert not system.writes


def test_what_is_read_only_is_read(desk: Pair) -> None:
    system, connector = desk
    key = system.person_create(VISIT)
    system.faults.read_only = True
    assert set(_there(desk)) == {key}
    with pytest.raises(Unauthorized):
        connector.create(NAME, VISIT)
    assert set(system.items) == {key}


def test_lists_break(desk: Pair) -> None:
    system, connector = desk
    key = system.person_create(VISIT)
    system.faults.broken_listings = 1
    with pytest.raises(Unavailable):
        connector.observe(None, WINDOW, {})
    assert [copy.key for copy in connector.fetch([key]).copies] == [key]


def test_a_create_whose_answer_is_lost_makes_one(desk: Pair) -> None:
    """Invariant 3."""
    system, connector = desk
    connector.observe(None, WINDOW, {})
    system.faults.lost_answers = 1
    with pytest.raises((Unavailable, Stale)):
        connector.create(NAME, VISIT)
    system.faults.lost_answers = 0
    with pytest.raises(Stale) as again:
        connector.create(NAME, VISIT)
    assert list(system.items) == [again.value.key]
    assert system.mails == 0


def test_a_delete_that_is_sent_twice_deletes(desk: Pair) -> None:
    system, connector = desk
    written = connector.create(NAME, VISIT)
    (copy,) = connector.fetch([written.key]).copies
    system.faults.doubled = 1
    connector.delete(copy)
    assert not system.items
    assert set(system.buried) == {written.key}


def test_dead_cursors_lead_to_a_full_look(desk: Pair) -> None:
    system, connector = desk
    first, second = system.person_create(VISIT), system.person_create(VISIT)
    for forget in (system.expire_cursors, system.remake):
        cursor = connector.observe(None, WINDOW, {}).cursor
        forget()
        try:
            seen = connector.observe(cursor, WINDOW, {})
        except CursorExpired:
            seen = connector.observe(None, WINDOW, {})
        assert seen.complete
        assert {copy.key for copy in seen.copies} == {first, second}


def test_the_world_waits_when_a_vendor_asks_for_it(desk: Pair) -> None:
    system, connector = desk
    system.faults.throttled = 1
    with pytest.raises(Unavailable):
        connector.observe(None, WINDOW, {})
    system.faults.throttled = 0
    system.clock.advance(120)
    before = system.clock.now()
    connector.observe(None, WINDOW, {})
    assert system.clock.now() - before < timedelta(seconds=60)


def test_people_see_what_the_connector_reads(desk: Pair) -> None:
    system, _ = desk
    visit, series = system.person_create(VISIT, x_origin="t1"), system.person_create(WEEKLY)
    later = TEN + timedelta(days=3)
    system.person_edit(
        visit,
        lambda held: replace(
            held,
            title="t1 neu",
            description="N1\n第二行 🙂",
            location="L1 上海",
            when=Timed(later, later + timedelta(minutes=30), "Europe/Berlin"),
            attendees=(replace(held.attendees[0], response=Response.ACCEPTED),),
        ),
    )
    noon = TEN + timedelta(days=7, hours=2)
    moved = Timed(noon, noon + timedelta(hours=1), "Asia/Shanghai")
    own = {
        "20260316T100000": Override((("when", moved), ("title", "t1 anders"))),
        "20260323T100000": Override(deleted=True),
    }
    system.person_edit(series, lambda held: replace(held, overrides=tuple(own.items())))
    seen = _there(desk)
    assert {key: copy.reads for key, copy in seen.items()} == {
        key: system.reads(key) for key in (visit, series)
    }
    assert seen[visit].reads.description == "N1\n第二行 🙂"
    assert dict(seen[series].reads.overrides) == own
    assert system.foreign(visit)["x-origin"] == "t1"
    assert system.mails == 0


def test_what_people_copy_move_and_put_back_keeps_what_is_on_it(desk: Pair) -> None:
    system, connector = desk
    key = connector.create(NAME, WEEKLY).key
    system.person_plant(key, "x-plant", "紫, \\red")
    dropped = {"20260323T100000": Override(deleted=True)}
    system.person_edit(key, lambda held: replace(held, overrides=tuple(dropped.items())))
    twin = system.person_duplicate(key, lambda held: replace(held, title="t2 Kopie"))
    moved = system.person_move_key(key)
    system.person_delete(twin)
    back = system.person_put_back(twin)
    seen = _there(desk)
    assert set(seen) == {moved, back}
    assert {copy.marker for copy in seen.values()} == {NAME.marker}
    assert seen[back].reads.title == "t2 Kopie"
    assert dict(seen[moved].reads.overrides) == dropped
    assert system.foreign(moved)["x-plant"] == "紫, \\red"
    assert system.foreign(back)["x-plant"] == "紫, \\red"


def test_an_occurrence_that_was_moved_meanwhile_is_not_written_over(desk: Pair) -> None:
    """Invariant 2."""
    system, connector = desk
    titled = {"20260316T100000": Override((("title", "t1 anders"),))}
    content = replace(WEEKLY, overrides=tuple(titled.items()))
    (copy,) = connector.fetch([connector.create(NAME, content).key]).copies
    noon = TEN + timedelta(days=14, hours=2)
    moved = Override((("when", Timed(noon, noon + timedelta(hours=1), "Asia/Shanghai")),))
    both = {**titled, "20260323T100000": moved}
    system.person_edit(copy.key, lambda held: replace(held, overrides=tuple(both.items())))
    with pytest.raises(Stale):
        connector.update(copy, replace(content, title="t1 neu"))
    shown = dict(system.reads(copy.key).overrides)
    assert shown.keys() == both.keys()
    assert moved.values[0] in shown["20260323T100000"].values


def test_to_cancel_is_to_delete(desk: Pair) -> None:
    system, _ = desk
    key = system.person_create(VISIT)
    system.person_edit(key, lambda held: replace(held, status=Status.CANCELLED))
    assert not system.items
    assert system.reads_of(system.buried[key]).title == VISIT.title


def test_a_retention_policy_takes_what_has_ended(desk: Pair) -> None:
    system, _ = desk
    old, new = system.person_create(VISIT), system.person_create(WEEKLY)
    system.clock.advance(10 * 86_400)
    assert system.purge(system.clock.now()) == [old]
    assert set(system.items) == {new}
