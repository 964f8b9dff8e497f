"""How far a vendor that tells is relied on: polls become rare by and by, and usual again at once.

A deployment in this process, whose clock the test sets; the test rings as the door would.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from syncd import plugins
from syncd.config import load
from syncd.connector import Receipt, Told
from syncd.daemon import Daemon
from syncd.deployment import Deployment
from syncd.doorbell import Rung
from syncd.pulse import Pulse
from syncd.store import Store
from syncd.watching import WatchState
from tests.engine.test_dead_server import Clock
from tests.webhooks.conftest import Opening
from tests.webhooks.conftest import Told as Office
from tests.webhooks.test_arrival import event

SECONDS = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Watched:
    """A deployment of which only Alice's calendar is asked for."""

    def __init__(self, office: Office, deployment: Deployment, clock: Clock) -> None:
        self.office, self.deployment, self.clock = office, deployment, clock

    def looks(self, span: timedelta, step: timedelta = 10 * SECONDS) -> int:
        """How often Alice's calendar is looked at within ``span``."""
        count, end = 0, self.clock() + span
        while self.clock() < end:
            count += self.look()
            self.clock.later(step)
        return count

    def look(self) -> bool:
        """One round: whether her calendar was looked at."""
        self.deployment.hear()
        self.deployment.poll(self.deployment.settings.bridges[0])
        (bridge,) = self.deployment.bridges()
        seen, bridge.looks.seen = bridge.looks.seen, {}
        return "alice" in seen

    def states(self) -> dict[str, int]:
        """Her watch's state, counted."""
        counts = self.deployment.watches()
        return {str(s): counts["alice-dav", s] for s in WatchState if counts["alice-dav", s]}

    def settle(self, state: str, count: int = 1) -> None:
        """Wait until what is under way has ended so."""
        for _ in range(400):
            self.deployment.hear()
            if self.states() == {state: count}:
                return
            time.sleep(0.05)
        raise AssertionError(self.states())

    def ring(self, name: str = "", *, lost: bool = False, stands: bool = False) -> None:
        """Tell of her calendar, or of the one called ``name``."""
        granted = self.office.herald.of(name or self.office.desks[0].url)
        told = Told(granted.id, granted.secret, lost, stands)
        self.deployment.bell.ring("alice-dav", Receipt(202, told=(told,)))


@pytest.fixture
def at_work(opened: Opening) -> Iterator[Callable[..., object]]:
    """``with at_work() as watched``: polls every minute, and a safety net of ten minutes."""

    @contextmanager
    def working(hooks: str = "", *, second: bool = False) -> Iterator[Watched]:
        office = opened("alice", interval="60s")
        if second:
            url = office.desks[0].server.calendar(f"second-{uuid4().hex[:8]}", "second")
            office.config.write_text(
                f'{office.config.read_text("utf-8")}[[bridges.channels]]\nname = "second"\n'
                f'system = "alice-dav"\ncalendar = "{url}"\nholds = {{ kind = ["none"] }}\n',
                "utf-8",
            )
        office.herald.greets = False
        office.replaced("[people]", f"{hooks}[people]")
        # Nobody listens in this process: the herald is told that its challenge was answered.
        office.herald.challenges = False
        clock = Clock()
        settings = load(office.config, plugins.Plugins(), {"CALDAV_PASSWORD": "x"})
        with (
            Store.open(settings.daemon.state.reveal()) as store,
            Deployment(settings, store, clock=clock, sleep=lambda _: None) as deployment,
        ):
            yield Watched(office, deployment, clock)

    return working


Working = Callable[..., "contextmanager[Watched]"]


def test_a_burst_is_one_look_and_a_storm_keeps_its_distance(at_work: Working) -> None:
    """However often it rings: one look, and the next one after a second at the earliest."""
    with at_work() as watched:
        watched.look()
        watched.settle("open")
        watched.clock.later(5 * SECONDS)
        watched.look()
        watched.clock.later(5 * SECONDS)
        for _ in range(50):
            watched.ring()
        assert watched.look()
        assert not watched.look()
        looked = 0
        for _ in range(40):  # ten seconds of it
            watched.ring()
            looked += watched.look()
            watched.clock.later(0.25 * SECONDS)
        assert 9 <= looked <= 11


