"""A state that can be read and not written: the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from syncd.config import Settings, load
from syncd.notify import Notifier, Seen
from syncd.plugins import Plugins
from syncd.store import ChannelState, Store
from tests.notify.conftest import told_by
from tests.notify.fakes import robot

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CONFIG = """
[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
[[bridges]]
name = "sales"
[[bridges.channels]]
system = "crm"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "syncd.toml").write_text(CONFIG, "utf-8")
    return load(tmp_path / "syncd.toml", Plugins(), {})


@pytest.fixture
def full(store: Store) -> Iterator[dict[str, bool]]:
    """While ``full["yes"]``, SQLite refuses every write; reading goes on."""
    state = {"yes": False}
    engine = store._database._engine

    @event.listens_for(engine, "begin")
    def on_begin(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {int(state['yes'])}")  # type: ignore[attr-defined]  # a Connection

    yield state
    event.remove(engine, "begin", on_begin)


def test_it_is_told_once_and_not_again_after_a_restart(
    settings: Settings, store: Store, full: dict[str, bool]
) -> None:
    """What was told is remembered in the process, and noted as soon as there is room."""
    store.save_channel_state(ChannelState("sales/crm", looked=NOW))
    with robot("wecom") as vendor:
        told = replace(settings, notify=(told_by(vendor),))
        notifier = Notifier(told, store, free=lambda: 0 if full["yes"] else 10**9)
        full["yes"] = True
        with pytest.raises(OperationalError):
            store.meta_set("x", "y")
        for minute in range(30):
            notifier.look(Seen(fault="OperationalError"), NOW + minute * MINUTE)
            assert notifier.flush(30)
        first, *more = vendor.texts
        assert "the disk with the state has only 0 MB left" in first
        assert more == []
        full["yes"] = False
        notifier.look(Seen(fault="OperationalError"), NOW + 30 * MINUTE)
        assert notifier.flush(30)
        notifier.close()
        full["yes"] = True
        notifier = Notifier(told, store, free=lambda: 0)
        notifier.look(Seen(), NOW + 31 * MINUTE)
        assert notifier.flush(30)
        notifier.close()
    assert len(vendor.texts) == 1
