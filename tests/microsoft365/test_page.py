"""The administrator's page: what it tells to write is taken."""

from __future__ import annotations

import tomllib

import pytest

from connectors.microsoft365 import plugin
from syncd.connector import Collection, System
from tests.architecture.markdown import page

PAGE = page("docs/microsoft365.md")
EXAMPLES = [text for kind, text in PAGE.blocks if kind == "toml"]


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_connects(text: str) -> None:
    for name, table in tomllib.loads(text)["systems"].items():
        if table.pop("connector") != "microsoft365":
            continue
        assert table.keys() <= plugin.manifest.options.keys()
        options = {
            key: "secret" if isinstance(value, dict) else value for key, value in table.items()
        }
        system = System(name, "microsoft365", "calendar", "i", options=options)
        plugin.connect(system, Collection(calendar="alice@contoso.com"))
