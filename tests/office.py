"""A small company on real servers: an SQL CRM, CalDAV calendars, and syncd as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from icalendar import Calendar

from connectors.sql.crm.schema import create_schema, visit
from tests import warm
from tests.servers import Server

MONDAY = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0, tzinfo=None)
"""The morning of today in Shanghai, as the CRM keeps it (naive UTC)."""


@dataclass(slots=True)
class Desk:
    """One colleague's calendar on a server. ``url`` names it on ``server``.

    ``settings``: further keys of its channel. ``door``: the address that syncd is given instead
    of the server's own (a proxy's).
    """

    name: str
    server: Server
    url: str
    settings: dict[str, str | bool] = field(default_factory=dict)
    door: str = ""

    def items(self) -> dict[str, str]:
        """The bodies in the calendar by path, as any client would list them."""
        report = (
            b'<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:" '
            b'xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/>'
            b'</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/>'
            b"</C:comp-filter></C:filter></C:calendar-query>"
        )
        status, body, _ = self.server.send("REPORT", self.url, report, {"Depth": "1"})
        assert status == 207, (status, body[:200])
        return bodies_of(body)

    def files(self) -> dict[str, bytes]:
        """The same, as they are on the server's disk: costs the server nothing."""
        return self.server.files(self.url)

    def events(self) -> dict[str, Any]:
        """The first VEVENT of each item by path."""
        return {
            path: Calendar.from_ical(text).walk("VEVENT")[0] for path, text in self.items().items()
        }

    def rename(self, title: str) -> None:
        """Somebody gives the only event another title."""
        ((path, body),) = self.items().items()
        lines = body.splitlines()
        place = next(i for i, line in enumerate(lines) if line.startswith("SUMMARY"))
        lines[place] = f"SUMMARY:{title}"
        self.server.put("", path, "\r\n".join(lines) + "\r\n")

    def titles(self) -> list[str]:
        """All titles, sorted."""
        return sorted(str(event.get("SUMMARY", "")) for event in self.events().values())


def bodies_of(answer: bytes) -> dict[str, str]:
    """The bodies in the answer to a calendar-query, by path."""
    from lxml import etree

    found: dict[str, str] = {}
    root = etree.fromstring(answer)
    for response in root.iter("{DAV:}response"):
        path = response.findtext("{DAV:}href") or ""
        text = response.find(".//{urn:ietf:params:xml:ns:caldav}calendar-data")
        if text is not None and text.text:
            found[path] = text.text
    return found


class Office:
    """A folder with a configuration, a CRM and a store; desks on running servers."""

    def __init__(
        self,
        folder: Path,
        desks: Sequence[Desk],
        *,
        holds: str = "all",
        rules: str = "",
        extra: str = "",
        listen: str = "off",
    ) -> None:
        self.folder, self.desks, self.listen = folder, list(desks), listen
        self.engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
        create_schema(self.engine)
        self.config = folder / "syncd.toml"
        self.configure(holds=holds, rules=rules, extra=extra)

    def configure(self, *, holds: str = "all", rules: str = "", extra: str = "") -> None:
        """Write the configuration anew; ``rules`` is the text of a rule file."""
        lines = [
            "[daemon]",
            'state = "sqlite:///state.db"',
            'time_zone = "Asia/Shanghai"',
            'poll_interval = "1s"',
            f"listen = {json.dumps(self.listen)}",
            "[people]",
            'domains = ["example.com"]',
            "[systems.crm]",
            'connector = "sql"',
            'url = "sqlite:///crm.db"',
            'mapping = "visits"',
        ]
        for desk in self.desks:
            lines += [
                f"[systems.{desk.name}-dav]",
                'connector = "caldav"',
                f'url = "{_whole(desk)}"',
                "timeout = 20",
            ]
            if desk.server.username:
                lines.append(f'username = "{desk.server.username}"')
                lines.append('password = { env = "CALDAV_PASSWORD" }')
        lines += ["[[bridges]]", 'name = "sales"']
        if rules:
            (self.folder / "own.toml").write_text(rules, "utf-8")
            lines.append('rules = "own.toml"')
        lines += [extra, "[[bridges.channels]]", 'system = "crm"']
        for desk in self.desks:
            settings = {"admits": "all", "holds": holds, **desk.settings}
            lines += [
                "[[bridges.channels]]",
                f'name = "{desk.name}"',
                f'system = "{desk.name}-dav"',
                *(f"{key} = {json.dumps(value)}" for key, value in settings.items()),
            ]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a syncd process."""
        password = next((d.server.password for d in self.desks if d.server.password), "none")
        return {**os.environ, "CALDAV_PASSWORD": password, "SYNCD_CONFIG": str(self.config)}

    def visits(self, number: int, **values: object) -> None:
        """Put ``number`` coming visits into the CRM."""
        rows = []
        for each in range(number):
            start = MONDAY + timedelta(days=1 + each // 9, hours=each % 9)
            row = {
                "subject": f"拜访客户 {each:03d} – Besuch, {each}; “é”",
                "starts_at": start,
                "ends_at": start + timedelta(minutes=45),
                "state": "confirmed",
                "place": f"上海市黄浦区 {each} 号",
                "owner_email": "alice@example.com",
                "customer_name": "Mueller GmbH",
            }
            rows.append({**row, **values})
        with self.engine.begin() as connection:
            connection.execute(sa.insert(visit), rows)

    def rows(self) -> list[dict[str, Any]]:
        """All visits that are not deleted."""
        query = sa.select(visit).where(visit.c.deleted_at.is_(None)).order_by(visit.c.id)
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def change(self, row: int, **values: object) -> None:
        """A person edits a visit in the CRM."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(visit).where(visit.c.id == row).values(**values))

    def command(self, *words: str) -> list[str]:
        """The command line of a syncd process."""
        return [sys.executable, "-c", "from syncd.cli import main; main()", *words]

    def start(self, *words: str) -> warm.Process:
        """A syncd process, its output thrown away."""
        with open(os.devnull, "wb") as nowhere:
            out = nowhere.fileno()
            return warm.start(words, self.environment, self.folder, out, out)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A syncd process, waited for."""
        return warm.run(words, self.environment, self.folder)

    def sync(self) -> dict[str, Any]:
        """``syncd sync --json``: the answer for the bridge."""
        done = self.run("sync", "--json")
        assert done.stdout.strip(), done.stderr
        told: dict[str, Any] = json.loads(done.stdout)["bridges"][0]
        return told


def _whole(desk: Desk) -> str:
    """The address that syncd is given."""
    path = desk.url.removeprefix(desk.server.url).lstrip("/")
    return f"{(desk.door or desk.server.url).rstrip('/')}/{path}"
