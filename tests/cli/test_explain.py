"""``explain`` and ``history``: who, when, what else, by which rule, and where it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.office import MONDAY, Office

RULES = """
[[rule]]
fields = ["location"]
authority = ["role:crm"]

[[rule]]
fields = ["*"]
prefer = ["role:crm", "role:calendar"]
"""


def _edit(office: Office, name: str, value: str, path: str = "") -> None:
    """Somebody changes a property in Alice's calendar."""
    desk = office.desks[0]
    items = desk.items()
    path = path or next(iter(items))
    lines = items[path].splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith(name))
    while lines[place + 1].startswith(" "):
        del lines[place + 1]
    lines[place] = f"{name}:{value}"
    desk.server.put("", path, "\r\n".join(lines) + "\r\n")


def _story(told: dict[str, Any], field: str) -> dict[str, Any]:
    (found,) = [each for each in told["fields"] if each["field"] == field]
    return dict(found)


@pytest.fixture
def contested(office: Office, call: Call) -> Office:
    """Two titles at once, of which the CRM's won; a place that only the CRM may change."""
    office.configure(rules=RULES)
    office.visits(1)
    assert call("sync").code == 0
    office.change(1, subject="王先生的拜访")
    _edit(office, "SUMMARY", "Probefahrt")
    _edit(office, "LOCATION", "eigenmächtig")
    assert call("sync").code == 0
    return office


def test_a_conflict_is_explained(contested: Office, call: Call) -> None:
    """Who set the title, when, by which rule, what the other one was, what both copies read."""
    told = call("explain", "王先生", "title", "--json").json
    story = _story(told, "title")
    assert story["value"] == "王先生的拜访"
    assert story["set"]["by"] == "crm"
    assert story["set"]["rule"].startswith("own.toml:")
    assert story["set"]["changed_from"] <= story["set"]["changed_until"] <= story["set"]["decided"]
    (record,) = story["records"]
    assert record["kind"] == "conflict"
    assert sorted(record["claims"]) == [["alice", "Probefahrt"], ["crm", "王先生的拜访"]]
    assert record["cycle"]
    assert {each["channel"]: each["state"] for each in story["copies"]} == {
        "crm": "as agreed",
        "alice": "as agreed",
    }
    assert [each["field"] for each in told["fields"]] == ["title"]


def test_a_put_back_is_explained(contested: Office, call: Call) -> None:
    """The value that was put back is there, with the rule that forbade it."""
    story = _story(call("explain", "王先生", "--json").json, "location")
    (record,) = story["records"]
    assert record["kind"] == "put-back"
    assert record["claims"] == [["alice", "eigenmächtig"]]
    assert record["rule"].startswith("own.toml:2")


def test_explaining_for_people(contested: Office, call: Call) -> None:
    """In words, on the clock of the installation; every field that says something."""
    shown = call("explain", "王先生").out
    assert "sales: agreed, born in crm" in shown
    assert "title: 王先生的拜访" in shown
    assert "set by crm; changed " in shown
    assert "alice: Probefahrt" in shown
    assert "alice, crm: as agreed" in shown
    assert "customer: Mueller GmbH" in shown
    assert "status: confirmed" in shown
    assert "organizer" not in shown


def test_a_copy_that_is_owed_and_one_that_is_not_held(office: Office, call: Call) -> None:
    """A calendar that does not answer is owed the new title; one that is not concerned says why."""
    office.desks[0].settings = {"holds": "own", "person": "alice@example.com"}
    office.configure(holds="own")
    office.visits(1)
    office.visits(1, owner_email="bob@example.com", subject="Bobs Termin")
    assert call("sync").code == 0
    told = call("explain", "bobs termin", "--json").json
    alice = next(each for each in told["channels"] if each["channel"] == "alice")
    assert alice["reason"] == "alice@example.com neither owns it nor takes part"
    assert "none: alice@example.com neither owns it" in call("explain", "bobs").out
    text = office.config.read_text("utf-8")
    office.config.write_text(text.replace(office.desks[0].server.url, _closed()), "utf-8")
    office.change(1, subject="neuer Titel")
    assert call("sync").code == 1
    states = {e["channel"]: e["state"] for e in _title(call, "neuer Titel")["copies"]}
    assert states == {"crm": "as agreed", "alice": "is owed the agreed value"}


def _title(call: Call, name: str) -> dict[str, Any]:
    return _story(call("explain", name, "title", "--json").json, "title")


def _closed() -> str:
    from tests.servers import free_port

    return f"http://127.0.0.1:{free_port()}/"


def test_a_question_is_explained(office: Office, call: Call) -> None:
    """An open field waits for a person; its claimants keep their values."""
    office.configure(rules='[[rule]]\nfields = ["title"]\nprefer = "ask"\n')
    office.visits(1)
    call("sync")
    office.change(1, subject="vom CRM")
    _edit(office, "SUMMARY", "日历")
    assert call("sync").code == 4
    story = _title(call, "拜访客户")
    assert story["waits"] is True
    assert {(each["channel"], each["reads"], each["state"]) for each in story["copies"]} == {
        ("crm", "vom CRM", "keeps its own value until the question is answered"),
        ("alice", "日历", "keeps its own value until the question is answered"),
    }
    assert "waits for a person" in call("explain", "拜访客户", "title").out


