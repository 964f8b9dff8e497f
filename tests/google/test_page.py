"""The page for administrators: each configuration in it loads, and says what the connector does."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.google import plugin
from connectors.google.accounts import SCOPE
from connectors.google.fake import FakeGoogle
from connectors.google.translate import DESCRIPTION
from syncd.config import load
from syncd.plugins import Plugins
from tests.architecture.markdown import page

PAGE = page("docs/google.md")
EXAMPLES = [text for kind, text in PAGE.blocks if kind == "toml"]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_loads(fake: FakeGoogle, tmp_path: Path, example: str) -> None:
    (tmp_path / "google.json").write_text(fake.key_file)
    (tmp_path / "client.json").write_text(fake.client_file)
    (tmp_path / "people.csv").write_text(
        "name,email,google\n王,wang@example.com,wang@example.com\n"
    )
    people = next(text for kind, text in page("docs/people.md").blocks if kind == "csv")
    (tmp_path / "people.csv").write_text(people)
    file = tmp_path / "syncd.toml"
    file.write_text(example)
    settings = load(file, Plugins())
    assert settings.systems["google"].connector == "google"
    assert len(settings.bridges[0].channels) >= 2


def test_the_page_says_what_is_so() -> None:
    text = PAGE.text
    assert SCOPE in text
    assert f"{DESCRIPTION:,} characters" in text
    for option in ("requests_per_user", "requests_per_project", "client_secrets", "account"):
        assert option in plugin.manifest.options
        assert option in text
