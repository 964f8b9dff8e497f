"""When a calendar is taken, as a vendor tells it: spans of time, without what takes them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core.model import Busy


@dataclass(frozen=True, slots=True, order=True)
class Taken:
    """A span that is not free: aware UTC, ``end`` exclusive. ``kind`` is never ``Busy.FREE``.

    Some vendors tell one for each booking, others join those that meet or overlap.
    """

    start: datetime
    end: datetime
    kind: Busy = Busy.BUSY


def pages(start: datetime, end: datetime, longest: timedelta) -> list[tuple[datetime, datetime]]:
    """A span in parts of at most ``longest``: vendors answer only for so many days at a time."""
    found = []
    while start < end:
        until = min(end, start + longest)
        found.append((start, until))
        start = until
    return found


def put_together(
    answers: Iterable[tuple[tuple[datetime, datetime], Sequence[Taken]]],
) -> tuple[Taken, ...]:
    """The answers for :func:`pages`, in their order, as one, sorted.

    What crosses the end of a page is in both answers, whole or cut there, by vendor: it is cut
    here in any case and joined again.
    """
    whole: list[Taken] = []
    open_ends: list[Taken] = []
    for (start, end), told in answers:
        inside = sorted(
            Taken(max(each.start, start), min(each.end, end), each.kind)
            for each in told
            if each.start < end and each.end > start and each.start < each.end
        )
        begun = Counter(each.kind for each in open_ends)
        goes_on: list[Taken] = []
        for each in inside:
            if each.start == start and begun[each.kind]:
                begun[each.kind] -= 1
                first = next(one for one in open_ends if one.kind is each.kind)
                open_ends.remove(first)
                each = replace(each, start=first.start)
            (goes_on if each.end == end else whole).append(each)
        whole += open_ends
        open_ends = goes_on
    return tuple(sorted([*whole, *open_ends]))
