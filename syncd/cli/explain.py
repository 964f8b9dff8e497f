"""What ``syncd explain`` prints: each value with its story, then the channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from syncd.cli.console import line, print_json, rows
from syncd.cli.history import decided, event_json, who
from syncd.cli.tables import Column
from syncd.cli.times import local
from syncd.cli.writes import print_zone
from syncd.core.paths import path_text
from syncd.core.state import Setter, Span
from syncd.explain import NOT_CARRIED, SAME, Explanation, FieldStory, Presence, Standing
from syncd.history import event_of
from syncd.store import HistoryEntry
from syncd.wording import told_text, value_text

_LONG_AGO = datetime(1971, 1, 1).astimezone()
"""A change before this is one of which only the end of its span is known."""


def explanation(found: Explanation, zone: str, json: bool) -> None:
    """Who set what, when and why; times on the clock of ``zone``."""
    if json:
        print_json(_told(found))
        return
    line((found.id, "bold"), f"  {found.appointment.title}")
    print_zone(zone)
    born = f", born in {found.born}" if found.born else ""
    line(f"  {found.bridge}: {found.state}{born}")
    for entry in found.life:
        line(f"  {local(entry.at, zone)}  {_record(entry, zone)}")
    for story in found.fields:
        _field(story, zone)
    if found.channels:
        line("")
        columns = [Column("channel"), Column("occurrence", drop=1), Column("copy", wraps=True)]
        rows(columns, [[each.channel, each.slot, _presence(each)] for each in found.channels])


def _field(story: FieldStory, zone: str) -> None:
    line("")
    line((path_text(story.path), "bold"), f": {told_text(story.value, zone) or '(nothing)'}")
    if story.setter is not None:
        line(f"  set by {_setter(story.setter, zone)}")
    if story.question is not None:
        line(("  waits for a person", "yellow"), f" ({story.question.rule}): syncd conflicts")
    for entry in story.records:
        line(f"  {local(entry.at, zone)}  {_record(entry, zone)}")
    for state, channels in _standings(story.copies, zone).items():
        line(f"  {', '.join(channels)}: {state}")


def _setter(setter: Setter, zone: str) -> str:
    changed = _span(setter.changed, zone)
    rule = f", by the rule: {setter.rule}" if setter.rule else ""
    return f"{who(setter.channel)}; changed {changed}, decided {local(setter.at, zone)}{rule}"


def _span(span: Span, zone: str) -> str:
    latest = local(span.latest, zone)
    if span.earliest < _LONG_AGO:
        return f"before {latest}"
    earliest = local(span.earliest, zone)
    return f"at {latest}" if earliest == latest else f"between {earliest} and {latest}"


def _record(entry: HistoryEntry, zone: str) -> str:
    told = decided(entry.record, zone, own=True)
    return f"{entry.record.kind.value} [{entry.cycle}] {told}".rstrip()


def _standings(copies: Sequence[Standing], zone: str) -> dict[str, list[str]]:
    """In which channels the copies stand how; what they read where it is not what is agreed."""
    found: dict[str, list[str]] = {}
    for copy in copies:
        reads = told_text(copy.reads, zone)
        state = copy.state if copy.state in (SAME, NOT_CARRIED) else f"{copy.state}: {reads}"
        name = f"{copy.channel} ({copy.slot})" if copy.slot else copy.channel
        found.setdefault(state, []).append(name)
    return found


def _presence(each: Presence) -> str:
    if not each.key:
        told = f"none: {each.reason}"
    else:
        told = f"{each.key}; {each.reason}" if each.reason else each.key
    for aside in each.asides:
        field = path_text(aside.path) or "all of it"
        told += f"; {field} is set aside: {aside.reason}"
    return told


def _told(found: Explanation) -> dict[str, object]:
    return {
        "appointment": found.id,
        "bridge": found.bridge,
        "title": found.appointment.title,
        "state": found.state,
        "born": found.born,
        "life": [event_json(event_of(each)) for each in found.life],
        "fields": [_field_json(each) for each in found.fields],
        "channels": [_presence_json(each) for each in found.channels],
    }


def _field_json(story: FieldStory) -> dict[str, object]:
    setter = story.setter
    return {
        "field": path_text(story.path),
        "value": value_text(story.value),
        "set": None
        if setter is None
        else {
            "by": setter.channel,
            "changed_from": setter.changed.earliest.isoformat(),
            "changed_until": setter.changed.latest.isoformat(),
            "decided": setter.at.isoformat(),
            "rule": setter.rule,
        },
        "waits": story.question is not None,
        "records": [event_json(event_of(each)) for each in story.records],
        "copies": [
            {
                "channel": each.channel,
                "slot": each.slot,
                "reads": value_text(each.reads),
                "state": each.state,
            }
            for each in story.copies
        ],
    }


def _presence_json(each: Presence) -> dict[str, object]:
    return {
        "channel": each.channel,
        "slot": each.slot,
        "key": each.key,
        "reason": each.reason,
        "confirmed": each.confirmed.isoformat() if each.confirmed is not None else None,
        "set_aside": [
            {"field": path_text(aside.path), "reason": aside.reason} for aside in each.asides
        ],
    }
