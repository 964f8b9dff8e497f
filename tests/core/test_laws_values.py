"""Laws of values: projection, differences and patches, rules, and the refusing of disasters."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.decide import combine
from syncd.core.fidelity import Fidelity, project, project_value
from syncd.core.model import FIELDS, Appointment, Status
from syncd.core.paths import diff, element_paths, field_of, get, is_empty, patch
from syncd.core.rules import BUILT_IN, BUILT_IN_CONTEST, Contest, ContestRule, Decide, Rule, RuleSet
from syncd.core.safety import Census, Limits, fingerprint, refuse
from syncd.core.state import Operation, Plan, Write
from tests.core.values import CALDAV, ROWS, SHORT, VISIT
from tests.strategies import appointments

SETTINGS = settings(max_examples=150, deadline=None)

COARSE = Fidelity(
    carries=frozenset(FIELDS) - {"tags"},
    lengths={"title": 7, "location": 5, "customer.name": 3, "custom.floor": 2},
    values={"status": {"no_show": "cancelled"}, "busy": {"away": "busy"}},
    zone="Asia/Shanghai",
    floating=False,
    default_zone="Europe/Berlin",
    all_day=False,
    resolution=900,
    attendee_parts=frozenset({"name"}),
    customer_parts=frozenset({"name"}),
    custom_keys=frozenset({"floor"}),
    organizer_name=False,
)
PARTLY = replace(CALDAV, series=lambda series: not series.overrides)
FIDELITIES = st.sampled_from([Fidelity(), CALDAV, SHORT, ROWS, COARSE, PARTLY])


@SETTINGS
@given(appointments(), FIDELITIES)
def test_projection_is_idempotent(appointment: Appointment, fidelity: Fidelity) -> None:
    """What a channel would hold of what it holds is what it holds."""
    held = project(appointment, fidelity)
    assert project(held, fidelity) == held


@SETTINGS
@given(appointments(series=False), FIDELITIES)
def test_projection_goes_field_by_field(appointment: Appointment, fidelity: Fidelity) -> None:
    """A carried field is held as its own projection, one that is not carried as empty."""
    held = project(appointment, fidelity)
    for name in fidelity.carries - {"custom", "overrides", "recurrence"}:
        assert getattr(held, name) == project_value(name, getattr(appointment, name), fidelity)
    for name in frozenset(FIELDS) - fidelity.carries - {"when"}:
        assert getattr(held, name) == getattr(Appointment(VISIT.when), name)


@SETTINGS
@given(appointments())
def test_what_carries_everything_alters_nothing(appointment: Appointment) -> None:
    """The fidelity of a perfect system projects to the very value."""
    assert project(appointment, Fidelity()) == appointment


@SETTINGS
@given(appointments(), appointments())
def test_a_difference_put_in_gives_the_other(old: Appointment, new: Appointment) -> None:
    """``patch`` undoes what ``diff`` found, and nothing differs from itself."""
    assert patch(old, diff(old, new)) == new
    assert diff(old, old) == {}
    assert patch(old, {}) is old


@SETTINGS
@given(appointments(), appointments())
def test_a_difference_names_the_new_values(old: Appointment, new: Appointment) -> None:
    """Every path of a difference has the new value in the new one, and another in the old one."""
    for path, value in diff(old, new).items():
        assert get(new, path) == value
        assert get(old, path) != value


@SETTINGS
@given(appointments())
def test_every_path_of_an_appointment_can_be_read(appointment: Appointment) -> None:
    """``element_paths`` and ``get`` agree, and no element that is there is empty or absent."""
    for path, value in element_paths(appointment):
        assert get(appointment, path) == value
        if len(path) > 1 and path[0] not in ("overrides", "custom"):
            assert not is_empty(value)


RULES = st.lists(
    st.builds(
        Rule,
        name=st.sampled_from([f"r{number}" for number in range(30)]),
        fields=st.frozensets(st.sampled_from(["title", "when", "*", "location"]), min_size=1),
        where=st.dictionaries(
            st.just("status"),
            st.frozensets(st.sampled_from(["confirmed", "cancelled"]), min_size=1),
            max_size=1,
        ),
        decide=st.one_of(st.none(), st.sampled_from(list(Decide))),
        authority=st.sampled_from([(), ("crm",), ("role:calendar",)]),
    ),
    max_size=6,
)


@SETTINGS
@given(RULES, st.sampled_from(["title", "when", "location", "tags"]), st.sampled_from(list(Status)))
def test_the_first_rule_that_matches_decides(rules: list[Rule], name: str, status: Status) -> None:
    """Against a naive loop over the rules as they are written."""
    judged = replace(VISIT, status=status)
    path = (name,) if name != "tags" else (name, "vip")
    matching = [
        rule
        for rule in rules
        if ("*" in rule.fields or name in rule.fields)
        and ("status" not in rule.where or status.value in rule.where["status"])
    ]
    found = RuleSet(tuple(rules))
    assert found.decision(path, judged) is next((r for r in matching if r.decide), BUILT_IN)
    assert found.authority(path, judged) is next((r for r in matching if r.authority), None)


def test_the_first_contest_that_matches_decides() -> None:
    """Contest rules are judged like the others; without one there is the built-in."""
    coming = ContestRule(name="1", where={"kind": frozenset({"demo"})}, prefer=Contest.EDIT)
    others = ContestRule(name="2", prefer=Contest.ASK)
    found = RuleSet(contests=(coming, others))
    assert found.contest(replace(VISIT, kind="demo")) is coming
    assert found.contest(VISIT) is others
    assert RuleSet().contest(VISIT) is BUILT_IN_CONTEST


def test_an_occurrences_own_time_is_judged_as_a_time() -> None:
    """Rules speak about fields, not about where in the appointment they are."""
    assert field_of(("overrides", "20260310T100000", "when")) == "when"
    assert field_of(("overrides", "20260310T100000", "deleted")) == "overrides"
    assert field_of(("attendees", "li@example.com")) == "attendees"


@given(st.permutations(["拜访客户", "Besuch", "拜访客户", "客户"]))
def test_combined_texts_lose_nothing_and_repeat_nothing(texts: list[str]) -> None:
    """Each text is in the result once; one that is part of another is not repeated."""
    combined = str(combine(list(texts)))
    assert sorted(combined.split("\n")) == ["Besuch", "拜访客户"]


CHANNELS = ("crm", "cal", "cal2")
WRITES = st.lists(
    st.tuples(st.sampled_from(CHANNELS), st.sampled_from(list(Operation))), max_size=40
)


def plans_of(writes: list[tuple[str, Operation]]) -> list[Plan]:
    return [
        Plan(f"a{n}", None, (Write(name, "", operation, VISIT if operation != "delete" else None),))
        for n, (name, operation) in enumerate(writes)
    ]


@SETTINGS
@given(WRITES, WRITES, st.integers(0, 200), st.integers(0, 30), st.booleans())
def test_more_writes_are_never_safer(
    some: list[tuple[str, Operation]],
    more: list[tuple[str, Operation]],
    copies: int,
    deleted: int,
    emptied: bool,
) -> None:
    """Whatever is refused stays refused with more writes, and with more deletions behind it."""
    census = Census(
        dict.fromkeys(CHANNELS, copies),
        dict.fromkeys(CHANNELS, deleted),
        emptied=("cal",) if emptied else (),
        total=3 * copies,
        total_deleted=deleted,
    )
    limits = Limits(writes_per_hour=60)
    few, many = plans_of(some), plans_of(some + more)
    if refuse(few, census, limits):
        assert refuse(many, census, limits)
        heavier = replace(census, deleted=dict.fromkeys(CHANNELS, deleted + 1))
        assert refuse(few, heavier, limits)


@SETTINGS
@given(WRITES, st.integers(0, 200))
def test_what_was_approved_is_not_refused_again(
    writes: list[tuple[str, Operation]], copies: int
) -> None:
    """Exactly these writes may be made, and none of them counts."""
    plans = plans_of(writes)
    approved = {fingerprint(plan.id, write) for plan in plans for write in plan.writes}
    census = Census(dict.fromkeys(CHANNELS, copies), {}, emptied=("cal",), total=copies)
    if approved:
        assert refuse(plans, census, Limits(), approved) == []


@SETTINGS
@given(st.integers(0, 400), st.integers(0, 60))
def test_the_limit_of_deletions_is_five_or_a_tenth(copies: int, count: int) -> None:
    """Against the sentence in the design."""
    plans = plans_of([("cal", Operation.DELETE)] * count)
    census = Census({"cal": copies}, {}, total=100_000)
    assert bool(refuse(plans, census, Limits())) == (count > max(5, copies // 10))


def test_a_fingerprint_names_exactly_one_write() -> None:
    """Another value, channel, appointment, slot or kind is another write."""
    other = replace(VISIT, title="别的")
    base = Write("cal", "", Operation.UPDATE, VISIT, paths=(("title",),))
    writes = [
        ("a1", base),
        ("a2", base),
        ("a1", replace(base, content=other)),
        ("a1", replace(base, channel="cal2")),
        ("a1", replace(base, slot="20260310T100000")),
        ("a1", replace(base, operation=Operation.CREATE)),
        ("a1", replace(base, operation=Operation.DELETE, content=None)),
    ]
    assert len({fingerprint(id, write) for id, write in writes}) == len(writes)
    assert fingerprint("a1", base) == fingerprint("a1", replace(base, base=None))
