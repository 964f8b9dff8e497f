"""``backup`` and ``restore``: one moment of the state, and back, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from syncd import backup as backups
from syncd.errors import ConfigError
from syncd.lock import StoreLock
from syncd.store import LoggedWrite, Store
from syncd.store.database import upgrade
from syncd.store.schema import VERSIONS, metadata
from tests.cli.conftest import Call
from tests.office import Office
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime.now(UTC)


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that a store holds."""
    with Store.open(url) as store, store._database.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def state(office: Office) -> str:
    """The URL of its state."""
    return f"sqlite:///{office.folder / 'state.db'}"


def without_looks(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, object]:
    """Cursors, full looks and first contacts start anew after a restore."""
    facts = [row for row in found["meta"] if not row[0].startswith("contacted:")]
    return {**found, "channels": [row[0] for row in found["channels"]], "meta": facts}


@pytest.fixture
def used(office: Office, call: Call) -> Office:
    """A state that has seen something: copies, a cancelled visit, history."""
    office.visits(12)
    assert call("sync").code == 0
    office.change(1, subject="改名 📅 Gespräch")
    office.change(2, state="cancelled")
    assert call("sync").code == 0
    return office


def test_backup_and_restore(used: Office, call: Call) -> None:
    """All of it comes back; what was there before the restore is kept and comes back, too."""
    before = rows(state(used))
    told = call("backup", "weekly.db", "--json").json
    assert (told["appointments"], told["copies"]) == (12, 23)
    assert stat.S_IMODE(Path("weekly.db").stat().st_mode) == 0o600
    used.change(3, subject="später")
    assert call("sync").code == 0
    later = rows(state(used))
    answer = call("restore", "weekly.db", "--json").json
    assert answer["appointments"] == 12
    assert without_looks(rows(state(used))) == without_looks(before)
    assert stat.S_IMODE(Path(answer["kept"]).stat().st_mode) == 0o600
    assert call("restore", answer["kept"]).code == 0
    assert without_looks(rows(state(used))) == without_looks(later)
    assert call("sync", "--json").code == 0


def test_for_people(used: Office, call: Call) -> None:
    """Both say in words what they did, and how to go back."""
    assert call("backup", "b.db").out == "b.db: 12 appointments, 23 copies\n"
    shown = call("restore", "b.db").out
    assert "b.db of 20" in shown
    assert "12 appointments" in shown
    assert "to go back: syncd restore " in shown


def test_either_database_into_either(used: Office, call: Call, postgres_url: str) -> None:
    """SQLite to PostgreSQL and back: the same rows, and new ids do not meet old ones."""
    call("backup", "lite.db")
    backups.restore(postgres_url, Path("lite.db"), NOW)
    before = without_looks(rows(state(used)))
    assert without_looks(rows(postgres_url)) == before
    with Store.open(postgres_url) as store:
        counted = len(store.writes_since(NOW - timedelta(days=999)))
        store.log_writes([LoggedWrite(NOW, "sales/crm", "update", "a")])
        assert len(store.writes_since(NOW - timedelta(days=999))) == counted + 1 > 1
        assert store.open_hold("sales", "why", NOW, "d", [{"title": "拜访"}]).id >= 1
    changed = rows(postgres_url)
    assert backups.backup(postgres_url, Path("big.db"), NOW).appointments == 12
    kept = backups.restore(state(used), Path("big.db"), NOW).kept
    assert kept is not None
    assert without_looks(rows(state(used))) == without_looks(changed)
    assert backups.restore(postgres_url, kept, NOW).kept is not None
    assert without_looks(rows(postgres_url)) == before


