"""In which order plans are carried out: nobody waits for the thousand of somebody else."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.packed import Packed
from syncd.core.state import WHOLE, Kind, Operation, Plan, Record, Write
from syncd.drawn import CHUNK, Draw


def plan(number: int, *channels: str) -> Plan:
    """A plan with a write to each of some channels."""
    writes = tuple(Write(name, WHOLE, Operation.CREATE) for name in channels)
    return Plan(f"a{number:05}", None, writes)


def drawn(plans: Iterable[Plan]) -> Draw:
    """Many plans."""
    made = list(plans)
    return Draw(made, packed=Packed(made, few=0))


def channels_of(part: Iterable[Plan]) -> list[str]:
    return [write.channel for each in part for write in each.writes]


def test_who_is_owed_one_is_served_before_the_thousand_of_another() -> None:
    """Alice's calendar is new; in Bob's one visit was moved, which is drawn last of all."""
    draw = drawn([*(plan(n, "alice") for n in range(1000)), plan(1000, "bob")])
    parts = list(draw.parts())
    assert "bob" in channels_of(parts[0])
    assert sum(len(part) for part in parts) == 1001


def test_who_is_owed_some_is_served_as_much_as_who_is_owed_many() -> None:
    draw = drawn([*(plan(n, "alice") for n in range(1000)), *(plan(n, "bob") for n in range(80))])
    first = channels_of(next(draw.parts()))
    assert (len(first), first.count("bob")) == (CHUNK, 80)


def test_the_halves_of_a_split_are_stored_together() -> None:
    """A copy that changes hands belongs to one of the two, also if we are killed in between."""
    plans = [plan(n, "alice" if n % 3 else "bob") for n in range(900)]
    draw = drawn(plans)
    new, old = plans[0].id, plans[199].id
    draw.note_split(new, [Record(Kind.SPLIT, (), "", "bob", note=old)])
    where = {each.id: at for at, part in enumerate(draw.parts()) for each in part}
    assert where[new] == where[old] > 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), max_size=3), max_size=700))
def test_every_plan_is_carried_out_once(channels: list[set[str]]) -> None:
    plans = [plan(n, *sorted(each)) for n, each in enumerate(channels)]
    parts = list(drawn(plans).parts())
    assert sorted(each.id for part in parts for each in part) == [each.id for each in plans]
    assert all(len(part) <= CHUNK for part in parts)
    first = set(channels_of(parts[0])) if parts else set()
    assert first == {name for each in channels for name in each}
