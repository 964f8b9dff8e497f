"""Pairing: which copies are one appointment, whatever people and their programs do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.marks import Unpaired
from syncd.core.model import Status
from syncd.core.pair import pair
from syncd.core.state import WHOLE, Copy, Operation, Present, Seen
from tests.core.harness import World, settled_world, world
from tests.core.lookup import known_of
from tests.core.remote import Fault
from tests.core.values import VISIT, at


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_trace_30_first_contact_of_two_filled_channels() -> None:
    """Equal UIDs and unique matches are linked, doubtful ones wait, the rest is created."""
    made = world("crm", "cal")
    made.add("crm", replace(VISIT, title="同一UID"), uid="u1@x")
    made.add("cal", replace(VISIT, title="同一UID"), uid="u1@x")
    made.add("crm", replace(VISIT, title="Probefahrt 🚗", when=at(11, 9)))
    made.add("cal", replace(VISIT, title="Probefahrt 🚗", when=at(11, 9)))
    for _ in range(2):
        made.add("crm", replace(VISIT, title="Inspektion", when=at(12, 9)))
        made.add("cal", replace(VISIT, title="Inspektion", when=at(12, 9)))
    made.add("crm", replace(VISIT, title="nur im CRM", when=at(13, 9)))
    made.add("cal", replace(VISIT, title="nur im Kalender", when=at(14, 9)))
    made.run()
    assert count(made) == {"crm": 6, "cal": 6}
    expected = ["同一UID", "Probefahrt 🚗", "Inspektion", "Inspektion"]
    expected += ["nur im CRM", "nur im Kalender"]
    for name in made.remotes:
        assert [each.title for each in made.all_reads(name)] == expected
    assert {doubt.key for doubt in made.doubts} == {"crm3", "crm4", "cal3", "cal4"}
    assert len(made.agreements) == 4


def test_trace_31_a_duplicated_event_is_a_second_appointment() -> None:
    """Copied in a client, marker and all: two appointments, the first keeps its CRM record."""
    made = settled_world("crm", "cal")
    (crm_key,) = made.remotes["crm"].copies
    (copy,) = made.remotes["cal"].copies.values()
    first = made.only
    made.remotes["cal"].put("dup", replace(copy.reads, when=at(11, 9)), marker=copy.marker)
    made.run(4)
    assert count(made) == {"crm": 2, "cal": 2}
    assert len(made.agreements) == 2
    kept = made.agreements[first].copies
    assert kept[("crm", "")].copy.key == crm_key
    assert kept[("cal", "")].copy.key == copy.key


def test_trace_32_a_move_by_a_new_key_and_a_later_deletion() -> None:
    """A client writes the event anew and then deletes the old one: the same appointment."""
    made = settled_world("crm", "cal", "cal2")
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal"].put(
        "moved", replace(copy.reads, when=at(11, 9)), marker=copy.marker, uid=copy.uid
    )
    made.cycle()
    assert count(made)["crm"] == 1
    made.remove("cal", copy.key)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert len(made.agreements) == 1
    assert all(made.reads(name).when == at(11, 9) for name in made.remotes)


def test_trace_32_a_move_within_one_look() -> None:
    """New key and deletion of the old one are seen together."""
    made = settled_world("crm", "cal", "cal2")
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal"].put(
        "moved", replace(copy.reads, when=at(11, 9)), marker=copy.marker, uid=copy.uid
    )
    made.remove("cal", copy.key)
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert all(made.reads(name).when == at(11, 9) for name in made.remotes)


@pytest.mark.parametrize("keys", [("new1", "new2"), ("new2", "new1")])
def test_a_move_and_a_duplicate_within_one_look(keys: tuple[str, str]) -> None:
    """Invariant 2: the one that is called as before is the original under another key."""
    made = settled_world("crm", "cal", "cal2")
    (copy,) = made.remotes["cal"].copies.values()
    moved, twin = keys
    made.edit("cal2", description="N14")
    made.remotes["cal"].put(moved, copy.reads, marker=copy.marker)
    made.remotes["cal"].put(twin, replace(copy.reads, title="Twin 双"), marker=copy.marker)
    made.remove("cal", copy.key)
    made.run(4)
    assert made.reads("cal", moved).description == "N14"
    assert made.reads("cal", twin).description == ""
    assert made.reads("cal", twin).title == "Twin 双"


@pytest.mark.parametrize("deleted", [False, True])
def test_a_duplicate_that_is_first_seen_when_its_original_has_ended(*, deleted: bool) -> None:
    """Invariant 2. It has a UID of its own, so it is no late copy of what has ended: it stays."""
    made = settled_world("crm", "cal", "cal2")
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal"].put(
        "twin", replace(copy.reads, title="另一个"), marker=copy.marker, uid="twin@phone"
    )
    made.remotes["cal"].unlisted = True
    if deleted:
        made.remove("crm")
    else:
        made.edit("crm", status=Status.CANCELLED)
    made.cycle()
    assert set(made.remotes["cal"].copies) == {"twin"}
    made.remotes["cal"].unlisted = False
    made.run(5)
    for name in ("cal", "cal2"):
        assert [each.title for each in made.all_reads(name)] == ["另一个"]
    assert [each.title for each in made.all_reads("crm") if each.status is Status.CONFIRMED] == [
        "另一个"
    ]


def test_what_a_phone_puts_back_under_another_uid_is_no_duplicate() -> None:
    """Invariants 3 and 4. It is called as what has been cancelled: no second record."""
    made = settled_world("crm", "cal", "cal2")
    (copy,) = made.remotes["cal2"].copies.values()
    made.edit("cal", status=Status.CANCELLED)
    made.run()
    made.remotes["cal2"].put("back", copy.reads, marker=copy.marker, uid="back@vendor")
    made.run(5)
    assert len(made.remotes["crm"].copies) == len(made.agreements) == 1


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.KILLED])
def test_our_own_late_copy_of_what_has_ended_is_no_duplicate(fault: Fault) -> None:
    """Invariant 4. Its system gave it a UID that nobody had been told of."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add("crm", VISIT)
    cal = made.remotes["cal"]
    cal.after_write.append(lambda: cal.put(*cal.copies, VISIT, uid="own@vendor"))
    cal.unlisted = True
    made.fault("cal", fault)
    made.cycle()
    made.edit("crm", status=Status.CANCELLED)
    made.cycle()
    assert cal.copies
    cal.unlisted = False
    made.run(5)
    assert not cal.copies
    assert len(made.remotes["crm"].copies) == 1


