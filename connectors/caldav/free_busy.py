"""When a calendar is taken: the free-busy-query REPORT (RFC 4791, 7.10).

The caldav library's own (``Calendar.freebusy_request``, version 3.6) is another thing: it posts a
VFREEBUSY to a scheduling outbox (RFC 6638), which most servers have not. Seen: Radicale 3.9 joins
periods that meet or overlap and begins a day without a zone in UTC; Xandikos 0.4 tells booking by
booking, days in the calendar's zone, and looks at no item unless ``Depth: 1`` is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from connectors.caldav.client import Answer, Counter, Transport, read_error
from connectors.caldav.translate_time import Unusable, duration_parts
from connectors.caldav.webdav import D, free_busy_query
from connectors.caldav.wire import Line, WireError, parse
from syncd.connector import Window
from syncd.core.model import Busy
from syncd.core.taken import Taken, pages, put_together
from syncd.errors import Rejected, Unavailable

LONGEST = timedelta(days=366)
"""What is asked for at once: servers expand every series in it."""

_STAMP = "%Y%m%dT%H%M%SZ"
_NO_SUCH_REPORT = frozenset({400, 405, 406, 415, 422, 501})
_SUPPORTED = D + "supported-report"
_KINDS = {"BUSY-TENTATIVE": Busy.TENTATIVE, "BUSY-UNAVAILABLE": Busy.AWAY}


def busy(transport: Transport, path: str, counter: Counter, span: Window) -> tuple[Taken, ...]:
    """When the calendar at ``path`` is taken in ``span``: a request for each year.

    Raises ``Rejected`` if the server has no such report, else as a read.
    """
    asked = pages(span.start, span.end, LONGEST)
    return put_together((page, _page(transport, path, counter, *page)) for page in asked)


def _page(
    transport: Transport, path: str, counter: Counter, start: datetime, end: datetime
) -> list[Taken]:
    body = free_busy_query(start.strftime(_STAMP), end.strftime(_STAMP))
    answer = transport.send("REPORT", path, counter, body, {"Depth": "1"})
    if answer.status != 200:
        raise _refused(answer)
    try:
        calendar = parse(answer.body.decode("utf-8", "replace"))
        told = calendar.components("VFREEBUSY")
        if not told:
            raise WireError("no VFREEBUSY")
        lines = [line for each in told for line in each.lines("FREEBUSY")]
        return [taken for line in lines for taken in _taken(line)]
    except (WireError, Unusable, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, WireError | Unusable) else "a period is none"
        raise Unavailable(f"free and busy: {reason}", lone=True) from None


def _refused(answer: Answer) -> Exception:
    unknown = answer.status in _NO_SUCH_REPORT or answer.says(_SUPPORTED)
    if unknown:
        said = f"HTTP {answer.status}"
        return Rejected(f"the server does not tell when a calendar is taken: {said}")
    return read_error(answer, "free and busy")


def _taken(line: Line) -> Iterator[Taken]:
    """The periods of a FREEBUSY line: always in UTC (RFC 5545, 3.8.2.6)."""
    kind = line.parameter("FBTYPE").upper()
    if kind == "FREE":
        return
    for period in filter(None, line.value.strip().split(",")):
        first, _, last = period.strip().partition("/")
        start = _instant(first)
        end = start + _lasting(last) if last.startswith(("P", "+")) else _instant(last)
        yield Taken(start, end, _KINDS.get(kind, Busy.BUSY))


def _instant(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def _lasting(text: str) -> timedelta:
    days, clock = duration_parts(text)
    return timedelta(days=days) + clock
