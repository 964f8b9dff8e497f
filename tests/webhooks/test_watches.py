"""Watches over their life: opened, renewed, lost, refused, kept over a restart, ended."""

from __future__ import annotations

import json
import signal
import time
from datetime import timedelta

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.web.scrape import watched
from tests.webhooks.conftest import Opening, Told
from tests.webhooks.herald import Granted
from tests.webhooks.test_arrival import event


def arrives(office: Told, granted: Granted, title: str) -> bool:
    """Whether an edit that is told of by this watch comes to the CRM; polls are far apart."""
    (desk, *_) = office.desks
    desk.server.put(desk.url, "visit.ics", event("visit", title))
    assert granted.tell() == 202
    return wait_for(lambda: [row["subject"] for row in office.rows()] == [title])


def test_no_secret_is_stored_or_shown(opened: Opening) -> None:
    """Invariant 11: neither in the state, nor in the log, nor in what `status` prints. Each watch
    has another one."""
    office = opened("alice", "wangfang")
    with daemon(office) as running:
        assert wait_for(lambda: len(office.herald.standing()) == 2)
        secrets = {each.secret for each in office.herald.standing()}
        assert wait_for(lambda: len(office.stored("SELECT 1 FROM watches WHERE told > 0")) == 2)
        shown = office.run("status", "--json").stdout
        assert running.end()[0] == 0
    assert len(secrets) == 2
    assert all(len(each) >= 43 for each in secrets)
    stored = b"".join(path.read_bytes() for path in office.folder.glob("state.db*"))
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in "\n".join(running.lines) + shown
    told = {row["channel"]: row["watch"] for row in json.loads(shown)["channels"]}
    assert told["crm"] is None
    assert told["alice"]["state"] == "open"
    assert told["alice"]["told"]
    assert told["alice"]["expires"]


@pytest.mark.parametrize("renews", [False, True], ids=["anew", "renewed"])
def test_a_watch_is_renewed_before_its_time_is_over(opened: Opening, renews: bool) -> None:
    """There is always one that stands, whether the vendor renews it or opens another; its
    notifications are heard after it, also with the first secret if the vendor keeps that."""
    office = opened("alice")
    (alice,) = office.desks
    office.herald.lasts, office.herald.renews = timedelta(seconds=8), renews
    with watched(office) as running:
        assert wait_for(lambda: office.herald.standing())
        while office.herald.requests.count("renew") < 3:
            assert office.herald.standing()
            time.sleep(0.05)
        assert arrives(office, office.herald.of(alice.url), "nach der Verlängerung 续期之后")
        state = running.scrape().values["syncd_watches"]
        assert running.end()[0] == 0
    assert office.herald.requests.count("open") == 1
    assert sum(state.values()) == 1


def test_a_lost_watch_is_made_anew(opened: Opening) -> None:
    """Also what changed while nobody could tell arrives."""
    office = opened("alice")
    (alice,) = office.desks
    with daemon(office) as running:
        assert wait_for(lambda: office.herald.standing())
        first = office.herald.of(alice.url)
        assert arrives(office, first, "vorher 之前")
        assert running.end()[0] == 0
    with daemon(office) as running:  # it is old enough now to be made anew at once
        alice.server.put(alice.url, "visit.ics", event("visit", "unbemerkt 没人发现"))
        assert first.tell("lost") == 202
        assert wait_for(lambda: office.herald.requests.count("open") == 2)
        assert wait_for(lambda: office.rows()[0]["subject"] == "unbemerkt 没人发现")
        assert wait_for(lambda: first.id not in office.herald.granted)
        assert arrives(office, office.herald.of(alice.url), "nachher 之后")
        assert running.end()[0] == 0


def test_a_restart_goes_on_with_the_watches_that_stand(opened: Opening) -> None:
    """SIGTERM leaves them, for the start that follows."""
    office = opened("alice")
    (alice,) = office.desks
    with daemon(office) as running:
        assert wait_for(lambda: office.stored("SELECT 1 FROM watches WHERE told > 0"))
        assert running.end()[0] == 0
    with daemon(office) as running:
        assert arrives(office, office.herald.of(alice.url), "nach dem Neustart 重启之后")
        assert running.end()[0] == 0
    assert office.herald.requests == ["open"]


def test_killed_and_started_again(opened: Opening) -> None:
    """Invariant 10: what was under way is opened once more, and is heard."""
    office = opened("alice")
    (alice,) = office.desks
    with daemon(office) as running:
        assert wait_for(lambda: office.herald.requests)
        running.process.kill()
        running.process.wait()
    with daemon(office) as running:
        assert wait_for(lambda: office.stored("SELECT 1 FROM watches WHERE watch IS NOT NULL"))
        assert arrives(office, office.herald.of(alice.url), "danach 然后")
        assert running.end()[0] == 0


