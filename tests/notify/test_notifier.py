"""The notifier with a real store, real threads and strict robots on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.breakers import encode
from syncd.config import Language, Topic
from syncd.notify import Seen
from syncd.schedule import Circuit, Fault
from tests.daemon.conftest import wait_for
from tests.notify.conftest import MINUTE, NOW, Site
from tests.notify.fakes import Vendor, robot


def test_nothing_is_said_while_all_is_well(site: Site) -> None:
    with robot("wecom") as vendor:
        site.start(vendor)
        for _ in range(30):
            site.look(10 * MINUTE)
    assert vendor.requests == 0


def test_one_message_and_one_end(site: Site) -> None:
    """A hold of many cycles is one message; so is its end."""
    with robot("dingtalk", secret="SEC1") as vendor:
        site.start(vendor)
        hold = site.hold()
        for _ in range(200):
            site.look(MINUTE)
        (first,) = vendor.texts
        assert f"syncd ({site.store.installation}): writing is held" in first
        assert "sales: 12 writes wait: alice: 12 of 40" in first
        assert "syncd approve" in first
        site.store.close_hold(hold)
        for _ in range(200):
            site.look(MINUTE)
    assert len(vendor.texts) == 2
    assert "nothing is held any longer" in vendor.texts[1]


def test_in_chinese(site: Site) -> None:
    with robot("feishu", secret="密钥") as vendor:
        site.start(vendor, language=Language.ZH)
        site.hold()
        site.look()
    (text,) = vendor.texts
    assert "写入已暂停" in text
    assert "12 项写入等待批准" in text


def test_a_restart_repeats_nothing(site: Site) -> None:
    """What was told is kept in the store, also the end of it."""
    with robot("wecom") as vendor:
        hold = site.hold()
        for _ in range(5):
            site.start(vendor)
            site.look(MINUTE)
        assert len(vendor.texts) == 1
        site.store.close_hold(hold)
        for _ in range(5):
            site.start(vendor)
            site.look(MINUTE)
    assert len(vendor.texts) == 2


def test_flapping_is_told_once_an_hour(site: Site) -> None:
    """Held and released every ten minutes for six hours: an alert an hour at most."""
    with robot("wecom") as vendor:
        site.start(vendor)
        for number in range(36):
            hold = site.hold(digest=str(number))
            site.look(5 * MINUTE)
            site.store.close_hold(hold)
            site.look(5 * MINUTE)
    alerts = [text for text in vendor.texts if "writing is held" in text]
    assert 5 <= len(alerts) <= 6
    assert len(vendor.texts) <= 2 * len(alerts)


def test_only_the_topics_that_were_asked_for(site: Site) -> None:
    with robot("wecom") as vendor:
        site.start(vendor, topics=frozenset({Topic.SIGN_IN}))
        site.hold()
        site.look()
        assert vendor.requests == 0
        site.start(vendor, topics=frozenset({Topic.HOLDS}), recovered=False)
        site.look()
        assert len(vendor.texts) == 1
        site.store.close_hold(1)
        site.look(MINUTE)
        site.hold("again")
        site.look(120 * MINUTE)
    assert [("held" in text) for text in vendor.texts] == [True, True]


def test_a_system_that_does_not_answer(site: Site) -> None:
    """Told after an hour, with what is affected, also if the process began anew meanwhile."""
    with robot("wecom") as vendor:
        site.start(vendor)
        site.look()
        site.failing("alice", "王芳")
        for _ in range(6):
            site.start(vendor)
            site.look(10 * MINUTE)
        assert vendor.texts == []
        site.look(10 * MINUTE)
        (text,) = vendor.texts
        assert "cloud: 2 of 2 channels have not answered since 2026-11-22 10:10" in text
        site.answered()
        site.look(MINUTE)
    assert "every system answers again" in vendor.texts[1]


def test_a_system_that_was_never_reached_is_told_too(site: Site) -> None:
    site.store.forget_channel("sales/alice")
    with robot("wecom") as vendor:
        site.start(vendor)
        site.look()
        site.look(61 * MINUTE)
    assert "cloud: 1 of 2 channels" in vendor.texts[0]


def test_a_refused_sign_in(site: Site) -> None:
    """As the circuit of the system tells it."""
    once = Circuit().failed(Fault.REFUSED, "401", NOW)
    site.store.meta_set("circuit:cloud", encode(once))
    site.failing("alice", "王芳")
    with robot("wecom") as vendor:
        site.start(vendor)
        site.look()
        assert vendor.texts == []  # that may have been the rights in one calendar
        site.store.meta_set("circuit:cloud", encode(once.failed(Fault.REFUSED, "401", NOW)))
        site.look(MINUTE)
        site.look(90 * MINUTE)
        (text,) = vendor.texts
        assert "a sign-in is refused" in text
        assert "cloud" in text
        site.store.meta_set("circuit:cloud", "")
        site.answered()
        site.look(MINUTE)
    assert "every sign-in works again" in vendor.texts[1]


def test_what_waits_and_what_is_set_aside(site: Site) -> None:
    """Counted by bridge and system; one that has expired is no longer told of."""
    later = NOW + timedelta(days=1)
    site.store.doubt("sales/alice", "k1", ["a1"], "two match", NOW)
    site.store.doubt("sales/王芳", "k2", ["a1"], "two match", NOW)
    site.store.set_aside("sales", "a1", "alice", "", (), "refused", NOW, later)
    site.store.set_aside("sales", "a2", "crm", "", (), "refused", NOW, NOW - MINUTE)
    with robot("wecom") as vendor:
        site.start(vendor)
        site.look()
    asked, aside = sorted(vendor.texts)
    assert "sales: 2 waiting" in asked
    assert "cloud: 1 set aside" in aside
    assert "crm" not in aside


def test_a_state_that_cannot_be_read_is_told_once(site: Site, tmp_path: Path) -> None:
    """The store is gone: what was told is remembered as long as the process lives, and nothing
    else is said to be over."""
    with robot("wecom") as vendor:
        site.start(vendor)
        site.hold()
        site.look()
        assert len(vendor.texts) == 1
        _break(tmp_path)
        for _ in range(10):
            site.look(MINUTE, Seen(fault="OperationalError"))
        assert len(vendor.texts) == 2
        assert "the state cannot be read or written" in vendor.texts[1]


def _break(folder: Path) -> None:
    """The database file turns into something else, as on a damaged disk."""
    for path in folder.glob("state.db*"):
        path.write_bytes(b"broken " * 4096)


def test_cycles_that_fail_and_a_disk_that_fills(site: Site) -> None:
    with robot("wecom") as vendor:
        site.start(vendor)
        site.look(MINUTE, Seen(fault="OperationalError"))
        assert vendor.texts == []
        site.look(MINUTE, Seen(fault="OperationalError"))
        assert "cycles fail (OperationalError)" in vendor.texts[0]
        site.free = 7_000_000
        site.look(61 * MINUTE, Seen(fault="OperationalError"))
        assert "only 7 MB left" in vendor.texts[1]


def test_an_expiring_token(site: Site) -> None:
    with robot("wecom") as vendor:
        site.start(vendor, language=Language.ZH)
        site.look(seen=Seen(expiring={"google": NOW + timedelta(days=2)}))
    assert "google：令牌很快过期：2026-11-24 10:00 (Asia/Shanghai)" in vendor.texts[0]


def test_a_service_that_hangs_delays_nobody(site: Site) -> None:
    """Invariant 9: a look does not wait; the others are told; nothing is begun twice meanwhile."""
    release, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(60)

    with robot("wecom", before=hang) as stuck, robot("feishu") as other:
        site.start(stuck, other)
        site.hold()
        for minute in range(5):
            site.made[-1].look(Seen(), site.at + minute * MINUTE)
        assert reached.wait(30)
        assert not site.made[-1].flush(0)
        assert wait_for(lambda: other.texts)
        site.made[-1].look(Seen(), site.at + 180 * MINUTE)
        release.set()
        assert site.made[-1].flush(30)
    assert len(stuck.texts) == 1
    assert len(other.texts) == 1


def test_what_was_refused_is_tried_again_and_arrives_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The robot is removed for a while: fewer and fewer attempts, then one message."""
    broken = {"yes": True}
    gone = json.dumps({"errcode": 93000, "errmsg": "invalid webhook url"}).encode()

    def answer() -> tuple[int, bytes, dict[str, str]] | None:
        return (200, gone, {}) if broken["yes"] else None

    with robot("wecom", answer=answer) as vendor, caplog.at_level(logging.ERROR):
        site.start(vendor)
        site.hold()
        for _ in range(6 * 60):
            site.look(MINUTE)
        assert 6 <= vendor.requests <= 12
        broken["yes"] = False
        for _ in range(3 * 60):
            site.look(MINUTE)
        assert len(vendor.texts) == 1
        assert vendor.url not in caplog.text