def test_what_rings_during_a_look_is_looked_at_again(at_work: Working) -> None:
    """The change may have come after the answer."""
    with at_work() as watched:
        watched.look()
        watched.settle("open")
        watched.clock.later(10 * SECONDS)
        watched.ring()
        watched.deployment.hear()
        watched.ring()
        watched.deployment.poll(watched.deployment.settings.bridges[0])
        watched.clock.later(2 * SECONDS)
        assert watched.look()


def test_polls_become_rare_once_something_was_told(at_work: Working) -> None:
    """Not before: a watch that stands proves nothing. After that every ten minutes, by and by."""
    with at_work() as watched:
        watched.look()
        watched.settle("open")
        assert watched.looks(30 * MINUTE) >= 28
        watched.ring()
        assert watched.look()
        assert watched.states() == {"trusted": 1}
        assert watched.looks(30 * MINUTE) <= 14
        assert watched.looks(60 * MINUTE) <= 8
        assert watched.looks(60 * MINUTE) >= 5


def test_a_watch_that_is_confirmed_is_told_from_one_that_never_was(
    at_work: Working,
) -> None:
    """``syncd status`` says when; that her calendar's changes are told is not proved by it."""
    with at_work() as watched, capture_logs() as logged:
        watched.look()
        watched.settle("open")
        store = watched.deployment.store
        assert [each.told for each in store.watches()] == [None]
        watched.ring(stands=True)
        watched.deployment.hear()
        assert [each.told is not None for each in store.watches()] == [True]
        assert watched.states() == {"open": 1}
    (line,) = [each for each in logged if each["event"] == "a watch is confirmed"]
    assert line["system"] == "alice-dav"


def test_a_change_that_was_not_told_ends_the_trust(at_work: Working) -> None:
    """The safety net finds it; from then on it is polled as usual, until something is told."""
    with at_work() as watched:
        (alice,) = watched.office.desks
        watched.look()
        watched.settle("open")
        watched.clock.later(5 * SECONDS)
        watched.look()
        watched.ring()
        assert watched.looks(120 * MINUTE) > 0
        alice.server.put(alice.url, "visit.ics", event("visit", "verschwiegen 没说"))
        watched.looks(11 * MINUTE)
        assert [row["subject"] for row in watched.office.rows()] == ["verschwiegen 没说"]
        assert watched.states() == {"open": 1}
        assert watched.looks(30 * MINUTE) >= 28
        watched.ring()
        watched.looks(60 * MINUTE)
        assert watched.states() == {"trusted": 1}
        assert watched.looks(60 * MINUTE) <= 8


def test_a_change_that_was_not_told_ends_the_trust_in_the_whole_system(at_work: Working) -> None:
    """What loses one notification loses others. Any that comes gives the others their trust back;
    the channel itself has to be told of."""
    with at_work(second=True) as watched:
        (alice,) = watched.office.desks
        watched.look()
        watched.settle("open", 2)
        watched.clock.later(5 * SECONDS)
        watched.look()  # what could have changed before anybody told
        watched.ring("second")
        watched.look()
        assert watched.states() == {"trusted": 2}
        alice.server.put(alice.url, "visit.ics", event("visit", "verschwiegen 没说"))
        watched.looks(3 * MINUTE)
        assert watched.states() == {"open": 2}
        watched.ring("second")
        watched.look()
        assert watched.states() == {"trusted": 1, "open": 1}
        watched.ring()
        watched.look()
        assert watched.states() == {"trusted": 2}


def test_a_change_that_was_told_ends_nothing(at_work: Working) -> None:
    with at_work() as watched:
        (alice,) = watched.office.desks
        watched.look()
        watched.settle("open")
        for turn in range(5):
            alice.server.put(alice.url, "visit.ics", event("visit", f"gesagt 说了 {turn}"))
            watched.ring()
            watched.looks(3 * MINUTE)
            assert [row["subject"] for row in watched.office.rows()] == [f"gesagt 说了 {turn}"]
        assert watched.states() == {"trusted": 1}


