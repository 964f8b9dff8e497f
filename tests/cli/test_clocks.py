"""``check`` under a wrong clock: how far off, and what to do."""

from __future__ import annotations

import pytest

from syncd import plugins
from syncd.checking import Checked, own_clock_is_off
from syncd.cli.check import health
from syncd.config import ChannelSettings, Settings, load
from syncd.connector import Health
from tests.cli.conftest import Call
from tests.office import Office


def _checked(channel: ChannelSettings, skew: float | None, detail: str = "") -> Checked:
    return Checked("sales", channel, Health(True, "alice", True, skew, detail), writes=True)


@pytest.fixture
def settings(office: Office) -> Settings:
    """A CRM and a calendar."""
    return load(office.config, plugins.Plugins())


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        (10800.0, "its clock is 3 h ahead of this machine's: mend the wrong one first"),
        (-10830.0, "its clock is 3 h behind this machine's"),
        (-95.0, "its clock is 1 min 35 s behind this machine's"),
        (93784.0, "its clock is 1 d 2 h ahead of this machine's"),
    ],
)
def test_how_far_off_it_is(settings: Settings, skew: float, told: str) -> None:
    """In words, beside what the system itself tells."""
    channel = settings.bridges[0].channels[0]
    assert _checked(channel, skew).detail.startswith(told)
    assert _checked(channel, skew, "table visit").detail.startswith(f"table visit; {told}")
    assert "timedatectl" in _checked(channel, skew).detail
    assert not _checked(channel, skew).is_right


@pytest.mark.parametrize("skew", [None, 0.0, 59.0, -60.0])
def test_a_clock_that_is_right_is_not_told(settings: Settings, skew: float | None) -> None:
    channel = settings.bridges[0].channels[0]
    assert _checked(channel, skew, "table visit").detail == "table visit"


def test_if_several_differ_alike_it_is_ours(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """One system alone may be wrong itself."""
    crm, alice = settings.bridges[0].channels
    alike = [_checked(crm, -10800.0), _checked(alice, -10803.0)]
    assert own_clock_is_off(alike)
    assert not own_clock_is_off([_checked(crm, -10800.0), _checked(alice, 0.0)])
    assert not own_clock_is_off([_checked(crm, -10800.0), _checked(alice, 10800.0)])
    assert not own_clock_is_off([_checked(alice, 95.0), _checked(alice, 95.0)])
    health(settings, alike, everything=False, json=False)
    shown = capsys.readouterr().out
    assert "this machine is wrong: several systems differ from it alike" in shown
    assert shown.count("3 h behind") == 2


def test_all_is_well(office: Office, call: Call) -> None:
    """Nothing is said of clocks."""
    done = call("check")
    assert done.code == 0
    assert "its clock" not in done.out
