"""Connectors by name, imported when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.connector import Manifest
from syncd.errors import ConfigError
from syncd.plugins import Plugins, plugin

CODE = """
from syncd.connector import Manifest

class Plugin:
    manifest = Manifest("odd", "sheet", cursors=False, versions=False, recurrence=False)

plugin = Plugin()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a connector called ``odd`` on the path: its entry point and its code."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(target: str, code: str) -> None:
        monkeypatch.delitem(sys.modules, "odd_connector", raising=False)
        (tmp_path / "odd_connector.py").write_text(code)
        info = tmp_path / "odd_connector-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-connector\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[syncd.connectors]\nodd = {target}\n")

    return put


def test_a_connector_of_a_third_party(install: Callable[[str, str], None]) -> None:
    install("odd_connector:plugin", CODE)
    assert plugin("odd").manifest.role == "sheet"
    manifests = Plugins()
    assert "odd" in manifests
    assert isinstance(manifests["odd"], Manifest)
    assert manifests.get("nowhere") is None
    assert len(manifests) == len(list(manifests))


def test_an_unknown_connector(install: Callable[[str, str], None]) -> None:
    install("odd_connector:plugin", CODE)
    with pytest.raises(ConfigError, match=r'no connector "od" .*did you mean "odd"'):
        plugin("od")


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        (
            "odd_connector:plugin",
            "import no_such_vendor_library",
            "no_such_vendor_library is missing",
        ),
        ("odd_connector:nothing", CODE, "is not built for this syncd"),
        ("odd_connector:CODE", "CODE = 'x'", "is not built for this syncd"),
        ("odd_connector:P", "class P:\n    manifest = 1", "has no manifest"),
    ],
)
def test_a_connector_that_cannot_be_used(
    install: Callable[[str, str], None], target: str, code: str, says: str
) -> None:
    install(target, code)
    assert "odd" in Plugins()
    with pytest.raises(ConfigError, match=says):
        plugin("odd")
    with pytest.raises(ConfigError, match=says):
        Plugins()["odd"]
