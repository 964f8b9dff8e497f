"""The unit and the container are hardened, and run what is there."""

from __future__ import annotations

import os
import re
import shlex
import stat
from configparser import ConfigParser

import pytest

from tests.architecture.tree import ROOT

UNIT = ROOT / "deploy" / "systemd" / "syncd.service"
CONTAINERFILE = ROOT / "deploy" / "container" / "Containerfile"
SWITCHED_ON = (
    *("LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices"),
    *("PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname"),
    *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces"),
    *("RestrictRealtime", "RestrictSUIDSGID"),
)


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
    assert "HUP" in service["ExecReload"]
    assert service["KillSignal"] == "SIGTERM"
    assert service["RestartPreventExitStatus"] == "2"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("key", SWITCHED_ON)
def test_the_unit_is_hardened(unit: ConfigParser, key: str) -> None:
    assert unit["Service"][key] == "yes"


def test_the_unit_writes_to_its_state_only(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "syncd"
    assert service["StateDirectoryMode"] == "0700"
    assert service["UMask"] == "0077"
    assert "ReadWritePaths" not in service


def test_the_unit_has_no_rights(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert service["User"] == "syncd"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert "SystemCallFilter=@system-service" in UNIT.read_text("utf-8").splitlines()


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", CONTAINERFILE.read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_container_is_not_root() -> None:
    users = [rest for word, rest in _instructions() if word == "USER"]
    assert users
    assert users[-1].split(":")[0] not in ("root", "0")
    after = [word for word, _ in _instructions()]
    assert after.index("USER") < after.index("ENTRYPOINT")


def test_the_container_is_built_in_stages() -> None:
    stages = [rest for word, rest in _instructions() if word == "FROM"]
    assert len(stages) == 2
    assert all(":" in each and ":latest" not in each for each in stages)
    assert not any("/" in each.split()[0] for each in stages), "an image of a named registry"
    last = [word for word, _ in _instructions()]
    last = last[len(last) - last[::-1].index("FROM") :]
    assert "COPY" in last


def test_the_container_s_commands_are_no_shell() -> None:
    """A shell as first process would swallow SIGTERM."""
    for word, rest in _instructions():
        if word in ("ENTRYPOINT", "CMD"):
            assert rest.startswith("["), rest
    assert not [rest for word, rest in _instructions() if word == "ADD"]


def test_what_the_container_copies_is_there_and_not_ignored() -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    for word, rest in _instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name
                assert name in kept


def test_time_zones_come_with_a_package() -> None:
    assert '"tzdata>=' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("name", ["Makefile", ".ci/run", "deploy/container/Containerfile"])
def test_no_registry_is_named(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"https?://|index-url|docker\.io|quay\.io|ghcr\.io|pypi\.org", text)


def test_ci_can_be_run() -> None:
    mode = stat.S_IMODE(os.stat(ROOT / ".ci" / "run").st_mode)
    assert mode & stat.S_IXUSR
    assert (ROOT / ".ci" / "run").read_text("utf-8").startswith("#!/usr/bin/env bash\n")
