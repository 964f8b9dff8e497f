"""An edit of a shortened value, applied to the full one.

A channel that cuts, rounds or leaves out shows less than the agreed value. What a person changes
there is meant for the full value: :func:`lift` carries it over, or refuses. Two laws, for edited
values that the channel can hold: an unchanged reading lifts to the full value itself, and what
comes out reads in that channel as edited (a text made shorter may show more of its kept end).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum

from syncd.core.fidelity import Fidelity, project_when
from syncd.core.model import AllDay, Attendee, Customer, Person, Timed, Value, When
from syncd.core.paths import Path, field_of
from syncd.core.zones import from_utc, to_utc

MENDED = 0.8
"""How alike two names are that are one customer's, mended."""

_LONGEST_WORD = 100
_TOKEN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|\w+|\W")


class CannotLift(ValueError):
    """The edit contradicts what the channel does not show: a conflict."""


def lift(path: Path, edited: Value, was: Value, full: Value, fidelity: Fidelity) -> Value:
    """The full value with the edit ``was`` → ``edited`` of a channel put in.

    ``was``: the channel's previous reading at ``path``, ``full``: the agreed value. Values that a
    channel only renames (``fidelity.values``) are taken as edited. Raises :class:`CannotLift`
    where a shortened text was replaced, or its end was.
    """
    if edited == was:
        return full
    if was == full or edited is None or was is None or full is None:
        return edited
    if isinstance(edited, When) and isinstance(was, When) and isinstance(full, When):
        return _lift_when(edited, was, full, fidelity)
    if isinstance(edited, Customer) and isinstance(was, Customer) and isinstance(full, Customer):
        return _lift_customer(edited, was, full, fidelity)
    if isinstance(edited, tuple) and isinstance(full, tuple):
        return _lift_attendees(edited, full, fidelity)
    if isinstance(edited, Attendee) and isinstance(full, Attendee):
        return _lift_attendee(edited, full, fidelity)
    if isinstance(edited, Person) and isinstance(full, Person):
        return _lift_person(edited, full, fidelity)
    if isinstance(edited, str) and isinstance(was, str) and isinstance(full, str):
        return _lift_line(path, edited, was, full, fidelity)
    return edited


def lift_text(edited: str, was: str, full: str, most: int) -> str:
    """``full`` with the edit of its first ``most`` characters; what was not shown is kept.

    That needs the end of ``was`` to be left alone. Where ``edited`` is as long as the channel
    allows, an insertion pushed the end out and the channel cut it: then it is kept as well.
    Raises :class:`CannotLift`.
    """
    tail = full[len(was) :]
    if not full.startswith(was) or full[len(was) : most].strip():
        raise CannotLift("the channel did not show the beginning of the full text")
    if not tail.strip():
        return edited
    if _end_stands(was, edited, _common_end(was, edited)):
        return edited + tail
    if len(edited) >= most - 1:
        shown = _still_shown(was, edited)
        lifted = edited + was[shown:] + tail
        if shown and lifted[:most].rstrip() == edited:
            return lifted
    raise CannotLift("the end of a shortened text was replaced")


def _lift_line(path: Path, edited: str, was: str, full: str, fidelity: Fidelity) -> str:
    name = ".".join(path) if path[0] == "custom" else field_of(path)
    most = fidelity.lengths.get(name, 0)
    if not most or isinstance(edited, StrEnum) or full in fidelity.values.get(name, {}):
        return edited
    return lift_text(edited, was, full, most)


def _still_shown(was: str, edited: str) -> int:
    """How much of ``was`` an edit left in view that pushed its end out; 0 if that is not so."""
    least, most = 0, len(edited)
    while least < most:
        middle = (least + most + 1) // 2
        if edited[-middle:] in was:
            least = middle
        else:
            most = middle - 1
    if not least:
        return 0
    block = edited[-least:]
    found = was.find(block, _common_start(was, edited))
    if found < 0:
        found = was.find(block)
    if not _end_stands(was[: found + least], edited, least):
        return 0
    return found + least


def _end_stands(was: str, edited: str, length: int) -> bool:
    """Whether the common end of ``length`` characters is the old end, and no mere coincidence.

    The last word (or Chinese character) is whole and is long enough or the texts are alike; or
    it was mended itself, and the texts are very much alike.
    """
    if not length or length == len(was):
        return bool(length)
    same = min(_common_start(was, edited), min(len(was), len(edited)) - length)
    alike = 2 * (same + length) / (len(was) + len(edited))
    word = _TOKEN.findall(was[-_LONGEST_WORD:])[-1]
    if length >= len(word) and _TOKEN.findall(edited[-_LONGEST_WORD:])[-1] == word:
        return len(word) >= 3 or alike >= 0.5
    return length >= 2 and alike >= 0.7


