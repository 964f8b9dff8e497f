"""First contact of channels: what links, what is doubtful, and that order is no matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.fidelity import Fidelity, project
from syncd.core.match import Candidate, Doubtful, Matching, SlotLink, match
from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Customer,
    Override,
    Recurrence,
    Timed,
)
from syncd.core.recurrence import occurrences

FULL = Fidelity()
SHORT = Fidelity(lengths={"title": 12}, resolution=300, zone="UTC", floating=False)
ROWS = Fidelity(recurrence=False, zone="UTC", floating=False, lengths={"title": 12})
BUSY = Fidelity(carries=frozenset({"when", "busy"}))


def visit(
    title: str = "Visit Mueller GmbH", hour: int = 9, minute: int = 0, **fields: object
) -> Appointment:
    start = datetime(2026, 7, 1, hour, minute)
    when = Timed(start, start + timedelta(hours=1), "Europe/Berlin")
    return replace(Appointment(when, title=title), **fields)  # type: ignore[arg-type]  # its fields


def crm(ref: str, reads: Appointment, *people: str) -> Candidate:
    return Candidate(ref, "crm", reads, FULL, frozenset(people))


def cal(
    ref: str, reads: Appointment, *people: str, fidelity: Fidelity = FULL, name: str = "cal"
) -> Candidate:
    return Candidate(ref, name, project(reads, fidelity), fidelity, frozenset(people))


WANG, LI = Customer("王先生", email="wang@kunde.example"), Customer("Li", email="li@kunde.example")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (visit(), visit()),
        (visit("ＶＩＳＩＴ  mueller gmbh"), visit()),
        (visit("客户拜访：王先生 😀"), visit("客户拜访:王先生 😀")),
        (visit(), visit(when=Timed(datetime(2026, 7, 1, 7), datetime(2026, 7, 1, 8), "UTC"))),
        (visit(customer=WANG), visit()),
        (visit(customer=WANG), visit(customer=replace(WANG, phone="1"))),
        (visit(customer=WANG), visit(attendees=(Attendee("wang@kunde.example"),))),
        (visit(owner="alice@example.com"), visit(attendees=(Attendee("alice@example.com"),))),
        (
            visit(when=AllDay(date(2026, 7, 1), date(2026, 7, 2))),
            visit(when=AllDay(date(2026, 7, 1), date(2026, 7, 2))),
        ),
        (
            visit(recurrence=Recurrence(("FREQ=WEEKLY;BYDAY=MO,WE",))),
            visit(recurrence=Recurrence(("BYDAY=WE,MO;WKST=SU;FREQ=WEEKLY",))),
        ),
    ],
)
def test_equal_time_title_and_people_link(left: Appointment, right: Appointment) -> None:
    """Trace 30."""
    assert match([crm("a", left), cal("b", right)]) == Matching(groups=(("a", "b"),))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (visit(), visit(hour=10)),
        (visit(), visit("Kaffee mit Bob")),
        (visit(customer=WANG), visit(customer=LI)),
        (visit(attendees=(Attendee("a@b.example"),)), visit(attendees=(Attendee("c@d.example"),))),
        (visit(owner="alice@example.com"), visit(owner="bob@example.com")),
        (visit(), visit(recurrence=Recurrence(("FREQ=WEEKLY",)))),
        (
            visit(recurrence=Recurrence(("FREQ=DAILY",))),
            visit(recurrence=Recurrence(("FREQ=WEEKLY",))),
        ),
        (
            visit(when=AllDay(date(2026, 7, 1), date(2026, 7, 2))),
            visit(when=AllDay(date(2026, 7, 1), date(2026, 7, 3))),
        ),
    ],
)
def test_what_differs_is_no_match_and_no_doubt(left: Appointment, right: Appointment) -> None:
    """The inbox is not flooded: each is an appointment of its own."""
    assert match([crm("a", left), cal("b", right)]) == Matching()


def test_a_channel_that_shortens_and_rounds_matches() -> None:
    """Traces 13 and 17: 10:02 is 10:00 there, and the title is cut."""
    left = visit(hour=10, minute=2)
    for hour in (8, 13):
        assert match([crm("a", left), cal("b", visit(hour=hour), fidelity=SHORT)]) == Matching()
    found = match([crm("a", left), cal("b", left, fidelity=SHORT)])
    assert found == Matching(groups=(("a", "b"),))


def test_a_short_title_is_not_a_shortened_one() -> None:
    found = match([crm("a", visit()), cal("b", visit("Visit"), fidelity=SHORT)])
    assert found.groups == ()
    assert {each.reason for each in found.doubtful} == {"similar title"}


def test_two_that_match_one_are_doubtful() -> None:
    found = match([crm("a", visit()), cal("b", visit()), cal("c", visit())])
    assert found.groups == ()
    assert found.doubtful == (
        Doubtful("a", ("b", "c"), "several"),
        Doubtful("b", ("a",), "several"),
        Doubtful("c", ("a",), "several"),
    )


def test_people_tell_two_apart() -> None:
    found = match(
        [
            crm("a", visit(owner="alice@example.com")),
            crm("b", visit(owner="bob@example.com")),
            cal("c", visit(), "bob@example.com", name="bob"),
            cal("d", visit(), "alice@example.com", name="alice"),
        ]
    )
    assert found == Matching(groups=(("a", "d"), ("b", "c")))


def test_three_channels_are_one_group() -> None:
    found = match([crm("a", visit()), cal("b", visit()), cal("c", visit(), name="cal2")])
    assert found == Matching(groups=(("a", "b", "c"),))


def test_a_chain_never_joins_two_of_one_channel() -> None:
    """``c`` fits both records, by different people: it is nobody's, and nothing is linked."""
    found = match(
        [
            crm("a", visit(owner="alice@example.com")),
            crm("b", visit(owner="bob@example.com")),
            cal("c", visit(attendees=(Attendee("alice@example.com"), Attendee("bob@example.com")))),
        ]
    )
    assert found.groups == ()
    assert {each.ref for each in found.doubtful} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        (visit("Visit Mueller"), visit("Visit Müller"), "similar title"),
        (visit("Mueller"), visit("Visit Mueller"), "similar title"),
        (visit("Visit", customer=WANG), visit("王先生", customer=WANG), "same customer"),
        (visit(""), visit(""), "no title"),
    ],
)
def test_nearly_equal_at_the_same_time_is_doubtful(
    left: Appointment, right: Appointment, reason: str
) -> None:
    found = match([crm("a", left), cal("b", right)])
    assert found == Matching(
        doubtful=(Doubtful("a", ("b",), reason), Doubtful("b", ("a",), reason))
    )


