"""What is due, its cases, and storing what was decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from syncd.connector import Unreadable
from syncd.core.model import AllDay, Appointment, Timed
from syncd.core.state import (
    Absence,
    Gone,
    Kind,
    Operation,
    Order,
    Plan,
    Present,
    Question,
    Record,
    Remains,
    Seen,
    Setter,
    Settled,
    Span,
    Tombstone,
    Unseen,
    Write,
)
from syncd.store import Look, Store
from tests.store.given import CAL, CRM, NOW, after, agreement, copy, look, settled, update, visit

SLOT = "20260309T090000"


def pair(store: Store, id_: str = "a1") -> None:
    """Two new copies of one appointment, paired."""
    look(store, CRM, NOW, copy("c1"))
    look(store, CAL, NOW, copy("k1"))
    store.assign([(CRM, "c1", id_, ""), (CAL, "k1", id_, "")])


def test_a_new_appointment_is_due_and_shows_its_copies(store: Store) -> None:
    pair(store)
    assert store.due("sales", NOW) == ["a1"]
    assert store.due("other", NOW) == []
    (case,) = store.cases("sales", ["a1"])
    assert case.agreement is None
    assert case.views == {
        ("crm", ""): Seen(Present(copy("c1")), NOW, None),
        ("cal", ""): Seen(Present(copy("k1")), NOW, None),
    }
    assert (case.intents, case.orders, case.aside) == ((), (), frozenset())


def test_an_agreement_comes_back_whole(store: Store) -> None:
    pair(store)
    setter = Setter("person:ann", Span(after(-9), after(-1)), NOW, "默认.toml:7")
    agreed = replace(
        agreement({("crm", ""): copy("c1", uid="u\x00"), ("cal", SLOT): copy("k1")}),
        setters={(): setter, ("title",): setter, ("overrides", SLOT, "when"): setter},
        absent={("cal2", ""): Absence(NOW, "declined", "bob@example.com")},
        open={("when",): Question({"crm": visit().when, "cal": None}, "r:1", NOW)},
        uids=frozenset({"u\x00", "é" * 3000}),
        deleting=after(3),
        before_cancel="proposed",
        unmet=frozenset({"cal3"}),
        gone={"cal2": visit("vorher 从前")},
    )
    asked, other = Settled(copy("k1"), visit("längst"), ours=True, confirmed=NOW), agreed.copies
    full = replace(asked, disputed=frozenset({("title",), ("tags", "vip")}))
    agreed = replace(agreed, copies={**other, ("cal", SLOT): full})
    store.commit("sales", "c1", NOW, [Plan("a1", agreed)])
    (case,) = store.cases("sales", ["a1"])
    assert case.agreement == agreed
    assert store.agreements(["a1", "a2"]) == {"a1": agreed}


def test_a_commit_settles_what_was_shown(store: Store) -> None:
    pair(store)
    store.cases("sales", ["a1"])
    agreed = agreement({("crm", ""): copy("c1"), ("cal", ""): copy("k1")})
    assert store.commit("sales", "c1", NOW, [Plan("a1", agreed)]) == []
    assert store.due("sales", after(60)) == []
    assert store.agreement_ids("sales") == ["a1"]
    assert store.exists(["a1", "a2"]) == {"a1"}
    assert store.unpaired("sales") == []


def test_what_changes_between_case_and_commit_stays_due(store: Store) -> None:
    """Invariant 2: an edit that arrives while its appointment is being settled is not lost."""
    pair(store)
    store.cases("sales", ["a1"])
    look(store, CAL, after(1), copy("k1", "2", visit("改期")))
    store.commit("sales", "c1", after(2), [Plan("a1", agreement({("cal", ""): copy("k1")}))])
    assert store.due("sales", after(2)) == ["a1"]
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""].observation == Present(copy("k1", "2", visit("改期")))
    store.commit("sales", "c2", after(3), [Plan("a1", case.agreement)])
    assert store.due("sales", after(3)) == []


def test_an_order_between_case_and_commit_stays(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    first = Order("person:ann", after(1), {("title",): "x"})
    second = Order("person:bob", after(2), {("title",): "y"})
    store.give_order("a1", first)
    (case,) = store.cases("sales", ["a1"])
    assert case.orders == (first,)
    store.give_order("a1", second)
    store.commit("sales", "c1", after(3), [Plan("a1", agreed)])
    assert store.due("sales", after(3)) == ["a1"]
    (case,) = store.cases("sales", ["a1"])
    assert case.orders == (second,)
    store.commit("sales", "c2", after(4), [Plan("a1", agreed, quiet=True)])
    assert store.due("sales", after(4)) == []
    (case,) = store.cases("sales", ["a1"])
    assert case.orders == ()


def test_a_quiet_plan_only_settles(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    look(store, CAL, after(1), copy("k1", "2"))
    store.mark_due("sales", ["a1"], after(1))
    assert store.due("sales", after(1)) == ["a1"]
    other = replace(agreed, before_cancel="never stored")
    store.commit("sales", "c1", after(1), [Plan("a1", other, quiet=True)])
    assert store.due("sales", after(1)) == []
    assert store.agreements(["a1"]) == {"a1": agreed}
    assert store.history(appointment="a1") == []


def test_intents_come_back_in_order_and_open(store: Store) -> None:
    """Invariant 10: intents are stored with the decision, before the first write."""
    pair(store)
    look(store, CRM, NOW, copy("c2"))
    store.assign([(CRM, "c2", "a2", "")])
    first = update("cal", copy("k1"), visit("new"))
    second = Write("cal2", SLOT, Operation.CREATE, visit("x"), visit("xx"), reason="owed")
    third = Write("crm", "", Operation.DELETE, base=copy("c2"))
    plans = [
        Plan("a1", agreement({("cal", ""): copy("k1")}), (first, second)),
        Plan("a2", agreement({("crm", ""): copy("c2")}), (third,)),
    ]
    begun = store.commit("sales", "c1", after(1), plans)
    assert [intent.write for intent in begun] == [first, second, third]
    assert len({intent.id for intent in begun}) == 3
    one, two = store.cases("sales", ["a1", "a2"])
    assert one.intents == tuple(begun[:2])
    assert two.intents == tuple(begun[2:])
    assert store.open_intents("sales") == [("a1", begun[0]), ("a1", begun[1]), ("a2", begun[2])]
    closing = Plan("a1", one.agreement, closed=(begun[0].id,))
    store.commit("sales", "c2", after(2), [closing])
    (case,) = store.cases("sales", ["a1"])
    assert case.intents == (begun[1],)


def test_an_intent_follows_its_copy_to_another_appointment(store: Store) -> None:
    """Invariant 10: what is still to be seen of a row is looked for where the row is now."""
    pair(store)
    write = update("cal", copy("k1"), visit("new"))
    (begun,) = store.commit("sales", "c1", NOW, [Plan("a1", agreement({}), (write,))])
    moved = (("cal", "k1", SLOT),)
    plan = Plan("a9", agreement({}), moved=moved, followed=((begun.id, SLOT),))
    store.commit("sales", "c2", after(1), [plan])
    (one, nine) = store.cases("sales", ["a1", "a9"])
    assert one.intents == ()
    assert [(each.id, each.write.slot) for each in nine.intents] == [(begun.id, SLOT)]


def test_ids_of_intents_never_come_again(store: Store) -> None:
    """A plan closes intents by id: an id that came again would close another write's."""
    pair(store)
    agreed = agreement({("cal", ""): copy("k1")})
    write = update("cal", copy("k1"), visit("new"))
    (first,) = store.commit("sales", "c1", NOW, [Plan("a1", agreed, (write,))])
    store.fail(first.id, doubtful=False)
    (second,) = store.commit("sales", "c2", NOW, [Plan("a1", agreed, (write,))])
    assert second.id > first.id


