"""``plan``: exactly what ``sync`` then does, and nothing of it itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.cells import cell_len

from tests.cli.conftest import Call
from tests.office import MONDAY, Desk, Office
from tests.servers import Server


def test_plan_shows_exactly_what_sync_then_does(office: Office, call: Call) -> None:
    """Created, changed, removed: the same counts by channel, and the plan writes nothing."""
    office.visits(8)
    _compare(office, call, {"alice": (8, 0, 0), "crm": (0, 0, 0)})
    office.change(1, subject="改名 📅")
    office.change(2, state="cancelled")
    desk = office.desks[0]
    paths = {str(event["SUMMARY"]): path for path, event in desk.events().items()}
    third = next(path for title, path in paths.items() if "003" in title)
    desk.server.delete(third)
    _compare(office, call, {"alice": (0, 1, 1), "crm": (0, 1, 0)})


def _compare(office: Office, call: Call, expected: dict[str, tuple[int, int, int]]) -> None:
    before = (office.rows(), office.desks[0].items())
    planned = call("plan", "--json")
    assert planned.code == 0
    assert (office.rows(), office.desks[0].items()) == before
    bridge = planned.json["bridges"]["sales"]
    again = call("plan", "--json").json["bridges"]["sales"]
    assert _named(again) == _named(bridge)
    channels = {
        name: tuple(bridge["channels"].get(name, {}).get(key, 0) for key in _OPERATIONS)
        for name in expected
    }
    assert channels == expected
    done = call("sync", "--json").json["bridges"][0]["channels"]
    assert {c["name"]: (c["created"], c["updated"], c["deleted"]) for c in done} == expected
    assert "nothing to write" in call("plan").out


_OPERATIONS = ("create", "update", "delete")


def _named(bridge: dict[str, list[dict[str, str]]]) -> Counter[tuple[str, str]]:
    return Counter((write["channel"], write["operation"]) for write in bridge["writes"])


def test_plan_for_people_is_a_summary_first(office: Office, call: Call) -> None:
    """A sentence, a table that fits eighty columns; then each write has a line."""
    office.visits(3)
    lines = call("plan").out.splitlines()
    told = "0 are linked, 3 created in the calendars, 0 doubtful, 0 deleted, 0 people mailed"
    assert lines[0] == f"sales: {told}"
    words = ["channel", "linked", "created", "changed", "removed", "doubtful"]
    assert lines[1].split() == words
    assert lines[2].split() == ["alice", "0", "3", "0", "0", "0"]
    writes = [line for line in lines if line.startswith("alice: create 20")]
    assert len(writes) == 3
    assert all("拜访客户" in line for line in writes)
    assert all(cell_len(line) <= 80 for line in lines[1:3])


def _event(
    office: Office,
    file: str,
    row: dict[str, Any],
    *,
    title: str = "",
    attendees: Sequence[str] = (),
) -> None:
    """Somebody has this visit in the calendar already."""
    start, end = row["starts_at"], row["ends_at"]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//A Phone//EN",
        "BEGIN:VEVENT",
        f"UID:{file}@phone",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{end:%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{title or row['subject']}".replace(";", "\\;").replace(",", "\\,"),
        *(f"ATTENDEE:mailto:{each}" for each in attendees),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    desk = office.desks[0]
    desk.server.put(desk.url, f"{file}.ics", "\r\n".join(lines) + "\r\n")


def test_plan_on_a_new_bridge_is_a_report(office: Office, call: Call) -> None:
    """Linked, created, doubtful with reasons and candidates, deleted, mailed; nothing written."""
    office.visits(6)
    rows = office.rows()
    for number in range(3):
        _event(office, f"known-{number}", rows[number])
    for number in (3, 4):
        office.change(rows[number]["id"], subject="会议 Besprechung")
        office.change(rows[number]["id"], **{n: rows[3][n] for n in ("starts_at", "ends_at")})
    _event(office, "which", rows[3], title="会议 Besprechung")
    before = (office.rows(), office.desks[0].items())
    answer = call("plan", "--json")
    assert answer.code == 4
    bridge = answer.json["bridges"]["sales"]
    assert bridge["summary"] == {
        "linked": 3,
        "created": {"crm": 0, "calendar": 1},
        "changed": 3,  # what the calendar did not say of the linked ones
        "doubtful": 3,
        "deleted": 0,
        "cancelled": 0,
        "mailed": 0,
    }
    assert {each["shown"].partition(",")[0] for each in bridge["doubts"]} == {"alice", "crm"}
    shown = call("plan").out.splitlines()
    said = "3 are linked, 1 created in the calendars, 3 changed, 3 doubtful, 0 deleted"
    assert shown[0] == f"sales: {said}, 0 people mailed"
    doubts = [n for n, line in enumerate(shown) if line.startswith("doubtful: ")]
    assert len(doubts) == 3
    for number in doubts:
        assert "会议 Besprechung" in shown[number]
        assert shown[number + 1].strip()
        assert shown[number + 2].startswith("  may be: ")
        assert "会议 Besprechung" in shown[number + 2]
    assert (office.rows(), office.desks[0].items()) == before


def test_plan_lists_as_many_as_asked(office: Office, call: Call) -> None:
    """``--limit`` and ``--all``; JSON has all of them."""
    office.visits(12)
    _some = call("plan", "--limit", "5").out
    assert _some.count("alice: create ") == 5
    assert "… and 7 more (--all shows them)" in _some
    assert call("plan", "--limit", "5", "--all").out.count("alice: create ") == 12
    told = call("plan", "--limit", "5", "--json").json["bridges"]["sales"]
    assert len(told["writes"]) == 12
    assert all("拜访客户" in write["shown"] for write in told["writes"])


@pytest.mark.parametrize("invite", [True, False])
def test_plan_counts_whom_a_vendor_may_mail(
    office: Office, call: Call, radicale_server: Server, invite: bool
) -> None:
    """Invariant 5: only where ``invite = true``; each person once, the calendar's own not."""
    url = radicale_server.calendar(f"bob-{uuid4().hex[:8]}")
    settings: dict[str, str | bool] = {"invite": invite, "person": "bob@example.com"}
    office.desks.append(Desk("bob", radicale_server, url, settings))
    office.configure()
    office.visits(2)
    for number, row in enumerate(office.rows()):
        guests = ["bob@example.com", "kunde@mueller.example", f"gast{number}@example.org"]
        _event(office, f"with-{number}", {**row, "subject": f"Führung {number}"}, attendees=guests)
    bridge = call("plan", "--json").json["bridges"]["sales"]
    expected = ["gast0@example.org", "gast1@example.org", "kunde@mueller.example"]
    assert bridge["mailed"] == ({"bob": expected} if invite else {})
    assert call("plan").out.splitlines()[0].endswith(f"{3 if invite else 0} people mailed")


