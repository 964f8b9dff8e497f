"""The commented configuration that ``syncd init`` writes."""

from __future__ import annotations

from importlib.resources import files


def template() -> str:
    """The text of a configuration to start from; valid once ``CALDAV_PASSWORD`` is set."""
    return (files("syncd.config") / "template.toml").read_text("utf-8")
