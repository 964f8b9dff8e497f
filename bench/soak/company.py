"""The company: an SQL CRM, calendars on Radicale and Xandikos behind doors, and syncd's process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from connectors.sql.crm.schema import create_schema, visit
from tests.office import bodies_of
from tests.servers import Server
from tests.wire.proxy import Proxy

_HEAD = """[daemon]
state = "sqlite:///state.db"
time_zone = "Asia/Shanghai"
poll_interval = "{poll}s"
workers = {workers}
listen = "off"
log = {{ format = "json", level = "warning" }}
[people]
domains = ["example.com"]
[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"
[systems.radicale]
connector = "caldav"
url = "{radicale}"
username = "alice"
password = {{ env = "CALDAV_PASSWORD" }}
[systems.xandikos]
connector = "caldav"
url = "{xandikos}"
[[bridges]]
name = "sales"
limits = {{ deletes = "100%", moves = "100%", writes_per_hour = 1000000 }}
[[bridges.channels]]
system = "crm"
admits = "all"
"""
_CHANNEL = """[[bridges.channels]]
name = "{name}"
system = "{system}"
calendar = "{url}"
person = "{name}@example.com"
admits = "all"
holds = "own"
"""
_QUERY = (
    b'<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:" '
    b'xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/>'
    b'</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/>'
    b"</C:comp-filter></C:filter></C:calendar-query>"
)
_LINE = re.compile(r"^(SUMMARY|DTSTART)[^:\r\n]*:([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A colleague's calendar. ``url``: at the server itself, where people work."""

    name: str
    server: Server
    url: str

    def items(self) -> dict[str, str]:
        """The bodies by path."""
        status, answer, _ = self.server.send("REPORT", self.url, _QUERY, {"Depth": "1"})
        if status != 207:
            raise RuntimeError(f"{self.name}: HTTP {status}")
        return bodies_of(answer)


def told(body: str) -> tuple[str, datetime]:
    """Title and start (naive UTC) of an event that syncd or we wrote."""
    event = body[body.index("BEGIN:VEVENT") :].replace("\r\n ", "").replace("\n ", "")
    found = dict(_LINE.findall(event))
    start = datetime.strptime(found["DTSTART"].rstrip("Z"), "%Y%m%dT%H%M%S")
    return found["SUMMARY"], start


class Company:
    """Everything but the people. ``poll``: the daemon's interval in seconds."""

    def __init__(
        self,
        folder: Path,
        servers: list[tuple[Server, Proxy]],
        calendars: int,
        poll: int,
        workers: int,
    ) -> None:
        self.folder, self.poll = folder, poll
        self.doors = [door for _, door in servers]
        self.engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
        create_schema(self.engine)
        self.calendars: list[Calendar] = []
        radicale, xandikos = (door.url for _, door in servers)
        parts = [_HEAD.format(poll=poll, workers=workers, radicale=radicale, xandikos=xandikos)]
        for number in range(calendars):
            server, door = servers[number % 2]
            name = f"staff{number:03d}"
            url = server.calendar(name)
            self.calendars.append(Calendar(name, server, url))
            path = url.removeprefix(server.url)
            parts.append(_CHANNEL.format(name=name, system=server.kind, url=door.url + path))
        (folder / "syncd.toml").write_text("".join(parts), "utf-8")
        self.samples = folder / "samples.jsonl"
        self._log = (folder / "syncd.log").open("ab")
        self.process = self._start()

    def rows(self) -> list[dict[str, object]]:
        """All visits that are not deleted."""
        query = sa.select(visit).where(visit.c.deleted_at.is_(None))
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def insert(self, **values: object) -> None:
        """A person makes a visit in the CRM."""
        with self.engine.begin() as connection:
            connection.execute(sa.insert(visit), [{"state": "confirmed", **values}])

    def change(self, title: str, values: dict[str, object]) -> None:
        """A person edits the visits of this title in the CRM."""
        values["updated_at"] = datetime.now(UTC).replace(tzinfo=None)
        with self.engine.begin() as connection:
            connection.execute(sa.update(visit).where(visit.c.subject == title).values(**values))

    def restart(self, by: signal.Signals) -> None:
        """The daemon is ended by a signal and started again."""
        self.process.send_signal(by)
        self.process.wait(60)
        self.process = self._start()

    def reload(self) -> None:
        """The configuration is read again."""
        self.process.send_signal(signal.SIGHUP)

    def sync(self) -> dict[str, object]:
        """``syncd sync --json`` when the daemon has ended: what it tells of the bridge."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        command = [sys.executable, "-c", "from syncd.cli import main; main()", "sync", "--json"]
        done = subprocess.run(
            [*command, "--config", str(self.folder / "syncd.toml")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CALDAV_PASSWORD": "x"},
        )
        bridge: dict[str, object] = json.loads(done.stdout.splitlines()[-1])["bridges"][0]
        return bridge

    def close(self) -> None:
        """End what was started."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()
        self.engine.dispose()

    def _start(self) -> subprocess.Popen[bytes]:
        config = str(self.folder / "syncd.toml")
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bench.soak.probe",
                str(self.samples),
                "run",
                "--config",
                config,
            ],
            env={**os.environ, "CALDAV_PASSWORD": "x"},
            stdout=self._log,
            stderr=self._log,
        )
