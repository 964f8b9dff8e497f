"""Edits of shortened values, applied to the full ones: examples and the two laws."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncd.core.fidelity import Fidelity, project_value
from syncd.core.lift import CannotLift, lift
from syncd.core.model import (
    AllDay,
    Attendee,
    Customer,
    Person,
    Response,
    Role,
    Status,
    Timed,
    Value,
    When,
)

TITLE = ("title",)
WHEN = ("when",)
SHORT = Fidelity(lengths={"title": 12, "custom.floor": 4, "customer.name": 12})
CJK = Fidelity(lengths={"title": 5})
FULL = "Visit Mueller GmbH"
KUNDE = "拜访穆勒公司上海"


def at(hour: int, minute: int = 0, length: int = 60, zone: str | None = "Europe/Berlin") -> Timed:
    start = datetime(2026, 7, 1, hour, minute)
    return Timed(start, start + timedelta(minutes=length), zone)


@pytest.mark.parametrize(
    ("full", "was", "edited", "lifted"),
    [
        ("Vizit Mueller GmbH", "Vizit Muelle", "Visit Muelle", FULL),
        (FULL, "Visit Muelle", "1. Visit Mue", "1. Visit Mueller GmbH"),
        (FULL, "Visit Muelle", "Besuch Muell", "Besuch Mueller GmbH"),
        (FULL, "Visit Muelle", "Treffen Muel", "Treffen Mueller GmbH"),
        (FULL, "Visit Muelle", "😀isit Muelle", "😀isit Mueller GmbH"),
        (FULL, "Visit Muelle", "Muelle", "Mueller GmbH"),
        (FULL, "Visit Muelle", "sit Muelle", "sit Mueller GmbH"),
        ("Besuch Hans Müller", "Besuch Hans", "Visite Hans", "Visite Hans Müller"),
        ("Visit Muelle   ", "Visit Muelle", "Kaffee", "Kaffee"),
    ],
)
def test_an_edit_of_a_cut_text_leaves_its_tail_unharmed(
    full: str, was: str, edited: str, lifted: str
) -> None:
    """Trace 18, and insertions that push the end out of the field."""
    assert lift(TITLE, edited, was, full, SHORT) == lifted


@pytest.mark.parametrize(
    ("edited", "lifted"),
    [
        ("回访穆勒公", "回访穆勒公司上海"),
        ("再拜访穆勒", "再拜访穆勒公司上海"),
        ("😀拜访穆勒", "😀拜访穆勒公司上海"),
        ("访穆勒公", "访穆勒公司上海"),
    ],
)
def test_chinese_text_needs_no_words(edited: str, lifted: str) -> None:
    assert lift(TITLE, edited, "拜访穆勒公", KUNDE, CJK) == lifted


@pytest.mark.parametrize(
    ("full", "was", "edited", "fidelity"),
    [
        (FULL, "Visit Muelle", "Kaffee", SHORT),
        (FULL, "Visit Muelle", "", SHORT),
        (FULL, "Visit Muelle", "Visit", SHORT),
        (FULL, "Visit Muelle", "Visit Muell", SHORT),
        (FULL, "Visit Muelle", "Visit Muller", SHORT),
        (FULL, "Visit Muelle", "Treff Welle", SHORT),
        (FULL, "Visit Muelle", "Ganz anderes", SHORT),
        ("Besuch Hans Müller", "Besuch Hans", "Besuch Hansa", SHORT),
        (KUNDE, "拜访穆勒公", "参观公", CJK),
        (KUNDE, "拜访穆勒公", "拜访穆勒店", CJK),
        ("Something else entirely", "Visit Muelle", "Vizit Muelle", SHORT),
        ("Visit Mueller", "Visit", "Visits", SHORT),
    ],
)
def test_a_replaced_end_is_a_conflict(full: str, was: str, edited: str, fidelity: Fidelity) -> None:
    """Invariant 8: nothing full is replaced by its shortened form."""
    with pytest.raises(CannotLift):
        lift(TITLE, edited, was, full, fidelity)


def test_a_refusal_tells_no_text() -> None:
    """Invariant 11."""
    with pytest.raises(CannotLift) as caught:
        lift(TITLE, "Kaffee", "Visit Muelle", FULL, SHORT)
    assert not any(word in str(caught.value) for word in ("Kaffee", "Visit", "Mueller"))


def test_a_long_description_is_lifted_line_by_line() -> None:
    fidelity = Fidelity(lengths={"description": 1000})
    full = "\n".join(f"Zeile {number}: 样品 und Muster" for number in range(200))
    was = full[:1000].rstrip()
    edited = was.replace("Zeile 7:", "Neunte").replace("Zeile 20:", "Z 20:")
    lifted = lift(("description",), edited, was, full, fidelity)
    assert lifted == full.replace("Zeile 7:", "Neunte").replace("Zeile 20:", "Z 20:")


def test_own_keys_are_cut_as_well() -> None:
    path = ("custom", "floor")
    assert lift(path, "第4楼左", "第3楼左", "第3楼左边第二间", SHORT) == "第4楼左边第二间"
    path = ("overrides", "20260701T090000", "title")
    assert lift(path, "Visit Muelle", "Vizit Muelle", "Vizit Mueller", SHORT) == "Visit Mueller"


def test_a_value_that_is_shown_whole_is_taken_as_edited() -> None:
    assert lift(TITLE, "b", "a", "a", SHORT) == "b"
    assert lift(("location",), "b", "a", "agreed meanwhile", SHORT) == "b"
    assert lift(("tags", "vip"), None, True, True, SHORT) is None


def test_values_of_a_table_are_taken_as_edited() -> None:
    fidelity = Fidelity(values={"status": {"no_show": "confirmed"}, "kind": {"demo": "visit"}})
    path = ("status",)
    edited = lift(path, Status.CANCELLED, Status.CONFIRMED, Status.NO_SHOW, fidelity)
    assert edited is Status.CANCELLED
    assert lift(path, Status.CONFIRMED, Status.CONFIRMED, Status.NO_SHOW, fidelity) is (
        Status.NO_SHOW
    )
    assert lift(("kind",), "call", "visit", "demo", fidelity) == "call"


ROUNDED = Fidelity(resolution=300)
UTC_ROWS = Fidelity(zone="UTC", floating=False, default_zone="Asia/Shanghai")
NO_DAYS = Fidelity(zone="UTC", all_day=False, floating=False, default_zone="Asia/Shanghai")


@pytest.mark.parametrize(
    ("fidelity", "full", "edited", "lifted"),
    [
        (
            ROUNDED,
            at(10, 2, 58),
            at(10, 0, 90),
            Timed(at(10, 2).start, at(11, 30).start, "Europe/Berlin"),
        ),
        (ROUNDED, at(10, 2, 58), at(11, 0, 60), at(11, 0, 58)),
        (ROUNDED, at(10, 2, 31), at(11, 0, 35), at(11, 0, 35)),
        (
            ROUNDED,
            at(10, 2, 58),
            at(9, 30, 90),
            Timed(at(9, 30).start, at(11).start, "Europe/Berlin"),
        ),
        (UTC_ROWS, at(11), at(10, zone="UTC"), at(12)),
        (UTC_ROWS, at(11), at(9, length=90, zone="UTC"), at(11, length=90)),
        (UTC_ROWS, at(11, zone=None), at(4, zone="UTC"), at(12, zone=None)),
        (
            NO_DAYS,
            AllDay(date(2026, 7, 1), date(2026, 7, 2)),
            Timed(datetime(2026, 7, 1, 16), datetime(2026, 7, 3, 16), "UTC"),
            AllDay(date(2026, 7, 2), date(2026, 7, 4)),
        ),
        (
            NO_DAYS,
            AllDay(date(2026, 7, 1), date(2026, 7, 2)),
            Timed(datetime(2026, 7, 1, 1), datetime(2026, 7, 1, 2), "UTC"),
            Timed(datetime(2026, 7, 1, 1), datetime(2026, 7, 1, 2), "UTC"),
        ),
        (
            UTC_ROWS,
            at(11),
            AllDay(date(2026, 7, 1), date(2026, 7, 2)),
            AllDay(date(2026, 7, 1), date(2026, 7, 2)),
        ),
        (ROUNDED, at(10, 2), at(10, 0, zone="Asia/Shanghai"), at(10, 0, zone="Asia/Shanghai")),
    ],
)
def test_times_keep_what_was_not_edited(
    fidelity: Fidelity, full: When, edited: When, lifted: When
) -> None:
    """Trace 13: 10:02 behind 10:00; rows in UTC; whole days as midnights; floating times."""
    was = project_value("when", full, fidelity)
    assert was != full
    assert lift(WHEN, edited, was, full, fidelity) == lifted


def test_a_row_in_utc_stays_a_wall_time_across_the_change_of_clocks() -> None:
    """A Berlin appointment of July, moved to December in a table that keeps UTC."""
    moved = Timed(datetime(2026, 12, 1, 9), datetime(2026, 12, 1, 10), "UTC")
    was = project_value("when", at(11), UTC_ROWS)
    assert lift(WHEN, moved, was, at(11), UTC_ROWS) == Timed(
        datetime(2026, 12, 1, 10), datetime(2026, 12, 1, 11), "Europe/Berlin"
    )


def test_an_attendee_keeps_what_the_channel_does_not_carry() -> None:
    fidelity = Fidelity(attendee_parts=frozenset({"response"}))
    full = Attendee("wang@example.com", "王伟", Role.CHAIR, Response.NONE)
    was, edited = (
        Attendee("wang@example.com"),
        Attendee("wang@example.com", response=Response.ACCEPTED),
    )
    lifted = Attendee("wang@example.com", "王伟", Role.CHAIR, Response.ACCEPTED)
    assert lift(("attendees", "wang@example.com"), edited, was, full, fidelity) == lifted
    other = Attendee("li@example.com")
    path = ("overrides", "20260701T090000", "attendees")
    assert lift(path, (edited, other), (was,), (full,), fidelity) == (lifted, other)


def test_an_organizer_keeps_the_name_with_the_address() -> None:
    fidelity = Fidelity(organizer_name=False)
    full = Person("a@example.com", "Anna 安娜")
    assert lift(
        ("organizer",), Person("b@example.com"), Person("a@example.com"), full, fidelity
    ) == (Person("b@example.com"))


CRM = Customer("Müller GmbH", "+49 30 1", "info@kunde.example", (("crm", "17"),))


@pytest.mark.parametrize(
    ("parts", "edited", "lifted"),
    [
        (
            "name,phone",
            Customer("Müller GmbH", "+49 30 2"),
            Customer("Müller GmbH", "+49 30 2", CRM.email, CRM.ids),
        ),
        (
            "name,phone",
            Customer("Mueller GmbH", "+49 30 1"),
            Customer("Mueller GmbH", CRM.phone, CRM.email, CRM.ids),
        ),
        ("name,phone", Customer("王先生", "+49 30 1"), Customer("王先生", "+49 30 1")),
        ("email", Customer(email="wang@kunde.example"), Customer(email="wang@kunde.example")),
        (
            "name,email",
            Customer("Neu", "", CRM.email),
            Customer("Neu", CRM.phone, CRM.email, CRM.ids),
        ),
        (
            "name,ids",
            Customer("Müller GmbH", ids=(("crm", "18"),)),
            Customer("Müller GmbH", ids=(("crm", "18"),)),
        ),
    ],
)
def test_what_a_channel_does_not_show_of_a_customer_stays_with_that_customer(
    parts: str, edited: Customer, lifted: Customer
) -> None:
    """Another customer does not get the first one's number, address and id."""
    fidelity = Fidelity(customer_parts=frozenset(parts.split(",")))
    was = project_value("customer", CRM, fidelity)
    assert lift(("customer",), edited, was, CRM, fidelity) == lifted
    assert project_value("customer", lifted, fidelity) == edited


