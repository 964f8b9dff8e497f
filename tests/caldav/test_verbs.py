"""Every verb on real servers, and what each look costs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from connectors.caldav import plugin
from connectors.caldav.connector import CalDavConnector
from syncd.connector import Collection, Connector, Counts, Identity, System
from syncd.core.model import Appointment, Attendee, Override, Recurrence, Timed
from syncd.core.state import Copy, Marker
from syncd.errors import ConfigError, ConnectorError, Rejected, Stale, Unauthorized, Unavailable
from tests.caldav.connecting import WINDOW, connect
from tests.caldav.test_hostile_items import GOOD, TASK
from tests.servers import Server, radicale

VISIT = Appointment(
    Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10), "Asia/Shanghai"),
    title="客户拜访 🚗",
    description="一\n二, drei; \\n vier",
    attendees=(Attendee("wang@kunde.example", "王"),),
    recurrence=Recurrence(("FREQ=WEEKLY;BYDAY=MO",)),
    overrides=(
        ("20260309T090000", Override((("title", "anders"),))),
        ("20260316T090000", Override(deleted=True)),
    ),
)
Fresh = tuple[Server, str, CalDavConnector]


def made(connector: CalDavConnector, name: str = "a1", content: Appointment = VISIT) -> Copy:
    written = connector.create(Identity(Marker("inst1", name)), content)
    (copy,) = connector.fetch([written.key]).copies
    return copy


def test_the_connector_is_what_the_port_asks_for(fresh: Fresh) -> None:
    connector: Connector = fresh[2]
    assert isinstance(connector, Counts)


def test_create_is_read_back_marked(fresh: Fresh) -> None:
    copy = made(fresh[2])
    assert copy.reads == VISIT
    assert copy.marker == Marker("inst1", "a1")
    assert copy.uid == "a1@inst1.syncd"
    assert not copy.invited


def test_create_twice_makes_one(fresh: Fresh) -> None:
    """Invariant 3."""
    _, _, connector = fresh
    copy = made(connector)
    with pytest.raises(Stale) as raised:
        made(connector)
    assert raised.value.key == copy.key
    assert len(connector.observe(None, WINDOW, {}).copies) == 1


def test_a_uid_of_a_copy_that_is_there_is_stale_and_not_doubled(fresh: Fresh) -> None:
    """Invariant 3: the server refuses the UID; the copy that has it is to be joined."""
    server, url, connector = fresh
    key = server.put(url, "theirs.ics", GOOD)
    with pytest.raises(Stale) as raised:
        connector.create(Identity(Marker("inst1", "a1"), "neighbour"), VISIT)
    assert raised.value.key == key


def test_a_uid_of_another_appointment_s_copy_is_avoided(fresh: Fresh) -> None:
    connector = fresh[2]
    taken = made(connector).uid
    written = connector.create(Identity(Marker("inst1", "a2"), taken), VISIT)
    assert connector.fetch([written.key]).copies[0].uid == "a2@inst1.syncd"
    with pytest.raises(Stale):
        connector.create(Identity(Marker("inst1", "a2"), taken), VISIT)


def test_update_changes_the_copy_and_is_guarded(fresh: Fresh) -> None:
    """Invariant 2: what a person wrote meanwhile is not overwritten."""
    server, url, connector = fresh
    copy = made(connector)
    content = replace(VISIT, title="neu", location="杭州")
    connector.update(copy, content)
    (now,) = connector.fetch([copy.key]).copies
    assert now.reads == content
    server.put(url, "a1.ics", now.wire.replace("SUMMARY:neu", "SUMMARY:von Hand"))
    with pytest.raises(Stale) as raised:
        connector.update(now, VISIT)
    assert raised.value.key == copy.key
    assert connector.fetch([copy.key]).copies[0].reads.title == "von Hand"


def test_update_of_what_is_gone_is_stale(fresh: Fresh) -> None:
    server, url, connector = fresh
    copy = made(connector)
    server.delete(url + "a1.ics")
    with pytest.raises(Stale):
        connector.update(copy, replace(VISIT, title="neu"))
    assert connector.fetch([copy.key]).gone == {copy.key}


def test_delete_is_guarded_and_gone_is_success(fresh: Fresh) -> None:
    _, _, connector = fresh
    copy = made(connector)
    connector.update(copy, replace(VISIT, title="neu"))
    with pytest.raises(Stale):
        connector.delete(copy)
    (now,) = connector.fetch([copy.key]).copies
    connector.delete(now)
    connector.delete(now)
    assert connector.fetch([copy.key]).gone == {copy.key}


def test_changes_and_deletions_arrive_by_token(fresh: Fresh) -> None:
    server, url, connector = fresh
    first, second = made(connector, "a1"), made(connector, "a2")
    start = connector.observe(None, WINDOW, {})
    known = {copy.key: copy.version for copy in start.copies}
    assert start.complete
    server.delete(url + "a1.ics")
    server.put(url, "a2.ics", second.wire.replace("SUMMARY:anders", "SUMMARY:von Hand"))
    third = server.put(url, "neu ü.ics".replace(" ", "%20").replace("ü", "%C3%BC"), GOOD)
    snapshot = connector.observe(start.cursor, WINDOW, known)
    assert snapshot.gone == {first.key}
    assert {copy.key for copy in snapshot.copies} == {second.key, third}
    assert not snapshot.complete
    assert {copy.key for copy in connector.fetch([third]).copies} == {third}


def test_much_that_was_written_is_not_asked_for_at_once(fresh: Fresh) -> None:
    """The answer would be broken off: a list and the bodies in batches, and no request more."""
    _, _, connector = fresh
    cursor = connector.observe(None, WINDOW, {}).cursor
    long = replace(VISIT, description="lang " * 40_000)
    keys = {made(connector, f"a{number}", long).key for number in range(3)}
    before = connector.requests
    snapshot = connector.observe(cursor, WINDOW, {})
    assert connector.requests - before == 2
    assert {copy.key for copy in snapshot.copies} == keys
    assert all(copy.reads == long for copy in snapshot.copies)
    before = connector.requests
    known = {copy.key: copy.version for copy in snapshot.copies}
    connector.observe(snapshot.cursor, WINDOW, known)
    assert connector.requests - before == 1


def test_a_look_with_nothing_to_do_is_one_request(fresh: Fresh) -> None:
    _, _, connector = fresh
    for number in range(3):
        made(connector, f"a{number}")
    start = connector.observe(None, WINDOW, {})
    known = {copy.key: copy.version for copy in start.copies}
    before = connector.requests
    idle = connector.observe(start.cursor, WINDOW, known)
    assert connector.requests - before == 1
    assert (idle.copies, idle.gone, idle.unreadable) == ((), frozenset(), ())
    full = connector.observe(None, WINDOW, known)
    assert connector.requests - before == 2
    assert full.complete
    assert full.unchanged == known.keys()
    assert not full.copies


def test_what_we_wrote_arrives_with_the_version_we_were_told(fresh: Fresh) -> None:
    """So a look confirms a write without a request of its own."""
    _, _, connector = fresh
    start = connector.observe(None, WINDOW, {})
    written = connector.create(Identity(Marker("inst1", "a1")), VISIT)
    (copy,) = connector.observe(start.cursor, WINDOW, {}).copies
    assert (copy.key, copy.version) == (written.key, written.version)


def test_an_invalid_token_lists_everything(fresh: Fresh) -> None:
    _, _, connector = fresh
    copy = made(connector)
    cursor = connector.observe(None, WINDOW, {}).cursor
    assert cursor is not None
    snapshot = connector.observe(cursor[:-3] + 'ff"]', WINDOW, {copy.key: copy.version})
    assert snapshot.complete
    assert snapshot.unchanged == {copy.key}
    assert connector.observe("rubbish", WINDOW, {}).complete


def test_a_calendar_that_is_gone_is_no_empty_calendar(fresh: Fresh) -> None:
    """Invariant 4. One that is made anew at the same place is found again."""
    server, url, connector = fresh
    made(connector)
    start = connector.observe(None, WINDOW, {})
    server.delete(url)
    with pytest.raises(Unavailable):
        connector.observe(start.cursor, WINDOW, {})
    server.calendar("new", url.rstrip("/").rpartition("/")[2])
    again = connector.observe(start.cursor, WINDOW, {"/x/a1.ics": '"1"'})
    assert again.complete
    assert not again.copies


def test_tasks_in_the_calendar_are_left_alone(fresh: Fresh) -> None:
    server, url, connector = fresh
    server.put(url, "task.ics", TASK)
    made(connector)
    snapshot = connector.observe(None, WINDOW, {})
    assert len(snapshot.copies) == 1
    assert not snapshot.unreadable


def test_a_rule_that_nobody_can_expand_is_not_written(fresh: Fresh) -> None:
    rules = Recurrence(("FREQ=DAILY\r\nATTENDEE:mailto:x@example.com",))
    with pytest.raises(Rejected):
        made(fresh[2], content=replace(VISIT, recurrence=rules, overrides=()))
    assert not fresh[2].observe(None, WINDOW, {}).copies


def test_several_threads_may_write_at_once(fresh: Fresh) -> None:
    """Xandikos answers 423 or 500 to some of them: those are repeated, and end as one copy."""
    connector = fresh[2]

    def create(number: int) -> None:
        for _ in range(40):
            try:
                connector.create(Identity(Marker("inst1", f"a{number}")), VISIT)
            except Stale:
                return
            except ConnectorError:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, range(12)))
    assert len(connector.observe(None, WINDOW, {}).copies) == 12


def test_a_person_s_meeting_is_changed_only_where_the_server_is_silent(fresh: Fresh) -> None:
    """Invariant 5: Xandikos schedules (RFC 6638), Radicale does not."""
    server, url, connector = fresh
    people = "ORGANIZER:mailto:alice@example.com\r\nATTENDEE;X-P=1:mailto:li@kunde.example\r\n"
    key = server.put(url, "m.ics", GOOD.replace("UID:", f"{people}UID:"))
    (copy,) = connector.fetch([key]).copies
    content = replace(copy.reads, title="新", attendees=(Attendee("wu@kunde.example"),))
    if server.kind == "xandikos":
        for write in (lambda: connector.update(copy, content), lambda: connector.delete(copy)):
            with pytest.raises(Rejected, match="attendees"):
                write()
        assert connector.fetch([key]).copies[0] == copy
        return
    connector.update(copy, content)
    (now,) = connector.fetch([key]).copies
    assert now.reads == content
    lines = [line for line in now.wire.splitlines() if line.startswith(("ATTENDEE", "ORGANIZER"))]
    assert sorted(lines) == sorted(people.splitlines())


def test_check_tells_account_rights_and_clock(fresh: Fresh) -> None:
    health = fresh[2].check()
    assert health.ok
    assert health.can_write
    assert health.skew is not None
    assert abs(health.skew) < 60


def test_a_calendar_is_found_by_name_path_and_url(dav_server: Server) -> None:
    url = dav_server.calendar("销售", "sales")
    path = url[len(dav_server.url) - 1 :]
    for start, calendar in (
        (dav_server.url, "销售"),
        (dav_server.url, "sales"),
        (dav_server.url, path),
        (dav_server.url, url),
        (url, ""),
        (dav_server.home, url.rstrip("/")),
    ):
        connector = connect(start, calendar)
        key = connector.create(Identity(Marker("inst1", "a1")), VISIT).key
        assert key == f"{path}a1.ics"
        connector.delete(connector.fetch([key]).copies[0])


def test_a_name_that_is_not_there_lists_those_that_are(dav_server: Server) -> None:
    dav_server.calendar("alpha-list")
    with pytest.raises(ConfigError, match="alpha-list"):
        connect(dav_server.url, "no such").observe(None, WINDOW, {})
    with pytest.raises(ConfigError, match="another host"):
        connect(dav_server.url, "https://example.com/cal/").observe(None, WINDOW, {})
    with pytest.raises(ConfigError, match="no calendar"):
        connect(dav_server.url, dav_server.home).observe(None, WINDOW, {})


def test_credentials_are_asked_for_and_never_told() -> None:
    """Invariant 11."""
    with radicale(password="geheim-密码") as server:
        url = server.calendar("work")
        made(connect(url, url, password="geheim-密码"))
        connector = connect(url, url, password="falsch-secret")
        with pytest.raises(Unauthorized) as raised:
            connector.observe(None, WINDOW, {})
        assert "falsch-secret" not in f"{raised.value!r} {connector!r} {vars(connector)!r}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", "ftp://example.com"),
        ("url", "https://a:b@example.com/"),
        ("url", "example.com"),
        ("auth", "kerberos"),
        ("timeout", 0),
        ("timeout", "soon"),
        ("ca_file", "/nowhere.pem"),
        ("scheduling", "maybe"),
        ("username", 5),
    ],
)
def test_a_wrong_option_is_named(key: str, value: object) -> None:
    options = {"url": "https://example.com/", key: value}
    with pytest.raises(ConfigError, match=f"systems.cal.{key}"):
        plugin.connect(System("cal", "caldav", "calendar", "inst1", options=options), Collection())


def test_the_manifest_is_the_port_s() -> None:
    manifest = plugin.manifest
    assert (manifest.name, manifest.role) == ("caldav", "calendar")
    assert manifest.cursors
    assert manifest.versions
    assert manifest.recurrence
    assert manifest.required == {"url"}
    assert manifest.secrets == {"password", "token"}
    assert manifest.secrets <= manifest.options.keys()
