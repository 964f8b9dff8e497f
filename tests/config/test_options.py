"""The options of a system, as its connector reads them: alike in all, and told alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.connector import System
from syncd.errors import ConfigError


def _system(folder: Path, **options: object) -> System:
    return System("云", "caldav", "calendar", "ab12cd34", options=options, folder=str(folder))


def test_what_is_there_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    found = _system(tmp_path, url=" https://例子.example/ ", timeout=2.5, ca_file="ca.pem")
    assert found.text("url") == "https://例子.example/"
    assert found.number("timeout", 30, 600) == 2.5
    assert found.file("ca_file") == str(tmp_path / "ca.pem")


def test_what_is_not_there_is_as_usual(tmp_path: Path) -> None:
    found = _system(tmp_path)
    assert (found.text("url"), found.number("timeout", 30, 600), found.file("ca_file")) == (
        "",
        30,
        "",
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "must be a number of seconds up to 600"),
        ("5", "must be a number of seconds up to 600"),
        (0, "must be a number of seconds up to 600"),
        (601, "must be a number of seconds up to 600"),
    ],
)
def test_a_wrong_number_names_its_place(tmp_path: Path, value: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        _system(tmp_path, timeout=value).number("timeout", 30, 600, "seconds")
    assert raised.value.key == "systems.云.timeout"


def test_a_wrong_text_and_a_missing_file_name_theirs(tmp_path: Path) -> None:
    found = _system(tmp_path, url=5, ca_file="nowhere.pem")
    with pytest.raises(ConfigError, match="must be text") as raised:
        found.text("url")
    assert raised.value.key == "systems.云.url"
    with pytest.raises(ConfigError, match="is no file") as raised:
        found.file("ca_file")
    assert raised.value.key == "systems.云.ca_file"
