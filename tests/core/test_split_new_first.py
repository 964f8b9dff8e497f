"""This and all following, written in two steps, the new series first: when the old one is cut, what
goes on is there already, and takes over what is known of the later occurrences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Appointment, Attendee, Customer, Person, Status
from syncd.core.state import Kind, Operation
from tests.core.harness import World, settled_world, world
from tests.core.test_split_in_two_looks import NO_SHOW, REST, UNTIL, WANG, cut, of_rows, of_series
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import at

LI = Customer("李")
GUESTS = (Attendee("li@kunde.example", "李"),)
LATER = ("20260326T100000", "20260402T100000", "20260409T100000", "20260416T100000")


def goes_on(made: World, looks: int) -> None:
    """The new series is made; so many looks later the old one is cut."""
    begin(made, looks)
    cut(made)


def begin(made: World, looks: int) -> None:
    """The new series is made, and nothing more in so many looks."""
    made.add("cal", REST, "rest")
    for _ in range(looks):
        made.cycle()


def key_at(made: World, name: str, day: int) -> str:
    """The key of the copy that begins on a day of March at ten."""
    copies = made.remotes[name].copies
    return next(key for key, copy in copies.items() if copy.reads.when == at(day, 10))


@pytest.mark.parametrize("made", [of_rows(), of_series()], ids=["rows", "series"])
def test_one_look_between_and_nothing_is_made_that_goes_again(made: World) -> None:
    """Nobody is bothered by records that stand there for a minute. Invariant 3."""
    goes_on(made, 1)
    assert not made.written
    made.run(4)
    news = [w.channel for w in made.written if w.operation is not Operation.UPDATE]
    assert news == [name for name in made.remotes if name == "crm"]


def test_what_merely_looks_like_it_is_born_at_the_next_look() -> None:
    """Invariant 1: a second series with the same customer is one."""
    made = of_rows()
    begin(made, 1)
    assert made.waits == {"cal"}
    made.run()
    assert len(made.all_reads("rows")) == 10
    assert not made.history(Kind.SPLIT)


def test_a_calendar_that_falls_silent_is_waited_for() -> None:
    """Nobody knows what else was done there."""
    made = of_rows()
    begin(made, 1)
    made.remotes["cal"].down = True
    for _ in range(3):
        assert made.cycle() == 0
    made.remotes["cal"].down = False
    cut(made)
    made.run(4)
    assert len(made.all_reads("rows")) == 6
    assert len(made.history(Kind.SPLIT)) == 1


@pytest.mark.parametrize("other", [replace(REST, title="年度审计"), replace(REST, recurrence=None)])
def test_what_cannot_go_on_from_it_is_born_at_once(other: Appointment) -> None:
    """Another rhythm under another title, or a single visit."""
    made = of_rows()
    made.add("cal", other, "rest")
    assert made.cycle() > 0


@pytest.mark.parametrize("looks", [0, 1, 2, 4])
def test_rows_keep_their_records_and_what_is_written_in_them(looks: int) -> None:
    """Trace 38. Invariants 2 and 3."""
    made = of_rows()
    rows = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    goes_on(made, looks)
    made.run(4)
    assert len(made.agreements) == 2
    assert set(made.remotes["rows"].copies) == set(rows.values())
    held = made.remotes["rows"].copies[rows[RIDS[4]]].reads
    assert (held.when, held.status, held.customer) == (at(40, 10), Status.COMPLETED, WANG)
    (record,) = made.history(Kind.SPLIT)
    heir = made.agreements[next(id for id in made.agreements if id != record.note)]
    assert {slot for name, slot in heir.copies if name == "rows"} == set(LATER)


@pytest.mark.parametrize("looks", [0, 1, 2, 4])
def test_a_series_keeps_its_customer_and_its_outcomes(looks: int) -> None:
    """Trace 38. Invariants 2 and 3."""
    made = of_series()
    goes_on(made, looks)
    made.run(4)
    first, rest = made.all_reads("crm")
    assert (first.recurrence, first.customer) == (UNTIL, WANG)
    assert (rest.recurrence, rest.customer) == (REST.recurrence, WANG)
    assert rest.overrides == ((LATER[1], NO_SHOW),)
    assert len(made.history(Kind.SPLIT)) == 1


def test_what_somebody_has_set_there_meanwhile_stays() -> None:
    """Invariant 2."""
    made = of_series()
    begin(made, 2)
    new = key_at(made, "crm", 26)
    made.edit("crm", new, customer=LI, overrides=((LATER[2], NO_SHOW),))
    made.cycle()
    cut(made)
    made.run(4)
    rest = made.reads("crm", new)
    assert rest.customer == LI
    assert dict(rest.overrides) == {LATER[1]: NO_SHOW, LATER[2]: NO_SHOW}


def test_a_row_that_somebody_has_written_in_meanwhile_is_read_first() -> None:
    """What is written into a record that was made meanwhile is written into the one that stays.
    Invariant 2."""
    made = of_rows()
    begin(made, 2)
    fresh = key_at(made, "rows", 33)
    made.edit("rows", fresh, status=Status.NO_SHOW)
    cut(made)
    made.run(5)
    assert fresh not in made.remotes["rows"].copies
    held = {each.when: each.status for each in made.all_reads("rows")}
    assert len(held) == 6
    assert (held[at(33, 10)], held[at(40, 10)]) == (Status.NO_SHOW, Status.COMPLETED)


def test_while_the_crm_does_not_answer_the_cut_waits() -> None:
    """What goes on cannot be written there yet, so nobody knows which records are whose."""
    made = of_rows()
    made.remotes["rows"].down = True
    begin(made, 2)
    cut(made)
    made.cycle()
    made.cycle()
    made.remotes["rows"].down = False
    made.run(5)
    assert len(made.all_reads("rows")) == 6
    assert [each.status for each in made.all_reads("rows")].count(Status.COMPLETED) == 1
    assert len(made.history(Kind.SPLIT)) == 1


def test_what_was_there_long_before_does_not_go_on_from_it() -> None:
    """Somebody has two series with one customer, and ends one of them."""
    made = of_rows()
    begin(made, 15)
    cut(made)
    made.run()
    assert not made.history(Kind.SPLIT)
    assert len(made.all_reads("rows")) == 6
    assert not [each for each in made.all_reads("rows") if each.status is Status.COMPLETED]


@pytest.mark.parametrize("first", ["other", "both"])
def test_what_is_no_younger_does_not_go_on_from_it(first: str) -> None:
    """Two weekly visits to one customer, one of which is ended within the hour: the records of
    the other, and what is written in them, stay. Invariant 2."""
    made = settled_world("cal", "rows", visit=REST)
    if first == "both":
        made = world("cal", "rows")
        made.cycle()
        made.add("cal", REST)
    key = made.add("cal", WEEKLY)
    made.run()
    (other,) = [a for a in made.agreements.values() if a.appointment.when == REST.when]
    rows = {each.copy.key for (name, _), each in other.copies.items() if name == "rows"}
    made.edit("cal", key, recurrence=UNTIL, overrides=())
    made.run(5)
    assert not made.history(Kind.SPLIT)
    assert len(made.all_reads("rows")) == 6
    assert rows < set(made.remotes["rows"].copies)


def test_the_same_guests_alone_are_other_visits() -> None:
    """Invariant 2. Born a little later than the one that is ended, with its guests."""
    made = settled_world("cal", "rows", visit=replace(WEEKLY, attendees=GUESTS))
    made.add("cal", replace(REST, title="Reparatur", attendees=GUESTS, when=at(25, 14)))
    made.cycle()
    made.cycle()
    made.run(5)
    rows = set(made.remotes["rows"].copies)
    cut(made)
    made.run(5)
    assert not made.history(Kind.SPLIT)
    assert len(rows & set(made.remotes["rows"].copies)) == 6


def test_what_begins_at_the_cut_may_be_seen_a_look_later() -> None:
    """Invariant 2. Another series of the customer was made just before, which begins later."""
    made = of_rows()
    rows = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    made.add("cal", replace(REST, when=at(28, 14)), "another")
    made.cycle()
    made.run(5)
    cut(made)
    made.cycle()
    made.add("cal", REST, "rest")
    made.run(5)
    assert made.remotes["rows"].copies[rows[RIDS[4]]].reads.when == at(40, 10)
    assert set(rows.values()) < set(made.remotes["rows"].copies)
    assert len(made.history(Kind.SPLIT)) == 1


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_guest_has_both_parts_in_a_calendar_of_his_own(looks: int) -> None:
    """The vendor puts both into his calendar, too, under their UIDs. Invariants 2 and 3."""
    made = settled_world(
        "cal", "cal2", "rows", visit=replace(WEEKLY, organizer=Person("a@acme.example"))
    )
    row = made.agreements[made.only].copies["rows", RIDS[4]].copy.key
    made.edit("rows", row, status=Status.COMPLETED, customer=WANG)
    made.run()
    rest = replace(REST, organizer=Person("a@acme.example"))
    made.add("cal", rest, "rest", uid="rest@cal")
    made.add("cal2", rest, "rest2", uid="rest@cal", invited=True)
    for _ in range(looks):
        made.cycle()
    cut(made)
    cut(made, "cal2")
    made.run(5)
    assert len(made.agreements) == 2
    assert row in made.remotes["rows"].copies
    assert len(made.all_reads("rows")) == 6
    assert (made.reads("rows", row).when, made.reads("rows", row).customer) == (at(40, 10), WANG)
    assert len(made.all_reads("cal2")) == len(made.all_reads("cal")) == 2
    assert len(made.history(Kind.SPLIT)) == 1


def test_what_goes_on_from_a_cut_that_is_seen_waits_for_no_other() -> None:
    """Invariant 1: under another name it could go on from what meets at the same time, too. If it
    waited for that to be cut, another new series, later that day, would pass for what goes on."""
    made = of_rows()
    made.add("cal", replace(WEEKLY, title="周会", customer=LI, attendees=GUESTS), "beside")
    made.run(4)
    cut(made)
    rest = replace(REST, when=at(24, 10))
    made.add("cal", rest, "rest")
    made.add("cal", replace(rest, when=at(24, 15)), "other")
    made.run(4)
    (split,) = made.history(Kind.SPLIT)
    (heir,) = [id for id, records in made.records.items() if split in records]
    assert made.agreed(heir).when == rest.when
    assert ("status", Status.COMPLETED) in made.agreed(heir).override(RIDS[4]).values
