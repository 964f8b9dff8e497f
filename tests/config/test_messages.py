"""What an administrator reads when something is wrong: file, line, key, what, how to mend it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from syncd.config import ConfigErrors

MESSAGES = Path(__file__).parent / "messages"


def _cases() -> list[Any]:
    found = []
    for path in sorted(MESSAGES.glob("*.toml")):
        golden = tomllib.loads(path.read_text("utf-8"))
        for number, case in enumerate(golden["case"]):
            found.append(pytest.param(golden["file"], case, id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize(("file", "case"), _cases())
def test_what_is_said(folder: Any, file: str, case: dict[str, Any]) -> None:
    """Each complaint is one line and the golden one."""
    folder.bend(file, case["old"], case["new"])
    assert folder.complaint().splitlines() == case["says"]


def test_several_errors_are_reported_together(folder: Any) -> None:
    folder.bend("syncd.toml", 'time_zone = "Asia/Shanghai"', 'time_zone = "UTC"\nstate2 = ""')
    folder.bend("syncd.toml", '"both"', '"bot"')
    folder.bend("syncd.toml", '"10%"', "10")
    with pytest.raises(ConfigErrors) as caught:
        folder.load()
    assert [each.line for each in caught.value.errors] == [4, 25, 26]
    assert caught.value.line == 4


def test_errors_of_several_files_are_reported_together(folder: Any) -> None:
    folder.bend("syncd.toml", 'system = "crm"', 'system = "crn"')
    folder.bend("mappings/visits.toml", "title", "titel")
    folder.bend("mappings/rules/own.toml", '"customer"', '"costumer"')
    folder.bend("people.csv", "email", "mail")
    with pytest.raises(ConfigErrors) as caught:
        folder.load()
    assert [Path(each.file).name for each in caught.value.errors] == [
        "own.toml",
        "visits.toml",
        "people.csv",
        "syncd.toml",
    ]


def test_a_missing_secret_is_one_error_among_others(folder: Any) -> None:
    folder.bend("syncd.toml", 'username = "alice"', 'user = "alice"')
    assert folder.complaint({}).splitlines() == [
        'syncd.toml:18: systems.cloud.user: is no option of the connector "caldav" '
        '(did you mean "username"?)',
        "syncd.toml:19: systems.cloud.password: the environment variable DAV is not set "
        "(export DAV=…)",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{ env = "DAV" }', '{ env = "DAV", fil = "hunter2" }'),
        ('{ env = "DAV" }', '["hunter2"]'),
        ('{ env = "DAV" }', '{ env = "hunter2!" }'),
        ('password = { env = "DAV" }', 'pasword = "hunter2"'),
        ('"sqlite:///state.db"', '"mysql://u:hunter2@db/x"'),
        ('"sqlite:///state.db"', '"hunter2"'),
        ('person = "alice@example.com"', 'person = "hunter2"'),
        ('"alice@example.com" }', '["hunter2"] }'),
    ],
)
def test_values_that_may_be_secret_or_personal_are_not_repeated(
    folder: Any, old: str, new: str
) -> None:
    """Invariant 11."""
    folder.bend("syncd.toml", old, new)
    assert "hunter2" not in folder.complaint()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[daemon]\nstate = "\xff"\n', "syncd.toml:2: is not UTF-8 text (save the file as UTF-8)"),
        (b"a = " + b"9" * 5000, "syncd.toml: a number in this file is too long"),
        (b"a = " + b"[" * 5000, "syncd.toml: tables or lists are nested too deeply"),
        (b"a = [\n\n", "syncd.toml:3: is not TOML: Invalid value at the end of the file"),
        (
            b"",
            "syncd.toml:1: systems: is missing ([systems.crm])\n"
            "syncd.toml:1: bridges: is missing ([[bridges]])",
        ),
    ],
)
def test_files_that_are_no_configuration(folder: Any, data: bytes, says: str) -> None:
    folder.write("syncd.toml", data)
    assert folder.complaint() == says
