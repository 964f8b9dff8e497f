"""Colleagues join, leave, change their address or their calendar."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from connectors.sql.crm.schema import visit
from syncd.results import State
from tests.office import MONDAY
from tests.people.conftest import at_work, sync, writes
from tests.people.firm import Firm, address


def tomorrow() -> datetime:
    """A day from now."""
    return datetime.now(UTC) + timedelta(days=1)


def today() -> str:
    """The firm's day: it is in Shanghai."""
    return f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d}"


_OWN = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//person//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20260101T000000Z\r
DTSTART:{start:%Y%m%dT%H%M%SZ}\r
DTEND:{end:%Y%m%dT%H%M%SZ}\r
SUMMARY:{title}\r
END:VEVENT\r
END:VCALENDAR\r
"""


def _own_event(firm: Firm, number: int, title: str) -> None:
    start = MONDAY + timedelta(days=3, hours=7)
    text = _OWN.format(uid=title, start=start, end=start + timedelta(hours=1), title=title)
    firm.server.put(firm.lines[number]["nextcloud"], "own.ics", text)


def test_a_joiner_gets_what_is_to_come(firm: Firm) -> None:
    """A new line: the coming visits arrive, those outside the window do not; nobody else is
    written to."""
    firm.visits(1, numbers=[3], day=2)
    firm.visits(2, numbers=[3], day=-40)
    assert sync(firm).state is State.CONVERGED
    firm.lines[3] = firm.line(3)
    firm.tell()
    result = sync(firm)
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0003": 1})
    assert firm.subjects(3) == ["拜访客户 3-0"]


def test_a_removed_line_leaves_the_calendar_as_it_is(firm: Firm) -> None:
    """And the channel owes nothing; a colleague who returns meets the same copies."""
    sync(firm)
    before, line = firm.keys(), firm.lines[1]
    del firm.lines[1]
    firm.tell()
    firm.change("拜访客户 1-0", subject="改了 1-0")
    assert writes(sync(firm)) == {}
    firm.lines[1] = line
    firm.tell()
    result = sync(firm)
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0001": 1})
    assert firm.keys() == before
    assert "改了 1-0" in firm.subjects(1)


def test_after_the_last_day_a_calendar_is_kept_as_it_is(firm: Firm) -> None:
    """The last day counts still; the day after, nothing is read or written there any more."""
    sync(firm)
    before = firm.keys()
    firm.lines[1]["until"] = today()
    firm.tell()
    assert "nextcloud-u0001" in [channel.name for channel in sync(firm).channels]
    firm.change("拜访客户 1-0", subject="改了")
    firm.server.delete(firm.server.url.rstrip("/") + min(before[1]))
    result = sync(firm, tomorrow())
    assert "nextcloud-u0001" not in [channel.name for channel in result.channels]
    assert writes(result) == {}
    assert firm.keys()[1] == before[1] - {min(before[1])}
    assert "cancelled" not in firm.states().values()


def test_what_is_to_come_is_withdrawn_from_a_leaver(firm: Firm) -> None:
    """As configured: what syncd put there and is still to come goes, without a hold; what is
    past, and what the colleague made, stays. The CRM and the others keep everything."""
    firm.configure('on_leave = "withdraw"')
    firm.visits(2, numbers=[1], day=-9)
    _own_event(firm, 1, "个人事务")
    sync(firm)
    before = firm.keys()
    assert len(before[1]) == 8 + 2 + 1
    firm.visits(99, numbers=[0])  # so that the limit of the installation is above eight
    sync(firm)
    others = {number: firm.keys()[number] for number in (0, 2)}
    states = firm.states()
    firm.lines[1]["until"] = today()
    firm.tell()
    result = sync(firm, tomorrow())
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0001": 8})
    assert len(firm.keys()[1]) == 2 + 1
    assert "个人事务" in firm.subjects(1)
    assert firm.states() == states
    assert {number: firm.keys()[number] for number in (0, 2)} == others
    assert writes(sync(firm, tomorrow())) == {}


def test_what_happens_in_the_calendar_of_a_leaver_does_not_count(firm: Firm) -> None:
    """It is emptied by the IT department: no visit is cancelled (invariant 4)."""
    firm.configure('on_leave = "withdraw"')
    firm.visits(4, numbers=[1], day=-9)
    firm.visits(99, numbers=[0])
    sync(firm)
    firm.lines[1]["until"] = today()
    firm.tell()
    sync(firm, tomorrow())
    assert len(firm.keys()[1]) == 4
    for path in firm.keys()[1]:
        firm.server.delete(firm.server.url.rstrip("/") + path)
    assert sync(firm, tomorrow()).state is State.CONVERGED
    assert set(firm.states().values()) == {"confirmed"}


def test_who_comes_back_gets_everything_again(firm: Firm) -> None:
    firm.configure('on_leave = "withdraw"')
    firm.visits(99, numbers=[0])
    sync(firm)
    firm.lines[1]["until"] = today()
    firm.tell()
    sync(firm, tomorrow())
    assert firm.subjects(1) == []
    del firm.lines[1]["until"]
    firm.tell()
    result = sync(firm, tomorrow())
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0001": 8})
    assert len(firm.subjects(1)) == 8


def test_a_column_that_was_filled_by_mistake_is_held(firm: Firm) -> None:
    """Everybody's last day is over: nothing is withdrawn before somebody approves it."""
    firm.configure('on_leave = "withdraw"')
    sync(firm)
    before = firm.keys()
    for line in firm.lines.values():
        line["until"] = today()
    firm.tell()
    result = sync(firm, tomorrow())
    assert (result.state, writes(result)) == (State.HELD, {})
    assert firm.keys() == before


