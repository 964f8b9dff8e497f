"""``resolve`` beyond one answer: a rule that gives it always, and all doubtful copies at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.office import Office

ASK_ALL = '[[rule]]\nfields = ["*"]\nprefer = "ask"\n'
ASK_TITLE = '[[rule]]\nfields = ["title"]\nwhere = { status = ["confirmed"] }\nprefer = "ask"\n'
ASK_ENDS = '[[rule]]\ncontest = "delete-against-edit"\nprefer = "ask"\n' + ASK_ALL


def _asked(office: Office, call: Call, rules: str) -> str:
    """A question about a title; answers its id."""
    office.configure(rules=rules)
    office.visits(1)
    call("sync")
    office.change(1, subject="vom CRM")
    office.desks[0].rename("日历")
    assert call("sync").code == 4
    (item,) = call("conflicts", "--json").json["conflicts"]
    return str(item["id"])


@pytest.mark.parametrize(
    ("rules", "place", "rule"),
    [
        (ASK_ALL, "before own.toml:1", '[[rule]]\nfields = ["title"]\nprefer = ["alice"]'),
        (
            ASK_TITLE,
            "in the place of own.toml:1",
            '[[rule]]\nfields = ["title"]\nwhere = { status = ["confirmed"] }\nprefer = ["alice"]',
        ),
    ],
)
def test_always_so(office: Office, call: Call, rules: str, place: str, rule: str) -> None:
    """The rule is printed, is read by syncd, and gives that answer the next time."""
    id = _asked(office, call, rules)
    told = call("resolve", id, "--take", "alice", "--always", "--json").json
    assert told == {"resolved": id, "rule": rule, "place": place}
    assert call("sync").code == 0
    assert office.rows()[0]["subject"] == "日历"
    kept = rules if place.startswith("before") else ""
    (office.folder / "own.toml").write_text(f"{told['rule']}\n\n{kept}", "utf-8")
    office.change(1, subject="noch einmal vom CRM")
    office.desks[0].rename("noch einmal 日历")
    assert call("sync").code == 0
    assert office.rows()[0]["subject"] == "noch einmal 日历"


def test_always_so_for_people(office: Office, call: Call) -> None:
    """The lines to add stand by themselves, ready to be copied."""
    id = _asked(office, call, ASK_ALL)
    done = call("resolve", id, "--take", "crm", "--always")
    assert done.code == 0
    assert done.out.splitlines()[-3:] == ["[[rule]]", 'fields = ["title"]', 'prefer = ["crm"]']
    assert "before own.toml:1" in done.out


@pytest.mark.parametrize(("take", "prefer"), [("alice", "delete"), ("crm", "edit")])
def test_always_so_of_a_deletion(office: Office, call: Call, take: str, prefer: str) -> None:
    """A deletion against an edit: the rule is one of contests."""
    office.configure(rules=ASK_ENDS)
    office.visits(1)
    call("sync")
    office.change(1, subject="wird noch gebraucht")
    desk = office.desks[0]
    assert desk.server.delete(next(iter(desk.items()))) in (200, 204)
    assert call("sync").code == 4
    (item,) = call("conflicts", "--json").json["conflicts"]
    told = call("resolve", item["id"], "--take", take, "--always", "--json").json
    assert told["rule"] == f'[[rule]]\ncontest = "delete-against-edit"\nprefer = "{prefer}"'
    assert told["place"] == "in the place of own.toml:1"
    (office.folder / "own.toml").write_text(f"{told['rule']}\n\n{ASK_ALL}", "utf-8")
    assert call("sync").code == 0
    assert office.rows()[0]["state"] == ("cancelled" if prefer == "delete" else "confirmed")


def test_always_needs_a_channel(office: Office, call: Call) -> None:
    """Another value is no rule."""
    id = _asked(office, call, ASK_ALL)
    done = call("resolve", id, "--value", "x", "--always")
    assert done.code == 1
    assert "--take CHANNEL, one of alice, crm" in done.err
    assert len(call("conflicts", "--json").json["conflicts"]) == 1


EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//phone//EN\r\nBEGIN:VEVENT\r\n"
    "UID:{name}@phone\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{title}\r\n"
    "DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:PT45M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def _doubtful(office: Office, call: Call) -> None:
    """Three visits of which the calendar has nearly equal ones, and twins at another time."""
    for number in range(3):
        office.visits(1, subject=f"Inspektion {number} bei Müller", place="")
        start = office.rows()[-1]["starts_at"] + timedelta(days=number)
        office.change(number + 1, starts_at=start, ends_at=start + timedelta(minutes=45))
        _event(office, f"n{number}", f"Inspektion {number} bei Mueller GmbH", start)
    for number in (4, 5):
        office.visits(1, subject="接待", place="")
        start = office.rows()[0]["starts_at"] + timedelta(days=9)
        office.change(number, starts_at=start, ends_at=start + timedelta(minutes=45))
        _event(office, f"t{number}", "接待", start)
    assert call("sync").code == 4
    assert (len(office.rows()), len(office.desks[0].items())) == (5, 5)


def _event(office: Office, name: str, title: str, start: object) -> None:
    desk = office.desks[0]
    desk.server.put(desk.url, f"{name}.ics", EVENT.format(name=name, title=title, start=start))


def test_all_doubtful_are_linked(office: Office, call: Call) -> None:
    """Those with one candidate are; the twins are left, and nothing is copied meanwhile."""
    _doubtful(office, call)
    told = call("resolve", "--all-doubtful", "link", "--json").json
    assert told == {"answered": 6, "left": 4}
    assert call("sync").code == 4
    assert (len(office.rows()), len(office.desks[0].items())) == (5, 5)
    office.change(2, subject="verknüpft")
    assert call("sync").code == 4
    events = office.desks[0].events()
    (linked,) = [path for path, event in events.items() if str(event["SUMMARY"]) == "verknüpft"]
    assert Path(linked).name == "n1.ics"
    left = call("conflicts", "--json").json["conflicts"]
    assert {item["key"].rpartition("/")[2] for item in left} == {"4", "5", "t4.ics", "t5.ics"}


def test_all_doubtful_are_new(office: Office, call: Call) -> None:
    """Each is an appointment of its own and is copied; then nothing waits."""
    _doubtful(office, call)
    told = call("resolve", "--all-doubtful", "new", "--json").json
    assert told == {"answered": 10, "left": 0}
    assert call("sync").code == 0
    assert (len(office.rows()), len(office.desks[0].items())) == (10, 10)
    assert call("conflicts", "--json").json == {"conflicts": []}


@pytest.mark.parametrize(
    ("words", "code"),
    [(["resolve"], 2), (["resolve", "x", "--all-doubtful", "link"], 2)],
)
def test_an_id_or_all(office: Office, call: Call, words: list[str], code: int) -> None:
    """One of them, not both; another word is refused."""
    assert call(*words).code == code
    done = call("resolve", "--all-doubtful", "maybe")
    assert done.code == 1
    assert "link or new" in done.err
