"""The suite's modules are no test files by name; their asserts shall speak all the same."""

import pytest

from tests.postgres import postgres_server, postgres_url

pytest.register_assert_rewrite(
    "tests.conformance.looking_up",
    "tests.conformance.observing",
    "tests.conformance.translating",
    "tests.conformance.writing",
    "tests.conformance.world",
)

__all__ = ["postgres_server", "postgres_url"]