def test_a_new_address_with_an_id_is_the_same_colleague(firm: Firm) -> None:
    """Marriage, or a new domain. The CRM says the old address still, and later the new one:
    nothing is deleted, made or made again."""
    for number, line in firm.lines.items():
        line["id"] = f"工号{number}"
    firm.tell()
    sync(firm)
    before = firm.keys()
    firm.lines[1]["email"] = "fang.wang@new.example"
    firm.tell()
    result = sync(firm)
    assert [c.name for c in result.channels][2] == "nextcloud-工号1"
    assert (result.state, writes(result)) == (State.CONVERGED, {})
    firm.hand_over(address(1), "fang.wang@new.example")
    result = sync(firm)
    assert (result.state, writes(result), firm.keys()) == (State.CONVERGED, {}, before)


def test_a_new_address_with_the_old_one_as_alias_is_the_same_colleague(firm: Firm) -> None:
    """Without ids the channel has another name, and its copies are linked anew."""
    sync(firm)
    before = firm.keys()
    firm.lines[1] |= {"email": "fang.wang@new.example", "aliases": address(1)}
    firm.tell()
    result = sync(firm)
    assert [c.name for c in result.channels][2] == "nextcloud-fang.wang"
    assert (result.state, writes(result), firm.keys()) == (State.CONVERGED, {}, before)
    firm.change("拜访客户 1-0", subject="改了 1-0")
    assert writes(sync(firm)) == {"nextcloud-fang.wang": 1}
    assert firm.keys() == before


def test_an_address_that_somebody_else_has_now_is_no_former_one(firm: Firm) -> None:
    """The old address was given to a newcomer: the visits under it are the newcomer's."""
    for number, line in firm.lines.items():
        line["id"] = f"p{number}"
    firm.tell()
    sync(firm)
    firm.lines[1]["email"] = "fang.wang@example.com"
    firm.lines[3] = {**firm.line(3), "id": "p3", "email": address(1)}
    firm.visits(99, numbers=[0])
    firm.tell()
    with at_work(firm) as deployment:
        (bridge,) = deployment.bridges()
        names = bridge.policy.names_of
        assert names("fang.wang@example.com") == {"fang.wang@example.com"}
        assert names(address(1)) == {address(1)}


def test_a_calendar_that_was_moved_is_linked_anew(firm: Firm) -> None:
    """Another URL with the same items: nothing is cancelled, doubled or written."""
    sync(firm)
    root = firm.server.folder / "collections" / "collection-root"
    old = firm.lines[1]["nextcloud"].removeprefix(firm.server.url).rstrip("/")
    names = {path.rpartition("/")[2] for path in firm.keys()[1]}
    shutil.move(root / old, root / f"{old}-neu")
    firm.lines[1]["nextcloud"] = f"{firm.server.url}{old}-neu/"
    firm.tell()
    result = sync(firm)
    assert (result.state, writes(result)) == (State.CONVERGED, {})
    assert {path.rpartition("/")[2] for path in firm.keys()[1]} == names
    assert set(firm.states().values()) == {"confirmed"}
    firm.change("拜访客户 1-0", subject="改了 1-0")
    assert writes(sync(firm)) == {"nextcloud-u0001": 1}
    assert len(firm.subjects(1)) == 8


def test_another_calendar_is_filled_and_cancels_nothing(firm: Firm) -> None:
    """A colleague has a new, empty calendar: what the old one had is not gone (invariant 4)."""
    sync(firm)
    firm.lines[1]["nextcloud"] = firm.make_calendar("neu", "新日历")
    firm.tell()
    result = sync(firm)
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0001": 8})
    assert set(firm.states().values()) == {"confirmed"}
    assert len(firm.subjects(1)) == 8


def test_a_renamed_calendar_is_the_same_one(firm: Firm) -> None:
    """The file names calendars by their display names, and one of them was renamed."""
    for number, line in firm.lines.items():
        line["nextcloud"] = firm.display_name(number)
    firm.tell()
    sync(firm)
    before = {number: firm.paths(number) for number in firm.lines}
    firm.rename(1, "外勤 Außendienst")
    firm.configure(timeout=61)  # another account: what was discovered a moment ago is forgotten
    result = sync(firm)
    assert result.state is State.FAILED
    assert "nextcloud-u0001" in result.reason
    firm.change("拜访客户 2-0", subject="改了 2-0")
    assert writes(sync(firm)) == {"nextcloud-u0002": 1}
    firm.lines[1]["nextcloud"] = "外勤 Außendienst"
    firm.tell()
    result = sync(firm)
    assert (result.state, writes(result)) == (State.CONVERGED, {})
    assert {number: firm.paths(number) for number in firm.lines} == before


def test_a_successor_may_have_the_calendar_of_a_leaver(firm: Firm) -> None:
    """A team's calendar is handed on: the leaver's line stays, with its last day."""
    sync(firm)
    firm.lines[1]["until"] = today()
    firm.lines[3] = {"name": "新人", "email": address(3), "nextcloud": firm.lines[1]["nextcloud"]}
    firm.tell()
    firm.hand_over(address(1), address(3))
    result = sync(firm, tomorrow())
    assert (result.state, writes(result)) == (State.CONVERGED, {})
    assert [c.name for c in result.channels if c.name.endswith(("1", "3"))] == ["nextcloud-u0003"]
    with firm.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(visit)) == 24
