"""The embedded CRM and its mapping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.sql import plugin
from connectors.sql.crm import STAFF, create_schema, open_demo_crm, seed
from connectors.sql.crm.schema import visit as visit_table
from syncd.connector import Collection, Connector, System, Window
from syncd.core.fidelity import project
from syncd.core.model import Status, Timed
from syncd.mapping import read_mapping
from syncd.tomlfile import read_toml
from tests.sql.tables import known_of, marked, visit, written

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))
MAPPING_FILE = Path(__file__).parents[2] / "mappings" / "visits.toml"


def connect(url: str) -> Connector:
    mapping = read_mapping(read_toml(MAPPING_FILE))
    system = System("crm", "sql", "crm", "office1", options={"url": url}, mapping=mapping)
    return plugin.connect(system, Collection())


def test_the_demo_is_the_same_each_time(tmp_path: Path) -> None:
    looks = []
    for name in ("one.db", "two.db"):
        connector = connect(open_demo_crm(tmp_path / name, NOW))
        snapshot = connector.observe(None, WINDOW, {})
        assert snapshot.unreadable == ()
        looks.append([(copy.key, copy.reads) for copy in snapshot.copies])
        connector.close()
    assert looks[0] == looks[1]
    assert len(looks[0]) == 200


def test_the_demo_is_like_a_company(tmp_path: Path) -> None:
    url = open_demo_crm(tmp_path / "crm.db", NOW)
    assert open_demo_crm(tmp_path / "crm.db", NOW) == url
    connector = connect(url)
    found = [copy.reads for copy in connector.observe(None, WINDOW, {}).copies]
    assert len(found) == 200
    assert {each.owner for each in found} == {email for email, _ in STAFF}
    assert {each.status for each in found} == set(Status)
    assert any(not each.title.isascii() for each in found)
    assert any(each.title.isascii() for each in found)
    assert all(each.customer and each.customer.email for each in found)
    for each in found:
        if isinstance(each.when, Timed):
            shanghai = each.when.start + timedelta(hours=8)
            assert 9 <= shanghai.hour < 18
            over = each.when.start < NOW.replace(tzinfo=None)
            assert (each.status in (Status.COMPLETED, Status.NO_SHOW)) <= over
    connector.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_edits_by_hand_are_noticed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whoever edits with a plain UPDATE need not think of updated_at."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/crm.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(url)
    create_schema(engine)
    create_schema(engine)
    seed(engine, datetime.now(UTC), count=30)
    connector = connect(url)
    first = connector.observe(None, WINDOW, {})
    key = first.copies[0].key
    with engine.begin() as connection:
        row = sa.update(visit_table).where(visit_table.c.id == int(key))
        connection.execute(row.values(place="西湖区"))
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert [(copy.key, copy.reads.location) for copy in second.copies] == [(key, "西湖区")]
    copy = written(connector.create(marked("a1"), visit()))
    assert copy.reads == project(visit(), connector.fidelity)
    connector.close()
    engine.dispose()
