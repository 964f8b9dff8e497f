"""The command line: reads options, asks the daemon's parts, prints. No sync logic here."""

from __future__ import annotations

from syncd.cli.app import main

__all__ = ["main"]
