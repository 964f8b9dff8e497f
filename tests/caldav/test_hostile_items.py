"""Broken and hostile iCalendar bodies: each one clear line, and the neighbours are read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from connectors.caldav.fake import FakeCalDav
from connectors.caldav.translate import Unusable, read
from connectors.caldav.translate_write import Style, write_changed
from connectors.caldav.wire import WireError
from tests.caldav.connecting import WINDOW, connect

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\n"
START = "DTSTART:20260301T090000Z\r\n"


def event(lines: str, uid: str = "u") -> str:
    return f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\n"


def calendar(inner: str) -> str:
    return f"{HEAD}{inner}END:VCALENDAR\r\n"


def one(lines: str) -> str:
    return calendar(event(lines))


GOOD = one(START + "SUMMARY:好的邻居\r\n").replace("UID:u", "UID:neighbour")
ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:Odd\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
    "TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\n{rule}END:STANDARD\r\nEND:VTIMEZONE\r\n"
)
ODD_TIME = event("DTSTART;TZID=Odd:20260301T090000\r\n")

UNREADABLE = {
    "empty": ("", "not exactly one VCALENDAR"),
    "html": ("<html><body>Sign in</body></html>", "not an iCalendar object"),
    "cut off": (GOOD[:-30], "no END"),
    "wrong END": (GOOD.replace("END:VEVENT", "END:VTODO"), "do not match"),
    "two calendars": (GOOD + GOOD, "not exactly one"),
    "nested": ("BEGIN:X\r\n" * 50, "nested"),
    "no component": (calendar(""), "no VEVENT"),
    "only a zone": (calendar(ZONE.format(rule="")), "no VEVENT"),
    "no DTSTART": (one("SUMMARY:x\r\n"), "no DTSTART"),
    "DTSTART is text": (one("DTSTART:tomorrow\r\n"), "no date"),
    "DTSTART is empty": (one("DTSTART:\r\n"), "no date"),
    "no such day": (one("DTSTART:20260231T090000Z\r\n"), "no date"),
    "year 0": (one("DTSTART;VALUE=DATE:00000101\r\n"), "no date"),
    "end of time": (one("DTSTART:99991231T235959Z\r\nDURATION:P9D\r\n"), "out of range"),
    "end before start": (one(START + "DTEND:20260301T080000Z\r\n"), "before"),
    "days end before start": (
        one("DTSTART;VALUE=DATE:20260305\r\nDTEND;VALUE=DATE:20260301\r\n"),
        "before",
    ),
    "negative duration": (one(START + "DURATION:-PT1H\r\n"), "negative"),
    "broken duration": (one(START + "DURATION:1 hour\r\n"), "DURATION"),
    "zone unknown": (one("DTSTART;TZID=Mars/Olympus:20260301T090000\r\n"), "time zone"),
    "zone is a path": (one("DTSTART;TZID=../../etc/passwd:20260301T090000\r\n"), "time zone"),
    "zone every second": (
        calendar(ZONE.format(rule="RRULE:FREQ=SECONDLY\r\n") + ODD_TIME),
        "not yearly",
    ),
    "zone without offsets": (
        calendar("BEGIN:VTIMEZONE\r\nTZID:Odd\r\nEND:VTIMEZONE\r\n" + ODD_TIME),
        "without a definition",
    ),
    "zone at no time": (
        calendar(ZONE.format(rule="").replace("16010101T", "T") + ODD_TIME),
        "cannot be read",
    ),
    "every second": (one(START + "RRULE:FREQ=SECONDLY\r\n"), "more often than daily"),
    "every minute of a day": (
        one(START + "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5\r\n"),
        "too often",
    ),
    "rule is text": (one(START + "RRULE:every day\r\n"), "RRULE"),
    "rule without FREQ": (one(START + "RRULE:COUNT=3\r\n"), "FREQ"),
    "rule with interval 0": (one(START + "RRULE:FREQ=DAILY;INTERVAL=0\r\n"), "INTERVAL"),
    "rule twice": (one(START + "RRULE:FREQ=DAILY;FREQ=WEEKLY\r\n"), "FREQ"),
    "until no day": (one(START + "RRULE:FREQ=DAILY;UNTIL=20261341\r\n"), "UNTIL"),
    "EXRULE": (one(START + "EXRULE:FREQ=DAILY\r\n"), "EXRULE"),
    "broken EXDATE": (one(START + "RRULE:FREQ=DAILY\r\nEXDATE:x\r\n"), "EXDATE"),
    "this and future": (
        calendar(
            event(START + "RRULE:FREQ=DAILY\r\n")
            + event("RECURRENCE-ID;RANGE=THISANDFUTURE:20260302T090000Z\r\n" + START)
        ),
        "THISANDFUTURE",
    ),
    "two masters": (calendar(event(START) + event(START)), "several events"),
    "two UIDs": (calendar(event(START) + event(START, "v")), "several UIDs"),
    "occurrences alone": (
        calendar(
            event("RECURRENCE-ID:20260302T090000Z\r\n" + START)
            + event("RECURRENCE-ID:20260303T090000Z\r\n" + START)
        ),
        "without the series",
    ),
    "occurrence twice": (
        calendar(
            event(START + "RRULE:FREQ=DAILY\r\n")
            + event("RECURRENCE-ID:20260302T090000Z\r\n" + START) * 2
        ),
        "twice",
    ),
    "very large": (one(START + f"DESCRIPTION:{'x' * 1_100_000}\r\n"), "larger"),
}

READABLE = {
    "no UID": (one(START).replace("UID:u\r\n", ""), ""),
    "control characters": (one(START + "SUMMARY:a\x0bb\x01c\r\n"), "abc"),
    "line without colon": (one(START + "SUMMARY:a\r\nthis is no line\r\n"), "a"),
    "bare line feeds": (one(START + "SUMMARY:a\r\n").replace("\r\n", "\n"), "a"),
    "byte order mark": ("\ufeff" + one(START + "SUMMARY:a\r\n"), "a"),
    "lower case names": (one("dtstart:20260301T090000Z\r\nsummary:a\r\n"), "a"),
    "quoted colons": (one(START + 'SUMMARY;ALTREP="http://a:1;b":a\r\n'), "a"),
    "leap second": (one("DTSTART:20260301T235960Z\r\nSUMMARY:a\r\n"), "a"),
    "no end": (one("DTSTART;VALUE=DATE:20260301\r\nSUMMARY:a\r\n"), "a"),
    "marker of nobody": (one(START + "SUMMARY:a\r\nX-SYNCD-MARKER:::;DROP\r\n"), "a"),
    "carried rubbish": (
        one(START + "SUMMARY:a\r\nX-SYNCD-ATTENDEE:!!!\r\nX-SYNCD-MEETING:W10\r\n"),
        "a",
    ),
    "sequence of rubbish": (one(START + "SUMMARY:a\r\nSEQUENCE:٣٣\r\n"), "a"),
    "one occurrence alone": (
        one("RECURRENCE-ID:20260302T090000Z\r\n" + START + "SUMMARY:a\r\n"),
        "a",
    ),
    "alarm of rubbish": (
        one(
            START + "SUMMARY:a\r\nBEGIN:VALARM\r\nTRIGGER:soon\r\nACTION:DISPLAY\r\nEND:VALARM\r\n"
        ),
        "a",
    ),
    "attendee of rubbish": (one(START + "SUMMARY:a\r\nATTENDEE;CN=x:y:mailto:\r\n"), "a"),
    "endless series": (one(START + "SUMMARY:a\r\nRRULE:FREQ=DAILY\r\n"), "a"),
}

TASK = calendar(f"BEGIN:VTODO\r\nUID:t\r\n{START}SUMMARY:a task\r\nEND:VTODO\r\n")


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_broken_item_is_one_line_and_stops_nothing(case: str) -> None:
    """Invariant 9; nothing of its content is in the reason (invariant 11)."""
    body, reason = UNREADABLE[case]
    with FakeCalDav() as fake:
        good, bad = fake.put("good.ics", GOOD), fake.put("bad.ics", body)
        connector = connect(fake.url, fake.url)
        snapshot = connector.observe(None, WINDOW, {})
        assert [copy.reads.title for copy in snapshot.copies] == ["好的邻居"]
        (unreadable,) = snapshot.unreadable
        assert unreadable.key == bad
        assert reason in unreadable.reason
        assert "\n" not in unreadable.reason
        assert snapshot.gone == frozenset()
        fetched = connector.fetch([good, bad])
        assert [copy.key for copy in fetched.copies] == [good]
        assert [each.key for each in fetched.unreadable] == [bad]


@pytest.mark.parametrize("case", READABLE)
def test_an_odd_item_is_read(case: str) -> None:
    body, title = READABLE[case]
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        key = fake.put("odd.ics", body)
        connector = connect(fake.url, fake.url)
        snapshot = connector.observe(None, WINDOW, {})
        assert {copy.key: copy.reads.title for copy in snapshot.copies}[key] == title
        assert not snapshot.unreadable


def test_tasks_are_nobodys_business_and_are_not_fetched_again() -> None:
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        task = fake.put("task.ics", TASK)
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        assert [copy.reads.title for copy in first.copies] == ["好的邻居"]
        assert not first.unreadable
        known = {copy.key: copy.version for copy in first.copies}
        before = connector.requests
        assert connector.observe(None, WINDOW, known).unchanged == known.keys()
        assert connector.requests - before == 1
        assert connector.observe(None, WINDOW, {**known, task: '"old"'}).unreadable[0].key == task


def test_the_same_uid_twice_is_two_copies() -> None:
    with FakeCalDav() as fake:
        keys = {fake.put("a.ics", GOOD), fake.put("b.ics", GOOD)}
        found = connect(fake.url, fake.url).observe(None, WINDOW, {}).copies
        assert {copy.key for copy in found} == keys
        assert {copy.uid for copy in found} == {"neighbour"}


SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.ics"))
RUBBISH = ("20269999T999999", "-1", "P", "-PT", ";", '"', ":", "\\", "\x00", "漢", "TZID=", "+9999")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_becomes_of_an_item_it_is_read_or_one_line(seed: int) -> None:
    """Lines lost, doubled, swapped and spoilt at random, twenty times a seed."""
    chance = random.Random(seed)
    for _ in range(20):
        lines = chance.choice(SAMPLES).read_text(encoding="utf-8").split("\n")
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(lines))
            match chance.randrange(4):
                case 0:
                    del lines[place]
                case 1:
                    lines.insert(place, chance.choice(lines))
                case 2:
                    lines[place] = chance.choice(lines)
                case _:
                    cut = chance.randrange(len(lines[place]) + 1)
                    lines[place] = lines[place][:cut] + chance.choice(RUBBISH) + lines[place][cut:]
        try:
            copy = read("/a.ics", None, "\n".join(lines))
        except (Unusable, WireError):
            continue
        again = write_changed(copy.reads, copy.wire, Style())
        assert read("/a.ics", None, again).reads == copy.reads
