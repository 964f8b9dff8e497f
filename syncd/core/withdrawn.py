"""Copies that have left a channel: a phone that puts one back has not made it itself.

An appointment may go from a calendar and come back to life as somebody else's. So it is on record
where copies were that belonged there once: as an absence that ends when they belong there again.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.belong import holds
from syncd.core.channel import Channel, Direction, Policy
from syncd.core.draft import Draft
from syncd.core.model import Status
from syncd.core.situation import Here
from syncd.core.state import WITHDRAWN, Absence, Place


def remember_gone(heres: Iterable[Here], draft: Draft, policy: Policy) -> None:
    """Copies that went by themselves: somebody deleted them, or our deletion was not confirmed."""
    for here in heres:
        if here.gone and here.channel.direction is not Direction.FROM:
            _remember(here.channel, here.place, draft, policy)


def remember_ending(
    channel: Channel, places: Iterable[Place], draft: Draft, policy: Policy
) -> None:
    """Copies that are about to go because the appointment does not take place."""
    for place in places:
        _remember(channel, place, draft, policy)


def withdraw(channel: Channel, place: Place, draft: Draft) -> None:
    """A copy is about to go because it is not held, or no more."""
    if place not in draft.absent:
        draft.absent[place] = Absence(draft.now, WITHDRAWN, channel.person)


def forget(channel: Channel, draft: Draft) -> None:
    """The channel holds the appointment: what left it is owed again. Nobody is owed a new copy of
    what does not take place: what a calendar that marks such copies has lost stays on record."""
    if draft.appointment.status is Status.CANCELLED and not channel.is_crm:
        return
    for place, absence in list(draft.absent.items()):
        if place[0] == channel.name and absence.reason == WITHDRAWN:
            del draft.absent[place]


def keeps_own(channel: Channel, places: Iterable[Place], draft: Draft, policy: Policy) -> bool:
    """A copy that somebody made there and that the channel never held as its own stays."""
    places = list(places)
    if not places or any(draft.copies[place].ours for place in places):
        return False
    return not any(_was_held(channel, place, draft, policy) for place in places)


def _remember(channel: Channel, place: Place, draft: Draft, policy: Policy) -> None:
    if _was_held(channel, place, draft, policy):
        withdraw(channel, place, draft)


def _was_held(channel: Channel, place: Place, draft: Draft, policy: Policy) -> bool:
    before = draft.before
    if before is None:
        return False
    return _was_withdrawn(place, draft) or holds(channel, before.appointment, policy)


def _was_withdrawn(place: Place, draft: Draft) -> bool:
    """Whether the copy has left this place, or is about to, and a phone merely put it back.
    An invitation that comes later is nobody's old copy."""
    absence = draft.absent.get(place)
    if absence is None and draft.before is not None:
        settled = draft.copies.get(place)
        if settled is None or not settled.copy.invited:
            absence = draft.before.absent.get(place)
    return absence is not None and absence.reason == WITHDRAWN
