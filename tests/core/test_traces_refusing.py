"""Refusing the disaster, and taking back: what the pure part of it must say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncd.core.model import Status
from syncd.core.safety import Census, Danger, Limits, fingerprint, is_ending, reasons, refuse
from syncd.core.settle import settle
from syncd.core.state import Kind, Operation, Order, Plan, Write
from tests.core.harness import World, settled_world, world
from tests.core.values import USUAL, VISIT, at, prefer, rules

LIMITS = Limits()


def plans_of(made: World) -> list[Plan]:
    """What the next cycle would do, without doing it."""
    made.now += timedelta(minutes=5)
    for remote in made.remotes.values():
        made._look(remote)
    return [settle(made.case(id), made.policy, made.moment()) for id in sorted(made.agreements)]


def census_of(made: World, **more: object) -> Census:
    copies = {name: len(remote.copies) for name, remote in made.remotes.items()}
    usual: dict[str, object] = {"copies": copies, "deleted": {}, "total": max(copies.values())}
    return Census(**(usual | more))  # type: ignore[arg-type]  # fields of Census


def filled(count: int, *names: str) -> World:
    made = world(*names)
    made.cycle()
    for number in range(count):
        made.add(names[0], replace(VISIT, title=f"拜访 {number}", when=at(5 + number % 20, 10)))
    made.run()
    made.written.clear()
    return made


def approved_of(plans: list[Plan]) -> set[str]:
    return {fingerprint(plan.id, write) for plan in plans for write in plan.writes}


def test_trace_41_thirty_of_a_hundred_vanish() -> None:
    """Hold; what is approved is exactly the thirty, and a thirty-first holds again."""
    made = filled(100, "crm", "cal", "cal2")
    before = census_of(made)
    for key in list(made.remotes["cal"].copies)[:30]:
        made.remove("cal", key)
    plans = plans_of(made)
    endings = [write for plan in plans for write in plan.writes if is_ending(write)]
    assert len(endings) == 60  # cancelled in the CRM, removed from the other calendar
    dangers = refuse(plans, before, LIMITS)
    assert {danger.channel for danger in dangers} == {"", "crm", "cal2"}
    approved = approved_of(plans)
    assert refuse(plans, before, LIMITS, approved) == []
    for key in list(made.remotes["cal"].copies)[:6]:
        made.remove("cal", key)
    again = plans_of(made)
    assert refuse(again, before, LIMITS, approved) != []


def test_what_one_channel_tells_is_not_told_of_the_installation_again() -> None:
    """Eight visits are deleted in the CRM: once for each calendar that they go from, and not a
    third time. What the calendars lose together, no one of them tells."""
    eight = [
        Plan(f"a{n}", None, (*_delete("cal", n).writes, *_delete("cal2", n).writes))
        for n in range(8)
    ]
    copies = {"crm": 20, "cal": 20, "cal2": 20}
    census = Census(copies, {}, total=20)
    words = "8 of 20 appointments would be deleted or cancelled within 24 h (limit 5)"
    assert reasons(refuse(eight, census, LIMITS), "sales") == [f"cal: {words}", f"cal2: {words}"]
    wider = replace(census, deleted={"cal": 1}, total_deleted=2)
    assert (
        "sales: 10 of 20 appointments of all would"
        in reasons(refuse(eight, wider, LIMITS), "sales")[-1]
    )
    apart = [_delete("cal", n) for n in range(6)] + [_delete("cal2", n) for n in range(6, 12)]
    (first, second, everywhere) = reasons(refuse(apart, census, LIMITS), "sales")
    assert (first[:12], second[:13]) == ("cal: 6 of 20", "cal2: 6 of 20")
    assert everywhere.startswith("sales: 12 of 20 appointments of all would")
    swapped = [*apart[:6], *(_delete("crm", n) for n in range(6, 12))]
    told = reasons(refuse(swapped, replace(census, deleted={"cal": 6}), LIMITS), "sales")
    assert told[-1].startswith("sales: 12 of 20"), "as many, but not the same"


def test_trace_41_a_held_plan_is_no_decision() -> None:
    """Nothing was stored: what has come back meanwhile is off the plan."""
    made = filled(100, "crm", "cal")
    saved = dict(made.remotes["cal"].copies)
    for key in list(saved)[:30]:
        made.remove("cal", key)
    assert sum(bool(plan.writes) for plan in plans_of(made)) == 30
    for key in list(saved)[:29]:
        made.remotes["cal"].copies[key] = saved[key]
    assert sum(bool(plan.writes) for plan in plans_of(made)) == 1
    assert made.written == []


def test_trace_42_one_of_one_is_no_disaster() -> None:
    """The only event is moved, or deleted: no hold."""
    for change in ("moved", "deleted"):
        made = filled(1, "crm", "cal")
        census = census_of(made, moved={"cal": 1})
        if change == "moved":
            made.edit("cal", when=at(20, 9))
        else:
            made.remove("cal")
        plans = plans_of(made)
        assert any(plan.writes for plan in plans)
        assert refuse(plans, census, LIMITS) == []


def _delete(channel: str, number: int) -> Plan:
    return Plan(f"a{number}", None, (Write(channel, "", Operation.DELETE),))


def test_trace_42_one_visit_in_many_channels_is_one_appointment() -> None:
    """What counts for the installation are appointments, not their copies."""
    names = [f"cal{number}" for number in range(7)]
    plans = [_delete(name, 1) for name in names]
    assert len({plan.id for plan in plans}) == 1
    assert refuse(plans, Census(dict.fromkeys(names, 6), {}, total=6), LIMITS) == []


def test_trace_43_a_few_in_every_calendar_hold_the_installation() -> None:
    """Five of six in each of 500 calendars: none of them alone is too much, together they are."""
    names = [f"cal{number}" for number in range(500)]
    plans = [_delete(name, i * 5 + n) for i, name in enumerate(names) for n in range(5)]
    census = Census(dict.fromkeys(names, 6), {}, total=3000)
    assert [danger.channel for danger in refuse(plans, census, LIMITS)] == [""]


def test_trace_44_four_a_minute_hold_after_a_while() -> None:
    """Deletions of the last 24 h count: the sliding day holds."""
    outcomes = []
    for minute in range(4):
        census = Census({"cal": 100}, {"cal": 4 * minute}, total=1000, total_deleted=4 * minute)
        plans = [_delete("cal", minute * 4 + number) for number in range(4)]
        outcomes.append(bool(refuse(plans, census, LIMITS)))
    assert outcomes == [False, False, True, True]


def test_an_emptied_channel_and_a_moved_calendar_hold() -> None:
    """None of ten or more copies listed, or more than half of them moved at once."""
    plans = [Plan("a1", None, (Write("crm", "", Operation.UPDATE, VISIT, VISIT),))]
    emptied = Census({"cal": 10}, {}, emptied=("cal",), total=100)
    assert refuse(plans, emptied, LIMITS) == [
        Danger("cal", "none of its 10 copies is listed"),
    ]
    for moved, holds in ((5, False), (6, True)):
        census = Census({"cal": 10}, {}, moved={"cal": moved}, total=100)
        assert bool(refuse(plans, census, LIMITS)) is holds
    few = Census({"cal": 9}, {}, moved={"cal": 9}, total=100)
    assert refuse(plans, few, LIMITS) == []


def test_too_many_writes_an_hour_hold() -> None:
    """The configured number of writes counts those of the last hour."""
    plans = [Plan(f"a{n}", None, (Write("cal", "", Operation.CREATE, VISIT),)) for n in range(10)]
    limits = Limits(writes_per_hour=50)
    assert refuse(plans, Census({}, {}, written=40), limits) == []
    assert len(refuse(plans, Census({}, {}, written=41), limits)) == 1


def test_cancelling_counts_like_deleting() -> None:
    """Six records that become cancelled are as many as six that go."""
    gone = replace(VISIT, status=Status.CANCELLED)
    write = Write("crm", "", Operation.UPDATE, gone, gone, paths=(("status",),))
    plans = [Plan(f"a{number}", None, (write,)) for number in range(6)]
    assert refuse(plans, Census({"crm": 20}, {}, total=1000), LIMITS) != []
    assert refuse(plans[:5], Census({"crm": 20}, {}, total=1000), LIMITS) == []


def test_trace_45_a_value_that_is_set_aside_is_not_written() -> None:
    """Set aside (invariant 7), the title is left alone, all else of the copy flows; released, it is
    written."""
    made = settled_world("crm", "cal", ruleset=rules(prefer("crm")))
    made.aside = frozenset({(("cal", ""), ("title",))})
    made.edit("crm", title="neu", when=at(12, 9))
    made.run()
    assert (made.reads("cal").title, made.reads("cal").when) == (VISIT.title, at(12, 9))
    made.aside = frozenset()
    made.run()
    assert made.reads("cal").title == "neu"


def test_trace_45_every_overwritten_value_is_on_record() -> None:
    """Each time somebody's value is written over there is a record: that is what is counted."""
    made = settled_world("crm", "cal", ruleset=USUAL)
    made.remotes["cal"].down = True
    for number in range(3):
        made.remotes["cal"].down = True
        made.edit("crm", title=f"CRM {number}")
        made.cycle()
        made.edit("cal", title="der Rivale")
        made.remotes["cal"].down = False
        made.run()
        assert made.reads("cal").title == f"CRM {number}"
    assert len(made.history(Kind.CONFLICT)) == 3


