"""Google's and Microsoft's fakes that answer late, and what a configuration says to reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.google import plugin as google
from connectors.google.fake import FakeGoogle
from connectors.microsoft365.fake import FakeGraph

PERSON = "alice@example.com"
"""Who has a calendar there."""

_IN_A_MAILBOX = 4
"""Requests that Graph takes for one mailbox at the same time, those of a batch one by one."""


@contextmanager
def late_google(latency: float) -> Iterator[tuple[dict[str, str | int], int]]:
    """The options of the system, and how many requests may be sent at once.

    ``latency``: seconds that each answer takes.
    """
    with FakeGoogle() as fake:
        fake.add(PERSON)
        fake.latency = latency
        quotas: dict[str, str | int] = dict.fromkeys(
            ("requests_per_user", "requests_per_project"), 1_000_000
        )
        options = {"endpoint": fake.endpoint, "service_account": fake.key_file, **quotas}
        yield options, google.manifest.concurrency


@contextmanager
def late_graph(latency: float) -> Iterator[tuple[dict[str, str | int], int]]:
    """See :func:`late_google`."""
    with FakeGraph() as fake:
        fake.mailbox(PERSON)
        fake.faults.latency = latency
        yield dict(fake.options), _IN_A_MAILBOX