def test_a_backup_is_one_moment(used: Office) -> None:
    """The store goes on while it is copied: what is changed meanwhile is not in the backup."""
    before = rows(state(used))
    changed: list[bool] = []

    def change(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT") and not changed:
            changed.append(True)
            with Store.open(state(used)) as other:
                other.meta_set("late", "1")
                other.forget_channel("sales/alice")

    with backups._opened(state(used), create=False) as database:
        event.listen(database._engine, "after_cursor_execute", change)
        backups.dump(database, used.folder / "b.db", NOW)
    assert changed
    assert rows(state(used)) != before
    backups.restore(state(used), used.folder / "b.db", NOW)
    assert without_looks(rows(state(used))) == without_looks(before)


def test_a_running_syncd_is_backed_up_and_not_replaced(used: Office, call: Call) -> None:
    """While a daemon holds the lock: backup works, restore says what to do."""
    with StoreLock(state(used)):
        assert call("backup", "b.db").code == 0
        before = rows(state(used))
        refused = call("restore", "b.db")
    assert refused.code == 1
    assert "another syncd is at work on this store: stop it first" in refused.err
    assert rows(state(used)) == before


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()


def _text(file: Path) -> None:
    file.write_text("Kein Backup. 不是备份。" * 100, "utf-8")


def _other(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("CREATE TABLE visits (id INTEGER)")
        raw.commit()


def _scribbled(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(8192)
        opened.write(b"\xa5" * 12288)


BAD = [
    (_cut, "damaged|cannot be read"),
    (_newer, "made by a newer syncd .*9999"),
    (_text, "cannot be read|not a backup"),
    (_other, "not a backup of syncd"),
    (_scribbled, "damaged|cannot be read"),
    (Path.unlink, "no such file"),
]


@pytest.mark.parametrize(("spoil", "words"), BAD, ids=[f.__name__ for f, _ in BAD])
def test_what_is_no_backup_is_refused(
    used: Office, call: Call, spoil: Callable[[Path], None], words: str
) -> None:
    """Before anything is touched, naming the file and what is wrong."""
    call("backup", "b.db")
    before = rows(state(used))
    spoil(Path("b.db"))
    answer = call("restore", "b.db")
    assert answer.code == 2
    assert "b.db: " in answer.err
    with pytest.raises(ConfigError, match=words):
        backups.restore(state(used), Path("b.db"), NOW)
    assert rows(state(used)) == before
    assert sorted(path.name for path in used.folder.glob("state.db.*")) == ["state.db.lock"]


def test_a_file_that_is_no_backup_is_not_written_over(used: Office, call: Call) -> None:
    """Not the state itself, not the CRM; an older backup is replaced."""
    for name in ("state.db", "crm.db", "syncd.toml"):
        before = Path(name).read_bytes()
        refused = call("backup", name)
        assert (refused.code, Path(name).read_bytes()) == (2, before)
        assert "no backup of syncd" in refused.err
    assert call("backup", "b.db").code == 0
    assert call("backup", "b.db").code == 0
    missing = call("backup", "nowhere/b.db")
    assert missing.code == 2
    assert "nowhere/b.db: the backup cannot be written: No such file" in missing.err


@pytest.mark.parametrize("damage", [_cut, _text, _newer], ids=["cut", "text", "newer"])
def test_a_state_that_cannot_be_read_is_moved_aside(
    used: Office, call: Call, damage: Callable[[Path], None]
) -> None:
    """That is what a restore is for: the file is kept as it is, the backup takes its place."""
    before = without_looks(rows(state(used)))
    call("backup", "b.db")
    damage(Path("state.db"))
    spoiled = Path("state.db").read_bytes()
    answer = call("restore", "b.db", "--json").json
    assert answer["unreadable"] is True
    assert Path(answer["kept"]).read_bytes() == spoiled
    assert without_looks(rows(state(used))) == before
    assert call("sync", "--json").code == 0


def test_a_lost_state_has_nothing_to_keep(used: Office, call: Call) -> None:
    before = without_looks(rows(state(used)))
    call("backup", "b.db")
    for path in used.folder.glob("state.db*"):
        path.unlink()
    assert call("restore", "b.db", "--json").json["kept"] is None
    assert without_looks(rows(state(used))) == before


def test_an_older_backup_is_brought_up_to_date(used: Office, call: Call) -> None:
    """Of the first version there was: the migrations run on a copy, the file stays as it is."""
    call("backup", "now.db")
    engine = sa.create_engine("sqlite:///first.db")
    with engine.begin() as connection:
        upgrade(connection, VERSIONS[0])
        connection.exec_driver_sql("CREATE TABLE syncd_backup (name TEXT, value TEXT)")
        about = [("format", "1"), ("at", "2026-01-01T00:00:00+00:00")]
        connection.exec_driver_sql("INSERT INTO syncd_backup VALUES (?, ?)", about)
        facts = [("installation", "abcd1234"), ("revision", "7")]
        connection.exec_driver_sql("INSERT INTO meta VALUES (?, ?)", facts)
    engine.dispose()
    before = Path("first.db").read_bytes()
    assert call("restore", "first.db", "--json").json["installation"] == "abcd1234"
    with Store.open(state(used), create=False) as store:
        assert store.installation == "abcd1234"
    assert Path("first.db").read_bytes() == before


def test_stopped_writing_stays_stopped(used: Office, call: Call) -> None:
    """Who has stopped everything and then restores has not allowed writing again."""
    call("backup", "b.db")
    call("pause")
    call("pause", "--bridge", "sales")
    call("restore", "b.db")
    told = call("status", "--json").json
    assert (told["paused"], told["paused_bridges"]) == (True, ["sales"])


def _killed(act: Callable[[], object], kill_at: int) -> bool:
    """Do ``act`` in a process that is killed at its ``kill_at``-th statement; whether it was."""
    child = os.fork()
    if not child:
        code = 1
        try:
            left = [kill_at]

            def count_down(*_: object) -> None:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(sa.Engine, "after_cursor_execute", count_down)
            event.listen(sa.Engine, "commit", count_down)
            act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def _steps(act: Callable[[], object]) -> Iterator[int]:
    """After each kill; ends once the act came through."""
    number = 0
    while _killed(act, number):
        yield number
        number += 3


def test_killed_while_restoring(used: Office) -> None:
    """Invariant 10: at any statement, the state is the old one, or all of the backup."""
    url = state(used)
    backups.backup(url, used.folder / "b.db", NOW)
    restored = without_looks(rows(url))
    with Store.open(url) as store:
        store.meta_set("late", "1")
        store.drop_observed("sales/alice", list(store.known("sales/alice")))
    before = without_looks(rows(url))
    assert before != restored
    seen = []
    for _ in _steps(lambda: backups.restore(url, used.folder / "b.db", NOW)):
        seen.append(without_looks(rows(url)))
        assert seen[-1] in (before, restored)
    assert len(seen) > 10
    assert before in seen
    assert without_looks(rows(url)) == restored


def test_killed_while_backing_up(used: Office, call: Call) -> None:
    """Invariant 10: the backup of last time is there until the new one is whole."""
    url, file = state(used), used.folder / "b.db"
    backups.backup(url, file, NOW)
    old = file.read_bytes()
    with Store.open(url) as store:
        store.meta_set("late", "1")
    kills = 0
    for _ in _steps(lambda: backups.backup(url, file, NOW)):
        kills += 1
        assert file.read_bytes() == old
    assert kills > 10
    assert file.read_bytes() != old
    backups.restore(url, file, NOW)


def test_a_state_that_was_copied_back_is_told(used: Office, call: Call) -> None:
    """Invariants 2 and 3: `plan` and `sync` see it, nothing is doubled, and `status` says so."""
    assert call("status", "--json").json["behind"] == []
    shutil.copyfile("state.db", "monday.db")
    used.visits(3, subject="neu 新")
    used.change(4, place="Hof")
    assert call("sync").code == 0
    before = used.rows(), used.desks[0].items()
    shutil.copyfile("monday.db", "state.db")
    assert call("plan", "--json").json["bridges"]["sales"]["writes"] == []
    assert call("sync").code == 0
    assert (used.rows(), used.desks[0].items()) == before
    (told,) = call("status", "--json").json["behind"]
    assert (told["bridge"], told["appointments"]) == ("sales", 3)
    assert "the state was older than the systems" in call("status").out
