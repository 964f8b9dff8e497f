"""Of a thousand channels, deciding about one appointment asks only those that it may concern."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.belong import concerned, holds
from syncd.core.channel import Channel, Filter, FilterMode, Policy
from syncd.core.fidelity import Fidelity
from syncd.core.model import Appointment, Attendee, Timed

WHEN = Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10), "Asia/Shanghai")
NAMES = [f"{name}@example.com" for name in ("fang", "wei", "raum-1", "li")]
ALIASES = [f"{name}@old.example" for name in ("fang", "wei", "raum-1", "li")]
ADDRESSES = st.sampled_from([*NAMES, *ALIASES, "kunde@kunde.example", ""])

filters = st.sampled_from([FilterMode.OWN, FilterMode.ALL, FilterMode.NONE]).map(Filter)
colleagues = st.dictionaries(st.sampled_from(ALIASES), st.sampled_from(NAMES)).map(
    lambda aliases: aliases | {name: name for name in NAMES}
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Channels of persons and of nobody, with and without aliases."""
    persons = draw(st.lists(st.sampled_from([*NAMES, ""]), max_size=8))
    channels = [
        Channel(
            name=f"c{number}",
            system="dav",
            role="calendar",
            order=number,
            fidelity=Fidelity(),
            person=person,
            holds=draw(filters),
        )
        for number, person in enumerate(persons)
    ]
    known = draw(colleagues)
    return Policy({each.name: each for each in channels}, colleagues=known)


appointments = st.builds(
    lambda owner, people, rooms: Appointment(
        WHEN,
        title="拜访 Besuch",
        owner=owner,
        attendees=tuple(Attendee(each) for each in sorted(people) if each),
        resources=frozenset(rooms),
    ),
    ADDRESSES,
    st.sets(ADDRESSES, max_size=3),
    st.sets(st.sampled_from([*NAMES, *ALIASES]), max_size=2),
)


@given(policies(), appointments, st.sets(st.sampled_from(["c0", "c3", "crm"])))
def test_whoever_is_left_out_neither_holds_it_nor_has_a_copy(
    policy: Policy, appointment: Appointment, having: set[str]
) -> None:
    """And those that are asked come in configured order, each once."""
    asked = [each.name for each in concerned(appointment, policy, having)]
    assert asked == [name for name in policy.channels if name in asked]
    for name, channel in policy.channels.items():
        if holds(channel, appointment, policy) or name in having:
            assert name in asked


def test_a_thousand_channels_are_not_asked() -> None:
    """The owner's, the attendee's by an old address, and the CRM."""
    crm = Channel(name="crm", system="crm", role="crm", order=0, fidelity=Fidelity())
    own = Filter(FilterMode.OWN)
    calendars = [
        Channel(
            name=f"dav-{number}",
            system="dav",
            role="calendar",
            order=number + 1,
            fidelity=Fidelity(),
            person=f"u{number}@example.com",
            holds=own,
        )
        for number in range(1000)
    ]
    old = {"x@old.example": "u7@example.com"}
    policy = Policy({each.name: each for each in (crm, *calendars)}, colleagues=old)
    visit = Appointment(WHEN, owner="u500@example.com", attendees=(Attendee("x@old.example"),))
    assert [each.name for each in concerned(visit, policy, ())] == ["crm", "dav-7", "dav-500"]
