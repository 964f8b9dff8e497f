"""What the people file's ``id`` and ``until`` make of the channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.config import ChannelSettings
from syncd.core.channel import Direction, FilterMode

HEAD = "id,name,email,until,cloud\n"
BEFORE = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
AFTER = datetime(2026, 12, 31, 16, 1, tzinfo=UTC)
"""Just after midnight in Shanghai, where the configuration is."""


def channels(folder: Any, *lines: str, now: datetime = BEFORE) -> dict[str, ChannelSettings]:
    folder.write("people.csv", HEAD + "".join(f"{line}\n" for line in lines))
    settings = folder.load(now=now)
    return {each.name: each for each in settings.bridges[0].channels if "cloud-" in each.name}


def test_an_id_names_the_channel_whatever_the_address(folder: Any) -> None:
    before = channels(folder, "e7,王芳,fang@example.com,,c1")
    after = channels(folder, "e7,王芳,fang.wang@new.example,,c1")
    assert list(before) == list(after) == ["cloud-e7"]


def test_an_id_that_looks_like_an_address_takes_no_name(folder: Any) -> None:
    """Invariant 9: nobody's line makes the configuration wrong for all."""
    named = channels(folder, "li,A,a@example.com,,c1", ",Li,li@example.com,,c2")
    assert {each.calendar: name for name, each in named.items()} == {
        "c1": "cloud-li",
        "c2": "cloud-li@example.com",
    }


def test_the_last_day_is_one_of_the_company(folder: Any) -> None:
    """It ends at midnight in the time zone of the configuration; then it is read again."""
    lines = ("e7,王芳,fang@example.com,2026-12-31,c1", "e8,Li,li@example.com,,c2")
    assert list(channels(folder, *lines)) == ["cloud-e7", "cloud-e8"]
    settings = folder.load(now=BEFORE)
    assert not settings.is_outdated(BEFORE)
    assert settings.is_outdated(AFTER)
    assert list(channels(folder, *lines, now=AFTER)) == ["cloud-e8"]
    assert not folder.load(now=AFTER).is_outdated(AFTER)


@pytest.mark.parametrize("direction", ["both", "to", "from"])
def test_withdrawing_keeps_the_channel(folder: Any, direction: str) -> None:
    """Nothing belongs there any more; where nothing is written, nothing can be withdrawn."""
    keys = f'people = "all"\non_leave = "withdraw"\ndirection = "{direction}"'
    folder.bend("syncd.toml", 'people = "all"', keys)
    left = channels(folder, "e7,王芳,fang@example.com,2026-12-30,c1")
    if direction == "from":
        assert left == {}
        return
    channel = left["cloud-e7"]
    assert channel.holds.mode is FilterMode.NONE
    assert channel.admits.mode is FilterMode.NONE
    assert channel.direction is Direction.TO


def test_a_written_channel_has_a_last_day_too(folder: Any) -> None:
    text = HEAD + ",Alice,alice@example.com,2026-12-30,\n"
    folder.write("people.csv", text)
    names = [each.name for each in folder.load(now=BEFORE).bridges[0].channels]
    assert "alice" not in names


def test_who_has_left_keeps_the_names_of_the_others(folder: Any) -> None:
    """Two share a local part; when one leaves, the other's channel is called as before."""
    lines = (",Li,li@a.example,2026-12-31,c1", ",Li,li@b.example,,c2")
    assert list(channels(folder, *lines)) == ["cloud-li@a.example", "cloud-li@b.example"]
    assert list(channels(folder, *lines, now=AFTER)) == ["cloud-li@b.example"]
