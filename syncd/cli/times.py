"""Times as administrators type and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from syncd.core.zones import from_utc, to_utc
from syncd.errors import ConfigError

_AGO = re.compile(r"(\d{1,6})\s*(min|[smhdw])")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")


def parse_since(text: str, now: datetime, zone: str) -> datetime:
    """The instant that ``text`` names: ``2h`` ago, ``09:30`` today, or a date, with or without a
    time, all in ``zone``. Raises ``ConfigError``."""
    words = text.strip()
    ago = _AGO.fullmatch(words.lower())
    if ago is not None:
        return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    try:
        if _CLOCK.fullmatch(words):
            found = datetime.combine(from_utc(now, zone).date(), time.fromisoformat(words))
        else:
            found = datetime.fromisoformat(words)
    except ValueError as error:
        hint = "2h, 09:30, 2026-12-31, 2026-12-31T09:30"
        raise ConfigError(f"{text!r} is no time", key="--since", hint=hint) from error
    return found.astimezone(UTC) if found.tzinfo is not None else to_utc(found, zone)


def local(instant: datetime, zone: str) -> str:
    """An instant to the second, on the clock of ``zone``."""
    return f"{from_utc(instant, zone):%Y-%m-%d %H:%M:%S}"


def minute(instant: datetime, zone: str) -> str:
    """An instant to the minute, on the clock of ``zone``."""
    return f"{from_utc(instant, zone):%Y-%m-%d %H:%M}"
