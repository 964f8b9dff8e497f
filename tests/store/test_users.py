"""Root and the user of the daemon take turns at one state; a third one is told clearly."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.lock import StoreLock
from syncd.store import Store
from tests.store.given import CAL, NOW, after, copy, look
from tests.store.test_opening import in_child

DAEMON, STRANGER = 1234, 4321

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """The daemon's. pytest's own folders are closed to it."""
    with tempfile.TemporaryDirectory(prefix="syncd-users-") as outer:
        os.chmod(outer, 0o755)
        made = Path(outer) / "state"
        made.mkdir(0o700)
        os.chown(made, DAEMON, DAEMON)
        yield made


def refused_as(user: int, url: str) -> str:
    """What somebody is told who opens the state; empty if nothing is wrong."""
    reading, writing = os.pipe()

    def work() -> None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            with Store.open(url) as store, StoreLock(url):
                look(store, CAL, after(1), copy("k2"))
        except ConfigError as error:
            os.write(writing, str(error).encode())

    child = in_child(work)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        words = told.read()
    assert os.waitpid(child, 0)[1] == 0
    return words


def test_what_root_makes_is_the_daemon_s(folder: Path) -> None:
    """``syncd status`` of root comes first, or while there is no daemon: it can start after."""
    url = f"sqlite:///{folder / 'state.db'}"
    with StoreLock(url), Store.open(url) as store:
        look(store, CAL, NOW, copy("k1"))
        found = {path.name: path.stat() for path in folder.iterdir()}
    assert {"state.db", "state.db.lock", "state.db-wal", "state.db-shm"} <= found.keys()
    assert {(each.st_uid, each.st_gid) for each in found.values()} == {(DAEMON, DAEMON)}
    assert refused_as(DAEMON, url) == ""
    with Store.open(url) as store:
        assert store.known(CAL) == {"k1": "1", "k2": "1"}


def test_nothing_that_a_link_leads_to_is_given_away(folder: Path) -> None:
    (folder / "state.db").symlink_to(folder.parent / "of-root.db")
    Store.open(f"sqlite:///{folder / 'state.db'}").close()
    assert (folder.parent / "of-root.db").stat().st_uid == 0


def test_a_stranger_is_told_who_may(folder: Path) -> None:
    """By the folder, or by the file: no word of damage or of a backup."""
    url = f"sqlite:///{folder / 'state.db'}"
    assert refused_as(DAEMON, url) == ""
    for folders_mode, files_mode in ((0o700, 0o600), (0o755, 0o644)):
        folder.chmod(folders_mode)
        for path in folder.iterdir():
            path.chmod(files_mode)
        words = refused_as(STRANGER, url)
        assert "only the user of the daemon and root may use it" in words
        assert "damaged" not in words
