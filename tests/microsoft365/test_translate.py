"""Patterns, zones and bodies, both ways. Pure."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.microsoft365.body import html_of, split_teams, text_of, with_link, without_link
from connectors.microsoft365.fake.events import rewritten
from connectors.microsoft365.fake.expansion import days_of, is_pattern
from connectors.microsoft365.fields import Unusable
from connectors.microsoft365.patterns import NoPattern, pattern_of, recurrence_of
from connectors.microsoft365.timezones import iana_of, name_for, windows_of, zone_of
from connectors.microsoft365.translate import copy_of, read
from connectors.microsoft365.wire import SELECT, item_of
from syncd.core.instances import ascending, wall_of
from syncd.core.model import AllDay, Appointment, Recurrence, Timed, When
from syncd.core.rrule import LAST
from tests.microsoft365.series import series
from tests.strategies import lines, texts

NINE = datetime(2026, 3, 2, 9)
MONDAY = Timed(NINE, NINE.replace(hour=10), "Europe/Berlin")
DAY = AllDay(date(2026, 3, 31), date(2026, 4, 1))

RULES = {
    "FREQ=DAILY": "daily",
    "FREQ=DAILY;INTERVAL=3;COUNT=5": "daily",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR": "weekly",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO": "weekly",
    "FREQ=MONTHLY;BYMONTHDAY=2": "absoluteMonthly",
    "FREQ=MONTHLY;BYDAY=1MO": "relativeMonthly",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1": "relativeMonthly",
    "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=2": "absoluteYearly",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=1MO": "relativeYearly",
}
"""Rules whose first occurrence is the 2nd of March 2026, a Monday, and their patterns."""

NONE = {
    "FREQ=HOURLY": "repeats too often",
    "FREQ=MONTHLY;BYMONTHDAY=2,3": "several days",
    "FREQ=MONTHLY;BYDAY=MO,TU": "several weekdays",
    "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1,2": "several of its days",
    "FREQ=DAILY;BYDAY=MO": "some days",
    "FREQ=WEEKLY;BYDAY=TU": "does not follow",
    "FREQ=YEARLY;BYMONTH=3,4;BYMONTHDAY=2": "some months",
    "FREQ=YEARLY;BYWEEKNO=10;BYDAY=MO": "parts",
    "FREQ=DAILY;COUNT=5000": "999",
    "FREQ=DAILY;INTERVAL=400": "99",
}


@pytest.mark.parametrize(("rule", "kind"), RULES.items())
def test_rules_become_patterns_and_back(rule: str, kind: str) -> None:
    recurrence = Recurrence((rule,))
    patterned = pattern_of(MONDAY, recurrence, "W. Europe Standard Time")
    assert patterned["pattern"]["type"] == kind
    assert is_pattern(patterned)
    assert recurrence_of(patterned, MONDAY) == recurrence


@pytest.mark.parametrize(("rule", "why"), NONE.items())
def test_what_has_no_pattern_says_why(rule: str, why: str) -> None:
    with pytest.raises(NoPattern, match=why):
        pattern_of(MONDAY, Recurrence((rule,)), "UTC")


def test_further_dates_have_no_pattern() -> None:
    recurrence = Recurrence(("FREQ=DAILY",), ("20270101T090000",))
    with pytest.raises(NoPattern, match="further dates"):
        pattern_of(MONDAY, recurrence, "UTC")


def test_the_31st_of_each_month_is_none_but_the_last_day_is() -> None:
    """Exchange takes the last day where a month lacks the 31st; a rule leaves that month out."""
    with pytest.raises(NoPattern, match="lack that day"):
        pattern_of(DAY, Recurrence(("FREQ=MONTHLY;BYMONTHDAY=31",)), "UTC")
    last = Recurrence(("FREQ=MONTHLY;BYMONTHDAY=-1",))
    patterned = pattern_of(DAY, last, "UTC")
    assert patterned["pattern"]["dayOfMonth"] == 31
    assert recurrence_of(patterned, DAY) == last


@pytest.mark.parametrize("day", range(28, 32))
def test_late_days_of_a_month_are_read_as_exchange_means_them(day: int) -> None:
    first = AllDay(date(2026, 1, day), date(2026, 1, day + 1) if day < 31 else date(2026, 2, 1))
    patterned = {
        "pattern": {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": day},
        "range": {"type": "noEnd", "startDate": f"2026-01-{day}", "recurrenceTimeZone": "UTC"},
    }
    _same_days(first, recurrence_of(patterned, first), patterned)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(series())
def test_a_pattern_has_the_days_of_its_rule(appointment: Appointment) -> None:
    """The fake counts days its own way."""
    recurrence = appointment.recurrence
    assert recurrence is not None
    patterned = pattern_of(appointment.when, recurrence, "UTC")
    assert is_pattern(patterned)
    _same_days(appointment.when, recurrence, patterned)
    _same_days(appointment.when, recurrence_of(patterned, appointment.when), patterned)


def _same_days(when: When, recurrence: Recurrence, patterned: dict[str, object]) -> None:
    until = date(wall_of(when).year + 6, 1, 1)
    walls = ascending(when, recurrence, wall_of(when), LAST)
    expected = []
    for wall in walls:
        if wall.date() > until or len(expected) == 200:
            break
        expected.append(wall.date())
    found = [day for day, _ in zip(days_of(patterned, until), range(200), strict=False)]
    assert found == expected


@pytest.mark.parametrize("broken", [None, {}, {"pattern": {}, "range": {}}, {"pattern": 1}])
def test_broken_patterns_are_said_to_be(broken: object) -> None:
    with pytest.raises(NoPattern):
        recurrence_of(broken if isinstance(broken, dict) else {}, MONDAY)


def test_every_zone_has_a_name_and_comes_back() -> None:
    now = datetime(2026, 6, 1, 12)
    for zone in sorted(available_timezones() - {"Factory", "localtime"}):
        name = name_for(zone, now)
        assert zone_of(name, zone) == zone
        assert iana_of(name) is not None


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Asia/Shanghai", "China Standard Time"),
        ("Asia/Urumqi", "Central Asia Standard Time"),
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("Asia/Kolkata", "India Standard Time"),
        ("Australia/Lord_Howe", "Lord Howe Standard Time"),
        ("UTC", "UTC"),
    ],
)
def test_windows_names(zone: str, name: str) -> None:
    assert windows_of(zone) == name


def test_odd_names() -> None:
    assert iana_of("tzone://Microsoft/Utc") == "UTC"
    assert iana_of("tzone://Microsoft/Custom") is None
    assert iana_of("china standard time") == "Asia/Shanghai"
    assert zone_of("China Standard Time") == "Asia/Shanghai"
    assert zone_of("China Standard Time", "Asia/Chongqing") == "Asia/Chongqing"
    assert zone_of("Tokyo Standard Time", "Asia/Chongqing") == "Asia/Tokyo"


@given(texts())
def test_texts_survive_exchange(text: str) -> None:
    """But for blanks that HTML cannot tell from others, which are carried."""
    plain = text.replace("\t", " ").replace("\N{NO-BREAK SPACE}", " ")
    body = {"contentType": "html", "content": html_of(plain)}
    shown = text_of(rewritten(body), is_html=True)
    assert shown == plain.strip("\n")


@given(texts(), lines())
def test_links_are_read_from_the_last_line(description: str, link: str) -> None:
    if "▶" not in description:
        assert without_link(with_link(description, link)) == (
            description.rstrip("\n") if link else description,
            link,
        )


def test_html_of_outlook() -> None:
    content = (
        "<html><head><style>p{}</style></head><body><div class='x'><p>Erste Zeile</p>"
        "<p>客户&nbsp;拜访<br>dritte</p><ul><li>a</li><li>b</li></ul></div></body></html>"
    )
    assert text_of(content, is_html=True) == "Erste Zeile\n客户 拜访\ndritte\na\nb"
    assert text_of("a < b\r\nc", is_html=False) == "a < b\nc"


def test_what_teams_added_is_kept_apart() -> None:
    blob = '<div><span>________________________________</span><a href="x">Join Teams</a></div>'
    assert split_teams(f"<div>Hallo</div>{blob}") == ("<div>Hallo</div>", blob)
    assert split_teams("<div>______________________ no link</div>")[1] == ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_EVENT = {
    "id": "a",
    "@odata.etag": 'W/"1"',
    "subject": "x",
    "start": {"dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "2026-03-02T10:00:00.0000000", "timeZone": "UTC"},
    "recurrence": pattern_of(MONDAY, Recurrence(("FREQ=DAILY",)), "UTC"),
}
_NAMES = (*SELECT, "cancelledOccurrences", "exceptionOccurrences", "singleValueExtendedProperties")


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON, min_size=1, max_size=3), _JSON)
def test_an_event_of_any_shape_is_read_or_refused(odd: dict[str, object], carried: object) -> None:
    """Invariant 9."""
    item = item_of({**_EVENT, **odd})
    item.carried = carried if isinstance(carried, dict) else dict.fromkeys(odd, carried)
    try:
        copy = copy_of(item, "k", "v", frozenset())
    except Unusable:
        return
    assert read("k", "v", copy.wire).reads == copy.reads


@given(st.text(max_size=300))
def test_any_text_is_read_as_html(text: str) -> None:
    text_of(text, is_html=True)
    split_teams(text)