def test_what_is_set_aside_is_explained(office: Office, call: Call) -> None:
    """A value that somebody sets again and again is left alone, and says so."""
    office.configure(rules='[[rule]]\nfields = ["title"]\nauthority = ["role:crm"]\n')
    office.visits(1)
    call("sync")
    for number in range(4):
        _edit(office, "SUMMARY", f"vom Werkzeug {number}")
        call("sync")
    story = _title(call, "拜访客户")
    alice = next(each for each in story["copies"] if each["channel"] == "alice")
    assert alice["reads"] == "vom Werkzeug 3"
    assert "is set aside until" in alice["state"]


def test_a_deleted_one_is_explained(office: Office, call: Call) -> None:
    """Nothing is left of it, and its history says who deleted it."""
    office.visits(2)
    call("sync")
    office.change(1, deleted_at=datetime(2026, 1, 1))
    call("sync")
    told = call("explain", "客户 000", "--json").json
    assert (told["state"], told["born"]) == ("deleted", "crm")
    kinds = [(each["kind"], each["channel"]) for each in told["life"]]
    assert kinds[:2] == [("born", "crm"), ("deleted", "crm")]
    assert "deleted, born in crm" in call("explain", "客户 000").out


def test_an_unknown_field_is_exit_2(office: Office, call: Call) -> None:
    """With the name that was probably meant."""
    office.visits(1)
    call("sync")
    done = call("explain", "拜访客户", "titel")
    assert (done.code, done.out) == (2, "")
    assert "title" in done.err


@pytest.mark.parametrize(
    "name",
    [
        "Probefahrt",
        "ＰＲＯＢＥＦＡＨＲＴ",  # full width
        "probefahrt 王",
        "王先生",
        "{tomorrow}",
        "王先生 {tomorrow}",
        "{tomorrow:%Y年%m月%d日} probefahrt",
        "{id}",
        "{id:.6}",
    ],
)
def test_one_is_named(office: Office, call: Call, name: str) -> None:
    """By id, the beginning of it, words of the title in any width and case, and a day."""
    day = MONDAY + timedelta(days=2)
    office.visits(1, subject="Probefahrt mit 王先生", starts_at=day, ends_at=day)
    later = day + timedelta(days=1)
    office.visits(1, subject="Probe", starts_at=later, ends_at=later)
    call("sync")
    id = call("explain", "mit 王先生", "--json").json["appointment"]
    tomorrow = day + timedelta(hours=8)
    told = call("explain", name.format(tomorrow=_Day(tomorrow), id=id), "--json").json
    assert told["title"] == "Probefahrt mit 王先生"


class _Day(datetime):
    """A day that reads as a date."""

    def __new__(cls, when: datetime) -> _Day:
        return super().__new__(cls, when.year, when.month, when.day)

    def __format__(self, form: str) -> str:
        return f"{self.date():{form or '%Y-%m-%d'}}"


def test_several_are_listed(office: Office, call: Call) -> None:
    """With their ids, times and titles; nothing is guessed."""
    office.visits(3)
    call("sync")
    done = call("explain", "拜访")
    assert (done.code, done.out) == (2, "")
    assert "3 appointments are called" in done.err
    assert all(f"Besuch, {number}" in done.err for number in range(3))


def test_history_lists_newest_first(contested: Office, call: Call) -> None:
    """Decisions and writes, with the cycle in which they were made; filters narrow it."""
    events = call("history", "--json").json["history"]
    assert [each["at"] for each in events] == sorted((e["at"] for e in events), reverse=True)
    kinds = [each["kind"] for each in events]
    assert {"born", "create", "conflict", "put-back", "update"} <= set(kinds)
    assert all(each["cycle"] for each in events)
    (conflict,) = call("history", "--kind", "conflict", "--json").json["history"]
    assert conflict["field"] == "title"
    same = call("history", "--cycle", conflict["cycle"], "--json").json["history"]
    assert {each["cycle"] for each in same} == {conflict["cycle"]}
    assert {each["kind"] for each in same} == {"conflict", "put-back", "update"}
    written = call("history", "王先生", "--channel", "alice", "--kind", "update", "--json").json
    assert [each["channel"] for each in written["history"]] == ["alice"]
    assert len(call("history", "--limit", "2", "--json").json["history"]) == 2
    assert call("history", "--since", "0s", "--json").json["history"] == []
    shown = call("history", "--kind", "conflict").out
    assert conflict["cycle"] in shown
    assert "Probefahrt" in shown
    wrong = call("history", "--kind", "conflicts")
    assert wrong.code == 2
    assert "conflict" in wrong.err


def test_nothing_of_it_is_logged(contested: Office, call: Call) -> None:
    """Invariant 11: values are the answer on the output, and stand nowhere else."""
    for words in (["explain", "王先生"], ["history"], ["undo", "王先生", "--dry-run"]):
        done = call(*words)
        assert "Probefahrt" in done.out or words[0] == "undo"
        assert done.err == ""
