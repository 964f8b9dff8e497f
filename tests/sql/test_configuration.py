"""What an administrator gets wrong, and what he is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.sql import plugin
from connectors.sql.values import value_table
from syncd.connector import Collection, System, TableMapping
from syncd.errors import ConfigError
from tests.sql.conftest import Make
from tests.sql.tables import (
    FIELDS,
    MAPPING,
    WINDOW,
    Table,
    make_table,
    marked,
    visit,
    visit_columns,
    written,
)


def system(mapping: TableMapping | None, **options: Any) -> System:
    return System("crm", "sql", "crm", "office1", options=options, mapping=mapping)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"fields": {**FIELDS, "title": "subjekt"}}, ["subjekt", '"subject"', "fields.title"]),
        ({"modified": "modified_at"}, ["modified_at", "modified"]),
        ({"object": "visits"}, ["visits", '"visit"']),
        ({"fields": {**FIELDS, "when.start": "all_day"}}, ["all_day", "time"]),
        ({"key": "subject", "fields": {**FIELDS, "title": "place"}}, ["subject", "unique"]),
        ({"marker": "budget"}, ["budget", "unique"]),
    ],
)
def test_what_the_table_does_not_have(
    table: Table, changes: dict[str, Any], names: list[str]
) -> None:
    connector = table.connect(**changes)
    with pytest.raises(ConfigError) as raised:
        connector.observe(None, WINDOW, {})
    for name in ["visits.toml", *names]:
        assert name in str(raised.value)
    with pytest.raises(ConfigError):
        _ = connector.fidelity


@pytest.mark.parametrize(
    ("mapping", "options", "message"),
    [
        (None, {"url": "sqlite:///x.db"}, "needs a mapping"),
        (MAPPING, {"url": "no url"}, "SQLAlchemy URL"),
        (MAPPING, {"url": "sqlite://"}, "file"),
        (MAPPING, {"url": "nodb://secret:pass@host/x"}, "does not know"),
        (MAPPING, {"url": "mysql+mysqldb://u@host/x"}, "pip install"),
        (MAPPING, {"url": "sqlite:///x.db", "overlap": "soon"}, "seconds"),
        (replace(MAPPING, extra={"epoche": 1}), {"url": "sqlite:///x.db"}, "epoche"),
        (replace(MAPPING, extra={"epoch": "days"}), {"url": "sqlite:///x.db"}, "milliseconds"),
        (replace(MAPPING, time_zone="Mars"), {"url": "sqlite:///x.db"}, "Mars"),
        (replace(MAPPING, fields={"when.start": "a"}), {"url": "sqlite:///x.db"}, "when.end"),
    ],
)
def test_options(mapping: TableMapping | None, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        plugin.connect(system(mapping, **options), Collection())
    assert message in str(raised.value)
    assert "pass" not in str(raised.value)


def test_a_table_of_values_needs_a_word_for_cancelled() -> None:
    values = {"status": {"confirmed": "open", "completed": "done"}}
    with pytest.raises(ConfigError, match="cancelled"):
        value_table("status", replace(MAPPING, values=values))


def test_several_of_ours_for_one_of_theirs() -> None:
    values = {
        "status": {"confirmed": "open", "proposed": "open", "cancelled": "x"},
        "kind": {"visit": "v"},
    }
    mapping = replace(MAPPING, values=values)
    status = value_table("status", mapping)
    assert status.shown == dict.fromkeys(("proposed", "completed", "no_show"), "confirmed")
    assert (status.read("open"), status.read("x"), status.read("?")) == (
        "confirmed",
        "cancelled",
        None,
    )
    assert value_table("kind", mapping).shown == {"v": "visit"}


def test_an_enumerated_column_must_know_their_words(postgres_url: str) -> None:
    states = sa.Enum("planned", "confirmed", "done", "cancelled", name="visit_state")
    columns = [each for each in visit_columns() if each.name != "state"]
    columns.append(sa.Column("state", states))
    table = make_table(postgres_url, columns)
    with pytest.raises(ConfigError, match="no_show"):
        _ = table.connect().fidelity
    known = {**MAPPING.values["status"], "no_show": "done"}
    connector = table.connect(values={"status": known})
    copy = written(connector.create(marked("a1"), visit()))
    assert copy.reads.status == visit().status
    table.close()


def test_a_view_is_read_and_written_through(make: Make) -> None:
    """With triggers that write, and a marker column, since a view tells no new keys."""
    table = make([*visit_columns(), sa.Column("mark", sa.String(120), unique=True)])
    if table.engine.dialect.name == "sqlite":
        names = [each.name for each in table.table.columns if each.name != "id"]
        new = ", ".join(f"NEW.{name}" for name in names)
        sets = ", ".join(f"{name} = NEW.{name}" for name in names)
        table.sql("CREATE VIEW open_visit AS SELECT * FROM visit")
        table.sql(
            "CREATE TRIGGER open_insert INSTEAD OF INSERT ON open_visit BEGIN "
            f"INSERT INTO visit ({', '.join(names)}) VALUES ({new}); END"
        )
        table.sql(
            "CREATE TRIGGER open_update INSTEAD OF UPDATE ON open_visit BEGIN "
            f"UPDATE visit SET {sets} WHERE id = OLD.id; END"
        )
    else:
        table.sql("CREATE VIEW open_visit AS SELECT * FROM visit")
    connector = table.connect(object="open_visit", marker="mark")
    copy = written(connector.create(marked("a1"), visit()))
    again = written(connector.update(copy, replace(copy.reads, title="新")))
    assert again.reads == replace(copy.reads, title="新")
    connector.delete(again)
    assert connector.fetch([copy.key]).gone == {copy.key}


def test_the_fidelity_comes_from_mapping_and_columns(table: Table) -> None:
    fidelity = table.connect(lengths={"title": 50}, resolution=60).fidelity
    assert fidelity.lengths["title"] == 50
    assert fidelity.lengths["location"] == 300
    assert "description" not in fidelity.lengths
    assert (fidelity.resolution, fidelity.zone, fidelity.floating) == (60, "UTC", False)
    assert not fidelity.recurrence
    assert fidelity.customer_parts == {"name", "email", "phone"}


def test_the_manifest_tells_its_options() -> None:
    manifest = plugin.manifest
    assert (manifest.name, manifest.role, manifest.recurrence) == ("sql", "crm", False)
    assert manifest.required <= manifest.options.keys()
    assert manifest.secrets <= manifest.options.keys()
