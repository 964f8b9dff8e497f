"""The embedded CRM: customers, contacts, staff, rooms and visits in a small database.

``syncd demo`` finds :func:`open_demo_crm` by the entry point ``crm`` of the group ``syncd.demo``.
``mappings/visits.toml`` is its mapping.
"""

from __future__ import annotations

import os
from datetime import datetime

import sqlalchemy as sa

from connectors.sql.crm.schema import create_schema
from connectors.sql.crm.seed import STAFF, seed


def open_demo_crm(path: str | os.PathLike[str], now: datetime, count: int = 200) -> str:
    """The URL of the CRM in the SQLite file ``path``; a new file gets ``count`` visits.

    ``now`` is aware; visits lie from two weeks before it to six weeks after it.
    """
    engine = sa.create_engine(f"sqlite:///{os.fspath(path)}")
    is_new = not os.path.exists(path)
    create_schema(engine)
    if is_new:
        seed(engine, now, count)
    engine.dispose()
    return f"sqlite:///{os.fspath(path)}"


__all__ = ["STAFF", "create_schema", "open_demo_crm", "seed"]
