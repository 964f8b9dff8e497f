"""Laws of rhythms and circuits, for whatever happens in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from syncd.schedule import (
    BACKOFF_FIRST,
    BACKOFF_MOST,
    CALMING,
    REFUSED_LIMIT,
    SILENT_LIMIT,
    Bounds,
    Circuit,
    Fault,
    Flow,
    Rhythm,
    after_look,
    sooner,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

spans = st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds))
bounds = st.tuples(spans, spans, spans).map(lambda three: Bounds(*sorted(three)))
looks = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.floats(0, 1), st.integers(0, 90)), max_size=30
)
faults = st.sampled_from(Fault)


def played(
    given_bounds: Bounds, steps: list[tuple[bool, bool, float, int]]
) -> list[tuple[Rhythm, datetime]]:
    """The rhythms after these looks, and when each look was."""
    rhythm, now, found = None, NOON, []
    for busy, waits, early, late in steps:
        rhythm = after_look(rhythm, given_bounds, now, busy=busy, waits=waits, early=early)
        found.append((rhythm, now))
        now = rhythm.due + late * SECOND
    return found


@given(bounds, looks)
def test_the_next_look_is_within_the_bounds(
    its: Bounds, steps: list[tuple[bool, bool, float, int]]
) -> None:
    """Never later than the slowest interval (that is the promise), never much sooner than the
    fastest one."""
    for rhythm, now in played(its, steps):
        assert its.fastest <= rhythm.interval <= its.slowest
        assert its.fastest * 0.89 <= rhythm.due - now <= its.slowest


@given(bounds, looks)
def test_busy_ends_fast_and_silent_ends_slow(
    its: Bounds, steps: list[tuple[bool, bool, float, int]]
) -> None:
    """Whatever was before: edits at each look end at the fastest interval, silence at the
    slowest."""
    end = played(its, steps)
    rhythm, now = end[-1] if end else (None, NOON)
    busy, silent = rhythm, rhythm
    for _ in range(14 * CALMING):
        busy = after_look(busy, its, now, busy=True, waits=False, early=0)
        silent = after_look(silent, its, now, busy=False, waits=False, early=0)
    assert busy is not None
    assert silent is not None
    assert busy.interval == its.fastest
    assert silent.interval == its.slowest


@given(bounds, looks, st.integers(-7200, 7200))
def test_what_was_written_is_looked_at_soon(
    its: Bounds, steps: list[tuple[bool, bool, float, int]], shift: int
) -> None:
    """Within the fastest interval, and never later than it was to be looked at anyway."""
    waiting = after_look(None, its, NOON, busy=False, waits=True, early=0)
    assert waiting.due <= NOON + its.fastest
    for rhythm, now in played(its, steps):
        then = now + shift * SECOND
        assert sooner(rhythm, its, then).due <= min(rhythm.due, then + its.fastest)


@given(bounds, looks, st.integers(1, 10_000_000))
def test_a_clock_that_was_set_back_stops_nobody(
    its: Bounds, steps: list[tuple[bool, bool, float, int]], back: int
) -> None:
    """Three hours back: due at once, not in three hours."""
    for rhythm, now in played(its, steps):
        assert rhythm.is_due(now - back * SECOND)
        assert not rhythm.is_due(now)
        assert rhythm.is_due(now + its.slowest)


happenings = st.lists(
    st.tuples(st.sampled_from(["fails", "refuses", "answers", "waits"]), st.integers(0, 900)),
    max_size=40,
)


@given(happenings)
def test_circuits(steps: list[tuple[str, int]]) -> None:
    """It is closed after an answer; while it rests no failure prolongs its rest; it rests no
    longer than ten minutes; after that it is probed."""
    circuit, now = Circuit(), NOON
    for what, seconds in steps:
        now += seconds * SECOND
        resting = circuit.is_resting(now)
        if what == "answers":
            circuit = Circuit()
        elif what != "waits":
            fault = Fault.REFUSED if what == "refuses" else Fault.SILENT
            after = circuit.failed(fault, "words", now)
            assert not resting or after == circuit
            circuit = after
        assert circuit.until is None or circuit.until <= now + BACKOFF_MOST
        flow = circuit.flow(now)
        assert (flow in (Flow.OPEN, Flow.PAUSED)) == circuit.is_resting(now)
        assert circuit.flow(now + BACKOFF_MOST) in (Flow.CLOSED, Flow.PROBING)


@given(faults)
def test_it_opens_after_a_few_failures_in_a_row(fault: Fault) -> None:
    limit = REFUSED_LIMIT if fault is Fault.REFUSED else SILENT_LIMIT
    circuit = Circuit()
    for count in range(1, limit + 1):
        assert circuit.flow(NOON) is Flow.CLOSED
        circuit = circuit.failed(fault, "words", NOON)
        assert circuit.is_closed == (count < limit)
    assert circuit.flow(NOON) is (Flow.PAUSED if fault is Fault.REFUSED else Flow.OPEN)


def test_pauses_grow_until_one_probe_succeeds() -> None:
    circuit, now, waits = Circuit(), NOON, []
    for _ in range(SILENT_LIMIT):
        circuit = circuit.failed(Fault.SILENT, "words", now)
    for _ in range(9):
        assert circuit.until is not None
        waits.append(circuit.until - now)
        now = circuit.until
        assert circuit.flow(now) is Flow.PROBING
        circuit = circuit.failed(Fault.SILENT, "words", now)
    assert waits[:4] == [BACKOFF_FIRST * n for n in (1, 2, 4, 8)]
    assert waits[-1] == BACKOFF_MOST


def test_a_server_that_asks_for_time_gets_it() -> None:
    circuit = Circuit()
    hour = timedelta(hours=1)
    for _ in range(SILENT_LIMIT):
        circuit = circuit.failed(Fault.SILENT, "words", NOON, hour)
    assert circuit.is_resting(NOON + hour - SECOND)
    assert not circuit.is_resting(NOON + hour)


@given(st.integers(1, 10_000_000))
def test_a_clock_that_was_set_back_is_no_rest(back: int) -> None:
    circuit = Circuit()
    for _ in range(SILENT_LIMIT):
        circuit = circuit.failed(Fault.SILENT, "words", NOON)
    assert circuit.flow(NOON - back * SECOND) is Flow.PROBING
