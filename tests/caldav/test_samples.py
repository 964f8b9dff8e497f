"""What clients write, as they write it (addresses and names are invented)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.caldav import wire
from connectors.caldav.translate import read
from connectors.caldav.translate_write import Style, write_changed
from syncd.core.model import (
    Appointment,
    Attendee,
    Busy,
    Override,
    Person,
    Recurrence,
    Response,
    Role,
    Status,
    Timed,
    Visibility,
)

SAMPLES = Path(__file__).parent / "samples"
OWN = frozenset({"alice@example.com"})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def text_of(name: str) -> str:
    return (SAMPLES / f"{name}.ics").read_text(encoding="utf-8")


def sequence_of(text: str) -> int:
    return int(wire.parse(text).components("VEVENT")[0].value("SEQUENCE") or 0)


def timed(start: str, end: str, zone: str) -> Timed:
    return Timed(datetime.fromisoformat(start), datetime.fromisoformat(end), zone)


MOVED = timed("2026-03-18T11:00", "2026-03-18T12:00", "Europe/Berlin")
EXPECTED = {
    "thunderbird": Appointment(
        when=timed("2026-03-03T09:00", "2026-03-03T10:00", "Europe/Berlin"),
        title="Kundenbesuch Müller & Söhne",
        description="bold\ntext",
        location="Werk 2, Halle 4",
        tags=frozenset({"Besuch", "Wichtig, VIP"}),
        reminders=frozenset({15}),
        recurrence=Recurrence(("FREQ=WEEKLY;UNTIL=20260401T070000Z;BYDAY=TU",)),
        overrides=(
            ("20260310T090000", Override(deleted=True)),
            (
                "20260317T090000",
                Override(
                    (("when", timed("2026-03-18T11:00", "2026-03-18T12:00", "Europe/Berlin")),)
                ),
            ),
        ),
    ),
    "apple": Appointment(
        when=timed("2026-03-05T14:00", "2026-03-05T15:30", "Asia/Shanghai"),
        title="客户拜访：王先生",
        location="浦东新区世纪大道100号 上海",
        organizer=Person("alice@example.com", "Alice Wu"),
        attendees=(
            Attendee("alice@example.com", "Alice Wu", Role.CHAIR, Response.ACCEPTED),
            Attendee("wang@kunde.example", "王先生"),
        ),
        resources=frozenset({"raum3@example.com"}),
        reminders=frozenset({60}),
    ),
    "outlook": Appointment(
        when=timed("2026-07-07T14:00", "2026-07-07T15:00", "Europe/Berlin"),
        title='Vorführung "Modell S"; Halle 3',
        description="Bitte Unterlagen\nmitbringen\n",
        location="Besprechungsraum 1",
        online_meeting=(
            "https://teams.microsoft.com/l/meetup-join/19%3ameeting_X/0"
            "?context=%7b%22Tid%22%3a%22t%22%7d"
        ),
        status=Status.PROPOSED,
        busy=Busy.AWAY,
        visibility=Visibility.PRIVATE,
        reminders=frozenset({15}),
    ),
    "google": Appointment(
        when=timed("2026-03-09T09:30", "2026-03-09T10:00", "America/New_York"),
        title="Stand-up 🚀",
        description=(
            "Dial in\n\n-::~:~::~:~:~:~:~:~:~:~::~:~::-\nJoin: https://meet.google.com/abc-defg-hij"
        ),
        online_meeting="https://meet.google.com/abc-defg-hij",
        busy=Busy.FREE,
        organizer=Person("boss@customer.example", "Boss"),
        attendees=(
            Attendee("alice@example.com", "", Role.REQUIRED, Response.DECLINED),
            Attendee("zhao@example.com", "Zhao, Min", Role.OPTIONAL, Response.TENTATIVE),
        ),
        recurrence=Recurrence(("FREQ=WEEKLY;COUNT=8;BYDAY=MO,WE;WKST=SU",)),
        overrides=(
            ("20260311T093000", Override(deleted=True)),
            ("20260316T093000", Override(deleted=True)),
        ),
    ),
    "dingtalk": Appointment(
        when=timed("2026-03-20T18:30", "2026-03-20T19:30", "Asia/Shanghai"),
        title="售后回访　张总（华东区）",
        description="会议号：123 456 789\n入会链接：https://meeting.dingtalk.com/j/abc",
        location="杭州市余杭区文一西路969号",
        organizer=Person("lisi@example.com", "李四"),
        tags=frozenset({"客户", "售后"}),
    ),
}
INVITED = {"google", "dingtalk"}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_client_s_item_reads_as_it_was_meant(name: str) -> None:
    copy = read("/cal/a.ics", '"1"', text_of(name), OWN)
    assert copy.reads == EXPECTED[name]
    assert copy.invited == (name in INVITED)
    assert copy.modified is not None


@pytest.mark.parametrize("name", EXPECTED)
def test_a_new_title_changes_the_title_and_nothing_else(name: str) -> None:
    """Invariant 8: every other line keeps its value, parameters and place."""
    before = text_of(name)
    content = replace(EXPECTED[name], title="Neuer Titel, 新")
    after = write_changed(content, before, Style(own=OWN), NOW)
    stamps = ("DTSTAMP", "LAST-MODIFIED", "SUMMARY")
    old = [line for line in wire.unfolded(before) if not line.startswith(stamps)]
    new = [line for line in wire.unfolded(after) if not line.startswith(stamps)]
    assert new == old
    assert read("/cal/a.ics", None, after).reads == content


@pytest.mark.parametrize("name", EXPECTED)
def test_a_move_keeps_what_it_does_not_concern(name: str) -> None:
    """Invariant 8, and a higher SEQUENCE where we are not a guest (RFC 5546, 2.1.4)."""
    before = text_of(name)
    when = timed("2026-11-05T08:00", "2026-11-05T09:00", "Asia/Kathmandu")
    content = replace(EXPECTED[name], when=when, recurrence=None, overrides=())
    after = write_changed(content, before, Style(own=OWN), NOW)
    copy = read("/cal/a.ics", None, after, OWN)
    assert copy.reads == content
    kept = ("X-", "ATTACH", "ATTENDEE", "ORGANIZER", "URL", "PRIORITY", "CREATED")
    master = [
        line for line in wire.unfolded(before.split("END:VEVENT")[0]) if line.startswith(kept)
    ]
    assert [line for line in wire.unfolded(after) if line.startswith(kept)] == master
    old, new = (
        wire.parse(text).components("VEVENT")[0].value("SEQUENCE") for text in (before, after)
    )
    assert int(new or 0) == int(old or 0) + (name not in INVITED)


def test_attendees_of_a_client_s_meeting_change_without_touching_its_lines() -> None:
    """Invariant 5: the server sees the same ATTENDEE lines as before."""
    before = text_of("apple")
    content = replace(
        EXPECTED["apple"],
        attendees=(Attendee("li@kunde.example", 'Li, "Bo"'),),
        resources=frozenset({"车 3"}),
        organizer=None,
    )
    after = write_changed(content, before, Style(own=OWN), NOW)
    people = ("ATTENDEE", "ORGANIZER")
    assert [line for line in wire.unfolded(after) if line.startswith(people)] == [
        line for line in wire.unfolded(before) if line.startswith(people)
    ]
    assert read("/cal/a.ics", None, after).reads == content
    back = write_changed(EXPECTED["apple"], after, Style(own=OWN), NOW)
    assert "X-SYNCD" not in back
    assert read("/cal/a.ics", None, back).reads == EXPECTED["apple"]


def test_an_inviting_channel_keeps_what_it_does_not_change_of_a_line() -> None:
    content = replace(
        EXPECTED["google"],
        attendees=(Attendee("zhao@example.com", "Zhao, Min", Role.OPTIONAL, Response.ACCEPTED),),
    )
    after = write_changed(content, text_of("google"), Style(True, "alice@example.com", OWN), NOW)
    (line,) = wire.parse(after).components("VEVENT")[0].lines("ATTENDEE")
    assert line.parameter("PARTSTAT") == "ACCEPTED"
    assert line.parameter("X-NUM-GUESTS") == "2"
    assert read("/cal/a.ics", None, after).reads == content
