"""Values that break things elsewhere, and databases that refuse: our errors, without values."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.sql import plugin
from syncd.connector import Collection, System
from syncd.core.fidelity import project
from syncd.core.model import Status
from syncd.errors import ConfigError, Rejected, Unauthorized, Unavailable
from tests.sql.conftest import Make
from tests.sql.tables import (
    MAPPING,
    WINDOW,
    Table,
    make_table,
    marked,
    visit,
    visit_columns,
    written,
)

NOBODY = 65534
"""The uid of nobody."""

HOSTILE = [
    "'; DROP TABLE visit; --",
    '" OR 1=1 --',
    "%s %(x)s :param {0} \\'",
    "👩‍👩‍👧‍👦 family 𠮷野家",
    "عرض المنتج ‏RTL‏",
    "Zeile\tmit Tabulator",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_only_text(table: Table, text: str) -> None:
    connector = table.connect()
    wanted = visit(title=text, description=text, location=text, kind=text[:40])
    copy = written(connector.create(marked("a1"), wanted))
    assert copy.reads == project(wanted, connector.fidelity)
    assert table.rows()[0]["subject"] == text


def test_what_no_database_holds_is_left_out(table: Table) -> None:
    """NUL is refused by PostgreSQL; no canonical text has it."""
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit(title="a\x00b", description="\ud800c")))
    assert (copy.reads.title, copy.reads.description) == ("ab", "c")


def test_long_texts(table: Table) -> None:
    """Ten thousand characters where there is room, cut as declared where there is none."""
    connector = table.connect()
    long = "漢字 and more. " * 800
    wanted = visit(title=long, description=long)
    copy = written(connector.create(marked("a1"), wanted))
    assert copy.reads == project(wanted, connector.fidelity)
    assert len(copy.reads.title) <= 200
    assert copy.reads.description == long


def test_names_of_columns_are_quoted(make: Make) -> None:
    odd = 'sub"ject; --'
    columns = [each for each in visit_columns() if each.name != "subject"]
    columns += [sa.Column(odd, sa.Text), sa.Column("Order", sa.Text)]
    table = make(columns)
    fields = {**table.mapping.fields, "title": odd, "custom.order": "Order"}
    connector = table.connect(fields=fields)
    wanted = visit(custom=(("order", "五"),))
    copy = written(connector.create(marked("a1"), wanted))
    assert copy.reads == project(wanted, connector.fidelity)
    first = connector.observe(None, WINDOW, {})
    assert connector.observe(first.cursor, WINDOW, {copy.key: copy.version}).copies == ()


def test_what_the_database_refuses_is_named_without_values(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11, also with SQLAlchemy's own log turned on."""
    table = make()
    table.sql("CREATE UNIQUE INDEX one_subject ON visit (subject)")
    if table.engine.dialect.name == "sqlite":
        table.sql(
            "CREATE TRIGGER somewhere BEFORE INSERT ON visit WHEN NEW.place = 'nowhere' "
            "BEGIN SELECT RAISE(ABORT, 'not somewhere'); END"
        )
    else:
        table.sql("ALTER TABLE visit ADD CONSTRAINT somewhere CHECK (place <> 'nowhere')")
    connector = table.connect()
    connector.create(marked("a1"), visit(title="secret title"))
    with caplog.at_level(logging.INFO, logger="sqlalchemy"):
        with pytest.raises(Rejected) as unique:
            connector.create(marked("a2"), visit(title="secret title"))
        with pytest.raises(Rejected) as checked:
            connector.create(marked("a3"), visit(title="x", location="nowhere"))
    assert "subject" in str(unique.value)
    assert "somewhere" in str(checked.value)
    for told in (str(unique.value), str(checked.value), caplog.text):
        assert "secret title" not in told
        assert "j@mueller.example" not in told
    assert len(table.rows()) == 1


def test_a_value_of_the_wrong_kind_names_its_column(make: Make) -> None:
    table = make()
    connector = table.connect(fields={**table.mapping.fields, "custom.budget": "budget"})
    if table.engine.dialect.name == "postgresql":
        with pytest.raises(Rejected, match="budget"):
            connector.create(marked("a1"), visit(custom=(("budget", "viel"),)))
    copy = written(connector.create(marked("a2"), visit(custom=(("budget", "12"),))))
    assert copy.reads.custom == (("budget", "12"),)


def test_numbers_that_no_column_holds(make: Make) -> None:
    table = make([*visit_columns(), sa.Column("guests", sa.Integer)])
    connector = table.connect(fields={**table.mapping.fields, "custom.guests": "guests"})
    with pytest.raises(Rejected):
        connector.create(marked("a1"), visit(custom=(("guests", "9" * 30),)))
    assert connector.fetch(["9" * 30, "01", "-0"]).gone == {"9" * 30, "01", "-0"}


def test_a_modification_time_that_is_none(table: Table) -> None:
    key = table.insert()
    is_sqlite = table.engine.dialect.name == "sqlite"
    odd = "'gestern'" if is_sqlite else "'infinity'"
    table.sql(f"UPDATE visit SET updated_at = {odd} WHERE id = {key}")
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    assert copy.modified is None
    again = written(connector.update(copy, replace(copy.reads, title="x")))
    assert again.reads.title == "x"
    assert again.modified is not None


