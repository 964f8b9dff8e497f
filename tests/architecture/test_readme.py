"""The two READMEs say the same; what the pages show in TOML loads; what they run is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.app import app
from syncd.config import load
from syncd.connector import Manifest
from syncd.mapping import read_mapping
from syncd.plugins import Plugins
from syncd.rulefile import ROLES, Names, read_rules
from syncd.tomlfile import parse_toml
from tests.architecture.markdown import PAGES, page
from tests.architecture.tree import ROOT

ENVIRON = {"CALDAV_PASSWORD": "x-1", "CRM_PASSWORD": "x-2", "RADICALE_PASSWORD": "x-3"}
ENVIRON["M365_SECRET"] = "x-10"
ROBOTS = {
    "WECOM_ROBOT": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x-4",
    "DINGTALK_ROBOT": "https://oapi.dingtalk.com/robot/send?access_token=x-5",
    "DINGTALK_SECRET": "SECx-6",
    "FEISHU_ROBOT": "https://open.feishu.cn/open-apis/bot/v2/hook/x-7",
    "FEISHU_SECRET": "x-8",
}
PROGRAMS = frozenset(
    {"make", "syncd", "python3", "cp", "install", "sudo", "systemctl", "systemd-sysusers"}
    | {
        "curl",
        "docker",
        "journalctl",
        "kubectl",
        "mv",
        "podman",
        "printf",
        "sqlite3",
        "systemd-tmpfiles",
    }
)
"""Programs that a page may tell an administrator to run, besides those of a virtual environment."""

_NAMES = Names(frozenset(), frozenset(), ROLES)
_CHANNEL = '\n[[bridges.channels]]\nsystem = "{name}"\n'


def _examples(language: str) -> list[Any]:
    return [
        pytest.param(name, text, id=f"{name}-{number}")
        for name in PAGES
        for number, (kind, text) in enumerate(page(name).blocks)
        if kind == language
    ]


def _commands() -> set[str]:
    commands = app.registered_commands
    return {each.name or each.callback.__name__ for each in commands if each.callback}


def test_both_readmes_have_the_same_parts() -> None:
    english, chinese = page("README.md"), page("README.zh-CN.md")
    assert english.headings == chinese.headings
    assert english.blocks == chinese.blocks
    assert len(english.prose.split("\n|")) == len(chinese.prose.split("\n|"))
    others = {"README.md", "README.zh-CN.md"}
    assert set(english.links) - others == set(chinese.links) - others


def test_the_readme_begins_with_the_two_commands() -> None:
    _, first = page("README.md").blocks[0]
    assert first.split("\n") == ["make demo", "make test", ""]


_CRM = """
[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
"""


@pytest.mark.parametrize(("name", "text"), _examples("toml"))
def test_examples_load(name: str, text: str, tmp_path: Path) -> None:
    written = tomllib.loads(text)
    if "rule" in written:
        assert read_rules(parse_toml(text, name), _NAMES).rules
    elif "fields" in written:
        assert read_mapping(parse_toml(text, name)).fields
    elif "systems" in written:
        _load(written, text, tmp_path)
    elif "daemon" in written:
        _load(tomllib.loads(text + _CRM), text + _CRM, tmp_path)
    elif "options" in written:
        for key in ("required", "secrets"):
            written[key] = frozenset(written[key])
        assert Manifest(**written).options
    elif "notify" in written:
        _tell(written, text, tmp_path)
    elif "skips" in written:
        _known_checks(written["skips"])
    else:
        assert "syncd.connectors" in written["project"]["entry-points"]


def _load(written: dict[str, Any], text: str, folder: Path) -> None:
    """Load a configuration; one that shows systems only gets a bridge of them."""
    if "bridges" not in written:
        channels = "".join(_CHANNEL.format(name=name) for name in written["systems"])
        text += f'\n[[bridges]]\nname = "all"\n{channels}'
    file = folder / "syncd.toml"
    file.write_text(text, "utf-8")
    (folder / "company-ca.pem").write_text("", "utf-8")
    for name in ("google.json", "client.json"):
        (folder / name).write_text("{}", "utf-8")
    people = next(text for kind, text in page("docs/people.md").blocks if kind == "csv")
    (folder / "people.csv").write_text(people, "utf-8")
    settings = load(file, Plugins(), ENVIRON)
    assert settings.systems.keys() == written["systems"].keys()


def _tell(written: dict[str, Any], text: str, folder: Path) -> None:
    """Load who is told, with a CRM and a bridge around it."""
    file, secret = folder / "syncd.toml", folder / "secrets" / "mail"
    around = '[systems.crm]\nconnector = "sql"\nurl = "sqlite:///crm.db"\nmapping = "visits"\n'
    around += '[[bridges]]\nname = "all"\n[[bridges.channels]]\nsystem = "crm"\n'
    file.write_text(around + text, "utf-8")
    secret.parent.mkdir()
    secret.write_text("mailtos://syncd:x@mail.example.com?to=ops@example.com\n", "utf-8")
    secret.chmod(0o600)
    settings = load(file, Plugins(), {**ENVIRON, **ROBOTS})
    assert [each.service for each in settings.notify] == [n["service"] for n in written["notify"]]


def _known_checks(skips: dict[str, str]) -> None:
    suite = "".join(path.read_text("utf-8") for path in (ROOT / "tests/conformance").glob("*.py"))
    for check, reason in skips.items():
        assert f"def test_{check}(" in suite
        assert reason


@pytest.mark.parametrize(("name", "text"), _examples("sh"))
def test_commands_are_there(name: str, text: str) -> None:
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        words = shlex.split(line, comments=True)
        if words[0] == "sudo":
            assert words[1:3] == ["-u", "syncd"], line
            words = words[3:]
        program = words[0].rpartition("/")[2]
        assert program in PROGRAMS or "/bin/" in words[0], line
        if program == "syncd":
            assert words[1] in _commands(), line
        if program == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line


@pytest.mark.parametrize(("name", "text"), _examples("python"))
def test_python_is_python(name: str, text: str) -> None:
    compile(text, name, "exec")
