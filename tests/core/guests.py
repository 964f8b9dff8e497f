"""Alice invites Bob: her meeting in the pure world, our copy of it, and his invitation."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fidelity import project
from syncd.core.model import Appointment, Attendee, Person
from syncd.core.state import (
    WHOLE,
)
from tests.core.harness import World, world
from tests.core.values import VISIT, channel

ALICE, BOB = "alice@example.com", "bob@example.com"
UID = "meeting@alice"
MEETING = replace(VISIT, organizer=Person(ALICE, "Alice"), attendees=(Attendee(BOB, "Bob 王"),))


def company(meeting: Appointment = MEETING, **bobs: object) -> World:
    """A CRM, Alice's calendar, and Bob's, to which her meeting has been copied."""
    made = before(meeting, **bobs)
    made.run()
    made.written.clear()
    made.records.clear()
    return made


def before(meeting: Appointment = MEETING, **bobs: object) -> World:
    """The same, before her meeting has been seen."""
    made = world(
        "crm",
        channel("cal", 1, person=ALICE),
        channel("cal2", 2, person=BOB, **bobs),
        domains=frozenset({"example.com"}),
    )
    made.cycle()
    made.add("cal", meeting, "alice's", uid=UID)
    return made


def invite(made: World, meeting: Appointment = MEETING, key: str = "invitation") -> None:
    """The vendor puts the invitation into Bob's calendar."""
    made.remotes["cal2"].put(key, meeting, uid=UID, invited=True)


def kept(made: World) -> dict[str, list[str]]:
    """The keys in each channel."""
    return {name: list(remote.copies) for name, remote in made.remotes.items()}


def one_meeting(made: World) -> None:
    """One record, Alice's meeting, Bob's invitation; all say the same."""
    (record,) = made.remotes["crm"].copies
    assert kept(made) == {"crm": [record], "cal": ["alice's"], "cal2": ["invitation"]}
    agreement = made.agreements[made.only]
    settled = agreement.copies[("cal2", WHOLE)]
    assert (settled.copy.key, settled.copy.invited, settled.ours) == ("invitation", True, False)
    assert not agreement.absent
    assert not made.doubts
    for name, remote in made.remotes.items():
        assert made.reads(name) == project(made.agreed(), remote.channel.fidelity)