def test_one_that_is_linked_raises_no_doubt_in_others() -> None:
    found = match([crm("a", visit()), cal("b", visit()), cal("c", visit("Visit Mueller"))])
    assert found == Matching(groups=(("a", "b"),))


def test_without_titles_a_shared_person_is_needed() -> None:
    shared = visit(owner="alice@example.com")
    blocked = cal("b", visit(), "alice@example.com", fidelity=BUSY)
    assert match([crm("a", shared), blocked]).groups == (("a", "b"),)
    assert match([crm("a", visit()), blocked]).groups == ()


def test_only_channels_in_first_contact_are_matched() -> None:
    candidates = [crm("a", visit()), cal("b", visit()), cal("c", visit(), name="new")]
    assert match(candidates[:2], contacts={"new"}) == Matching()
    assert match(candidates, contacts={"new"}).groups == (("a", "b", "c"),)


SERIES = visit(
    recurrence=Recurrence(("FREQ=WEEKLY;COUNT=5",)),
    overrides=(
        ("20260708T090000", Override((("title", "Andere 客户"),))),
        (
            "20260715T090000",
            Override(
                (("when", Timed(datetime(2026, 7, 17, 14), datetime(2026, 7, 17, 15), "UTC")),)
            ),
        ),
        ("20260722T090000", Override(deleted=True)),
    ),
)


