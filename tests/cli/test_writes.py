"""What a person is told of each write before it is made: when, what it was, where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from syncd.core.model import AllDay, Timed, When
from syncd.shown import Shown, causes, in_order
from syncd.store import HoldState, Store
from syncd.wording import change_texts, when_text
from tests.cli.conftest import Call
from tests.office import MONDAY, Desk, Office
from tests.servers import Server

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
DAY = MONDAY + timedelta(days=3)


def _timed(start: str, end: str, zone: str | None) -> Timed:
    return Timed(datetime.fromisoformat(start), datetime.fromisoformat(end), zone)


@pytest.mark.parametrize(
    ("when", "told", "here"),
    [
        (
            _timed("2026-11-23T01:00", "2026-11-23T01:45", "UTC"),
            "2026-11-23 09:00–09:45",
            "2026-11-23 09:00–09:45",
        ),
        (
            _timed("2026-11-23T09:00", "2026-11-23T09:45", SHANGHAI),
            "2026-11-23 09:00–09:45",
            "2026-11-23 09:00–09:45",
        ),
        (
            _timed("2026-11-23T09:00", "2026-11-23T12:30", NEW_YORK),
            "2026-11-23 09:00–12:30 America/New_York",
            "2026-11-23 22:00 – 2026-11-24 01:30",
        ),
        (
            _timed("2026-11-23T09:00", "2026-11-23T09:45", "Asia/Singapore"),  # the same clock
            "2026-11-23 09:00–09:45",
            "2026-11-23 09:00–09:45",
        ),
        (
            _timed("2026-11-23T09:00:30", "2026-11-23T09:00:30", None),
            "2026-11-23 09:00:30",
            "2026-11-23 09:00:30",
        ),
        (
            AllDay(date(2026, 11, 23), date(2026, 11, 24)),
            "2026-11-23 all day",
            "2026-11-23 all day",
        ),
        (
            AllDay(date(2026, 11, 23), date(2026, 11, 25)),
            "2026-11-23 – 2026-11-24 all day",
            "2026-11-23 – 2026-11-24 all day",
        ),
    ],
)
def test_a_time_is_told_on_a_clock_that_people_read(when: When, told: str, here: str) -> None:
    """Ours, or the appointment's own where it differs; never on one that nobody lives by."""
    assert when_text(when, SHANGHAI) == told
    assert when_text(when, SHANGHAI, own=False) == here


def test_times_that_look_alike_are_told_apart() -> None:
    """Only the zone that it is kept in has changed."""
    before, after = (
        _timed("2026-11-23T01:00", "2026-11-23T02:00", "UTC"),
        _timed("2026-11-23T09:00", "2026-11-23T10:00", SHANGHAI),
    )
    told = change_texts(before, after, SHANGHAI)
    assert told[0] != told[1]
    assert [zone in text for zone, text in zip(("UTC", SHANGHAI), told, strict=True)] == [True] * 2


@pytest.fixture
def travelling(office: Office, call: Call, radicale_server: Server) -> Office:
    """Alice and Bob; visits of the CRM, which keeps UTC, one in New York, and two whole days."""
    url = radicale_server.calendar(f"bob-{uuid4().hex[:8]}")
    office.desks.append(Desk("bob", radicale_server, url))
    office.configure()
    office.visits(12)
    _put(office, "ny", "Demo 纽约", _times(f"TZID={NEW_YORK}:", "%Y%m%dT090000", "%Y%m%dT100000"))
    later = DAY + timedelta(days=2)
    days = [f"DTSTART;VALUE=DATE:{DAY:%Y%m%d}", f"DTEND;VALUE=DATE:{later:%Y%m%d}"]
    _put(office, "fair", "展会 Messe", days)
    assert call("sync").code == 0
    return office


def _times(zone: str, start: str, end: str) -> list[str]:
    return [f"DTSTART;{zone}{DAY:{start}}", f"DTEND;{zone}{DAY:{end}}"]


def _put(office: Office, name: str, title: str, times: Sequence[str]) -> None:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//A Phone//EN", "BEGIN:VEVENT"]
    lines += [f"UID:{name}@phone", "DTSTAMP:20260101T000000Z", *times, f"SUMMARY:{title}"]
    desk = office.desks[0]
    text = "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR"]) + "\r\n"
    desk.server.put(desk.url, f"{name}.ics", text)


def _edited(office: Office) -> None:
    """Alice moves the demo and renames the fair; in the CRM a visit is moved and renamed."""
    _put(office, "ny", "Demo 纽约", _times(f"TZID={NEW_YORK}:", "%Y%m%dT110000", "%Y%m%dT120000"))
    later = DAY + timedelta(days=2)
    days = [f"DTSTART;VALUE=DATE:{DAY:%Y%m%d}", f"DTEND;VALUE=DATE:{later:%Y%m%d}"]
    _put(office, "fair", "展会 Messe 2", days)
    start = MONDAY + timedelta(days=2, hours=5)
    new = {"starts_at": start, "ends_at": start + timedelta(hours=1), "subject": "改名 📅"}
    office.change(1, **new, notes="streng")


