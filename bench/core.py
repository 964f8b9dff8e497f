"""How many appointments a second one core settles: unchanged, and with one title edited.

Run as ``python -m bench.core [COUNT]``. Three channels: a CRM and two calendars, as CalDAV
carries them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.core.belong import Moment
from syncd.core.channel import Channel, Policy
from syncd.core.fidelity import Fidelity, project
from syncd.core.model import FIELDS, Appointment, Attendee, Customer, Timed
from syncd.core.rules import Decide, Rule, RuleSet
from syncd.core.settle import settle
from syncd.core.state import (
    Agreement,
    Case,
    Copy,
    Place,
    Plan,
    Present,
    Seen,
    Setter,
    Settled,
    Span,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CALENDAR = Fidelity(
    carries=frozenset(FIELDS) - {"owner", "customer", "kind", "custom"},
    values={"busy": {"tentative": "busy", "away": "busy"}},
)
TARGETS = {"unchanged": 20_000, "changed": 5_000}


def policy() -> Policy:
    """A CRM and two calendars; the usual rules."""
    made = [
        Channel(name="crm", system="crm", role="crm", order=0, fidelity=Fidelity()),
        Channel(name="cal", system="dav", role="calendar", order=1, fidelity=CALENDAR),
        Channel(name="cal2", system="dav", role="calendar", order=2, fidelity=CALENDAR),
    ]
    fields = frozenset({"customer", "owner", "kind"})
    found = RuleSet(
        (
            Rule(name="rules.toml:1", fields=fields, authority=("role:crm",)),
            Rule(name="rules.toml:5", decide=Decide.PREFER, ranking=("role:calendar", "role:crm")),
        )
    )
    return Policy({each.name: each for each in made}, found)


def visit(number: int) -> Appointment:
    """An ordinary appointment with a customer and two attendees."""
    start = datetime(2026, 3, 10, 9) + timedelta(minutes=15 * (number % 2000))
    return Appointment(
        Timed(start, start + timedelta(hours=1), "Europe/Berlin"),
        title=f"Besuch {number} 客户拜访",
        description="Bitte Unterlagen mitbringen.\n" * 3,
        location="Musterstraße 1, Berlin",
        owner="alice@example.com",
        attendees=(
            Attendee(f"kunde{number}@kunde.example", "王"),
            Attendee("alice@example.com", "Alice"),
        ),
        customer=Customer(f"客户 {number}", "+49 30 1", f"kunde{number}@kunde.example"),
        kind="visit",
    )


def settled_case(number: int, wanted: Policy) -> Case:
    """A case in which every copy is as agreed."""
    whole = visit(number)
    copies: dict[Place, Settled] = {}
    views: dict[Place, Seen] = {}
    for name, channel in wanted.channels.items():
        copy = Copy(f"k{number}", "v1", "wire", project(whole, channel.fidelity))
        copies[(name, "")] = Settled(copy, whole, ours=name != "crm", confirmed=NOW)
        views[(name, "")] = Seen(Present(copy), NOW, NOW)
    setter = Setter("crm", Span(NOW, NOW), NOW, "born here")
    agreement = Agreement(whole, {(): setter}, copies, uids=frozenset({f"u{number}"}), born="crm")
    return Case(f"a{number}", agreement, views)


def changed_case(case: Case, number: int) -> Case:
    """The same with another title in one calendar."""
    later = NOW + timedelta(minutes=5)
    seen = case.views[("cal", "")]
    assert isinstance(seen.observation, Present)
    copy = seen.observation.copy
    reads = replace(copy.reads, title=f"Umbenannt {number}")
    shown = Seen(Present(replace(copy, version="v2", reads=reads)), later, NOW)
    return replace(case, views={**case.views, ("cal", ""): shown})


def measure(cases: Sequence[Case], check: Callable[[Plan], bool]) -> float:
    """Settlings a second."""
    wanted = policy()
    later = NOW + timedelta(minutes=5)
    moment = Moment(later, later - timedelta(days=30), later + timedelta(days=365))
    begun = time.process_time()
    plans = [settle(case, wanted, moment) for case in cases]
    spent = time.process_time() - begun
    if not all(map(check, plans)):
        raise SystemExit("the plans are not what was expected")
    return len(cases) / spent


def main(count: int) -> None:
    """Print the table."""
    wanted = policy()
    unchanged = [settled_case(number, wanted) for number in range(count)]
    changed = [changed_case(case, number) for number, case in enumerate(unchanged)]
    found = {
        "unchanged": max(measure(unchanged, lambda plan: plan.quiet) for _ in range(3)),
        "changed": max(measure(changed, lambda plan: len(plan.writes) == 2) for _ in range(3)),
    }
    print(f"{'settling':<12}{'per second':>12}{'target':>10}")
    for name, speed in found.items():
        print(f"{name:<12}{speed:>12,.0f}{TARGETS[name]:>10,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
