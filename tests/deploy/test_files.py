"""What holds for everything that builds and deploys."""

from __future__ import annotations

import os
import re
import stat

import pytest

from syncd import __version__
from tests.architecture.tree import ROOT

BUILDS = ["Makefile", ".ci/run", "pyproject.toml"]
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "deploy").rglob("*")
    if path.is_file() and path.suffix != ".pyc"
)


@pytest.mark.parametrize("name", BUILDS + FILES)
def test_no_registry_is_named(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"index-url|docker\.io|quay\.io|ghcr\.io|gcr\.io|pypi\.org|k8s\.gcr", text)


@pytest.mark.parametrize("name", BUILDS + FILES)
def test_images_are_of_this_version(name: str) -> None:
    """In commands and manifests; ``syncd:demo`` is the one of compose."""
    tags = re.findall(r"\bsyncd:(v?\d[\w.]*)", (ROOT / name).read_text("utf-8"))
    assert {tag for tag in tags if tag != "8480"} <= {__version__}


def test_the_readme_names_every_file_s_folder() -> None:
    text = (ROOT / "deploy" / "README.md").read_text("utf-8")
    for folder in sorted({name.split("/")[1] for name in FILES if name.count("/") > 1}):
        assert f"{folder}/" in text, folder


def test_ci_can_be_run() -> None:
    mode = stat.S_IMODE(os.stat(ROOT / ".ci" / "run").st_mode)
    assert mode & stat.S_IXUSR
    assert (ROOT / ".ci" / "run").read_text("utf-8").startswith("#!/usr/bin/env bash\n")
