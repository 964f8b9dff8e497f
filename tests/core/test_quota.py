"""A quota stays below its limit, lets small bursts through, and lets nobody starve."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.quota import SAFE, Quota, wait_turn


def quota(limit: int, seconds: float = 60.0) -> Quota:
    return Quota(limit, seconds, nullcontext())


def most_in_a_span(times: Sequence[float], seconds: float) -> int:
    ordered = sorted(times)
    span = seconds * (1 - 1e-9)
    return max(sum(1 for t in ordered if start <= t < start + span) for start in ordered)


@given(
    limit=st.integers(1, 300),
    seconds=st.sampled_from([1.0, 60.0, 600.0]),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=400),
)
def test_no_span_of_time_sees_more_than_the_safe_share(
    limit: int, seconds: float, gaps: list[float]
) -> None:
    paced, now, sent = quota(limit, seconds), 1000.0, []
    for gap in gaps:
        now += gap if gap > 15 else 0.0
        sent.append(now + paced.reserve(now))
    assert most_in_a_span(sent, seconds) <= max(1, int(limit * SAFE))
    assert sent == sorted(sent)


@given(limit=st.integers(1, 20_000))
def test_a_small_burst_is_not_slowed_down(limit: int) -> None:
    paced = quota(limit)
    assert [paced.reserve(5.0) for _ in range(max(1, limit // 10))] == [0.0] * max(1, limit // 10)


@given(limit=st.integers(10, 2000), asked=st.integers(100, 2000))
def test_a_great_load_is_spread_and_uses_most_of_the_limit(limit: int, asked: int) -> None:
    paced = quota(limit)
    sent = [paced.reserve(0.0) for _ in range(asked)]
    gaps = [after - before for before, after in pairwise(sent)]
    assert max(gaps) <= 60 / (limit * 0.7)  # never silent for long
    assert sent[-1] <= asked / (limit * 0.7) * 60


def test_who_rests_gets_its_burst_again() -> None:
    paced = quota(600)
    for _ in range(200):
        last = paced.reserve(0.0)
    assert last > 0
    assert [paced.reserve(last + 60) for _ in range(60)] == [0.0] * 60


@given(until=st.floats(1, 500), booked=st.integers(0, 100))
def test_a_pause_is_kept_and_followed_by_no_burst(until: float, booked: int) -> None:
    paced = quota(600)
    for _ in range(booked):
        paced.reserve(0.0)
    paced.pause(until)
    assert paced.paused(0.0) == until
    first, second = paced.reserve(0.0), paced.reserve(0.0)
    assert first >= until
    assert second - first >= 60 / 600
    paced.pause(1.0)
    assert paced.paused(until - 0.5) == pytest.approx(0.5)
    assert paced.paused(until + 1) == 0


def test_what_is_too_long_to_wait_for_is_not_booked() -> None:
    paced = quota(10)
    paced.reserve(0.0)
    waits = [paced.reserve(0.0, most=0.1) for _ in range(50)]
    assert min(waits) > 0.1
    assert len(set(waits)) == 1
    assert paced.reserve(0.0) == waits[0]


@pytest.mark.parametrize(("limit", "seconds"), [(0, 60.0), (-1, 60.0), (5, 0.0)])
def test_a_quota_of_nothing_is_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="a quota needs"):
        quota(limit, seconds)


def test_threads_book_each_slot_once() -> None:
    paced = Quota(600, 60.0, threading.Lock())
    waits: list[float] = []

    def book() -> None:
        waits.extend(paced.reserve(0.0) for _ in range(250))

    threads = [threading.Thread(target=book) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = [wait for wait in waits if wait > 0]
    assert len(late) == len(set(late)) == 2000 - 60


class Company:
    """Users that send through the pool's threads, on a clock that stands until all wait."""

    def __init__(self, project: int, user: int) -> None:
        self.now = 0.0
        self.project, self.user = quota(project), user
        self.users: dict[str, Quota] = {}
        self.sent: dict[str, list[float]] = {}

    def run(self, work: Sequence[tuple[float, str, int]], threads: int = 8) -> None:
        """``work``: when somebody begins, who, and how many requests; each uses ``threads``."""
        ties = count()
        line: list[tuple[float, int, Callable[[], None]]] = []

        def later(at: float, step: Callable[[], None]) -> None:
            heapq.heappush(line, (at, next(ties), step))

        def thread(who: str, left: list[int]) -> None:
            if left[0]:
                left[0] -= 1
                own = self.users.setdefault(who, quota(self.user))
                later(self.now + own.reserve(self.now), lambda: own_turn(who, left))

        def own_turn(who: str, left: list[int]) -> None:
            later(self.now + self.project.reserve(self.now), lambda: send(who, left))

        def send(who: str, left: list[int]) -> None:
            self.sent.setdefault(who, []).append(self.now)
            later(self.now + 0.05, lambda: thread(who, left))

        for at, who, number in work:
            left = [number]
            for _ in range(min(threads, number)):
                later(at, lambda who=who, left=left: thread(who, left))  # type: ignore[misc]  # a lambda with defaults has no type of its own
        while line:
            self.now, _, step = heapq.heappop(line)
            step()


def test_a_great_first_load_of_one_does_not_slow_down_another() -> None:
    company = Company(project=10_000, user=600)
    company.run([(0.0, "a", 3000), (10.0, "b", 20), (30.0, "王", 20)])
    assert company.sent["b"][-1] - 10 < 1
    assert company.sent["王"][-1] - 30 < 1
    assert most_in_a_span(company.sent["a"], 60) < 600


def test_many_with_a_great_first_load_leave_room_for_one_with_little() -> None:
    company = Company(project=1000, user=600)
    company.run([(0.0, f"u{n}", 300) for n in range(10)] + [(20.0, "late", 5)], threads=4)
    assert company.sent["late"][-1] - 20 < 10
    everybody = sorted(at for times in company.sent.values() for at in times)
    assert len(everybody) == 3005
    assert most_in_a_span(everybody, 60) < 1000
    ends = [times[-1] for who, times in company.sent.items() if who != "late"]
    assert max(ends) - min(ends) < 0.1 * max(ends)  # they end together: each had its share


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_turn_waits_for_the_user_then_for_the_project() -> None:
    clock, user, project = Clock(), quota(10), quota(10_000)
    assert wait_turn((user, project), clock, clock.sleep) == 0
    assert clock.slept == []
    assert wait_turn((user, project), clock, clock.sleep) == 0
    assert clock.slept == [pytest.approx(60 / 9)]
    assert wait_turn((user, project), clock, clock.sleep, most=1.0) == pytest.approx(60 / 9)
    assert len(clock.slept) == 1


def test_a_turn_keeps_a_pause_that_began_while_it_waited() -> None:
    clock, user, project = Clock(), quota(10), quota(10_000)
    user.reserve(0.0)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            project.pause(clock.now + 30)

    assert wait_turn((user, project), clock, sleep) == 0
    assert clock.now >= 30 + 60 / 9

    def refused(seconds: float) -> None:
        clock.sleep(seconds)
        user.pause(clock.now + 100)

    assert wait_turn((user, project), clock, refused, most=30) == pytest.approx(100)
