"""A company on a real server, and the command line called in this process."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from syncd.cli import main
from tests import warm
from tests.office import Desk, Office
from tests.servers import Server


@dataclass(frozen=True, slots=True)
class Called:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, which is one line of JSON."""
        (line,) = self.out.splitlines()
        return json.loads(line)


Call = Callable[..., Called]
warm.command_built_once()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """``call("sync", "--json")``: the command in this process, its exit code and output."""

    def run(*words: str) -> Called:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["syncd", *words])
        # What tests leave is garbage, and holds files: here it must not be kept for good.
        monkeypatch.setattr(gc, "freeze", lambda: None)
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return Called(int(str(code or 0)), shown.out, shown.err)

    return run


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A CRM and Alice's calendar."""
    return an_office(tmp_path, radicale_server, "alice", monkeypatch)


def an_office(folder: Path, server: Server, name: str, here: pytest.MonkeyPatch) -> Office:
    """A CRM and one calendar; commands are called in its folder, with its passwords."""
    url = server.calendar(f"{name}-{uuid4().hex[:8]}")
    made = Office(folder, [Desk(name, server, url)])
    for variable, value in made.environment.items():
        here.setenv(variable, value)
    here.setenv("COLUMNS", "80")
    here.chdir(folder)
    return made
