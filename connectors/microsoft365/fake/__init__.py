"""Microsoft Graph on loopback, for tests only: as strict and as lossy as the facts say."""

from __future__ import annotations

from connectors.microsoft365.fake.graph import Answered, Request
from connectors.microsoft365.fake.person import PLANT, Person
from connectors.microsoft365.fake.server import FakeGraph

__all__ = ["PLANT", "Answered", "FakeGraph", "Person", "Request"]
