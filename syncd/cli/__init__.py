"""The command line: reads options, asks the daemon's parts, prints. No sync logic here."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """The entry point."""
    # What is loaded stays: to search it for garbage, now and again, takes a tenth of all time.
    gc.disable()
    _load_structlog()
    from syncd.cli.app import main as begin

    gc.freeze()
    gc.enable()
    begin()


def _load_structlog() -> None:
    """structlog loads rich and pygments to paint tracebacks, where they can be imported. What is
    logged here (:mod:`syncd.log`) has none to paint; this saves 3 MB."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # Python's way to say: not importable
    try:
        import structlog  # noqa: F401  # as the first, before any module of ours does
    finally:
        del sys.modules["rich"]


__all__ = ["main"]
