"""Rules as values: who may change a field, and who wins when two did. First match wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.core.model import Appointment, Value
from syncd.core.paths import Path, field_of


class Decide(StrEnum):
    """How a conflict on a field is decided."""

    PREFER = "prefer"
    LATEST = "latest"
    COMBINE = "combine"
    ASK = "ask"


class Contest(StrEnum):
    """How a deletion against an edit is decided."""

    LATEST = "latest"
    DELETE = "delete"
    EDIT = "edit"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule on fields: either ``authority`` (not empty) or ``decide``.

    ``name`` is what decisions cite (``default.toml:12``). ``fields`` are field names or ``*``.
    ``where``: canonical field name to the values it may have, as text. ``authority`` and
    ``ranking`` name channels or ``role:crm``, best first.
    """

    name: str
    fields: frozenset[str] = frozenset({"*"})
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    authority: tuple[str, ...] = ()
    decide: Decide | None = None
    ranking: tuple[str, ...] = ()

    def concerns(self, path: Path, judged: Appointment) -> bool:
        """Whether the rule speaks about ``path`` of an appointment that stands as ``judged``."""
        if "*" not in self.fields and field_of(path) not in self.fields:
            return False
        return all(_matches(judged, name, allowed) for name, allowed in self.where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestRule:
    """What happens when one channel deletes or cancels and another one edits."""

    name: str
    prefer: Contest = Contest.LATEST
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)


BUILT_IN = Rule(name="built-in: latest, then order of channels", decide=Decide.LATEST)
BUILT_IN_CONTEST = ContestRule(name="built-in: latest, then the edit")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a bridge, in the order in which they are written."""

    rules: tuple[Rule, ...] = ()
    contests: tuple[ContestRule, ...] = ()

    def authority(self, path: Path, judged: Appointment) -> Rule | None:
        """The rule that says who alone may change ``path``, if there is one."""
        return next((r for r in self.rules if r.authority and r.concerns(path, judged)), None)

    def decision(self, path: Path, judged: Appointment) -> Rule:
        """The rule that decides a conflict on ``path``."""
        found = (r for r in self.rules if r.decide is not None and r.concerns(path, judged))
        return next(found, BUILT_IN)

    def contest(self, judged: Appointment) -> ContestRule:
        """The rule for a deletion against an edit."""
        matching = (
            rule
            for rule in self.contests
            if all(_matches(judged, name, allowed) for name, allowed in rule.where.items())
        )
        return next(matching, BUILT_IN_CONTEST)


def value_matches(value: Value, allowed: frozenset[str]) -> bool:
    """Whether a field's value, or one of its elements, is among ``allowed`` (as text)."""
    if value is None:
        return "" in allowed
    if isinstance(value, frozenset):
        return any(str(each) in allowed for each in value)
    if isinstance(value, tuple):
        return any(getattr(each, "email", str(each)) in allowed for each in value)
    return str(getattr(value, "email", getattr(value, "name", value))) in allowed or (
        str(value) in allowed
    )


def _matches(judged: Appointment, name: str, allowed: frozenset[str]) -> bool:
    return value_matches(getattr(judged, name), allowed)
