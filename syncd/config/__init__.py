"""The configuration: ``load`` reads and judges it, ``Settings`` is what comes out."""

from __future__ import annotations

from syncd.config.load import load
from syncd.config.places import find_config
from syncd.config.salvage import Salvaged, salvage
from syncd.config.settings import (
    BridgeSettings,
    ChannelSettings,
    DaemonSettings,
    Language,
    Limits,
    LogFormat,
    LogLevel,
    Mode,
    NotifySettings,
    Service,
    Settings,
    SystemSettings,
    Topic,
    Webhooks,
)
from syncd.config.template import template
from syncd.problems import ConfigErrors

__all__ = [
    "BridgeSettings",
    "ChannelSettings",
    "ConfigErrors",
    "DaemonSettings",
    "Language",
    "Limits",
    "LogFormat",
    "LogLevel",
    "Mode",
    "NotifySettings",
    "Salvaged",
    "Service",
    "Settings",
    "SystemSettings",
    "Topic",
    "Webhooks",
    "find_config",
    "load",
    "salvage",
    "template",
]
