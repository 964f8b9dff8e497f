"""``undo``: shown first, asked for, carried out by the next cycle, and taken back itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.cli.conftest import Call
from tests.cli.terminal import on_a_terminal
from tests.office import Office


def _settled(office: Office, call: Call, number: int = 1) -> None:
    office.visits(number)
    assert call("sync").code == 0


def _mistaken(office: Office, call: Call) -> None:
    """A title that somebody changed by mistake, everywhere."""
    _settled(office, call)
    office.change(1, subject="错误")
    assert call("sync").code == 0
    assert office.desks[0].titles() == ["错误"]


TITLE = "拜访客户 000 – Besuch, 0; “é”"


def test_undo_and_undo_of_undo(office: Office, call: Call) -> None:
    """By a fragment of the title; the plan names value, setter and channels; then back again."""
    _mistaken(office, call)
    told = call("undo", "错", "--yes", "--json").json
    (taken,) = told["taken"]
    (change,) = taken["changes"]
    assert change == {"field": "title", "now": "错误", "back": TITLE, "set_by": "crm"}
    assert told["channels"] == {
        "sales/alice": {"create": 0, "update": 1, "delete": 0},
        "sales/crm": {"create": 0, "update": 1, "delete": 0},
    }
    assert told["carried_out"] is True
    done = call("sync", "--json").json["bridges"][0]["channels"]
    assert {c["name"]: c["updated"] for c in done} == {"crm": 1, "alice": 1}
    assert office.desks[0].titles() == [TITLE] == [row["subject"] for row in office.rows()]
    assert call("undo", "客户", "--yes").code == 0
    assert call("sync").code == 0
    assert office.desks[0].titles() == ["错误"]


def test_dry_run_changes_nothing(office: Office, call: Call) -> None:
    """It says what would be, for people too, and nothing is ordered."""
    _mistaken(office, call)
    done = call("undo", "错误", "--dry-run")
    assert done.code == 0
    assert f"title: 错误 -> {TITLE}  (was set by crm)" in done.out
    assert "1 appointment goes back" in done.out
    assert "nothing was changed" in done.out
    assert call("sync").code == 0
    assert office.desks[0].titles() == ["错误"]


def test_nobody_is_asked_in_a_script(office: Office, call: Call) -> None:
    """Without a terminal, `--yes` must be said."""
    _mistaken(office, call)
    done = call("undo", "错误")
    assert (done.code, done.out) == (2, "")
    assert "--yes" in done.err
    assert call("sync").code == 0
    assert office.desks[0].titles() == ["错误"]


@pytest.mark.parametrize(("answer", "title"), [("y\n", TITLE), ("n\n", "错误")])
def test_a_person_is_asked(office: Office, call: Call, answer: str, title: str) -> None:
    """On a terminal the plan is shown, then the question; only a yes carries it out."""
    _mistaken(office, call)
    code, shown = on_a_terminal(office, "undo", "错误", typed=answer)
    assert code == 0
    assert "Take this back?" in shown
    assert shown.index("was set by crm") < shown.index("Take this back?")
    assert call("sync").code == 0
    assert office.desks[0].titles() == [title]


def test_a_cycle_is_taken_back(office: Office, call: Call) -> None:
    """`history` names the cycle, `undo --cycle` takes it."""
    _settled(office, call, 3)
    for row in (1, 2):
        office.change(row, place="verkehrt 错")
    call("sync")
    events = call("history", "--kind", "set", "--json").json["history"]
    (cycle,) = {event["cycle"] for event in events}
    told = call("undo", "--cycle", cycle, "--yes", "--json").json
    assert len(told["taken"]) == 2
    assert call("sync").code == 0
    assert [row["place"] for row in office.rows()] == [f"上海市黄浦区 {n} 号" for n in range(3)]


def test_births_are_left(office: Office, call: Call) -> None:
    """What did not exist before is not deleted by an undo; that is said."""
    _settled(office, call)
    told = call("undo", "--since", "1d", "--yes", "--json").json
    assert (told["taken"], told["carried_out"]) == ([], False)
    assert "did not exist before" in told["untouched"][0]["reason"]
    assert "left as it is" in call("undo", "--since", "1d", "--dry-run").out
    assert len(office.rows()) == 1


def test_a_deleted_one_is_named_and_brought_back(office: Office, call: Call) -> None:
    """By its title although nothing is left of it; twice back and forth."""
    _settled(office, call, 2)
    office.change(1, deleted_at=datetime(2026, 1, 1))
    call("sync")
    assert len(office.desks[0].items()) == 1
    told = call("undo", "besuch, 0", "--yes", "--json").json
    assert told["taken"][0]["restored"] is True
    assert told["channels"]["sales/alice"]["create"] == 1
    assert call("sync").code == 0
    assert len(office.desks[0].items()) == len(office.rows()) == 2
    assert call("undo", "besuch, 0", "--yes").code == 0
    assert call("sync").code == 0
    assert len(office.desks[0].items()) == len(office.rows()) == 1


def test_what_would_be_held_is_shown_and_approved(office: Office, call: Call) -> None:
    """Thirty deletions, approved by mistake, taken back, and taken back again: that is a mass
    deletion. The plan says that it would be held; whoever runs it has approved it, on record."""
    _settled(office, call, 60)
    for row in range(1, 31):
        office.change(row, deleted_at=datetime(2026, 1, 1))
    assert call("sync").code == 3
    (hold,) = call("approve", "--json").json["holds"]
    call("approve", hold["id"])
    assert call("sync").code == 0
    assert call("undo", "--since", "1h", "--yes").code == 0
    assert call("sync").code == 0
    assert len(office.desks[0].items()) == 60
    events = call("history", "--kind", "restored", "--json").json["history"]
    (cycle,) = {event["cycle"] for event in events}
    shown = call("undo", "--cycle", cycle, "--dry-run")
    assert "would be held" in shown.out
    assert "count as approved by" in shown.out
    told = call("undo", "--cycle", cycle, "--yes", "--json").json
    (held,) = told["held"]
    assert "60" in held["reason"]
    done = call("sync", "--json")
    assert done.code == 0, done
    assert len(office.desks[0].items()) == len(office.rows()) == 30
    assert any(e["approved"] for e in call("history", "--json").json["history"] if "approved" in e)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "an appointment, --cycle ID or --since TIME"),
        (["nothing like it", "--yes"], "no appointment is called"),
        (["besuch", "--yes"], "2 appointments are called"),
        (["--since", "gestern", "--yes"], "is no time"),
        (["--since", "1h", "--bridge", "nobody"], "there is no bridge"),
    ],
)
def test_a_wrong_call_is_exit_2(office: Office, call: Call, words: list[str], told: str) -> None:
    """Usage errors say what would be right; several that fit are listed with their ids."""
    _settled(office, call, 2)
    done = call("undo", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err
    if words == ["besuch", "--yes"]:
        assert done.err.count("Besuch, ") == 2


def test_what_keeps_it_from_being_written_is_said(office: Office, call: Call) -> None:
    """Writing is stopped: the plan says so; the order waits, and is carried out afterwards."""
    _mistaken(office, call)
    call("pause")
    assert "but: writing of sales is stopped: syncd resume" in call("undo", "错", "--yes").out
    assert call("sync").code == 3
    assert office.desks[0].titles() == ["错误"]
    call("resume")
    assert call("sync").code == 0
    assert office.desks[0].titles() == [TITLE]
