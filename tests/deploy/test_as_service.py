"""``syncd.sh``: a command of syncd as the service runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.world import DEPLOY

SCRIPT = DEPLOY / "systemd" / "syncd.sh"
DROP_IN = """
# /etc/systemd/system/syncd.service.d/credentials.conf
[Service]
LoadCredential=caldav:/etc/syncd/credentials/caldav
LoadCredentialEncrypted=客户系统:/etc/syncd/credentials/crm
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A systemd that knows one unit, and that shows how it would run a command, one word a line."""
    unit = tmp_path / "unit"
    unit.write_text((DEPLOY / "systemd" / "syncd.service").read_text("utf-8") + DROP_IN, "utf-8")
    _script(tmp_path / "systemctl", f'[ "$*" = "cat syncd.service" ] && cat "{unit}"')
    _script(tmp_path / "systemd-run", "printf '%s\\n' \"$@\"; exit 4")
    return tmp_path


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)


def _said(programs: Path, *words: str, **more: str) -> list[str]:
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **more}
    done = subprocess.run(
        ["sh", str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (4, ""), "the exit code is the command's"
    return done.stdout.splitlines()


def test_it_has_the_user_and_the_credentials_of_the_unit(programs: Path) -> None:
    said = _said(programs, "resolve", "x 1", "--value", "拜访 “é”; $HOME")
    assert {"--uid=syncd", "--gid=syncd", "--same-dir", "--property=UMask=0077"} <= set(said)
    handed = [word for word in said if word.startswith("--property=LoadCredential")]
    assert sorted(handed) == [
        "--property=LoadCredential=caldav:/etc/syncd/credentials/caldav",
        "--property=LoadCredentialEncrypted=客户系统:/etc/syncd/credentials/crm",
    ]
    start = said.index("/opt/syncd/bin/syncd")
    assert said[start + 1 :] == ["resolve", "x 1", "--value", "拜访 “é”; $HOME"]
    assert all(word.startswith("--") for word in said[:start])


def test_the_record_says_who_it_was(programs: Path) -> None:
    """``approve`` and ``resolve`` record ``$LOGNAME``."""
    assert "--setenv=LOGNAME=wangfang" in _said(programs, "status", SUDO_USER="wangfang")
