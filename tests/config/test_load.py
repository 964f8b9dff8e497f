"""What a right configuration becomes."""

from __future__ import annotations

import csv
import io
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Limits, Mode, find_config, load, template
from syncd.core.channel import Direction, Filter, FilterMode, OnExit
from syncd.core.fidelity import Fidelity
from syncd.errors import ConfigError
from syncd.secrets import Secret


def test_everything_is_read(folder: Any) -> None:
    settings = folder.load()
    assert settings.warnings == ()
    assert settings.daemon.time_zone == "Asia/Shanghai"
    assert settings.daemon.state.reveal() == f"sqlite:///{folder.path}/state.db"
    assert settings.daemon.poll_interval == timedelta(seconds=60)
    bridge = settings.bridges[0]
    assert (bridge.name, bridge.mode) == ("sales", Mode.BOTH)
    assert bridge.limits == Limits(deletes=0.1, moves=0.5, writes_per_hour=5000)
    assert [each.name for each in bridge.channels] == ["crm", "alice", "cloud-fang", "cloud-room1"]
    assert [each.order for each in bridge.channels] == [0, 1, 2, 3]


def test_window_reaches_from_now(folder: Any) -> None:
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    window = folder.load().daemon.window(now)
    assert window.start == now - timedelta(days=30)
    assert window.end == now + timedelta(days=365)


def test_defaults_depend_on_role_and_person(folder: Any) -> None:
    crm, alice, fang, _ = folder.load().bridges[0].channels
    assert crm.admits == Filter(FilterMode.MATCH, {"kind": frozenset({"visit", "demo"})})
    assert crm.holds == Filter(FilterMode.ALL)
    for colleague in (alice, fang):
        assert colleague.admits == Filter(FilterMode.CUSTOMERS)
        assert colleague.holds == Filter(FilterMode.OWN)
        assert (colleague.direction, colleague.on_exit) == (Direction.BOTH, OnExit.WITHDRAW)


def test_a_crm_admits_and_holds_all_unless_configured(folder: Any) -> None:
    folder.bend("syncd.toml", 'admits = { kind = ["visit", "demo"] }\n', "")
    crm = folder.load().bridges[0].channels[0]
    assert crm.admits == crm.holds == Filter(FilterMode.ALL)


def test_role_can_be_overridden(folder: Any) -> None:
    folder.bend("syncd.toml", 'connector = "sql"', 'connector = "sql"\nrole = "booking"')
    assert folder.load().bridges[0].channels[0].role == "booking"


def test_addresses_in_filters_and_defaults_are_normalised(folder: Any) -> None:
    folder.bend("syncd.toml", '{ kind = ["visit", "demo"] }', '{ owner = "Alice@Example.COM" }')
    folder.bend("syncd.toml", 'owner = "alice@example.com"', 'owner = " ALICE@example.com"')
    crm = folder.load().bridges[0].channels[0]
    assert crm.admits.match == {"owner": frozenset({"alice@example.com"})}
    assert crm.defaults == {"owner": "alice@example.com"}


def test_a_channel_for_everybody_in_the_people_file(folder: Any) -> None:
    fang = folder.load().bridges[0].channels[2]
    assert fang.person == "fang@example.com"
    assert fang.calendar == "https://cloud.example.com/dav/fang/"
    assert fang.collection.calendar == fang.calendar


def test_a_written_channel_goes_before_people_all(folder: Any) -> None:
    folder.bend("people.csv", "+49 30 1,,\n", "+49 30 1,,work\n")
    names = [each.name for each in folder.load().bridges[0].channels]
    assert names == ["crm", "alice", "cloud-fang", "cloud-room1"]


def test_two_lines_with_one_calendar_get_one_channel_and_a_warning(folder: Any) -> None:
    """Invariant 9: one bad line never stops the rest."""
    folder.bend("people.csv", "room-1", "https://cloud.example.com/dav/fang")
    settings = folder.load()
    assert [each.name for each in settings.bridges[0].channels] == ["crm", "alice", "cloud-fang"]
    (warning,) = settings.warnings
    assert warning.endswith(
        "people.csv:4: its calendar already stands in line 3; it gets no channel"
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_names_of_channels_do_not_depend_on_the_order_of_lines(
    folder: Any, backwards: bool
) -> None:
    lines = [
        "Li,li@example.com,,,,c1\n",
        "Li,li@partner.cn,,,,c2\n",
        "Li,li@other.org,,,,c3\n",
        "Zoë,zoë@partner.cn,,,,c4\n",
    ]
    head = "name,email,aliases,phone,kind,cloud\n"
    folder.write("people.csv", head + "".join(reversed(lines) if backwards else lines))
    channels = folder.load().bridges[0].channels[2:]
    assert {each.calendar: each.name for each in channels} == {
        "c1": "cloud-li",
        "c2": "cloud-li@partner.cn",
        "c3": "cloud-li@other.org",
        "c4": "cloud-zoë",
    }


def test_three_thousand_colleagues(folder: Any) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "email", "cloud"])
    for number in range(3000):
        writer.writerow([f"员工{number}", f"u{number}@example.com", f"cal-{number}"])
    folder.write("people.csv", text.getvalue())
    assert len(folder.load().bridges[0].channels) == 3002


def test_policy_knows_channels_people_and_rules(folder: Any) -> None:
    settings = folder.load()
    bridge = settings.bridges[0]
    fidelities = {"crm": Fidelity(recurrence=False), "alice": Fidelity()}
    policy = bridge.policy(fidelities, settings.people)
    assert list(policy.channels) == ["crm", "alice"]
    assert policy.channels["crm"].is_crm
    assert policy.is_colleague("al@example.com")
    assert policy.is_colleague("anybody@example.com")
    assert not policy.is_colleague("kunde@example.org")
    assert policy.colleagues["a@example.com"] == "alice@example.com"
    assert policy.rooms == {"room1@example.com"}