def test_a_watch_that_cannot_be_renewed_ends_the_trust_with_its_time(at_work: Working) -> None:
    """It is tried again meanwhile, later and later; when it has expired it is polled as usual."""
    with at_work() as watched:
        watched.office.herald.lasts = timedelta(hours=10)
        watched.look()
        watched.settle("open")
        watched.ring()
        watched.looks(5 * 60 * MINUTE, step=5 * MINUTE)
        watched.office.herald.refuses = True
        watched.clock.later(3 * 60 * MINUTE)
        watched.settle("failing")
        assert watched.deployment._turns._told_of == {"sales/alice"}
        watched.clock.later(3 * 60 * MINUTE)
        watched.looks(2 * MINUTE)
        assert watched.looks(30 * MINUTE) >= 28
        refused = watched.office.herald.requests.count("open")
        assert refused + watched.office.herald.requests.count("renew") < 12
        watched.office.herald.refuses = False
        watched.office.herald.lasts = timedelta(days=7)
        watched.clock.later(7 * 60 * MINUTE)
        watched.settle("trusted")


def test_what_changes_while_a_watch_is_made_anew_is_found(at_work: Working) -> None:
    """The look that the loss brought was too early for it, and nobody could tell of it."""
    with at_work() as watched:
        (alice,) = watched.office.desks
        watched.look()
        watched.settle("open")
        watched.looks(2 * MINUTE)
        watched.ring(lost=True)
        assert watched.look()
        alice.server.put(alice.url, "visit.ics", event("visit", "dazwischen 之间"))
        watched.clock.later(5 * SECONDS)  # the next poll is far
        assert any(watched.look() or time.sleep(0.05) for _ in range(400))
        assert [row["subject"] for row in watched.office.rows()] == ["dazwischen 之间"]


def test_a_lost_watch_is_not_trusted_and_not_made_anew_for_ever(at_work: Working) -> None:
    """A vendor that says so again and again gets one request a minute."""
    with at_work() as watched:
        watched.look()
        watched.settle("open")
        for _ in range(60):  # ten minutes of it
            watched.ring(lost=True)
            watched.deployment.hear()
            for _ in range(100):
                if watched.states() != {"missing": 1} and not watched.deployment._watching._opening:
                    break
                watched.deployment.hear()
            watched.clock.later(10 * SECONDS)
            time.sleep(0.02)
        assert 8 <= watched.office.herald.requests.count("open") <= 12


@pytest.mark.parametrize(("lasts", "says"), [(timedelta(seconds=-5), "its time is over already")])
def test_a_watch_that_is_over_already_is_no_watch(
    at_work: Working, lasts: timedelta, says: str
) -> None:
    with at_work() as watched:
        watched.office.herald.lasts = lasts
        watched.look()
        watched.settle("failing")
        (kept,) = watched.deployment.store.watches()
    assert kept.error == says
    assert kept.watch is None


def test_the_configured_bounds_are_kept(at_work: Working) -> None:
    """Five minutes instead of ten, and five seconds between two looks."""
    hooks = 'poll_interval = "5m"\nspacing = "5s"\n'
    with at_work(hooks) as watched:
        watched.look()
        watched.settle("open")
        watched.ring()
        watched.looks(60 * MINUTE)
        assert 11 <= watched.looks(60 * MINUTE) <= 16
        watched.ring()
        watched.look()
        watched.ring()
        assert not watched.look()
        watched.clock.later(4 * SECONDS)
        assert not watched.look()
        watched.clock.later(2 * SECONDS)
        assert watched.look()


def test_who_rings_as_soon_as_the_door_is_open_is_known(
    at_work: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart, before the first round: that a watch is over is said only once."""
    with at_work() as watched:
        watched.settle("open")
        office = watched.office
    granted = office.herald.of(office.desks[0].url)
    told = Receipt(202, told=(Told(granted.id, granted.secret, lost=True),))
    rung: list[Rung] = []

    def door(deployment: Deployment, _pulse: Pulse) -> AbstractContextManager[object]:
        deployment.bell.ring("alice-dav", told)
        rung.append(deployment.bell.rung())
        os.kill(os.getpid(), signal.SIGTERM)
        return nullcontext()

    monkeypatch.setenv("CALDAV_PASSWORD", "x")
    Daemon(office.config, beside=door).run()
    assert [each.lost for each in rung] == [{"sales/alice"}]
