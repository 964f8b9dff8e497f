"""Values come back from the store exactly."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import (
    FIELDS,
    AllDay,
    Appointment,
    Attendee,
    Busy,
    Customer,
    Override,
    Person,
    Recurrence,
    Response,
    Role,
    Status,
    Timed,
    Value,
    Visibility,
)
from syncd.core.paths import diff, element_paths, patch
from syncd.core.state import (
    Absence,
    Copy,
    Kind,
    Marker,
    Operation,
    Order,
    Question,
    Record,
    Setter,
    Span,
    Write,
)
from syncd.store.codec import (
    decode_appointment,
    decode_value,
    encode_appointment,
    encode_value,
    from_micros,
    loads,
    to_micros,
)
from syncd.store.codec import dumps as to_text
from syncd.store.state_codec import (
    decode_absences,
    decode_order,
    decode_paths,
    decode_questions,
    decode_record,
    decode_setters,
    decode_write,
    encode_absences,
    encode_order,
    encode_paths,
    encode_questions,
    encode_record,
    encode_setters,
    encode_write,
)
from tests.strategies import appointments, attendees, people, texts, whens

any_text = st.text(alphabet=st.characters(), max_size=20)  # lone surrogates and NUL too
instants = st.datetimes(timezones=st.just(UTC))
paths = st.lists(any_text, min_size=1, max_size=3).map(tuple)

VALUES: tuple[Value, ...] = (
    None,
    True,
    False,
    "",
    "完成 ✅",
    Timed(datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 3, 30), "Europe/Berlin"),
    Timed(datetime(1, 1, 1), datetime(9999, 12, 31), None),
    AllDay(date(2026, 2, 28), date(2026, 3, 1)),
    Person("a@b.example", "Ä"),
    Attendee("a@b.example", "", Role.CHAIR, Response.NONE),
    Attendee("a@b.example", "李", Role.REQUIRED, Response.DECLINED),
    Attendee("a@b.example"),
    Customer("王", "", "", (("odoo", "17"), ("hub", "x"))),
    Recurrence(("FREQ=DAILY",), ("20260301",)),
    Status.NO_SHOW,
    Busy.AWAY,
    Visibility.CONFIDENTIAL,
    (),
    (Attendee("a@b.example"), Attendee("b@b.example", "B")),
    frozenset(),
    frozenset({"vip", "演示"}),
    frozenset({0, 15, 1440}),
)


def _shown(value: Value) -> str:
    """The same in every process: a set has no order."""
    return f"set of {sorted(map(str, value))}" if isinstance(value, frozenset) else repr(value)


@pytest.mark.parametrize("value", VALUES, ids=_shown)
def test_every_kind_of_value_comes_back_with_its_type(value: Value) -> None:
    back = decode_value(loads(to_text(encode_value(value))))
    assert back == value
    assert type(back) is type(value)


values = st.one_of(
    st.sampled_from(VALUES),
    any_text,
    whens,
    people,
    attendees,
    st.lists(attendees, max_size=3).map(tuple),
    st.frozensets(any_text, max_size=3),
    st.frozensets(st.integers(0, 40320), max_size=3),
)


@given(values)
def test_values_come_back(value: Value) -> None:
    assert decode_value(loads(to_text(encode_value(value)))) == value


@given(appointments())
def test_appointments_come_back(appointment: Appointment) -> None:
    back = decode_appointment(encode_appointment(appointment))
    assert back == appointment
    assert hash(back) == hash(appointment)
    for name in FIELDS:  # enumerations equal their text, so look at the types too
        assert type(getattr(back, name)) is type(getattr(appointment, name))


@given(appointments())
def test_every_element_of_an_appointment_comes_back(appointment: Appointment) -> None:
    for _, value in element_paths(appointment):
        assert decode_value(loads(to_text(encode_value(value)))) == value
    for whole in (appointment.overrides, appointment.custom, appointment.attendees):
        assert (
            decode_value(loads(to_text(encode_value(whole)))) == whole
        )  # as ``paths.get`` gives them


@given(appointments(), appointments())
def test_a_stored_edit_patches_like_the_edit(old: Appointment, new: Appointment) -> None:
    order = Order("person:ann", datetime(2026, 1, 1, tzinfo=UTC), diff(old, new), True, "撤销")
    back = decode_order(encode_order(order))
    assert back == order
    assert patch(old, back.changes) == patch(old, order.changes)


def test_values_that_are_not_canonical_again_come_back_as_they_were() -> None:
    """A hostile address must not read differently from the store than from its channel."""
    person = Person("mailto:mailto:x@example.com")
    assert person.email == "mailto:x@example.com"
    appointment = Appointment(
        AllDay(date(2026, 1, 1), date(2026, 1, 2)),
        organizer=person,
        attendees=(Attendee(" mailto:mailto:y"),),
    )
    assert decode_appointment(encode_appointment(appointment)) == appointment


def test_text_that_no_database_holds_comes_back() -> None:
    appointment = Appointment(AllDay(date(2026, 1, 1), date(2026, 1, 2)), title="\ud800\x00漢")
    text = encode_appointment(appointment)
    text.encode()  # raises on a lone surrogate
    assert "\x00" not in text
    assert decode_appointment(text) == appointment


def test_plain_appointments_are_small() -> None:
    appointment = Appointment(AllDay(date(2026, 1, 1), date(2026, 1, 2)), title="拜访")
    text = encode_appointment(appointment)
    assert json.loads(text) == {"when": ["2026-01-01", "2026-01-02"], "title": "拜访"}


def test_equal_readings_are_one_object() -> None:
    first = Appointment(AllDay(date(2026, 1, 1), date(2026, 1, 2)), title="same")
    text = encode_appointment(first)
    assert decode_appointment(text) is decode_appointment(str(text.encode(), "utf-8"))


@given(instants)
def test_instants_come_back_to_the_microsecond(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant


def test_instants_of_other_zones_are_the_same_instant() -> None:
    instant = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=8)))
    assert from_micros(to_micros(instant)) == instant


def test_naive_times_are_refused() -> None:
    with pytest.raises(TypeError):
        to_micros(datetime(2026, 3, 1))


setters = st.builds(Setter, any_text, st.builds(Span, instants, instants), instants, any_text)


@given(st.dictionaries(paths, setters, max_size=5))
def test_setters_come_back(found: dict[tuple[str, ...], Setter]) -> None:
    assert decode_setters(encode_setters(found)) == found


@given(st.dictionaries(st.tuples(any_text, any_text), st.builds(Absence, instants, any_text)))
def test_absences_come_back(found: dict[tuple[str, str], Absence]) -> None:
    assert decode_absences(encode_absences(found)) == found


questions = st.builds(Question, st.dictionaries(any_text, values, max_size=3), any_text, instants)


@given(st.dictionaries(paths, questions, max_size=3))
def test_questions_come_back(found: dict[tuple[str, ...], Question]) -> None:
    assert decode_questions(encode_questions(found)) == found


@given(st.frozensets(paths, max_size=4))
def test_paths_come_back(found: frozenset[tuple[str, ...]]) -> None:
    assert decode_paths(encode_paths(found)) == found


copies = st.builds(
    Copy,
    any_text,
    st.none() | any_text,
    any_text,
    appointments(),
    st.none() | any_text,
    st.none() | st.builds(Marker, any_text, any_text, any_text),
    st.none() | instants,
    st.booleans(),
)
writes = st.builds(
    Write,
    any_text,
    any_text,
    st.sampled_from(Operation),
    st.none() | appointments(),
    st.none() | appointments(),
    st.none() | copies,
    st.lists(paths, max_size=2).map(tuple),
    any_text,
)


@given(writes)
def test_writes_come_back(write: Write) -> None:
    assert decode_write(write.channel, write.slot, write.operation, encode_write(write)) == write


def test_a_write_that_asks_for_its_content_comes_back() -> None:
    content = Appointment(AllDay(date(2026, 1, 1), date(2026, 1, 2)), title="拜访")
    write = Write("cal", "", Operation.CREATE, content, content)
    text = encode_write(write)
    assert decode_write("cal", "", "create", text) == write
    assert text.count("拜访") == 1


records = st.builds(
    Record,
    st.sampled_from(Kind),
    paths,
    any_text,
    any_text,
    values,
    values,
    st.lists(st.tuples(any_text, values), max_size=3).map(tuple),
    texts(),
)


@given(records)
def test_records_come_back(record: Record) -> None:
    assert decode_record(record.kind, record.path, encode_record(record)) == record


def test_overrides_in_records_come_back() -> None:
    """An occurrence's own values are values like others, nested."""
    own = Override((("when", VALUES[5]), ("tags", frozenset({"x"})), ("status", Status.CANCELLED)))
    series = Appointment(
        AllDay(date(2026, 1, 1), date(2026, 1, 2)),
        recurrence=Recurrence(("FREQ=DAILY",)),
        overrides=(("20260103", Override(deleted=True)), ("20260104", own)),
    )
    assert decode_appointment(encode_appointment(series)) == series
