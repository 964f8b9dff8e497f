"""The wheel: what is in it is enough, wherever it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

DATA = (".toml", ".mako", ".csv", ".sql")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources, so that nothing is left in the repository."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("syncd", "connectors", "mappings"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(built)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel brings, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_everything_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for root in ("syncd", "connectors", "mappings")
        for path in (ROOT / root).rglob("*")
        if path.suffix in (".py", *DATA) or path.name == "py.typed"
    }
    assert wanted <= packed
    assert "mappings/visits.toml" in packed
    assert "syncd/store/migrations/versions/v0001_first.py" in packed
    assert {name.split("/")[0] for name in packed} == {"syncd", "connectors", "mappings"}


def test_the_demo_runs_from_it(installed: Path, tmp_path: Path) -> None:
    """Outside of the repository, with the wheel's own files before those of this environment."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import syncd, connectors, mappings; print(syncd.__file__, *mappings.__path__)"
    done = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == str(installed / "syncd" / "__init__.py")
    assert done.stdout.split()[1] == str(installed / "mappings")
    demo = [sys.executable, "-c", "from syncd.cli import main; main()", "demo", "--once", "--json"]
    done = subprocess.run(
        demo, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bridges"][0]["state"] == "converged"
