"""The commands of the inbox: what waits for a person, and the answers."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd import inbox
from syncd.always import Lasting, lasting
from syncd.cli import console, show
from syncd.cli.opening import Config, Json, me, open_store, read_settings
from syncd.config import Settings
from syncd.deployment import new_appointment_id, now_utc
from syncd.errors import ConfigError
from syncd.results import Exit
from syncd.store import Store


def conflicts(config: Config = None, json: Json = False) -> None:
    """The inbox: fields that an ask rule left open, and copies that may be known already."""
    settings = read_settings(config)
    with open_store(settings) as store:
        waiting = list(inbox.items(store, settings.daemon.time_zone))
    show.inbox_items(waiting, settings.daemon.time_zone, json)
    if waiting:
        raise typer.Exit(Exit.CONFLICTS)


def resolve(
    id: Annotated[str | None, typer.Argument(help="As `syncd conflicts` shows it.")] = None,
    take: Annotated[str, typer.Option(help="The channel whose value is right.")] = "",
    value: Annotated[str | None, typer.Option(help="Another value.")] = None,
    always: Annotated[
        bool, typer.Option("--always", help="Print the rule by which --take is always right.")
    ] = False,
    all_doubtful: Annotated[
        str | None, typer.Option(help="Answer all copies that may be known: link or new.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Answer one item of the inbox; refused if a value has moved since it was shown."""
    settings = read_settings(config)
    if all_doubtful is not None and id is None:
        with open_store(settings) as store:
            _resolve_doubtful(store, all_doubtful, json)
        return
    if all_doubtful is not None or id is None:
        raise ConfigError("takes an id, or --all-doubtful link or new", key="resolve")
    with open_store(settings) as store:
        rule = _rule(settings, store, id, take) if always else None
        inbox.resolve(store, id, now_utc(), me(), new_appointment_id, take=take, value=value)
    told: dict[str, object] = {"resolved": id}
    if rule is not None:
        told |= {"rule": rule.text, "place": rule.place}
    console.said(told, f"{id} is answered; the next cycle carries it out", json)
    if rule is not None and not json:
        console.line(f"to have it always so, add {rule.place}:")
        console.line("")
        console.line(rule.text)


def _resolve_doubtful(store: Store, answer: str, json: bool) -> None:
    answered, left = inbox.resolve_doubtful(store, answer, now_utc(), new_appointment_id)
    text = f"{answered} answered; the next cycle carries it out"
    if left:
        text += f"; {left} may be several, answer them one by one: syncd conflicts"
    console.said({"answered": answered, "left": left}, text, json)


def _rule(settings: Settings, store: Store, id: str, take: str) -> Lasting:
    """The rule by which the answer would have been given."""
    name, path, question = inbox.question_of(store, id)
    bridge = next((each for each in settings.bridges if each.name == name), None)
    if bridge is None or take not in question.claims:
        choices = ", ".join(sorted(question.claims))
        raise inbox.InboxError(f"--always goes with --take CHANNEL, one of {choices}")
    return lasting(bridge, path, question, take)
