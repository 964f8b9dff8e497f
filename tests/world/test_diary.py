"""The diary: when the original of a duplicate is deleted, and what is told of the two."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.model import Appointment, Attendee, Override, Recurrence, Timed
from tests.world.clock import START
from tests.world.company import CRM, CUSTOMER
from tests.world.diary import Diary
from tests.world.oracle import Oracle
from tests.world.people import act, keys_of
from tests.world.play import Stage
from tests.world.plays import ALICE, BOB, CHEN, company_of, two
from tests.world.steps import Act
from tests.world.verdict import judged

CALM, STORMY = True, False
T21 = Act("duplicate", "cal1", "t2", 21, "t21")
GONE = Act("delete", "cal1", "t2", 22)


def _stage(marker: str = "installation:a1") -> Stage:
    """A visit in the CRM and in a calendar, seen there by an undisturbed look."""
    stage = Stage(two(0, 1, person=""), 0)
    start = START.replace(tzinfo=None)
    when = Timed(start, start.replace(hour=start.hour + 1), "UTC")
    visit = Appointment(when, title="t2 王先生", owner=CUSTOMER)
    stage.systems[CRM].person_create(visit, uid="p1@crm")
    own = {"marker": marker} if marker else {}
    stage.systems["cal1"].person_create(visit, uid="p1@crm", **own)
    stage.oracle.born("t2", CRM, "visit")
    stage.oracle.looked(calm=CALM, listed=[CRM, "cal1"])
    return stage


def _play(stage: Stage, *steps: Act | bool) -> Diary:
    """Acts, and looks that are calm or not."""
    for step in steps:
        if isinstance(step, Act):
            desk = stage.company.desk(step.channel)
            act(step, desk, stage.systems[step.channel], stage.oracle)
        else:
            stage.oracle.looked(calm=step, listed=[CRM, "cal1"])
    return stage.oracle


@pytest.mark.parametrize(
    ("steps", "moved"),
    [
        ((T21, GONE, CALM), [{"t21": "t2"}]),
        ((T21, CALM, GONE, CALM), [{"t21": "t2"}]),
        ((T21, CALM, CALM, GONE, CALM), [{}]),
        ((T21, STORMY, GONE, CALM), [{}, {"t21": "t2"}]),
        ((T21, GONE, STORMY, CALM), [{}, {"t21": "t2"}]),
        ((STORMY, T21, GONE, CALM), [{}, {"t21": "t2"}]),
        ((T21, CALM, CALM, STORMY, GONE, CALM), [{}]),
        ((T21, GONE, Act("put back", "cal1", "t2"), CALM), [{}, {"t21": "t2"}]),
        ((T21, Act("move key", "cal1", "t21"), GONE, CALM), [{"t21": "t2"}]),
        ((T21, Act("delete", "cal1", "t21"), GONE, CALM), [{}]),
        (
            (T21, Act("duplicate", "cal1", "t21", 31, "t31"), GONE, CALM),
            [{"t21": "t2"}, {"t31": "t2"}],
        ),
        (
            (T21, Act("duplicate", "cal1", "t2", 31, "t31"), GONE, Act("delete", "cal1", "t21")),
            [{}, {"t21": "t2"}, {"t31": "t2"}, {"t21": "t2", "t31": "t2"}],
        ),
    ],
)
def test_the_original_of_a_duplicate_is_deleted(
    steps: tuple[Act | bool, ...], moved: list[dict[str, str]]
) -> None:
    """Before the duplicate has waited, the appointment has moved there."""
    diary = _play(_stage(), *steps)
    assert [each.names for each in diary.possible()] == moved


def test_a_duplicate_without_a_mark_is_new() -> None:
    diary = _play(_stage(marker=""), T21, GONE, CALM)
    assert [each.names for each in diary.possible()] == [{}]
    assert [ending.token for ending in diary.endings] == ["t2"]


def test_what_a_moved_appointment_says_are_edits_of_it() -> None:
    """What only the original said, and nobody saw, is gone."""
    stage = _stage()
    (moved,) = _play(
        stage,
        *(T21, Act("place", "cal1", "t21", 5), Act("note", "cal1", "t2", 6)),
        *(GONE, Act("place", "cal1", "t21", 7), CALM),
    ).possible()
    assert set(moved.births) == {"t2"}
    assert moved.endings == []
    left = [edit for edit in moved.edits if not moved.is_superseded(edit)]
    assert [(edit.token, edit.path, edit.after) for edit in left] == [
        ("t2", ("title",), "t21 n21 客户拜访：王先生"),
        ("t2", ("location",), "L7 展厅"),
    ]


def test_a_moved_appointment_is_complained_of_unless_it_is_whole() -> None:
    """Its old title stands without a record: lost. It is nowhere: it was ended by nobody."""
    stage = _stage()
    _play(stage, T21, GONE, CALM)
    (key,) = keys_of(stage.systems["cal1"], "t21")
    (kept,) = keys_of(stage.systems[CRM], "t2")
    old = stage.systems[CRM].reads(kept)
    assert [line[:8] for line in judged(stage.oracle, stage.systems)] == ["1: t2  d"]
    stage.systems["cal1"].person_edit(key, lambda _: old)
    (lost,) = judged(stage.oracle, stage.systems)
    assert lost.startswith("2: cal1 set ('title',) of t2 to 't21 ")
    stage.systems["cal1"].person_delete(key)
    stage.systems[CRM].person_delete(kept)
    assert "4: t2 lives and is not in crm" in judged(stage.oracle, stage.systems)


def test_every_reading_is_told_everything() -> None:
    """Whatever an oracle is told, a diary tells to all its readings."""
    tellings = {
        name
        for name, each in vars(Oracle).items()
        if inspect.isfunction(each)
        and not name.startswith("_")
        and inspect.signature(each).return_annotation == "None"
    }
    assert len(tellings) > 10
    assert tellings - vars(Diary).keys() == set()


def _weeks(count: int) -> Appointment:
    """Mr Wang's visit of every week, ``count`` times."""
    start = START.replace(tzinfo=None)
    return Appointment(
        Timed(start, start.replace(hour=start.hour + 1), "UTC"),
        title="t2 王先生",
        recurrence=Recurrence((f"FREQ=WEEKLY;COUNT={count}",)),
    )


