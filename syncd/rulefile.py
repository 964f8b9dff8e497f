"""Rule files: TOML to a :class:`RuleSet`, judged against the bridge that uses them.

A file is a list of ``[[rule]]`` tables; the first that matches wins::

    [[rule]]
    fields = ["when", "location"]             # field names, or "*"
    where = { status = ["confirmed"] }        # optional
    prefer = ["role:calendar", "role:crm"]    # or "latest", "combine", "ask"

    [[rule]]
    fields = ["customer"]
    authority = ["role:crm"]                  # who alone may change it

    [[rule]]
    contest = "delete-against-edit"
    prefer = "latest"                         # latest, delete, edit, ask
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated

from pydantic import BeforeValidator, Field

from syncd.core.model import FIELDS
from syncd.core.rules import Contest, ContestRule, Decide, Rule, RuleSet
from syncd.criteria import Criteria, check_field, criteria
from syncd.problems import Problems, nearest
from syncd.tomlfile import KeyPath, TomlFile
from syncd.validation import Table, fail, shown, text_of, validate

ROLES = frozenset({"crm", "calendar", "office", "sheet", "booking"})
"""The roles that a system can have."""

DELETE_AGAINST_EDIT = "delete-against-edit"

COMBINABLE_FIELDS = frozenset(
    {"title", "description", "tags", "attendees", "resources", "reminders", "custom"}
)
"""Fields of which two values make sense as one: texts and sets."""

_WORDS = frozenset({Decide.LATEST, Decide.COMBINE, Decide.ASK})


@dataclass(frozen=True, slots=True)
class Names:
    """Whom the rules of a bridge can name. ``roles``: those that its channels have."""

    channels: frozenset[str]
    systems: frozenset[str]
    roles: frozenset[str]

    def knows(self, name: str) -> bool:
        """Whether ``name`` is a channel, a system or ``role:`` with a role that exists."""
        if name.startswith("role:"):
            return name.removeprefix("role:") in ROLES
        return name in self.channels or name in self.systems

    def present(self, name: str) -> bool:
        """Whether ``name`` means a channel of this bridge."""
        return not name.startswith("role:") or name.removeprefix("role:") in self.roles

    def suggestion(self, name: str) -> str:
        """What ``name`` was probably meant to be."""
        roles = {f"role:{role}" for role in ROLES}
        if name in ROLES:
            return f'did you mean "role:{name}"?'
        return nearest(name, roles if name.startswith("role:") else self.channels | self.systems)


def _fields(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise fail("must be a list of field names", 'fields = ["*"] for all')
    known = frozenset(FIELDS)
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise fail("must be text in quotes", at=(index,))
        if name != "*":
            if "." in name and name.partition(".")[0] in known:
                raise fail(
                    f'"{shown(name)}" is a part of a field',
                    f'rules take the whole field: "{name.partition(".")[0]}"',
                    (index,),
                )
            check_field(name, known, (index,), "in a rule")
    return frozenset(value)


def _ranking(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise fail("must be a list of channels, systems or roles", '["role:crm"]')
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise fail("must be text in quotes", at=(index,))
        if name in value[:index]:
            raise fail(f'"{shown(name)}" stands here twice', at=(index,))
    return tuple(value)


def _prefer(value: object) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else _ranking(value)


def _contest(value: object) -> str:
    text = text_of(value)
    if text != DELETE_AGAINST_EDIT:
        raise fail(f'knows no contest "{shown(text)}"', nearest(text, [DELETE_AGAINST_EDIT]))
    return text


class RuleTable(Table):
    """One ``[[rule]]`` as it is written."""

    fields: Annotated[frozenset[str], BeforeValidator(_fields)] = frozenset()
    where: Annotated[Criteria, BeforeValidator(criteria)] = Field(default_factory=dict)
    authority: Annotated[tuple[str, ...], BeforeValidator(_ranking)] = ()
    prefer: Annotated[str | tuple[str, ...], BeforeValidator(_prefer)] = ""
    contest: Annotated[str, BeforeValidator(_contest)] = ""


class RulesTable(Table):
    """The whole file."""

    rule: list[RuleTable] = Field(default_factory=list, description="[[rule]]")


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules of a bridge, and warnings about rules that say nothing there."""

    rules: RuleSet
    warnings: tuple[str, ...] = ()


def read_rules(source: TomlFile, names: Names) -> LoadedRules:
    """The rules of ``source`` for a bridge with ``names``; raises ``ConfigError``.

    A rule whose every name is a role that no channel of the bridge has says nothing there
    and is left out, with a warning: an ``authority`` that nobody has would forbid all edits.
    """
    problems = Problems()
    table = validate(RulesTable, source, (), problems)
    problems.check()
    assert table is not None
    for index, rule in enumerate(table.rule):
        _check(rule, source, ("rule", index), names, problems)
    problems.check()
    _check_reachable(table.rule, source, problems)
    problems.check()
    return LoadedRules(_rule_set(table.rule, source, names, problems), problems.warnings)


