"""What ``/metrics`` shows: names without addresses, a bound on series, and cheap queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event

from syncd import metrics
from syncd.breakers import Breakers
from syncd.config import load
from syncd.connector import Unreadable
from syncd.core.state import Marker, Plan
from syncd.deployment import Deployment
from syncd.errors import Unauthorized, Unavailable
from syncd.plugins import Plugins
from syncd.pulse import Pulse
from syncd.results import BridgeResult, ChannelResult
from syncd.store import Look, Store, WaitingRows
from syncd.watching import WatchState
from syncd.web import Sources
from syncd.web.pages import answer
from tests.postgres import postgres_server, postgres_url
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, settled, update, visit
from tests.web.scrape import Page

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with Store.open(url) as opened:
        yield opened


def _page(sources: Sources) -> Page:
    return Page(answer("/metrics", sources, 0.0).body.decode())


def test_the_store_in_numbers(store: Store, sources: Sources) -> None:
    """Copies, what cannot be read, what waits, what is held: by channel or bridge, 0 included."""
    settled(store, "0000000000000001", NOW, {("crm", ""): copy("r1"), ("alice", ""): copy("a1")})
    look(store, CRM, after(1), copy("r2"), copy("r3"))
    broken = (Unreadable("r9", "1", "no start"),)
    store.record_look(CRM, Look(at=after(2), unreadable=broken, cursor="2"))
    plan = Plan("0000000000000002", agreement({}), (update("alice", copy("a2"), visit()),))
    store.commit("sales", "c1", NOW, [plan])
    store.doubt(CRM, "r3", [], "may be two", NOW)
    store.set_aside("sales", "0000000000000001", "crm", "", (), "refused", NOW, after(60))
    store.open_hold("sales", "too many", NOW, "d", [])
    store.meta_set("paused:sales", "1")
    page = _page(sources)
    assert page.value("syncd_copies", bridge="sales", channel="crm") == 3
    assert page.value("syncd_copies", bridge="sales", channel="alice") == 1
    assert page.value("syncd_unreadable", bridge="sales", channel="crm") == 1
    assert page.value("syncd_unreadable", bridge="sales", channel="alice") == 0
    looked = page.value("syncd_last_look_timestamp_seconds", bridge="sales", channel="crm")
    assert looked == pytest.approx(after(2).timestamp())
    numbers = {"appointments": 2, "doubts_waiting": 1, "conflicts_waiting": 0, "set_aside": 1}
    numbers |= {"holds_open": 1, "writes_open": 1, "writing_stopped": 1}
    assert {n: page.value(f"syncd_{n}", bridge="sales") for n in numbers} == numbers
    store.meta_set("paused:sales", "")
    assert _page(sources).value("syncd_writing_stopped", bridge="sales") == 0
    store.meta_set("writing-stopped", "1")
    assert _page(sources).value("syncd_writing_stopped", bridge="sales") == 1


def test_rows_without_their_series_in_numbers(store: Store, sources: Sources) -> None:
    """Not those whose series is known, that are parked or judged, nor what stands for itself."""
    slot = "20260302T010000"
    settled(store, "known1", NOW, {("crm", ""): copy("r1")})
    marks = {
        "r2": Marker("other123", "lost1", slot),
        "r3": Marker(store.installation, "lost2", slot),
        "r4": Marker("other123", "lost2", "20260309T010000"),
        "whole": Marker("other123", "lost3"),
        "known": Marker("other123", "known1", slot),
        "parked": Marker("other123", "lost4", slot),
        "judged": Marker("other123", "lost5", slot),
    }
    for number, (key, marker) in enumerate(marks.items(), start=1):
        look(store, CRM, after(number), copy(key, marker=marker))
    look(store, CRM, after(9), copy("bare"))
    store.park(CRM, "parked", after(60))
    store.set_clean([(CRM, "judged")])
    assert _page(sources).value("syncd_rows_waiting", bridge="sales") == 3
    assert store.rows_waiting() == [WaitingRows(CRM, 3, 2, after(1))]
    store.assign([(CRM, key, "lost2", slot) for key in ("r2", "r3", "r4")])
    assert _page(sources).value("syncd_rows_waiting", bridge="sales") == 0
    assert store.rows_waiting() == []


def test_status_and_metrics_count_alike(store: Store) -> None:
    settled(store, "0000000000000001", NOW, {("crm", ""): copy("r1"), ("cal", ""): copy("a1")})
    look(store, CAL, after(1), gone=("a1",))
    told, levels = store.stats(), store.levels()
    assert levels.copies == told.copies == {CRM: 1}
    assert levels.appointments == told.agreements == {"sales": 1}


def test_counting_reads_no_copy(tmp_path: Path) -> None:
    """However many there are: each query walks an index, or a table that is nearly empty."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as store:
        queries: list[str] = []
        event.listen(
            store._database._engine,
            "before_cursor_execute",
            lambda _c, _cursor, text, *_: queries.append(text),
        )
        store.levels()
        plans = []
        with store._database.read() as connection:
            for text in [each for each in queries if "count(*)" in each]:
                bound = ("open",) * text.count("?")
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", bound)
                plans += [str(row[3]) for row in rows]
    large = [each for each in plans if "observed" in each or "agreements" in each]
    assert len(large) >= 3
    assert [each for each in large if "INDEX" not in each] == []
    assert any("observed USING COVERING INDEX" in each for each in large)


