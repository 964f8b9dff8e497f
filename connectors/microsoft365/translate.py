"""From an event (a series with its exceptions) to a copy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.microsoft365.carried import resolve, zone_hint
from connectors.microsoft365.expressible import expresses
from connectors.microsoft365.fields import (
    PLAIN,
    Unusable,
    instant,
    is_meeting,
    read_when,
    text_at,
    time_of,
)
from connectors.microsoft365.patterns import NoPattern, recurrence_of
from connectors.microsoft365.wire import Event, Item, digest, parse
from syncd.core.fidelity import Fidelity, single
from syncd.core.instances import rid_at
from syncd.core.model import (
    FIELDS,
    AllDay,
    Appointment,
    Override,
    Recurrence,
    RecurrenceId,
    Timed,
    Value,
    When,
    normalise_email,
)
from syncd.core.recurrence import is_occurrence
from syncd.core.state import Copy, Key, Marker, Version
from syncd.core.zones import UTC_ZONE, from_utc, to_utc

_LONGEST_TITLE = 255


def fidelity_in(default_zone: str) -> Fidelity:
    """What a calendar carries. Graph knows no floating times, and Outlook's are of minutes."""
    return Fidelity(
        carries=frozenset(FIELDS) - {"customer", "kind", "owner", "custom"},
        values={"status": {"completed": "confirmed", "no_show": "confirmed"}},
        lengths={"title": _LONGEST_TITLE},
        resolution=60,
        series=expresses,
        floating=False,
        default_zone=default_zone,
    )


def transaction_of(marker: Marker | str, attempt: int = 0) -> str:
    """The ``transactionId`` by which a copy is created once; a GUID in form.

    Where Graph still knows it of a copy that was deleted since, the next ``attempt`` has another.
    """
    name = digest(["transaction", str(marker)]) + digest(["syncd", str(marker)])
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:28]}{attempt:04x}"


def is_ours(item: Item) -> bool:
    """Whether this is the event that was created with its marker, not one that a person made of
    it: a duplicate has the marker, but no ``transactionId``."""
    given = text_at(item.event, "transactionId").lower()
    return bool(item.marker) and given[:-4] == transaction_of(item.marker)[:-4]


def read(key: Key, version: Version | None, text: str, own: frozenset[str] = frozenset()) -> Copy:
    """The copy that a wire form is. ``own``: addresses of the calendar's owner.

    Raises :class:`Unusable` or :class:`~connectors.microsoft365.wire.WireError`.
    """
    return copy_of(parse(text), key, version, own, text)


def copy_of(
    item: Item, key: Key, version: Version | None, own: frozenset[str], text: str = ""
) -> Copy:
    """The copy that an item is. Raises :class:`Unusable`, whatever Graph answers with."""
    try:
        return _copy_of(item, key, version, own, text)
    except Unusable:
        raise
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
        raise Unusable("its properties have no form that is known") from error


def _copy_of(item: Item, key: Key, version: Version | None, own: frozenset[str], text: str) -> Copy:
    carried_uid = item.carried.get("uid")
    uid = text_at(item.event, "iCalUId")
    if isinstance(carried_uid, str) and carried_uid and is_ours(item):
        uid = carried_uid
    return Copy(
        key=key,
        version=version,
        wire=text or item.text(),
        reads=appointment_of(item),
        uid=uid or None,
        marker=Marker.parse(item.marker),
        modified=_modified(item),
        invited=_is_invitation(item.event, own),
    )


def _is_invitation(event: Event, own: frozenset[str]) -> bool:
    if event.get("isOrganizer") is not False or not is_meeting(event):
        return False
    organizer = normalise_email(text_at(event, "organizer", "emailAddress", "address"))
    return bool(organizer) and organizer not in own


def _modified(item: Item) -> datetime | None:
    stamps = [text_at(each, "lastModifiedDateTime") for each in (item.event, *item.exceptions)]
    return max((found for stamp in stamps if (found := instant(stamp)) is not None), default=None)


def appointment_of(item: Item) -> Appointment:
    """What an item reads as. Raises :class:`Unusable`."""
    values = values_of(item.event, item.carried)
    when = when_of(item)
    recurrence = recurrence_in(item, when)
    overrides = overrides_of(item, when, recurrence, values) if recurrence is not None else {}
    return Appointment(
        when=when,
        recurrence=recurrence,
        overrides=tuple(overrides.items()),
        **values,  # type: ignore[arg-type]  # PLAIN gives each field its own type
    )


def values_of(event: Event, carried: Mapping[str, object]) -> dict[str, Value]:
    """What one event reads as, without its time."""
    return {name: resolve(name, plain(event), carried) for name, plain in PLAIN.items()}


