"""The daemon seen from outside: ``/healthz``, ``/readyz``, ``/metrics``, and the door for those
who tell of changes. No sync logic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syncd import metrics
from syncd.deployment import Deployment
from syncd.pulse import Pulse
from syncd.web.hooks import Hooks, path_of
from syncd.web.pages import Pages
from syncd.web.server import serve
from syncd.web.sources import Sources

__all__ = ["Hooks", "Pages", "Sources", "doors", "serve"]


@contextmanager
def doors(deployment: Deployment, pulse: Pulse) -> Iterator[None]:
    """The pages of a daemon at work and its webhooks, served until the block ends."""
    settings = deployment.settings
    channels = frozenset(f"{b.name}/{c.name}" for b in settings.bridges for c in b.channels)
    metrics.keep(channels, settings.systems)
    sources = Sources(
        deployment.store,
        pulse,
        deployment.around.breakers,
        channels,
        deployment.expiries,
        deployment.watches,
    )
    webhooks = settings.daemon.webhooks
    path = path_of(webhooks.url) if webhooks is not None else "/"
    hooks = Hooks(path, deployment.receivers(), deployment.bell)
    listen = webhooks.listen if webhooks is not None else None
    with (
        serve(settings.daemon.listen, Pages(sources), "pages"),
        serve(listen, hooks, "webhooks"),
    ):
        yield