def test_a_gone_copy_is_forgotten_once_it_is_not_settled(store: Store) -> None:
    copies = {("crm", ""): copy("c1"), ("cal", ""): copy("k1")}
    agreed = settled(store, "a1", NOW, copies)
    look(store, CAL, after(1), gone=("k1",))
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""] == Seen(Gone(), after(1), NOW)
    store.commit("sales", "c1", after(1), [Plan("a1", agreed)])
    assert store.observed(CAL, "k1") is not None
    without = replace(agreed, copies={("crm", ""): agreed.copies["crm", ""]})
    store.commit("sales", "c2", after(1), [Plan("a1", without)])
    assert store.observed(CAL, "k1") is None
    assert store.observed(CRM, "c1") is not None


def test_an_unreadable_copy_is_unseen(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    store.record_look(CAL, Look(at=after(1), unreadable=(Unreadable("k1", "2", "line 3"),)))
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""] == Seen(Unseen("line 3"), after(1), NOW)


def test_the_settled_key_stands_for_a_place(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("m")})
    look(store, CAL, after(1), copy("a"), copy("z"))
    store.assign([(CAL, "a", "a1", ""), (CAL, "z", "a1", "")])
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""].observation == Present(copy("m"))
    extra = store.extra_keys("sales", ["a1", "a2"])
    assert {id_: [item.key for item in items] for id_, items in extra.items()} == {"a1": ["a", "z"]}


