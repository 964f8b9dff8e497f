"""Rule files: what they become, what they leave out, and the sets that are shipped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.config.places import named_file
from syncd.core.model import Appointment, Status, Timed
from syncd.core.rules import BUILT_IN, BUILT_IN_CONTEST, Contest, Decide, RuleSet
from syncd.errors import ConfigError
from syncd.rulefile import LoadedRules, Names, read_rules
from syncd.tomlfile import parse_toml

VISIT = Appointment(Timed(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10), "Asia/Shanghai"))
NAMES = Names(
    channels=frozenset({"crm", "alice", "王芳"}),
    systems=frozenset({"crm", "cloud"}),
    roles=frozenset({"crm", "calendar"}),
)
NO_CRM = Names(
    channels=frozenset({"alice", "bob"}),
    systems=frozenset({"cloud"}),
    roles=frozenset({"calendar"}),
)


def read(text: str, names: Names = NAMES) -> LoadedRules:
    return read_rules(parse_toml(text, "rules/own.toml"), names)


def shipped(name: str, names: Names = NAMES) -> RuleSet:
    source, is_shipped = named_file(name, "mappings/rules", Path("/nonexistent"))
    assert is_shipped
    return read_rules(source, names).rules


def test_a_rule_is_named_by_file_and_line(folder: Any) -> None:
    rules = folder.load().bridges[0].rules
    assert [rule.name for rule in rules.rules] == ["own.toml:1", "own.toml:5", "own.toml:14"]
    assert [rule.name for rule in rules.contests] == ["own.toml:10"]


def test_the_first_rule_that_matches_decides() -> None:
    rules = read(
        """
[[rule]]
fields = ["title"]
where = { status = "proposed" }
prefer = ["王芳", "role:crm"]
[[rule]]
fields = ["title", "description"]
prefer = "combine"
[[rule]]
fields = ["*"]
prefer = "ask"
"""
    ).rules
    proposed = Appointment(VISIT.when, status=Status.PROPOSED)
    assert rules.decision(("title",), proposed).ranking == ("王芳", "role:crm")
    assert rules.decision(("title",), VISIT).decide is Decide.COMBINE
    assert rules.decision(("location",), VISIT).decide is Decide.ASK


def test_an_empty_file_leaves_everything_to_what_is_built_in() -> None:
    rules = read("").rules
    assert rules.decision(("title",), VISIT) is BUILT_IN
    assert rules.contest(VISIT) is BUILT_IN_CONTEST


def test_conditions_on_people_are_normalised() -> None:
    text = '[[rule]]\nfields = ["*"]\nwhere = { owner = "Alice@EXAMPLE.com" }\nprefer = "ask"\n'
    rules = read(text).rules
    own = Appointment(VISIT.when, owner="alice@example.com")
    assert rules.decision(("title",), own).decide is Decide.ASK
    assert rules.decision(("title",), VISIT) is BUILT_IN


def test_an_authority_that_nobody_has_is_left_out_with_a_warning() -> None:
    text = '[[rule]]\nfields = ["kind"]\nauthority = ["role:crm"]\n'
    loaded = read(text, NO_CRM)
    assert loaded.rules == RuleSet()
    assert loaded.warnings == (
        "rules/own.toml:1: rule: says nothing in this bridge: none of its roles is there",
    )


def test_a_ranking_keeps_the_roles_that_are_there() -> None:
    text = '[[rule]]\nfields = ["*"]\nprefer = ["role:crm", "role:calendar", "role:sheet"]\n'
    assert read(text, NO_CRM).rules.rules[0].ranking == ("role:calendar",)


@pytest.mark.parametrize("name", ["default", "crm-first"])
@pytest.mark.parametrize("names", [NAMES, NO_CRM])
def test_shipped_sets_fit_any_bridge(name: str, names: Names) -> None:
    rules = shipped(name, names)
    assert rules.decision(("title",), VISIT) is not BUILT_IN
    assert all(rule.authority or rule.decide for rule in rules.rules)


def test_what_the_default_set_says() -> None:
    rules = shipped("default")
    for field in ("customer", "owner", "kind"):
        authority = rules.authority((field,), VISIT)
        assert authority is not None
        assert authority.authority == ("role:crm",)
    done = Appointment(VISIT.when, status=Status.COMPLETED)
    assert rules.authority(("status",), done) is not None
    assert rules.authority(("status",), VISIT) is None
    assert rules.authority(("when",), VISIT) is None
    assert rules.decision(("when",), VISIT).decide is Decide.LATEST
    assert rules.decision(("description",), VISIT).decide is Decide.COMBINE
    assert rules.contest(VISIT).prefer is Contest.LATEST


def test_a_shipped_set_says_nothing_about_roles_that_are_not_there(folder: Any) -> None:
    """The administrator did not write them, so nobody is bothered."""
    folder.bend("syncd.toml", 'rules = "own"', 'rules = "default"')
    folder.bend("syncd.toml", 'connector = "sql"', 'connector = "sql"\nrole = "sheet"')
    settings = folder.load()
    assert settings.warnings == ()
    assert settings.bridges[0].rules.authority(("kind",), VISIT) is None


def test_a_set_beside_the_configuration_goes_before_a_shipped_one(folder: Any) -> None:
    folder.write("mappings/rules/default.toml", '[[rule]]\nfields = ["*"]\nprefer = "ask"\n')
    folder.bend("syncd.toml", 'rules = "own"', 'rules = "default"')
    assert folder.load().bridges[0].rules.decision(("title",), VISIT).decide is Decide.ASK


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ('fields = ["title"]\nprefer = "ask"', None),
        ('fields = ["when"]\nprefer = "ask"', 9),
        ('fields = ["when", "title"]\nprefer = "ask"', None),
        ('fields = ["when"]\nwhere = { status = "proposed" }\nprefer = "ask"', 9),
        ('fields = ["kind"]\nprefer = "ask"', None),
        ('fields = ["kind"]\nwhere = { status = "confirmed" }\nprefer = "ask"', 9),
        ('fields = ["kind"]\nwhere = { status = ["confirmed", "proposed"] }\nprefer = "ask"', None),
        ('fields = ["kind"]\nwhere = { tags = "vip" }\nprefer = "ask"', None),
        ('fields = ["kind"]\nwhere = { tags = "v", status = "confirmed" }\nprefer = "ask"', 9),
        (
            'fields = ["kind", "when"]\nwhere = { status = "confirmed" }\nprefer = "ask"',
            9,  # the two before decide one of its fields each
        ),
        ('fields = ["when"]\nauthority = ["crm"]', None),
    ],
)
def test_rules_that_are_never_reached(rules: str, line: int | None) -> None:
    text = f"""\
[[rule]]
fields = ["when"]
prefer = "latest"
[[rule]]
fields = ["kind", "owner"]
where = {{ status = ["confirmed", "completed"] }}
prefer = "latest"

[[rule]]
{rules}
"""
    if line is None:
        assert len(read(text).rules.rules) == 3
        return
    with pytest.raises(ConfigError, match="is never reached") as caught:
        read(text)
    assert caught.value.line == line
