"""Windows time zones and IANA ones, both ways. Pure.

Graph stores a zone as it was set, by its Windows or its IANA name (microsoft-graph-docs,
``dateTimeTimeZone``), and Outlook sets Windows names. ``zones.toml`` is the Unicode CLDR's
mapping: one IANA zone for each Windows one, and a Windows one for nearly every IANA zone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files

from syncd.core.zones import UTC_ZONE, to_utc, zone_info

_UTC_NAMES = frozenset({"utc", "z", "gmt", "etc/utc", "etc/gmt", "tzone://microsoft/utc"})


@cache
def _tables() -> tuple[Mapping[str, str], Mapping[str, str]]:
    text = (files(__package__) / "zones.toml").read_text(encoding="utf-8")
    read = tomllib.loads(text)
    return {name.lower(): zone for name, zone in read["windows"].items()}, read["iana"]


@lru_cache(maxsize=1024)
def iana_of(name: str) -> str | None:
    """The IANA key of a zone that Graph names; ``None`` for one that nobody knows.

    ``tzone://Microsoft/Custom`` (a zone that an old Outlook made up) is one of those.
    """
    bare = name.strip()
    if bare.lower() in _UTC_NAMES:
        return UTC_ZONE
    known = _tables()[0].get(bare.lower())
    if known is not None:
        return known
    return bare if zone_info(bare) is not None else None


def windows_of(zone: str) -> str | None:
    """The Windows zone of an IANA key, ``None`` where the CLDR has none."""
    return _tables()[1].get(zone)


def name_for(zone: str, *walls: datetime) -> str:
    """The name by which a zone is given to Graph: the Windows one, as Outlook does.

    Where that one's clocks would show another time at one of these ``walls`` (naive), or where
    there is none, the IANA key itself.
    """
    if zone == UTC_ZONE:
        return UTC_ZONE
    name = windows_of(zone)
    if name is None:
        return zone
    usual = iana_of(name) or zone
    same = usual == zone or all(to_utc(wall, zone) == to_utc(wall, usual) for wall in walls)
    return name if same else zone


def zone_of(name: str, hint: str = "") -> str | None:
    """The IANA key that a name stands for; ``hint`` is the one that it was made from, if any."""
    if hint and zone_info(hint) is not None and name in (windows_of(hint), hint):
        return hint
    return iana_of(name)