def test_plan_counts_links(office: Office, call: Call) -> None:
    """A lost store: everything links, nothing is written."""
    office.visits(3)
    call("sync")
    for path in office.folder.glob("state.db*"):
        path.unlink()
    bridge = call("plan", "--json").json["bridges"]["sales"]
    assert {name: counts["link"] for name, counts in bridge["channels"].items()} == {
        "alice": 3,
        "crm": 3,
    }
    assert bridge["writes"] == []


def test_trace_19_a_mended_mapping_is_no_edit(office: Office, call: Call) -> None:
    """The value table changes: plan says what now reads differently; nothing is written."""
    mappings = office.folder / "mappings"
    mappings.mkdir()
    shipped = _shipped()
    wrong = shipped.replace('confirmed = "confirmed"', 'confirmed = "done"')
    wrong = wrong.replace('completed = "done"', 'completed = "confirmed"')
    (mappings / "visits.toml").write_text(wrong, "utf-8")
    office.visits(4)
    assert call("sync").code == 0
    before = (office.rows(), office.desks[0].items())
    (mappings / "visits.toml").write_text(shipped, "utf-8")
    planned = call("plan", "--json")
    assert planned.code == 0
    bridge = planned.json["bridges"]["sales"]
    assert bridge["writes"] == []
    assert bridge["reread"] == {"crm": {str(row["id"]): ["status"] for row in before[0]}}
    shown = call("plan").out
    assert "crm: 4 read differently than before, which is no edit: status (4)" in shown
    assert call("sync").code == 0
    assert (office.rows(), office.desks[0].items()) == before
    assert call("plan", "--json").json["bridges"]["sales"]["reread"] == {}


def _shipped() -> str:
    return (Path(__file__).parents[2] / "mappings" / "visits.toml").read_text("utf-8")


def test_two_alike_in_one_channel_are_no_doubt(office: Office, call: Call) -> None:
    """Rows that look alike in the CRM alone: both are created."""
    start = MONDAY + timedelta(days=1, hours=8)
    office.visits(2, subject="gleich", starts_at=start, ends_at=start + timedelta(hours=1))
    assert call("plan", "--json").json["bridges"]["sales"]["channels"]["alice"]["create"] == 2
