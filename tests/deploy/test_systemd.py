"""The unit is hardened, runs what is there, and its user and folders fit it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.deploy.world import DEPLOY

FOLDER = DEPLOY / "systemd"
UNIT = FOLDER / "syncd.service"
SWITCHED_ON = (
    *("LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices"),
    *("PrivateMounts", "PrivateTmp", "PrivateUsers", "ProtectClock", "ProtectControlGroups"),
    *("ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
    *("ProtectKernelTunables", "RemoveIPC", "RestrictNamespaces", "RestrictRealtime"),
    "RestrictSUIDSGID",
)


def needs(program: str) -> pytest.MarkDecorator:
    """Skips where ``program`` is not installed: it is a part of systemd and comes from no package
    index. What the files say is judged by the tests without it, everywhere."""
    reason = f"there is no {program} here; the file itself is parsed and judged all the same"
    return pytest.mark.skipif(shutil.which(program) is None, reason=reason)


@pytest.fixture
def unit() -> ConfigParser:
    """The unit. A key that stands there twice keeps its last value."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have case
    parser.read_string(UNIT.read_text("utf-8"))
    return parser


def test_it_runs_the_daemon(unit: ConfigParser) -> None:
    service = unit["Service"]
    program, command, *options = shlex.split(service["ExecStart"])
    assert program == "/opt/syncd/bin/syncd"
    assert command == "run"
    assert options == ["--config", "/etc/syncd/syncd.toml"]
    assert service["KillSignal"] == "SIGTERM"
    assert service["RestartPreventExitStatus"] == "2"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_it_is_started_again_for_as_long_as_it_takes(unit: ConfigParser) -> None:
    """A state that is away for an hour is tried 360 times; systemd gives up after any limit."""
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartSec"] == "10s"


@pytest.mark.parametrize("key", SWITCHED_ON)
def test_the_unit_is_hardened(unit: ConfigParser, key: str) -> None:
    assert unit["Service"][key] == "yes"


def test_the_unit_writes_to_its_state_only(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "syncd"
    assert service["StateDirectoryMode"] == "0700"
    assert service["UMask"] == "0077"
    assert service["LimitCORE"] == "0"
    assert "ReadWritePaths" not in service


def test_the_unit_has_no_rights(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert service["User"] == service["Group"] == "syncd"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert "SystemCallFilter=@system-service" in UNIT.read_text("utf-8").splitlines()


@needs("systemd-analyze")
def test_systemd_s_own_opinion_is_below_2() -> None:
    """``systemd-analyze security`` adds up what a unit may do, 0 to 10. Its threshold is in tenths
    (systemd-analyze(1))."""
    done = _ran("systemd-analyze", "security", "--offline=yes", "--threshold=20", str(UNIT))
    assert done.returncode == 0, done.stdout[-400:]
    assert "Overall exposure level for syncd.service" in done.stdout


@needs("systemd-analyze")
def test_every_key_is_known_to_systemd(tmp_path: Path) -> None:
    """A key that is spelt wrongly is ignored by systemd, with a warning in a log nobody reads.
    ``verify`` wants a program and a user that are here."""
    lines = UNIT.read_text("utf-8").splitlines()
    own = {"ExecStart=": "ExecStart=/bin/true", "User=": "User=root", "Group=": "Group=root"}
    kept = [next((own[key] for key in own if line.startswith(key)), line) for line in lines]
    copy = tmp_path / "syncd.service"
    copy.write_text("\n".join(kept) + "\n", "utf-8")
    done = _ran("systemd-analyze", "verify", "--man=no", str(copy))
    told = [line for line in done.stderr.splitlines() if str(copy) in line]
    assert not told


@needs("systemd-sysusers")
def test_the_user_can_be_made(tmp_path: Path, unit: ConfigParser) -> None:
    _root(tmp_path)
    done = _ran("systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "syncd.sysusers"))
    assert done.returncode == 0, done.stderr
    accounts = {
        line.split(":")[0]: line.split(":")
        for line in (tmp_path / "etc" / "passwd").read_text("utf-8").splitlines()
    }
    made = accounts[unit["Service"]["User"]]
    assert made[2] != "0"
    assert made[5] == "/var/lib/" + unit["Service"]["StateDirectory"]
    assert made[6].endswith("/nologin")


def test_folders() -> None:
    """Only root reads what ``LoadCredential=`` names, only syncd the state."""
    found = {}
    for line in (FOLDER / "syncd.tmpfiles").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            kind, path, mode, user, group, age = line.split()
            assert (kind, age) == ("d", "-")
            found[path] = (mode, user, group)
    assert found == {
        "/etc/syncd": ("0750", "root", "syncd"),
        "/etc/syncd/credentials": ("0700", "root", "root"),
        "/var/lib/syncd": ("0700", "syncd", "syncd"),
        "/var/backups/syncd": ("0700", "syncd", "syncd"),
    }


@needs("systemd-tmpfiles")
def test_systemd_understands_the_folders() -> None:
    """Users are those of this machine, so a dry reading only: what is wrong is on stderr."""
    done = _ran("systemd-tmpfiles", "--cat-config", str(FOLDER / "syncd.tmpfiles"))
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def _root(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n", "utf-8")
    (folder / "etc" / "group").write_text("root:x:0:\n", "utf-8")


def _ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
