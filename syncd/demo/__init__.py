"""The embedded world of ``syncd demo``: everything in one process, on loopback."""

from __future__ import annotations

from syncd.demo.world import run_demo

__all__ = ["run_demo"]
