"""Meetings, duplicates, shared mailboxes and the window: what is particular to Microsoft 365."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.microsoft365.fake import FakeGraph
from syncd.connector import Window
from syncd.core.model import Attendee, Busy, Person, Response, Status, Timed, Visibility
from syncd.errors import ConfigError, Rejected
from tests.conformance.world import identity, look, make, one, versions, visit
from tests.microsoft365.connecting import ALICE, WINDOW, connect, key_of, outlook

WANG = {"emailAddress": {"address": "wang@kunde.example", "name": "王小明"}, "type": "required"}
ROOM = {"emailAddress": {"address": "raum1@example.com", "name": "Raum 1"}, "type": "resource"}
START = datetime(2026, 5, 4, 9)
END = START + timedelta(hours=1)
ZONE = "China Standard Time"


def test_a_copy_has_no_attendee_on_the_wire(graph: FakeGraph) -> None:
    """Invariant 5: whatever is written, nobody is asked, so nobody is mailed."""
    connector = connect(graph)
    people = (Attendee("wang@kunde.example", "王小明", response=Response.ACCEPTED),)
    content = replace(visit(), attendees=people, organizer=Person("bob@example.com", "Bob"))
    content = replace(content, resources=frozenset({"raum1@example.com"}))
    copy = make(connector, content)
    assert copy.reads == content
    (event,) = outlook(graph).events
    assert not event.attendees
    connector.update(copy, replace(content, attendees=(), title="Neu"))
    assert outlook(graph).mailbox.mails == 0


def test_a_channel_that_invites_asks_people_and_rooms(graph: FakeGraph) -> None:
    connector = connect(graph, invite=True)
    content = replace(
        visit(),
        attendees=(Attendee("wang@kunde.example", "王小明"),),
        resources=frozenset({"raum1@example.com"}),
        organizer=Person(ALICE, "Alice"),
    )
    copy = make(connector, content)
    assert copy.reads == content
    (event,) = outlook(graph).events
    assert [each["type"] for each in event.props["attendees"]] == ["required", "resource"]
    assert outlook(graph).mailbox.mails == 2
    fewer = replace(content, attendees=())
    connector.update(copy, fewer)
    assert one(connector, copy.key).reads == fewer


def test_a_person_s_meeting_is_not_changed_where_nobody_may_be_mailed(graph: FakeGraph) -> None:
    """Invariant 5."""
    person, connector = outlook(graph), connect(graph)
    event = person.put("Besuch", START, END, ZONE, attendees=[WANG, ROOM])
    mails = person.mailbox.mails
    copy = one(connector, key_of(event.number))
    assert [each.email for each in copy.reads.attendees] == ["wang@kunde.example"]
    assert copy.reads.resources == {"raum1@example.com"}
    assert copy.reads.organizer == Person(ALICE, ALICE)
    assert not copy.invited
    with pytest.raises(Rejected, match="mail"):
        connector.update(copy, replace(copy.reads, title="Neu"))
    with pytest.raises(Rejected, match="mail"):
        connector.delete(copy)
    assert person.mailbox.mails == mails


def test_an_invitation_is_borrowed(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    event = person.put("Einladung", START, END, ZONE, attendees=[WANG], isReminderOn=False)
    event.props["isOrganizer"] = False
    event.organizer = "chef@kunde.example"
    copy = one(connector, key_of(event.number))
    assert copy.invited
    assert copy.reads.organizer == Person("chef@kunde.example", "chef@kunde.example")


def test_a_meeting_that_was_called_off_is_cancelled(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    event = person.put("Einladung", START, END, ZONE, attendees=[WANG])
    event.props |= {"isOrganizer": False, "isCancelled": True}
    assert one(connector, key_of(event.number)).reads.status is Status.CANCELLED


def test_people_who_are_carried_stay_when_a_person_adds_one(graph: FakeGraph) -> None:
    """Invariant 2."""
    person, connector = outlook(graph), connect(graph)
    content = replace(visit(), attendees=(Attendee("li@kunde.example", "李四"),))
    copy = make(connector, content)
    person.edit(person.events[0], attendees=[WANG])
    after = one(connector, copy.key).reads
    assert [each.email for each in after.attendees] == ["li@kunde.example", "wang@kunde.example"]


def test_outlook_s_own_words(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    words = {"showAs": "workingElsewhere", "sensitivity": "personal", "categories": ["Kunde", "紫"]}
    event = person.put("Fern", START, END, ZONE, **words, reminderMinutesBeforeStart=30)
    copy = one(connector, key_of(event.number))
    assert copy.reads.busy is Busy.BUSY
    assert copy.reads.visibility is Visibility.PRIVATE
    assert copy.reads.tags == {"Kunde", "紫"}
    assert copy.reads.reminders == {30}
    connector.update(copy, replace(copy.reads, title="Nah"))
    assert event.props["showAs"] == "workingElsewhere"
    assert event.props["sensitivity"] == "personal"


def test_a_teams_link_is_read_and_its_part_of_the_body_kept(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    blob = "<div>________________________________<br>Microsoft Teams meeting<br>Join</div>"
    body = {"contentType": "html", "content": f"<div>Agenda</div>{blob}"}
    event = person.put("Online", START, END, ZONE, isOnlineMeeting=True, body=body)
    copy = one(connector, key_of(event.number))
    assert copy.reads.online_meeting.startswith("https://teams.microsoft.com/")
    assert copy.reads.description == "Agenda"
    wanted = replace(copy.reads, description="Neue Agenda\n第二行")
    connector.update(copy, wanted)
    assert one(connector, copy.key).reads == wanted
    assert "Microsoft Teams meeting" in event.props["body"]["content"]
    other = replace(wanted, online_meeting="https://meet.example.com/x")
    connector.update(one(connector, copy.key), other)
    assert one(connector, copy.key).reads == other


def test_our_link_is_shown_to_people_and_read_when_they_change_it(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    content = replace(visit(), description="Agenda", online_meeting="https://meet.example.com/a")
    copy = make(connector, content)
    (event,) = person.events
    assert "https://meet.example.com/a" in event.props["body"]["content"]
    content_html = event.props["body"]["content"].replace("/a", "/b")
    person.edit(event, body={"contentType": "html", "content": content_html})
    after = one(connector, copy.key).reads
    assert (after.description, after.online_meeting) == ("Agenda", "https://meet.example.com/b")


def test_a_duplicate_goes_by_its_own_uid(graph: FakeGraph) -> None:
    """A person's duplicate has our marker, but is not the event that was made with it."""
    person, connector = outlook(graph), connect(graph)
    name = identity("uid-1@kunde.example")
    key = connector.create(name, visit()).key
    other = person.duplicate(person.events[0])
    shown = {copy.key: copy for copy in look(connector).copies}
    assert shown[key].uid == "uid-1@kunde.example"
    assert shown[key_of(other.number)].marker == name.marker
    assert shown[key_of(other.number)].uid == other.uid
    assert {copy.key for copy in connector.find(name.marker)} == set(shown)