def test_plan_tells_what_was_and_what_becomes(travelling: Office, call: Call) -> None:
    """By channel, then by time; of each value that people look at, the old one and the new."""
    _edited(travelling)
    told = call("plan").out.splitlines()
    start = told.index("times in Asia/Shanghai, unless another zone is named") + 1
    row, first, two = travelling.rows()[0], DAY, DAY + timedelta(days=1)
    before = f"{row['starts_at'] - timedelta(days=1, hours=5) + timedelta(hours=8):%Y-%m-%d} 09:00"
    moved = f"{row['starts_at'] + timedelta(hours=8):%Y-%m-%d}"
    demo = [f"{DAY:%Y-%m-%d} {hours} {NEW_YORK}" for hours in ("09:00–10:00", "11:00–12:00")]
    visit = [
        f"update {moved} 14:00–15:00, 改名 📅, {row['place']}",
        f"  when: {before}–09:45 -> {moved} 14:00–15:00",
        "  title: 拜访客户 000 – Besuch, 0; “é” -> 改名 📅",
    ]
    fair = [
        f"update {first:%Y-%m-%d} – {two:%Y-%m-%d} all day, 展会 Messe 2",
        "  title: 展会 Messe -> 展会 Messe 2",
    ]
    expected = [
        *(f"alice: {visit[0]} (description, title, when): changed, from crm", *visit[1:]),
        *(f"bob: {visit[0]} (description, title, when): changed, from crm", *visit[1:]),
        *(f"bob: {fair[0]} (title): changed, from alice", *fair[1:]),
        f"bob: update {demo[1]}, Demo 纽约 (when): changed, from alice",
        f"  when: {demo[0]} -> {demo[1]}",
        *(f"crm: {fair[0]} (title): changed, from alice", *fair[1:]),
    ]
    shown = [line.partition(" [")[0] for line in told[start:]]
    assert shown[: len(expected)] == expected
    assert [line[:11] for line in shown[len(expected) :]] == ["crm: update", "  when: 202"]


def test_programs_are_told_the_same_with_offsets(travelling: Office, call: Call) -> None:
    """What was there stays as it was; the rest is added."""
    _edited(travelling)
    writes = call("plan", "--json").json["bridges"]["sales"]["writes"]
    (demo,) = [each for each in writes if each["channel"] == "bob" and "Demo" in each["shown"]]
    day = f"{DAY:%Y-%m-%d}"
    assert demo["shown"] == f"{day}T11:00/{day}T12:00 {NEW_YORK}, Demo 纽约"
    was, becomes = _told(9), _told(11)
    assert demo["changes"] == [{"field": "when", "old": was, "new": becomes}]
    assert demo["when"] == becomes
    assert (demo["cause"]["channel"], demo["cause"]["what"]) == ("alice", "moved")
    assert datetime.fromisoformat(demo["cause"]["since"]).tzinfo is not None


def _told(hour: int) -> dict[str, object]:
    """An hour of that day in New York."""
    start = DAY.replace(hour=hour, tzinfo=ZoneInfo(NEW_YORK))
    ends = start.isoformat(), (start + timedelta(hours=1)).isoformat()
    return {"start": ends[0], "end": ends[1], "zone": NEW_YORK, "all_day": False}


def test_a_hold_tells_where_it_was_done_and_since_when(travelling: Office, call: Call) -> None:
    """Alice deletes nine; what would be written to is the CRM and Bob, and she is named."""
    desk = travelling.desks[0]
    for path in sorted(path for path, text in desk.items().items() if "拜访客户" in text)[:7]:
        desk.server.delete(path)
    began = datetime.now(UTC).replace(microsecond=0)
    assert call("sync").code == 3
    (hold,) = call("approve", "--json").json["holds"]
    (cause,) = hold["causes"]
    assert (cause["channel"], cause["what"], cause["appointments"]) == ("alice", "ended", 7)
    assert began <= datetime.fromisoformat(cause["since"]) <= datetime.now(UTC)
    shown = call("approve").out.splitlines()
    seen = f"{datetime.fromisoformat(cause['since']).astimezone(ZoneInfo(SHANGHAI)):%Y-%m-%d %H:%M}"
    assert shown[1] == f"  from alice: 7 deleted or cancelled, seen {seen}"
    times = [line.partition("  ")[2][:25] for line in shown if line.startswith("  bob: delete")]
    assert len(times) == 7
    assert times == sorted(times)
    (status,) = call("status", "--json").json["holds"]
    assert status["causes"] == hold["causes"]
    assert shown[1] in call("status").out.splitlines()