def test_trace_33_one_uid_in_two_calendars_is_one_meeting() -> None:
    """Alice's and Bob's calendars show the same meeting: one CRM record."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add("cal", VISIT, uid="meeting@x")
    made.add("cal2", VISIT, uid="meeting@x")
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert len(made.agreements) == 1


def test_trace_33_the_second_calendar_shows_it_later() -> None:
    """The same, seen one after the other: the UID leads to the appointment."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add("cal", VISIT, uid="meeting@x")
    made.remotes["cal2"].down = True
    made.add("cal2", VISIT, uid="meeting@x")
    made.cycle()
    made.remotes["cal2"].down = False
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}


@pytest.mark.parametrize("lost", ["crm", "cal"])
def test_a_lost_store_is_rebuilt_by_pairing_alone(lost: str) -> None:
    """Markers and UIDs tell what is one appointment; nothing is written (invariants 3 and 6)."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add(lost, VISIT)
    made.add(lost, replace(VISIT, title="另一个", when=at(12, 9)))
    made.run()
    before: dict[str, dict[str, Copy]] = {n: dict(r.copies) for n, r in made.remotes.items()}
    made.lose_store()
    made.written.clear()
    made.run()
    assert {n: dict(r.copies) for n, r in made.remotes.items()} == before
    assert len(made.agreements) == 2
    assert not any(write.operation is Operation.CREATE for write in made.written)


def test_a_lost_store_is_rebuilt_by_markers_where_nothing_else_agrees() -> None:
    """While the store was lost, the record that we had made was renamed and moved, and it has no
    UID: our marker alone ties it to the calendars' copies."""
    made = world("cal", "crm", "cal2")
    made.cycle()
    made.add("cal", VISIT)
    made.run()
    made.lose_store()
    made.edit("crm", title="完全不同", when=at(20, 7))
    made.run()
    assert count(made) == {"cal": 1, "crm": 1, "cal2": 1}
    assert len(made.agreements) == 1
    assert {made.reads(name).title for name in made.remotes} == {"完全不同"}


