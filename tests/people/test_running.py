"""``syncd run`` while colleagues come: SIGHUP, good and bad lines."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.daemon.conftest import daemon, wait_for
from tests.people.firm import Firm


def _has(firm: Firm, number: int, subjects: list[str]) -> Callable[[], bool]:
    return lambda: firm.subjects(number) == subjects


def test_a_joiner_while_it_runs(firm: Firm) -> None:
    """Invariant 9: of two new lines one is bad. The good one's calendar is filled, the bad one
    is told with its number, and the others go on; the log names nobody (invariant 11)."""
    firm.visits(1, numbers=[3])
    with daemon(firm) as running:
        assert wait_for(lambda: len(firm.subjects(2)) == 8)
        firm.lines[3] = firm.line(3)
        firm.lines[4] = {**firm.line(4), "email": "陈伟＠"}
        firm.tell()
        running.process.send_signal(signal.SIGHUP)
        assert running.said("people.csv:6: email is no address")
        assert wait_for(_has(firm, 3, ["拜访客户 3-0"]))
        firm.change("拜访客户 0-0", subject="改了 0-0")
        assert wait_for(lambda: "改了 0-0" in firm.subjects(0))
        assert running.end()[0] == 0
    everything = "\n".join(running.lines)
    assert not [word for word in ("陈伟", "@example.com", "拜访") if word in everything]


def test_a_file_that_is_none_changes_nothing(firm: Firm) -> None:
    """A header that was lost: refused with the line, the old colleagues stay."""
    with daemon(firm) as running:
        assert wait_for(lambda: len(firm.subjects(2)) == 8)
        text = firm.people.read_text("utf-8")
        firm.people.write_text(text.partition("\n")[2], "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused", "people.csv:1: its first line must name")
        firm.change("拜访客户 1-0", subject="改了 1-0")
        assert wait_for(lambda: "改了 1-0" in firm.subjects(1))
        assert running.end()[0] == 0
