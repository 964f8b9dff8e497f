"""From an appointment to what Graph is asked: only what reads differently. Pure.

Everything that is not meant stays: properties that are left out of a PATCH are kept (invariant
8). No attendee is ever written unless the channel invites: Graph mails at every write of an
event that has attendees, and no switch exists (microsoft-graph-docs, issue 2309).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.microsoft365.carried import carry, encode, zone_carried, zone_hint
from connectors.microsoft365.expressible import why_not
from connectors.microsoft365.fields import (
    PLAIN,
    Unusable,
    body_of,
    invited,
    join_link,
    native,
    read_when,
    shown_after,
    time_of,
    zone_name,
)
from connectors.microsoft365.patterns import pattern_of, recurrence_of
from connectors.microsoft365.translate import (
    appointment_of,
    cancelled_in,
    exception_values,
    fidelity_in,
    own_carried,
    rid_of_exception,
    same_time,
    transaction_of,
    usual_when,
    values_of,
)
from connectors.microsoft365.wire import Event, Item, extended
from syncd.core.fidelity import project
from syncd.core.model import Appointment, RecurrenceId, Value
from syncd.core.state import Marker

_PEOPLE = ("attendees", "resources")
_BODY = ("description", "online_meeting")


@dataclass(frozen=True, slots=True)
class Style:
    """How a channel writes. ``invite``: attendees become attendees, and Graph mails them.
    ``default_zone``: of whole days, and of floating times."""

    invite: bool = False
    default_zone: str = "UTC"


@dataclass(slots=True)
class Occurrence:
    """A change of one occurrence: ``changes`` to write, or it is to be ``deleted``. ``key``: the
    id of its exception, if there is one already."""

    rid: RecurrenceId
    changes: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False
    key: str = ""


@dataclass(slots=True)
class Changes:
    """What is to be written: first to the event itself, then to occurrences of its series."""

    event: dict[str, Any]
    occurrences: list[Occurrence] = field(default_factory=list)
    carried: dict[str, Any] = field(default_factory=dict)


def new_event(
    content: Appointment, marker: Marker, uid: str | None, style: Style, attempt: int = 0
) -> Changes:
    """What makes a new event. Raises :class:`Unusable` where Graph cannot hold it."""
    wanted = _checked(content, style)
    blank: Event = {"isReminderOn": False}
    item = Item(blank)
    # Graph reminds of a new event unless it is told not to.
    changes = {**_shown(wanted, blank, style), **native("reminders", wanted.reminders)}
    changes = {"subject": "", "isReminderOn": False, **changes}
    changes |= _time(wanted, style)
    if style.invite and (people := invited(wanted.attendees, wanted.resources)):
        changes["attendees"] = people
    after = shown_after(blank, changes)
    carried = {"uid": uid} if uid else {}
    carried |= _carried(wanted, after)
    item = Item(after, str(marker), carried)
    occurrences = _occurrences(item, wanted, style)
    changes["singleValueExtendedProperties"] = extended(str(marker), item.carried)
    changes["transactionId"] = transaction_of(marker, attempt)
    return Changes(changes, occurrences, item.carried)


def changed_event(content: Appointment, item: Item, style: Style) -> Changes:
    """What makes ``item`` read as ``content``. Raises :class:`Unusable`."""
    wanted = _checked(content, style)
    before = appointment_of(item)
    current = values_of(item.event, item.carried)
    different = [name for name in PLAIN if getattr(wanted, name) != current[name]]
    changes = _shown(wanted, item.event, style, different)
    if style.invite and any(name in different for name in _PEOPLE):
        changes["attendees"] = invited(wanted.attendees, wanted.resources)
    restored = set(cancelled_in(item, before.when)) - {
        rid for rid, own in wanted.overrides if own.deleted
    }
    reshaped = wanted.when != before.when or wanted.recurrence != before.recurrence
    if reshaped or (restored and wanted.recurrence is not None):
        changes |= _time(wanted, style)
        if wanted.recurrence is None and before.recurrence is not None:
            changes["recurrence"] = None
        item = Item(item.event, item.marker, item.carried)  # Exchange drops the exceptions
    after = shown_after(item.event, changes)
    carried = {name: item.carried[name] for name in ("uid",) if name in item.carried}
    carried |= _carried(wanted, after)
    new = Item(after, item.marker, carried, item.exceptions, item.cancelled)
    occurrences = _occurrences(new, wanted, style, old=item)
    if new.carried != item.carried:
        changes["singleValueExtendedProperties"] = extended("", new.carried)
    return Changes(changes, occurrences, new.carried)


def _checked(content: Appointment, style: Style) -> Appointment:
    wanted = project(content, fidelity_in(style.default_zone))
    reason = why_not(wanted)
    if reason:
        raise Unusable(f"Graph cannot hold this series: {reason}")
    return wanted


def _time(wanted: Appointment, style: Style) -> dict[str, Any]:
    changes = time_of(wanted.when, style.default_zone)
    if wanted.recurrence is not None:
        name = zone_name(wanted.when, style.default_zone)
        changes["recurrence"] = pattern_of(wanted.when, wanted.recurrence, name)
    return changes


def _shown(
    wanted: Appointment, event: Event, style: Style, names: list[str] | None = None
) -> dict[str, Any]:
    """The properties that show the fields of ``names`` (all that are not as in ``event``)."""
    values = {name: getattr(wanted, name) for name in PLAIN}
    return _shown_values(values, event, names if names is not None else list(PLAIN))


def _shown_values(values: Mapping[str, Any], event: Event, names: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in names:
        if PLAIN[name](event) != values[name]:
            changes |= native(name, values[name])
    if any(name in names and PLAIN[name](event) != values[name] for name in _BODY):
        link = values["online_meeting"]
        shown = "" if link == join_link(event) else link
        changes["body"] = body_of(event, values["description"], shown)
    return changes


def _carried(wanted: Appointment, after: Event) -> dict[str, Any]:
    """What the event itself will not say."""
    found: dict[str, Any] = {}
    for name, plain in PLAIN.items():
        entry = carry(name, plain(after), getattr(wanted, name))
        if entry is not None:
            found[name] = entry
    if after.get("attendees") and "organizer" not in after:
        # Of a meeting that we make Graph names the owner of the mailbox.
        found["organizer"] = {"is": encode(wanted.organizer)}
    found |= zone_carried(wanted.when, read_when(after))
    if wanted.recurrence is not None:
        plain_rule = recurrence_of(after["recurrence"], wanted.when)
        entry = carry("recurrence", plain_rule, wanted.recurrence)
        if entry is not None:
            found["recurrence"] = entry
    return found


def _occurrences(
    item: Item, wanted: Appointment, style: Style, old: Item | None = None
) -> list[Occurrence]:
    """The changes of single occurrences; what they need to be carried is put into ``item``."""
    if wanted.recurrence is None:
        return []
    series = values_of(item.event, item.carried)
    exceptions = {rid_of_exception(each, wanted.when): each for each in item.exceptions}
    cancelled = set(cancelled_in(item, wanted.when))
    overrides = dict(wanted.overrides)
    own: dict[str, Any] = {}
    found: list[Occurrence] = []
    for rid in sorted(exceptions.keys() | overrides.keys()):
        override = overrides.get(rid)
        event = exceptions.get(rid)
        key = str(event.get("id", "")) if event is not None else ""
        if override is not None and override.deleted:
            if rid not in cancelled:
                found.append(Occurrence(rid, deleted=True, key=key))
            continue
        target = {**series, "when": usual_when(wanted.when, rid)}
        target |= dict(override.values) if override is not None else {}
        changes, carried = _occurrence(item, event, rid, target, wanted, style, old)
        if carried:
            own[rid] = carried
        if changes:
            found.append(Occurrence(rid, changes, key=key))
    if own:
        item.carried["own"] = own
    return found


def _occurrence(
    item: Item,
    event: Event | None,
    rid: RecurrenceId,
    target: Mapping[str, Value],
    wanted: Appointment,
    style: Style,
    old: Item | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to write to one occurrence, and what to carry for it."""
    series = values_of(item.event, item.carried)
    usual = usual_when(wanted.when, rid)
    base: Event = event if event is not None else {**item.event, **time_of(usual, "UTC")}
    known = Item(item.event, item.marker, dict(item.carried), item.exceptions)
    if old is not None and event is not None:
        known.carried["own"] = {rid: dict(own_carried(old, rid))}
        current = exception_values(known, event, rid, wanted.when, series)
    else:
        current = {**series, "when": usual}
    names = [name for name in PLAIN if target[name] != current[name]]
    changes = _shown_values(target, base, names)
    when = target["when"]
    if not same_time(current["when"], when):  # type: ignore[arg-type]  # both are times
        changes |= time_of(when, style.default_zone)  # type: ignore[arg-type]  # it is a time
    after = shown_after(base, changes)
    carried: dict[str, Any] = {}
    for name, plain in PLAIN.items():
        said = plain(after)
        inherits = said == plain(item.event)
        if (series[name] if inherits else said) != target[name]:
            carried[name] = carry(name, said, target[name]) or {"of": "", "is": None}
    if "start" in changes or event is not None:
        read = read_when(after, zone_hint(item.carried))
        carried |= zone_carried(when, read)  # type: ignore[arg-type]  # it is a time
    return changes, carried


def with_answer(item: Item, changes: Changes, answered: Item) -> Item:
    """What an answer to a write shows, with our extended properties, which it leaves out."""
    return replace(answered, marker=item.marker, carried=changes.carried)
