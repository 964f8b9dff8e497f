"""Who may import whom, and who may write to remotes. docs/architecture.md draws the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, Source, imports, sources, within

CORE_MAY = frozenset({"dateutil", "syncd.core"})
CONNECTORS_MAY = frozenset({"syncd.core", "syncd.connector", "syncd.errors"})
SYNC_LOGIC = ("pair", "settle", "claims", "decide", "existence", "owe", "draft", "birth")
FRONT_DOORS = ("syncd.cli", "syncd.web", "syncd.demo")
VENDORS = {"caldav": {"lxml", "dateutil"}, "sql": {"sqlalchemy"}}
"""Libraries that come with those of a connector's extra, or with syncd itself."""

DRIVERS = {"sql": ("postgresql", "mysql")}
"""Further extras whose libraries a connector may import where they are installed."""

VERBS = frozenset({"create", "update", "delete"})


def _ids(source: Source) -> str:
    return source.name


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names | {"__future__"}


def _vendor_libraries(connector: str) -> set[str]:
    """What a connector's extras in pyproject.toml install, as names to import."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = extras["optional-dependencies"]
    wanted = [each for name in (connector, *DRIVERS.get(connector, ())) for each in extras[name]]
    names = {re.split(r"[^\w-]", each)[0].replace("-", "_").lower() for each in wanted}
    return names | VENDORS.get(connector, set())


def test_import_contracts() -> None:
    """The contracts of pyproject.toml hold."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


@pytest.mark.parametrize("source", sources("syncd/core"), ids=_ids)
def test_the_core_imports_only_itself_and_the_standard_library(source: Source) -> None:
    odd = {
        name
        for name in imports(source.tree, source.module)
        if not _is_standard(name) and not within(name, CORE_MAY)
    }
    assert not odd


@pytest.mark.parametrize("source", sources("syncd"), ids=_ids)
def test_syncd_never_imports_connectors(source: Source) -> None:
    named = {name for name in imports(source.tree, source.module) if within(name, ("connectors",))}
    assert not named


@pytest.mark.parametrize("source", sources("connectors"), ids=_ids)
def test_connectors_import_the_port_and_their_vendor(source: Source) -> None:
    connector = source.module.split(".")[1]
    allowed = CONNECTORS_MAY | {f"connectors.{connector}"} | _vendor_libraries(connector)
    odd = {
        name
        for name in imports(source.tree, source.module)
        if not _is_standard(name) and not within(name, allowed)
    }
    assert not odd


@pytest.mark.parametrize("source", sources("syncd", "connectors", "bench"), ids=_ids)
def test_fakes_are_for_tests(source: Source) -> None:
    found = imports(source.tree, source.module)
    assert not {name for name in found if "fake" in name.split(".")}
    if not source.name.startswith("bench/"):
        assert not {name for name in found if within(name, ("tests", "bench", "pytest"))}


@pytest.mark.parametrize(
    "source", [each for each in sources("syncd") if within(each.module, FRONT_DOORS)], ids=_ids
)
def test_front_doors_hold_no_sync_logic(source: Source) -> None:
    forbidden = {f"syncd.core.{name}" for name in SYNC_LOGIC}
    forbidden |= {"syncd.write", "syncd.observe", "syncd.pairing", "syncd.settling"}
    assert not {name for name in imports(source.tree, source.module) if within(name, forbidden)}


def _writes(tree: ast.Module) -> Iterator[str]:
    """Every mention of a connector's writing verb: ``….connector.create``, called or not.

    Also what could be one in disguise: a ``create`` of anything, and an ``update`` or
    ``delete`` of two arguments or of something that was taken from a connector.
    """
    taken = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "connector" in ast.unparse(node.value).lower()
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in VERBS:
            continue
        owner = ast.unparse(node.value)
        call = calls.get(id(node))
        two = call is not None and len(call.args) == 2 and not isinstance(call.args[0], ast.Dict)
        last = owner.rpartition(".")[2].lower()
        if (
            "connector" in last
            or owner in taken
            or node.attr == "create"
            or (two and node.attr == "update")
        ):
            yield f"line {node.lineno}: {owner}.{node.attr}"


@pytest.mark.parametrize(
    "source", [each for each in sources("syncd") if each.name != "syncd/write.py"], ids=_ids
)
def test_only_write_writes_to_remotes(source: Source) -> None:
    assert not list(_writes(source.tree))


def test_write_is_where_it_writes() -> None:
    """The search finds what it looks for: else the test above proves nothing."""
    write = next(each for each in sources("syncd") if each.name == "syncd/write.py")
    assert {text.rpartition(".")[2] for text in _writes(write.tree)} == VERBS


@pytest.mark.parametrize(
    "code",
    [
        "target.connector.delete(copy)",
        "do = self._connector.update",
        "there = target.connector\nthere.delete(copy)",
        "remote.create(identity, content)",
        "remote.update(copy, content)",
    ],
)
def test_hidden_writes_are_found(code: str) -> None:
    assert list(_writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["known.update(more)", "sa.delete(table)", "digest.update(b'x')", "path.unlink()"]
)
def test_harmless_updates_are_not_writes(code: str) -> None:
    assert not list(_writes(ast.parse(code)))


def test_mappings_are_data() -> None:
    folder = ROOT / "mappings"
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".toml", ".md"}
    files = list(folder.rglob("*.toml"))
    assert files
    for path in files:
        _no_behaviour(path)


def _no_behaviour(path: Path) -> None:
    """No expression, template or code among the values of a mapping."""
    waiting: list[object] = [tomllib.loads(path.read_text("utf-8"))]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            assert not any(sign in value for sign in ("{{", "}}", "${", "lambda", "(", "=>")), path
