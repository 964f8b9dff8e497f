"""``verify``: every stored copy against its remote, and against what its channel should hold."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.office import Office

EDITED = "改期 – Umzug"


@pytest.fixture
def used(office: Office, call: Call) -> Office:
    """Six visits in both channels, equal."""
    office.visits(6)
    assert call("sync").code == 0
    return office


def _paths(office: Office) -> list[str]:
    """In some order; the last is visit 005, with which things are done in the CRM."""
    items = office.desks[0].items()
    return sorted(items, key=lambda path: ("005" in items[path], path))


def _put(office: Office, path: str, change: Callable[[str], str], to: str = "") -> None:
    desk = office.desks[0]
    desk.server.put("", to or path, change(desk.items()[path]))


def _edit(office: Office) -> None:
    _put(office, _paths(office)[0], lambda text: re.sub("SUMMARY:.*", f"SUMMARY:{EDITED}", text))


def _delete(office: Office) -> None:
    office.desks[0].server.delete(_paths(office)[1])


def _double(office: Office) -> None:
    path = _paths(office)[2]
    other = path.replace(".ics", "-copy.ics")
    _put(office, path, lambda text: re.sub("UID:.*", "UID:another@phone", text), other)


def _unmark(office: Office) -> None:
    _put(office, _paths(office)[3], lambda text: re.sub("X-SYNCD-MARKER:.*\r?\n", "", text))


def _sql(office: Office, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(office.folder / "state.db")) as raw:
        raw.execute(statement, values)
        raw.commit()


def _damage(office: Office) -> None:
    """The stored reading of a copy is another than its wire form says."""
    _sql(
        office,
        "UPDATE observed SET reads = replace(reads, '上海市', '北京市') WHERE key = ?",
        _paths(office)[4],
    )


def _forget(office: Office) -> None:
    """What an appointment agreed on is another than both of its copies hold."""
    _sql(
        office,
        "UPDATE agreements SET appointment = replace(appointment, '拜访客户 005', '会议 005')"
        " WHERE appointment LIKE '%拜访客户 005%'",
    )


def _found(told: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    (bridge,) = told["bridges"]
    return sorted((d["channel"], d["kind"], tuple(d["fields"])) for d in bridge["differences"])


def test_all_agree(used: Office, call: Call) -> None:
    """Nothing differs, nothing is written anywhere; the table says how many were compared."""
    before = (used.rows(), used.desks[0].items())
    answer = call("verify", "--json")
    assert answer.code == 0
    (bridge,) = answer.json["bridges"]
    assert bridge["agrees"] is True
    assert {c["name"]: c["copies"] for c in bridge["channels"]} == {"alice": 6, "crm": 6}
    assert bridge["differences"] == []
    assert (used.rows(), used.desks[0].items()) == before
    assert "sales: all agree" in call("verify").out


CASES = [
    (_edit, [("alice", "changed", ("title",))]),
    (_delete, [("alice", "missing", ())]),
    (_double, [("alice", "double", ()), ("alice", "unknown", ())]),
    (_damage, [("alice", "changed", ("location",)), ("crm", "owed", ("location",))]),
    (_forget, [("alice", "owed", ("title",)), ("crm", "owed", ("title",))]),
]


@pytest.mark.parametrize(("change", "expected"), CASES, ids=[f.__name__ for f, _ in CASES])
def test_each_difference_is_told_and_mended(
    used: Office, call: Call, change: Callable[[Office], None], expected: list[Any]
) -> None:
    """Without ``--repair`` nothing is stored or written; with it a cycle mends it."""
    change(used)
    before = (used.rows(), used.desks[0].items())
    for _ in range(2):
        answer = call("verify", "--json")
        assert answer.code == 1
        assert _found(answer.json) == expected
    assert (used.rows(), used.desks[0].items()) == before
    repaired = call("verify", "--repair", "--json")
    assert repaired.code == 0, repaired.out
    assert repaired.json["before"][0]["agrees"] is False
    assert repaired.json["bridges"][0]["agrees"] is True
    assert call("verify").code == 0
    assert [c["created"] + c["updated"] + c["deleted"] for c in _synced(call)] == [0, 0]


def _synced(call: Call) -> list[dict[str, int]]:
    channels: list[dict[str, int]] = call("sync", "--json").json["bridges"][0]["channels"]
    return channels


def test_a_persons_edit_is_no_damage(used: Office, call: Call) -> None:
    """Invariant 2: the repair takes what people did in every channel, and undoes nothing."""
    _edit(used)
    _delete(used)
    _double(used)
    _damage(used)
    row = next(row for row in used.rows() if "005" in row["subject"])
    used.change(row["id"], place="苏州, Altstadt")
    assert call("verify", "--repair").code == 0
    rows = used.rows()
    assert [row["subject"] for row in rows].count(EDITED) == 1
    assert [row["state"] for row in rows].count("cancelled") == 1
    assert len(rows) == 7  # a person's duplicate is an appointment of its own
    assert not any("北京市" in row["place"] for row in rows)
    places = {str(event.get("LOCATION")) for event in used.desks[0].events().values()}
    assert "苏州, Altstadt" in places
    assert len(used.desks[0].items()) == 6


def test_a_lost_mark_is_told_and_harmless(used: Office, call: Call) -> None:
    """A client stripped it: key and UID still say whose copy it is."""
    _unmark(used)
    answer = call("verify", "--json")
    assert (answer.code, _found(answer.json)) == (0, [("alice", "unmarked", ())])
    assert call("verify", "--repair").code == 0
    assert len(used.rows()) == len(used.desks[0].items()) == 6


def test_what_people_see(used: Office, call: Call) -> None:
    """A table that fits the terminal, then each difference with time and title."""
    _edit(used)
    _delete(used)
    lines = call("verify").out.splitlines()
    assert lines[0].split() == ["sales:", "channel", "copies", "missing", "changed"]
    assert lines[1].split() == ["alice", "5", "1", "1"]
    assert all(len(line) <= 80 for line in lines[:3])
    assert any(EDITED in line and line.startswith("alice: changed (title): 20") for line in lines)
    assert any("拜访客户" in line and line.startswith("alice: missing: 20") for line in lines)
    assert "not all agree" in lines[-1]


def test_differences_are_told_as_a_plan_is(used: Office, call: Call) -> None:
    """By channel and time, each with what was stored and what is there, and the id that
    ``explain`` takes; the item itself where it is a stranger's; and of what cannot be read what
    is known of it."""
    _edit(used)
    _delete(used)
    _double(used)
    with closing(sqlite3.connect(used.folder / "crm.db")) as raw:
        raw.execute("UPDATE visit SET starts_at = 'gestern' WHERE subject LIKE '%003%'")
        raw.commit()
    lines = call("verify").out.splitlines()
    told = [line for line in lines if re.match(r"(alice|crm): \w+", line)]
    assert [line.partition(":")[0] for line in told] == ["alice"] * 4 + ["crm"]
    times = [found.group() for line in told if (found := re.search(r"20\S+ \d\d:\d\d", line))]
    assert len(times) == 5
    assert times[:4] == sorted(times[:4])
    (changed,) = [n for n, line in enumerate(lines) if line.startswith("alice: changed")]
    assert re.fullmatch(rf"  title: 拜访客户 \d+ .* -> {EDITED}", lines[changed + 1])
    id = re.search(r" \[(\w{16})\]$", lines[changed])
    assert id is not None
    assert call("explain", id.group(1)).code == 0
    (double,) = [line for line in told if "double" in line]
    assert re.search(r" \[\w{16}, /\S+-copy\.ics\]$", double)
    (unknown,) = [line for line in told if "unknown" in line]
    assert re.search(r" \[/\S+-copy\.ics\]$", unknown)
    assert re.search(r"^crm: unreadable: 20.* 拜访客户 003 .*: .*starts_at", told[-1])
    (bridge,) = call("verify", "--json").json["bridges"]
    (edited,) = [d for d in bridge["differences"] if d["kind"] == "changed"]
    assert (edited["title"], edited["slot"], edited["when"]["all_day"]) == (EDITED, "", False)
    assert [change["new"] for change in edited["changes"]] == [EDITED]


def test_a_channel_that_does_not_answer_agrees_with_nothing(used: Office, call: Call) -> None:
    """It is said, and the others are compared."""
    (used.folder / "crm.db").rename(used.folder / "elsewhere.db")
    answer = call("verify", "--json")
    (used.folder / "crm.db").unlink(missing_ok=True)
    Path(used.folder / "elsewhere.db").rename(used.folder / "crm.db")
    assert answer.code == 1
    (bridge,) = answer.json["bridges"]
    assert list(bridge["failed"]) == ["crm"]
    assert {c["name"]: c["copies"] for c in bridge["channels"]}["alice"] == 6
    assert call("verify").code == 0


def test_a_repair_that_looks_like_a_disaster_is_held(office: Office, call: Call) -> None:
    """A calendar that lost its copies while nobody looked: the repair deletes nothing by itself."""
    office.visits(20)
    assert call("sync").code == 0
    for path in _paths(office)[:12]:
        office.desks[0].server.delete(path)
    before = office.rows()
    answer = call("verify", "--repair", "--json")
    assert answer.code == 1
    assert answer.json["repaired"][0]["state"] == "held"
    assert office.rows() == before


def test_no_repair_is_offered_for_what_only_its_owner_can_put_right(
    used: Office, call: Call
) -> None:
    with closing(sqlite3.connect(used.folder / "crm.db")) as raw:
        raw.execute("UPDATE visit SET starts_at = 'gestern' WHERE subject LIKE '%003%'")
        raw.commit()
    answer = call("verify")
    assert answer.code == 1
    told = answer.out.splitlines()[-1]
    assert told.startswith("sales: not all agree: what cannot be read is to be put right")
    _edit(used)
    assert call("verify").out.splitlines()[-1].endswith("--repair lets a cycle mend it")


def test_another_bridge_is_refused(used: Office, call: Call) -> None:
    assert call("verify", "--bridge", "nothing").code == 2
