"""An item whose name is too long for the store is told, and harms no other."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from tests.office import Desk, Office
from tests.servers import Server

SHIPPED = Path(__file__).parents[2] / "mappings" / "visits.toml"


def test_a_name_that_is_too_long_is_told(tmp_path: Path, radicale_server: Server) -> None:
    """Invariant 9: two of three visits arrive; `syncd status` tells of the third one, once."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    office = Office(tmp_path, [Desk("alice", radicale_server, url)])
    (tmp_path / "mappings").mkdir()
    mapping = SHIPPED.read_text("utf-8").replace('key = "id"', 'key = "code"')
    (tmp_path / "mappings" / "visits.toml").write_text(mapping, "utf-8")
    office.visits(3)
    with office.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE visit ADD COLUMN code TEXT"))
        for row, code in enumerate(("V-1", "访" * 900, "V-3"), 1):
            named = {"code": code, "row": row}
            connection.execute(sa.text("UPDATE visit SET code = :code WHERE id = :row"), named)
        connection.execute(sa.text("CREATE UNIQUE INDEX visit_code ON visit (code)"))
    for _ in range(2):
        office.sync()
        told = json.loads(office.run("status", "--json").stdout)
        (bad,) = told["unreadable"]
        assert "longer than 2000 bytes" in bad["reason"]
        assert len(bad["key"]) < 300
        titles = sorted(office.desks[0].titles())
        assert [title[:8] for title in titles] == ["拜访客户 000", "拜访客户 002"]
