"""What ``syncd history`` prints: one line for each decision and each write, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.cli.console import line, print_json
from syncd.cli.times import local
from syncd.core.paths import path_text
from syncd.core.state import PERSON, Record
from syncd.history import Event
from syncd.wording import change_texts, told_text, value_text

_COLOURS = {
    "conflict": "yellow",
    "put-back": "yellow",
    "overwritten": "yellow",
    "asked": "yellow",
    "deleted": "red",
    "buried": "red",
}


def history(found: Sequence[Event], titles: Mapping[str, str], zone: str, json: bool) -> None:
    """Decisions and writes; ``titles`` by appointment. All times, also those of values, are on
    the clock of ``zone``: what is read line by line is not to be converted in the head."""
    if json:
        print_json({"history": [event_json(event) for event in found]})
        return
    if not found:
        line("nothing is on record")
        return
    line((f"times in {zone}", "dim"))
    for event in found:
        title = titles.get(event.appointment, "")
        line(
            f"{local(event.at, zone)}  ",
            (event.kind, _COLOURS.get(event.kind, "bold")),
            f"  {event.appointment}  {title}".rstrip(),
            (f"  [{event.cycle}]" if event.cycle else "", "dim"),
        )
        line(f"  {_what(event, zone)}")


def event_json(event: Event) -> dict[str, object]:
    """One decision or write, for programs."""
    told: dict[str, object] = {
        "at": event.at.isoformat(),
        "cycle": event.cycle,
        "bridge": event.bridge,
        "appointment": event.appointment,
        "kind": event.kind,
        "channel": event.channel,
    }
    if event.record is None:
        return {**told, "approved": event.approved}
    record = event.record
    return {
        **told,
        "field": path_text(record.path),
        "rule": record.rule,
        "value": value_text(record.value),
        "before": value_text(record.before),
        "claims": [[name, value_text(value)] for name, value in record.claims],
        "note": record.note,
    }


def who(name: str) -> str:
    """A setter as people read it."""
    return f"administrator {name.removeprefix(PERSON)}" if name.startswith(PERSON) else name


def decided(record: Record, zone: str, *, own: bool) -> str:
    """What a record says, in words; times as :func:`syncd.wording.when_text` has them."""
    claims = ((who(name), told_text(value, zone, own=own)) for name, value in record.claims)
    values = ", ".join(f"{name}: {_quoted(value)}" for name, value in claims)
    parts = []
    if record.value != record.before or record.kind == "conflict":
        before, after = change_texts(record.before, record.value, zone, own=own)
        parts.append(f"{_quoted(before)} -> {_quoted(after)}")
    if record.winner:
        parts.append(f"by {who(record.winner)}")
    if len(record.claims) > 1 or record.kind != "set":
        parts += [f"claimed: {values}"] if values else []
    if record.rule:
        parts.append(f"rule: {record.rule}")
    if record.note:
        parts.append(record.note)
    return "; ".join(parts)


def _what(event: Event, zone: str) -> str:
    if event.record is None:
        return f"in {event.channel}" + (" (approved)" if event.approved else "")
    field = path_text(event.record.path)
    told = decided(event.record, zone, own=False)
    return f"{field}: {told}" if field else told


def _quoted(text: str) -> str:
    return text or "(nothing)"