def _common_end(one: str, other: str) -> int:
    return _common_start(one[::-1], other[::-1])


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _lift_when(edited: When, was: When, full: When, fidelity: Fidelity) -> When:
    """The ends that were edited, the others as exact as they were, in the full value's zone."""
    if isinstance(full, AllDay):
        return _whole_days(edited, fidelity) if isinstance(edited, Timed) else edited
    if isinstance(edited, AllDay) or isinstance(was, AllDay):
        return edited
    if fidelity.zone is None and edited.zone != was.zone:
        return edited
    exact = project_when(full, replace(fidelity, resolution=1))
    if isinstance(exact, Timed) and exact.zone == edited.zone == was.zone:
        for start, end in _ends(edited, was, exact):
            lifted = _expressed(Timed(start, end, edited.zone), full, fidelity)
            if project_when(lifted, fidelity) == edited:
                return lifted
    return _expressed_or_as_is(edited, full, fidelity)


def _ends(edited: Timed, was: Timed, exact: Timed) -> Iterator[tuple[datetime, datetime]]:
    """What the edit may have meant, best first."""
    start = exact.start if edited.start == was.start else edited.start
    if start is edited.start and edited.duration == was.duration:
        yield start, start + exact.duration
    yield start, exact.end if edited.end == was.end else edited.end


def _expressed(when: Timed, full: Timed, fidelity: Fidelity) -> Timed:
    """The same instants in the zone of ``full``; floating again if the channel had fixed it."""
    zone = full.zone
    if when.zone == zone or when.zone is None:
        return when
    if zone is None and fidelity.floating:
        return when
    wall_zone = zone or fidelity.default_zone
    start, end = (from_utc(to_utc(wall, when.zone), wall_zone) for wall in (when.start, when.end))
    return Timed(start, end, zone)


def _expressed_or_as_is(edited: Timed, full: Timed, fidelity: Fidelity) -> Timed:
    lifted = _expressed(edited, full, fidelity)
    return lifted if project_when(lifted, fidelity) == edited else edited


def _whole_days(edited: Timed, fidelity: Fidelity) -> When:
    """Whole days again, where midnight to midnight stood for them; else the edited time."""
    zone = fidelity.default_zone
    start, end = (to_utc(wall, edited.zone, zone) for wall in (edited.start, edited.end))
    days = AllDay(from_utc(start, zone).date(), from_utc(end, zone).date())
    return days if project_when(days, fidelity) == edited else edited


def _lift_attendees(edited: tuple[Attendee, ...], full: Value, fidelity: Fidelity) -> Value:
    known = {each.email: each for each in full} if isinstance(full, tuple) else {}
    return tuple(
        _lift_attendee(each, known[each.email], fidelity) if each.email in known else each
        for each in edited
    )


def _lift_attendee(edited: Attendee, full: Attendee, fidelity: Fidelity) -> Attendee:
    if edited.email != full.email:
        return edited
    parts = fidelity.attendee_parts
    return Attendee(
        edited.email,
        edited.name if "name" in parts else full.name,
        edited.role if "role" in parts else full.role,
        edited.response if "response" in parts else full.response,
    )


def _lift_person(edited: Person, full: Person, fidelity: Fidelity) -> Person:
    return edited if fidelity.organizer_name or edited.email != full.email else full


def _lift_customer(edited: Customer, was: Customer, full: Customer, fidelity: Fidelity) -> Customer:
    """What the channel does not carry stays if this is the same customer, and goes if not.

    The same: an id, the address or the name is still there, or the name was only mended. Another
    customer must not get the first one's id, telephone number and address.
    """
    if not _same_customer(edited, was):
        return edited
    parts = fidelity.customer_parts
    return Customer(
        _lift_part("name", edited.name, was.name, full.name, fidelity),
        _lift_part("phone", edited.phone, was.phone, full.phone, fidelity),
        _lift_part("email", edited.email, was.email, full.email, fidelity),
        edited.ids if "ids" in parts else full.ids,
    )


def _lift_part(part: str, edited: str, was: str, full: str, fidelity: Fidelity) -> str:
    if part not in fidelity.customer_parts or edited == was:
        return full
    most = fidelity.lengths.get(f"customer.{part}", 0)
    return lift_text(edited, was, full, most) if most and was != full else edited


def _same_customer(edited: Customer, was: Customer) -> bool:
    if edited.ids and was.ids:
        return bool(set(edited.ids) & set(was.ids))
    if edited.email and edited.email == was.email:
        return True
    if not edited.name or not was.name:
        return False
    if edited.name == was.name:
        return True
    return SequenceMatcher(None, edited.name, was.name, autojunk=False).ratio() >= MENDED
