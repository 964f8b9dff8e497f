"""``approve``, ``status``, ``pause`` and ``resume``: what an administrator sees of a hold."""

from __future__ import annotations

import getpass

import pytest

from tests.cli.conftest import Call
from tests.office import Office


@pytest.fixture
def held(office: Office, call: Call) -> Office:
    """Eight of twenty events were deleted in the calendar: writing has stopped itself."""
    office.visits(20)
    assert call("sync").code == 0
    desk = office.desks[0]
    paths = {str(event["SUMMARY"]): path for path, event in desk.events().items()}
    for title in sorted(paths)[:8]:
        desk.server.delete(paths[title])
    assert call("sync").code == 3
    return office


def test_approve_shows_exactly_what_would_be_written(held: Office, call: Call) -> None:
    """Title, time, channel, operation, before it is; nothing is written by looking."""
    before = held.rows()
    (hold,) = call("approve", "--json").json["holds"]
    assert len(hold["writes"]) == 8
    assert {(w["channel"], w["operation"]) for w in hold["writes"]} == {("crm", "cancel")}
    shown = call("approve").out.splitlines()
    assert "8 of 20 appointments would be deleted or cancelled" in shown[0]
    for number in range(8):
        (line,) = [line for line in shown if f"拜访客户 {number:03d}" in line]
        assert line.startswith("  crm: cancel 20")
        assert "(status)" in line
    assert shown[-1] == f"  to allow exactly these 8: syncd approve {hold['id']}"
    assert held.rows() == before


def test_the_record_says_who_approved(held: Office, call: Call) -> None:
    """Status tells who, when, how many and why; also once it is all written."""
    (hold,) = call("approve", "--json").json["holds"]
    assert call("approve", hold["id"]).code == 0
    (told,) = call("status", "--json").json["approvals"]
    assert (told["by"], told["writes"], told["pending"]) == (getpass.getuser(), 8, True)
    assert "not all written yet" in call("status").out
    assert call("sync").code == 0
    (told,) = call("status", "--json").json["approvals"]
    assert (told["id"], told["pending"]) == (hold["id"], False)
    shown = call("status").out
    assert f"approved by {getpass.getuser()} " in shown
    assert "sales: 8 writes" in shown
    assert "8 of 20 appointments" in shown
    assert len([row for row in held.rows() if row["state"] == "cancelled"]) == 8


def test_a_plan_with_more_holds_again(held: Office, call: Call) -> None:
    """What was approved is what was shown: one more deletion needs another approval."""
    (hold,) = call("approve", "--json").json["holds"]
    call("approve", hold["id"])
    desk = held.desks[0]
    desk.server.delete(next(iter(sorted(desk.items()))))
    assert call("sync").code == 3
    assert [row["state"] for row in held.rows()].count("cancelled") == 0
    (again,) = call("approve", "--json").json["holds"]
    assert len(again["writes"]) == 9
    assert call("approve", hold["id"]).code == 1
    assert call("approve", again["id"]).code == 0
    assert call("sync").code == 0
    assert [row["state"] for row in held.rows()].count("cancelled") == 9


@pytest.mark.parametrize("scope", [[], ["--bridge", "sales"]])
def test_pause_and_resume(office: Office, call: Call, scope: list[str]) -> None:
    """One switch stops all writing, looking goes on; status says how to go on."""
    office.visits(3)
    assert call("pause", *scope).code == 0
    assert call("sync").code == 3
    assert office.desks[0].items() == {}
    assert "syncd resume" in call("status").out
    assert call("status").code == 3
    assert call("resume", *scope).code == 0
    assert call("sync").code == 0
    assert len(office.desks[0].items()) == 3
