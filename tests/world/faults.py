"""Storms: a sequence of acts, faults, cycles, kills and restarts, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from random import Random
from typing import cast

from tests.world.abilities import Faults
from tests.world.company import CRM, Company
from tests.world.steps import (
    Act,
    Cycle,
    Expire,
    Kill,
    Leave,
    Pass,
    Restart,
    Return,
    Step,
    Token,
    Verb,
    Weather,
)
from tests.world.surface import Remote

MOST_ENDINGS = 4
"""Deletions and cancellations in one storm: holds are tested elsewhere."""

_BIRTHS: dict[Verb, int] = {"visit": 10, "lunch": 2, "series": 4, "past": 1}
_ACTS: dict[Verb, int] = {
    "retitle": 12,
    "move": 12,
    "place": 8,
    "note": 6,
    "answer": 5,
    "invite": 3,
    "hand over": 2,
    "cancel": 1,
    "delete": 2,
    "move occurrence": 5,
    "retitle occurrence": 3,
    "drop occurrence": 2,
    "split": 1,
    "duplicate": 2,
    "move key": 3,
    "put back": 2,
    "plant": 5,
    "purge": 1,
}
_ENDINGS = frozenset({"cancel", "delete"})
_WEATHER: tuple[tuple[str, float | bool], ...] = (
    ("down", True),
    ("locked", True),
    ("read_only", True),
    ("throttled", 0.5),
    ("lost_requests", 0.3),
    ("lost_answers", 0.4),
    ("doubled", 0.6),
    ("broken_listings", 0.7),
)


@dataclass(slots=True)
class _Storm:
    """A storm while it is drawn."""

    random: Random
    company: Company
    steps: list[Step] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    endings: int = 0
    serial: int = 0
    blowing: list[tuple[str, str]] = field(default_factory=list)


def storm(
    seed: int, company: Company, acts: int = 40, *, faults: bool = True, leaves: bool = False
) -> list[Step]:
    """The steps of the storm with this ``seed``; ``faults``: else only people and cycles.
    ``leaves``: calendars are taken out of the configuration, and return."""
    drawn = _Storm(Random(seed), company)
    for _ in range(3):
        _birth(drawn)
    drawn.steps += [Cycle(), Cycle()]
    for _ in range(acts):
        if drawn.random.random() < 0.15 or not drawn.tokens:
            _birth(drawn)
        else:
            _act(drawn)
        if faults and drawn.random.random() < 0.35:
            _change_weather(drawn)
        if drawn.random.random() < 0.4:
            drawn.steps += [Pass(drawn.random.choice((1, 20, 60, 600))), Cycle()]
    _invite(drawn, Random(f"invitations {seed}"))
    if leaves:
        _leave(drawn, Random(f"leaving {seed}"))
    return drawn.steps


def set_weather(step: Weather, system: Remote) -> None:
    """Let a fault begin or end."""
    setattr(system.faults, step.fault, step.value)


def clear(system: Remote) -> None:
    """No faults from now on."""
    system.faults = Faults()


def is_clear(system: Remote) -> bool:
    """Whether nothing is wrong."""
    usual = Faults()
    return all(
        getattr(system.faults, each.name) == getattr(usual, each.name) for each in fields(Faults)
    )


def _birth(drawn: _Storm) -> None:
    drawn.serial += 1
    verb = _pick(drawn.random, _BIRTHS)
    calendars = [desk.name for desk in drawn.company.desks if desk.name != CRM]
    places = calendars if verb == "lunch" else [CRM, *calendars]
    token = f"t{drawn.serial}"
    colleagues = drawn.company.colleagues or ("",)
    owner = drawn.random.choice(colleagues)
    drawn.steps.append(Act(verb, drawn.random.choice(places), token, drawn.serial, owner))
    if verb != "past":
        drawn.tokens.append(token)


def _act(drawn: _Storm) -> None:
    drawn.serial += 1
    verb = _pick(drawn.random, _ACTS)
    channel = drawn.random.choice(drawn.company.desks).name
    token, other = drawn.random.choice(drawn.tokens), ""
    if verb in _ENDINGS:
        drawn.endings += 1
        if drawn.endings > MOST_ENDINGS:
            return
    if verb == "purge" and channel == CRM:
        return
    if verb == "hand over":
        channel, other = CRM, drawn.random.choice(drawn.company.colleagues or ("",))
    if verb in ("split", "duplicate"):
        other = f"t{drawn.serial}"
        drawn.tokens.append(other)
    drawn.steps.append(Act(verb, channel, token, drawn.serial, other))


def _invite(drawn: _Storm, random: Random) -> None:
    """Now and then an invitation comes to a calendar that may have a copy of ours already."""
    calendars = [desk.name for desk in drawn.company.desks if desk.name != CRM]
    for n in range(random.randrange(6)):
        arrival = Act("arrive", random.choice(calendars), random.choice(drawn.tokens), n)
        drawn.steps.insert(random.randrange(5, len(drawn.steps)), arrival)


def _leave(drawn: _Storm, random: Random) -> None:
    """Some calendars leave, each once, and return, or do so only at the end."""
    calendars = [desk.name for desk in drawn.company.desks if desk.name != CRM]
    for channel in random.sample(calendars, random.randint(1, len(calendars))):
        away, back = sorted(random.sample(range(5, len(drawn.steps) + 20), 2))
        drawn.steps.insert(min(back, len(drawn.steps)), Return(channel))
        away = min(away, len(drawn.steps) - 1)
        drawn.steps[away:away] = [Cycle(), Cycle(), Leave(channel)]


def _change_weather(drawn: _Storm) -> None:
    random, channel = drawn.random, drawn.random.choice(drawn.company.desks).name
    chance = random.random()
    if chance < 0.15:
        drawn.steps.append(Expire(channel, remade=random.random() < 0.3))
    elif chance < 0.3:
        drawn.steps.append(Kill(random.randint(1, 60)))
    elif chance < 0.35:
        drawn.steps.append(Restart(backup=random.random() < 0.5))
    elif drawn.blowing and chance < 0.7:
        ended, fault = drawn.blowing.pop(random.randrange(len(drawn.blowing)))
        usual = cast(float | bool, getattr(Faults(), fault))
        drawn.steps.append(Weather(ended, fault, usual))
    else:
        fault, value = random.choice(_WEATHER)
        drawn.steps.append(Weather(channel, fault, value))
        drawn.blowing.append((channel, fault))


def _pick(random: Random, weights: dict[Verb, int]) -> Verb:
    return random.choices(list(weights), list(weights.values()))[0]
