"""Series: edits of one occurrence and of the whole, and channels that hold single rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from syncd.core.channel import Policy
from syncd.core.model import Appointment, Attendee, Customer, Override, Recurrence, Status, Timed
from syncd.core.rules import Decide, Rule
from syncd.core.state import Kind, Operation
from tests.core.harness import World, settled_world
from tests.core.values import ROWS, USUAL, VISIT, at, channel, channels, prefer, rules

WEEKLY = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))
"""Six Tuesdays from 10 March 2026, 10:00 UTC."""

DAYS = ("20260310", "20260317", "20260324", "20260331", "20260407", "20260414")
RIDS = tuple(f"{day}T100000" for day in DAYS)


def rows(made: World) -> dict[str, Appointment]:
    """What the channel without series holds, by slot."""
    settled = made.agreements[made.only].copies
    copies = made.remotes["rows"].copies
    return {
        place[1]: copies[each.copy.key].reads
        for place, each in sorted(settled.items())
        if place[0] == "rows"
    }


def override(made: World, name: str, rid: str) -> Override:
    return made.reads(name).override(rid) or Override()


def moved(series: Appointment, rid: str, when: Timed) -> tuple[tuple[str, Override], ...]:
    return (*series.overrides, (rid, Override((("when", when),))))


def test_trace_36_one_occurrence_moved_the_series_renamed() -> None:
    """Both hold, in both calendars and the CRM."""
    made = settled_world("crm", "cal", "cal2", visit=WEEKLY)
    made.edit("cal", overrides=moved(WEEKLY, RIDS[2], at(25, 15)))
    made.edit("cal2", title="每周例会")
    made.run()
    for name in made.remotes:
        assert made.reads(name).title == "每周例会"
        assert override(made, name, RIDS[2]).values == (("when", at(25, 15)),)
    assert not made.history(Kind.CONFLICT)


def test_trace_36_the_row_of_the_moved_occurrence_moves_too() -> None:
    """Where there are rows, the row of that occurrence alone has the new time."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    assert tuple(rows(made)) == RIDS
    made.edit("cal", overrides=moved(WEEKLY, RIDS[2], at(25, 15)))
    made.run()
    assert rows(made)[RIDS[2]].when == at(25, 15)
    assert rows(made)[RIDS[1]].when == at(17, 10)
    assert [write.channel for write in made.written].count("rows") == 1


def test_trace_37_a_deleted_row_is_an_exception() -> None:
    """One row deleted: an exception of the series everywhere, the other rows stay."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    key = made.agreements[made.only].copies[("rows", RIDS[3])].copy.key
    made.remove("rows", key)
    made.run()
    assert tuple(rows(made)) == RIDS[:3] + RIDS[4:]
    for name in ("crm", "cal"):
        assert override(made, name, RIDS[3]).deleted
        assert made.reads(name).status is Status.CONFIRMED


def test_trace_37_an_exception_made_in_a_calendar_takes_the_row_away() -> None:
    """The other way round: the deleted occurrence's row goes, nothing comes back."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    made.edit("cal", overrides=((RIDS[3], Override(deleted=True)),))
    made.run()
    assert tuple(rows(made)) == RIDS[:3] + RIDS[4:]


def test_trace_37_a_row_is_deleted_that_was_never_told_of_an_edit() -> None:
    """The occurrence was moved while the rows were down: the edit wins, both are on record
    (invariant 2)."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    key = made.agreements[made.only].copies[("rows", RIDS[2])].copy.key
    made.remotes["rows"].down = True
    made.edit("cal", overrides=moved(WEEKLY, RIDS[2], at(25, 15)))
    made.cycle()
    made.remove("rows", key)
    made.remotes["rows"].down = False
    made.run(4)
    assert tuple(rows(made)) == RIDS
    assert rows(made)[RIDS[2]].when == at(25, 15)
    assert override(made, "crm", RIDS[2]).values == (("when", at(25, 15)),)
    (conflict,) = made.history(Kind.CONFLICT)
    assert conflict.claims == (("rows", True),)


def test_trace_37_a_row_is_deleted_that_shows_the_edit() -> None:
    """Whoever deletes it knows of the edit: an exception."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    key = made.agreements[made.only].copies[("rows", RIDS[2])].copy.key
    made.edit("cal", overrides=moved(WEEKLY, RIDS[2], at(25, 15)))
    made.run()
    made.remove("rows", key)
    made.run()
    assert tuple(rows(made)) == RIDS[:2] + RIDS[3:]
    assert override(made, "cal", RIDS[2]).deleted
    assert not made.history(Kind.CONFLICT)


