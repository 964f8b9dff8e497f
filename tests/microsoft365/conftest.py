"""A fake Graph for each test, with Alice's mailbox in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.microsoft365.fake import FakeGraph


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    with FakeGraph() as fake:
        fake.mailbox()
        yield fake
