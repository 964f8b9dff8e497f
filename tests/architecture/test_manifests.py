"""Every connector has the same files and a manifest that the port understands."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from syncd.connector import Manifest, Plugin
from syncd.rulefile import ROLES
from tests.architecture.tree import ROOT

CONNECTORS = sorted(path.parent for path in (ROOT / "connectors").glob("*/manifest.toml"))
FILES = ("__init__.py", "client.py", "connector.py", "manifest.toml", "translate.py", "wire.py")
REQUIRED = frozenset({"name", "role", "cursors", "versions", "recurrence", "options"})


def _name(folder: Path) -> str:
    return folder.name


@pytest.fixture(params=CONNECTORS, ids=_name)
def folder(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def test_every_folder_is_a_connector() -> None:
    folders = {
        path
        for path in (ROOT / "connectors").iterdir()
        if path.is_dir() and path.name[0] not in "._"
    }
    assert folders == set(CONNECTORS)
    assert CONNECTORS


def test_the_same_files_in_each(folder: Path) -> None:
    missing = [name for name in FILES if not (folder / name).is_file()]
    assert not missing


def test_manifest(folder: Path) -> None:
    written = tomllib.loads((folder / "manifest.toml").read_text("utf-8"))
    known = {each.name for each in fields(Manifest)}
    assert written.keys() <= known
    assert written.keys() >= REQUIRED
    assert written["name"] == folder.name
    assert written["role"] in ROLES
    options = written["options"]
    assert all(isinstance(line, str) and line.strip() for line in options.values())
    assert set(written.get("required", [])) <= options.keys() | {"mapping"}
    assert set(written.get("secrets", [])) <= options.keys()
    assert all(reason.strip() for reason in written.get("skips", {}).values())


def test_entry_point(folder: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    target = project["entry-points"]["syncd.connectors"][folder.name]
    module, _, attribute = target.partition(":")
    plugin: Plugin = getattr(import_module(module), attribute)
    assert plugin.manifest.name == folder.name
    assert isinstance(plugin.manifest, Manifest)
    assert folder.name in project["optional-dependencies"]


def test_skips_are_named_after_checks(folder: Path) -> None:
    """A skip that no check of the suite is called by would hide a typing error."""
    suite = "".join(
        (ROOT / "tests" / "conformance" / name).read_text("utf-8")
        for name in ("observing.py", "writing.py", "translating.py", "looking_up.py")
    )
    written = tomllib.loads((folder / "manifest.toml").read_text("utf-8"))
    for name in written.get("skips", {}):
        assert f"def test_{name}(" in suite
