"""Laws of translation: what is written reads back, and nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.caldav import wire
from connectors.caldav.translate import FIDELITY, read
from connectors.caldav.translate_write import Style, write_changed, write_new
from syncd.core.fidelity import project
from syncd.core.model import Appointment
from syncd.core.state import Marker
from tests.strategies import appointments

MARKER = Marker("inst1", "appt1")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
slow = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def reads(text: str) -> Appointment:
    return read("/a.ics", None, text).reads


@slow
@given(appointments(), st.booleans())
def test_what_is_written_reads_back(content: Appointment, invite: bool) -> None:
    text = write_new(content, "uid-1", MARKER, Style(invite, "alice@example.com"), NOW)
    copy = read("/a.ics", None, text)
    assert copy.reads == project(content, FIDELITY)
    assert copy.marker == MARKER
    assert copy.uid == "uid-1"
    assert all(len(piece.encode()) <= 75 for piece in text.split("\r\n"))


@slow
@given(appointments(), appointments(), st.booleans())
def test_any_copy_can_become_any_other(old: Appointment, new: Appointment, invite: bool) -> None:
    style = Style(invite, "alice@example.com")
    text = write_new(old, "uid-1", MARKER, style, NOW)
    assert reads(write_changed(new, text, style, NOW)) == project(new, FIDELITY)


@slow
@given(appointments())
def test_writing_what_it_reads_changes_nothing(content: Appointment) -> None:
    text = write_new(content, "uid-1", MARKER, Style(), NOW)
    later = datetime(2026, 4, 1, tzinfo=UTC)
    assert write_changed(reads(text), text, Style(), later) == text


@slow
@given(appointments())
def test_nobody_is_addressed_unless_the_channel_invites(content: Appointment) -> None:
    """Invariant 5."""
    calendar = wire.parse(write_new(content, "uid-1", MARKER, Style(), NOW))
    for event in calendar.components("VEVENT"):
        assert not event.lines("ATTENDEE", "ORGANIZER")


SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.ics"))
UNKNOWN = ("X-MOZ", "X-APPLE", "X-GOOGLE", "X-DINGTALK", "X-MICROSOFT-CDO-A", "ATTACH", "URL")


@slow
@given(st.sampled_from(SAMPLES), appointments(), st.booleans())
def test_a_client_s_copy_can_become_anything(sample: Path, new: Appointment, invite: bool) -> None:
    """Invariant 8: and keeps what it had besides."""
    text = sample.read_text(encoding="utf-8")
    style = Style(invite, "alice@example.com", frozenset({"alice@example.com"}))
    changed = write_changed(new, text, style, NOW)
    assert reads(changed) == project(new, FIDELITY)
    master = wire.parse(text).components("VEVENT")[0]
    after = wire.parse(changed).components("VEVENT")[0]
    for line in master.items:
        if isinstance(line, wire.Line) and line.name.startswith(UNKNOWN):
            assert line in after.items