def test_rows_that_show_what_their_series_was_given_follow_it() -> None:
    """So it looks after an old backup: the calendar was renamed since, and every row."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    made.edit("cal", title="每周例会")
    for key in list(made.remotes["rows"].copies):
        made.edit("rows", key, title="每周例会")
    made.run()
    made.edit("cal", title="Weekly demo")
    made.run()
    assert {row.title for row in rows(made).values()} == {"Weekly demo"}
    assert not any(own.values for _, own in made.reads("cal").overrides)
    assert not made.history(Kind.CONFLICT)


def test_a_row_that_was_given_a_name_of_its_own_does_not_follow() -> None:
    """Only what the row would hold of its series is none of its own (invariant 2)."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    made.edit("cal", title="每周例会")
    key = made.agreements[made.only].copies[("rows", RIDS[2])].copy.key
    made.edit("rows", key, title="Extra 演示")
    made.run()
    made.edit("cal", title="Weekly demo")
    made.run()
    assert [slot for slot, row in rows(made).items() if row.title == "Extra 演示"] == [RIDS[2]]
    assert override(made, "cal", RIDS[2]).values == (("title", "Extra 演示"),)


def test_what_an_occurrence_has_of_its_own_is_told_when_its_series_no_longer_has_it() -> None:
    """While both were equal no calendar had been asked for it (invariant 1)."""
    made = settled_world("crm", "cal", "cal2", visit=WEEKLY)
    made.edit("cal", title="每周例会")
    made.edit("cal2", overrides=((RIDS[2], Override((("title", "每周例会"),))),))
    made.run()
    made.edit("cal", title="Weekly demo")
    made.run()
    for name in made.remotes:
        assert made.reads(name).title == "Weekly demo"
        assert override(made, name, RIDS[2]).values == (("title", "每周例会"),)
    made.written.clear()
    made.run()
    assert not made.written


def test_trace_37_an_edit_of_a_row_is_an_override() -> None:
    """The outcome of one visit is written in its row: only that occurrence has it."""
    made = settled_world("crm", "rows", visit=WEEKLY)
    key = made.agreements[made.only].copies[("rows", RIDS[1])].copy.key
    made.edit("rows", key, status=Status.COMPLETED, location="客户现场")
    made.run()
    own = override(made, "crm", RIDS[1]).values
    assert own == (("location", "客户现场"), ("status", Status.COMPLETED))
    assert rows(made)[RIDS[0]].location == VISIT.location