def test_without_a_settled_key_one_that_is_there_stands(store: Store) -> None:
    look(store, CAL, NOW, copy("a"), copy("m"), copy("z"))
    store.assign([(CAL, key, "a1", "") for key in "amz"])
    look(store, CAL, after(1), gone=("a",))
    (case,) = store.cases("sales", ["a1"])
    assert case.views["cal", ""].observation == Present(copy("m"))
    assert [item.key for item in store.extra_keys("sales", ["a1"])["a1"]] == ["a", "z"]


def test_the_end_of_an_appointment(store: Store) -> None:
    """Invariant 4: what stays is the tombstone, and nothing returns by an old UID or key."""
    settled(store, "a1", NOW, {("crm", ""): copy("c1"), ("cal", ""): copy("k1")})
    look(store, CRM, after(1), gone=("c1",))
    store.cases("sales", ["a1"])
    long_uid = "é" * 3000
    stone = Tombstone(
        "a1",
        after(2),
        frozenset({"uid-c1", long_uid}),
        frozenset({("crm", "c1"), ("cal", "k1"), ("cal2", "k1")}),
    )
    record = Record(Kind.DELETED, (), "built-in", "crm")
    store.commit("sales", "c1", after(2), [Plan("a1", None, records=(record,), tombstone=stone)])
    assert store.agreement_ids("sales") == []
    assert store.appointments_by_uid("sales", ["uid-c1"]) == {}
    assert store.observed(CRM, "c1") is None
    item = store.observed(CAL, "k1")
    assert item is not None
    assert (item.appointment, item.dirty) == (None, False)
    assert store.due("sales", after(9)) == []
    assert store.tombstones_by("sales", uids=[long_uid]) == [stone]
    assert store.tombstones_by("sales", keys=[("cal", "k1"), ("crm", "k1")]) == [stone]
    assert store.tombstones_by("sales", ids=["a1"], uids=["uid-c1"]) == [stone]
    assert store.tombstones_by("sales", keys=[("crm", "k1")]) == []
    assert store.tombstones_by("other", ids=["a1"], uids=["uid-c1"]) == []
    assert [entry.record for entry in store.history(appointment="a1")] == [record]
    assert store.purge_tombstones(after(2)) == 0
    assert store.purge_tombstones(after(3)) == 1
    assert store.tombstones_by("sales", uids=[long_uid]) == []


def test_an_appointment_that_lives_again_has_no_tombstone(store: Store) -> None:
    agreed = settled(store, "a1", NOW, {("cal", ""): copy("k1")})
    stone = Tombstone("a1", NOW, frozenset({"u"}), frozenset({("cal", "k1")}))
    store.commit("sales", "c1", NOW, [Plan("a1", None, tombstone=stone)])
    store.give_order("a1", Order("person:ann", after(1)))
    assert store.due("sales", after(1)) == ["a1"]
    store.commit("sales", "c2", after(1), [Plan("a1", agreed)])
    assert store.tombstones_by("sales", uids=["u"], ids=["a1"]) == []
    store.commit("sales", "c3", after(2), [Plan("a1", None, tombstone=stone)])
    store.commit("sales", "c3", after(2), [Plan("a1", None, tombstone=stone)])
    assert store.tombstones_by("sales", uids=["u"]) == [stone]


def test_what_a_deleted_appointment_was(store: Store) -> None:
    """Of several burials the last one tells; without a tombstone, or in another bridge, none."""
    ids = ("a1", "a2", "a3")
    told = {id: [Remains(visit(f"{id} {n} 撤销"), "crm") for n in (1, 2)] for id in ids}
    for number in (0, 1):
        plans = [
            Plan(
                id,
                None,
                records=(Record(Kind.BURIED, (), "rule", remains=told[id][number]),),
                tombstone=Tombstone(id, after(number)) if id != "a3" else None,
            )
            for id in ids
        ]
        store.commit("sales", "c1", after(number), plans)
    assert store.remains("sales", ["a1", "a3", "a9"]) == {"a1": told["a1"][1]}
    assert store.remains("other", ids) == {}
    assert store.remains("sales", []) == {}


def test_due_times(store: Store) -> None:
    assert store.next_due("sales") is None
    store.mark_due("sales", ["a1", "a2", "a1"], after(5))
    store.mark_due("sales", ["a1"], after(9))
    store.mark_due("sales", ["a2"], after(2))
    store.mark_due("other", ["a3"], after(1))
    store.mark_due("sales", [], NOW)
    assert store.next_due("sales") == after(2)
    assert store.due("sales", after(1)) == []
    assert store.due("sales", after(2)) == ["a2"]
    assert store.due("sales", after(5)) == ["a1", "a2"]


