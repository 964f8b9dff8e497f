"""The documentation names what there is: every command, key, option, rule, trace and test."""

from __future__ import annotations

import re
import tomllib
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from syncd import __version__
from syncd.cli.app import app
from syncd.config import schema
from syncd.connector import Manifest
from syncd.core.model import FIELDS
from syncd.errors import ConnectorError
from syncd.mapping import MappingTable
from syncd.plugins import Plugins
from syncd.results import Exit
from syncd.validation import Table
from tests.architecture.citations import cited
from tests.architecture.markdown import PAGES, first_table, page
from tests.architecture.tree import ROOT

SECTIONS: dict[str, type[BaseModel]] = {
    "daemon": schema.DaemonTable,
    "window": schema.WindowTable,
    "webhooks": schema.WebhooksTable,
    "log": schema.LogTable,
    "people": schema.PeopleTable,
    "systems": schema.SystemTable,
    "bridges": schema.BridgeTable,
    "limits": schema.LimitsTable,
    "channels": schema.ChannelTable,
    "notify": schema.NotifyTable,
}
TRACES = 46
INVARIANTS = 11


@pytest.mark.parametrize(("title", "model"), SECTIONS.items(), ids=list(SECTIONS))
def test_every_key_is_documented(title: str, model: type[BaseModel]) -> None:
    """Key by key, in the order of the model."""
    assert page("docs/configuration.md").keys(title) == list(model.model_fields)


def test_no_table_is_forgotten() -> None:
    tables = {
        value
        for value in vars(schema).values()
        if isinstance(value, type) and issubclass(value, BaseModel)
    }
    assert tables == {*SECTIONS.values(), schema.ConfigTable, Table}


@pytest.mark.parametrize("name", ["caldav", "google", "microsoft365", "sql"])
def test_every_option_is_documented(name: str) -> None:
    manifest: Manifest = Plugins()[name]
    assert page("docs/configuration.md").keys(f"Options of {name}") == list(manifest.options)


def test_every_connector_has_its_options() -> None:
    folders = {path.parent.name for path in (ROOT / "connectors").glob("*/manifest.toml")}
    told = set(re.findall(r"^### Options of (\w+)$", page("docs/configuration.md").text, re.M))
    assert told == folders


def test_every_key_of_a_mapping_is_documented() -> None:
    told = page("mappings/README.md").text
    for name, field in MappingTable.model_fields.items():
        key = field.alias or name
        assert re.search(rf"`\[?{key}[\].`]", told), key


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_documented(name: str) -> None:
    told = page("mappings/README.md").text + page("docs/settling.md").text
    exempt = {"overrides": "occurrences of a series", "recurrence": "recurrence"}
    assert exempt.get(name, f"`{name}") in told


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_command_is_documented(name: str) -> None:
    """And none that is not there, but those that are said not to be."""
    there = {
        each.name or each.callback.__name__ for each in app.registered_commands if each.callback
    }
    told = set(re.findall(r"`syncd (\w+)[` ]", page(name).prose))
    assert told == there


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_exit_code_is_documented(name: str) -> None:
    rows = re.findall(r"^\| (\d) \| \S+", page(name).section(_exits(name)), re.M)
    assert rows == [str(int(code)) for code in Exit]


def _exits(name: str) -> str:
    return {"README.md": "Commands", "README.zh-CN.md": "命令"}[name]


def test_every_error_is_documented() -> None:
    told = page("docs/writing-connectors.md").text
    for error in ConnectorError.__subclasses__():
        assert f"`{error.__name__}" in told


def test_every_verb_is_documented() -> None:
    from syncd.connector import (
        Connector,
        Counts,
        Expires,
        Finds,
        Receives,
        SignsIn,
        TellsBusy,
        Watches,
    )

    told = page("docs/writing-connectors.md").section("The verbs")
    for port in (Connector, Counts, Expires, Finds, TellsBusy, Watches, Receives, SignsIn):
        for verb in vars(port):
            if not verb.startswith("_") and verb != "close":
                assert f"`{verb}" in told, verb


def test_every_trace_is_told_once() -> None:
    told = re.findall(r"\*\*Trace (\d+)\.\*\*", page("docs/settling.md").text)
    assert sorted(map(int, told)) == list(range(1, TRACES + 1))


def test_every_invariant_has_tests() -> None:
    """The page names exactly the tests that cite each invariant.

    ``python -m tests.architecture.citations`` writes its tables anew.
    """
    told = page("docs/invariants.md")
    numbers = [int(each) for each in re.findall(r"^## (\d+)\. ", told.text, re.M)]
    assert numbers == list(range(1, INVARIANTS + 1))
    tests = cited()
    for number, title in re.findall(r"^## ((\d+)\. .*)$", told.text, re.M):
        rows = first_table(told.section(number))
        named = {f"{file.strip('`')}::{test.strip('`')}" for test, file in rows}
        assert named == set(tests[int(title)]), f"invariant {title}"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for link in page(name).links:
        parts = urlsplit(link)
        if not parts.scheme:
            assert (ROOT / name).parent.joinpath(parts.path).exists(), link


def test_files_that_are_named_are_there() -> None:
    for name in ("docs/architecture.md", "docs/writing-connectors.md", "connectors/README.md"):
        for path in re.findall(
            r"`((?:syncd|tests|connectors|mappings)/[\w/.-]+)`", page(name).text
        ):
            assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), f"{name}: {path}"


def test_the_map_has_every_page() -> None:
    told = page("docs/index.md").text
    for name in PAGES:
        if name.startswith("docs/") and name != "docs/index.md":
            assert f"({name.removeprefix('docs/')})" in told, name


def test_changelog_has_the_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert first is not None
    assert first[1] == __version__


def test_license() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