def test_trace_38_the_whole_series_moved_to_another_weekday() -> None:
    """All occurrences move by a day: the rows keep their records and outcomes, moved."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    keys = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    made.edit("rows", keys[RIDS[0]], status=Status.COMPLETED)
    made.run()
    made.edit("cal", when=at(11, 10))
    made.run()
    assert set(made.remotes["rows"].copies) == set(keys.values())
    assert made.all_reads("rows")[0].when == at(11, 10)
    assert [each.status for each in made.all_reads("rows")].count(Status.COMPLETED) == 1
    assert made.remotes["rows"].copies[keys[RIDS[0]]].reads.status is Status.COMPLETED


def test_trace_38_this_and_all_following_moved_to_another_weekday() -> None:
    """The calendar cuts the series and writes a new one: the rows of the later occurrences keep
    their records, moved, and the outcomes that are written in them."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    old = made.only
    keys = {slot: s.copy.key for (n, slot), s in made.agreements[old].copies.items() if n == "rows"}
    made.edit("rows", keys[RIDS[4]], status=Status.COMPLETED, customer=Customer("王"))
    made.run()
    written = len(made.written)
    (event,) = made.remotes["cal"].copies.values()
    rest = replace(event.reads, when=at(26, 10), overrides=())
    rest = replace(rest, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
    until = Recurrence(("FREQ=WEEKLY;UNTIL=20260317T100000Z",))
    kept = tuple(pair for pair in event.reads.overrides if pair[0] < RIDS[2])
    made.edit("cal", recurrence=until, overrides=kept)
    made.add("cal", rest, "rest")
    made.run(4)
    assert len(made.agreements) == 2
    assert set(made.remotes["rows"].copies) == set(keys.values())
    held = {slot: made.remotes["rows"].copies[key].reads for slot, key in keys.items()}
    assert [held[slot].when for slot in RIDS[:3]] == [at(10, 10), at(17, 10), at(26, 10)]
    assert held[RIDS[4]].when == at(40, 10)
    assert (held[RIDS[4]].status, held[RIDS[4]].customer) == (Status.COMPLETED, Customer("王"))
    operations = {w.operation for w in made.written[written:] if w.channel == "rows"}
    assert operations == {Operation.UPDATE}
    assert len(made.history(Kind.SPLIT)) == 1


@pytest.mark.parametrize("ranking", [("cal2", "cal"), ("cal", "cal2")])
def test_trace_38_a_split_that_a_lost_state_comes_upon(ranking: tuple[str, str]) -> None:
    """Invariant 3. The state is lost when one calendar has split the series and the other has it
    whole still: what is cut came later than what is whole, whatever the ranking."""
    made = settled_world("cal", "cal2", "rows", visit=WEEKLY, ruleset=rules(prefer(*ranking)))
    rows = set(made.remotes["rows"].copies)
    (key,) = made.remotes["cal2"].copies
    fifth = next(k for k, c in made.remotes["rows"].copies.items() if c.reads.when == at(38, 10))
    made.edit("rows", fifth, status=Status.COMPLETED, customer=Customer("王"))
    made.edit("cal2", key, recurrence=Recurrence(("FREQ=WEEKLY;UNTIL=20260317T100000Z",)))
    rest = replace(WEEKLY, when=at(26, 10), recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
    made.add("cal2", rest, "rest")
    made.lose_store()
    made.run(5)
    assert len(made.agreements) == 2
    assert [len(made.remotes[name].copies) for name in ("cal", "cal2", "rows")] == [2, 2, 6]
    assert set(made.remotes["rows"].copies) == rows
    whens = {each.when for each in made.all_reads("rows")}
    assert whens == {at(day, 10) for day in (10, 17, 26, 33, 40, 47)}
    held = made.remotes["rows"].copies[fifth].reads
    assert (held.when, held.status, held.customer) == (at(40, 10), Status.COMPLETED, Customer("王"))
    assert len(made.history(Kind.SPLIT)) == 1
    assert not [r for r in made.history(Kind.CONFLICT) if r.path == ("recurrence",)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns"])
def test_trace_39_local_time_holds_across_the_change_of_the_clocks(zone: str) -> None:
    """09:00 local, weekly, kept as UTC rows: 09:00 local before and after summer time."""
    visit = replace(WEEKLY, when=at(3, 9, zone=zone), title="🕘 Besuch")
    made = settled_world("crm", "rows", visit=visit)
    whens = [each.when for each in made.all_reads("rows")]
    starts = [when.start for when in whens if isinstance(when, Timed)]
    local = [
        start.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%H:%M") for start in starts
    ]
    assert local == ["09:00"] * 6
    assert len({start.hour for start in starts}) == 2


def test_trace_40_an_endless_series_moves_on_with_the_window() -> None:
    """Day by day one row more at the far end, and nothing old is deleted."""
    daily = replace(VISIT, when=at(3, 9), recurrence=Recurrence(("FREQ=DAILY",)))
    made = settled_world("crm", "cal", visit=daily)
    made = _with_rows(made)
    assert len(made.remotes["rows"].copies) == 60
    for day in range(1, 40):
        made.now += timedelta(days=1)
        made.run()
        assert len(made.remotes["rows"].copies) == 60 + day
    assert not any(write.operation is Operation.DELETE for write in made.written)
    assert {write.operation for write in made.written} == {Operation.CREATE}


def _with_rows(made: World) -> World:
    made.future = timedelta(days=60)
    made.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    made.configure(Policy(channels("crm", "cal", "rows"), USUAL))
    made.run(4)
    return made


def test_deleting_a_series_cancels_only_its_future() -> None:
    """After two meetings the series is deleted in a calendar: the two stay on record."""
    made = settled_world("crm", "cal", "cal2", visit=WEEKLY)
    made.now = datetime(2026, 3, 20, 8, tzinfo=UTC)
    made.remove("cal")
    made.run()
    series = made.reads("crm")
    assert series.status is Status.CONFIRMED
    assert series.recurrence is not None
    assert "UNTIL=20260317" in series.recurrence.rules[0]
    assert len(made.remotes["cal"].copies) == 0
    assert len(made.remotes["cal2"].copies) == 1


def _row_key(made: World, slot: str) -> str:
    return made.agreements[made.only].copies[("rows", slot)].copy.key


def test_an_element_of_a_row_that_lost_is_put_back() -> None:
    """Only the CRM may change attendees: a guest removed in one row is there again."""
    guest = Attendee("wang@kunde.example", "王")
    carries = replace(ROWS, carries=ROWS.carries | {"attendees"})
    only = Rule(name="only", fields=frozenset({"attendees"}), authority=("crm",))
    made = settled_world(
        "crm",
        channel("rows", 1, role="sheet", fidelity=carries),
        ruleset=rules(only),
        visit=replace(WEEKLY, attendees=(guest,)),
    )
    made.edit("rows", _row_key(made, RIDS[1]), attendees=())
    made.run()
    assert [each.attendees for each in made.all_reads("rows")] == [(guest,)] * 6
    assert len(made.history(Kind.PUT_BACK)) == 1


def test_an_open_question_about_one_row() -> None:
    """Place asked about for one occurrence: both keep theirs, the other rows are as they were;
    when the row goes back, the calendar's place holds."""
    ask = Rule(name="ask", fields=frozenset({"location"}), decide=Decide.ASK)
    made = settled_world("crm", "cal", "rows", visit=WEEKLY, ruleset=rules(ask, *USUAL.rules))
    key = _row_key(made, RIDS[1])
    made.edit("rows", key, location="行里的地点")
    own = (RIDS[1], Override((("location", "im Kalender"),)))
    made.edit("cal", overrides=(own,))
    made.run()
    assert made.remotes["rows"].copies[key].reads.location == "行里的地点"
    assert override(made, "cal", RIDS[1]) == own[1]
    assert override(made, "crm", RIDS[1]) == Override()
    made.edit("crm", title="weiter")
    made.run()
    assert made.remotes["rows"].copies[key].reads.location == "行里的地点"
    made.edit("rows", key, location=VISIT.location)
    made.run()
    assert {r.location for r in rows(made).values()} == {VISIT.location, "im Kalender"}
    assert override(made, "crm", RIDS[1]) == own[1]


def test_an_edit_of_an_occurrence_that_was_dropped_long_ago_is_on_record() -> None:
    """Its row could not be deleted yet, and somebody works on it: the row goes, and the history
    tells what was written there (invariant 2)."""
    made = settled_world("crm", "cal", "rows", visit=WEEKLY)
    keys = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    made.remotes["rows"].down = True
    (event,) = made.remotes["cal"].copies.values()
    made.edit("cal", overrides=((RIDS[2], Override(deleted=True)),))
    made.cycle()
    assert event.reads.overrides == ()
    made.remotes["rows"].down = False
    made.edit("rows", keys[RIDS[2]], title="改期")
    made.run(4)
    assert keys[RIDS[2]] not in made.remotes["rows"].copies
    told = [claims for r in made.history(Kind.CONFLICT) for claims in r.claims]
    assert ("rows", "改期") in told


def test_after_a_lost_state_rows_tell_what_their_series_cannot() -> None:
    """Invariant 2. The calendar carries neither owner nor customer; the rows do, and another one
    was changed just before: that is the edit, recorded beside what the others tell."""
    made = settled_world("cal", "rows", visit=WEEKLY)
    keys = {c.reads.when: key for key, c in made.remotes["rows"].copies.items()}
    for day in (10, 17, 24, 31, 38):
        made.edit("rows", keys[at(day, 10)], customer=Customer("王"))
    made.edit("rows", keys[at(45, 10)], owner="bob@example.com", customer=Customer("李"))
    made.run()
    made.edit("rows", keys[at(17, 10)], owner="dora@example.com")
    made.lose_store()
    made.run(5)
    found = made.remotes["rows"].copies
    assert {each.reads.owner for each in found.values()} == {"dora@example.com"}
    assert [found[keys[at(day, 10)]].reads.customer for day in (10, 38, 45)] == [
        *(Customer("王"), Customer("王"), Customer("李"))
    ]
    assert made.agreed().customer == Customer("王")
    (conflict,) = made.history(Kind.CONFLICT)
    assert {value for _, value in conflict.claims} == {"bob@example.com", "dora@example.com"}


def test_after_a_lost_state_rows_of_a_series_that_is_nowhere_are_found_in_each_channel() -> None:
    """Invariant 3. The series was handed over from the calendar it was born in: only rows are
    left, in two channels. What it repeats by is lost with the state; nothing is there twice."""
    other = channel("other", 3, fidelity=ROWS, role="calendar")
    made = settled_world("cal", "rows", other, visit=WEEKLY)
    made.configure(Policy(channels("rows", other), USUAL))
    copies = {name: dict(made.remotes[name].copies) for name in ("rows", "other")}
    made.lose_store()
    made.run(5)
    assert {name: dict(made.remotes[name].copies) for name in ("rows", "other")} == copies
    assert len(made.agreements) == 6


def test_a_guest_of_one_row_takes_nobodys_name() -> None:
    """Invariant 2: rows that keep no names of guests; who is there already keeps hers."""
    bare = replace(ROWS, carries=ROWS.carries | {"attendees"}, attendee_parts=frozenset())
    wang, gast = Attendee("wang@kunde.example", "王先生"), Attendee("gast@kunde.example")
    visit = replace(WEEKLY, attendees=(wang,))
    made = settled_world("crm", "cal", channel("rows", 2, fidelity=bare), visit=visit)
    row = rows(made)[RIDS[2]]
    assert row.attendees == (replace(wang, name=""),)
    made.edit("rows", _key(made, RIDS[2]), attendees=(*row.attendees, gast))
    made.run()
    assert set(dict(override(made, "cal", RIDS[2]).values)["attendees"]) == {wang, gast}
    assert set(rows(made)[RIDS[2]].attendees) == {*row.attendees, gast}


def _key(made: World, rid: str) -> str:
    return made.agreements[made.only].copies[("rows", rid)].copy.key
