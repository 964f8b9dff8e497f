"""The one conformance suite. A runner subclasses :class:`Suite` and gives a ``world`` fixture.

It knows no connector by name: what does not apply, a connector's manifest declares.
"""

from __future__ import annotations

import pytest

from tests.conformance.looking_up import LookingUp
from tests.conformance.observing import Observing
from tests.conformance.translating import Translating
from tests.conformance.world import World
from tests.conformance.writing import Writing


class Suite(Observing, Writing, Translating, LookingUp):
    """Every check; ``manifest.skips`` and ``World.lacks`` name those (without ``test_``) that do
    not apply, with the reason."""

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest, world: World) -> None:
        name = request.function.__name__.removeprefix("test_")
        reason = {**world.manifest.skips, **world.lacks}.get(name)
        if reason is not None:
            pytest.skip(reason)  # declared, with its reason, where the connector or its world is