def _week(number: int) -> str:
    """The slot of its occurrence after so many weeks."""
    return f"{START.replace(tzinfo=None) + timedelta(weeks=number):%Y%m%dT%H%M%S}"


@pytest.mark.parametrize(("seen", "whose"), [(False, "t2"), (True, "t21")])
def test_who_deletes_what_was_just_cut_has_made_another_series(seen: bool, whose: str) -> None:
    oracle = _stage().oracle
    before, after = _weeks(6), _weeks(2)
    slot = _week(2)
    oracle.split("cal1", "t2", (slot, "t21"), before, after)
    if seen:
        oracle.looked(calm=CALM, listed=[CRM, "cal1"])
    oracle.deleted("cal1", "t2", ("k1", None), after, {})
    assert oracle.stands_for("t2", slot) == whose


@pytest.mark.parametrize(("seen", "whose"), [(False, "t2"), (True, "t21")])
def test_a_series_that_was_split_where_a_calendar_left_before_a_look_is_whole(
    seen: bool, whose: str
) -> None:
    oracle = _stage().oracle
    oracle.split("cal1", "t2", (_week(2), "t21"), _weeks(6), _weeks(2))
    if seen:
        oracle.looked(calm=CALM, listed=[CRM, "cal1"])
    oracle.left("cal1")
    assert oracle.stands_for("t2", _week(2)) == whose


@pytest.mark.parametrize(("other", "whose"), [("cal1", "t22"), (CRM, "t2")])
def test_of_two_cuts_in_two_calendars_nobody_knows_which_holds(other: str, whose: str) -> None:
    oracle = _stage().oracle
    series, late, soon = _weeks(6), _weeks(4), _weeks(2)
    slots = [_week(4), _week(2)]
    oracle.split("cal1", "t2", (slots[0], "t21"), series, late)
    oracle.split(other, "t2", (slots[1], "t22"), late, soon)
    assert oracle.stands_for("t2", slots[1]) == whose


@pytest.mark.parametrize(
    ("who", "looks", "week", "superseded"),
    [
        ("cal2", [STORMY], 4, True),
        ("cal2", [], 4, False),
        ("cal2", [STORMY], 1, False),
        ("cal1", [], 4, True),
    ],
)
def test_what_an_occurrence_had_goes_with_it_if_who_cut_it_off_could_know_it(
    who: str, looks: list[bool], week: int, superseded: bool
) -> None:
    """Of two that cut a series, nobody knows as what it goes on."""
    oracle = Diary(company_of(0, (0, ""), (0, "")))
    oracle.born("t2", CRM, "series")
    before, slot = _weeks(6), _week(week)
    own = replace(before, overrides=((slot, Override((("title", "t2 改期"),))),))
    oracle.edited(who, "t2", "", before, own)
    for calm in looks:
        oracle.looked(calm=calm, listed=[CRM, "cal1"])
    oracle.split("cal1", "t2", (_week(4), "t21"), before, _weeks(4))
    oracle.split(CRM, "t2", (_week(2), "t22"), before, _weeks(2))
    assert oracle.is_superseded(oracle.edits[0]) == superseded


