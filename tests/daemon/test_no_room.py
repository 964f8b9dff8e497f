"""The file system that the state is on is truly full: what the commands say, and that it ends."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store import Store
from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and prlimit are Linux's")

FULL = "No space left on device"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _office(folder: Path, server: Server, state: str) -> Office:
    """A CRM with 3 visits and Alice's calendar, with the state in that place."""
    made = Office(folder, [Desk("alice", server, server.calendar(f"alice-{folder.name}"))])
    text = made.config.read_text("utf-8")
    made.config.write_text(text.replace("sqlite:///state.db", f"sqlite:///{state}"), "utf-8")
    made.visits(3)
    return made


@pytest.fixture
def office(tmp_path: Path, disk: Path, radicale_server: Server) -> Office:
    """One whose state is on the small disk."""
    return _office(tmp_path, radicale_server, f"{disk.name}/state.db")


def _fill(disk: Path) -> Path:
    """Until nothing more fits."""
    file = disk / "film.mkv"
    with file.open("wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)) == 4096:
                pass
        except OSError:
            return file
    raise AssertionError("the disk has no end")


def test_status_tells_while_the_daemon_runs(office: Office, disk: Path) -> None:
    """It and `pause` end with 1 and with one line; with room again the daemon goes on."""
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 3)
        film = _fill(disk)
        told = office.run("status", "--json")
        assert (told.returncode, json.loads(told.stdout)["fault"]) == (1, FULL)
        assert f"the state cannot be written: {FULL}" in office.run("status").stdout
        assert running.process.poll() is None
        film.unlink()
        office.visits(4, place="新")
        assert wait_for(lambda: len(office.desks[0].items()) == 7)
        assert running.end()[0] == 0
    told = office.run("status", "--json")
    assert (told.returncode, json.loads(told.stdout)["fault"]) == (0, "")


@pytest.mark.parametrize("command", ["status", "sync", "pause", "run"])
def test_no_configuration_is_wrong_when_the_disk_is_full(
    office: Office, disk: Path, command: str
) -> None:
    """Exit 1, which a supervisor tries again, and no word of a damaged file; nothing is lost."""
    assert office.sync()["state"] == "converged"
    film = _fill(disk)
    done = office.run(command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"({FULL}: make room; nothing of it is lost)" in done.stderr
    film.unlink()
    assert office.run("status").returncode == 0
    told = office.sync()
    assert (told["state"], [c["created"] for c in told["channels"]]) == ("converged", [0, 0])


def test_no_file_may_grow(tmp_path: Path, radicale_server: Server) -> None:
    """A quota or a limit is no free space either, whatever the file system says."""
    office = _office(tmp_path, radicale_server, "state.db")
    assert office.sync()["state"] == "converged"
    done = subprocess.run(
        office.command("status", "--json"),
        env=office.environment,
        cwd=office.folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert (done.returncode, json.loads(done.stdout)["fault"]) == (1, "File too large")


@pytest.mark.parametrize("command", ["pause", "sync"])
def test_what_is_refused_is_told_in_one_line(office: Office, disk: Path, command: str) -> None:
    """Somebody has the state open, so that it can be read: not what it was asked to store."""
    assert office.sync()["state"] == "converged"
    with Store.open(f"sqlite:///{disk / 'state.db'}") as store:
        store.meta_set("kept", "open")
        _fill(disk)
        done = office.run(command)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.endswith("state.db cannot be used: database or disk is full")
