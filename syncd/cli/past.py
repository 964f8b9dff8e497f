"""The commands that look back: why, what, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd import naming
from syncd.cli.explain import explanation
from syncd.cli.history import history as listed
from syncd.cli.opening import BridgeName, Config, Json, known_bridge, me, open_store, read_settings
from syncd.cli.times import parse_since
from syncd.cli.undo import undo as ask
from syncd.deployment import now_utc
from syncd.errors import ConfigError
from syncd.explain import explain as story
from syncd.history import Sought, events
from syncd.undo import Wish, propose

_NAME = "Its id, the beginning of it, or words of its title and a date."
_SINCE = "All since then: 2h, 09:30, 2026-12-31T09:30."


def explain(
    appointment: Annotated[str, typer.Argument(help=_NAME)],
    field: Annotated[str | None, typer.Argument(help="Only this: when, attendees, …")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Why an appointment is as it is: who set each value, when, what else was claimed, by which
    rule it was decided, and how each copy stands to it."""
    settings = read_settings(config)
    zone = settings.daemon.time_zone
    with open_store(settings) as store:
        named = naming.find(store, appointment, zone)
        found = story(settings, store, named, now_utc(), field)
    explanation(found, zone, json)


def history(
    appointment: Annotated[str | None, typer.Argument(help=_NAME)] = None,
    since: Annotated[str | None, typer.Option(help=_SINCE)] = None,
    cycle: Annotated[str | None, typer.Option(help="Only this cycle.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only what concerns this channel.")] = None,
    kind: Annotated[str | None, typer.Option(help="set, conflict, put-back, create, …")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    config: Config = None,
    json: Json = False,
) -> None:
    """What was decided and written, newest first, with the ids of the cycles."""
    settings = read_settings(config)
    zone = settings.daemon.time_zone
    start = parse_since(since, now_utc(), zone) if since is not None else None
    with open_store(settings) as store:
        id = naming.find(store, appointment, zone).id if appointment is not None else None
        sought = Sought(
            appointment=id, since=start, cycle=cycle, channel=channel, kind=kind, limit=limit
        )
        found = events(store, sought)
        titles = naming.titles(store, {event.appointment for event in found})
    listed(found, titles, zone, json)


def undo(
    appointment: Annotated[str | None, typer.Argument(help=_NAME)] = None,
    cycle: Annotated[str | None, typer.Option(help="All that this cycle decided.")] = None,
    since: Annotated[str | None, typer.Option(help=_SINCE)] = None,
    bridge: BridgeName = None,
    channel: Annotated[str | None, typer.Option(help="Only what this channel set.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Take back an appointment's last change, a cycle, or all since a time. Shows it first."""
    settings, now = read_settings(config), now_utc()
    known_bridge(settings, bridge)
    if appointment is None and cycle is None and since is None:
        hint = "an appointment, --cycle ID or --since TIME"
        raise ConfigError("says nothing that could be taken back", key="undo", hint=hint)
    zone = settings.daemon.time_zone
    start = parse_since(since, now, zone) if since is not None else None
    with open_store(settings) as store:
        id = naming.find(store, appointment, zone).id if appointment is not None else None
        wish = Wish(appointment=id, cycle=cycle, since=start, bridge=bridge, channel=channel)
        proposal = propose(settings, store, wish, now, me())
        ask(store, proposal, zone, yes=yes, dry_run=dry_run, json=json)