def test_a_flooded_robot_is_left_alone_for_ten_minutes(site: Site) -> None:
    flooded = json.dumps({"errcode": 130101, "errmsg": "send too fast"}).encode()
    with robot("dingtalk", answer=lambda: (200, flooded, {})) as vendor:
        site.start(vendor)
        site.hold()
        for _ in range(9):
            site.look(MINUTE)
        assert vendor.requests == 1
        vendor.answer = lambda: None
        site.look(MINUTE)
        site.look(MINUTE)
    assert len(vendor.texts) == 1


def test_what_may_have_arrived_is_not_repeated_within_the_hour(site: Site) -> None:
    """A gateway's error after the delivery, also across a restart."""
    with robot("wecom", answer=lambda: (502, b"", {})) as vendor:
        site.start(vendor)
        site.hold()
        site.look()
        vendor.answer = lambda: None
        for _ in range(5):
            site.start(vendor)
            site.look(11 * MINUTE)
        assert vendor.texts == []
        site.look(11 * MINUTE)
    assert len(vendor.texts) == 1


@contextmanager
def _interrupted(site: Site, vendor: Vendor) -> Iterator[None]:
    """The notifier is abandoned while its message is under way, as by a killed process."""
    release = threading.Event()
    vendor.before = lambda: bool(release.wait(60))
    site.start(vendor)
    site.made[-1].look(Seen(), site.at)
    assert wait_for(lambda: site.store.meta_get("notify:ops-0"))
    kept = site.store.meta_get("notify:ops-0") or ""
    yield
    vendor.before = lambda: None
    release.set()
    assert site.made.pop(0).flush(30)
    site.store.meta_set("notify:ops-0", kept)


def test_a_process_that_dies_while_it_tells_tells_not_twice(site: Site) -> None:
    """Invariant 10: noted before it leaves; nobody is told twice, and later it is told again."""
    with robot("wecom") as vendor:
        site.hold()
        with _interrupted(site, vendor):
            pass
        assert len(vendor.texts) == 1
        site.start(vendor)
        site.look(MINUTE)
        assert len(vendor.texts) == 1
        site.look(60 * MINUTE)
    assert len(vendor.texts) == 2