def test_a_hold_of_an_older_syncd_is_shown(office: Office, call: Call) -> None:
    """It was stored without times and causes."""
    office.visits(1)
    assert call("sync").code == 0
    old = {
        "write": "f1",
        "appointment": "a1",
        "channel": "crm",
        "slot": "",
        "operation": "cancel",
        "paths": "status",
        "reason": "changed",
        "shown": "2026-11-23T01:00/2026-11-23T01:45 UTC, 拜访",
    }
    with Store.open(f"sqlite:///{office.folder / 'state.db'}") as store:
        store.open_hold("sales", "crm: 8 of 20", datetime.now(UTC), "d1", [old])
        (hold,) = store.holds(HoldState.OPEN)
    assert "  crm: cancel 2026-11-23T01:00/2026-11-23T01:45 UTC, 拜访 (status) [a1]" in (
        call("approve").out.splitlines()
    )
    assert call("approve", "--json").json["holds"][0]["causes"] == []
    assert causes(hold.writes) == []


def test_doubts_and_differences_are_on_the_same_clock(office: Office, call: Call) -> None:
    """Also what waits in the inbox, and what ``verify`` finds; for programs they are as before."""
    start = MONDAY + timedelta(days=1, hours=1)
    office.visits(2, subject="会议", starts_at=start, ends_at=start + timedelta(hours=1))
    times = [
        f"DTSTART:{start:%Y%m%dT%H%M%S}Z",
        f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%S}Z",
    ]
    _put(office, "which", "会议", times)
    assert call("sync").code == 4
    here = f"{start + timedelta(hours=8):%Y-%m-%d} 10:00–11:00, 会议"
    for command in ("plan", "conflicts"):
        shown = call(command).out
        assert "times in Asia/Shanghai, unless another zone is named" in shown, command
        assert shown.count(here) >= 2, command
        assert " UTC" not in shown, command
    items = call("conflicts", "--json").json["conflicts"]
    assert all(" UTC, 会议" in item["shown"] for item in items)
    assert all("told" not in item for item in items)
    for item in items:
        call("resolve", item["id"], "--take", "new")
    call("sync")
    office.change(1, place="新地址")
    shown = call("verify").out
    assert f"crm: changed (location): {here}, 新地址" in shown
    told = call("verify", "--json").json["bridges"][0]["differences"]
    assert any(" UTC, 会议, 新地址" in each["shown"] for each in told)


def test_causes_are_counted_by_appointment() -> None:
    """Two writes of one appointment are one deletion; what is most comes first."""
    times = [datetime(2026, 11, 22, 8, minute, tzinfo=UTC) for minute in range(3)]
    writes = [
        _write("a", "crm", "ended", "alice", times[1]),
        _write("a", "bob", "ended", "alice", times[1]),
        _write("b", "crm", "ended", "alice", times[0]),
        _write("c", "crm", "moved", "bob", times[2]),
        {**_write("d", "crm", "", "", times[2]), "cause": None},
    ]
    told = [(each.what, each.channel, each.count, each.since, each.last) for each in causes(writes)]
    assert told == [
        ("ended", "alice", 2, times[0], times[1]),
        ("moved", "bob", 1, times[2], times[2]),
    ]


def _write(id: str, channel: str, what: str, source: str, seen: datetime) -> Shown:
    cause = {"what": what, "channel": source, "since": seen.isoformat()}
    return {"appointment": id, "slot": "", "channel": channel, "cause": cause}


def test_whole_days_begin_at_our_midnight() -> None:
    """Between the visits of the night before and those of the morning."""
    day = {"start": "2026-11-23", "end": "2026-11-24", "zone": None, "all_day": True}
    night = {"start": "2026-11-22T15:00:00+00:00", "end": "2026-11-22T15:30:00+00:00"}
    morning = {"start": "2026-11-22T17:00:00+00:00", "end": "2026-11-22T17:30:00+00:00"}
    writes = [
        {"channel": "crm", "appointment": "c", "slot": "", "when": {**morning, **_UTC}},
        {"channel": "crm", "appointment": "b", "slot": "", "when": day},
        {"channel": "crm", "appointment": "a", "slot": "", "when": {**night, **_UTC}},
        {"channel": "crm", "appointment": "d", "slot": "", "shown": "of an older syncd"},
        {"channel": "alice", "appointment": "e", "slot": "", "when": day},
    ]
    assert [each["appointment"] for each in in_order(writes, SHANGHAI)] == [*"eabcd"]


_UTC = {"zone": "UTC", "all_day": False}


def test_history_is_in_one_zone_named_once(travelling: Office, call: Call) -> None:
    """The demo in New York, too: what is read line by line is not to be converted."""
    _edited(travelling)
    assert call("sync").code == 0
    shown = call("history", "Demo").out
    assert shown.splitlines()[0] == "times in Asia/Shanghai"
    assert shown.count(SHANGHAI) == 1
    assert NEW_YORK not in shown
    days = [f"{DAY:%Y-%m-%d}", f"{DAY + timedelta(days=1):%Y-%m-%d}"]
    hour = DAY.replace(hour=9, tzinfo=ZoneInfo(NEW_YORK)).astimezone(ZoneInfo(SHANGHAI)).hour
    was, becomes = (f"{days[(each // 24)]} {each % 24:02d}:00" for each in (hour, hour + 2))
    assert f"  when: {was}–" in shown
    assert f" -> {becomes}–" in shown
    told = call("history", "Demo", "--json").json["history"]
    assert any(each.get("value", "").endswith(NEW_YORK) for each in told)
