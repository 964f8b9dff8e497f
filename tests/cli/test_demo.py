"""The demo as people start it: a real process, a real CalDAV server in it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEMO = [sys.executable, "-c", "from syncd.cli import main; main()", "demo"]
PATIENCE = 120.0


def _once(folder: Path) -> dict[str, Any]:
    command = [*DEMO, "--once", "--json", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (bridge,) = json.loads(done.stdout)["bridges"]
    assert bridge["state"] == "converged"
    return dict(bridge)


def test_once_ends_with_counts_and_a_second_start_goes_on(tmp_path: Path) -> None:
    """About 200 visits in the calendars of three colleagues, exit 0. ``--folder`` keeps the world:
    nothing is created twice."""
    bridge = _once(tmp_path)
    created = {channel["name"]: channel["created"] for channel in bridge["channels"]}
    assert created.pop("crm") == 0
    assert set(created) == {"alice", "bob", "wangfang"}
    assert sum(created.values()) > 150
    channels = _once(tmp_path)["channels"]
    assert [c["created"] + c["updated"] + c["deleted"] for c in channels] == [0, 0, 0, 0]
    private = [path for path in tmp_path.glob("*.password") if path.stat().st_mode & 0o077]
    assert private == []


@contextmanager
def _running(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*DEMO, "--folder", str(folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    shown = ""
    try:
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        yield process, shown
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _request(url: str, user: str, password: str, method: str, body: str = "") -> bytes:
    secret = b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}", "Content-Type": "text/calendar; charset=utf-8"}
    request = urllib.request.Request(url, body.encode() or None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//phone//EN\r\nBEGIN:VEVENT\r\nUID:demo@phone\r\n"
    "DTSTAMP:20260101T000000Z\r\nSUMMARY:临时拜访 🚗\r\nDTSTART:{start}\r\nDURATION:PT1H\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_an_edit_made_with_any_client_reaches_the_crm(tmp_path: Path) -> None:
    """A plain PUT into Alice's calendar is a row of the CRM a few polls later; Ctrl-C ends it.
    ``0.0.0.0`` is no address to type: the page names one, and says that all can reach it."""
    start = time.strftime("%Y%m%dT%H0000Z", time.gmtime(time.time() + 86400))
    with _running(tmp_path, "--listen", "0.0.0.0") as (process, shown):
        assert "http://0.0.0.0" not in shown
        assert "every address of this machine" in shown
        url = re.search(r"http://127\.0\.0\.1:\d+/", shown)
        password = re.search(r"user alice +password (\S+)", shown)
        assert url is not None
        assert password is not None
        place = "/".join((url[0].rstrip("/"), "alice", "work", "von-hand.ics"))
        _request(place, "alice", password[1], "PUT", EVENT.format(start=start))
        assert _appears(tmp_path / "crm.db", "临时拜访 🚗")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Traceback" not in rest
        assert re.search(r"crm: 1 created", rest)


def _appears(database: Path, title: str) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection = sqlite3.connect(database)
        try:
            query = "SELECT count(*) FROM visit WHERE subject = ?"
            if connection.execute(query, (title,)).fetchone()[0] == 1:
                return True
        finally:
            connection.close()
        time.sleep(0.3)
    return False
