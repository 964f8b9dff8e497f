"""What the next cycle would do: what ``syncd plan`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.state import Plan
from syncd.settling import Draw
from syncd.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """What the next cycle would do, without doing it.

    By channel: ``linked``, copies that are tied to others; ``doubtful``, copies that wait for a
    person; ``reread``, keys of copies that read differently since the configuration changed, each
    with the fields. ``dangers``: why it would hold. ``failed``: what did not answer.
    """

    plans: Sequence[Plan]
    dangers: Sequence[str]
    failed: str = ""
    linked: Mapping[str, int] = field(default_factory=dict)
    doubtful: Mapping[str, int] = field(default_factory=dict)
    questions: int = 0
    reread: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def linked(store: Store, draw: Draw) -> Counter[str]:
    """For each channel how many of its copies are tied to an appointment of others."""
    before = store.agreements([plan.id for plan in draw.plans])
    found: Counter[str] = Counter()
    for plan in draw.plans:
        if plan.agreement is None:
            continue
        known = before[plan.id].copies if plan.id in before else {}
        places = [place for place in plan.agreement.copies if place not in known]
        if known or len(places) > 1:
            found.update(channel for channel, _ in places)
    return found
