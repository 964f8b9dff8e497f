"""A firm with many colleagues: one SQL CRM, a people file, a calendar each on one Radicale."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from connectors.sql.crm.schema import create_schema, visit
from tests.office import MONDAY, Desk
from tests.servers import Server

_SURNAMES = "王李张刘陈杨黄赵周吴"
_GIVEN = ("芳", "伟", "娜", "秀英", "敏", "静", "强", "磊", "洋", "艳")
HEADER = ("name", "email", "nextcloud")

_CONFIGURATION = """
[daemon]
state = "sqlite:///state.db"
time_zone = "Asia/Shanghai"
poll_interval = "1s"

[people]
file = "people.csv"
domains = ["example.com"]

[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"

[systems.nextcloud]
connector = "caldav"
url = "{url}"
username = "alice"
password = {{ env = "CALDAV_PASSWORD" }}
timeout = {timeout}

[[bridges]]
name = "sales"

[[bridges.channels]]
system = "crm"

[[bridges.channels]]
system = "nextcloud"
people = "all"
calendar = "{{nextcloud}}"
{keys}
"""


def chinese_name(number: int) -> str:
    """A name such as 王芳."""
    return _SURNAMES[number % len(_SURNAMES)] + _GIVEN[number // len(_SURNAMES) % len(_GIVEN)]


def address(number: int) -> str:
    """The address of a colleague."""
    return f"u{number:04d}@example.com"


class Firm:
    """A folder with a configuration, a people file, a CRM and a store.

    ``lines``: the people file, by number of the colleague; :meth:`tell` writes it.
    """

    def __init__(self, folder: Path, server: Server, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.server, self._prefix = folder, server, uuid4().hex[:8]
        self.config, self.people = folder / "syncd.toml", folder / "people.csv"
        self.engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
        create_schema(self.engine)
        self.lines = {number: self.line(number) for number in range(size)}
        self.configure()
        self.tell()

    def line(self, number: int) -> dict[str, str]:
        """What the file says of a colleague, whose calendar is made."""
        url = self.make_calendar(f"c{number:04d}", self.display_name(number))
        return {"name": chinese_name(number), "email": address(number), "nextcloud": url}

    def display_name(self, number: int) -> str:
        """What the calendar of a colleague is called at first."""
        return f"{chinese_name(number)}的日历 {self._prefix}-{number}"

    def rename(self, number: int, name: str) -> None:
        """The colleague gives the calendar another display name."""
        props = self._calendar_folder(f"c{number:04d}") / ".Radicale.props"
        props.write_text(
            json.dumps({**json.loads(props.read_text("utf-8")), "D:displayname": name})
        )

    def paths(self, number: int) -> set[str]:
        """The names of the files in the calendar that the colleague had at first."""
        folder = self._calendar_folder(f"c{number:04d}")
        return {each.name for each in folder.glob("*.ics")}

    def _calendar_folder(self, path: str) -> Path:
        root = self.server.folder / "collections" / "collection-root" / "alice"
        return root / f"{self._prefix}-{path}"

    def make_calendar(self, path: str, name: str) -> str:
        """A calendar, written into Radicale's folder; answers its URL."""
        folder = self._calendar_folder(path)
        folder.mkdir(parents=True)
        told = {
            "tag": "VCALENDAR",
            "D:displayname": name,
            "C:supported-calendar-component-set": "VEVENT",
        }
        (folder / ".Radicale.props").write_text(json.dumps(told), "utf-8")
        return f"{self.server.home}{folder.name}/"

    def configure(self, keys: str = "", *, timeout: int = 60) -> None:
        """Write the configuration; ``keys``: further lines of the colleagues' channel."""
        text = _CONFIGURATION.format(url=self.server.url, keys=keys, timeout=timeout)
        self.config.write_text(text, "utf-8")

    def tell(self, *, encoding: str = "utf-8") -> None:
        """Write the people file."""
        self.people.write_bytes(written(self.lines.values()).encode(encoding))

    def visits(self, each: int, *, numbers: Iterable[int] | None = None, day: int = 1) -> None:
        """Coming visits in the CRM, so many for each colleague; from ``day`` days ahead."""
        rows = []
        for number in self.lines if numbers is None else numbers:
            for nth in range(each):
                start = MONDAY + timedelta(days=day + nth, minutes=10 * (number % 50))
                rows.append(
                    {
                        "subject": f"拜访客户 {number}-{nth}",
                        "starts_at": start,
                        "ends_at": start + timedelta(minutes=45),
                        "state": "confirmed",
                        "place": f"上海市黄浦区 {number} 号",
                        "owner_email": address(number),
                        "customer_name": "Müller GmbH",
                    }
                )
        with self.engine.begin() as connection:
            connection.execute(sa.insert(visit), rows)

    def desk(self, number: int) -> Desk:
        """The calendar of a colleague."""
        return Desk(address(number), self.server, self.lines[number]["nextcloud"])

    def subjects(self, number: int) -> list[str]:
        """What a colleague's calendar shows."""
        return self.desk(number).titles()

    def keys(self) -> dict[int, set[str]]:
        """The paths of the items in each calendar."""
        return {number: set(self.desk(number).items()) for number in self.lines}

    def change(self, visited: str, **values: object) -> None:
        """A person edits a visit in the CRM."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(visit).where(visit.c.subject == visited).values(**values))

    def hand_over(self, old: str, new: str) -> None:
        """The CRM's visits of one address belong to another one."""
        change = sa.update(visit).where(visit.c.owner_email == old)
        with self.engine.begin() as connection:
            connection.execute(change.values(owner_email=new))

    def states(self) -> dict[str, str]:
        """Subject to state of the CRM's visits that are not deleted."""
        query = sa.select(visit.c.subject, visit.c.state).where(visit.c.deleted_at.is_(None))
        with self.engine.connect() as connection:
            return {row.subject: row.state for row in connection.execute(query)}

    def command(self, *words: str) -> list[str]:
        """The command line of a syncd process."""
        return [sys.executable, "-c", "from syncd.cli import main; main()", *words]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a syncd process."""
        told = {"CALDAV_PASSWORD": "x", "SYNCD_CONFIG": str(self.config), "COLUMNS": "200"}
        return {**os.environ, **told}


def written(lines: Iterable[Mapping[str, str]]) -> str:
    """The text of a people file; a column for every key of a line."""
    rows = list(lines)
    columns = list(dict.fromkeys([*HEADER, *(key for row in rows for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
