"""The contract of the command line: exit codes, JSON, errors, and nothing else on the streams."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.office import Office

KEYS = {"name", "state", "cycles", "seconds", "reason", "channels"}
CHANNEL_KEYS = {
    *("name", "system", "created", "updated", "deleted"),
    *("unchanged", "conflicts", "failed", "requests"),
}
ASK = """
[[rule]]
fields = ["*"]
prefer = "ask"
"""


def test_sync_json_is_exactly_the_contract(office: Office, call: Call) -> None:
    """One line, one object; the counts are those of the writes to each channel."""
    office.visits(3)
    done = call("sync", "--json")
    assert (done.code, done.err) == (0, "")
    (bridge,) = done.json["bridges"]
    assert bridge.keys() == KEYS
    assert [channel.keys() == CHANNEL_KEYS for channel in bridge["channels"]] == [True, True]
    assert (bridge["name"], bridge["state"], bridge["reason"]) == ("sales", "converged", "")
    crm, alice = bridge["channels"]
    assert [crm[key] for key in ("created", "updated", "deleted", "unchanged")] == [0, 0, 0, 3]
    assert [alice[key] for key in ("created", "updated", "deleted", "unchanged")] == [3, 0, 0, 0]
    assert alice["requests"] >= 4
    again = call("sync", "--json").json["bridges"][0]["channels"]
    assert [channel["created"] + channel["updated"] for channel in again] == [0, 0]
    assert [channel["unchanged"] for channel in again] == [3, 3]


def test_sync_for_people_fits_eighty_columns(office: Office, call: Call) -> None:
    """A table whose cells are whole, and one line with the state."""
    office.visits(2)
    done = call("sync")
    assert done.code == 0
    lines = done.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.split()[:1] == ["alice"] for line in lines)
    assert lines[-1].startswith("sales: converged (")
    assert done.err == ""


def test_a_system_that_is_down_is_exit_1(office: Office, call: Call) -> None:
    """Failed: the state says so, and why."""
    office.visits(1)
    call("sync", "--json")
    text = office.config.read_text("utf-8").replace(office.desks[0].server.url, _closed())
    office.config.write_text(text, "utf-8")
    done = call("sync", "--json")
    assert done.code == 1
    (bridge,) = done.json["bridges"]
    assert bridge["state"] == "failed"
    assert "alice" in bridge["reason"]
    assert call("status", "--json").code == 1
    assert call("plan", "--json").code == 1
    assert call("check", "--json").code == 1


def _closed() -> str:
    from tests.servers import free_port

    return f"http://127.0.0.1:{free_port()}/"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('mapping = "visits"', 'mapping = "visitz"', ["systems.crm.mapping", "visits"]),
        ('admits = "all"', 'admit = "all"', ["admit", "admits"]),
        ('connector = "sql"', 'connector = "sqll"', ["sqll", "sql"]),
        ("[daemon]", "[daemon", ["syncd.toml:1"]),
        ('time_zone = "Asia/Shanghai"', 'time_zone = "Asia/Shangai"', ["Asia/Shanghai"]),
    ],
)
def test_a_wrong_configuration_is_exit_2(
    office: Office, call: Call, old: str, new: str, told: list[str]
) -> None:
    """File, line, key and remedy on the error stream; no traceback; nothing on the output."""
    text = office.config.read_text("utf-8")
    assert old in text
    office.config.write_text(text.replace(old, new), "utf-8")
    for command in ("sync", "plan", "check", "status", "conflicts"):
        done = call(command, "--json")
        assert (done.code, done.out) == (2, "")
        assert "syncd.toml:" in done.err
        assert all(word in done.err for word in told)
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["sync", "--bridge", "nobody"],
        ["sync", "--unknown"],
        ["resolve"],
        ["no-such-command"],
        ["demo", "--port", "many"],
        ["check", "--config", "/nowhere/syncd.toml"],
    ],
)
def test_a_wrong_call_is_exit_2(office: Office, call: Call, words: list[str]) -> None:
    """Usage errors are configuration errors: two, and no traceback."""
    done = call(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert "Traceback" not in done.err


def test_conflicts_are_exit_4(office: Office, call: Call) -> None:
    """A question waits: sync, status, plan and conflicts say 4, until it is answered."""
    office.configure(rules=ASK)
    office.visits(1)
    call("sync", "--json")
    office.change(1, subject="vom CRM")
    desk = office.desks[0]
    ((path, body),) = desk.items().items()
    lines = body.splitlines()
    lines[next(i for i, line in enumerate(lines) if line.startswith("SUMMARY"))] = "SUMMARY:日历"
    desk.server.put("", path, "\r\n".join(lines) + "\r\n")
    for command in ("sync", "status", "plan", "conflicts"):
        done = call(command, "--json")
        assert done.code == 4, (command, done)
    (item,) = call("conflicts", "--json").json["conflicts"]
    assert item["choices"] == {"alice": "日历", "crm": "vom CRM"}
    shown = call("conflicts")
    assert item["id"] in shown.out
    assert "日历" in shown.out


def test_init_then_check(
    tmp_path: Path, call: Call, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What init writes is read without complaint, once its password is there."""
    monkeypatch.delenv("SYNCD_CONFIG")
    office.config.unlink()
    assert call("init").code == 0
    text = (tmp_path / "syncd.toml").read_text("utf-8")
    desk = office.desks[0]
    text = text.replace("https://cloud.example.com/dav/", desk.url)
    text = text.replace('calendar = "work" ', f'calendar = "{desk.url}" ')
    (tmp_path / "syncd.toml").write_text(text, "utf-8")
    done = call("check", "--json")
    assert (done.code, done.err) == (0, "")
    assert [each["ok"] for each in done.json["channels"]] == [True, True]
    again = call("init")
    assert again.code == 2
    assert "nothing was written" in again.err
    assert (tmp_path / "syncd.toml").read_text("utf-8") == text
    monkeypatch.delenv("CALDAV_PASSWORD")
    assert call("check").code == 2


def test_check_for_people(office: Office, call: Call) -> None:
    """A table that fits, with sign-in, rights and clock."""
    done = call("check")
    assert done.code == 0
    assert all(len(line) <= 80 for line in done.out.splitlines()[1:])
    (alice,) = [line for line in done.out.splitlines() if "alice" in line.split()[:2]]
    assert " ok " in alice
    assert " yes " in alice


def test_version_and_help(call: Call) -> None:
    """The two that need no configuration."""
    assert call("--version").out.startswith("syncd ")
    helped = call("--help")
    assert helped.code == 0
    for command in ("init", "check", "plan", "sync", "run", "status", "approve", "demo"):
        assert command in helped.out


def test_the_module_keeps_stdout_for_answers(office: Office, call: Call) -> None:
    """Log lines never stand where programs read (a pipe's output is JSON alone)."""
    office.visits(1)
    assert call("sync", "--json").json["bridges"]
    assert sys.stdout is not None
