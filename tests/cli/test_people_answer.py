"""What waits for a person: holds, questions, doubtful pairs, set aside, paused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Call, Called
from tests.office import Office

ASK = """
[[rule]]
fields = ["*"]
prefer = "ask"
"""


def _vanish(office: Office, number: int) -> None:
    desk = office.desks[0]
    for path in sorted(desk.items())[:number]:
        assert desk.server.delete(path) in (200, 204)


def _states(office: Office) -> list[str]:
    return [row["state"] for row in office.rows()]


def _hold(call: Call) -> dict[str, Any]:
    (found,) = call("approve", "--json").json["holds"]
    return dict(found)


def test_trace_41_thirty_of_a_hundred_vanish(office: Office, call: Call) -> None:
    """Exit 3, nothing written; approve lists thirty; a thirty-first vanishes: holds again."""
    office.visits(100)
    assert call("sync", "--json").code == 0
    _vanish(office, 30)
    assert call("plan", "--json").code == 3
    held = call("sync", "--json")
    assert held.code == 3
    (bridge,) = held.json["bridges"]
    assert bridge["state"] == "held"
    assert "30 of 100" in bridge["reason"]
    assert _states(office) == ["confirmed"] * 100
    assert call("status", "--json").code == 3
    first = _hold(call)
    assert len(first["writes"]) == 30
    shown = call("approve").out
    assert shown.count("crm: cancel ") == 30
    assert f"syncd approve {first['id']}" in shown
    assert call("approve", first["id"], "--json").json == {"approved": first["id"], "writes": 30}
    _vanish(office, 1)
    assert call("sync", "--json").code == 3
    assert _states(office) == ["confirmed"] * 100
    stale = call("approve", first["id"])
    assert stale.code == 1
    assert "no open hold" in stale.err
    second = _hold(call)
    assert len(second["writes"]) == 31
    assert call("approve", second["id"]).code == 0
    assert call("sync", "--json").code == 0
    assert sorted(_states(office)) == ["cancelled"] * 31 + ["confirmed"] * 69
    assert call("status", "--json").code == 0


def _question(office: Office, call: Call) -> str:
    office.configure(rules=ASK)
    office.visits(1)
    call("sync")
    office.change(1, subject="vom CRM")
    office.desks[0].rename("aus dem Kalender")
    assert call("sync").code == 4
    (item,) = call("conflicts", "--json").json["conflicts"]
    assert item["kind"] == "question"
    return str(item["id"])


@pytest.mark.parametrize(
    ("words", "title"),
    [(["--take", "alice"], "aus dem Kalender"), (["--value", "下午三点"], "下午三点")],
)
def test_a_question_is_answered(office: Office, call: Call, words: list[str], title: str) -> None:
    """The answer goes to every channel, the question is gone."""
    id = _question(office, call)
    assert call("resolve", id, *words).code == 0
    assert call("sync").code == 0
    assert office.rows()[0]["subject"] == title
    assert office.desks[0].titles() == [title]
    assert call("conflicts", "--json").json == {"conflicts": []}


def test_an_answer_to_what_has_moved_is_refused(office: Office, call: Call) -> None:
    """A value changes after it was shown: the old id is refused and the new one is named."""
    id = _question(office, call)
    office.change(1, subject="noch einmal anders")
    call("sync")
    refused = call("resolve", id, "--take", "crm")
    assert refused.code == 1
    assert "it has changed" in refused.err
    (item,) = call("conflicts", "--json").json["conflicts"]
    assert item["id"] in refused.err
    wrong = call("resolve", item["id"], "--take", "nobody")
    assert wrong.code == 1
    assert "alice" in wrong.err
    assert office.desks[0].titles() == ["aus dem Kalender"]


def _doubtful(office: Office, call: Call) -> None:
    """Two alike in the CRM, two alike in the calendar."""
    office.visits(1, subject="Inspektion")
    office.visits(1, subject="Inspektion")
    start = office.rows()[-1]["starts_at"]
    desk = office.desks[0]
    for name in ("a", "b"):
        desk.server.put(
            desk.url,
            f"{name}.ics",
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//phone//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:{name}@phone\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Inspektion\r\n"
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:PT45M\r\n"
            "END:VEVENT\r\nEND:VCALENDAR\r\n",
        )
    assert call("sync").code == 4


def _doubts(call: Call) -> dict[str, dict[str, Any]]:
    """What is in doubt, by key."""
    return {each["key"].rpartition("/")[2]: each for each in _waiting(call).json["conflicts"]}


def _waiting(call: Call) -> Called:
    return call("conflicts", "--json")


def test_a_doubtful_pair_is_linked(office: Office, call: Call) -> None:
    """A person says which is which; what is left over then is no doubt any more."""
    _doubtful(office, call)
    assert (len(office.rows()), len(office.desks[0].items())) == (2, 2)
    found = _doubts(call)
    assert set(found) == {"1", "2", "a.ics", "b.ics"}
    item = found["b.ics"]
    assert "Inspektion" in item["shown"]
    assert set(item["choices"]) == {"crm:1", "crm:2", "new"}
    assert all("Inspektion" in text for name, text in item["choices"].items() if name != "new")
    assert call("resolve", item["id"], "--take", "crm:1").code == 0
    assert "b.ics" not in _doubts(call)
    assert call("resolve", item["id"], "--take", "crm:2").code == 1
    assert call("sync").code == 0
    assert (len(office.rows()), len(office.desks[0].items())) == (2, 2)
    office.change(1, subject="verknüpft")
    assert call("sync").code == 0
    events = office.desks[0].events()
    (linked,) = [path for path, event in events.items() if str(event["SUMMARY"]) == "verknüpft"]
    assert linked.endswith("b.ics")


def test_a_doubtful_copy_is_new(office: Office, call: Call) -> None:
    """A person says that it is another appointment: it is copied, its twins go on waiting."""
    _doubtful(office, call)
    assert call("resolve", _doubts(call)["a.ics"]["id"], "--take", "new").code == 0
    assert call("sync").code == 4
    assert (len(office.rows()), len(office.desks[0].items())) == (3, 2)
    assert set(_doubts(call)) == {"1", "2", "b.ics"}


def test_an_answer_about_a_copy_that_has_changed_is_refused(office: Office, call: Call) -> None:
    """The candidate is another appointment by now: the id that was shown is stale."""
    _doubtful(office, call)
    id = _doubts(call)["a.ics"]["id"]
    office.change(1, place="anderswo")
    call("sync")
    refused = call("resolve", id, "--take", "crm:1")
    assert refused.code == 1
    assert "changed" in refused.err


def test_plan_tells_what_is_doubtful(office: Office, call: Call) -> None:
    """First contact: the summary counts links, creations and doubts by channel."""
    office.visits(1, subject="nur im CRM", place="weit weg")
    evening = office.rows()[0]["starts_at"].replace(hour=20)
    office.change(1, starts_at=evening, ends_at=evening.replace(hour=21))
    _doubtful(office, call)
    planned = call("plan", "--json")
    assert planned.code == 4
    channels = planned.json["bridges"]["sales"]["channels"]
    assert (channels["crm"]["doubtful"], channels["alice"]["doubtful"]) == (2, 2)
    assert "doubtful" in call("plan").out


def test_pause_and_resume(office: Office, call: Call) -> None:
    """Nothing is written while it is paused, everything afterwards; one bridge or all."""
    office.visits(2)
    for words in ([], ["--bridge", "sales"]):
        assert call("pause", *words).code == 0
        assert call("sync", "--json").code == 3
        assert office.desks[0].items() == {}
        shown = call("status")
        assert shown.code == 3
        assert "writing is stopped" in shown.out
        assert call("resume", *words).code == 0
    assert call("sync", "--json").code == 0
    assert len(office.desks[0].items()) == 2


def test_retry_releases_what_was_set_aside(office: Office, call: Call) -> None:
    """A title that a rival tool resets is set aside, shown, and taken up again by retry."""
    rules = '[[rule]]\nfields = ["title"]\nauthority = ["role:crm"]\n'
    office.configure(rules=rules)
    office.visits(1)
    call("sync")
    for number in range(4):
        office.desks[0].rename(f"vom Werkzeug {number}")
        code = call("sync", "--json").code
    assert code == 1
    assert office.desks[0].titles() == ["vom Werkzeug 3"]
    (aside,) = call("status", "--json").json["aside"]
    assert (aside["channel"], aside["field"]) == ("alice", "title")
    assert f"syncd retry {aside['appointment']}" in call("status").out
    assert call("retry", "unknown").code == 1
    assert call("retry", aside["appointment"], "--json").json == {"released": 1}
    assert call("sync", "--json").code == 0
    assert office.desks[0].titles() == [office.rows()[0]["subject"]]
