"""The pool: bounded, fair between systems, and over soon once all is to stop."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import Unavailable
from syncd.pool import BATCH, FEW, GRACE, Begun, Job, Stopped, ThreadPool


@contextmanager
def pool(limits: dict[str, int], workers: int, stop: Event | None = None) -> Iterator[ThreadPool]:
    """A pool that is closed."""
    made = ThreadPool(limits, workers=workers, stop=stop)
    try:
        yield made
    finally:
        made.close()


class Crowd:
    """Counts who is inside at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def job(self, system: str, answer: int) -> Job[int]:
        """A job that is inside for a moment."""

        def run() -> int:
            with self._lock:
                self._now.update([system, "all"])
                self.most |= self._now
            time.sleep(0.001)
            with self._lock:
                self._now.subtract([system, "all"])
            return answer

        return Job(system, run)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from("abcd"), max_size=60),
    st.integers(1, 6),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 8)),
)
def test_it_is_bounded_and_loses_nothing(
    systems: list[str], workers: int, limits: dict[str, int]
) -> None:
    """Never more than its workers, never more of a system than its limit and half of them."""
    crowd = Crowd()
    with pool(limits, workers) as made:
        answers = made.gather([crowd.job(system, n) for n, system in enumerate(systems)])
        again = made.gather([crowd.job(system, n) for n, system in enumerate(systems)])
    assert answers == again == list(range(len(systems)))
    assert crowd.most["all"] <= workers
    for system in set(systems):
        assert crowd.most[system] <= max(1, min(limits.get(system, 4), workers // 2))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 0.1), max_size=40))
def test_nothing_is_lost_in_batches(spans: list[float]) -> None:
    """Each result once, whatever ends together; never an empty batch, never one without bound."""
    with pool({}, 6) as made:
        jobs = [Job("a", partial(time.sleep, span / 10)) for span in spans]
        found = [[index for index, _ in batch] for batch in made.batches([jobs[:9], [], jobs[9:]])]
    assert sorted(index for batch in found for index in batch) == list(range(len(spans)))
    assert all(0 < len(batch) <= BATCH for batch in found)


def test_what_ends_together_comes_together() -> None:
    """And once all is to stop, so does what was not begun."""
    stop, doors = Event(), threading.Barrier(4)
    with pool({"a": 4}, 8, stop) as made:
        (four,) = made.batches([[Job("a", doors.wait) for _ in range(4)]])
        assert {index for index, _ in four} == {0, 1, 2, 3}
        stop.set()
        ended = [each for batch in made.batches([[Job("a", int)] * 9]) for each in batch]
    assert sorted(index for index, _ in ended) == list(range(9))
    assert all(isinstance(result, Stopped) for _, result in ended)


def test_the_next_part_is_asked_for_while_the_last_ones_are_under_way() -> None:
    """Not before few are left, so that who makes parts never has many; in the caller's thread."""
    come, asked = Event(), list[int]()

    def parts() -> Iterator[list[Job[bool]]]:
        yield [Job("a", lambda: come.wait(60)) for _ in range(2 * FEW)]
        asked.append(len(ended))
        assert threading.current_thread() is threading.main_thread()
        yield []
        yield [Job("a", lambda: True)]

    ended = list[int]()
    with pool({"a": 4}, 8) as made:
        threading.Timer(0.2, come.set).start()
        for batch in made.batches(parts()):
            ended += [index for index, _ in batch]
            assert all(result for _, result in batch)
    assert sorted(ended) == list(range(2 * FEW + 1))
    assert asked[0] >= FEW
    begun = Event()

    def second() -> Iterator[list[Job[bool]]]:
        yield [Job("a", lambda: begun.wait(60))]
        begun.set()

    with pool({}, 2) as made:
        assert list(made.batches(second())) == [[(0, True)]]


def test_what_is_under_way_is_told_before_a_bug_in_making_the_next_part() -> None:
    """Nobody would wait for it afterwards."""
    told = list[int]()

    def parts() -> Iterator[list[Job[int]]]:
        yield [Job("a", partial(_sleeping, 0.01, n)) for n in range(9)]
        raise ZeroDivisionError

    with pool({"a": 2}, 4) as made:
        with pytest.raises(ZeroDivisionError):
            told.extend(index for batch in made.batches(parts()) for index, _ in batch)
        assert sorted(told) == list(range(9))


def test_who_has_one_job_does_not_wait_for_the_thousand_of_another() -> None:
    """Two mailboxes of one system: those of each in their order, and each has its turn."""
    begun = list[tuple[str, int]]()
    jobs = [Job("google", partial(begun.append, ("alice", n)), "alice") for n in range(1000)]
    jobs += [Job("google", partial(begun.append, ("bob", n)), "bob") for n in range(3)]
    with pool({"google": 1}, 4) as made:
        made.gather(jobs)
    assert [n for who, n in begun if who == "alice"] == list(range(1000))
    assert [at for at, (who, _) in enumerate(begun) if who == "bob"] == [1, 3, 5]


def test_a_system_that_hangs_leaves_the_others_their_threads() -> None:
    """Invariant 9: a hundred of its jobs wait, and the other's hundred are done meanwhile."""
    release, done = Event(), list[int]()
    jobs = [Job("hangs", lambda: release.wait(60)) for _ in range(100)]
    jobs += [Job("works", lambda: True) for _ in range(100)]
    with pool({"hangs": 50, "works": 50}, 4) as made:
        for index, _ in made.stream(jobs):
            done.append(index)
            if len(done) == 100:
                assert min(done) >= 100
                release.set()
    assert sorted(done) == list(range(200))


def test_once_all_is_to_stop_nothing_begins() -> None:
    """What is under way gets a moment, and is then given up as perhaps carried out; what waits
    was not begun."""
    stop, release, began = Event(), Event(), Event()

    def hang() -> None:
        began.set()
        release.wait(60)

    with pool({"s": 1}, 4, stop) as made:
        answers = made.stream([Job("s", hang) for _ in range(3)])
        threading.Thread(target=lambda: (began.wait(60), stop.set())).start()
        before = time.monotonic()
        found = dict(answers)
        assert time.monotonic() - before < GRACE + 5
        release.set()
    assert all(isinstance(each, Stopped) for each in found.values())
    told = {index: each.maybe_applied for index, each in found.items() if each is not None}
    assert told == {0: True, 1: False, 2: False}


def test_bugs_come_out_and_errors_are_answers() -> None:
    def fail(error: BaseException) -> Callable[[], None]:
        def run() -> None:
            raise error

        return run

    with pool({}, 4) as made:
        (answer,) = made.gather([Job("s", fail(Unavailable("away")))])
        assert isinstance(answer, Unavailable)
        with pytest.raises(ZeroDivisionError):
            made.gather([Job("s", fail(ZeroDivisionError())) for _ in range(20)])
        assert made.gather([Job("s", lambda: 1) for _ in range(20)]) == [1] * 20


def test_requests_are_signs_of_life_and_waiting_is_none() -> None:
    """While jobs are waited for, the loop beats as requests are sent; and as jobs end."""
    sent, beats, release = [0], list[int](), Event()

    def long_look() -> None:
        while not release.is_set():
            sent[0] += 1
            release.wait(0.2)

    made = ThreadPool({}, beat=lambda: beats.append(sent[0]), requests=lambda: sent[0])
    answers = made.stream([Job("s", long_look)])
    threading.Thread(target=lambda: (_until(lambda: len(beats) >= 3), release.set())).start()
    assert [index for index, _ in answers] == [0]
    assert len(beats) >= 4
    made.close()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def test_who_hangs_is_handed_over() -> None:
    """Invariant 9: the others are done; what was under way tells later how it went, what waited
    behind it too; a pool that is closed does not wait for it."""
    release, order = Event(), list[str]()
    jobs = [Job("hangs", partial(_after, release, n)) for n in range(3)]
    jobs += [Job("works", partial(int, n)) for n in range(3, 6)]
    with pool({"hangs": 1, "works": 2}, 4) as made:
        left: dict[int, Begun[int]] = {}
        for index, result in made.race(jobs, 0.1):
            if isinstance(result, Begun):
                left[index] = result
            else:
                assert result == index
                order.append("done")
            assert not release.is_set()
        assert len(order) == 3
        assert sorted(left) == [0, 1, 2]
        assert [each.result() for each in left.values()] == [None] * 3
        assert made.gather([Job("works", lambda: 7)]) == [7]
        release.set()
        told: dict[int, int] = {}

        def all_told() -> bool:
            found = {index: each.result() for index, each in left.items() if index not in told}
            told.update({index: each for index, each in found.items() if isinstance(each, int)})
            return len(told) == 3

        _until(all_told)
        assert told == {0: 0, 1: 1, 2: 2}
    never = Event()
    with pool({}, 2) as made:
        (answer,) = made.race([Job("hangs", lambda: never.wait(300))], 0.1)
        assert isinstance(answer[1], Begun)
    never.set()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=12), st.floats(0, 0.01))
def test_nothing_is_lost_in_a_race(spans: list[float], patience: float) -> None:
    """Whatever ends just as it is handed over is told once: in the race, or afterwards."""
    jobs = [Job(f"s{n % 3}", partial(_sleeping, span, n)) for n, span in enumerate(spans)]
    with pool({}, 4) as made:
        found = dict(made.race(jobs, patience))
        assert sorted(found) == list(range(len(spans)))

        def ask() -> bool:
            for index, each in found.items():
                if isinstance(each, Begun):
                    now = each.result()
                    found[index] = each if now is None else now
            return not any(isinstance(each, Begun) for each in found.values())

        _until(ask)
    assert found == {index: index for index in range(len(spans))}


def _after(event: Event, answer: int) -> int:
    event.wait(60)
    return answer


def _sleeping(span: float, answer: int) -> int:
    time.sleep(span)
    return answer
