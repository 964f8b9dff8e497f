"""The SQL connector in the conformance suite: the embedded CRM and a table of somebody's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.sql import plugin
from connectors.sql.crm.schema import create_schema
from connectors.sql.crm.schema import visit as visit_table
from syncd.connector import Collection, Connector, System, TableMapping
from syncd.core.model import Timed
from syncd.core.state import Key
from syncd.core.zones import from_utc, to_utc
from syncd.mapping import read_mapping
from syncd.tomlfile import parse_toml, read_toml
from tests.conformance.suite import Suite
from tests.conformance.world import World, visit

SECRET = "geheim-Wort-78"
_VISITS = Path(__file__).parents[2] / "mappings" / "visits.toml"

_DIARY = sa.Table(
    "diary",
    sa.MetaData(),
    sa.Column("nr", sa.String(64), primary_key=True),
    sa.Column("betreff", sa.String(60)),
    sa.Column("von", sa.String(40), nullable=False),
    sa.Column("bis", sa.String(40), nullable=False),
    sa.Column("ganztags", sa.Boolean),
    sa.Column("zone", sa.String(40)),
    sa.Column("ort", sa.String(255)),
    sa.Column("text", sa.Text),
    sa.Column("teilnehmer", sa.Text),
    sa.Column("marken", sa.Text),
    sa.Column("erinnern", sa.Text),
    sa.Column("stand", sa.String(1)),
    sa.Column("stock", sa.String(10)),
    sa.Column("geaendert", sa.DateTime, nullable=False),
    sa.Column("marke", sa.String(200), unique=True),
    sa.Column("farbe", sa.String(40)),
    sa.CheckConstraint("betreff <> 'hopeless'", name="no_such_visits"),
)
"""A table as a small firm might have: texts for times, lists in texts, rows that are deleted."""

_DIARY_MAPPING = """
connector = "sql"
object = "diary"
key = "nr"
modified = "geaendert"
marker = "marke"
time_zone = "Asia/Shanghai"
resolution = "1m"
[fields]
title = "betreff"
"when.start" = "von"
"when.end" = "bis"
"when.all_day" = "ganztags"
"when.zone" = "zone"
location = "ort"
description = "text"
attendees = "teilnehmer"
tags = "marken"
reminders = "erinnern"
status = "stand"
"custom.floor" = "stock"
[values.status]
proposed = "P"
confirmed = "C"
completed = "D"
cancelled = "X"
no_show = "X"
[lists]
attendees = "json"
tags = ";"
reminders = ","
"""


_numbers = count(1)


class PersonOfVisits:
    """Somebody at the CRM's own screen; its table keeps tombstones."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._table, self._key = engine, visit_table, visit_table.c.id

    def put(self, title: str, when: Timed) -> Key:
        start, end = (
            to_utc(each, when.zone).replace(tzinfo=None) for each in (when.start, when.end)
        )
        row = {"subject": title, "starts_at": start, "ends_at": end, "state": "confirmed"}
        with self._engine.begin() as connection:
            made = connection.execute(sa.insert(self._table).values(row))
            assert made.inserted_primary_key is not None
            return str(made.inserted_primary_key[0])

    def retitle(self, key: Key, title: str) -> None:
        self._set(key, subject=title)

    def delete(self, key: Key) -> None:
        self._set(key, deleted_at=datetime.now(UTC).replace(tzinfo=None))

    def count(self) -> int:
        living = sa.select(sa.func.count()).where(self._table.c.deleted_at.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(living).scalar_one()

    def plant(self, key: Key) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO room VALUES ('紫', 7)"))
        self._set(key, room="紫")

    def planted(self, key: Key) -> bool:
        chosen = sa.select(self._table.c.room).where(self._key == int(key))
        with self._engine.begin() as connection:
            return bool(connection.execute(chosen).scalar_one() == "紫")

    def spoil(self, key: Key) -> None:
        query = sa.select(self._table.c.starts_at).where(self._key == int(key))
        with self._engine.begin() as connection:
            start = connection.execute(query).scalar_one()
        self._set(key, ends_at=start - timedelta(hours=2))

    def mails(self) -> int:
        return 0

    def broken(self, cursor: str) -> str:
        return cursor[::-1]

    def _set(self, key: Key, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(self._table).where(self._key == int(key)).values(values))


class PersonOfDiary:
    """Somebody with the firm's own program; deleted rows are gone."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(self, title: str, when: Timed) -> Key:
        key = f"P/{next(_numbers)}"
        row = {"nr": key, "betreff": title, "zone": when.zone, "geaendert": _now()}
        row |= {"von": when.start.isoformat(), "bis": when.end.isoformat(), "stand": "C"}
        self._run(sa.insert(_DIARY).values(row))
        return key

    def retitle(self, key: Key, title: str) -> None:
        self._set(key, betreff=title)

    def delete(self, key: Key) -> None:
        self._run(sa.delete(_DIARY).where(_DIARY.c.nr == key))

    def count(self) -> int:
        with self._engine.begin() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_DIARY)).scalar_one()

    def plant(self, key: Key) -> None:
        self._set(key, farbe="紫, \\red")

    def planted(self, key: Key) -> bool:
        with self._engine.begin() as connection:
            chosen = sa.select(_DIARY.c.farbe).where(_DIARY.c.nr == key)
            return bool(connection.execute(chosen).scalar_one() == "紫, \\red")

    def spoil(self, key: Key) -> None:
        self._set(key, bis="irgendwann")

    def mails(self) -> int:
        return 0

    def broken(self, cursor: str) -> str:
        return cursor[::-1]

    def _set(self, key: Key, **values: object) -> None:
        self._run(sa.update(_DIARY).where(_DIARY.c.nr == key).values(geaendert=_now(), **values))

    def _run(self, statement: sa.Executable) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)


def _now() -> datetime:
    """As the firm's program writes it: local time."""
    return from_utc(datetime.now(UTC), "Asia/Shanghai")


def _utc(wall: datetime, when: Timed) -> datetime:
    return to_utc(wall, when.zone).replace(tzinfo=None)


_REFUSING = {
    "sqlite": "CREATE TRIGGER refusing BEFORE INSERT ON visit WHEN NEW.subject = 'hopeless' "
    "BEGIN SELECT RAISE(ABORT, 'no such visits here'); END",
    "postgresql": "ALTER TABLE visit ADD CHECK (subject <> 'hopeless')",
}


def _system(url: str, mapping: TableMapping, secret: str) -> System:
    zone, options = "Asia/Shanghai", {"url": url}
    if secret:
        options["password"] = secret
    return System("crm", "sql", "crm", "conformance", zone, options, mapping)


class TestSql(Suite):
    """Every check, for each database and table."""

    @pytest.fixture(params=["sqlite", "postgresql"])
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path / 'crm.db'}"
        found: str = request.getfixturevalue("postgres_url")
        return found

    @pytest.fixture(params=["visits", "diary"])
    def world(self, request: pytest.FixtureRequest, url: str) -> Iterator[World]:
        engine = sa.create_engine(url)
        person: PersonOfVisits | PersonOfDiary
        if request.param == "visits":
            create_schema(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql(_REFUSING[engine.dialect.name])
            mapping, person = read_mapping(read_toml(_VISITS)), PersonOfVisits(engine)
        else:
            _DIARY.create(engine)
            mapping = read_mapping(parse_toml(_DIARY_MAPPING, "diary.toml"))
            person = PersonOfDiary(engine)
        made: list[Connector] = []
        # The server of the tests takes any password; it is to stay a secret all the same.
        secret = SECRET if engine.dialect.name == "postgresql" else ""

        def connect() -> Connector:
            made.append(plugin.connect(_system(url, mapping, secret), Collection()))
            return made[-1]

        yield World(
            manifest=plugin.manifest,
            connect=connect,
            person=person,
            hopeless=visit(title="hopeless"),
            secret=secret,
            lacks={} if secret else {"secrets_stay_secret": "a file has no password"},
        )
        for connector in made:
            connector.close()
        engine.dispose()
