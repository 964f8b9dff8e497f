"""``syncd run`` as a process with its pages: a CRM, calendars on real servers, real scrapes."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server, radicale
from tests.web.conftest import ask
from tests.web.scrape import Page, Watched, watched


def _is_quiet(running: Watched) -> bool:
    page = running.scrape()
    return page.value("syncd_writes_open", bridge="sales") == 0


def _lags(page: Page, channel: str) -> float:
    count = page.value("syncd_edit_lag_seconds_count", bridge="sales", channel=channel)
    return 0.0 if math.isnan(count) else count


def test_an_edit_shows_up_in_the_lag_of_the_others(office: Office) -> None:
    """Made in the CRM: it counts for both calendars, once, with the seconds that it took; for
    the CRM itself it does not. What was there at the first look is no edit."""
    office.visits(5)
    with watched(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 5 for desk in office.desks))
        assert wait_for(lambda: _is_quiet(running))
        before = running.scrape()
        assert [_lags(before, name) for name in ("crm", "alice", "wangfang")] == [0, 0, 0]
        office.change(1, subject="客户改期 – verlegt")
        assert wait_for(lambda: all(_lags(running.scrape(), n) for n in ("alice", "wangfang")))
        assert wait_for(lambda: _is_quiet(running))
        page = running.scrape()
        code, _ = running.end()
    assert code == 0
    assert [_lags(page, name) for name in ("crm", "alice", "wangfang")] == [0, 1, 1]
    for channel in ("alice", "wangfang"):
        took = page.value("syncd_edit_lag_seconds_sum", bridge="sales", channel=channel)
        assert 0 < took < 60
        labels = {"bridge": "sales", "channel": channel}
        assert page.value("syncd_edit_lag_seconds_bucket", **labels, le="+Inf") == 1
    assert "客户改期 – verlegt" in office.desks[0].titles()


def test_new_moved_and_deleted_count_too(office: Office) -> None:
    """A visit that is new in a calendar reaches the CRM; a deletion in the CRM the calendars."""
    office.visits(2)
    with watched(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 2 for desk in office.desks))
        assert wait_for(lambda: _is_quiet(running))
        desk = office.desks[0]
        body = next(iter(desk.items().values())).replace("\r\n", "\n").splitlines()
        fresh = [line for line in body if not line.startswith(("UID", "X-SYNCD", "SUMMARY"))]
        fresh.insert(fresh.index("BEGIN:VEVENT") + 1, f"UID:{uuid4()}\nSUMMARY:Neu 新")
        desk.server.put(desk.url, "new.ics", "\r\n".join("\n".join(fresh).splitlines()) + "\r\n")
        assert wait_for(lambda: _lags(running.scrape(), "crm") == 1)
        assert wait_for(lambda: _lags(running.scrape(), "wangfang") == 1)
        office.change(1, deleted_at=office.rows()[0]["starts_at"])
        assert wait_for(lambda: _lags(running.scrape(), "wangfang") == 2)
        deleted = {"bridge": "sales", "channel": "wangfang", "operation": "delete"}
        assert wait_for(lambda: running.scrape().value("syncd_writes_total", **deleted) == 1)
        page = running.scrape()
        running.end()
    assert _lags(page, "alice") == 1
    assert page.value("syncd_writes_total", bridge="sales", channel="crm", operation="create") == 1


def test_nothing_personal_is_shown(office: Office) -> None:
    """Invariant 11: no title, place, name, address, note or secret on any page."""
    office.visits(3, notes="streng vertraulich", customer_email="kunde@geheim.example")
    with watched(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 3 for desk in office.desks))
        office.change(1, subject="Umbenannt Zürich 王芳", place="Geheimgasse 7")
        assert wait_for(lambda: _lags(running.scrape(), "alice"))
        shown = "".join(ask(running.url + page).text for page in ("/healthz", "/readyz"))
        shown += running.scrape().text
        logged = "\n".join(running.lines)
        running.end()
    private = ["拜访", "Besuch", "上海", "Mueller", "@", "geheim", "Geheim", "vertraulich"]
    private += ["Zürich", "Umbenannt", "王", "CALDAV_PASSWORD", "Bearer", "http://"]
    private += [desk.url.rstrip("/").rsplit("/", 1)[-1] for desk in office.desks]
    assert [word for word in private if word in shown] == []
    assert "Geheimgasse" not in logged


def test_ready_when_all_is_ready(office: Office) -> None:
    """``/readyz`` tells the parts; the daemon is alive meanwhile."""
    office.visits(1)
    with watched(office) as running:
        assert ask(f"{running.url}/healthz").told["alive"] is True
        assert wait_for(lambda: ask(f"{running.url}/readyz").status == 200)
        told = ask(f"{running.url}/readyz").told
        running.end()
    assert [part["name"] for part in told["parts"]] == ["store", "configuration", "bridge sales"]


def test_numbers_of_the_store_and_the_loop(office: Office) -> None:
    office.visits(4)
    with watched(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 4 for desk in office.desks))
        assert wait_for(lambda: _is_quiet(running))
        assert office.run("pause").returncode == 0
        assert wait_for(lambda: running.scrape().value("syncd_writing_stopped", bridge="sales"))
        page = running.scrape()
        running.end()
    for channel in ("crm", "alice", "wangfang"):
        assert page.value("syncd_copies", bridge="sales", channel=channel) == 4
        looked = page.value("syncd_last_look_timestamp_seconds", bridge="sales", channel=channel)
        ended = page.value("syncd_last_cycle_timestamp_seconds", bridge="sales")
        assert abs(ended - looked) < 120  # the page may show a look of which the cycle goes on
    created = {"bridge": "sales", "channel": "alice", "operation": "create"}
    assert page.value("syncd_writes_total", **created) == 4
    assert page.value("syncd_appointments", bridge="sales") == 4
    assert page.value("syncd_cycles_total", bridge="sales", state="converged") >= 1
    assert page.value("syncd_requests_total", system="alice-dav") > 4
    assert page.value("syncd_system_state", system="crm", state="closed") == 1
    assert page.value("syncd_store_up") == 1
    assert page.value("syncd_holds_open", bridge="sales") == 0
    assert page.value("process_open_fds") > 3


def test_a_system_that_refuses_us_is_counted_and_shown(
    tmp_path: Path, xandikos_server: Server
) -> None:
    """A wrong user: errors of its class, and the state of its system, not of the other. The
    daemon is ready all the same."""
    with radicale("alice", "right-password") as strict:
        bob = Desk("bob", xandikos_server, xandikos_server.calendar(f"bob-{uuid4().hex[:8]}"))
        office = Office(tmp_path, [Desk("alice", strict, strict.calendar("work")), bob])
        office.listen = "127.0.0.1:0"
        office.configure()
        text = office.config.read_text("utf-8").replace('username = "alice"', 'username = "eve"')
        second = '[[bridges.channels]]\nname = "archive"\nsystem = "alice-dav"\n'
        second += f'admits = "all"\ncalendar = "{strict.calendar("archive")}"\n'
        office.config.write_text(text + second, "utf-8")
        office.visits(1)
        with watched(office) as running:
            assert wait_for(lambda: len(bob.items()) == 1)
            paused = {"system": "alice-dav", "state": "paused"}
            assert wait_for(lambda: running.scrape().value("syncd_system_state", **paused) == 1)
            page = running.scrape()
            assert wait_for(lambda: ask(f"{running.url}/readyz").status == 200)
            running.end()
    assert page.value("syncd_errors_total", system="alice-dav", error="Unauthorized") >= 2
    assert page.value("syncd_errors_total", system="bob-dav", error="Unauthorized") == 0
    assert page.value("syncd_system_state", system="bob-dav", state="closed") == 1
    assert "right-password" not in page.text


def test_a_reload_moves_the_pages_and_forgets_channels(office: Office) -> None:
    """Another address, one calendar less: its numbers are gone. Then off: nothing listens."""
    office.visits(1)
    with watched(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 1 for desk in office.desks))
        office.change(1, subject="anders")
        for name in ("wangfang", "alice"):
            assert wait_for(lambda name=name: _lags(running.scrape(), name))
        first = running.url
        del office.desks[1]
        office.configure()
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: sum("pages served" in line for line in running.lines[:]) == 2)
        assert wait_for(lambda: ask(f"{running.url}/readyz").status == 200)
        page = running.scrape()
        assert _lags(page, "alice") == 1
        assert "wangfang" not in page.text
        assert running.url != first
        office.listen = "off"
        office.configure()
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: sum("started" in line for line in running.lines[:]) == 3)
        with pytest.raises(OSError, match="refused"):
            ask(f"{running.url}/healthz")
        assert running.end()[0] == 0


def test_a_port_in_use_stops_nobody(office: Office, tmp_path: Path) -> None:
    """The second daemon says that it has no pages, and synchronises all the same."""
    office.visits(1)
    (tmp_path / "other").mkdir()
    with watched(office) as running:
        taken = running.url.removeprefix("http://")
        desk = Desk("carla", office.desks[0].server, office.desks[0].server.calendar(uuid4().hex))
        other = Office(tmp_path / "other", [desk], listen=taken)
        other.visits(1)
        with daemon(other) as second:
            assert second.said("pages not served", taken)
            assert wait_for(lambda: len(desk.items()) == 1)
            assert second.end()[0] == 0
        running.end()
