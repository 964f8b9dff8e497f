"""Trouble that lasts is logged when it begins, changes and ends, and once an hour meanwhile."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from connectors.sql.crm.schema import visit
from syncd.results import State
from syncd.troubles import REMIND, Troubles, steady
from tests.engine.listening import dead_server
from tests.engine.test_dead_server import Clock, company, deployed, visits
from tests.servers import Server


def test_it_is_told_again_after_an_hour_or_if_it_changes() -> None:
    """And anew after its end; a clock that went back holds nothing up."""
    times = iter([0, 10, 59, 60, 61, 70, 71, 20, 130])
    start = datetime(2026, 11, 22, 8, tzinfo=UTC)
    troubles = Troubles(lambda: start + timedelta(minutes=next(times)))
    said = [troubles.is_news("held", "sales", "8 of 20") for _ in range(5)]
    assert said == [True, False, False, True, False]
    assert troubles.is_news("held", "sales", "9 of 20")
    assert not troubles.is_news("held", "sales", "9 of 20")
    assert troubles.since("held", "sales") == start
    assert troubles.is_news("held", "sales", "9 of 20"), "the clock went back"
    assert troubles.is_over("held", "sales")
    assert not troubles.is_over("held", "sales")
    assert troubles.is_news("held", "sales", "9 of 20")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("refused (request 7f3a9c2e-11aa)", "refused (request 0b4e1d77-9f00)"),
        ("<Pool object at 0x7f2a1c9d0e10>", "<Pool object at 0x7f2a1c9d1f20>"),
        ("wait 57 s", "wait 3 s"),
    ],
)
def test_what_differs_from_answer_to_answer_is_no_change(one: str, other: str) -> None:
    assert steady(one) == steady(other)


def test_another_answer_is_a_change() -> None:
    assert steady("sign-in: HTTP 401") != steady("sign-in: HTTP 403")
    assert steady("alice: 8 of 20") != steady("alice: 9 of 20")


@contextmanager
def _logged() -> Iterator[list[Mapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines  # type: ignore[misc]  # structlog's own kind of mapping


def _counted(lines: list[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(line["event"]) for line in lines)


def test_a_night_without_a_server_is_a_few_lines(tmp_path: Path, radicale_server: Server) -> None:
    """Three hours, a cycle each minute; then it is back, and that is said once."""
    clock, places = Clock(), [f"/alice/night-{n}/" for n in range(2)]
    for place in places:
        radicale_server.send("MKCALENDAR", f"{radicale_server.url.rstrip('/')}{place}")
    with (
        dead_server() as server,
        deployed(tmp_path, company(tmp_path, server.url, places), clock) as deployment,
    ):
        visits(tmp_path, 1)
        with _logged() as lines:
            for _ in range(180):
                assert deployment.cycle()[0].state is State.FAILED
                clock.later(timedelta(minutes=1))
        told = _counted(lines)
        assert told.pop("observed") == 1
        assert told.keys() == {"not observed", "the system is left alone for a while", "cycle"}
        hours = timedelta(minutes=180) // REMIND
        changes = 2  # it is silent, it is left alone
        assert max(told.values()) <= (hours + changes) * 2, told
        reminders = [line for line in lines[-6:] if line["event"] == "cycle"]
        assert all(line["since"] < clock() - timedelta(hours=2) for line in reminders)
        server.target = radicale_server.url
        clock.later(timedelta(minutes=10))
        with _logged() as lines:
            for _ in range(10):
                deployment.cycle()
                clock.later(timedelta(minutes=1))
        over = _counted(lines)
        assert over["the system answers again"] == 1
        assert [line["state"] for line in lines if line["event"] == "cycle"][-1] == "converged"
        assert over["cycle"] <= 3, over


def test_a_hold_is_logged_once(tmp_path: Path, radicale_server: Server) -> None:
    """However many cycles it lasts; if one more is held, and when it is over."""
    clock, place = Clock(), f"/alice/hold-{tmp_path.name}/"
    radicale_server.send("MKCALENDAR", f"{radicale_server.url.rstrip('/')}{place}")
    text = company(tmp_path, radicale_server.url, [place])
    with deployed(tmp_path, text, clock) as deployment:
        visits(tmp_path, 12)
        assert deployment.sync()[0].state is State.CONVERGED
        with _logged() as lines:
            _cancel(tmp_path, 8)
            for _ in range(5):
                clock.later(timedelta(minutes=1))
                assert deployment.cycle()[0].state is State.HELD
            assert _events(lines, "held", "cycle") == ["held", "cycle"]
            _cancel(tmp_path, 9)
            for _ in range(5):
                clock.later(timedelta(minutes=1))
                assert deployment.cycle()[0].state is State.HELD
            assert _events(lines, "held", "cycle") == ["held", "cycle"] * 2
            _cancel(tmp_path, 2)
            for _ in range(3):
                clock.later(timedelta(minutes=1))
                deployment.cycle()
        assert _events(lines, "held", "held no longer") == ["held", "held", "held no longer"]
        assert lines[-1]["event"] == "cycle"
        assert lines[-1]["state"] == "converged"


def _events(lines: list[Mapping[str, Any]], *names: str) -> list[str]:
    return [str(line["event"]) for line in lines if line["event"] in names]


def _cancel(folder: Path, first: int) -> None:
    """The first visits are cancelled in the CRM, the others are not."""
    engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
    with engine.begin() as connection:
        for row in range(1, 13):
            state = "cancelled" if row <= first else "confirmed"
            connection.execute(sa.update(visit).where(visit.c.id == row).values(state=state))
    engine.dispose()


def test_a_crm_that_is_locked_at_the_start_is_no_other_configuration(
    tmp_path: Path, radicale_server: Server
) -> None:
    """What its columns hold is known from the last time: nothing is read anew, not even then when
    it answers again."""
    clock, place = Clock(), f"/alice/locked-{tmp_path.name}/"
    radicale_server.send("MKCALENDAR", f"{radicale_server.url.rstrip('/')}{place}")
    text = company(tmp_path, radicale_server.url, [place])
    text = text.replace('url = "sqlite:///crm.db"', 'url = "sqlite:///crm.db"\ntimeout = 1')
    with deployed(tmp_path, text, clock) as deployment:
        visits(tmp_path, 3)
        assert deployment.sync()[0].state is State.CONVERGED
    with closing(sqlite3.connect(tmp_path / "crm.db", isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with _logged() as lines, deployed(tmp_path, text, clock) as deployment:
            assert deployment.cycle()[0].state is State.FAILED
            waits = deployment._around.breakers.circuit("crm").failures
            assert waits == 1, "it is waited for once, not by whoever asks for its columns too"
            for _ in range(3):
                deployment.cycle()
            assert deployment._around.breakers.circuit("crm").failures == waits
            clock.later(timedelta(seconds=11))
            deployment.cycle()
            assert deployment._around.breakers.circuit("crm").failures == 2
            holder.execute("ROLLBACK")
            holder.close()
            clock.later(timedelta(minutes=11))
            assert deployment.sync()[0].state is State.CONVERGED
    assert "not observed" in _counted(lines)
    assert "channel configuration changed" not in _counted(lines)