def test_rows_are_linked_to_the_occurrences_of_a_series() -> None:
    """Also where one was renamed or moved; nothing stands for a deleted one."""
    ever = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    singles = occurrences(SERIES, *ever)
    rows = [cal(f"row {rid}", single, fidelity=ROWS) for rid, single in singles.items()]
    rows.append(cal("row gone", replace(SERIES, when=visit(hour=9).when), fidelity=ROWS))
    deleted = visit(
        when=Timed(datetime(2026, 7, 22, 9), datetime(2026, 7, 22, 10), "Europe/Berlin")
    )
    rows[-1] = cal("row gone", deleted, fidelity=ROWS)
    found = match([crm("s", SERIES), *rows])
    assert found == Matching(
        slots=tuple(SlotLink(f"row {rid}", "s", rid) for rid in sorted(singles))
    )
    assert len(singles) == 4


def test_two_rows_for_one_occurrence_are_doubtful() -> None:
    rows = [cal(ref, visit(), fidelity=ROWS) for ref in ("b", "c")]
    found = match([crm("s", SERIES), *rows])
    assert found.slots == ()
    assert [each.ref for each in found.doubtful] == ["b", "c"]


def test_a_single_copy_of_a_channel_with_series_is_no_row() -> None:
    assert match([crm("s", SERIES), cal("b", visit())]) == Matching()


def test_a_series_that_cannot_be_expanded_does_no_harm() -> None:
    """Invariant 9."""
    bad = visit(recurrence=Recurrence(("FREQ=NEVER",)))
    found = match([crm("a", bad), crm("b", visit("x")), cal("c", visit("x"), fidelity=ROWS)])
    assert found.groups == (("b", "c"),)


titles = st.sampled_from(("Visit Mueller GmbH", "Visit Muelle", "visit", "拜访 😀", ""))
people = st.sets(st.sampled_from(("alice@example.com", "bob@example.com")), max_size=2)
channels = st.sampled_from(
    (("crm", FULL), ("cal", FULL), ("short", SHORT), ("rows", ROWS), ("busy", BUSY))
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Candidate]:
    """Copies at few times with few titles, so that many match."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        name, fidelity = draw(channels)
        reads = visit(
            draw(titles),
            draw(st.integers(9, 10)),
            draw(st.sampled_from((0, 0, 2))),
            owner=draw(st.sampled_from(("", "", "alice@example.com"))),
            customer=draw(st.sampled_from((None, None, WANG, LI))),
            recurrence=draw(st.sampled_from((None, None, Recurrence(("FREQ=DAILY",))))),
        )
        held = project(reads, fidelity)
        found.append(Candidate(number, name, held, fidelity, frozenset(draw(people))))
    return found


@settings(max_examples=300)
@given(crowds(), st.randoms(use_true_random=False))
def test_order_is_no_matter(candidates: list[Candidate], random: Random) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert match(shuffled) == match(candidates)


@settings(max_examples=300)
@given(crowds())
def test_each_copy_is_found_once_and_never_with_one_of_its_channel(
    candidates: list[Candidate],
) -> None:
    """Invariant 3: at most one copy of an appointment in a channel."""
    channel = {each.ref: each.channel for each in candidates}
    found = match(candidates)
    named = [ref for group in found.groups for ref in group]
    named += [each.ref for each in found.doubtful]
    assert len(named) == len(set(named))
    for group in found.groups:
        assert len({channel[ref] for ref in group}) == len(group) > 1
    for link in found.slots:
        assert channel[link.ref] != channel[link.series]
        assert link.ref not in named
    places = [(channel[link.ref], link.series, link.slot) for link in found.slots]
    assert len(places) == len(set(places))


def test_many_that_begin_together_are_matched() -> None:
    """Ten thousand copies at one instant: what grows with all pairs would not end."""
    shown = [(f"Visit {number} 号", str(number)) for number in range(5000)]
    left = [crm("l" + number, visit(title)) for title, number in shown]
    right = [cal("r" + number, visit(title)) for title, number in shown]
    found = match(left + right)
    assert found.groups == tuple(sorted((("l" + n, "r" + n) for _, n in shown), key=repr))
