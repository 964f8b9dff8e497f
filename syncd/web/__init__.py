"""The daemon seen from outside: ``/healthz``, ``/readyz`` and ``/metrics``. No sync logic."""

from __future__ import annotations

from contextlib import AbstractContextManager

from syncd import metrics
from syncd.deployment import Deployment
from syncd.pulse import Pulse
from syncd.web.server import serve
from syncd.web.sources import Sources

__all__ = ["Sources", "pages", "serve"]


def pages(deployment: Deployment, pulse: Pulse) -> AbstractContextManager[None]:
    """The pages of a daemon at work, served until the block ends."""
    settings = deployment.settings
    channels = frozenset(f"{b.name}/{c.name}" for b in settings.bridges for c in b.channels)
    metrics.keep(channels, settings.systems)
    sources = Sources(
        deployment.store, pulse, deployment.around.breakers, channels, deployment.expiries
    )
    return serve(settings.daemon.listen, sources)
