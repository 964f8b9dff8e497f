"""Laws of whole worlds: random edits, faults and outages over channels of unequal fidelity."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from syncd.core.belong import given as given_to
from syncd.core.fidelity import project, project_value
from syncd.core.model import Appointment, Attendee, Status, Value
from syncd.core.rules import Decide, Rule
from syncd.core.state import Kind, Operation
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.values import VISIT, at, prefer, rules

NAMES = ("crm", "cal", "cal2", "short", "rows")
FIELDS = ("title", "location", "description", "when", "attendees", "tags")
FAULTS = (None, *Fault)
RULESETS = {
    "prefer": rules(prefer("cal", "crm", "short")),
    "latest": rules(Rule(name="latest", decide=Decide.LATEST)),
    "none": rules(),
    "authority": rules(
        Rule(name="auth", fields=frozenset({"title"}), authority=("role:crm",)), prefer("crm")
    ),
}


@dataclass(frozen=True)
class Edit:
    """A field of one channel's copy set to a value that nobody else sets."""

    channel: str
    field: str
    number: int
    stamp: bool

    @property
    def value(self) -> object:
        """Values end in their number, but for what a short channel cuts."""
        if self.field == "when":
            return at(5 + self.number % 20, 8 + self.number % 3, self.number % 60)
        if self.field == "attendees":
            return (Attendee(f"gast{self.number}@kunde.example", "客人"),)
        if self.field == "tags":
            return frozenset({f"标签{self.number}"})
        return f"{self.number} 你好 🚗 {self.channel} dazu Text"


@dataclass(frozen=True)
class Step:
    """What happens before one cycle."""

    edits: tuple[Edit, ...]
    down: frozenset[str]
    faults: tuple[tuple[str, Fault | None], ...]


@st.composite
def stories(draw: st.DrawFn, *, trouble: bool = True) -> tuple[tuple[str, ...], list[Step]]:
    """Which channels there are, and a few steps."""
    names = tuple(draw(st.permutations(NAMES))[: draw(st.integers(2, 5))])
    steps = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        edits = []
        wanted = draw(
            st.lists(
                st.tuples(st.sampled_from(names), st.sampled_from(FIELDS), st.booleans()),
                max_size=4,
                unique_by=lambda each: each[:2],
            )
        )
        for name, field_, stamp in wanted:
            number += 1
            edits.append(Edit(name, field_, number, stamp))
        down = draw(st.frozensets(st.sampled_from(names), max_size=2)) if trouble else frozenset()
        faults = (
            draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(FAULTS)), max_size=3))
            if trouble
            else []
        )
        steps.append(Step(tuple(edits), down, tuple(faults)))
    return names, steps


def play(made: World, steps: list[Step]) -> list[Edit]:
    """Let it happen; returns the edits that took effect in their channel."""
    done: list[Edit] = []
    for step in steps:
        for edit in step.edits:
            remote = made.remotes[edit.channel]
            carries = remote.channel.fidelity.carries
            if not remote.copies or edit.field not in carries:
                continue
            made.edit(edit.channel, "", stamp=edit.stamp, **{edit.field: edit.value})
            done = [e for e in done if not _same_unseen(e, edit, made)]
            done.append(edit)
        for name, remote in made.remotes.items():
            remote.down = name in step.down
            remote.faults.clear()
        for name, fault in step.faults:
            made.fault(name, fault)
        made.cycle()
        for edit in done:
            if not made.remotes[edit.channel].down:
                made.__dict__.setdefault("seen", set()).add(edit)
    for remote in made.remotes.values():
        remote.down = False
        remote.faults.clear()
    return done


def _same_unseen(old: Edit, new: Edit, made: World) -> bool:
    """An edit that was overwritten by its own author before anybody looked."""
    seen = made.__dict__.get("seen", set())
    return (old.channel, old.field) == (new.channel, new.field) and old not in seen


def assert_equal_everywhere(made: World) -> None:
    """Every copy reads as the projection of the one appointment."""
    agreement = made.agreements[made.only]
    for name, channel in made.policy.channels.items():
        full = given_to(channel, agreement.appointment, made.policy, agreement.born)
        assert made.reads(name) == project(full, channel.fidelity), name


SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(stories(), st.sampled_from(sorted(RULESETS)))
def test_convergence(story: tuple[tuple[str, ...], list[Step]], rule: str) -> None:
    """Invariant 1: when people stop and systems answer, three cycles later all copies are the
    projection of one appointment, and the next cycle writes nothing."""
    names, steps = story
    made = settled_world(*names, ruleset=RULESETS[rule])
    play(made, steps)
    made.run(3)
    assert_equal_everywhere(made)
    assert len(made.agreements) == 1
    assert {len(remote.copies) for remote in made.remotes.values()} == {1}


@SETTINGS
@given(stories(), st.sampled_from(sorted(RULESETS)))
def test_no_lost_edit(story: tuple[tuple[str, ...], list[Step]], rule: str) -> None:
    """Invariant 2: each edit is on record with its value, or in the result."""
    names, steps = story
    made = settled_world(*names, ruleset=RULESETS[rule])
    done = play(made, steps)
    made.run(3)
    for edit in done:
        assert is_known(made, edit), edit


def is_known(made: World, edit: Edit) -> bool:
    """Whether an edit is in the result, or on record as its channel's claim."""
    fidelity = made.remotes[edit.channel].channel.fidelity
    field_ = edit.field
    wanted = project(replace(VISIT, **{field_: edit.value}), fidelity)  # type: ignore[arg-type]  # a field
    if field_ in ("attendees", "tags"):
        (element,) = getattr(wanted, field_)
        name = getattr(element, "email", element)
        held = getattr(made.agreed(), field_)
        return name in {getattr(each, "email", each) for each in held} or any(
            r.path == (field_, name) for r in made.history()
        )
    value: Value = getattr(wanted, field_)

    def reads_so(other: Value) -> bool:
        return other == value or project_value(field_, other, fidelity) == value

    return reads_so(getattr(made.agreed(), field_)) or any(
        r.path == (field_,) and any(c == edit.channel and reads_so(v) for c, v in r.claims)
        for r in made.history()
    )


@SETTINGS
@given(stories(trouble=False), st.sampled_from(["crm", "cal"]))
def test_authority_is_never_broken(story: tuple[tuple[str, ...], list[Step]], allowed: str) -> None:
    """A title that one channel alone may change is changed by no other, whatever is edited."""
    names, steps = story
    assume(allowed in names)
    only = Rule(name="only", fields=frozenset({"title"}), authority=(allowed,))
    made = settled_world(*names, ruleset=rules(only))
    play(made, steps)
    made.run(3)
    mine = [e.value for s in steps for e in s.edits if (e.channel, e.field) == (allowed, "title")]
    assert made.agreed().title == (mine[-1] if mine else VISIT.title)
    assert_equal_everywhere(made)


@SETTINGS
@given(
    st.lists(st.sampled_from(["crm", "cal", "cal2", "rows"]), min_size=1, max_size=4, unique=True),
    st.permutations(["crm", "cal", "cal2", "rows"]),
)
def test_prefer_takes_the_first_of_the_ranking(editors: list[str], ranking: list[str]) -> None:
    """A naive model: of those who edited in one cycle, the first in the ranking."""
    made = settled_world("crm", "cal", "cal2", "rows", ruleset=rules(prefer(*ranking)))
    for name in editors:
        made.edit(name, title=f"von {name}")
    made.run()
    winner = min(editors, key=ranking.index)
    assert {made.reads(name).title for name in made.remotes} == {f"von {winner}"}
    assert len(made.history(Kind.CONFLICT)) == (len(editors) > 1)


@SETTINGS
@given(
    st.lists(
        st.tuples(st.sampled_from(["crm", "cal", "cal2", "rows"]), st.integers(1, 4)),
        min_size=1,
        max_size=4,
        unique_by=(lambda each: each[0], lambda each: each[1]),
    )
)
def test_latest_takes_the_latest_time_of_change(editors: list[tuple[str, int]]) -> None:
    """A naive model: within one look, the copies' own times of change decide."""
    latest = rules(Rule(name="latest", decide=Decide.LATEST))
    made = settled_world("crm", "cal", "cal2", "rows", ruleset=latest)
    start = made.now
    for name, minute in editors:
        made.now = start.replace(minute=start.minute + minute)
        made.edit(name, stamp=True, title=f"von {name}")
    made.now = start
    made.run()
    winner = max(editors, key=lambda each: each[1])[0]
    assert made.agreed().title == f"von {winner}"


