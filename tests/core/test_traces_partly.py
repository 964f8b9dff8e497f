"""A channel that holds some series itself: for the others single occurrences stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.core.channel import Channel
from syncd.core.fidelity import project
from syncd.core.model import Appointment, Override, Recurrence, Status
from syncd.core.paths import DELETED, get
from syncd.core.recurrence import is_occurrence, occurrence, occurrences
from syncd.core.state import WHOLE, Kind, Operation
from tests.core.harness import World, settled_world, world
from tests.core.remote import Fault
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import CALDAV, VISIT, at, channel


def counted(series: Appointment) -> bool:
    """Whether the rules of a series have a count, and no date stands beside them."""
    recurrence = series.recurrence
    if recurrence is None:
        return True
    return not recurrence.dates and all("COUNT" in rule for rule in recurrence.rules)


PARTLY = channel("partly", 0, fidelity=replace(CALDAV, series=counted))
EXTRA = "20260312T100000"
DATED = replace(WEEKLY, recurrence=Recurrence(WEEKLY.recurrence.rules, (EXTRA,)))  # type: ignore[union-attr]  # it is a series
"""Six Tuesdays and a Thursday, which has no form in the channel."""
ALL = tuple(sorted((*RIDS, EXTRA)))


def held(made: World, name: str = "partly") -> dict[str, Appointment]:
    """What the channel holds, by slot."""
    copies = made.agreements[made.only].copies
    remote = made.remotes[name].copies
    assert {each.copy.key for place, each in copies.items() if place[0] == name} == set(remote)
    return {p[1]: remote[c.copy.key].reads for p, c in sorted(copies.items()) if p[0] == name}


def key(made: World, slot: str) -> str:
    return made.agreements[made.only].copies[("partly", slot)].copy.key


def partly(visit: Appointment = DATED, *more: str | Channel) -> World:
    return settled_world("cal", PARTLY, "crm", *more, visit=visit)


def test_what_it_can_hold_is_a_series() -> None:
    assert held(partly(WEEKLY)) == {WHOLE: project(WEEKLY, CALDAV)}


def test_for_what_it_cannot_hold_single_occurrences_stand() -> None:
    """Also beside a channel that has no series at all, and one that has all."""
    made = partly(DATED, "rows")
    assert tuple(held(made)) == ALL == tuple(held(made, "rows"))
    assert all(each.recurrence is None for each in held(made).values())
    assert made.reads("cal").recurrence == DATED.recurrence


def test_an_edit_of_a_single_occurrence_is_an_override() -> None:
    made = partly()
    made.edit("partly", key(made, RIDS[2]), title="例会")
    made.run()
    for name in ("cal", "crm"):
        assert dict((made.reads(name).override(RIDS[2]) or Override()).values) == {"title": "例会"}
    assert [each.title for each in held(made).values()].count("例会") == 1


def test_a_deleted_single_occurrence_is_an_exception() -> None:
    made = partly()
    made.remove("partly", key(made, EXTRA))
    made.run()
    assert tuple(held(made)) == RIDS
    own = made.reads("cal").override(EXTRA)
    assert own is not None
    assert own.deleted
    assert made.reads("cal").status is Status.CONFIRMED


def test_a_series_that_it_can_hold_no_longer() -> None:
    """The series goes, then single occurrences come; nothing else is written, nobody loses."""
    made = partly(WEEKLY)
    made.edit("cal", recurrence=DATED.recurrence, title="新的")
    made.run()
    assert tuple(held(made)) == ALL
    assert {each.title for each in held(made).values()} == {"新的"}
    assert made.reads("cal").recurrence == made.reads("crm").recurrence == DATED.recurrence
    assert [w.operation for w in made.written if w.channel == "partly"] == [
        Operation.DELETE,
        *[Operation.CREATE] * len(ALL),
    ]
    assert not made.history(Kind.CONFLICT, Kind.ASKED, Kind.DELETED)


def test_a_series_that_may_not_go_stays_alone() -> None:
    """Where the system refuses to remove it, nothing is there twice."""
    made = partly(WEEKLY)
    made.aside = frozenset({(("partly", WHOLE), ())})
    made.edit("cal", recurrence=DATED.recurrence)
    made.run()
    assert held(made) == {WHOLE: project(WEEKLY, CALDAV)}
    made.aside = frozenset()
    made.run()
    assert tuple(held(made)) == ALL


def test_an_invitation_is_not_taken_away() -> None:
    """It is owed what its system will refuse to hold, as any invitation that was changed here."""
    made = partly(WEEKLY)
    made.remotes["partly"].put(key(made, WHOLE), made.reads("partly"), invited=True)
    made.run()
    made.written.clear()
    made.edit("cal", recurrence=DATED.recurrence)
    made.remotes["partly"].down = True
    made.cycle()
    assert not [w for w in made.written if w.operation is not Operation.UPDATE]


def test_a_series_that_it_can_hold_again() -> None:
    """The series comes first, then what stood for it goes, be it past."""
    made = partly()
    made.now += timedelta(days=20)
    made.edit("cal", recurrence=WEEKLY.recurrence)
    made.run()
    assert held(made) == {WHOLE: project(WEEKLY, CALDAV)} | {
        EXTRA: project(replace(VISIT, when=at(12, 10)), CALDAV)  # over, and no longer one of it
    }
    assert made.reads("cal").recurrence == WEEKLY.recurrence
    assert not made.history(Kind.CONFLICT, Kind.ASKED, Kind.DELETED)


def test_an_edit_while_the_form_changes_is_kept() -> None:
    """Somebody changes the series before it goes, and an occurrence before that goes."""
    made = partly(WEEKLY)
    made.edit("cal", recurrence=DATED.recurrence)
    made.remotes["partly"].before_write.append(
        lambda: made.edit("partly", key(made, WHOLE), location="上海")
    )
    made.run()
    assert tuple(held(made)) == ALL
    assert made.reads("cal").location == "上海"
    assert {each.location for each in held(made).values()} == {"上海"}
    made.edit("cal", recurrence=WEEKLY.recurrence)
    made.remotes["partly"].before_write.append(
        lambda: made.edit("partly", key(made, RIDS[4]), title="搬家")
    )
    made.run()
    assert tuple(held(made)) == (WHOLE,)
    assert dict((made.reads("partly").override(RIDS[4]) or Override()).values)["title"] == "搬家"


def test_a_single_visit_becomes_such_a_series_and_one_again() -> None:
    made = partly(VISIT)
    first = key(made, WHOLE)
    made.edit("cal", recurrence=DATED.recurrence)
    made.run()
    assert tuple(held(made)) == ALL
    assert key(made, RIDS[0]) == first
    made.edit("cal", recurrence=None)
    made.run()
    assert held(made) == {WHOLE: project(VISIT, CALDAV)}
    assert key(made, WHOLE) == first


def test_a_moved_series_keeps_its_single_occurrences() -> None:
    made = partly()
    keys = set(made.remotes["partly"].copies)
    moved = Recurrence(WEEKLY.recurrence.rules, ("20260312T120000",))  # type: ignore[union-attr]  # it is a series
    made.edit("cal", when=at(10, 12), recurrence=moved)
    made.run()
    assert set(made.remotes["partly"].copies) == keys
    assert tuple(held(made)) == tuple(rid.replace("T10", "T12") for rid in ALL)


def test_after_a_lost_state_each_finds_its_place() -> None:
    made = partly()
    before = {name: dict(remote.copies) for name, remote in made.remotes.items()}
    made.lose_store()
    made.written.clear()
    made.run()
    assert {name: dict(remote.copies) for name, remote in made.remotes.items()} == before
    assert tuple(held(made)) == ALL
    assert not made.written


def test_at_first_contact_single_copies_are_its_occurrences() -> None:
    """Nothing is there twice. What it could hold as a series is
    not looked for in single copies."""
    for visit, joined in ((DATED, True), (WEEKLY, False)):
        made = world("cal", PARTLY)
        made.add("cal", visit)
        single = occurrence(visit, RIDS[1])
        assert single is not None
        made.add("partly", single)
        made.run()
        assert (len(made.agreements) == 1) is joined
        assert len(made.remotes["partly"].copies) == (len(ALL) if joined else 2)
        assert len(made.remotes["cal"].copies) == (1 if joined else 2)


def test_somebody_duplicates_a_single_occurrence() -> None:
    """The duplicate is an appointment of its own; the series is as it was."""
    made = partly()
    of = made.remotes["partly"].copies[key(made, RIDS[2])]
    made.add("partly", replace(of.reads, title="拜访 (2)"), "own", uid="own@partly")
    made.run()
    assert len(made.agreements) == 2
    assert len(made.remotes["partly"].copies) == len(ALL) + 1
    assert [each.recurrence for each in made.all_reads("cal")].count(None) == 1


def test_only_occurrences_in_the_window_stand() -> None:
    """The horizon moves on, and with it the single occurrences."""
    endless = Recurrence(("FREQ=WEEKLY",))
    made = world("cal", PARTLY)
    made.future = timedelta(days=30)
    made.cycle()
    made.add("cal", replace(VISIT, recurrence=endless))
    made.run()
    assert tuple(held(made)) == RIDS[:4]
    made.now += timedelta(days=7)
    made.run()
    assert tuple(held(made)) == RIDS[:5]


@pytest.mark.parametrize("back", [False, True])
def test_a_lost_state_in_the_middle_of_a_change(*, back: bool) -> None:
    """Both forms are there, or neither: afterwards one is, once."""
    made = partly(DATED if back else WEEKLY)
    made.edit("cal", recurrence=(WEEKLY if back else DATED).recurrence)
    made.cycle()
    made.lose_store()
    made.run(6)
    assert tuple(held(made)) == ((WHOLE,) if back else ALL)
    assert len(made.agreements) == 1


def test_a_declined_series_does_not_come_back_singly() -> None:
    """Its future was deleted there, so nothing of what is left comes there in another form."""
    made = partly(WEEKLY)
    made.now += timedelta(days=20)
    made.cycle()
    made.remove("partly")
    made.run()
    assert not made.remotes["partly"].copies
    rule = made.reads("cal").recurrence
    assert rule is not None
    assert rule != WEEKLY.recurrence
    made.edit("cal", recurrence=Recurrence(rule.rules, ("20260501T100000",)))
    made.run()
    assert not made.remotes["partly"].copies


FORMS = (None, WEEKLY.recurrence, DATED.recurrence, Recurrence(("FREQ=DAILY;UNTIL=20260316",)))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("cal", "crm")),
        st.sampled_from(FORMS),
        st.sampled_from(("", "title", "delete")),
        st.lists(st.sampled_from([each for each in Fault if each is not Fault.SILENT]), max_size=3),
    ),
    min_size=1,
    max_size=5,
)
TAKEN_TWICE = [
    ("cal", None, "", []),
    ("cal", DATED.recurrence, "", []),
    ("cal", WEEKLY.recurrence, "", [Fault.MUTE, Fault.KILLED]),
    ("cal", None, "delete", []),
    ("cal", WEEKLY.recurrence, "delete", []),
]
"""The series is made beside its single occurrences, one of which somebody deletes."""
MADE_SINGLE = [
    ("cal", None, "title", []),
    ("cal", DATED.recurrence, "", [Fault.REFUSED, Fault.KILLED]),
    *[("cal", None, "title", [])] * 2,
]
"""What stands for its first occurrence is renamed as the series is made single."""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example(TAKEN_TWICE)
@example(MADE_SINGLE)
def test_whatever_the_form_was_it_ends_in_one(
    steps: list[tuple[str, Recurrence | None, str, list[Fault]]],
) -> None:
    """Invariants 1, 2 and 4: after any changes of form, edits and deletions, with faults, the
    channel holds either the series or each of its occurrences in the window, once. What was
    deleted last stays away, or is on record; nothing else ends the appointment than that somebody
    deletes all that is left of it there."""
    made, dropped, ended = partly(WEEKLY), "", False
    for number, (name, form, act, faults) in enumerate(steps):
        if not made.agreements or not made.remotes[name].copies:
            return
        same = made.agreed().recurrence == form
        made.edit(name, recurrence=form, overrides=())
        copies = made.remotes["partly"].copies
        seen = {key for key in copies if ("partly", key) in made.rows}  # else nobody knew of it
        singles = sorted(key for key in seen if copies[key].reads.recurrence is None)
        dropped = ""
        if act == "title" and copies:
            made.edit("partly", min(copies), title=f"例会 {number}")
        elif act == "delete" and len(singles) > 1:
            slots = {key: made.rows["partly", key].slot for key in seen}
            slot = slots[singles[0]]
            ended = ended or slot == WHOLE
            # Where the series stands beside it, only one of two is taken away; and what a create
            # that died half-way has left is made once more: nobody had agreed to it.
            agreed = {each.copy.key for each in made.agreements[made.only].copies.values()}
            is_one = same and WHOLE not in slots.values() and singles[0] in agreed
            dropped = slot if is_one else ""
            made.remove("partly", singles[0])
        made.fault("partly", *faults)
        made.cycle()
    for remote in made.remotes.values():
        remote.faults.clear()
    made.run(8)
    whole = made.agreed()
    fidelity = made.policy.channels["partly"].fidelity
    found, moment = held(made), made.moment()
    if whole.status is Status.CANCELLED:
        assert ended
        assert not found
        return
    if dropped and is_occurrence(whole, dropped):
        path = ("overrides", dropped, DELETED)
        assert get(whole, path) or path in {record.path for record in made.history()}
    if whole.recurrence is None or counted(whole):
        assert found == {WHOLE: project(whole, fidelity)}
        return
    wanted = occurrences(whole, moment.start, moment.end)
    assert found.keys() == wanted.keys()
    for slot, reads in found.items():
        single = occurrence(whole, slot)
        assert single is not None
        assert reads == project(single, fidelity)


@pytest.mark.xfail(
    strict=True,
    reason="a gap: what a create that was doubled and killed half-way has left is in no agreement,"
    " so that its deletion is not heard, and nothing tells so",
)
def test_what_was_made_half_way_and_deleted_stays_away() -> None:
    """Invariant 4; found by the law above, which speaks of what was agreed to."""
    made = partly(WEEKLY)
    made.fault("partly", Fault.MUTE, Fault.DOUBLED, Fault.DOUBLED)
    made.cycle()
    for faults in ([], [Fault.KILLED]):
        made.edit("cal", recurrence=DATED.recurrence, overrides=())
        made.fault("partly", *faults)
        made.cycle()
    slots = {made.rows["partly", key].slot: key for name, key in made.rows if name == "partly"}
    made.edit("cal", recurrence=DATED.recurrence, overrides=())
    made.remove("partly", slots[RIDS[0]])
    made.run(8)
    path = ("overrides", RIDS[0], DELETED)
    assert get(made.agreed(), path) or path in {record.path for record in made.history()}