def test_a_shortened_name_of_a_customer_is_lifted_as_text() -> None:
    full = Customer("Vizit Mueller GmbH", ids=(("crm", "17"),))
    was, edited = Customer("Vizit Muelle", ids=full.ids), Customer("Visit Muelle", ids=full.ids)
    assert lift(("customer",), edited, was, full, SHORT) == Customer(FULL, ids=full.ids)


words = st.text(alphabet="ab 拜访é😀", max_size=30).map(str.strip)
zones = st.sampled_from(("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", None))
walls = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)).map(
    lambda wall: wall.replace(microsecond=0)
)
minutes = st.integers(0, 3000).map(lambda number: timedelta(minutes=number))
timed = st.builds(
    lambda start, length, zone: Timed(start, start + length, zone), walls, minutes, zones
)
days = st.builds(
    lambda start, length: AllDay(start, start + timedelta(days=length)),
    st.dates(date(2025, 1, 1), date(2027, 1, 1)),
    st.integers(1, 5),
)
whens = st.one_of(timed, days)
customers = st.builds(
    Customer,
    words,
    words,
    st.sampled_from(("", "a@b.example", "c@d.example")),
    st.sampled_from(((), (("crm", "1"),), (("crm", "2"),))),
)
fidelities = st.builds(
    lambda resolution, zone, floating, all_day, parts, length: Fidelity(
        resolution=resolution,
        zone=zone,
        floating=floating,
        all_day=all_day,
        default_zone="Asia/Shanghai",
        customer_parts=frozenset(parts),
        lengths={"title": length},
    ),
    st.sampled_from((1, 60, 300, 900)),
    st.sampled_from((None, "UTC", "Asia/Shanghai")),
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(("name", "phone", "email", "ids"))),
    st.integers(1, 12),
)
cases = st.one_of(
    st.tuples(st.just("title"), words, words),
    st.tuples(st.just("when"), whens, whens),
    st.tuples(st.just("customer"), customers, customers),
)