@SETTINGS
@given(st.permutations(["crm", "cal", "cal2"]), st.sets(st.sampled_from(["crm", "cal", "cal2"])))
def test_latest_without_times_takes_the_configured_order(
    order: list[str], editors: set[str]
) -> None:
    """Nobody knows who was later: the order of the channels in the configuration decides."""
    assume(editors)
    made = settled_world(*order, ruleset=rules(Rule(name="latest", decide=Decide.LATEST)))
    for name in editors:
        made.edit(name, title=f"von {name}")
    made.run()
    assert made.agreed().title == f"von {min(editors, key=order.index)}"


@SETTINGS
@given(
    deleted=st.sampled_from(["crm", "cal", "cal2"]),
    edited=st.sampled_from(["crm", "cal", "cal2"]),
    by=st.sampled_from(["gone", "cancelled"]),
)
def test_a_deletion_against_an_edit_of_unknown_order(deleted: str, edited: str, by: str) -> None:
    """The edit wins wherever it was made and wherever the deletion was; both are on record."""
    assume(deleted != edited)
    made = settled_world("crm", "cal", "cal2")
    if by == "gone":
        made.remove(deleted)
    else:
        made.edit(deleted, status=Status.CANCELLED)
    made.edit(edited, location="别处")
    made.run()
    assert {len(remote.copies) for remote in made.remotes.values()} == {1}
    for name in made.remotes:
        assert (made.reads(name).location, made.reads(name).status) == ("别处", Status.CONFIRMED)
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {deleted: Status.CANCELLED, edited: "别处"}


@SETTINGS
@given(stories(), st.sampled_from(NAMES), st.sampled_from(list(Fault)))
def test_a_deletion_in_the_crm_ends_everything(
    story: tuple[tuple[str, ...], list[Step]], killed: str, fault: Fault
) -> None:
    """Invariant 4: after quiet days a deletion in the CRM removes every copy, whatever fails
    meanwhile, and nothing comes back."""
    names, steps = story
    assume("crm" in names)
    made = settled_world(*names)
    play(made, steps)
    made.run(3)
    made.remove("crm")
    if killed in names:
        made.fault(killed, fault)
    made.cycle()
    for remote in made.remotes.values():
        remote.faults.clear()
    made.run(4)
    assert {len(remote.copies) for remote in made.remotes.values()} == {0}
    assert not made.agreements
    assert len(made.stones) == 1


@SETTINGS
@given(stories())
def test_nothing_is_deleted_that_nobody_deleted(story: tuple[tuple[str, ...], list[Step]]) -> None:
    """Invariant 4: outages, faults and edits lead to no deletion and no second copy."""
    names, steps = story
    made = settled_world(*names)
    play(made, steps)
    made.run(3)
    assert not any(write.operation is Operation.DELETE for write in made.written)
    assert not any(write.operation is Operation.CREATE for write in made.written)


@SETTINGS
@given(stories())
def test_a_lost_store_is_no_edit(story: tuple[tuple[str, ...], list[Step]]) -> None:
    """After convergence the store is lost: rebuilt without a write, the appointment is the same."""
    names, steps = story
    made = settled_world(*names)
    play(made, steps)
    made.run(3)
    before: Appointment = made.agreed()
    copies = {name: dict(remote.copies) for name, remote in made.remotes.items()}
    made.lose_store()
    made.written.clear()
    made.run(2)
    assert len(made.agreements) == 1
    after = made.agreed()
    carried = frozenset().union(*(r.channel.fidelity.carries for r in made.remotes.values()))
    assert (after.when, after.location) == (before.when, before.location) or "crm" not in names
    assert made.written == []
    assert {name: dict(remote.copies) for name, remote in made.remotes.items()} == copies
    assert carried
