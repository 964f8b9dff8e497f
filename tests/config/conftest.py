"""A small company's configuration that is right, to be bent by the tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from syncd.config import Settings, load
from syncd.connector import Manifest
from syncd.errors import ConfigError

ENVIRON = {"DAV": "geheim-密码-🔑", "STATE": "postgresql://syncd:tiefgeheim@db/syncd"}

CONFIG = """\
[daemon]
state = "sqlite:///state.db"
time_zone = "Asia/Shanghai"
window = { past = "30d", future = "365d" }

[people]
file = "people.csv"
domains = ["example.com"]

[systems.crm]
connector = "sql"
url = "sqlite:///crm.db"
mapping = "visits"

[systems.cloud]
connector = "caldav"
url = "https://cloud.example.com/dav/"
username = "alice"
password = { env = "DAV" }

[[bridges]]
name = "sales"
rules = "own"
mode = "both"
limits = { deletes = "10%", moves = "50%", writes_per_hour = 5000 }

[[bridges.channels]]
system = "crm"
admits = { kind = ["visit", "demo"] }
defaults = { owner = "alice@example.com" }

[[bridges.channels]]
name = "alice"
system = "cloud"
calendar = "work"
person = "alice@example.com"

[[bridges.channels]]
system = "cloud"
people = "all"
calendar = "{cloud}"
"""

PEOPLE = """\
name,email,aliases,phone,kind,cloud
Alice,alice@example.com,a@example.com;al@example.com,+49 30 1,,
王芳,fang@example.com,,,person,https://cloud.example.com/dav/fang/
Room 1,room1@example.com,,,room,room-1
"""

MAPPING = """\
connector = "sql"
object = "visit"
key = "id"
modified = "updated_at"

[fields]
title = "subject"
"when.start" = "starts_at"
when.end = "ends_at"
status = "state"

[values.status]
confirmed = "planned"
cancelled = "off"
"""

RULES = """\
[[rule]]
fields = ["customer"]
authority = ["role:crm"]

[[rule]]
fields = ["when"]
where = { status = ["confirmed"] }
prefer = ["alice", "role:crm"]

[[rule]]
contest = "delete-against-edit"
prefer = "edit"

[[rule]]
fields = ["*"]
prefer = "latest"
"""

FILES = {
    "syncd.toml": CONFIG,
    "people.csv": PEOPLE,
    "mappings/visits.toml": MAPPING,
    "mappings/rules/own.toml": RULES,
}

MANIFESTS = {
    "sql": Manifest(
        name="sql",
        role="crm",
        cursors=True,
        versions=True,
        recurrence=False,
        collections=False,
        options={"url": "the database", "password": "its password", "schema": "its schema"},
        required=frozenset({"url"}),
        secrets=frozenset({"url", "password"}),
    ),
    "caldav": Manifest(
        name="caldav",
        role="calendar",
        cursors=True,
        versions=True,
        recurrence=True,
        options={"url": "the server", "username": "the account", "password": "its password"},
        required=frozenset({"url"}),
        secrets=frozenset({"password"}),
    ),
}


class Folder:
    """A configuration's folder, with files that tests can bend."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str | bytes) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)

    def bend(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text("utf-8")
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new, 1))

    def load(
        self, environ: dict[str, str] | None = None, *, now: datetime | None = None
    ) -> Settings:
        given = ENVIRON if environ is None else environ
        return load(self.path / "syncd.toml", MANIFESTS, given, now)

    def complaint(self, environ: dict[str, str] | None = None) -> str:
        """What loading complains about, one line each, without the folder's own path."""
        with pytest.raises(ConfigError) as caught:
            self.load(environ)
        return str(caught.value).replace(f"{self.path}/", "")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Folder]:
    return lambda: Folder(tmp_path_factory.mktemp("config"))