def when_of(item: Item) -> When:
    """When the event, or the first occurrence of the series, takes place."""
    return read_when(item.event, zone_hint(item.carried))


def recurrence_in(item: Item, when: When) -> Recurrence | None:
    """When it repeats. Raises :class:`Unusable` where Graph's words have no meaning."""
    patterned = item.event.get("recurrence")
    if patterned is None:
        return None
    if not isinstance(patterned, Mapping):
        raise Unusable("its recurrence cannot be read")
    try:
        plain = recurrence_of(patterned, when)
    except NoPattern as error:
        raise Unusable(str(error)) from error
    found = resolve("recurrence", plain, item.carried)
    return found if isinstance(found, Recurrence) else plain


def overrides_of(
    item: Item, when: When, recurrence: Recurrence, values: Mapping[str, Value]
) -> dict[RecurrenceId, Override]:
    """What the occurrences of a series have of their own. An occurrence that differs only in
    what is carried is no exception to Graph."""
    found = {rid: Override(deleted=True) for rid in cancelled_in(item, when)}
    differing = {rid_of_exception(event, when): event for event in item.exceptions}
    series = Appointment(when, recurrence=recurrence)
    for rid in _carried_rids(item) - differing.keys() - found.keys():
        if is_occurrence(series, rid):
            differing[rid] = item.event | time_of(usual_when(when, rid), UTC_ZONE)
    for rid, event in differing.items():
        full = exception_values(item, event, rid, when, values)
        if event not in item.exceptions:
            full["when"] = usual_when(when, rid)
        usual = {**values, "when": usual_when(when, rid)}
        own = [
            (name, value)
            for name, value in full.items()
            if name != "organizer" and value != usual[name]
        ]
        found[rid] = Override(tuple(own))
    return found


def exception_values(
    item: Item, event: Event, rid: RecurrenceId, when: When, values: Mapping[str, Value]
) -> dict[str, Value]:
    """All that an exception reads as. Where it says what its series says, it reads as that."""
    carried = own_carried(item, rid)
    found: dict[str, Value] = {}
    for name, plain in PLAIN.items():
        said = plain(event)
        if name in carried or said != plain(item.event):
            found[name] = resolve(name, said, carried)
        else:
            found[name] = values[name]
    hint = zone_hint(carried) or zone_hint(item.carried)
    own, usual = read_when(event, hint), usual_when(when, rid)
    found["when"] = usual if same_time(own, usual) else own
    return found


def _carried_rids(item: Item) -> set[RecurrenceId]:
    own = item.carried.get("own")
    return {str(rid) for rid in own} if isinstance(own, Mapping) else set()


def own_carried(item: Item, rid: RecurrenceId) -> Mapping[str, object]:
    """What is carried for one occurrence, with its series."""
    all_of_them = item.carried.get("own")
    entry = all_of_them.get(rid) if isinstance(all_of_them, Mapping) else None
    return entry if isinstance(entry, Mapping) else {}


def cancelled_in(item: Item, when: When) -> list[RecurrenceId]:
    """The occurrences that do not take place."""
    found = []
    for day in item.cancelled:
        try:
            start = datetime.fromisoformat(day)
        except ValueError as error:
            raise Unusable("a cancelled occurrence has no day") from error
        found.append(_rid_on(when, start))
    return found


def rid_of_exception(event: Event, when: When) -> RecurrenceId:
    """Which occurrence an exception is: the one of the day on which it was meant to start."""
    stamp = text_at(event, "originalStart")
    first = instant(stamp)
    if first is None:
        raise Unusable("an exception does not say which occurrence it is")
    if isinstance(when, AllDay) and first.hour == first.minute == 0:
        return _rid_on(when, first)
    zone = when.zone if isinstance(when, Timed) else None
    return _rid_on(when, from_utc(first, zone or "UTC"))


def _rid_on(when: When, day: datetime) -> RecurrenceId:
    if isinstance(when, AllDay):
        return rid_at(when, datetime(day.year, day.month, day.day))
    return rid_at(when, datetime.combine(day.date(), when.start.time()))


def usual_when(series: When, rid: RecurrenceId) -> When:
    """When an occurrence takes place unless it was moved."""
    day = datetime(int(rid[:4]), int(rid[4:6]), int(rid[6:8]))
    start = datetime.combine(day.date(), series.start.time()) if isinstance(series, Timed) else day
    return single(series, series.duration, start)


def same_time(one: When, other: When) -> bool:
    """Whether two times are the same instants, in one zone or two."""
    if not (isinstance(one, Timed) and isinstance(other, Timed)):
        return one == other
    if one.zone is None or other.zone is None:
        return one == other
    return to_utc(one.start, one.zone) == to_utc(other.start, other.zone) and to_utc(
        one.end, one.zone
    ) == to_utc(other.end, other.zone)