def test_a_system_is_revealed_for_its_connector_only(folder: Any) -> None:
    """Invariant 11: neither settings nor the system show a secret."""
    settings = folder.load()
    system = settings.system("cloud", "inst1")
    assert system.options["password"] == "geheim-密码-🔑"
    assert (system.installation, system.time_zone) == ("inst1", "Asia/Shanghai")
    assert system.folder == str(folder.path)
    assert "geheim" not in repr(settings) + str(settings) + repr(system)
    assert Secret("geheim-密码-🔑") in settings.secrets


def test_state_from_the_environment(folder: Any) -> None:
    folder.bend("syncd.toml", '"sqlite:///state.db"', '{ env = "STATE" }')
    settings = folder.load()
    assert settings.daemon.state.reveal() == "postgresql://syncd:tiefgeheim@db/syncd"
    assert "tiefgeheim" not in repr(settings)


def test_an_absolute_state_stays_where_it_is(folder: Any) -> None:
    folder.bend("syncd.toml", "sqlite:///state.db", "sqlite:////var/lib/syncd/state.db")
    settings = folder.load()
    assert settings.daemon.state.reveal() == "sqlite:////var/lib/syncd/state.db"
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            "sqlite:///state.db",
            "sqlite:///var/lib/syncd/state.db",
            "syncd.toml:2: daemon.state: is a path below the configuration's folder; "
            "an absolute one has four slashes",
        ),
        (
            '{ env = "DAV" }',
            '"hunter2"',
            "syncd.toml:19: systems.cloud.password: is written into the configuration; "
            '{ env = "…" } or { file = "…" } keeps it out',
        ),
        (
            '"sqlite:///crm.db"',
            '"postgresql://u:hunter2@db/crm"',
            "syncd.toml:12: systems.crm.url: is written into the configuration; "
            '{ env = "…" } or { file = "…" } keeps it out',
        ),
        (
            "[[bridges]]",
            '[systems.idle]\nconnector = "caldav"\nurl = "https://dav.example.com/"\n\n[[bridges]]',
            "syncd.toml:21: systems.idle: no bridge has a channel of this system",
        ),
    ],
)
def test_warnings(folder: Any, old: str, new: str, warning: str) -> None:
    """Invariant 11: a warning about a secret does not show it."""
    folder.bend("syncd.toml", old, new)
    (found,) = folder.load().warnings
    assert found == f"{folder.path}/{warning}"


def test_a_secret_file_that_others_may_read_is_a_warning(folder: Any) -> None:
    folder.write("dav-password", "geheim\n")
    folder.bend("syncd.toml", '{ env = "DAV" }', '{ file = "dav-password" }')
    (folder.path / "dav-password").chmod(stat.S_IRUSR | stat.S_IRGRP)
    (warning,) = folder.load().warnings
    assert warning.endswith(
        "systems.cloud.password: others may read the secret's file "
        '"dav-password" (mode 0440); chmod 600 it'
    )
    (folder.path / "dav-password").chmod(stat.S_IRUSR | stat.S_IWUSR)
    settings = folder.load()
    assert settings.warnings == ()
    assert settings.system("cloud", "i").options["password"] == "geheim"


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(folder: Any) -> None:
    text = (folder.path / "syncd.toml").read_text("utf-8")
    folder.write("syncd.toml", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert len(folder.load().bridges[0].channels) == 4
    folder.write("syncd.toml", text.replace('"both"', '"bot"').replace("\n", "\r\n"))
    assert folder.complaint().startswith("syncd.toml:24: bridges.mode: ")


def test_the_template_is_a_valid_configuration(folder: Any) -> None:
    folder.write("syncd.toml", template())
    settings = folder.load({"CALDAV_PASSWORD": "x" * 12})
    assert settings.warnings == ()
    assert settings.bridges[0].mode is Mode.OBSERVE
    assert [each.name for each in settings.bridges[0].channels] == ["crm", "alice"]


def test_every_commented_line_of_the_template_is_valid_too(folder: Any) -> None:
    """The keys that the template shows in comments are keys that syncd knows."""
    lines = []
    for line in template().splitlines():
        bare = line.removeprefix("# ")
        lines.append(bare if bare != line and (" = " in bare or bare.startswith("[[")) else line)
    folder.write("syncd.toml", "\n".join(lines))
    folder.write("people.csv", "name,email,nextcloud\nBob,bob@example.com,bob\n")
    robot = {
        "ROBOT_URL": "https://oapi.dingtalk.com/robot/send?access_token=x",
        "ROBOT_SECRET": "y",
    }
    settings = folder.load({"CALDAV_PASSWORD": "x" * 12, **robot})
    assert [each.name for each in settings.bridges[0].channels] == ["crm", "alice", "nextcloud-bob"]
    assert [each.service for each in settings.notify] == ["dingtalk"]


def test_where_the_configuration_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration found"):
        find_config(None, {}, tmp_path)
    (tmp_path / "syncd.toml").touch()
    assert find_config(None, {}, tmp_path) == tmp_path / "syncd.toml"
    assert find_config(None, {"SYNCD_CONFIG": "/b.toml"}, tmp_path) == Path("/b.toml")
    assert find_config("c.toml", {"SYNCD_CONFIG": "/b.toml"}, tmp_path) == tmp_path / "c.toml"


def test_a_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"syncd\.toml: there is no such file"):
        load(tmp_path / "syncd.toml", {})
