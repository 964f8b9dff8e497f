"""A fresh company for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.google.fake import FakeGoogle
from tests.google.connecting import company


@pytest.fixture
def fake() -> Iterator[FakeGoogle]:
    with company() as made:
        yield made
