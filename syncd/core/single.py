"""A series that was made a single appointment: its first occurrence is what is left of it."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.draft import Draft
from syncd.core.model import Override
from syncd.core.paths import DELETED, Path, get, patch
from syncd.core.recurrence import rid_of
from syncd.core.state import Kind, Record, Slot


def made_single(draft: Draft) -> None:
    """What the first occurrence was given of its own in another system, when its series was made
    single in one, is the appointment's own now. That it was dropped there does not count: nobody
    drops all of an appointment by that. Of the others it has been told that they went."""
    before, now = draft.before, draft.appointment
    if before is None or now.recurrence is not None or not now.overrides:
        return
    first = rid_of(before.appointment.when)
    draft.appointment = replace(now, overrides=())
    for slot, override in now.overrides:
        if slot == first:
            _take_in(slot, override, draft)


def _take_in(slot: Slot, override: Override, draft: Draft) -> None:
    known = draft.before.setters if draft.before is not None else {}
    dropped: Path = ("overrides", slot, DELETED)
    by = draft.setters.get(dropped)
    if override.deleted and by is not None:
        draft.records.append(Record(Kind.PUT_BACK, dropped, by.rule, claims=((by.channel, True),)))
    for name, value in override.values:
        own, path = ("overrides", slot, name), (name,)
        setter, other = draft.setters.get(own), draft.setters.get(path)
        left = get(draft.appointment, path)
        draft.appointment = patch(draft.appointment, {path: value})
        if setter is None:
            continue
        draft.setters[path] = setter
        if other is not None and known.get(path) != other and other.channel != setter.channel:
            claims = ((setter.channel, value), (other.channel, left))
            draft.records.append(
                Record(Kind.CONFLICT, path, setter.rule, setter.channel, value, left, claims)
            )
