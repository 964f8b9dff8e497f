"""People: they make, move, answer, break and delete appointments in front of their systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.core.model import (
    Appointment,
    Attendee,
    Customer,
    Override,
    Recurrence,
    Response,
    Status,
    Timed,
    Value,
)
from syncd.core.state import Key, Marker
from syncd.core.zones import to_utc
from tests.world.clock import START
from tests.world.company import CRM, CUSTOMER, Desk
from tests.world.diary import Diary
from tests.world.items import Item
from tests.world.remote import MemorySystem
from tests.world.series import occurrence_start, slots
from tests.world.steps import Act, Token
from tests.world.surface import Remote

WEEKS = 6
"""The occurrences of a new series, one a week."""

_ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
_RESPONSES = tuple(Response)
_WORDS = ("Besuch Müller GmbH", "客户拜访：王先生", "Demo 🚗, Werk 2", "Reparatur \\ Abholung")


def act(step: Act, desk: Desk, system: Remote, oracle: Diary) -> None:
    """Do what ``step`` says; nothing if its appointment is not there."""
    if step.verb in _BIRTHS:
        _bear(step, desk, system, oracle)
    elif step.verb == "purge":
        oracle.purged(desk.name, _tokens(system, system.purge(system.clock.now())))
    elif step.verb == "put back":
        _put_back(step, desk, system, oracle)
    else:
        found = keys_of(system, step.token)
        if found:
            _ACTS[step.verb](step, desk, found[step.n % len(found)], system, oracle)


def token_of(appointment: Appointment) -> Token:
    """The token of an appointment, the first word of its title; empty if it has no title."""
    return appointment.title.partition(" ")[0]


def keys_of(system: Remote, token: Token) -> list[Key]:
    """The keys of the items that carry ``token``, in the order of their times."""
    shown = [(key, system.reads(key)) for key in system.items]
    found = [(str(held.when), key) for key, held in shown if token_of(held) == token]
    return [key for _, key in sorted(found)]


def slot_of(system: Remote, key: Key) -> str:
    """Which occurrence an item stands for, by its marker; empty if for all."""
    marker = _marker(system, key)
    return marker.slot if marker is not None else ""


def _marker(system: Remote, key: Key) -> Marker | None:
    return Marker.parse(str(system.foreign(key).get("marker", "")))


def _tokens(system: Remote, buried: list[Key]) -> set[Token]:
    return {token_of(system.reads_of(system.buried[key])) for key in buried}


def _time(n: int, *, past: bool = False) -> Timed:
    """A time of its own for each ``n``, at whole quarters, at least a week ahead (or behind)."""
    day = START.replace(tzinfo=None) + timedelta(days=-20 if past else 8 + n % 60)
    start = day.replace(hour=6, minute=0) + timedelta(minutes=15 * (n % 40))
    return Timed(start, start + timedelta(minutes=15 * (1 + n % 5)), _ZONES[n % 3])


def _title(token: Token, n: int) -> str:
    return f"{token} n{n} {_WORDS[n % 4]}"


def _bear(step: Act, desk: Desk, system: Remote, oracle: Diary) -> None:
    if step.verb == "series" and not desk.fidelity.recurrence:
        return
    made = Appointment(_time(step.n, past=step.verb == "past"), title=_title(step.token, step.n))
    if step.verb != "lunch":
        made = replace(
            made,
            location=f"L{step.n} 上海",
            attendees=(Attendee(CUSTOMER, "王先生"),),
            customer=Customer("Kunde AG", "", CUSTOMER),
            owner=step.other if desk.person == "" else desk.person,
        )
    if step.verb == "series":
        made = replace(made, recurrence=Recurrence((f"FREQ=WEEKLY;COUNT={WEEKS}",)))
    key = system.person_create(made, x_origin=step.token)
    oracle.born(step.token, desk.name, step.verb)
    oracle.planted(desk.name, key, "x-origin", step.token)


def _edit(change: Callable[[Act, Appointment], Appointment]) -> _Doing:
    """An act that changes the item in front of the person."""

    def doing(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
        slot = slot_of(system, key)
        before = system.reads(key)
        system.person_edit(key, lambda held: change(step, held))
        oracle.edited(desk.name, step.token, slot, before, system.reads(key))

    return doing


def _move(step: Act, held: Appointment) -> Appointment:
    """Another time; the time of a whole series stays, its occurrences are moved singly."""
    return held if held.recurrence else replace(held, when=_time(step.n))


def _answer(step: Act, held: Appointment) -> Appointment:
    """The first attendee answers anew."""
    if not held.attendees:
        return held
    first, *rest = held.attendees
    answered = replace(first, response=_RESPONSES[step.n % len(_RESPONSES)])
    return replace(held, attendees=(answered, *rest))


def _invite(step: Act, held: Appointment) -> Appointment:
    """One more guest of a customer; a lunch among friends stays one."""
    if not held.attendees:
        return held
    guest = Attendee(f"gast{step.n}@kunde.example", "")
    return replace(held, attendees=(*held.attendees, guest))


def _own(held: Appointment, slot: str, **own: Value) -> Appointment:
    """``held`` with ``own`` values for one of its occurrences."""
    values = {**dict((held.override(slot) or Override()).values), **own}
    overrides = {**dict(held.overrides), slot: Override(tuple(values.items()))}
    return replace(held, overrides=tuple(overrides.items()))


def _slot(step: Act, held: Appointment) -> str | None:
    """The occurrence that an act on a series is about; ``None`` if none is left."""
    living = [slot for slot in slots(held) if not (held.override(slot) or Override()).deleted]
    return living[step.n % len(living)] if living and held.recurrence else None


def _move_occurrence(step: Act, held: Appointment) -> Appointment:
    slot = _slot(step, held)
    if slot is None or not isinstance(held.when, Timed):
        return held if held.recurrence else _move(step, held)
    start = occurrence_start(slot) + timedelta(minutes=15 * (1 + step.n % 40))
    return _own(held, slot, when=Timed(start, start + held.when.duration, held.when.zone))


def _retitle_occurrence(step: Act, held: Appointment) -> Appointment:
    slot = _slot(step, held)
    title = _title(step.token, step.n)
    return replace(held, title=title) if slot is None else _own(held, slot, title=title)


def _drop_occurrence(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """One occurrence does not take place: an exception, or the deletion of its row."""
    before, slot = system.reads(key), slot_of(system, key)
    if slot:
        system.person_delete(key)
        oracle.dropped(desk.name, step.token, slot)
        return
    victim = _slot(step, before)
    if victim is None:
        return
    gone = {**dict(before.overrides), victim: Override(deleted=True)}
    system.person_edit(key, lambda held: replace(held, overrides=tuple(gone.items())))
    oracle.edited(desk.name, step.token, "", before, system.reads(key))


def _split(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """This and all following: the series ends before an occurrence, another begins there."""
    before = system.reads(key)
    cut = _cut_of(step, before)
    if cut is None:
        return
    contested = oracle.is_contested(step.token)
    left = len(slots(before)) - slots(before).index(cut)
    _cut(step, desk, key, system, oracle)
    made = _make_rest(step, desk, system, oracle, _rest(step, before, cut, left))
    if before.status is Status.CANCELLED:
        oracle.went_along(desk.name, step.other, made, contested=contested)


def _cut_of(step: Act, held: Appointment) -> str | None:
    """Before which occurrence a series is to be split; ``None`` if it is too short."""
    days = slots(held)
    return days[1 + step.n % (len(days) - 2)] if len(days) > 2 else None


def _cut(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """The first step of two: the series ends; also the second one."""
    before = system.reads(key)
    cut = _cut_of(step, before)
    if cut is None or not isinstance(before.when, Timed):
        return
    last = occurrence_start(slots(before)[slots(before).index(cut) - 1])
    until = to_utc(last, before.when.zone).astimezone(UTC)
    kept = tuple((slot, own) for slot, own in before.overrides if slot < cut)
    ended = Recurrence((f"FREQ=WEEKLY;UNTIL={until:%Y%m%dT%H%M%SZ}",))
    system.person_edit(key, lambda held: replace(held, recurrence=ended, overrides=kept))
    oracle.split(desk.name, step.token, (cut, step.other), before, system.reads(key))


def _go_on(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """The other step of two: what goes on from a series as it was made, cut already or not."""
    held = system.reads(key)
    days = slots(held)
    cut = _cut_of(step, held) if len(days) == WEEKS else None
    if days and cut is None:
        cut = f"{occurrence_start(days[-1]) + timedelta(weeks=1):%Y%m%dT%H%M%S}"
    if cut is not None:
        left = WEEKS - sum(day < cut for day in days)
        _make_rest(step, desk, system, oracle, _rest(step, held, cut, left))


def _rest(step: Act, held: Appointment, cut: str, left: int) -> Appointment:
    """What goes on from a series: so many occurrences from ``cut`` on."""
    assert isinstance(held.when, Timed)
    start = occurrence_start(cut)
    return replace(
        held,
        when=Timed(start, start + held.when.duration, held.when.zone),
        title=_title(step.other, step.n),
        recurrence=Recurrence((f"FREQ=WEEKLY;COUNT={left}",)),
        overrides=(),
    )


def _make_rest(step: Act, desk: Desk, system: Remote, oracle: Diary, rest: Appointment) -> Key:
    made = system.person_create(rest, x_origin=step.other)
    oracle.born(step.other, desk.name, "split", anew=False)
    oracle.planted(desk.name, made, "x-origin", step.other)
    return made


def _duplicate(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """A copy with marker, UID and all, renamed before it is saved."""
    if slot_of(system, key):
        return
    title = _title(step.other, step.n)
    twin = system.person_duplicate(key, lambda held: replace(_untitled(held), title=title))
    oracle.born(step.other, desk.name, oracle.sort_of(step.token), anew=False)
    if key not in system.buried:  # else what was planted there went with an earlier copy
        oracle.copied(desk.name, key, twin)
    oracle.doubled(desk.name, step.other, twin, _marker(system, key))
    made = system.reads(twin)
    if made.status is Status.CANCELLED:  # a duplicate of what is cancelled is cancelled, too
        oracle.ended(desk.name, step.other, twin, made)


def _untitled(held: Appointment) -> Appointment:
    """Without titles of single occurrences: they would carry the token of the original."""
    return replace(
        held,
        overrides=tuple(
            (slot, replace(own, values=tuple(v for v in own.values if v[0] != "title")))
            for slot, own in held.overrides
        ),
    )


def _move_key(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    moved = system.person_move_key(key)
    if key not in system.buried:
        oracle.copied(desk.name, key, moved)
    oracle.rekeyed(desk.name, key, moved)


def _plant(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    name, value = f"x-plant-{step.n}", f"{step.token}, \\{step.n} 紫"
    system.person_plant(key, name, value)
    oracle.planted(desk.name, key, name, value)


def _delete(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    if slot_of(system, key):
        _drop_occurrence(step, desk, key, system, oracle)
        return
    shown, other = system.reads(key), _beside(system, key)
    gone = (key, _marker(system, key))
    system.person_delete(key)
    if other is None:
        left = {each: system.reads(each) for each in system.items}
        oracle.deleted(desk.name, step.token, gone, shown, left)
    else:
        oracle.thinned(desk.name, step.token, shown, other)


def _beside(system: Remote, key: Key) -> Appointment | None:
    """What stands for the same meeting in the same calendar, where one of the two is the vendor's
    invitation and the other what had been copied before it came; unless that one is cancelled."""
    own = system.foreign(key)
    for other in system.items:
        theirs, held = system.foreign(other), system.reads(other)
        pair = other != key and theirs.get("uid") == own.get("uid")
        if pair and ("invited" in own) != ("invited" in theirs) and not slot_of(system, other):
            return held if held.status is not Status.CANCELLED else None
    return None


def _cancel(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    if slot_of(system, key) or system.reads(key).status is Status.CANCELLED:
        return
    shown, gone = system.reads(key), (key, _marker(system, key))
    system.person_edit(key, lambda held: replace(held, status=Status.CANCELLED))
    if key in system.items:
        oracle.ended(desk.name, step.token, key, shown)
    else:  # the vendor shows nothing that is cancelled
        left = {each: system.reads(each) for each in system.items}
        oracle.deleted(desk.name, step.token, gone, shown, left)


def _arrive(step: Act, desk: Desk, key: Key, system: Remote, oracle: Diary) -> None:
    """The vendor's own invitation to what is only a copy here, made from a meeting of another
    calendar, and not touched by other programs. It comes once: for a UID that is known, iTIP
    has changes only (RFC 5546, 2.1.5)."""
    held = {name: str(value) for name, value in system.foreign(key).items()}
    ours = "marker" in held and not held["uid"].endswith(f"@{desk.name}")
    if desk.name == CRM or slot_of(system, key) or not ours:
        return
    others = map(system.foreign, system.items)
    if any("invited" in each and each["uid"] == held["uid"] for each in others):
        return
    if isinstance(system, MemorySystem) and not any(name.startswith("x-") for name in held):
        oracle.marked(step.token, Marker.parse(held["marker"]))
        oracle.arrived(desk.name, step.token)
        over = step.n % 3 == 0
        system.vendor_invites(key, over=over)
        if over and system.reads(key).status is Status.CANCELLED:
            oracle.written_over(desk.name, step.token)


def _put_back(step: Act, desk: Desk, system: Remote, oracle: Diary) -> None:
    """A phone that was away puts a deleted item back as it was, of several any one."""
    lost = [k for k in system.buried if token_of(system.reads_of(system.buried[k])) == step.token]
    if lost and not keys_of(system, step.token):
        key, last = lost[step.n % len(lost)], max(lost, key=lambda each: _age(system.buried[each]))
        shown, back = (system.reads_of(system.buried[each]) for each in (last, key))
        back_at = system.person_put_back(key)
        oracle.put_back(desk.name, step.token, back if slot_of(system, back_at) else shown, back)


def _age(item: Item) -> tuple[int, datetime]:
    return item.version, item.modified


_Doing = Callable[[Act, Desk, Key, Remote, Diary], None]
_BIRTHS = frozenset({"visit", "lunch", "series", "past"})
_ACTS: dict[str, _Doing] = {
    "retitle": _edit(lambda step, held: replace(held, title=_title(step.token, step.n))),
    "move": _edit(_move),
    "place": _edit(lambda step, held: replace(held, location=f"L{step.n} 展厅")),
    "note": _edit(lambda step, held: replace(held, description=f"N{step.n}\n第二行 🙂")),
    "answer": _edit(_answer),
    "invite": _edit(_invite),
    "hand over": _edit(lambda step, held: replace(held, owner=step.other)),
    "move occurrence": _edit(_move_occurrence),
    "retitle occurrence": _edit(_retitle_occurrence),
    "drop occurrence": _drop_occurrence,
    "split": _split,
    "cut": _cut,
    "go on": _go_on,
    "duplicate": _duplicate,
    "move key": _move_key,
    "plant": _plant,
    "arrive": _arrive,
    "delete": _delete,
    "cancel": _cancel,
}
