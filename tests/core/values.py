"""Channels, rules and appointments that the tests of the core are written with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.core.channel import Channel
from syncd.core.fidelity import Fidelity
from syncd.core.model import FIELDS, Appointment, Timed
from syncd.core.rules import ContestRule, Decide, Rule, RuleSet
from syncd.core.state import Record, Remains

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday."""

CALENDAR_FIELDS = frozenset(FIELDS) - {"owner", "customer", "kind", "custom"}
STATUSES = {"status": {"completed": "confirmed", "no_show": "confirmed"}}
BUSINESS = {"busy": {"tentative": "busy", "away": "busy"}}
CALDAV = Fidelity(carries=CALENDAR_FIELDS, values=STATUSES | BUSINESS)
SHORT = replace(CALDAV, lengths={"title": 12})
ROWS = Fidelity(
    carries=frozenset({"title", "description", "when", "location", "status", "owner", "customer"}),
    recurrence=False,
    zone="UTC",
    floating=False,
)


def channel(name: str, order: int, **more: object) -> Channel:
    """A channel of the world: ``crm`` and ``rows`` carry the role crm, all others calendar."""
    role = "crm" if name in ("crm", "rows") else "calendar"
    usual = {"crm": Fidelity(), "rows": ROWS, "short": SHORT}.get(name, CALDAV)
    values: dict[str, object] = {"system": name, "role": role, "fidelity": usual, **more}
    return Channel(name=name, order=order, **values)  # type: ignore[arg-type]  # tests choose


def channels(*wanted: str | Channel) -> dict[str, Channel]:
    """Channels in this order."""
    made = [
        channel(each, order) if isinstance(each, str) else replace(each, order=order)
        for order, each in enumerate(wanted)
    ]
    return {each.name: each for each in made}


def prefer(*names: str, fields: Iterable[str] = ("*",), name: str = "rules.toml:1") -> Rule:
    """A rule that ranks channels."""
    return Rule(name=name, fields=frozenset(fields), decide=Decide.PREFER, ranking=names)


def rules(*wanted: Rule | ContestRule) -> RuleSet:
    """A rule set in this order."""
    return RuleSet(
        tuple(each for each in wanted if isinstance(each, Rule)),
        tuple(each for each in wanted if isinstance(each, ContestRule)),
    )


def remains_of(records: Iterable[Record]) -> Remains | None:
    """What was buried last, if anything ever was."""
    return next((r.remains for r in reversed(list(records)) if r.remains is not None), None)


USUAL = rules(prefer("crm", "cal", "cal2"))


def at(day: int, hour: int, minute: int = 0, *, hours: float = 1, zone: str = "UTC") -> Timed:
    """A time on a day of March 2026."""
    start = datetime(2026, 3, 1, hour, minute) + timedelta(days=day - 1)
    return Timed(start, start + timedelta(hours=hours), zone)


VISIT = Appointment(at(10, 10), title="拜访 Müller 🚗", location="Berlin")
