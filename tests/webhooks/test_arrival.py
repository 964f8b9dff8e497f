"""A calendar's edit reaches the CRM since the vendor tells of it, long before the next poll."""

from __future__ import annotations

import statistics
import threading
import time

from tests.daemon.conftest import wait_for
from tests.web.scrape import watched
from tests.webhooks.conftest import Opening

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//
BEGIN:VEVENT
UID:{name}@example.org
DTSTAMP:20260101T000000Z
DTSTART;TZID=Asia/Shanghai:{start}
DTEND;TZID=Asia/Shanghai:{end}
SUMMARY:{title}
END:VEVENT
END:VCALENDAR
"""


def event(name: str, title: str, hour: int = 9) -> str:
    """An event of tomorrow."""
    day = time.strftime("%Y%m%d", time.localtime(time.time() + 86400))
    return EVENT.format(
        name=name, title=title, start=f"{day}T{hour:02}0000", end=f"{day}T{hour:02}3000"
    ).replace("\n", "\r\n")


def test_an_edit_arrives_long_before_the_next_poll(opened: Opening) -> None:
    """Polls are five minutes apart. A dozen edits, each told of: each is in the CRM at once. The
    time from the notification to the write is shown."""
    office = opened("alice", "wangfang")
    alice, wangfang = office.desks
    took = []
    with watched(office) as running:
        assert wait_for(lambda: len(office.herald.standing()) == 2)
        for turn in range(12):
            alice.server.put(alice.url, "visit.ics", event("visit", f"拜访 Müller {turn}"))
            began = time.monotonic()
            assert office.herald.of(alice.url).tell() == 202
            title = f"拜访 Müller {turn}"
            assert wait_for(
                lambda title=title: [row["subject"] for row in office.rows()] == [title]
            )
            took.append(time.monotonic() - began)
        assert wait_for(lambda: wangfang.titles() == ["拜访 Müller 11"])
        page = running.scrape()
        code, _ = running.end()
    assert code == 0
    print(f"notification to CRM: median {statistics.median(took):.2f} s, worst {max(took):.2f} s")
    assert page.value("syncd_notifications_total", system="alice-dav", outcome="accepted") >= 12
    assert page.value("syncd_watches", system="alice-dav", state="trusted") == 1


def test_a_burst_is_one_cycle(opened: Opening) -> None:
    """Sixty notifications of one calendar within a moment: all are answered, and the calendar is
    looked at once or, where they last longer than that takes, twice."""
    office = opened("alice")
    (alice,) = office.desks
    with watched(office) as running:
        assert wait_for(lambda: len(office.herald.standing()) == 1)
        alice.server.put(alice.url, "one.ics", event("one", "开始"))
        office.herald.of(alice.url).tell()
        assert wait_for(lambda: len(office.rows()) == 1)
        # The row is there a moment before its cycle ends and is counted.
        assert wait_for(lambda: "syncd_cycles_total" in running.scrape().values)
        before = running.scrape()
        for number in range(10):
            alice.server.put(alice.url, f"{number}.ics", event(f"n{number}", f"第 {number} 个"))
        began = time.monotonic()
        threads = [threading.Thread(target=office.herald.of(alice.url).tell) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lasted = time.monotonic() - began
        assert wait_for(lambda: len(office.rows()) == 11)
        after = running.scrape()
        assert running.end()[0] == 0
    answers = office.herald.of(alice.url).answers
    assert answers.count(202) == len(answers)
    cycles = sum(after.values["syncd_cycles_total"].values()) - sum(
        before.values["syncd_cycles_total"].values()
    )
    print(f"60 notifications in {lasted:.2f} s: {cycles:.0f} cycles")
    assert cycles <= 1 + lasted / 2 + 1


def test_all_notifications_are_lost_and_polling_goes_on(opened: Opening) -> None:
    """The vendor grants watches and tells nothing: edits arrive at the pace of the polls."""
    office = opened("alice", "wangfang", interval="2s")
    office.herald.greets = False
    alice, wangfang = office.desks
    with watched(office) as running:
        assert wait_for(lambda: len(office.herald.standing()) == 2)
        for turn in range(3):
            alice.server.put(alice.url, "visit.ics", event("visit", f"没人说 {turn}"))
            assert wait_for(lambda turn=turn: wangfang.titles() == [f"没人说 {turn}"])
        page = running.scrape()
        assert running.end()[0] == 0
    assert page.value("syncd_watches", system="alice-dav", state="open") == 1
    assert page.value("syncd_watches", system="alice-dav", state="trusted") == 0
