"""A colleague invites another one: Google, Exchange and CalDAV hold the meeting, the CRM holds it
once."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.state import Kind
from tests.servers import Server
from tests.vendors.bridge import Bridge, four_channels
from tests.vendors.meetings import TITLE, Meeting, in_days
from tests.world.hosts import Vendors

PAIRS = [("google", "m365"), ("m365", "google"), ("google", "dav"), ("m365", "dav")]
"""Organizer and guest."""


def one_meeting(bridge: Bridge, meeting: Meeting, *guests: str) -> None:
    """One record, and one copy in each calendar: the organizer's own, the guests' invitations."""
    (row,) = bridge.office.rows()
    assert (row["subject"], row["state"]) == (TITLE, "confirmed")
    for channel in (meeting.organizer, *guests):
        assert [each.start for each in bridge.shown(channel)] == [row["starts_at"]], channel
    for channel in {"google", "m365", "dav"} - {meeting.organizer, *guests}:
        assert bridge.shown(channel) == []
    assert [meeting.invitations(guest) for guest in guests] == [1] * len(guests)
    assert bridge.mails == 0


@pytest.mark.parametrize(("organizer", "guest"), PAIRS[:2])
def test_a_meeting_of_two_colleagues_is_one_record(
    organizer: str, guest: str, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 3, 5 and 6."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), organizer, guest)
        meeting.appear(organizer)
        meeting.appear(guest)
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        assert not bridge.records(Kind.REPLACED)


@pytest.mark.parametrize(("organizer", "guest"), PAIRS)
def test_an_invitation_that_arrives_later_joins_the_record(
    organizer: str, guest: str, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 3, 5 and 6: the organizer's meeting is in the CRM before the guest has it, and
    the guest has a copy of ours by then. Whatever the organizer does later reaches everybody."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), organizer, guest)
        meeting.appear(organizer)
        bridge.rest()
        assert [len(bridge.shown(name)) for name in (organizer, guest)] == [1, 1]
        assert meeting.invitations(guest) == 0
        meeting.appear(guest)
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        assert [record.winner for record in bridge.records(Kind.REPLACED)] == [guest]
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting, guest)


@pytest.mark.parametrize(("organizer", "guest"), PAIRS)
def test_a_guest_who_declines_takes_only_the_own_copy_away(
    organizer: str, guest: str, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 4 and 5: the meeting takes place, until its organizer calls it off."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), organizer, guest)
        meeting.appear(organizer)
        bridge.rest()
        meeting.appear(guest)
        bridge.rest()
        meeting.take_away(guest)
        bridge.rest()
        one_meeting(bridge, meeting)
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting)
        meeting.take_away(organizer)
        bridge.rest()
        (row,) = bridge.office.rows()
        assert row["state"] == "cancelled"
        assert bridge.mails == 0


@pytest.mark.parametrize("fault", ["lost_answers", "lost_requests", "read_only"])
@pytest.mark.parametrize("at", ["copy", "withdrawal"])
@pytest.mark.parametrize(("organizer", "guest"), PAIRS[:2])
def test_an_invitation_that_comes_in_the_middle(
    organizer: str,
    guest: str,
    at: str,
    fault: str,
    hosts: Vendors,
    radicale_server: Server,
    tmp_path: Path,
) -> None:
    """Invariants 3, 5 and 10: our copy is being made, or taken away, when nobody answers and the
    daemon dies; then one look shows both, or one of them."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), organizer, guest)
        bridge.rest()
        meeting.appear(organizer)
        if at == "withdrawal":
            bridge.rest()
            meeting.appear(guest)
        system = getattr(bridge, guest)
        setattr(system.faults, fault, True if fault == "read_only" else 1.0)
        bridge.cycle()
        bridge.close()
        bridge.clear()
        if at == "copy":
            meeting.appear(guest)
        bridge.open()
        bridge.rest()
        one_meeting(bridge, meeting, guest)


def test_two_guests_are_invited_late(
    hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 3, 5 and 6: each invitation takes the place of the copy in its own calendar."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), "google", "m365", "dav")
        meeting.appear("google")
        bridge.rest()
        meeting.appear("dav")
        bridge.cycle()
        meeting.appear("m365")
        bridge.rest()
        one_meeting(bridge, meeting, "m365", "dav")
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting, "m365", "dav")


@pytest.mark.parametrize(("organizer", "guest"), PAIRS)
def test_a_guest_who_was_not_known_to_be_one(
    organizer: str, guest: str, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 3, 5 and 6: nothing of it stands in the guest's calendar, which holds what its
    person takes part in, when the invitation comes there."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), organizer)
        meeting.appear(organizer)
        bridge.rest()
        assert bridge.shown(guest) == []
        meeting.appear(guest)
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting, guest)


def test_a_copy_that_may_not_be_taken_away_stays_beside_the_invitation(
    hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 3 and 5: the guest has asked somebody else to our copy, so that Microsoft would
    mail; it is set aside, which is told, and there is one record nevertheless."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        meeting = Meeting(bridge, in_days(20), "google", "m365")
        meeting.appear("google")
        bridge.rest()
        meeting.ask_to_ours("gast@kunde.example")
        bridge.rest()
        meeting.appear("m365")
        bridge.rest()
        assert len(bridge.shown("m365")) == 2
        (row,) = bridge.office.rows()
        assert (row["state"], bridge.mails) == ("confirmed", 0)
        (result,) = bridge.deployment.sync()
        assert result.reason == "1 set aside"
        meeting.ask_to_ours()
        bridge.rest()
        one_meeting(bridge, meeting, "m365")


@pytest.mark.parametrize(("organizer", "guest"), PAIRS)
def test_an_invitation_keeps_its_text_where_only_the_time_is_given(
    organizer: str, guest: str, hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 2, 5 and 8: the guest's channel has ``privacy = "busy"``. Our copy there says no
    more than that; the invitation that takes its place is the vendor's, with its title."""
    with four_channels(tmp_path, hosts, radicale_server, holds="own") as bridge:
        bridge.close()
        config = bridge.office.config
        named = f'{"name" if guest == "dav" else "system"} = "{guest}"\n'
        text = config.read_text("utf-8")
        assert text.count(named) == 1
        config.write_text(text.replace(named, f'{named}privacy = "busy"\n'), "utf-8")
        bridge.open()
        meeting = Meeting(bridge, in_days(20), organizer, guest)
        meeting.appear(organizer)
        bridge.rest()
        assert [each.title for each in bridge.shown(guest)] == ["Busy"]
        meeting.appear(guest)
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        assert [each.title for each in bridge.shown(guest)] == [TITLE]
        meeting.move(in_days(22))
        bridge.rest()
        one_meeting(bridge, meeting, guest)
        assert [each.title for each in bridge.shown(guest)] == [TITLE]