def test_meetings_of_two_mailboxes_have_two_uids(graph: FakeGraph) -> None:
    """As Exchange's are: else pairing would take them for one meeting."""
    other = "bob@example.com"
    for address in (ALICE, other):
        outlook(graph, address).put("Besprechung", START, END, ZONE)
    uids = {copy.uid for each in (ALICE, other) for copy in look(connect(graph, each)).copies}
    assert len(uids) == 2


def test_single_occurrences_stand_beside_each_other(graph: FakeGraph) -> None:
    """What Graph cannot hold as a series: each has its slot, and a UID of its own."""
    connector = connect(graph)
    first = identity("uid-1@kunde.example", "20260302T100000")
    names = [first, replace(first, marker=replace(first.marker, slot="20260331T100000"))]
    made = {connector.create(name, visit(n)).key: name.marker for n, name in enumerate(names)}
    shown = look(connector).copies
    assert {copy.key: copy.marker for copy in shown} == made
    assert len({copy.uid for copy in shown} - {"uid-1@kunde.example"}) == 2


def test_version_moves_of_exchange_itself_are_no_edits(graph: FakeGraph) -> None:
    connector = connect(graph)
    written = connector.create(identity(), visit())
    assert written.copy is not None
    graph.mailbox().settle()
    connector.update(written.copy, visit(1))
    assert one(connector, written.key).reads == visit(1)


