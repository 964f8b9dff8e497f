"""docs/explaining.md: its commands are accepted, its rule loads, its tables are complete."""

from __future__ import annotations

import re
import shlex
import tomllib

import click
import pytest
import typer

from syncd import explain
from syncd.cli.app import app
from syncd.core.state import Kind
from syncd.history import WRITES
from tests.architecture.markdown import page

PAGE = page("docs/explaining.md")
COMMANDS = [
    line
    for language, text in PAGE.blocks
    if language == "sh"
    for line in text.splitlines()
    if line.startswith("syncd ")
]
STATES = ("SAME", "FINER", "ASKED", "OWED", "DISPUTED", "CLAIMED", "NOT_CARRIED")


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_accepted(line: str) -> None:
    """Every option and argument exists; nothing is carried out."""
    _, name, *words = shlex.split(line)
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    command = group.commands[name]
    command.make_context(name, words)


def test_every_kind_is_told() -> None:
    """Of records and of writes; none that there is not."""
    told = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.text, re.M)))
    assert set(told) == {kind.value for kind in Kind if kind is not Kind.DOUBTFUL} | set(WRITES)


def test_every_state_is_told() -> None:
    """How a copy may stand to a value."""
    for name in STATES:
        assert f"| {getattr(explain, name)} |" in PAGE.text, name


def test_its_rule_is_toml() -> None:
    """As it is printed."""
    (text,) = [text for _, text in PAGE.blocks if text.startswith("[[rule]]")]
    assert tomllib.loads(text) == {"rule": [{"fields": ["title"], "prefer": ["alice"]}]}
