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

from tests.architecture.tree import ROOT, sources, within

CORE_MAY = frozenset({"dateutil", "syncd.core"})
CONNECTORS_MAY = frozenset({"syncd.core", "syncd.connector", "syncd.errors"})
SYNC_LOGIC = ("pair", "settle", "claims", "decide", "existence", "owe", "draft", "birth")
FRONT_DOORS = ("syncd/cli", "syncd/web", "syncd/demo")
CONNECTORS = sorted(path.parent.name for path in (ROOT / "connectors").glob("*/manifest.toml"))
VENDORS = {
    "caldav": {"lxml", "dateutil"},
    "google": {"cryptography", "google", "googleapiclient"},
    "sql": {"sqlalchemy"},
}
"""Libraries that come with those of a connector's extra, or with syncd itself."""

DRIVERS = {"sql": ("postgresql", "mysql")}
"""Further extras whose libraries a connector may import where they are installed."""

VERBS = frozenset({"create", "update", "delete"})


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


def _imported(*rooms: str) -> Iterator[tuple[str, str]]:
    """Each file below ``rooms`` with each name that it imports."""
    for source in sources(*rooms):
        for name in sorted(source.imports):
            yield source.name, name


def test_the_core_imports_only_itself_and_the_standard_library() -> None:
    odd = [
        (file, name)
        for file, name in _imported("syncd/core")
        if not _is_standard(name) and not within(name, CORE_MAY)
    ]
    assert not odd


def test_syncd_never_imports_connectors() -> None:
    assert not [each for each in _imported("syncd") if within(each[1], {"connectors"})]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_connectors_import_the_port_and_their_vendor(connector: str) -> None:
    allowed = CONNECTORS_MAY | {f"connectors.{connector}"} | _vendor_libraries(connector)
    odd = [
        (file, name)
        for file, name in _imported(f"connectors/{connector}")
        if not _is_standard(name) and not within(name, allowed)
    ]
    assert not odd


def test_fakes_are_for_tests() -> None:
    found = list(_imported("syncd", "connectors", "bench"))
    others = [each for each in found if "fake" not in each[0].split("/")]  # but a fake's own parts
    assert not [each for each in others if "fake" in each[1].split(".")]
    product = [each for each in found if not each[0].startswith("bench/")]
    assert not [each for each in product if within(each[1], {"tests", "bench", "pytest"})]


def test_front_doors_hold_no_sync_logic() -> None:
    forbidden = {f"syncd.core.{name}" for name in SYNC_LOGIC}
    forbidden |= {"syncd.write", "syncd.observe", "syncd.pairing", "syncd.settling"}
    doors = [each for each in FRONT_DOORS if (ROOT / each).exists()]
    assert "syncd/cli" in doors
    assert not [each for each in _imported(*doors) if within(each[1], forbidden)]


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


def test_only_write_writes_to_remotes() -> None:
    found = [
        (source.name, place)
        for source in sources("syncd")
        if source.name != "syncd/write.py"
        for place in _writes(source.tree)
    ]
    assert not found


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
