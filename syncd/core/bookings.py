"""What takes the time of a calendar: what its system tells, beside the copies that are known. Pure.

Systems tell spans without names. A known copy stands behind a span that begins and ends with it;
some systems join bookings that meet or overlap, and then the known copies inside a span stand
behind it together. What none of them covers is taken by something that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.model import Appointment, Busy, Status, Timed
from syncd.core.recurrence import BadRecurrence, occurrences, span_utc
from syncd.core.taken import Taken
from syncd.core.zones import UTC_ZONE

FARTHEST = timedelta(hours=14)
"""No zone is farther from UTC. In which zone a whole day begins, each system decides."""

_CLOCK_CHANGE = timedelta(hours=1)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Booking:
    """A known copy, or one occurrence of it: aware UTC, ``end`` exclusive.

    ``appointment`` is empty for an item that is no appointment of the bridge. ``in_utc``: for one
    without a zone, the span that it has where days begin in UTC. ``cancelled``: it does not take
    place, and its copy is only marked so.
    """

    start: datetime
    end: datetime
    key: str
    appointment: str = ""
    title: str = ""
    in_utc: Span | None = None
    cancelled: bool = False

    @property
    def spans(self) -> list[Span]:
        """The spans that it may have."""
        return [(self.start, self.end), *([self.in_utc] if self.in_utc else [])]


@dataclass(frozen=True, slots=True)
class Use:
    """A span in which the calendar is taken, and by what; ``None``: by something not known."""

    start: datetime
    end: datetime
    kind: Busy
    booking: Booking | None = None


@dataclass(frozen=True, slots=True)
class Double:
    """A span in which the calendar is taken twice."""

    start: datetime
    end: datetime
    first: Use
    second: Use


def booked(
    copy: Appointment, booking: Booking, start: datetime, end: datetime, zone: str
) -> Iterator[Booking]:
    """``booking`` (its times do not matter) for each time that a copy takes from ``start`` to
    ``end``, cut there. ``zone`` is for times that have none. A series that cannot be expanded takes
    none here."""
    try:
        singles = occurrences(copy, start - FARTHEST, end + FARTHEST, zone).values()
    except BadRecurrence:
        return
    for single in singles:
        if single.busy is Busy.FREE:
            continue
        floats = not isinstance(single.when, Timed) or single.when.zone is None
        readings = [
            span_utc(single.when, each) for each in ((zone, UTC_ZONE) if floats else (zone,))
        ]
        cut = [(max(first, start), min(last, end)) for first, last in readings]
        spans = [span for span in cut if span[0] < span[1]]
        if spans:
            first, last = spans[0]
            is_off = single.status is Status.CANCELLED
            in_utc = spans[-1] if floats else None
            yield replace(booking, start=first, end=last, in_utc=in_utc, cancelled=is_off)


def uses(taken: Sequence[Taken], known: Iterable[Booking]) -> list[Use]:
    """What takes the time, sorted. A known copy whose time is free there is not among it."""
    found: list[Use] = []
    left, waiting = _same(taken, known, found)
    left = _shifted(left, waiting, found)
    everything = united((each.start, each.end) for each in taken)
    unclear = united((each.start, each.end) for each in left)
    behind: list[Span] = []
    for booking in waiting:
        within = unclear if booking.cancelled else everything
        if any(_covers(within, span) for span in booking.spans):
            kind = _kind_at(taken, booking.start)
            found.append(Use(booking.start, booking.end, kind, booking))
            behind += booking.spans
    covered = united(behind)
    for item in left:
        found += [Use(*span, item.kind) for span in _without((item.start, item.end), covered)]
    return sorted(found, key=lambda each: (each.start, each.end))


def doubles(found: Sequence[Use]) -> list[Double]:
    """Where two of them overlap, pair by pair; not an appointment with itself."""
    result: list[Double] = []
    under_way: list[Use] = []
    for use in found:
        if use.booking is not None and use.booking.cancelled:
            continue
        under_way = [each for each in under_way if each.end > use.start]
        result += [
            Double(use.start, min(use.end, each.end), each, use)
            for each in under_way
            if not _is_one(each.booking, use.booking)
        ]
        under_way.append(use)
    return result


def united(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that neither meet nor overlap, sorted."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _same(
    taken: Sequence[Taken], known: Iterable[Booking], found: list[Use]
) -> tuple[list[Taken], list[Booking]]:
    """Add to ``found`` what begins and ends together, one to one; what is left of both."""
    by_span: dict[Span, list[Booking]] = {}
    for booking in sorted(known, key=lambda each: (each.cancelled, each.key), reverse=True):
        by_span.setdefault((booking.start, booking.end), []).append(booking)
    left = []
    for item in taken:
        there = by_span.get((item.start, item.end))
        if there:
            found.append(Use(item.start, item.end, item.kind, there.pop()))
        else:
            left.append(item)
    return left, [booking for there in by_span.values() for booking in there]


def _shifted(taken: Sequence[Taken], waiting: list[Booking], found: list[Use]) -> list[Taken]:
    """Likewise for copies without a zone, which may have been read in another one; they are taken
    out of ``waiting``."""
    left = []
    for item in taken:
        booking = next((each for each in waiting if _is_shifted(item, each)), None)
        if booking is None:
            left.append(item)
            continue
        waiting.remove(booking)
        found.append(Use(item.start, item.end, item.kind, booking))
    return left


def _is_shifted(item: Taken, booking: Booking) -> bool:
    if booking.in_utc is None:
        return False
    start, end = booking.in_utc
    longer = (item.end - item.start) - (end - start)
    return abs(item.start - start) <= FARTHEST and abs(longer) <= _CLOCK_CHANGE


def _covers(spans: Sequence[Span], span: Span) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in spans)


def _kind_at(taken: Sequence[Taken], at: datetime) -> Busy:
    return next((each.kind for each in taken if each.start <= at < each.end), Busy.BUSY)


def _without(span: Span, covered: Sequence[Span]) -> Iterator[Span]:
    """What is left of a span; ``covered`` is sorted and neither meets nor overlaps."""
    start, end = span
    for first, last in covered:
        if last <= start or first >= end:
            continue
        if first > start:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def _is_one(first: Booking | None, second: Booking | None) -> bool:
    """Whether both are one appointment or one item."""
    if first is None or second is None:
        return False
    same = bool(first.appointment) and first.appointment == second.appointment
    return same or first.key == second.key
