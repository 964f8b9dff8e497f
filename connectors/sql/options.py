"""The system's part of the configuration and the mapping, read into a frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.sql.times import TEXT_FORMS, Clock
from connectors.sql.translate import ALL_DAY_ENDS
from syncd.connector import System, TableMapping
from syncd.core.zones import zone_info
from syncd.errors import ConfigError

MARKER_TABLE = "syncd_markers"

# What `[extra]` of a mapping for this connector may have, and the values of each.
_EXTRA: dict[str, tuple[str, ...]] = {
    "all_day_end": ALL_DAY_ENDS,
    "epoch": ("seconds", "milliseconds"),
    "text_time": TEXT_FORMS,
    "deleted_value": (),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the connector goes by. ``timeout`` is in seconds."""

    url: sa.URL
    mapping: TableMapping
    clock: Clock
    schema: str | None
    marker_table: str
    overlap: timedelta
    timeout: float


def read_options(system: System) -> Options:
    """Raises ``ConfigError``; messages never have the URL in them, it may hold a password."""
    mapping = system.mapping
    if mapping is None:
        raise ConfigError(
            "needs a mapping", key=f"systems.{system.name}.mapping",
            hint='mapping = "visits", or the path of a file',
        )  # fmt: skip
    for path in ("when.start", "when.end"):
        if path not in mapping.fields:
            raise ConfigError("is missing", file=mapping.file, key=f'fields."{path}"')
    if not mapping.key:
        raise ConfigError("is missing", file=mapping.file, key="key")
    options = system.options
    return Options(
        url=_url(system),
        mapping=mapping,
        clock=_clock(system, mapping),
        schema=str(options["schema"]) if options.get("schema") else None,
        marker_table=str(options.get("marker_table") or MARKER_TABLE),
        overlap=timedelta(seconds=_seconds(system, "overlap", 60.0)),
        timeout=_seconds(system, "timeout", 5.0),
    )


def _url(system: System) -> sa.URL:
    key = f"systems.{system.name}.url"
    try:
        url = sa.make_url(str(system.options.get("url", "")))
    except (exc.ArgumentError, ValueError):
        hint = "such as sqlite:///crm.db or postgresql+psycopg://user@host/db"
        raise ConfigError("is not an SQLAlchemy URL", key=key, hint=hint) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if system.options.get("password"):
        url = url.set(password=str(system.options["password"]))
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise ConfigError("needs a file", key=key, hint="sqlite:///crm.db")
    return url.set(database=os.path.join(system.folder, url.database))


def _clock(system: System, mapping: TableMapping) -> Clock:
    for name, value in mapping.extra.items():
        allowed = _EXTRA.get(name)
        if allowed is None:
            hint = f"known are {', '.join(_EXTRA)}"
            raise ConfigError("is not known", file=mapping.file, key=f"extra.{name}", hint=hint)
        if allowed and value not in allowed:
            hint = ", ".join(allowed)
            raise ConfigError("must be one of", file=mapping.file, key=f"extra.{name}", hint=hint)
    zone = mapping.time_zone or system.time_zone
    if zone_info(zone) is None:
        raise ConfigError(f'there is no time zone "{zone}"', file=mapping.file, key="time_zone")
    return Clock(
        zone,
        milliseconds=mapping.extra.get("epoch") == "milliseconds",
        text_form=str(mapping.extra.get("text_time", TEXT_FORMS[0])),
    )


def _seconds(system: System, name: str, usual: float) -> float:
    value: Any = system.options.get(name)
    if value is None:
        return usual
    text = str(value).strip().removesuffix("s")
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 86_400:
        raise ConfigError(
            "must be a number of seconds", key=f"systems.{system.name}.{name}", hint="60"
        )
    return found