def test_a_removed_event_that_is_elsewhere_is_not_gone(graph: FakeGraph) -> None:
    """Invariant 4: delta calls removed what has only left its window."""
    person, connector = outlook(graph), connect(graph)
    event = person.put("Besuch", START, END, ZONE)
    stranger = person.put("Weit weg", START.replace(year=2031), END.replace(year=2031), ZONE)
    first = look(connector)
    away = {"dateTime": "2030-01-01T09:00:00", "timeZone": ZONE}
    person.edit(event, start=away, end=away)
    person.edit(stranger, subject="anders")
    second = look(connector, first)
    assert not second.gone
    assert key_of(event.number) in {copy.key for copy in second.copies}


def test_a_window_that_moves_on_needs_a_new_round_only_now_and_then(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    event = person.put("Später", datetime(2027, 1, 5, 9), datetime(2027, 1, 5, 10), ZONE)
    first = look(connector)
    assert not first.copies
    day = timedelta(days=1)
    soon = Window(WINDOW.start + day, WINDOW.end + day)
    assert not connector.observe(first.cursor, soon, {}).complete
    later = Window(WINDOW.start + 7 * day, WINDOW.end + 7 * day)
    whole = connector.observe(first.cursor, later, versions(first))
    assert whole.complete
    assert [copy.key for copy in whole.copies] == [key_of(event.number)]


def test_calendars_are_found_by_mailbox_name_and_id(graph: FakeGraph) -> None:
    mailbox = graph.mailbox()
    work, room = mailbox.add_calendar("Arbeit 工作"), graph.mailbox("raum1@example.com")
    reader = mailbox.add_calendar("Nur lesen", can_edit=False)
    assert connect(graph, "", person=ALICE).check().account == ALICE
    assert connect(graph, room.address).check().can_write
    by_name = connect(graph, f"{ALICE}/Arbeit 工作")
    key = by_name.create(identity(), visit()).key
    for calendar, person in ((f"{ALICE}/{work.id}", ""), ("Arbeit 工作", ALICE)):
        found = connect(graph, calendar, person=person)
        assert [copy.key for copy in look(found).copies] == [key]
    assert not look(connect(graph)).copies
    assert not connect(graph, f"{ALICE}/{reader.name}").check().can_write


@pytest.mark.parametrize("calendar", ["alice@example.com/Fehlt", ""])
def test_a_calendar_that_is_not_there_is_a_fault_of_the_configuration(
    graph: FakeGraph, calendar: str
) -> None:
    with pytest.raises(ConfigError, match="calendar"):
        look(connect(graph, calendar))


def test_two_calendars_of_one_name_are_not_guessed(graph: FakeGraph) -> None:
    for _ in range(2):
        graph.mailbox().add_calendar("Arbeit")
    with pytest.raises(ConfigError, match="several"):
        look(connect(graph, f"{ALICE}/Arbeit"))


def test_check_tells_the_clock(graph: FakeGraph) -> None:
    health = connect(graph).check()
    assert health.skew is not None
    assert abs(health.skew) < 60


def test_times_have_minutes_and_zones_stay(graph: FakeGraph) -> None:
    connector = connect(graph)
    for zone in ("Europe/Madrid", "Asia/Chongqing", "Antarctica/Troll", "Asia/Urumqi"):
        when = Timed(START, END, zone)
        content = replace(visit(), when=when)
        copy = make(connector, content)
        assert copy.reads.when == when
        assert connector.read(copy.key, copy.version, copy.wire) == copy
