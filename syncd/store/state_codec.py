"""The parts of the state (setters, writes, records, orders, …) to compact JSON and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from syncd.core.model import Appointment, Value
from syncd.core.paths import Path
from syncd.core.state import (
    Absence,
    ChannelName,
    Copy,
    Kind,
    Marker,
    Operation,
    Order,
    Place,
    Question,
    Record,
    Remains,
    Setter,
    Span,
    Write,
)
from syncd.store.codec import (
    Json,
    appointment_data,
    appointment_of,
    decode_value,
    dumps,
    encode_value,
    from_micros,
    loads,
    optional_instant,
    optional_micros,
    to_micros,
)

SAME = "="
"""Stands for an appointment that equals its neighbour."""


def encode_paths(paths: Collection[Path]) -> str | None:
    """Paths as text, in a stable order; ``None`` for none."""
    return dumps(sorted(list(path) for path in paths)) if paths else None


def decode_paths(text: str | None) -> frozenset[Path]:
    """The paths that :func:`encode_paths` was given."""
    return frozenset(tuple(path) for path in loads(text)) if text else frozenset()


def encode_setters(setters: Mapping[Path, Setter]) -> str:
    """Setters as text: each once, with its paths, since most fields have the same."""
    grouped: dict[Setter, list[Path]] = {}
    for path, setter in setters.items():
        grouped.setdefault(setter, []).append(path)
    return dumps([[_setter_data(setter), paths] for setter, paths in grouped.items()])


def decode_setters(text: str) -> dict[Path, Setter]:
    """The setters that :func:`encode_setters` was given."""
    setters: dict[Path, Setter] = {}
    for data, paths in loads(text):
        setter = _setter_of(data)
        for path in paths:
            setters[tuple(path)] = setter
    return setters


def encode_absences(absent: Mapping[Place, Absence]) -> str | None:
    """Agreed absences as text; ``None`` for none."""
    if not absent:
        return None
    return dumps(
        [
            [channel, slot, to_micros(absence.since), absence.reason, absence.person]
            for (channel, slot), absence in absent.items()
        ]
    )


def decode_absences(text: str | None) -> dict[Place, Absence]:
    """The absences that :func:`encode_absences` was given."""
    return {
        (channel, slot): Absence(from_micros(since), reason, person)
        for channel, slot, since, reason, person in (loads(text) if text else ())
    }


def encode_questions(questions: Mapping[Path, Question]) -> str | None:
    """Open fields as text; ``None`` for none."""
    if not questions:
        return None
    return dumps(
        [
            [
                path,
                [[channel, encode_value(value)] for channel, value in question.claims.items()],
                question.rule,
                to_micros(question.since),
            ]
            for path, question in questions.items()
        ]
    )


def decode_questions(text: str | None) -> dict[Path, Question]:
    """The open fields that :func:`encode_questions` was given."""
    return {
        tuple(path): Question(
            {channel: decode_value(value) for channel, value in claims}, rule, from_micros(since)
        )
        for path, claims, rule, since in (loads(text) if text else ())
    }


def encode_write(write: Write) -> str:
    """What a write carries besides its place and operation."""
    data: dict[str, Json] = {}
    if write.content is not None:
        data["content"] = appointment_data(write.content)
    if write.asked is not None:
        same = write.asked == write.content
        data["asked"] = SAME if same else appointment_data(write.asked)
    if write.base is not None:
        data["base"] = _copy_data(write.base)
    if write.paths:
        data["paths"] = write.paths
    if write.reason:
        data["reason"] = write.reason
    return dumps(data)


def decode_write(channel: str, slot: str, operation: str, text: str) -> Write:
    """The write that :func:`encode_write` was given."""
    data = loads(text)
    content = _optional_appointment(data.get("content"))
    asked = data.get("asked")
    return Write(
        channel,
        slot,
        Operation(operation),
        content,
        content if asked == SAME else _optional_appointment(asked),
        _copy_of(data["base"]) if "base" in data else None,
        tuple(tuple(path) for path in data.get("paths", ())),
        data.get("reason", ""),
    )


def encode_record(record: Record) -> str:
    """What a record tells besides its kind and path."""
    data: dict[str, Json] = {}
    if record.rule:
        data["rule"] = record.rule
    if record.winner:
        data["winner"] = record.winner
    if record.value is not None:
        data["value"] = encode_value(record.value)
    if record.before is not None:
        data["before"] = encode_value(record.before)
    if record.claims:
        data["claims"] = [[channel, encode_value(value)] for channel, value in record.claims]
    if record.note:
        data["note"] = record.note
    if record.remains is not None:
        data["remains"] = _remains_data(record.remains)
    return dumps(data)


def decode_record(kind: str, path: Path, text: str) -> Record:
    """The record that :func:`encode_record` was given."""
    data = loads(text)
    return Record(
        Kind(kind),
        path,
        data.get("rule", ""),
        data.get("winner", ""),
        decode_value(data.get("value")),
        decode_value(data.get("before")),
        tuple((channel, decode_value(value)) for channel, value in data.get("claims", ())),
        data.get("note", ""),
        _remains_of(data.get("remains")),
    )


def encode_order(order: Order) -> str:
    """An order as text."""
    changes = [[path, encode_value(value)] for path, value in order.changes.items()]
    more: dict[str, Json] = {}
    if order.restore:
        more["restore"] = True
    if order.delete:
        more["delete"] = True
    if order.since is not None:
        more["since"] = to_micros(order.since)
    if order.remains is not None:
        more["remains"] = _remains_data(order.remains)
    if order.left:
        more["left"] = [[path, encode_value(value)] for path, value in order.left.items()]
    return dumps([order.by, to_micros(order.at), changes, order.cancel, order.reason, more])


def decode_order(text: str) -> Order:
    """The order that :func:`encode_order` was given."""
    by, at, changes, cancel, reason, *rest = loads(text)
    more = rest[0] if rest else {}  # an older syncd stored none
    return Order(
        by,
        from_micros(at),
        _values_of(changes),
        cancel,
        reason,
        more.get("restore", False),
        more.get("delete", False),
        optional_instant(more.get("since")),
        _remains_of(more.get("remains")),
        _values_of(more.get("left", ())),
    )


def _values_of(data: Json) -> dict[Path, Value]:
    return {tuple(path): decode_value(value) for path, value in data}


def _remains_data(remains: Remains) -> Json:
    return [
        appointment_data(remains.appointment),
        remains.born,
        sorted(remains.uids),
        _gone_data(remains.gone),
        optional_micros(remains.cancelled),
    ]


def _remains_of(data: Json) -> Remains | None:
    if data is None:
        return None
    appointment, born, uids, *rest = data
    gone, cancelled = rest or ({}, None)  # an older syncd stored neither
    was = appointment_of(appointment)
    return Remains(was, born, frozenset(uids), _gone_of(gone), optional_instant(cancelled))


def encode_gone(gone: Mapping[ChannelName, Appointment]) -> str:
    """What the copies that are gone were last asked, by channel."""
    return dumps(_gone_data(gone))


def decode_gone(text: str) -> dict[ChannelName, Appointment]:
    """What :func:`encode_gone` was given."""
    return _gone_of(loads(text))


def _gone_data(gone: Mapping[ChannelName, Appointment]) -> Json:
    return {name: appointment_data(was) for name, was in gone.items()}


def _gone_of(data: Json) -> dict[ChannelName, Appointment]:
    return {name: appointment_of(was) for name, was in data.items()}


def _setter_data(setter: Setter) -> Json:
    span = setter.changed
    return [
        setter.channel,
        to_micros(span.earliest),
        to_micros(span.latest),
        to_micros(setter.at),
        setter.rule,
    ]


def _setter_of(data: Json) -> Setter:
    channel, earliest, latest, at, rule = data
    span = Span(from_micros(earliest), from_micros(latest))
    return Setter(channel, span, from_micros(at), rule)


def _copy_data(copy: Copy) -> Json:
    marker = copy.marker
    return [
        copy.key,
        copy.version,
        copy.wire,
        appointment_data(copy.reads),
        copy.uid,
        None if marker is None else [marker.installation, marker.appointment, marker.slot],
        optional_micros(copy.modified),
        copy.invited,
    ]


def _copy_of(data: Json) -> Copy:
    key, version, wire, reads, uid, marker, modified, invited = data
    return Copy(
        key,
        version,
        wire,
        appointment_of(reads),
        uid,
        None if marker is None else Marker(*marker),
        optional_instant(modified),
        invited,
    )


def _optional_appointment(data: Json) -> Appointment | None:
    return None if data is None else appointment_of(data)