def test_a_changed_table_of_values_reads_stored_rows_anew(table: Table) -> None:
    """Trace 19: what is stored is read with today's mapping; nothing was edited."""
    key = table.insert(state="besucht")
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    assert copy.reads.status is Status.CONFIRMED
    values = {"status": {**table.mapping.values["status"], "completed": "besucht"}}
    mended = table.connect(values=values)
    again = mended.read(copy.key, copy.version, copy.wire)
    assert again.reads == replace(copy.reads, status=Status.COMPLETED)
    snapshot = mended.observe(None, WINDOW, {key: copy.version})
    assert snapshot.copies == ()
    with pytest.raises(Rejected):
        connector.read(key, copy.version, "no wire form")


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    connector = plugin.connect(
        System("crm", "sql", "crm", "office1", options={"url": "sqlite:///crm.db"},
               mapping=MAPPING, folder=str(tmp_path)),
        Collection(),
    )  # fmt: skip
    with pytest.raises(Unavailable):
        connector.observe(None, WINDOW, {})
    assert not (tmp_path / "crm.db").exists()
    assert "title" in connector.fidelity.carries
    connector.close()


def test_a_locked_sqlite_is_unavailable(tmp_path: Path) -> None:
    table = make_table(f"sqlite:///{tmp_path}/crm.db")
    table.options = {"timeout": 0.1}
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit()))
    with table.engine.connect() as other:
        other.exec_driver_sql("PRAGMA journal_mode")
        other.rollback()
        other.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # sqlite3
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as raised:
            connector.update(copy, replace(copy.reads, title="x"))
        assert not raised.value.maybe_applied
        assert raised.value.waited, "to ask again at once is no use"
        assert connector.fetch([copy.key]).copies == (copy,)
        other.exec_driver_sql("ROLLBACK")
    assert written(connector.update(copy, replace(copy.reads, title="x"))).reads.title == "x"
    table.close()


def test_a_row_that_somebody_keeps_locked_is_unavailable(postgres_url: str) -> None:
    """Invariant 9: nobody waits longer than is configured for a transaction that does not end."""
    table = make_table(postgres_url)
    table.options = {"timeout": 0.1}
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit()))
    with table.engine.connect() as other:
        other.exec_driver_sql("SELECT * FROM visit FOR UPDATE")
        with pytest.raises(Unavailable) as raised:
            connector.update(copy, replace(copy.reads, title="x"))
        assert not raised.value.maybe_applied
        assert raised.value.waited
        assert connector.fetch([copy.key]).copies == (copy,)
    assert written(connector.update(copy, replace(copy.reads, title="x"))).reads.title == "x"
    table.close()


def test_rights_and_sign_in(postgres_url: str) -> None:
    table = make_table(postgres_url)
    key = table.insert()
    table.sql("DROP ROLE IF EXISTS syncd_reader")
    table.sql("CREATE ROLE syncd_reader LOGIN")
    table.sql("GRANT SELECT ON visit TO syncd_reader")
    table.url = sa.make_url(postgres_url).set(username="syncd_reader").render_as_string(False)
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    health = connector.check()
    assert (health.ok, health.can_write, health.account) == (True, False, "syncd_reader")
    assert health.skew is not None
    assert abs(health.skew) < 60
    with pytest.raises(Unauthorized):
        connector.update(copy, replace(copy.reads, title="x"))
    with pytest.raises(ConfigError, match="GRANT"):
        connector.create(marked("a1"), visit())
    table.url = sa.make_url(postgres_url).set(username="nobody_here").render_as_string(False)
    with pytest.raises((Unauthorized, Unavailable)):
        table.connect().check()
    table.url = postgres_url
    assert table.connect().check().can_write
    table.close()
    table = make_table(postgres_url)
    table.sql("DROP OWNED BY syncd_reader")
    table.sql("DROP ROLE syncd_reader")
    table.close()


def test_a_connection_that_was_cut_is_unavailable_and_then_made_anew(postgres_url: str) -> None:
    table = make_table(postgres_url)
    key = table.insert()
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    table.sql(f"{cut} AND datname = current_database()")
    assert connector.fetch([key]).copies == (copy,)
    table.close()


def test_a_commit_without_an_answer_may_have_been_applied(postgres_url: str) -> None:
    """Invariant 3: the intent stays open, and the mark tells later. The server is cut off by a
    deferred trigger, which runs within COMMIT."""
    table = make_table(postgres_url)
    table.sql(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
    )
    connector = table.connect()
    written(connector.create(marked("a0"), visit()))
    table.sql(
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON visit DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION cut()"
    )
    with pytest.raises(Unavailable) as raised:
        connector.create(marked("a1"), visit())
    assert raised.value.maybe_applied
    table.sql("DROP TRIGGER cut ON visit")
    written(connector.create(marked("a1"), visit()))
    assert len(table.rows()) == 2
    table.close()


def test_a_read_only_file() -> None:
    """As a user who may not write: root may write everything, so it takes another uid."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # for the other uid to look into; it has no secrets
        table = make_table(f"sqlite:///{folder}/crm.db")
        os.chmod(f"{folder}/crm.db", 0o444)
        connector = table.connect()
        assert _as_nobody(lambda: not connector.check().can_write)
        table.close()


def _as_nobody(holds: Callable[[], bool]) -> bool:
    """Whether it holds in a process of a user with no rights."""
    child = os.fork()
    if not child:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            code = 0 if holds() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
