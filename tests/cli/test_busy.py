"""``busy``: when rooms and calendars are taken, by what, and what is booked twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.google.fake import FakeGoogle
from connectors.google.fake.tokens import FREE_BUSY
from syncd.core.model import Timed
from tests.cli.conftest import Call, an_office
from tests.office import MONDAY, Desk, Office
from tests.servers import Server, free_port

ROOM = "room-3@resource.calendar.google.com"
BOT = "bot@example.com"
UNKNOWN = "something that syncd does not know"
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//phone//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART:{start:%Y%m%dT%H%M%SZ}
DTEND:{end:%Y%m%dT%H%M%SZ}
SUMMARY:Zahnarzt 牙医
CLASS:{seen}
END:VEVENT
END:VCALENDAR
"""


def _later(hours: float) -> datetime:
    """Naive UTC, tomorrow; the first visit is at 0, the second at 1."""
    return MONDAY + timedelta(days=1, hours=hours)


def _book(desk: Desk, start: float, hours: float, seen: str = "PUBLIC") -> None:
    """Somebody books the calendar, past syncd."""
    uid = uuid4().hex
    end = _later(start + hours)
    body = EVENT.format(uid=uid, start=_later(start), end=end, seen=seen)
    desk.server.put(desk.url, f"{uid}.ics", "\r\n".join(body.splitlines()) + "\r\n")


@pytest.fixture
def room(tmp_path: Path, xandikos_server: Server, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A CRM and a room, on a server that tells each booking by itself."""
    return an_office(tmp_path, xandikos_server, "room", monkeypatch)


def test_what_is_known_has_a_name(office: Office, call: Call) -> None:
    """Title and id, which the other commands take; what nobody knows says so."""
    office.visits(2)
    assert call("sync").code == 0
    _book(office.desks[0], 3, 1)
    done = call("busy", "--json")
    assert (done.code, done.err) == (0, "")
    (channel,) = done.json["channels"]
    assert (channel["bridge"], channel["channel"], channel["failed"]) == ("sales", "alice", None)
    first, second, stranger = channel["taken"]
    assert (first["known"], second["known"], stranger["known"]) == (True, True, False)
    assert first["start"] == f"{_later(0).isoformat()}+00:00"
    assert first["end"] == f"{(_later(0) + timedelta(minutes=45)).isoformat()}+00:00"
    assert (first["kind"], stranger["title"], channel["doubles"]) == ("busy", None, [])
    assert call("explain", first["appointment"], "--json").json["title"] == first["title"]
    shown = call("busy", "alice")
    assert shown.code == 0
    assert shown.out.splitlines()[0] == "sales/alice"
    assert f"[{first['appointment']}]" in shown.out.replace("\n", "").replace(" ", "")
    assert UNKNOWN in " ".join(shown.out.split())
    assert "09:00" in shown.out  # in the configuration's zone
    assert all(len(line) <= 80 for line in shown.out.splitlines())


def test_two_people_book_one_room(room: Office, call: Call) -> None:
    """Both by syncd, or one of them past it. It waits for a person: exit 4."""
    room.visits(2)
    assert call("sync").code == 0
    assert call("busy").code == 0
    _book(room.desks[0], 0.5, 1)
    done = call("busy", "--json")
    assert done.code == 4
    (channel,) = done.json["channels"]
    spans = [[each["start"], each["end"]] for each in channel["doubles"]]
    assert spans == [
        [f"{_later(0.5).isoformat()}+00:00", f"{_later(0.75).isoformat()}+00:00"],
        [f"{_later(1).isoformat()}+00:00", f"{_later(1.5).isoformat()}+00:00"],
    ]
    names = [[one["known"] for one in each["bookings"]] for each in channel["doubles"]]
    assert [sorted(each) for each in names] == [[False, True], [False, True]]
    shown = call("busy")
    assert shown.code == 4
    assert shown.out.count("booked twice") == 2
    assert call("sync").code == 0  # now syncd knows it: a name on both sides
    (channel,) = call("busy", "--json").json["channels"]
    assert {one["title"] for each in channel["doubles"] for one in each["bookings"]} >= {
        "Zahnarzt 牙医"
    }


def test_the_crm_books_a_room_twice(office: Office, call: Call) -> None:
    """Also where the server joins both into one span: the copies tell."""
    office.visits(2)
    office.change(2, starts_at=_later(0.25), ends_at=_later(1))
    assert call("sync").code == 0
    done = call("busy", "--json")
    assert done.code == 4
    (double,) = done.json["channels"][0]["doubles"]
    assert (double["start"], double["end"]) == (
        f"{_later(0.25).isoformat()}+00:00",
        f"{_later(0.75).isoformat()}+00:00",
    )
    assert all(each["appointment"] for each in double["bookings"])


def test_a_private_item_keeps_its_title(office: Office, call: Call) -> None:
    """A list is for everybody's eyes; who has to know asks for the one by its id."""
    office.visits(1)
    _book(office.desks[0], 3, 1, seen="PRIVATE")
    assert call("sync").code == 0
    done = call("busy", "--json")
    taken = done.json["channels"][0]["taken"]
    assert [each["known"] for each in taken] == [True, True]
    assert "Zahnarzt" not in done.out
    assert taken[1]["title"] == "(private)"
    told = call("explain", taken[1]["appointment"], "--json").json
    assert told["title"] == "Zahnarzt 牙医"


def test_other_days(office: Office, call: Call) -> None:
    office.visits(10)  # nine tomorrow, one the day after
    assert call("sync").code == 0
    day = (MONDAY + timedelta(days=2)).date()
    done = call("busy", "--from", day.isoformat(), "--days", "1", "--json").json
    assert len(done["channels"][0]["taken"]) == 1
    assert done["from"] == f"{(day - timedelta(days=1)).isoformat()}T16:00:00+00:00"
    assert call("busy", "--from", "2030-01-01").out.splitlines() == ["sales/alice: free"]


def test_it_writes_nothing(office: Office, call: Call) -> None:
    office.visits(2)
    assert call("sync").code == 0
    _book(office.desks[0], 0.5, 1)
    before = _state(office), office.desks[0].items()
    call("busy")
    assert (_state(office), office.desks[0].items()) == before


def _state(office: Office) -> list[str]:
    with closing(sqlite3.connect(office.folder / "state.db")) as raw:
        return sorted(raw.iterdump())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["alcie"], ["there is no channel 'alcie'", 'did you mean "alice"?']),
        (["sales/bob"], ["there is no channel 'sales/bob'"]),
        (["crm"], ["crm: a sql system does not tell when it is taken"]),
        (["--from", "morgen"], ["--from: 'morgen' is no date", "2026-12-31"]),
    ],
)
def test_bad_words_are_told(office: Office, call: Call, words: list[str], told: list[str]) -> None:
    done = call("busy", *words)
    assert (done.code, done.out) == (2, "")
    for each in told:
        assert each in done.err


