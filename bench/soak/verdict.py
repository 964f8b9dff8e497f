"""What must hold after the soak: nothing lost, doubled or mailed, and nothing that grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bench.soak.company import Company, told
from bench.soak.staff import Staff, in_calendar, in_crm

MOST_GROWTH = 20.0
"""MB after warming up."""

MORE_OBJECTS = 1000
"""So many more of a kind, at nearly every look more, are a leak."""

WORKERS = 8
"""Threads for input and output that the daemon of a soak may have. All come to be in the first
minutes, so that what grows afterwards is no pool that fills."""

FULL = {"threads": WORKERS * 3 + 8, "files": WORKERS * 3 + 24}
"""What a full pool may hold: each worker a connection to the CRM and to both servers, with a
thread that watches each idle one; besides them those of the state, the log, the probe and the
daemon itself. A leak of one a cycle is far beyond it before half an hour is over."""

SLACK = 2.0
"""Seconds that the median lag may be above a poll interval."""


def complaints(company: Company, staff: Staff, warm: float, poll: int) -> list[str]:
    """Everything that does not hold."""
    told = company.sync()
    return [
        *_unequal(company, staff),
        *(f"{each.visit.token} never arrived" for each in staff.underway),
        *_growth(_samples(company, warm)),
        *_said(told),
        *([f"the median lag is {staff.median:.1f} s"] if staff.median > poll + SLACK else []),
    ]


def figures(company: Company, staff: Staff, warm: float) -> str:
    """The figures of a run in a few lines."""
    samples = _samples(company, warm)
    first, last = samples[0], samples[-1]
    lags = sorted(staff.lags)
    slow = lags[int(len(lags) * 0.95)] if lags else 0.0
    return (
        f"{len(company.calendars)} calendars, {len(staff.visits)} visits, {len(lags)} edits "
        f"arrived: median {staff.median:.1f} s, 95 % {slow:.1f} s\n"
        f"memory {first['rss']:.0f} MB after warming up, {last['rss']:.0f} MB at the end; "
        f"threads {first['threads']} and {last['threads']}, "
        f"files {first['files']} and {last['files']}"
    )


def _samples(company: Company, warm: float) -> list[dict[str, Any]]:
    """After warming up, of the last process before the end."""
    lines = company.samples.read_text().splitlines()
    found = [each for each in map(json.loads, lines) if each["at"] >= warm]
    if len(found) < 3:
        raise RuntimeError("too short a run: nothing was sampled after warming up")
    return found


def _unequal(company: Company, staff: Staff) -> Iterator[str]:
    rows = company.rows()
    shown = {each.name: each.items() for each in company.calendars}
    for visit in staff.visits:
        if not in_crm(visit, rows):
            yield f"{visit.token} ({visit.state}) is not in the CRM as it was last wanted"
        if not in_calendar(visit, shown[visit.calendar.name]):
            yield f"{visit.token} ({visit.state}) is not in its calendar as it was last wanted"
    living = sum(visit.state == "living" for visit in staff.visits)
    events = sum(map(len, shown.values()))
    if events != living:
        yield f"{events} events in the calendars, of {living} visits"
    if len(rows) != sum(visit.state != "deleted" for visit in staff.visits):
        yield f"{len(rows)} records in the CRM"
    for name, items in shown.items():
        for body in items.values():
            if "ATTENDEE" in body:
                yield f"{name}: somebody could be mailed about {told(body)[0].split()[0]}"


def _growth(samples: list[dict[str, Any]]) -> Iterator[str]:
    first, last = samples[0], samples[-1]
    if last["rss"] - first["rss"] > MOST_GROWTH:
        yield f"memory grew from {first['rss']:.0f} to {last['rss']:.0f} MB"
    for name in ("threads", "files"):
        half = len(samples) // 2
        before = max(each[name] for each in samples[:half])
        after = max(each[name] for each in samples[half:])
        if after > max(before + 3, FULL[name]):
            yield f"{name} grew from {before} to {after}"
    for kind, count in last["objects"].items():
        counts = [each["objects"].get(kind, 0) for each in samples]
        rises = sum(b > a for a, b in pairwise(counts))
        if count - counts[0] > MORE_OBJECTS and rises >= 0.8 * (len(counts) - 1):
            yield f"{kind}: from {counts[0]} to {count} live objects, more at each look"


def _said(told: dict[str, object]) -> Iterator[str]:
    if told["state"] != "converged":
        yield f"`syncd sync` ends {told['state']}: {told['reason']}"
