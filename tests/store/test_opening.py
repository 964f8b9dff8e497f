"""Opening a store: new, old, newer, damaged, by several processes at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from syncd.errors import ConfigError, StateUnavailable
from syncd.lock import StoreLock
from syncd.store import Store, clearly
from syncd.store.database import open_database, parse_url, upgrade
from syncd.store.schema import VERSIONS, metadata
from tests.store.given import CAL, NOW, after, copy, look


def migrated(url: str) -> sa.Engine:
    """A database whose tables the migrations made, one after the other."""
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as connection:
        upgrade(connection)
    return engine


def as_expected(connection: sa.Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, metadata) == []
    assert context.get_current_revision() == VERSIONS[-1]


def test_migrations_make_what_the_code_expects(url: str) -> None:
    engine = migrated(url)
    with engine.connect() as connection:
        as_expected(connection)
    engine.dispose()


def test_a_new_store_is_as_if_it_had_been_migrated(url: str) -> None:
    """Its tables are made at once, without loading Alembic."""
    database = open_database(url)
    with database.write() as connection:
        as_expected(connection)
        upgrade(connection)
    database.close()


def repr_indexes(engine: sa.Engine, name: str) -> list[tuple[str, list[str | None], str]]:
    """Name, columns and condition of each index of a table."""
    return [
        (
            str(index["name"]),
            index["column_names"],
            str(index.get("dialect_options", {}).get("sqlite_where")),
        )
        for index in sa.inspect(engine).get_indexes(name)
    ]


def test_partial_indexes_are_those_of_the_code(tmp_path: Path) -> None:
    """Alembic does not compare their conditions."""
    migrated_engine = migrated(f"sqlite:///{tmp_path / 'migrated.db'}")
    direct = sa.create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    metadata.create_all(direct)
    for name in metadata.tables:
        assert repr_indexes(migrated_engine, name) == repr_indexes(direct, name)
        ours, theirs = sa.inspect(migrated_engine), sa.inspect(direct)
        assert ours.get_foreign_keys(name) == theirs.get_foreign_keys(name)
    direct.dispose()
    migrated_engine.dispose()


def test_partial_indexes_are_partial_everywhere(url: str) -> None:
    open_database(url).close()
    engine = sa.create_engine(parse_url(url))
    inspector = sa.inspect(engine)
    partial = {
        str(index["name"])
        for name in metadata.tables
        for index in inspector.get_indexes(name)
        if index.get("dialect_options", {}).get(f"{engine.dialect.name}_where") is not None
    }
    engine.dispose()
    assert partial == {"observed_dirty", "agreements_questions"}


def test_the_code_knows_every_migration() -> None:
    with as_file(files("syncd.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        found = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == VERSIONS


def test_the_due_are_found_by_the_partial_index(tmp_path: Path) -> None:
    """An unchanged cycle must not walk all rows."""
    from syncd.store.observed import _unassigned

    database = open_database(f"sqlite:///{tmp_path / 'state.db'}")
    with database.read() as connection:
        query = (
            _unassigned("present")
            .params(of="sales")
            .compile(dialect=sa.dialects.sqlite.dialect(), compile_kwargs={"literal_binds": True})
        )
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    database.close()
    assert "observed_dirty" in str(plan)


def test_what_was_stored_is_there_after_opening_again(url: str) -> None:
    with Store.open(url) as store:
        look(store, CAL, NOW, copy("k1"))
        name = store.installation
    with Store.open(url, create=False) as store:
        assert store.known(CAL) == {"k1": "1"}
        assert store.installation == name


def test_a_newer_store_is_refused(url: str) -> None:
    database = open_database(url)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigError, match=r"written by a newer syncd.*9999"):
        Store.open(url)


def test_an_empty_place_is_refused_by_who_only_reads(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Store.open(url, create=False)
    assert not (tmp_path / "state.db").exists()


@pytest.mark.parametrize(
    "content", [b"not a database " * 500, b"SQLite format 3\x00" + b"x" * 5000]
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"state\.db.*restore"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Store.open(f"sqlite:///{path}").close()
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(ConfigError, match=r"state\.db"):
        Store.open(f"sqlite:///{path}")


@pytest.mark.parametrize(
    "wrong",
    [
        "state.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://user:s3cret@host/db",
        "",
        "::/:s3cret@",
    ],
)
def test_other_places_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Store.open(wrong)
    assert "s3cret" not in str(caught.value)


def test_only_the_owner_reads_the_state(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        path = tmp_path / "new" / "folder" / "state.db"
        with Store.open(f"sqlite:///{path}") as store:
            look(store, CAL, NOW, copy("k1"))
            rights = {
                each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()
            }
        folder = stat.S_IMODE(path.parent.stat().st_mode)
    finally:
        os.umask(mask)
    assert rights == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert folder == 0o700


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


def test_errors_tell_no_values(store: Store) -> None:
    """Invariant 11: a failing statement does not print what it carried."""
    with pytest.raises(sa.exc.IntegrityError) as caught:
        store.doubt(CAL, "Frau Müller", ["a1"], "x", None)  # type: ignore[arg-type]  # refused by the database
    assert "INSERT" in str(caught.value)
    assert "Müller" not in str(caught.value.statement)
    assert "[parameters" not in str(caught.value)


def in_child(work: Callable[[], None]) -> int:
    """Start a process that does ``work``; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def test_processes_that_open_a_new_store_at_once(url: str) -> None:
    children = [in_child(lambda: Store.open(url).close()) for _ in range(4)]
    codes = [os.waitpid(child, 0)[1] for child in children]
    assert codes == [0, 0, 0, 0]