@settings(max_examples=400)
@given(cases, fidelities)
def test_no_edit_lifts_to_the_full_value(
    case: tuple[str, Value, Value], fidelity: Fidelity
) -> None:
    name, full, _ = case
    was = project_value(name, full, fidelity)
    assert lift((name,), was, was, full, fidelity) == full


@settings(max_examples=800)
@given(cases, fidelities)
def test_what_is_lifted_reads_as_edited(case: tuple[str, Value, Value], fidelity: Fidelity) -> None:
    """Put, then get: for every edited value that the channel can hold.

    A shortened text that was made shorter may show more of its end, no less.
    """
    name, full, other = case
    was = project_value(name, full, fidelity)
    edited = project_value(name, other, fidelity)
    assume(project_value(name, edited, fidelity) == edited)
    try:
        lifted = lift((name,), edited, was, full, fidelity)
    except CannotLift:
        assert name == "title"
        return
    held = project_value(name, lifted, fidelity)
    if isinstance(held, str) and isinstance(edited, str) and was != full:
        assert held.startswith(edited)
        assert held == edited or len(edited) < fidelity.lengths["title"]
    else:
        assert held == edited


@settings(max_examples=300)
@given(words, words, words, st.integers(0, 12))
def test_an_insertion_at_the_start_is_always_lifted(
    full: str, insert: str, tail: str, length: int
) -> None:
    """Whatever fits of the old beginning, the channel cuts the rest. (Not in a run of spaces:
    where they are all that fits, nothing of the beginning is left to be recognised.)"""
    full = f"{full} Kunde Lange Straße {tail}".strip()
    fidelity = Fidelity(lengths={"title": length + 12})
    was = project_value("title", full, fidelity)
    edited = project_value("title", insert + full, fidelity)
    assume(was != full and insert and len(insert) < 6 and "  " not in full)
    lifted = lift(("title",), edited, was, full, fidelity)
    assert project_value("title", lifted, fidelity) == edited
    assert isinstance(lifted, str)
    assert lifted.endswith(full[len(str(was)) :])