def test_trace_33_long_after_first_contact_and_under_another_title() -> None:
    """Channels that have known each other for long: the UID alone says that it is one meeting."""
    made = settled_world("crm", "cal", "cal2")
    made.remotes["cal2"].down = True
    meeting = replace(VISIT, when=at(20, 9))
    made.add("cal", replace(meeting, title="会议"), "meeting", uid="meeting@x")
    made.add("cal2", replace(meeting, title="Termin mit Li"), "termin", uid="meeting@x")
    made.cycle()
    made.remotes["cal2"].down = False
    made.run()
    assert count(made) == {"crm": 2, "cal": 2, "cal2": 2}
    assert len(made.agreements) == 2


def test_a_duplicate_with_copies_is_known_again_after_an_old_backup() -> None:
    """Its marker is the original's, but its UID is that of the copies that were made of it."""
    made = settled_world("crm", "cal")
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal"].put(
        "dup", replace(copy.reads, title="另一次拜访"), marker=copy.marker, uid="dup@cal"
    )
    made.run(4)
    assert count(made) == {"crm": 2, "cal": 2}
    made.lose_store()
    made.run(4)
    assert count(made) == {"crm": 2, "cal": 2}
    assert len(made.agreements) == 2


def test_of_two_with_one_marker_the_uid_tells_which_is_the_moved_one() -> None:
    """A client duplicates an event and gives the original another key, in one look."""
    made = settled_world("crm", "cal")
    (copy,) = made.remotes["cal"].copies.values()
    first = made.only
    made.remotes["cal"].put(
        "a-duplicate", replace(copy.reads, title="Kopie"), marker=copy.marker, uid="dup@cal"
    )
    made.remotes["cal"].put("moved", copy.reads, marker=copy.marker, uid=copy.uid)
    made.remove("cal", copy.key)
    made.run(4)
    assert made.agreements[first].copies[("cal", "")].copy.key == "moved"
    assert count(made) == {"crm": 2, "cal": 2}


def test_a_duplicate_outlives_its_original() -> None:
    """The CRM deletes a record while somebody duplicates its copy: the duplicate is no leftover
    of ours, and meets no tombstone."""
    made = settled_world("crm", "cal")
    (copy,) = made.remotes["cal"].copies.values()
    made.remotes["cal"].put(
        "dup", replace(copy.reads, title="另一次"), marker=copy.marker, uid="dup@cal"
    )
    made.remove("crm")
    made.run(4)
    assert [each.title for each in made.all_reads("cal")] == ["另一次"]
    assert [each.title for each in made.all_reads("crm")] == ["另一次"]


@pytest.mark.parametrize(("born", "later"), [("cal", "crm"), ("crm", "cal")])
def test_our_copy_comes_back_after_its_original_was_born_anew(born: str, later: str) -> None:
    """Invariants 3 and 6: the store was lost while one system was down. Its copy bears a mark that
    nobody knows and no UID, and is what is equal to it."""
    made = world("crm", "cal")
    made.cycle()
    made.add(born, VISIT, uid=None)
    made.run()
    made.lose_store()
    copies = made.remotes[later].copies
    for key, copy in copies.items():
        copies[key] = replace(copy, uid=None)
    made.remotes[later].down = True
    made.run()
    made.remotes[later].down = False
    made.written.clear()
    made.run()
    assert count(made) == {"crm": 1, "cal": 1}
    assert made.written == []
    assert len(made.agreements) == 1