@pytest.mark.parametrize(
    ("hands", "look", "guest", "endings"),
    [
        ([(ALICE, BOB)], CALM, False, []),
        ([(ALICE, BOB), (BOB, CHEN)], CALM, False, []),
        ([(ALICE, BOB)], STORMY, False, [True]),
        ([(BOB, ALICE)], CALM, False, [False]),
        ([(ALICE, BOB), (BOB, ALICE)], CALM, False, [False]),
        ([(BOB, CHEN)], CALM, False, [False]),
        ([(ALICE, BOB)], CALM, True, [False]),
    ],
    ids=[
        *("handed away", "and on", "nobody may know of it", "handed to her", "handed back"),
        *("between two others", "she is still a guest"),
    ],
)
def test_a_copy_that_waits_to_be_withdrawn_ends_nothing_when_its_person_deletes_it(
    hands: list[tuple[str, str]], look: bool, guest: bool, endings: list[bool]
) -> None:
    """Her calendar is left alone for a while, so her copy is still there (trace 34)."""
    diary = Diary(company_of(0, (0, ALICE), (1, BOB)))
    diary.born("t1", CRM, "visit")
    start = START.replace(tzinfo=None)
    guests = (Attendee(ALICE, ""),) if guest else ()
    visit = Appointment(Timed(start, start, "UTC"), title="t1", attendees=guests)
    for before, after in hands:
        mine, theirs = (replace(visit, owner=owner) for owner in (before, after))
        diary.edited(CRM, "t1", "", mine, theirs)
    for _ in range(3):
        diary.looked(calm=look, listed=[CRM, "cal2"])
    diary.deleted("cal1", "t1", ("k1", None), visit, {})
    assert [ending.contested for ending in diary.endings] == endings


def test_a_hand_over_that_only_a_newer_state_knows_may_be_unknown() -> None:
    diary = Diary(company_of(0, (0, ALICE), (1, BOB)))
    diary.born("t1", CRM, "visit")
    start = START.replace(tzinfo=None)
    visit = Appointment(Timed(start, start, "UTC"), title="t1", owner=ALICE)
    diary.edited(CRM, "t1", "", visit, replace(visit, owner=BOB))
    diary.looked(calm=CALM, listed=[CRM])
    diary.restored(0, {}, [])
    diary.deleted("cal1", "t1", ("k1", None), replace(visit, owner=""), {})
    assert [ending.contested for ending in diary.endings] == [True]


@pytest.mark.parametrize(
    ("known", "record", "missed"),
    [
        (False, "later", False),
        (True, "later", True),
        (False, "before", True),
    ],
    ids=["nobody can tell", "the backup knows it", "the CRM had it"],
)
def test_what_was_made_where_nobody_can_tell_any_more_need_not_be_there(
    known: bool, record: str, missed: bool
) -> None:
    """Its copy in another calendar knows no owner; the CRM was locked until an old backup came."""
    stage = Stage(company_of(0, (0, ALICE), (1, "")), 0)
    start = START.replace(tzinfo=None)
    visit = Appointment(Timed(start, start.replace(hour=start.hour + 1), "UTC"), title="t1")
    crm, cal2 = stage.systems[CRM], stage.systems["cal2"]
    diary = stage.oracle
    diary.born("t1", "cal1", "visit")
    cal2.person_create(visit)
    early = [] if record == "later" else [crm.person_create(visit)]
    diary.deleted("cal1", "t1", ("k1", None), visit, {})
    backup: dict[tuple[str, str], Appointment | None] = {("cal1", "k1"): visit} if known else {}
    diary.restored(0, backup, [("cal2", *cal2.items), *((CRM, key) for key in early)])
    if not early:
        crm.person_create(visit)
    diary.endings[0].contested = True
    missing = "4: t1 lives and is not in cal1"
    assert (missing in judged(diary, stage.systems)) == missed


@pytest.mark.parametrize(
    ("seen", "contested"), [(False, True), (True, False)], ids=["nobody had looked", "it was seen"]
)
def test_what_ended_in_a_calendar_before_it_left_ends_if_it_was_seen(
    seen: bool, contested: bool
) -> None:
    diary, visit = _of_a_visit()
    diary.deleted("cal1", "t1", ("k1", None), visit, {})
    if seen:
        diary.looked(calm=CALM, listed=[CRM, "cal1"])
    diary.left("cal1")
    assert [ending.contested for ending in diary.endings] == [contested]
    assert (("cal1", "t1") in diary.excused) == contested


@pytest.mark.parametrize(
    ("channel", "back", "contested"),
    [("cal1", False, True), ("cal1", True, False), ("cal2", False, False)],
    ids=["away", "back", "elsewhere"],
)
def test_what_is_deleted_in_a_calendar_that_has_left_ends_nothing(
    channel: str, back: bool, contested: bool
) -> None:
    diary, visit = _of_a_visit()
    diary.left("cal1")
    if back:
        diary.returned("cal1")
        for _ in range(2):
            diary.looking({"cal1": frozenset({"k1"}), "cal2": frozenset(), CRM: frozenset()})
            diary.looked(calm=CALM, listed=[CRM, "cal1"])
    diary.deleted(channel, "t1", ("k1", None), visit, {})
    assert [ending.contested for ending in diary.endings] == [contested]


def _of_a_visit() -> tuple[Diary, Appointment]:
    diary = Diary(company_of(0, (0, ALICE), (1, "")))
    diary.born("t1", CRM, "visit")
    start = START.replace(tzinfo=None)
    return diary, Appointment(Timed(start, start, "UTC"), title="t1")
