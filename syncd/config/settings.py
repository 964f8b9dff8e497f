"""The configuration as the rest of syncd sees it: frozen, checked, complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from syncd.connector import Collection, System, TableMapping, Window
from syncd.core.channel import (
    Cancelled,
    Channel,
    Direction,
    Filter,
    OnExit,
    Policy,
    Privacy,
    Private,
)
from syncd.core.fidelity import Fidelity
from syncd.core.rules import RuleSet
from syncd.core.zones import zone_info
from syncd.people import People
from syncd.schedule import Bounds
from syncd.secrets import Secret
from syncd.values import Address

Option: TypeAlias = "str | int | float | bool | Secret | tuple[Option, ...] | Mapping[str, Option]"
"""A connector's own option; only its connector knows what it means."""


class Mode(StrEnum):
    """Whether a bridge writes, or only plans."""

    BOTH = "both"
    OBSERVE = "observe"


class LogFormat(StrEnum):
    """How log lines look: ``auto`` is ``console`` on a terminal, else ``json``."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe lines that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Service(StrEnum):
    """Who carries a notification: a robot of ours, or Apprise with its many services."""

    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    APPRISE = "apprise"


class Topic(StrEnum):
    """What an administrator is told of; one message is about one topic."""

    HOLDS = "holds"
    SIGN_IN = "sign-in"
    CONFLICTS = "conflicts"
    ASIDE = "aside"
    SILENT = "silent"
    OWED = "owed"
    STATE = "state"
    TOKENS = "tokens"


class Language(StrEnum):
    """What notifications are written in."""

    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """``[daemon.webhooks]``. ``url``: where vendors reach us, ends in ``/``; ``listen``: where
    what they tell arrives. ``poll_interval``: how often a channel is looked at that is told of;
    ``spacing``: how long at least from one look that was told of to the next."""

    url: str
    listen: Address
    poll_interval: timedelta
    spacing: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """``[daemon]``.

    ``state``: the store's URL, absolute (it may hold a password). ``bounds``: how often channels
    are looked at. ``past`` and ``future``: how far the window reaches from now. ``timeout``: of
    one request, ``None`` for that of each connector. ``workers``: threads for I/O.
    ``listen``: of the health and metrics pages, ``None`` if there are none. ``webhooks``:
    ``None`` if nobody tells us anything. ``tokens``: the folder of what sign-ins brought.
    """

    state: Secret
    bounds: Bounds
    time_zone: str
    past: timedelta
    future: timedelta
    timeout: timedelta | None
    workers: int
    listen: Address | None
    tokens: str
    webhooks: Webhooks | None = None
    log_format: LogFormat
    log_level: LogLevel

    @property
    def poll_interval(self) -> timedelta:
        """How often channels are usually looked at."""
        return self.bounds.usual

    def window(self, now: datetime) -> Window:
        """The span that is kept equal at ``now`` (aware UTC)."""
        return Window(now - self.past, now + self.future)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSettings:
    """``[systems.NAME]``; its secrets are resolved and still hidden."""

    name: str
    connector: str
    role: str
    options: Mapping[str, Option] = field(default_factory=dict, repr=False)
    mapping: TableMapping | None = None

    def system(self, installation: str, time_zone: str, folder: str, tokens: str) -> System:
        """What the connector is given, secrets revealed: for connecting only."""
        return System(
            name=self.name,
            connector=self.connector,
            role=self.role,
            installation=installation,
            time_zone=time_zone,
            options={key: _revealed(value) for key, value in self.options.items()},
            mapping=self.mapping,
            folder=folder,
            tokens=tokens,
        )

    @property
    def secrets(self) -> Iterator[Secret]:
        """Every secret among the options."""
        for value in self.options.values():
            yield from _secrets(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One ``[[bridges.channels]]``, or one colleague of ``people = "all"``.

    ``order``: its place in the bridge, from 0. ``line``: where it is written.
    """

    name: str
    system: str
    role: str
    order: int
    admits: Filter
    holds: Filter
    calendar: str = ""
    person: str = ""
    on_exit: OnExit = OnExit.WITHDRAW
    direction: Direction = Direction.BOTH
    private: Private = Private.STAY
    privacy: Privacy = Privacy.FULL
    cancelled: Cancelled = Cancelled.REMOVE
    invite: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def collection(self) -> Collection:
        """What its connector is asked for."""
        return Collection(self.calendar, self.person, self.invite, self.defaults)

    def channel(self, fidelity: Fidelity) -> Channel:
        """The channel as settling sees it, once its connector has told its fidelity."""
        return Channel(
            name=self.name,
            system=self.system,
            role=self.role,
            order=self.order,
            fidelity=fidelity,
            person=self.person,
            admits=self.admits,
            holds=self.holds,
            on_exit=self.on_exit,
            direction=self.direction,
            private=self.private,
            privacy=self.privacy,
            cancelled=self.cancelled,
            invite=self.invite,
            defaults=self.defaults,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a bridge holds. ``deletes`` and ``moves`` are shares (0.1 is 10 %)."""

    deletes: float = 0.1
    moves: float = 0.5
    writes_per_hour: int = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """One ``[[bridges]]``. ``channels`` in configured order, ``rules`` judged against them."""

    name: str
    mode: Mode
    limits: Limits
    channels: tuple[ChannelSettings, ...]
    rules: RuleSet

    def policy(self, fidelities: Mapping[str, Fidelity], people: People) -> Policy:
        """What settling goes by; ``fidelities`` by name of channel, for those that have one."""
        return Policy(
            channels={
                each.name: each.channel(fidelities[each.name])
                for each in self.channels
                if each.name in fidelities
            },
            rules=self.rules,
            colleagues=people.addresses,
            domains=frozenset(people.domains),
            rooms=people.rooms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """One ``[[notify]]``: who is told, of which topics, in which language.

    ``secret`` signs what is sent to a DingTalk or Feishu robot. ``recovered``: also told when
    a topic is over. ``silent_after``: from when on a system that does not answer is told of.
    """

    name: str
    service: Service
    url: Secret
    secret: Secret | None = None
    language: Language = Language.EN
    topics: frozenset[Topic] = frozenset(Topic)
    recovered: bool = True
    silent_after: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. ``warnings``: what works but should be looked at, one line each.

    ``last_day``: after which it is to be read again, since somebody will have left.
    """

    file: str
    folder: str
    daemon: DaemonSettings
    people: People
    systems: Mapping[str, SystemSettings]
    bridges: tuple[BridgeSettings, ...]
    notify: tuple[NotifySettings, ...] = ()
    warnings: tuple[str, ...] = ()
    last_day: date | None = None

    def system(self, name: str, installation: str) -> System:
        """What the connector of the system ``name`` is given; ``KeyError`` if there is none."""
        daemon = self.daemon
        return self.systems[name].system(installation, daemon.time_zone, self.folder, daemon.tokens)

    def is_outdated(self, now: datetime) -> bool:
        """Whether somebody has left since it was read (``now`` is aware)."""
        zone = zone_info(self.daemon.time_zone)
        return self.last_day is not None and now.astimezone(zone).date() > self.last_day

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret, so that logs can look out for them."""
        found = [secret for system in self.systems.values() for secret in system.secrets]
        robots = [secret for each in self.notify for secret in (each.url, each.secret) if secret]
        return (self.daemon.state, *found, *robots)


def _revealed(value: Option) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return [_revealed(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _revealed(each) for key, each in value.items()}
    return value


def _secrets(value: Option) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _secrets(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)
