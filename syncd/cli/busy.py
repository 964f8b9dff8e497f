"""``syncd busy``: when channels are taken, by what, and what is booked twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

import typer

from syncd.cli.console import counting, line, print_json, rows
from syncd.cli.opening import Config, Json, open_store, read_settings
from syncd.cli.tables import Column
from syncd.cli.times import minute
from syncd.connector import Window
from syncd.core.bookings import Double, Use
from syncd.core.zones import from_utc, midnight
from syncd.deployment import Deployment, now_utc
from syncd.errors import ConfigError
from syncd.occupancy import Occupied
from syncd.results import Exit

_UNKNOWN = "something that syncd does not know"


def busy(
    channels: Annotated[
        list[str] | None, typer.Argument(help="Their names; without, all that can tell.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="The first day: 2026-12-31 (default: today).")
    ] = None,
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=366)] = 7,
    config: Config = None,
    json: Json = False,
) -> None:
    """When rooms and calendars are taken, as their systems tell it, by what, and what is booked
    twice. Writes nothing."""
    settings = read_settings(config)
    zone = settings.daemon.time_zone
    first = _day(start) if start is not None else from_utc(now_utc(), zone).date()
    span = Window(midnight(first, zone), midnight(first + timedelta(days=days), zone))
    with (
        open_store(settings) as store,
        Deployment(settings, store) as deployment,
        counting("asking", json) as told,
    ):
        found = deployment.busy(channels or (), span, told)
    if json:
        print_json(_told(found, span))
    else:
        _print(found, zone)
    raise typer.Exit(_exit(found))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(f"{text!r} is no date", key="--from", hint="2026-12-31") from error


def _exit(found: Sequence[Occupied]) -> Exit:
    """The worst first, as for ``sync``."""
    if any(each.failed for each in found):
        return Exit.FAILED
    return Exit.CONFLICTS if any(each.doubles for each in found) else Exit.CONVERGED


def _print(found: Sequence[Occupied], zone: str) -> None:
    if not found:
        line("no channel has a system that tells when it is taken")
    for each in found:
        _print_one(each, zone)


def _print_one(found: Occupied, zone: str) -> None:
    name = f"{found.bridge}/{found.channel}"
    if found.failed:
        line((f"{name}: ", "bold"), ("not told: ", "red"), found.failed)
        return
    line((name, "bold"), "" if found.uses else ": free")
    if found.looked is None:
        line("  syncd has never looked at it, and knows none of its bookings")
    columns = [Column("from"), Column("until"), Column("kind", drop=1), Column("by", wraps=True)]
    cells = [
        [minute(use.start, zone), minute(use.end, zone), use.kind.value, _by(use)]
        for use in found.uses
    ]
    rows(columns, cells)
    for double in found.doubles:
        when = f" {minute(double.start, zone)} to {minute(double.end, zone)}: "
        line(("booked twice", "red"), when, f"{_by(double.first)}; {_by(double.second)}")


def _by(use: Use) -> str:
    """What people know it by: the title, and the id for the other commands."""
    booking = use.booking
    if booking is None:
        return _UNKNOWN
    id = f" [{booking.appointment}]" if booking.appointment else " (no appointment of the bridge)"
    return f"{booking.title}{id}{', cancelled' if booking.cancelled else ''}".strip()


def _told(found: Sequence[Occupied], span: Window) -> dict[str, object]:
    return {
        "from": span.start.isoformat(),
        "until": span.end.isoformat(),
        "channels": [
            {
                "bridge": each.bridge,
                "channel": each.channel,
                "system": each.system,
                "looked": each.looked.isoformat(timespec="seconds") if each.looked else None,
                "failed": each.failed or None,
                "taken": [_use_json(use) for use in each.uses],
                "doubles": [_double_json(double) for double in each.doubles],
            }
            for each in found
        ],
    }


def _use_json(use: Use) -> dict[str, object]:
    booking = use.booking
    return {
        "start": use.start.isoformat(),
        "end": use.end.isoformat(),
        "kind": use.kind.value,
        "known": booking is not None,
        "appointment": (booking.appointment or None) if booking is not None else None,
        "title": booking.title if booking is not None else None,
        "cancelled": booking is not None and booking.cancelled,
    }


def _double_json(double: Double) -> dict[str, object]:
    return {
        "start": double.start.isoformat(),
        "end": double.end.isoformat(),
        "bookings": [_use_json(double.first), _use_json(double.second)],
    }
