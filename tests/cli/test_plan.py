"""``plan``: exactly what ``sync`` then does, and nothing of it itself."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from tests.cli.conftest import Call
from tests.office import MONDAY, Office


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
    """The table comes first and fits eighty columns; then each write has a line."""
    office.visits(3)
    lines = call("plan").out.splitlines()
    words = ["channel", "linked", "created", "changed", "removed", "doubtful"]
    assert lines[0].split()[1:] == words
    assert lines[1].split() == ["alice", "0", "3", "0", "0", "0"]
    assert sum(line.startswith("alice: create ") for line in lines) == 3
    assert all(len(line) <= 80 for line in lines[:2])


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
