"""An answer that is to hold always: as the rule that would have given it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.config import BridgeSettings
from syncd.core.existence import STATUS
from syncd.core.model import Status
from syncd.core.paths import Path, field_of
from syncd.core.rules import Contest, ContestRule, Rule
from syncd.core.state import ChannelName, Question
from syncd.rulefile import DELETE_AGAINST_EDIT


@dataclass(frozen=True, slots=True)
class Lasting:
    """A rule to add. ``place``: where in the rule file, since the first match wins."""

    text: str
    place: str


def lasting(bridge: BridgeSettings, path: Path, question: Question, take: ChannelName) -> Lasting:
    """The rule by which ``take`` is always right about the field of ``path``, where the rule
    that asks now would ask."""
    contest = next((r for r in bridge.rules.contests if r.name == question.rule), None)
    if contest is not None and path == STATUS:
        ended = question.claims[take] is Status.CANCELLED
        return _contest(contest, Contest.DELETE if ended else Contest.EDIT)
    asking = next((r for r in bridge.rules.rules if r.name == question.rule), None)
    return _field(field_of(path), asking, question.rule, take)


def _field(field: str, asking: Rule | None, name: str, take: ChannelName) -> Lasting:
    lines = ["[[rule]]", f"fields = {_list([field])}"]
    if asking is not None and asking.where:
        lines.append(_where(asking.where))
    lines.append(f"prefer = {_list([take])}")
    alone = asking is not None and asking.fields == {field}
    return Lasting("\n".join(lines), f"in the place of {name}" if alone else f"before {name}")


def _contest(asking: ContestRule, prefer: Contest) -> Lasting:
    lines = ["[[rule]]", f"contest = {_text(DELETE_AGAINST_EDIT)}"]
    if asking.where:
        lines.append(_where(asking.where))
    lines.append(f"prefer = {_text(prefer.value)}")
    return Lasting("\n".join(lines), f"in the place of {asking.name}")


def _where(where: Mapping[str, frozenset[str]]) -> str:
    parts = (f"{name} = {_list(sorted(values))}" for name, values in where.items())
    return f"where = {{ {', '.join(parts)} }}"


def _list(names: list[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(name: str) -> str:
    """A TOML string: that of JSON is one, too."""
    return json.dumps(name, ensure_ascii=False)
