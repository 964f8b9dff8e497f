"""The server: three pages, two methods, bounded in time and number, and no harm to the daemon."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from syncd.store import Debt
from syncd.values import Address
from syncd.web import Pages, Sources, serve, server
from tests.web.conftest import LOOPBACK, Serving, ask

PAGES = ("/healthz", "/readyz", "/metrics")


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_its_head(serving: Serving, page: str) -> None:
    """HEAD tells what GET would, without the body."""
    with serving() as url:
        answer, head = ask(url + page), ask(url + page, "HEAD")
    assert answer.text
    assert head.text == ""
    assert head.status == answer.status
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]
    assert answer.headers["Cache-Control"] == "no-store"
    kind = "text/plain; version=0.0.4; charset=utf-8" if page == "/metrics" else "application/json"
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["Server"].strip() == "syncd"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(serving: Serving, method: str) -> None:
    with serving() as url:
        answer = ask(f"{url}/metrics", method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_other_paths_are_not_there(serving: Serving) -> None:
    """The answer names the pages, not what was asked for; a query changes nothing."""
    with serving() as url:
        lost = ask(f"{url}/private/alice")
        assert ask(f"{url}/healthz?verbose=1").status == 200
    assert lost.status == 404
    assert "alice" not in lost.text
    assert all(page in lost.text for page in PAGES)


def test_nobody_who_looks_is_logged(
    serving: Serving, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Invariant 11: neither requests nor addresses, also of those that are nonsense."""
    caplog.set_level(logging.DEBUG)
    with serving() as url:
        ask(f"{url}/alice@example.com")
        with _connect(url) as line:
            line.sendall(b"NONSENSE alice@example.com\r\n\r\n")
            assert b" 400 " in line.recv(4096)
    shown = capfd.readouterr()
    assert "alice" not in caplog.text + shown.out + shown.err
    assert "127.0.0.1" not in shown.out + shown.err


def test_an_address_in_use_is_said_and_nothing_else_happens(sources: Sources) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with capture_logs() as lines, serve(Address("127.0.0.1", port), Pages(sources), "pages"):
            went_on = True
    assert went_on
    (line,) = lines
    assert line["event"] == "pages not served"
    assert line["log_level"] == "error"
    assert line["listen"] == f"127.0.0.1:{port}"
    assert line["reason"]


@pytest.mark.parametrize("host", ["no such host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_said(sources: Sources, host: str) -> None:
    with capture_logs() as lines, serve(Address(host, 8480), Pages(sources), "pages"):
        pass
    assert [line["event"] for line in lines] == ["pages not served"]


def test_switched_off(sources: Sources) -> None:
    before = set(threading.enumerate())
    with capture_logs() as lines, serve(None, Pages(sources), "pages"):
        assert set(threading.enumerate()) <= before
    assert lines == []


def test_ipv6(sources: Sources) -> None:
    with capture_logs() as lines, serve(Address("::1", 0), Pages(sources), "pages"):
        if lines[0]["event"] == "pages not served":
            pytest.skip("this machine has no IPv6")
        assert ask(f"http://{lines[0]['listen']}/healthz").status == 200


def test_the_end_leaves_nothing(serving: Serving) -> None:
    """Neither threads nor an address in use: the same one can be had again at once."""
    with serving() as url, _connect(url) as line:
        assert ask(f"{url}/healthz").status == 200
    port = urlsplit(url).port
    assert port is not None
    assert line.fileno() == -1
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((LOOPBACK.host, port))
    assert not [each for each in threading.enumerate() if each.name == "syncd-web"]


def test_whoever_holds_lines_open_does_not_keep_probes_out(serving: Serving) -> None:
    """Three times as many silent connections as are allowed: each probe is answered."""
    others = set(threading.enumerate())  # other tests' servers may have such threads, too
    with serving() as url, ExitStack() as stack:
        for number in range(3 * Pages.bounds.connections):
            line = stack.enter_context(_connect(url))
            line.sendall(b"GET /healthz HTTP/1.0\r\n")
            if number % 8 == 0:
                assert ask(f"{url}/healthz").status == 200
        mine = set(threading.enumerate()) - others
        requests = [each for each in mine if "process_request" in each.name]
        assert len(requests) <= Pages.bounds.threads
        assert ask(f"{url}/healthz").status == 200


def test_a_line_that_drips_is_ended(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not prolong it: the whole connection has its time."""
    monkeypatch.setattr(Pages, "bounds", replace(Pages.bounds, seconds=0.3))
    dripping = threading.Event()
    with serving() as url, _connect(url) as line:

        def drip() -> None:
            while not dripping.wait(0.05):
                try:
                    line.sendall(b"X")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert line.recv(1) == b""
        dripping.set()
        thread.join()


class Stuck:
    """A store that does not answer until it is let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    def ping(self) -> None:
        self.asked.set()
        self.let_go.wait(60)

    def debts(self) -> list[Debt]:
        """Nothing is owed."""
        return []


def test_a_store_that_hangs_takes_neither_health_nor_threads(sources: Sources) -> None:
    """Many ask whether it is ready and hang; it is alive all the same, and threads are bounded."""
    stuck, others = Stuck(), set(threading.enumerate())
    object.__setattr__(sources, "store", stuck)
    with capture_logs() as lines, serve(LOOPBACK, Pages(sources), "pages"), ExitStack() as stack:
        url = f"http://{lines[0]['listen']}"
        for number in range(3 * Pages.bounds.threads):
            line = stack.enter_context(_connect(url))
            line.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            if number == Pages.bounds.connections // 2:
                assert stuck.asked.wait(60)
                assert ask(f"{url}/healthz").status == 200
        ours = set(threading.enumerate()) - others
        mine = [each for each in ours if "process_request" in each.name]
        assert len(mine) <= Pages.bounds.threads
        stuck.let_go.set()


def test_a_bug_in_a_page_is_logged_and_harms_no_other(
    serving: Serving, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's log has it; the next page is answered."""
    failed = threading.Event()
    with capture_logs() as lines, serve(LOOPBACK, Pages(sources), "pages"):
        url = f"http://{lines[0]['listen']}"
        monkeypatch.setattr(server.Server, "shutdown_request", _telling(failed))
        object.__setattr__(sources, "expiries", None)
        with _connect(url) as line:
            line.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert line.recv(1) == b""
        assert failed.wait(60)
        assert ask(f"{url}/healthz").status == 200
    assert [each["event"] for each in lines] == ["pages served", "an answer of the pages failed"]
    assert lines[1]["log_level"] == "error"


def _telling(ended: threading.Event) -> Callable[[server.Server, Any], None]:
    before = server.Server.shutdown_request

    def shutdown(self: server.Server, request: Any) -> None:
        before(self, request)
        ended.set()

    return shutdown
