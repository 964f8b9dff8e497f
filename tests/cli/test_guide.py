"""Every command of the administrator's guide, run as it stands there."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.architecture.markdown import page
from tests.cli.conftest import Call
from tests.office import Office

GUIDE = page("docs/administrators.md")
BACKUPS = "/var/backups/syncd"


def test_the_commands_of_the_guide(office: Office, call: Call, tmp_path: Path) -> None:
    """On a company in which somebody has just moved a visit."""
    office.visits(3)
    assert call("sync").code == 0
    office.change(1, place="新地址 5")
    assert call("sync").code == 0
    lines = [line for kind, text in GUIDE.blocks if kind == "sh" for line in text.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line.replace(BACKUPS, str(tmp_path)))
        assert words[0] == "syncd", line
        called = call(*words[1:])
        assert (called.code, called.err) == (0, ""), line
        assert called.out.strip(), line
    assert (tmp_path / "state.backup").stat().st_mode & 0o777 == 0o600


def test_the_rules_of_the_guide_decide(office: Office, call: Call) -> None:
    """Each rule file of the guide is taken, and the company is equal under it."""
    office.visits(2)
    for kind, text in GUIDE.blocks:
        if kind == "toml":
            office.configure(rules=text)
            assert call("sync").code == 0, text
    assert office.desks[0].titles() == sorted(row["subject"] for row in office.rows())
