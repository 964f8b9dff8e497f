"""The vendors' fakes, served once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.hosts import Vendors, vendors


@pytest.fixture(scope="module")
def hosts() -> Iterator[Vendors]:
    """One Google and one Graph."""
    with vendors() as hosts:
        yield hosts