def test_both_names_of_a_channel(office: Office, call: Call) -> None:
    for name in ("alice", "sales/alice"):
        assert [c["channel"] for c in call("busy", name, "--json").json["channels"]] == ["alice"]


def test_a_channel_that_was_never_looked_at(office: Office, call: Call) -> None:
    _book(office.desks[0], 3, 1)
    assert call("busy", "--json").json["channels"][0]["looked"] is None
    assert "never looked at" in call("busy").out


def test_where_no_system_can_tell(office: Office, call: Call) -> None:
    text = office.config.read_text("utf-8")
    office.config.write_text(text.partition('[[bridges.channels]]\nname = "alice"')[0], "utf-8")
    assert call("busy").out.strip() == "no channel has a system that tells when it is taken"
    done = call("busy", "--json")
    assert (done.code, done.json["channels"]) == (0, [])


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.add(BOT)
        fake.calendars.add(ROOM, ROOM).roles[BOT] = "writer"
        yield fake


@pytest.fixture
def both(office: Office, google: FakeGoogle) -> Office:
    """Alice on a server of the company's own, and a room at Google."""
    (office.folder / "google.json").write_text(google.key_file, "utf-8")
    office.configure()
    more = [
        "[systems.google]",
        'connector = "google"',
        'service_account = { file = "google.json" }',
        f'account = "{BOT}"',
        f'endpoint = "{google.endpoint}"',
    ]
    head, mark, rest = office.config.read_text("utf-8").partition("[[bridges]]")
    tail = ["[[bridges.channels]]", 'name = "room-3"', 'system = "google"', f'calendar = "{ROOM}"']
    tail += ['admits = "none"', 'holds = "all"', ""]
    text = "\n".join([head, *more, mark]) + rest + "\n".join(tail)
    office.config.write_text(text, "utf-8")
    return office


def test_rooms_and_people_of_several_systems(both: Office, google: FakeGoogle, call: Call) -> None:
    both.visits(2)
    assert call("sync").code == 0
    start = _later(3) + timedelta(hours=8)
    google.person(BOT, ROOM).put(
        "别人的会议", Timed(start, start + timedelta(hours=1), "Asia/Shanghai")
    )
    google.requests.clear()
    channels = call("busy", "--json").json["channels"]
    assert [channel["channel"] for channel in channels] == ["alice", "room-3"]
    assert [each["known"] for each in channels[0]["taken"]] == [True, True]
    assert [each["known"] for each in channels[1]["taken"]] == [True, True, False]
    assert google.requests == {"freebusy.query": 1}


@pytest.mark.parametrize("dead", ["server", "scope"])
def test_a_dead_system_stops_no_other(
    both: Office, google: FakeGoogle, call: Call, dead: str
) -> None:
    """Invariant 9. What failed is said where it belongs, and the exit code is 1."""
    both.visits(1)
    assert call("sync").code == 0
    if dead == "server":
        url = both.desks[0].server.url
        text = both.config.read_text("utf-8").replace(url, f"http://127.0.0.1:{free_port()}/")
        both.config.write_text(text, "utf-8")
    else:
        google.tokens.delegated.discard(FREE_BUSY)
    done = call("busy", "--json")
    assert done.code == 1
    channels = {each["channel"]: each for each in done.json["channels"]}
    broken, other = ("alice", "room-3") if dead == "server" else ("room-3", "alice")
    assert channels[broken]["failed"]
    assert channels[broken]["taken"] == []
    assert channels[other]["failed"] is None
    assert [each["known"] for each in channels[other]["taken"]] == [True]
    shown = call("busy")
    assert shown.code == 1
    assert "not told:" in shown.out
    if dead == "scope":
        assert "calendar.events.freebusy" in "".join(shown.out.split())
