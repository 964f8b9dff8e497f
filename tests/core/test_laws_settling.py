"""Laws of settling one case: order, repetition, own values, and when nothing is to be said."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.paths import patch
from syncd.core.settle import settle
from syncd.core.situation import situate
from syncd.core.state import (
    WHOLE,
    Agreement,
    Case,
    Copy,
    Intent,
    Operation,
    Plan,
    Present,
    Seen,
    Settled,
    Span,
    Write,
)
from tests.core.harness import World, settled_world
from tests.core.test_laws_world import RULESETS, stories
from tests.core.values import CALDAV, NOW, VISIT, at, channels

SETTINGS = settings(max_examples=100, deadline=None)


def edited_case(
    story: tuple[tuple[str, ...], list[object]], rule: str
) -> tuple[World, Case, Moment]:
    """A world in which people have edited and nobody has settled yet."""
    names, steps = story
    made = settled_world(*names, ruleset=RULESETS[rule])
    for step in steps:
        for edit in step.edits:  # type: ignore[attr-defined]  # a Step
            if edit.field in made.remotes[edit.channel].channel.fidelity.carries:
                made.edit(edit.channel, "", stamp=edit.stamp, **{edit.field: edit.value})
    made.now += timedelta(minutes=5)
    for remote in made.remotes.values():
        made._look(remote)
    return made, made.case(made.only), made.moment()


def shuffled(case: Case, policy: Policy, seed: int) -> tuple[Case, Policy]:
    """The same case and policy, everything in another order of insertion."""
    chance = random.Random(seed)

    def mixed(pairs: dict[object, object]) -> dict[object, object]:
        items = list(pairs.items())
        chance.shuffle(items)
        return dict(items)

    agreement = case.agreement
    assert agreement is not None
    again = replace(agreement, copies=mixed(agreement.copies), setters=mixed(agreement.setters))  # type: ignore[arg-type]  # mappings, as they were
    views = mixed(case.views)  # type: ignore[arg-type]  # a mapping, as it was
    other = replace(policy, channels=mixed(policy.channels))  # type: ignore[arg-type]  # likewise
    return replace(case, agreement=again, views=views), other  # type: ignore[arg-type]  # likewise


def essence(plan: Plan) -> object:
    """A plan without the order of what has none."""
    agreement = plan.agreement
    assert agreement is not None
    return (
        agreement.appointment,
        dict(agreement.setters),
        dict(agreement.copies),
        sorted(plan.writes, key=lambda write: (write.channel, write.slot)),
        sorted(
            map(repr, (replace(r, claims=tuple(sorted(r.claims, key=repr))) for r in plan.records))
        ),
    )


@SETTINGS
@given(stories(trouble=False), st.sampled_from(sorted(RULESETS)), st.integers(0, 10**6))
def test_order_of_channels_and_views_changes_nothing(
    story: tuple[tuple[str, ...], list[object]], rule: str, seed: int
) -> None:
    """Only the configured order (``Channel.order``) counts, never that of a dictionary."""
    made, case, moment = edited_case(story, rule)
    mixed, policy = shuffled(case, made.policy, seed)
    assert essence(settle(case, made.policy, moment)) == essence(settle(mixed, policy, moment))


@SETTINGS
@given(stories(trouble=False), st.sampled_from(sorted(RULESETS)))
def test_settling_is_deterministic_and_leaves_the_case_alone(
    story: tuple[tuple[str, ...], list[object]], rule: str
) -> None:
    """Settling the same case twice gives the same plan: settling has no memory."""
    made, case, moment = edited_case(story, rule)
    before = repr(case)
    first = settle(case, made.policy, moment)
    assert settle(case, made.policy, moment) == first
    assert repr(case) == before


@SETTINGS
@given(stories(trouble=False), st.sampled_from(sorted(RULESETS)))
def test_the_settled_case_records_nothing_anew(
    story: tuple[tuple[str, ...], list[object]], rule: str
) -> None:
    """With the plan's agreement stored and no write made, the same writes are owed again and
    nothing is recorded twice (invariant 10)."""
    made, case, moment = edited_case(story, rule)
    first = settle(case, made.policy, moment)
    again = settle(replace(case, agreement=first.agreement), made.policy, moment)
    assert again.writes == first.writes
    assert again.records == ()


@SETTINGS
@given(stories(trouble=False), st.sampled_from(sorted(RULESETS)))
def test_after_confirmed_writes_settling_is_quiet(
    story: tuple[tuple[str, ...], list[object]], rule: str
) -> None:
    """Every write answered with what it asked for: nothing is due, nothing is stored."""
    made, case, moment = edited_case(story, rule)
    plan = settle(case, made.policy, moment)
    agreement = plan.agreement
    assert agreement is not None
    copies, views = dict(agreement.copies), dict(case.views)
    for number, write in enumerate(plan.writes):
        assert write.content is not None
        copy = Copy(f"k{number}", f"w{number}", "", write.content)
        place = (write.channel, write.slot)
        copies[place] = Settled(copy, write.asked, confirmed=moment.now)
        views[place] = Seen(Present(copy), moment.now, moment.now)
    after = replace(agreement, copies=copies)
    quiet = settle(Case(case.id, after, views), made.policy, moment)
    assert quiet.quiet
    assert quiet.writes == ()


VALUES = st.fixed_dictionaries(
    {},
    optional={
        ("title",): st.text("abc 会议🚗", min_size=1, max_size=8),
        ("location",): st.text("xyz路", min_size=1, max_size=8),
        ("when",): st.integers(1, 20).map(lambda day: at(day, 9)),
        ("tags", "vip"): st.just(True),
    },
)


@SETTINGS
@given(
    asked=VALUES,
    seen=VALUES,
    operation=st.sampled_from([Operation.UPDATE]),
    done=st.booleans(),
)
def test_what_an_open_intent_asked_for_is_never_a_claim(
    asked: dict[tuple[str, ...], object],
    seen: dict[tuple[str, ...], object],
    operation: Operation,
    done: bool,
) -> None:
    """A value that is what the channel would hold of an open intent is ours; what else differs
    is somebody's."""
    before = Copy("k", "v1", "", VISIT)
    content = patch(VISIT, asked)  # type: ignore[arg-type]  # values of their fields
    shown = patch(content, seen)  # type: ignore[arg-type]  # likewise
    copy = Copy("k", "v2", "", shown)
    write = Write("cal", WHOLE, operation, content, content, before, tuple(sorted(asked)))
    intent = Intent(1, write, NOW, done=done)
    agreement = Agreement(VISIT, copies={("cal", WHOLE): Settled(before, VISIT)}, born="cal")
    views = {("cal", WHOLE): Seen(Present(copy), NOW + timedelta(minutes=5), NOW)}
    policy = Policy(channels("cal"))
    (here,) = situate(Case("a", agreement, views, (intent,)), policy).heres.values()
    for path, value in here.changes.items():
        assert path in seen
        assert value == seen[path]
    theirs = {path for path, value in seen.items() if patch(content, {path: value}) != content}  # type: ignore[dict-item]  # likewise
    assert theirs == set(here.changes)


@SETTINGS
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), min_size=2, max_size=4).map(
        lambda pairs: [Span(NOW + timedelta(a), NOW + timedelta(a + b)) for a, b in pairs]
    )
)
def test_certainly_before_is_a_strict_order(spans: list[Span]) -> None:
    """No span is before itself, none before one that is before it, and it is transitive."""
    for a in spans:
        assert not a.certainly_before(a)
        for b in spans:
            assert not (a.certainly_before(b) and b.certainly_before(a))
            for c in spans:
                if a.certainly_before(b) and b.certainly_before(c):
                    assert a.certainly_before(c)


def test_a_quiet_case_stores_nothing() -> None:
    """Due for no reason: no write, no record, the plan says that nothing is to be stored."""
    made = settled_world("crm", "cal", "short", "rows")
    plan = settle(made.case(made.only), made.policy, made.moment())
    assert plan.quiet
    assert plan.agreement == made.agreements[made.only]
    assert CALDAV.recurrence
