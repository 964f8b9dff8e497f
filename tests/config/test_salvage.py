"""What a configuration that is refused still tells: where its state is, and the time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import salvage
from syncd.errors import ConfigError
from tests.config.conftest import CONFIG, ENVIRON

STATE = 'state = "sqlite:///state.db"'


def _salvaged(folder: Path, text: str) -> tuple[str, str]:
    path = folder / "syncd.toml"
    path.write_text(text, "utf-8")
    found = salvage(path, ENVIRON)
    return found.state.reveal(), found.time_zone


@pytest.mark.parametrize(
    "text",
    [
        CONFIG,
        CONFIG.replace("window =", "windoow ="),
        CONFIG.replace("[systems.crm]", "[systems.crm"),
        CONFIG.replace('username = "alice"', 'username = "alice'),
        CONFIG.replace(
            'domains = ["example.com"]', 'domains = [\n  "example.com"\n  "例子.公司"\n]'
        ),
        CONFIG + "[[bridges]\n",
        CONFIG.replace('window = { past = "30d", ', "window = { past = 30d, "),
        CONFIG + '\ndescription = """never closed',
    ],
)
def test_what_stands_before_the_mistake_is_read(tmp_path: Path, text: str) -> None:
    """An unknown key, and mistakes after which it is no TOML any more."""
    expected = f"sqlite:///{tmp_path}/state.db", "Asia/Shanghai"
    assert _salvaged(tmp_path, text) == expected


def test_a_secret_state_is_looked_up(tmp_path: Path) -> None:
    """As in the configuration itself."""
    text = CONFIG.replace(STATE, 'state = { env = "STATE" }')
    assert _salvaged(tmp_path, text + "[broken")[0] == ENVIRON["STATE"]


def test_without_one_it_is_where_it_is_by_default(tmp_path: Path) -> None:
    """Only if all of the file is there to say so."""
    text = CONFIG.replace(STATE, "")
    assert _salvaged(tmp_path, text)[0] == f"sqlite:///{tmp_path}/state.db"
    with pytest.raises(ConfigError, match=r"daemon\.state"):
        _salvaged(tmp_path, text + "[broken")


def test_a_zone_that_there_is_not_is_utc(tmp_path: Path) -> None:
    assert _salvaged(tmp_path, CONFIG.replace("Shanghai", "Shangai"))[1] == "UTC"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[daemon\n" + STATE, "daemon.state"),
        ('[daemon]\nstate = "mysql://x/y"', "SQLite or PostgreSQL"),
        ('[daemon]\nstate = { env = "NOWHERE" }', "NOWHERE is not set"),
        ("[daemon]\nstate = 5", "text or a table"),
        ('daemon = "x"', ""),
    ],
)
def test_what_it_does_not_tell_is_said(tmp_path: Path, text: str, says: str) -> None:
    """Why, in words; the last one has no table at all, and the default holds."""
    if says:
        with pytest.raises(ConfigError, match=says):
            _salvaged(tmp_path, text)
    else:
        assert _salvaged(tmp_path, text)[0].endswith("/state.db")


def test_no_file_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        salvage(tmp_path / "syncd.toml")