def _check(
    rule: RuleTable, source: TomlFile, at: KeyPath, names: Names, problems: Problems
) -> None:
    if rule.contest:
        _check_contest(rule, source, at, problems)
        return
    if not rule.fields:
        problems.error(source, (*at, "fields"), "is missing", 'fields = ["*"] for all')
    if bool(rule.authority) == bool(rule.prefer):
        message = "a rule has either authority or prefer"
        problems.error(source, at, message, "write two rules" if rule.authority else "")
    if isinstance(rule.prefer, str) and rule.prefer:
        _check_word(rule, rule.prefer, source, (*at, "prefer"), names, problems)
    for key, ranking in (("authority", rule.authority), ("prefer", rule.prefer)):
        for index, name in enumerate(ranking if isinstance(ranking, tuple) else ()):
            if not names.knows(name):
                message = f'there is no channel, system or role "{shown(name)}" in this bridge'
                problems.error(source, (*at, key, index), message, names.suggestion(name))


def _check_contest(rule: RuleTable, source: TomlFile, at: KeyPath, problems: Problems) -> None:
    for key, given in (("fields", bool(rule.fields)), ("authority", bool(rule.authority))):
        if given:
            problems.error(source, (*at, key), "does not belong to a contest", "where, prefer")
    known = [str(member) for member in Contest]
    if not rule.prefer:
        problems.error(source, (*at, "prefer"), "is missing", f"one of {', '.join(known)}")
    elif not isinstance(rule.prefer, str) or rule.prefer not in known:
        word = shown(rule.prefer) if isinstance(rule.prefer, str) else "a list"
        hint = nearest(word, known)
        problems.error(source, (*at, "prefer"), f'a contest does not know "{word}"', hint)


def _check_word(
    rule: RuleTable, word: str, source: TomlFile, at: KeyPath, names: Names, problems: Problems
) -> None:
    if word not in _WORDS:
        listed = names.knows(word) or word in ROLES
        wanted = f"role:{word}" if word in ROLES else word
        hint = f'a ranking is a list: ["{wanted}"]' if listed else nearest(word, _WORDS)
        problems.error(source, at, f'knows no value "{shown(word)}"', hint)
    elif word == Decide.COMBINE and not rule.fields <= COMBINABLE_FIELDS:
        odd = ", ".join(sorted(rule.fields - COMBINABLE_FIELDS))
        hint = f"only {', '.join(sorted(COMBINABLE_FIELDS))} can be"
        problems.error(source, at, f"cannot combine {odd}", hint)


def _check_reachable(rules: list[RuleTable], source: TomlFile, problems: Problems) -> None:
    for place, rule in enumerate(rules):
        earlier = [
            (index, each)
            for index, each in enumerate(rules[:place])
            if _kind(each) == _kind(rule) and _covers(each.where, rule.where)
        ]
        covering = _covering(rule, earlier)
        if covering:
            lines = [str(source.line(("rule", index))) for index in covering]
            where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(lines)}"
            verb = "decides" if len(lines) == 1 else "decide"
            problems.error(
                source,
                ("rule", place),
                f"is never reached: {where} already {verb} all that it could",
                "put it first, or take it out",
            )


def _kind(rule: RuleTable) -> str:
    return rule.contest or ("authority" if rule.authority else "prefer")


def _covers(earlier: Mapping[str, frozenset[str]], later: Mapping[str, frozenset[str]]) -> bool:
    """Whether every appointment that ``later`` matches is matched by ``earlier``."""
    return all(name in later and later[name] <= values for name, values in earlier.items())


def _covering(rule: RuleTable, earlier: list[tuple[int, RuleTable]]) -> list[int]:
    """The rules that together leave nothing of ``rule``; empty if something is left."""
    if rule.contest:
        return [index for index, _ in earlier[:1]]
    covering: list[int] = []
    for field in FIELDS if "*" in rule.fields else sorted(rule.fields):
        first = next((i for i, each in earlier if {field, "*"} & each.fields), None)
        if first is None:
            return []
        covering.append(first)
    return sorted(set(covering))


def _rule_set(
    rules: list[RuleTable], source: TomlFile, names: Names, problems: Problems
) -> RuleSet:
    kept: list[Rule] = []
    contests: list[ContestRule] = []
    for index, table in enumerate(rules):
        name = f"{PurePath(source.name).name}:{source.line(('rule', index))}"
        if table.contest:
            prefer = Contest(str(table.prefer))
            contests.append(ContestRule(name=name, prefer=prefer, where=table.where))
            continue
        rule = _rule(name, table, names)
        if rule is None:
            message = "says nothing in this bridge: none of its roles is there"
            problems.warn(source, ("rule", index), message)
        else:
            kept.append(rule)
    return RuleSet(tuple(kept), tuple(contests))


def _rule(name: str, table: RuleTable, names: Names) -> Rule | None:
    authority = tuple(each for each in table.authority if names.present(each))
    ranked = isinstance(table.prefer, tuple)
    ranking = tuple(each for each in table.prefer if names.present(each)) if ranked else ()
    if (table.authority and not authority) or (ranked and not ranking):
        return None
    decide = None
    if table.prefer:
        decide = Decide.PREFER if ranked else Decide(str(table.prefer))
    return Rule(
        name=name,
        fields=table.fields,
        where=table.where,
        authority=authority,
        decide=decide,
        ranking=ranking,
    )