def test_sign_ins_that_end(sources: Sources, expiries: dict[str, datetime]) -> None:
    """Shown for the systems that know, and for no other."""
    end = datetime.now(UTC) + timedelta(days=3)
    expiries["crm"] = end
    values = _page(sources).values["syncd_token_expires_timestamp_seconds"]
    assert values == {frozenset({("system", "crm")}): pytest.approx(end.timestamp())}


def test_the_first_sign_in_of_a_system_to_end(tmp_path: Path) -> None:
    """Two calendars of one system know when theirs end, the CRM does not."""
    text = """
        [daemon]
        state = "sqlite:///state.db"
        [systems.crm]
        connector = "sql"
        url = "sqlite:///crm.db"
        mapping = "visits"
        [systems.dav]
        connector = "caldav"
        url = "http://127.0.0.1:9/"
        [[bridges]]
        name = "sales"
        channels = [
          { system = "crm" },
          { name = "alice", system = "dav", calendar = "a" },
          { name = "bob", system = "dav", calendar = "b" },
        ]
    """
    config = tmp_path / "syncd.toml"
    config.write_text(text, "utf-8")
    ends = {"alice": NOW + timedelta(days=9), "bob": NOW + timedelta(days=2), "crm": None}
    settings = load(config, Plugins())
    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store) as deployment,
    ):
        deployment.connect()
        assert deployment.expiries() == {}
        for (_, name), connector in deployment._connections.made():
            vars(connector)["token_expires"] = ends[name]
        assert deployment.expiries() == {"dav": ends["bob"]}


def test_the_state_of_systems(sources: Sources, breakers: Breakers) -> None:
    def refuse() -> None:
        raise Unauthorized("HTTP 401")

    def fall_silent() -> None:
        raise Unavailable("no answer")

    for system, request, times in (("alice-dav", refuse, 2), ("crm", fall_silent, 3)):
        for _ in range(times):
            with pytest.raises((Unauthorized, Unavailable)):
                breakers.ask(system, request)
    page = _page(sources)
    states = {
        dict(labels)["system"]: dict(labels)["state"]
        for labels, value in page.values["syncd_system_state"].items()
        if value
    }
    assert states == {"alice-dav": "paused", "crm": "open"}


def test_an_address_as_a_name_is_not_shown(sources: Sources) -> None:
    """Invariant 11: its first part and a digest stand for it, one for each address."""
    bridge = f"sales-{uuid4().hex[:8]}"
    names = ["wang.fang@example.com", "wang.fang@example.cn", "王芳"]
    metrics.cycle_over(BridgeResult(bridge, channels=[ChannelResult(n, "crm") for n in names]))
    page = _page(sources)
    shown = {
        dict(labels)["channel"]
        for labels in page.values["syncd_writes_failed_total"]
        if dict(labels)["bridge"] == bridge
    }
    assert "example" not in page.text
    assert len(shown) == 3
    assert sum(each.startswith("wang.fang~") for each in shown) == 2
    assert "王芳" in shown


def test_too_many_channels_are_counted_together(
    store: Store, pulse: Pulse, breakers: Breakers
) -> None:
    """1,000 have their own numbers; those beyond the bound share one, and lose nothing."""
    metrics.keep((), ())
    names = [f"c{number:04d}" for number in range(metrics.MOST_CHANNELS + 5)]
    result = BridgeResult("sales", channels=[ChannelResult(n, "crm", created=1) for n in names])
    metrics.cycle_over(result)
    channels = frozenset(f"sales/{name}" for name in names)
    look(store, f"sales/{names[-1]}", NOW, copy("k1"), copy("k2"))
    look(store, f"sales/{names[-2]}", after(5), copy("k3"))
    page = _page(Sources(store, pulse, breakers, channels, dict, dict))
    others = {"bridge": "sales", "channel": metrics.OTHERS}
    assert page.value("syncd_writes_total", **others, operation="create") == 5
    assert page.value("syncd_copies", **others) == 3
    looked = page.value("syncd_last_look_timestamp_seconds", **others)
    assert looked == pytest.approx(NOW.timestamp())
    assert len(page.values["syncd_copies"]) == metrics.MOST_CHANNELS + 1
    metrics.keep((), ())
    assert (
        "syncd_writes_total"
        not in _page(Sources(store, pulse, breakers, frozenset(), dict, dict)).values
    )


def test_watches_are_counted_by_system_and_state(sources: Sources) -> None:
    """Each state has its number, also 0; systems that tell nothing have none."""
    counts = dict.fromkeys((("google", state) for state in WatchState), 0)
    counts["google", WatchState.TRUSTED] = 3
    page = _page(replace(sources, watches=lambda: counts))
    assert page.value("syncd_watches", system="google", state="trusted") == 3
    assert page.value("syncd_watches", system="google", state="failing") == 0
    assert len(page.values["syncd_watches"]) == len(WatchState)