def test_without_webhooks_the_watches_end_and_with_them_they_come_back(opened: Opening) -> None:
    """By a reload, and by a restart."""
    office = opened("alice", "wangfang")
    (alice, _) = office.desks
    with daemon(office) as running:
        assert wait_for(lambda: len(office.herald.standing()) == 2)
        assert wait_for(lambda: len(office.stored("SELECT 1 FROM watches")) == 2)
        office.replaced(office.hooks, "")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration taken")
        assert wait_for(lambda: not office.herald.granted)
        assert wait_for(lambda: not office.stored("SELECT 1 FROM former_watches"))
        office.replaced("[people]", f"{office.hooks}[people]")
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: len(office.herald.standing()) == 2)
        assert arrives(office, office.herald.of(alice.url), "wieder da 又来了")
        assert running.end()[0] == 0
    office.replaced(office.hooks, "")
    with daemon(office) as running:
        assert wait_for(lambda: not office.herald.granted)
        assert running.end()[0] == 0
    assert office.stored("SELECT * FROM watches") == []


def test_a_channel_that_leaves_takes_its_watch_along(opened: Opening) -> None:
    """One whose system stays, and one with its whole system. The others are not touched."""
    office = opened("alice", "wangfang", "bob")
    alice, _, bob = office.desks
    with daemon(office) as running:
        assert wait_for(lambda: len(office.stored("SELECT 1 FROM watches")) == 3)
        kept = office.herald.of(alice.url).id
        office.desks = [alice, bob]
        whole = office.config.read_text("utf-8")
        place = whole.index('[[bridges.channels]]\nname = "wangfang"')
        following = whole.index("[[bridges.channels]]", place + 1)
        office.config.write_text(whole[:place] + whole[following:], "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: len(office.herald.granted) == 2)
        office.desks = [alice]
        office.configure()
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: list(office.herald.granted) == [kept])
        assert arrives(office, office.herald.of(alice.url), "还在")
        assert running.end()[0] == 0
    assert office.stored("SELECT channel FROM watches") == [("sales/alice",)]
    assert office.stored("SELECT * FROM former_watches") == []


def test_a_refusal_is_said_and_polling_goes_on(opened: Opening) -> None:
    """`status`, the log and the metrics tell; the vendor is asked again later, not at once."""
    office = opened("alice", interval="2s")
    (alice,) = office.desks
    office.herald.refuses = True
    with watched(office) as running:
        assert wait_for(lambda: any('"not watched"' in line for line in running.lines[:]))
        alice.server.put(alice.url, "visit.ics", event("visit", "照样到"))
        assert wait_for(lambda: [row["subject"] for row in office.rows()] == ["照样到"])
        page = running.scrape()
        shown = office.run("status").stdout
        assert running.end()[0] == 0
    assert page.value("syncd_watches", system="alice-dav", state="failing") == 1
    assert "not told of, polled instead: sales/alice: the herald answers 403" in shown
    assert office.herald.requests == ["open"]
    office.herald.refuses = False
    with daemon(office) as running:  # somebody has mended it and starts syncd anew
        assert wait_for(lambda: office.herald.standing())
        assert running.end()[0] == 0


def test_a_door_that_cannot_be_opened_is_said(opened: Opening) -> None:
    """The address is taken: no watch is granted, since nobody answers its challenge; edits arrive
    by polling."""
    import socket

    office = opened("alice", interval="2s")
    (alice,) = office.desks
    with socket.socket() as other:
        other.bind(("127.0.0.1", office.port))
        with daemon(office) as running:
            assert running.said("webhooks not served", "in use")
            alice.server.put(alice.url, "visit.ics", event("visit", "没有门"))
            assert wait_for(lambda: [row["subject"] for row in office.rows()] == ["没有门"])
            assert running.end()[0] == 0
    office.herald.unsound.clear()


def test_strangers_in_a_storm_keep_nobody_waiting(opened: Opening) -> None:
    """Forged, unknown and malformed ones: no look is made for them, real ones are heard."""
    office = opened("alice")
    (alice,) = office.desks
    with watched(office) as running:
        assert wait_for(lambda: office.stored("SELECT 1 FROM watches WHERE watch IS NOT NULL"))
        granted = office.herald.of(alice.url)
        assert arrives(office, granted, "erste 第一")
        before = running.scrape()
        for _ in range(100):
            granted.tell(secret="geraten")
        forged = running.scrape()
        assert arrives(office, granted, "zweite 第二")
        assert running.end()[0] == 0
    count = ("syncd_notifications_total", "alice-dav", "forged")
    assert forged.value(count[0], system=count[1], outcome=count[2]) == 100
    cycles = [sum(page.values["syncd_cycles_total"].values()) for page in (before, forged)]
    assert cycles[1] <= cycles[0] + 1
