"""How people name an appointment: by its id, the beginning of it, words of its title, a date."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from syncd.core.model import AllDay, Appointment, Timed
from syncd.core.recurrence import BadRecurrence, occurrences
from syncd.core.state import AppointmentId, Kind
from syncd.core.zones import from_utc, to_utc
from syncd.errors import ConfigError
from syncd.store import Store
from syncd.wording import when_text

SHORTEST = 4
"""So many characters at least are taken for the beginning of an id."""

MOST_SHOWN = 20
"""So many appointments are listed of those that a name fits."""

_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_SPAN = timedelta(days=2)


class NamingError(ConfigError):
    """The name fits no appointment, or several: says which."""


@dataclass(frozen=True, slots=True)
class Named:
    """An appointment that was found. ``deleted``: nothing is left of it but its history."""

    id: AppointmentId
    bridge: str
    appointment: Appointment
    deleted: bool = False

    def brief(self, zone: str) -> str:
        """What people know it by."""
        told = f"{self.id}  {when_text(self.appointment.when, zone)}  {self.appointment.title}"
        return f"{told} (deleted)" if self.deleted else told


def find(store: Store, name: str, zone: str) -> Named:
    """The one appointment that ``name`` fits. A day counts in the appointment's own time zone
    and in ``zone``; letters and widths are folded. Raises ``NamingError``."""
    found = fitting(store, name, zone)
    if len(found) == 1:
        return found[0]
    if not found:
        hint = "an id, the beginning of one, words of the title, a date as 2026-12-31"
        raise NamingError(f"no appointment is called {name!r}", hint=hint)
    shown = "\n  ".join(each.brief(zone) for each in found[:MOST_SHOWN])
    more = f"\n  … and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    raise NamingError(f"{len(found)} appointments are called {name!r}; name one:\n  {shown}{more}")


def fitting(store: Store, name: str, zone: str) -> list[Named]:
    """Every appointment that ``name`` fits, those that are there first, in order of time.

    Words that stand in a title just as they are named go before those that are scattered there.
    """
    known = [Named(each.id, each.bridge, each.appointment) for each in store.appointments()]
    known += _deleted(store, {each.id for each in known})
    text = name.strip()
    exact = [each for each in known if each.id == text]
    if exact:
        return exact
    if len(text) >= SHORTEST:
        begins = [each for each in known if each.id.startswith(text)]
        if begins:
            return begins
    words, day = _parts(text)
    if not words and day is None:
        return []
    phrase = [" ".join(words)] if words else []
    whole = [each for each in known if _fits(each.appointment, phrase, day, zone)]
    return whole or [each for each in known if _fits(each.appointment, words, day, zone)]


def titles(store: Store, ids: Collection[AppointmentId]) -> dict[AppointmentId, str]:
    """The titles of appointments, also of deleted ones that history knows."""
    found = {id: each.appointment.title for id, each in store.agreements(ids).items()}
    for entries in store.histories(set(ids) - found.keys()).values():
        for entry in entries:
            if entry.record.remains is not None:
                found[entry.appointment] = entry.record.remains.appointment.title
    return found


def _deleted(store: Store, there: set[AppointmentId]) -> list[Named]:
    """Appointments of which only the history is left; the latest that is known of each."""
    found: dict[AppointmentId, Named] = {}
    for entry in store.history(kind=Kind.BURIED):
        remains = entry.record.remains
        if entry.appointment not in there and remains is not None:
            found[entry.appointment] = Named(
                entry.appointment, entry.bridge, remains.appointment, deleted=True
            )
    return list(found.values())


def _parts(text: str) -> tuple[list[str], date | None]:
    """The words, folded, and the day, if one is named."""
    folded = _folded(text)
    day = None
    match = _DATE.search(folded)
    if match is not None:
        try:
            day = date(*map(int, match.groups()))
        except ValueError as error:
            raise NamingError(f"{match[0]} is no date: {error}") from error
        folded = folded[: match.start()] + " " + folded[match.end() :]
    return folded.split(), day


def _fits(appointment: Appointment, words: Sequence[str], day: date | None, zone: str) -> bool:
    title = " ".join(_folded(appointment.title).split())
    return all(word in title for word in words) and (day is None or _is_on(appointment, day, zone))


def _folded(text: str) -> str:
    """Without what people do not type alike: case, full and half width, composed letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_on(appointment: Appointment, day: date, zone: str) -> bool:
    if appointment.recurrence is None:
        return _covers(appointment, day, zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    try:
        near = occurrences(appointment, noon - _SPAN, noon + _SPAN, zone)
    except BadRecurrence:
        return _covers(appointment, day, zone)
    return any(_covers(each, day, zone) for each in near.values())


def _covers(appointment: Appointment, day: date, zone: str) -> bool:
    when = appointment.when
    if isinstance(when, AllDay):
        return when.start <= day < when.end
    return _is_within(when, day) or (when.zone is not None and _is_within(_moved(when, zone), day))


def _is_within(when: Timed, day: date) -> bool:
    last = when.end if when.end == when.start else when.end - timedelta(microseconds=1)
    return when.start.date() <= day <= last.date()


def _moved(when: Timed, zone: str) -> Timed:
    start, end = (from_utc(to_utc(wall, when.zone), zone) for wall in (when.start, when.end))
    return Timed(start, end, zone)
