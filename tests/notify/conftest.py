"""Places to be told, and a configuration that has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.config import Language, NotifySettings, Service, Topic
from syncd.secrets import Secret
from syncd.store import Store
from tests.notify.fakes import Vendor


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as opened:
        yield opened


def told_by(
    vendor: Vendor,
    *,
    name: str = "ops",
    secret: str | None = None,
    language: Language = Language.EN,
    topics: frozenset[Topic] = frozenset(Topic),
    recovered: bool = True,
) -> NotifySettings:
    """The ``[[notify]]`` of a robot."""
    key = vendor.secret if secret is None else secret
    return NotifySettings(
        name=name,
        service=Service(vendor.kind),
        url=Secret(vendor.url),
        secret=Secret(key) if key else None,
        language=language,
        topics=topics,
        recovered=recovered,
    )
