"""Laws of translation without a server, and what people do in Google's own client."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.google.carried import Record, properties_of, read_record
from connectors.google.fake.rules import lossy, merged
from connectors.google.translate import DESCRIPTION, appointment_of, fidelity_of, read
from connectors.google.translate_fields import text_of_html
from connectors.google.translate_time import instance_id, rid_of
from connectors.google.translate_write import (
    Style,
    instance_of,
    occurrences_of,
    wanted_of,
    write_changed,
    write_new,
    write_occurrence,
)
from connectors.google.wire import Event, Series, Unusable, WireError, loads
from syncd.core.fidelity import project
from syncd.core.model import Appointment, Attendee, Busy, Status
from syncd.core.state import Marker
from tests.google.connecting import ALICE, at
from tests.strategies import ZONES, appointments

STYLE = Style(False, "Asia/Shanghai", ALICE)
FIDELITY = fidelity_of("Asia/Shanghai")
MARKER = Marker("inst", "a1")
_LAWS = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def stored(body: Event) -> Event:
    """What Google would hold of the body of an insert."""
    organizer = {"email": ALICE, "self": True}
    added = {"etag": '"1"', "iCalUID": "u", "status": "confirmed", "organizer": organizer}
    return lossy({**added, **deepcopy(body)})


def held(content: Appointment) -> Series:
    """The series that Google holds once all of it is written."""
    series = Series(stored(write_new(content, "abcde", "", MARKER, STYLE)))
    return finished(series, wanted_of(content, None, STYLE))


def finished(series: Series, wanted: Appointment) -> Series:
    """Occurrences of their own written as well."""
    todo = occurrences_of(wanted, series, STYLE)
    exceptions = dict(series.exceptions)
    for each in todo.changed:
        before = each.before or instance_of(series.event, each.rid, each.id, STYLE)
        patch = write_occurrence(each, before, STYLE)
        exceptions[each.id] = lossy(merged(before, patch)) | {"etag": '"2"'}
    for event in todo.removed:
        exceptions[event["id"]] = {**event, "status": "cancelled"}
    return Series(series.event, exceptions)


@_LAWS
@given(appointments())
def test_what_is_read_is_what_was_written_as_projected(content: Appointment) -> None:
    series = held(content)
    assert appointment_of(series, "Asia/Shanghai") == project(content, FIDELITY)
    copy = read("abcde", series.version, series, "Asia/Shanghai")
    again = read("abcde", series.version, loads(copy.wire), "Asia/Shanghai")
    assert again == copy
    assert copy.marker == MARKER


@_LAWS
@given(appointments(), appointments())
def test_any_appointment_becomes_any_other_by_patches(
    content: Appointment, other: Appointment
) -> None:
    series = held(content)
    wanted = wanted_of(other, appointment_of(series, "Asia/Shanghai"), STYLE)
    patch, _ = write_changed(wanted, series, STYLE)
    changed = lossy(merged(series.event, patch))
    kept = series.exceptions if changed.get("recurrence") else {}
    after = finished(Series(changed, dict(kept)), wanted)
    assert appointment_of(after, "Asia/Shanghai") == project(other, FIDELITY)


@_LAWS
@given(appointments())
def test_what_reads_the_same_is_not_written(content: Appointment) -> None:
    series = held(content)
    same = appointment_of(series, "Asia/Shanghai")
    assert write_changed(same, series, STYLE)[0] == {}
    todo = occurrences_of(same, series, STYLE)
    assert not todo.removed
    for each in todo.changed:
        assert each.before is not None
        assert write_occurrence(each, each.before, STYLE) == {}


@given(st.datetimes(), st.sampled_from(ZONES))
def test_ids_of_instances_go_back_and_forth(start: Any, zone: str) -> None:
    from datetime import datetime, timedelta

    from syncd.core.model import Timed

    first = datetime(2026, 1, 1, start.hour, start.minute)
    series = Timed(first, first + timedelta(hours=1), zone)
    for day in range(0, 366, 7):
        wall = series.start + timedelta(days=day)
        rid = f"{wall:%Y%m%dT%H%M%S}"
        stamp = instance_id("m", rid, series).removeprefix("m_")
        moment = {"dateTime": datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").isoformat()}
        assert rid_of(moment, series) == rid


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Zeile 1<br>Zeile 2", "Zeile 1\nZeile 2"),
        ("<p>eins</p><p>zwei</p>", "eins\nzwei"),
        ("<ul><li>苹果</li><li>梨</li></ul>", "- 苹果\n- 梨"),
        ("a&nbsp;&amp;&lt;b&gt;", "a &<b>"),
        ('<a href="https://x.example/?a=1&amp;b">Link</a>', "Link"),
        ("<html-blob><u></u>Text<u></u></html-blob>", "Text"),
        ("<div>eins<div>zwei</div></div>", "eins\nzwei"),
    ],
)
def test_formatted_text_is_read_as_text(html: str, text: str) -> None:
    assert text_of_html(html) == text
    event = {**stored(write_new(Appointment(at(2)), "abcde", "", MARKER, STYLE))}
    event["description"] = html
    assert appointment_of(Series(event), "UTC").description == text


def test_a_plain_text_of_ours_is_not_taken_for_html() -> None:
    content = Appointment(at(2), description="<b>a</b> &amp; c")
    series = held(content)
    assert appointment_of(series, "UTC").description == content.description
    series.event["description"] += "<br>mehr"
    assert appointment_of(series, "UTC").description == "a & c\nmehr"


def test_our_link_is_the_last_line_of_the_description() -> None:
    link = "https://meet.example.com/a-b?pwd=1"
    content = Appointment(at(2), description="议程", online_meeting=link)
    series = held(content)
    assert series.event["description"] == f"议程\n\n{link}"
    assert appointment_of(series, "UTC").online_meeting == link
    series.event["description"] = f'议程, neu<br><br><a href="{link}">{link}</a>'
    reading = appointment_of(series, "UTC")
    assert (reading.description, reading.online_meeting) == ("议程, neu", link)
    series.event["description"] = "议程"
    assert appointment_of(series, "UTC").online_meeting == ""


def test_a_link_of_google_s_own_is_read_kept_and_replaced() -> None:
    event = stored(write_new(Appointment(at(2)), "abcde", "", MARKER, STYLE))
    points = [
        {"entryPointType": "phone", "uri": "tel:+49"},
        {"entryPointType": "video", "uri": "https://meet.google.com/abc"},
    ]
    event |= {
        "conferenceData": {"entryPoints": points},
        "hangoutLink": "https://meet.google.com/abc",
    }
    series = Series(event)
    reading = appointment_of(series, "UTC")
    assert reading.online_meeting == "https://meet.google.com/abc"
    patch, _ = write_changed(replace(reading, title="Neu"), series, STYLE)
    assert patch == {"summary": "Neu"}
    patch, _ = write_changed(
        replace(reading, online_meeting="https://zoom.example/1"), series, STYLE
    )
    assert patch["conferenceData"] is None
    assert patch["description"] == "https://zoom.example/1"


def test_what_a_person_changes_beats_what_is_carried() -> None:
    people = (Attendee("wang@kunde.example", "王小明"), Attendee("li@kunde.example"))
    content = Appointment(
        at(2), busy=Busy.AWAY, status=Status.COMPLETED, attendees=people, tags=frozenset({"重要"})
    )
    series = held(content)
    assert appointment_of(series, "UTC") == content
    series.event["transparency"] = "transparent"
    series.event["status"] = "tentative"
    series.event["attendees"] = [{"email": "bob@example.com", "responseStatus": "accepted"}]
    reading = appointment_of(series, "UTC")
    assert (reading.busy, reading.status) == (Busy.FREE, Status.PROPOSED)
    assert [each.email for each in reading.attendees] == [
        "bob@example.com",
        "li@kunde.example",
        "wang@kunde.example",
    ]
    assert reading.tags == {"重要"}


@given(st.text(alphabet="abcdef0123456789", max_size=15_000), st.integers(0, 3))
def test_properties_stay_within_google_s_limits(noise: str, before: int) -> None:
    record = Record(meeting="m", fields={"tags": ("b", [noise[n::7] for n in range(7)])})
    old = {f"syncd.{n}": "x" for n in range(before + 10)} | {"other": "kept"}
    event = {"extendedProperties": {"private": old}}
    named = properties_of(record, event)
    assert all(len(key) <= 44 and len(value or "") <= 1024 for key, value in named.items())
    after = {k: v for k, v in (old | named).items() if v is not None}
    assert read_record({"extendedProperties": {"private": after}}) == record
    assert after["other"] == "kept"


def test_what_does_not_fit_is_said() -> None:
    long = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(DESCRIPTION + 1200))
    series = held(Appointment(at(2)))
    event = {**series.event, "description": long}
    reading = appointment_of(Series(event), "UTC")
    with pytest.raises(Unusable, match="no room"):
        write_changed(replace(reading, online_meeting="https://x.example/1"), Series(event), STYLE)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"event": 7, "exceptions": []}', "[" * 9999]
)
def test_what_is_no_wire_form(text: str) -> None:
    with pytest.raises(WireError):
        loads(text)