def test_two_processes_write(url: str) -> None:
    Store.open(url).close()

    def writes(channel: str) -> None:
        with Store.open(url) as store:
            for number in range(20):
                look(store, channel, after(number), copy(f"k{number}"))

    children = [in_child(lambda name=name: writes(name)) for name in ("sales/a", "sales/b")]  # type: ignore[misc]  # a default argument binds the loop's value
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    with Store.open(url) as store:
        assert store.stats().copies == {"sales/a": 20, "sales/b": 20}


def test_a_reader_sees_one_moment_and_holds_nobody_up(url: str) -> None:
    with Store.open(url) as writer, Store.open(url, create=False) as reader:
        look(writer, CAL, NOW, copy("k1"))
        count = sa.text("SELECT count(*) FROM observed")
        with reader._database.read() as connection:
            assert connection.scalar(count) == 1
            look(writer, CAL, after(1), copy("k2"))
            assert connection.scalar(count) == 1
        assert reader.count_observed(CAL) == 2


def test_a_new_store_opens_under_the_lock_of_its_process(url: str) -> None:
    """The daemon locks the store, then opens it: the two locks must not be one."""
    with StoreLock(url), Store.open(url) as store:
        assert store.known(CAL) == {}


_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE 'could not extend file: No space left' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON meta EXECUTE FUNCTION full_disk();
"""


def test_a_server_without_room_is_told(postgres_url: str) -> None:
    """It can be read, and what it answers to a write is passed on."""
    with Store.open(postgres_url) as store:
        assert store.fault() == ""
        assert store.fault() == ""
    engine = sa.create_engine(parse_url(postgres_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(_FULL)
    engine.dispose()
    with Store.open(postgres_url) as store:
        assert store.fault().startswith("could not extend file: No space left")
        with pytest.raises(StateUnavailable, match="No space left"), clearly(postgres_url):
            store.meta_set("a", "b")


def test_looking_for_room_leaves_nothing_and_waits_for_nobody(tmp_path: Path) -> None:
    """While somebody else writes, and without a trace."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with Store.open(url) as store, Store.open(url) as other:
        with other._database.write():
            before = sorted(path.name for path in tmp_path.iterdir())
            assert store.fault() == ""
        assert sorted(path.name for path in tmp_path.iterdir()) == before
