"""For information: a CRM's table is carried into an empty calendar on Radicale."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.ours import Ours
from bench.table import Row
from connectors.sql.crm.schema import create_schema, visit
from tests.servers import radicale


def run(count: int = 300) -> Iterator[Row]:
    """``count`` visits, then a cycle with nothing to do."""
    with radicale() as server, tempfile.TemporaryDirectory() as folder:
        ours = Ours(Path(folder) / "ours", {"calendar": server.calendar("work")}, crm=True)
        fill_table(ours.folder / "crm.db", count)
        run, told = ours.sync()
        if told["channels"][1]["created"] != count:
            raise RuntimeError(f"the first synchronisation came to {told}")
        with ours.cycles() as cycles:
            cycles.many(2)
            idle = min(cycles.many(5), key=lambda each: each.seconds)
    requests = told["channels"][1]["requests"]
    yield Row(
        f"CRM to a calendar, {count:,} visits",
        run.seconds,
        "s",
        note=f"{requests} requests, peak {run.peak:.0f} MB",
    )
    yield Row(
        f"CRM and a calendar, {count:,} visits, nothing to do",
        idle.seconds,
        "s",
        note=f"best of 5; requests {idle.requests}",
    )


def fill_table(file: Path, count: int) -> None:
    """A CRM's table with ``count`` visits of Alice's."""
    engine = sa.create_engine(f"sqlite:///{file}")
    create_schema(engine)
    day = datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0, tzinfo=None)
    rows = []
    for each in range(count):
        start = day + timedelta(days=2 + each % 300, minutes=30 * (each // 300 % 20))
        row = {"subject": f"拜访客户 {each}", "starts_at": start, "state": "confirmed"}
        row |= {"ends_at": start + timedelta(minutes=45), "place": f"上海市黄浦区 {each} 号"}
        row |= {"owner_email": "alice@example.com", "customer_name": "Mueller GmbH"}
        rows.append(row)
    with engine.begin() as connection:
        connection.execute(sa.insert(visit), rows)
    engine.dispose()
