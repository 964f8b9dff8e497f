"""TZIDs and VTIMEZONEs: what they mean, and what is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from connectors.caldav import wire
from connectors.caldav.timezones import meaning, named_zone, vtimezone
from connectors.caldav.translate import read
from syncd.core.model import Timed
from syncd.core.zones import zone_info
from tests.strategies import ZONES


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "UTC"])
def test_a_written_vtimezone_has_the_zone_s_offsets(zone: str) -> None:
    """Read back by its own definition, each day of 2026 to 2036 has the right offset."""
    info = zone_info(zone)
    text = wire.serialise(vtimezone(zone)).replace(zone, "Nameless")
    calendar = wire.parse(f"BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n")
    for year in range(2026, 2037):
        found = meaning("Nameless", calendar, date(year, 6, 1))
        for day in range(0, 365, 3):
            noon = datetime(year, 1, 1, 12) + timedelta(days=day)
            expected = noon.replace(tzinfo=info).astimezone(UTC).replace(tzinfo=None)
            assert found.to_utc(noon) == expected if found.onsets else found.zone


@pytest.mark.parametrize(
    ("tzid", "zone"),
    [
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("China Standard Time", "Asia/Shanghai"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/America/Argentina/Salta", "America/Argentina/Salta"),
        ('"Asia/Kolkata"', "Asia/Kolkata"),
        ("Mars/Olympus", None),
        ("../../etc/passwd", None),
        ("Europe", None),
        ("x" * 5000, None),
        ("A\x00B", None),
        ("localtime", None),
    ],
)
def test_what_a_tzid_names(tzid: str, zone: str | None) -> None:
    assert named_zone(tzid) == zone


def _event(zone: str, start: str) -> str:
    return (
        f"BEGIN:VCALENDAR\r\n{zone}BEGIN:VEVENT\r\nUID:u\r\nDTSTART;TZID=Odd:{start}\r\n"
        "DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def _fixed(offset: str, more: str = "") -> str:
    return (
        f"BEGIN:VTIMEZONE\r\nTZID:Odd\r\n{more}BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )


@pytest.mark.parametrize(
    ("definition", "zone", "hour"),
    [
        (_fixed("+0800"), "Asia/Shanghai", 9),
        (_fixed("+0545"), "Asia/Kathmandu", 9),
        (_fixed("+0000"), "UTC", 9),
        (_fixed("+0100", "X-LIC-LOCATION:Europe/Paris\r\n"), "Europe/Paris", 9),
        (_fixed("+0733"), "UTC", 1),
    ],
)
def test_a_nameless_zone_is_found_by_its_offsets(definition: str, zone: str, hour: int) -> None:
    """Where no zone has them, the time is fixed in UTC."""
    when = read("/a", None, _event(definition, "20260301T090000")).reads.when
    assert isinstance(when, Timed)
    assert (when.zone, when.start.hour) == (zone, hour)
    assert when.duration == timedelta(hours=1)