@pytest.mark.parametrize("fault", [Fault.KILLED, Fault.TIMEOUT, Fault.LOST, Fault.DEAD])
def test_a_duplicate_outlives_its_original_whose_removal_nobody_has_heard_of(fault: Fault) -> None:
    """Invariant 2. It was seen beside the original, which we were removing: no client has moved
    that one to another key."""
    world = settled_world("crm", "cal", "cal2")
    world.remove("cal")
    (copy,) = world.remotes["cal2"].copies.values()
    double = replace(copy.reads, title="Kopie")
    world.remotes["cal2"].put("a-duplicate", double, marker=copy.marker, uid="dup@cal2")
    world.fault("cal2", fault)
    world.cycle()
    world.run()
    titles = [copy.reads.title for copy in world.remotes["cal2"].copies.values()]
    assert titles == ["Kopie"]
    statuses = {each.title: each.status for each in world.all_reads("crm")}
    assert statuses == {VISIT.title: Status.CANCELLED, "Kopie": Status.CONFIRMED}


@pytest.mark.parametrize("beside", [True, False], ids=["beside it", "without it"])
def test_a_duplicate_is_no_doubt_where_its_original_stands(beside: bool) -> None:
    """Trace 31, on a first contact, as after an older state was put in place: the record is
    called almost as the duplicate, its copy in that calendar was settled under another name."""
    made = settled_world("crm", "cal", "cal2")
    id, agreement = made.only, made.agreements[made.only]
    copies = {place: each for place, each in agreement.copies.items() if place[0] != "cal2"}
    named = replace(copies["crm", WHOLE].copy, reads=replace(VISIT, title="t1 Besuch Müller"))
    copies["crm", WHOLE] = replace(copies["crm", WHOLE], copy=named)
    if not beside:
        del copies["cal", WHOLE]
    made.agreements[id] = replace(agreement, copies=copies)
    double = Copy("dup", "1", "", replace(VISIT, title="t2 Besuch Müller"), "dup@cal")
    new = Unpaired("cal", double, Seen(Present(double), made.now))
    known = replace(known_of(made), contacts=frozenset(made.policy.channels))
    found = pair([new], known, made.policy, made.moment(), lambda: "new")
    assert [doubt.reason for doubt in found.doubts] == ["similar title"] * (not beside)
    assert list(found.births) == ["new"] * beside


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.MUTE, Fault.TIMEOUT, Fault.LOST])
@pytest.mark.parametrize("version", ["v9", "v1", "v3"], ids=["of its own", "as before", "as after"])
def test_what_was_written_to_an_item_that_is_gone_is_written_to_the_one_in_its_place(
    version: str, fault: Fault
) -> None:
    """Invariant 3. A person duplicates what we have made in a calendar that does not answer. What
    was set elsewhere meanwhile is written, and the original deleted at once. Numbers of versions
    begin anew with each item."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    made.add("crm", VISIT)
    made.fault("cal2", Fault.SILENT)
    made.cycle()
    remote = made.remotes["cal2"]
    (key, ours), remote.down = *remote.copies.items(), True
    double = replace(VISIT, title="Kopie")
    remote.put("dup", double, marker=ours.marker, uid="dup@cal2", version=version)
    made.edit("crm", location="上海")
    made.cycle()
    remote.down = False
    made.fault("cal2", fault)
    made.cycle()
    made.remove("cal2", key)
    made.run()
    assert {name: made.reads(name) for name in made.remotes} == dict.fromkeys(
        made.remotes, replace(VISIT, title="Kopie", location="上海")
    )


def test_a_system_that_puts_what_we_made_under_another_key_has_edited_nothing() -> None:
    """Invariant 2. It rounds as well; the version that it answered with is that of the item."""
    made = world("crm", "cal", "cal2")
    made.cycle()
    remote = made.remotes["cal2"]
    remote.rewrite = lambda content: replace(content, description="(rewritten)")
    made.add("crm", VISIT)
    made.fault("cal2", Fault.SILENT)
    made.cycle()
    _, copy = remote.copies.popitem()
    remote.copies["elsewhere"] = replace(copy, key="elsewhere")
    made.run()
    assert [made.reads(name).description for name in ("crm", "cal")] == [VISIT.description] * 2
    assert list(remote.copies) == ["elsewhere"]