def test_trace_46_undo_of_ten_of_which_two_were_edited_since() -> None:
    """Eight go back everywhere, two are conflicts, and the edits made since hold."""
    made = filled(10, "crm", "cal")
    for remote in (made.remotes["crm"],):
        for key in list(remote.copies):
            made.edit("crm", key, location="irrtümlich")
    made.run()
    given = made.now + timedelta(minutes=1)
    made.now += timedelta(minutes=2)
    made.cycle()
    for key in list(made.remotes["cal"].copies)[:2]:
        made.edit("cal", key, location="absichtlich")
    for id in made.agreements:
        made.order(Order("admin", given, {("location",): VISIT.location}), id)
    made.run()
    for name in made.remotes:
        places = sorted(each.location for each in made.all_reads(name))
        assert places == [VISIT.location] * 8 + ["absichtlich"] * 2
    conflicts = made.history(Kind.CONFLICT)
    assert len(conflicts) == 2
    assert {dict(r.claims)["person:admin"] for r in conflicts} == {VISIT.location}


def test_undo_goes_to_the_channel_where_the_mistake_was_made() -> None:
    """Also the copy that was edited by mistake gets the earlier value; undoing again works."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("cal", title="Fehler")
    made.run()
    made.order(Order("admin", made.now, {("title",): VISIT.title}))
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {VISIT.title}
    made.order(Order("admin", made.now, {("title",): "Fehler"}))
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {"Fehler"}


def test_undo_of_a_cancellation_brings_the_copies_back() -> None:
    """The administrator sets the status back: every calendar gets its copy again."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("cal")
    made.run()
    made.order(Order("admin", made.now, {("status",): Status.CONFIRMED}))
    made.run()
    assert {len(remote.copies) for remote in made.remotes.values()} == {1}
