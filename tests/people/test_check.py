"""``syncd check`` over many calendars: progress, what is wrong, and all of it on demand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests import warm
from tests.cli.terminal import on_a_terminal
from tests.people.firm import Firm
from tests.servers import Server

SIZE = 24


@pytest.fixture
def firm(tmp_path: Path, server: Server) -> Firm:
    """Two dozen colleagues, two with a calendar that is not there."""
    made = Firm(tmp_path, server, SIZE)
    made.lines[4]["nextcloud"] = f"{server.home}nobody/"
    made.lines[9]["nextcloud"] = "没有这个日历"
    made.tell()
    return made


def _run(firm: Firm, *words: str) -> subprocess.CompletedProcess[str]:
    return warm.run(words, firm.environment, firm.folder)


def _channels(shown: str) -> list[str]:
    words = (line.split() for line in shown.splitlines())
    return [each[1] for each in words if len(each) > 1 and each[0] == "sales"]


def test_only_what_is_wrong_is_listed(firm: Firm) -> None:
    """In a pipe, without progress; exit 1, and a line that counts."""
    done = _run(firm, "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert _channels(done.stdout) == ["nextcloud-u0004", "nextcloud-u0009"]
    assert done.stdout.splitlines()[-1] == "23 ok, 2 wrong (--all lists all)"
    assert "is not there" in done.stdout


def test_all_lists_all(firm: Firm) -> None:
    done = _run(firm, "check", "--all")
    assert done.returncode == 1
    expected = ["crm", *(f"nextcloud-u{number:04d}" for number in range(SIZE))]
    assert _channels(done.stdout) == expected
    assert done.stdout.splitlines()[-1] == "23 ok, 2 wrong"


def test_json_is_complete(firm: Firm) -> None:
    """Every channel, in configured order, and nothing else on the streams."""
    done = _run(firm, "check", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (len(told["channels"]), told["right"], told["wrong"]) == (SIZE + 1, 23, 2)
    assert [each["channel"] for each in told["channels"]][5] == "nextcloud-u0004"
    assert [i for i, each in enumerate(told["channels"]) if not each["right"]] == [5, 10]


def test_a_bad_line_is_named_at_the_start(firm: Firm) -> None:
    """A warning with file and line on the error stream; everybody else is checked."""
    firm.lines[2]["email"] = "王芳"
    firm.tell()
    done = _run(firm, "check")
    assert done.stderr.strip() == f"warning: {firm.people}:4: email is no address"
    assert done.stdout.splitlines()[-1] == "22 ok, 2 wrong (--all lists all)"


def test_progress_on_a_terminal(firm: Firm) -> None:
    code, shown = on_a_terminal(firm, "check")
    assert code == 1
    assert "checking" in shown
    assert "23 ok" in shown


def test_when_all_is_well(firm: Firm) -> None:
    firm.lines = {number: line for number, line in firm.lines.items() if number not in (4, 9)}
    firm.tell()
    done = _run(firm, "check")
    assert done.returncode == 0
    assert _channels(done.stdout) == []
    assert done.stdout.splitlines()[-1] == "23 ok, 0 wrong (--all lists all)"