def test_an_order_for_nothing_is_refused(store: Store) -> None:
    with pytest.raises(LookupError):
        store.give_order("a9", Order("person:ann", NOW))


def test_uids_find_appointments(store: Store) -> None:
    settled(store, "a1", NOW, {("cal", ""): copy("k1", uid="u1")})
    settled(store, "a2", NOW, {("cal", SLOT): copy("k2", uid="u1")})
    agreed = settled(store, "a3", NOW, {("cal", ""): copy("k3", uid="é" * 4000)})
    assert store.appointments_by_uid("sales", ["u1", "é" * 4000, "u9"]) == {
        "u1": {"a1", "a2"},
        "é" * 4000: {"a3"},
    }
    assert store.appointments_by_uid("other", ["u1"]) == {}
    store.commit("sales", "c1", NOW, [Plan("a3", replace(agreed, uids=frozenset({"new"})))])
    assert store.appointments_by_uid("sales", ["new", "é" * 4000]) == {"new": {"a3"}}


@pytest.mark.parametrize(
    ("appointment", "starts"),
    [
        (visit(hour=9), datetime(2026, 3, 2, 1, tzinfo=UTC)),
        (Appointment(AllDay(date(2026, 3, 2), date(2026, 3, 3))), datetime(2026, 3, 2, tzinfo=UTC)),
        (
            Appointment(Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 9))),
            datetime(2026, 3, 2, 9, tzinfo=UTC),
        ),
    ],
    ids=["zone", "all-day", "floating"],
)
def test_agreements_by_their_start(
    store: Store, appointment: Appointment, starts: datetime
) -> None:
    agreed = agreement({("cal", ""): copy("k1", appointment=appointment)}, appointment)
    store.commit("sales", "c1", NOW, [Plan("a1", agreed)])
    later = starts.replace(minute=1)
    assert store.agreements_starting_between("sales", starts, later) == [("a1", agreed)]
    assert store.agreements_starting_between("sales", later, later.replace(hour=23)) == []
    assert store.agreements_starting_between("other", starts, later) == []


def test_all_appointments_of_a_bridge_in_order_of_time(store: Store) -> None:
    for id_, title, day in (("a1", "演示 Müller", 3), ("a2", "Besuch MÜLLER", 2)):
        agreed = agreement({}, visit(title, day=day))
        store.commit("sales", "c1", NOW, [Plan(id_, agreed)])
    found = store.appointments("sales")
    assert [(each.id, each.bridge, each.appointment.title) for each in found] == [
        ("a2", "sales", "Besuch MÜLLER"),
        ("a1", "sales", "演示 Müller"),
    ]
    assert store.appointments() == found
    assert store.appointments("other") == []


def test_open_questions(store: Store) -> None:
    question = Question({"crm": visit(hour=10).when, "cal": visit(hour=11).when}, "r:1", NOW)
    agreed = replace(agreement({}), open={("when",): question, ("title",): question})
    store.commit("sales", "c1", NOW, [Plan("a1", agreed), Plan("a2", agreement({}))])
    found = store.questions("sales")
    assert [(each.appointment, each.path) for each in found] == [
        ("a1", ("title",)),
        ("a1", ("when",)),
    ]
    assert found[0].question == question
    assert store.questions("other") == []
    assert store.stats().conflicts == 1
    store.commit("sales", "c2", NOW, [Plan("a1", replace(agreed, open={}))])
    assert store.questions() == []


def test_many_at_once(store: Store) -> None:
    """More than fits into one ``IN`` list, committed and read in bulk."""
    ids = [f"a{number:04}" for number in range(1200)]
    copies = {id_: copy(f"k-{id_}", appointment=visit(f"拜访 {id_}")) for id_ in ids}
    look(store, CAL, NOW, *copies.values())
    store.assign([(CAL, copies[id_].key, id_, "") for id_ in ids])
    assert store.due("sales", NOW) == ids
    write = Write("crm", "", Operation.CREATE, visit(), visit())
    plans = [
        Plan(case.id, agreement({("cal", ""): copies[case.id]}, visit(case.id)), (write,))
        for case in store.cases("sales", ids)
    ]
    begun = store.commit("sales", "c1", NOW, plans)
    numbers = [intent.id for intent in begun]
    assert numbers == sorted(numbers)
    cases = store.cases("sales", ids)
    assert [case.id for case in cases] == ids
    for case, intent in zip(cases, begun, strict=True):
        assert case.agreement is not None
        assert case.agreement.appointment == visit(case.id)
        assert case.intents == (intent,)
    assert store.due("sales", NOW) == []
