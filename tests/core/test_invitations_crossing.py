"""An invitation and our own writes cross: whatever fails or dies, one of the two is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.marks import Unpaired
from syncd.core.model import Status
from syncd.core.pair import pair
from syncd.core.paired import Known
from syncd.core.situation import situate
from syncd.core.state import (
    WHOLE,
    Agreement,
    Case,
    Copy,
    Intent,
    Kind,
    Marker,
    Operation,
    Present,
    Seen,
    Write,
)
from tests.core.guests import MEETING, UID, before, company, invite, kept, one_meeting
from tests.core.remote import Fault

DONE = (Fault.SILENT, Fault.MUTE, Fault.KILLED, Fault.TIMEOUT)
"""Faults of writes that are carried out."""


@pytest.mark.parametrize("fault", Fault)
def test_our_deletion_goes_wrong(fault: Fault) -> None:
    """Invariant 10."""
    made = company()
    invite(made)
    made.fault("cal2", fault)
    made.cycle()
    made.run(5)
    one_meeting(made)
    assert not made.history(Kind.SET, Kind.DELETED, Kind.CONFLICT)
    made.remove("cal2")
    made.run()
    assert made.agreed().status is Status.CONFIRMED
    assert kept(made)["cal2"] == []


@pytest.mark.parametrize(
    ("when", "fault"),
    [("before", each) for each in (None, *Fault)] + [("after", each) for each in (None, *DONE)],
)
def test_it_comes_while_our_copy_is_made(when: str, fault: Fault | None) -> None:
    """Invariants 3 and 10: whatever became of our create, one look may show both."""
    made = before()
    remote = made.remotes["cal2"]
    hooks = remote.before_write if when == "before" else remote.after_write
    hooks.append(lambda: invite(made))
    made.fault("cal2", fault)
    made.cycle()
    if "invitation" not in made.remotes["cal2"].copies:
        invite(made)
    made.run(6)
    one_meeting(made)


def test_it_is_taken_back_before_our_copy_has_gone() -> None:
    """Ours stays, and is one again."""
    made = company()
    invite(made)
    made.fault("cal2", Fault.REFUSED)
    made.cycle()
    made.remove("cal2", "invitation")
    made.run()
    assert len(kept(made)["cal2"]) == 1
    assert not made.agreements[made.only].absent
    made.edit("crm", title="还在")
    made.run()
    assert made.reads("cal2").title == "还在"


def test_it_is_taken_back_after_our_copy_has_gone() -> None:
    """Bob takes part still: a copy is made anew."""
    made = company()
    invite(made)
    made.remotes["cal2"].after_write.append(lambda: made.remove("cal2", "invitation"))
    made.cycle()
    made.run(4)
    assert len(kept(made)["cal2"]) == 1
    assert not made.remotes["cal2"].copies.keys() & {"invitation"}
    assert made.agreed().status is Status.CONFIRMED


@pytest.mark.parametrize("parked", [True, False])
def test_the_store_is_lost(parked: bool) -> None:
    """Invariants 3 and 6: with our copy and the invitation side by side."""
    made = company()
    invite(made)
    if parked:
        made.fault("cal2", Fault.REFUSED)
        made.cycle()
    made.lose_store()
    made.parked.clear()
    made.run(6)
    one_meeting(made)


@pytest.mark.parametrize("away", [("cal",), ("crm",), ("crm", "cal")])
def test_the_store_is_lost_while_others_do_not_answer(away: tuple[str, ...]) -> None:
    """Invariants 3 and 6: of what we had copied the meeting is made anew, wherever that is; the
    invitation comes when it stands there as settled."""
    made = company()
    made.lose_store()
    for name in away:
        made.remotes[name].down = True
    made.cycle()
    assert made.agreed().title == MEETING.title
    for name in away:
        made.remotes[name].down = False
    invite(made)
    made.run(6)
    one_meeting(made)


def test_it_is_seen_before_the_copy_that_we_had_begun_to_make() -> None:
    """Invariant 3: our create was carried out and not answered, and the listing lags."""
    made = before()
    made.fault("cal2", Fault.TIMEOUT)
    made.cycle()
    remote = made.remotes["cal2"]
    hidden = dict(remote.copies)
    remote.copies.clear()
    invite(made)
    remote.before_write.append(lambda: remote.copies.update(hidden))
    made.cycle()
    remote.copies.update(hidden)
    made.run(4)
    one_meeting(made)


def test_our_copy_goes_first_whatever_it_is_called() -> None:
    """The server has refused it the UID, so that only its marker names the meeting. It is not
    settled yet: the invitation waits on, for whatever it has waited before."""
    made = before()
    agreement = Agreement(MEETING, uids=frozenset({UID}), born="cal")
    invitation = Copy("a", "1", "", MEETING, UID, invited=True)
    ours = Copy("b", "1", "", MEETING, "own@syncd", Marker("inst", "m1"))
    seen = [
        Unpaired("cal2", each, Seen(Present(each), made.now), waited=each is invitation)
        for each in (invitation, ours)
    ]
    known = Known({"m1": agreement}, {UID: frozenset({"m1"})})
    found = pair(seen, known, made.policy, made.moment(), lambda: "new")
    assert found.joined == {("cal2", "b"): ("m1", WHOLE)}
    assert (found.parked, found.births) == ([("cal2", "a")], {})


def test_it_is_not_what_our_create_made() -> None:
    """Of which nobody has heard for long: the intent stays open for what may come yet."""
    made = before()
    agreement = Agreement(MEETING, uids=frozenset({UID}), born="cal")
    invitation = Copy("a", "1", "", MEETING, UID, invited=True)
    intent = Intent(1, Write("cal2", WHOLE, Operation.CREATE, MEETING, MEETING), made.now)
    views = {("cal2", WHOLE): Seen(Present(invitation), made.now + timedelta(hours=2), made.now)}
    situation = situate(Case("m1", agreement, views, (intent,)), made.policy)
    assert situation.heres["cal2", WHOLE].newcomer
    assert situation.closed == ()


@pytest.mark.parametrize("edited", [True, False])
def test_our_copy_comes_to_light_when_nobody_waits_for_it_any_more(edited: bool) -> None:
    """Invariant 3: hours after the invitation has joined. It is no second meeting: it waits in the
    inbox, and is copied nowhere, until somebody takes one of the two away."""
    made = company()
    (ours,) = made.remotes["cal2"].copies.values()
    made.remotes["cal2"].copies.clear()
    made.remotes["cal2"].put("invitation", MEETING, uid=UID, invited=True)
    made.run()
    one_meeting(made)
    late = replace(MEETING, title="umbenannt") if edited else MEETING
    made.remotes["cal2"].put("late", late, uid=UID, marker=ours.marker)
    made.run()
    assert kept(made) == {**kept(made), "cal": ["alice's"], "cal2": ["invitation", "late"]}
    assert [len(keys) for keys in kept(made).values()] == [1, 1, 2]
    assert {(doubt.channel, doubt.key) for doubt in made.doubts} == {("cal2", "late")}
    made.remove("cal2", "late")
    made.doubts.clear()
    made.run()
    one_meeting(made)
