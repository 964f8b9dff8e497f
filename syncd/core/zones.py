"""Time zones: IANA keys, gaps and folds, rounding."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC_ZONE = "UTC"


@lru_cache(maxsize=1024)
def zone_info(key: str) -> ZoneInfo | None:
    """The zone with this IANA key, or ``None`` if there is none."""
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def normalise(
    start: datetime, end: datetime, zone: str | None
) -> tuple[datetime, datetime, str | None]:
    """Wall times as they are kept: whole seconds, existing, unambiguous, end not before start."""
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    if start.tzinfo is not None or end.tzinfo is not None:
        raise ValueError("a Timed takes naive wall times and a zone")
    if zone is None:
        return start.replace(fold=0), max(start, end).replace(fold=0), None
    if zone == UTC_ZONE:
        return start.replace(fold=0), max(start, end).replace(fold=0), UTC_ZONE
    info = zone_info(zone)
    if info is None:
        raise ValueError(f"unknown time zone {zone!r}")
    first, last = start.replace(tzinfo=info), end.replace(tzinfo=info)
    start_utc, end_utc = first.astimezone(UTC), last.astimezone(UTC)
    if end_utc < start_utc:
        end_utc = start_utc
    if _is_second(start, info) or _is_second(end_utc.astimezone(info), info):
        return start_utc.replace(tzinfo=None), end_utc.replace(tzinfo=None), UTC_ZONE
    local_start, local_end = start_utc.astimezone(info), end_utc.astimezone(info)
    return (
        local_start.replace(tzinfo=None, fold=0),
        local_end.replace(tzinfo=None, fold=0),
        zone,
    )


def _is_second(wall: datetime, info: ZoneInfo) -> bool:
    """Whether a wall time is the second of two that look alike (the hour put back)."""
    if not wall.fold:
        return False
    first = wall.replace(tzinfo=info, fold=0).utcoffset() or timedelta()
    second = wall.replace(tzinfo=info, fold=1).utcoffset() or timedelta()
    return first > second


def to_utc(wall: datetime, zone: str | None, default_zone: str = UTC_ZONE) -> datetime:
    """The instant of a naive wall time; a floating one is read in ``default_zone``."""
    info = zone_info(zone or default_zone)
    if info is None:
        raise ValueError(f"unknown time zone {zone or default_zone!r}")
    return wall.replace(tzinfo=info).astimezone(UTC)


def from_utc(instant: datetime, zone: str) -> datetime:
    """The wall time (naive, with ``fold``) of an aware instant in ``zone``."""
    info = zone_info(zone)
    if info is None:
        raise ValueError(f"unknown time zone {zone!r}")
    return instant.astimezone(info).replace(tzinfo=None)


def midnight(day: date, zone: str) -> datetime:
    """The instant at which ``day`` begins in ``zone``."""
    return to_utc(datetime(day.year, day.month, day.day), zone)


def rounded(wall: datetime, seconds: int) -> datetime:
    """The nearest multiple of ``seconds`` past midnight; halves go down."""
    if seconds <= 1:
        return wall
    base = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = int((wall - base).total_seconds())
    return base + timedelta(seconds=(passed + (seconds - 1) // 2) // seconds * seconds)
