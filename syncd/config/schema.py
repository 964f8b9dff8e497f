"""The configuration file as it is written: one strict model a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from syncd.config.settings import Language, Limits, LogFormat, LogLevel, Mode, Service, Topic
from syncd.core.channel import (
    Cancelled,
    Direction,
    Filter,
    FilterMode,
    OnExit,
    OnLeave,
    Privacy,
    Private,
)
from syncd.criteria import VOCABULARIES, canonical, check_field, criteria
from syncd.problems import nearest
from syncd.rulefile import ROLES
from syncd.validation import Table, choice, fail, shown, text_of
from syncd.values import Address, Domain, Duration, Email, Interval, Listen, Name, Share, ZoneName

ADMITS = (FilterMode.ALL, FilterMode.CUSTOMERS, FilterMode.NONE)
HOLDS = (FilterMode.OWN, FilterMode.ALL)

DEFAULT_FIELDS = (
    frozenset({"title", "description", "location", "online_meeting", "kind", "owner"})
    | VOCABULARIES.keys()
)
"""Fields for which a channel can have a default."""


def _filter(modes: tuple[FilterMode, ...]) -> Callable[[object], Filter]:
    def convert(value: object) -> Filter:
        if isinstance(value, dict):
            return Filter(FilterMode.MATCH, criteria(value))
        words = [str(mode) for mode in modes]
        if not isinstance(value, str):
            raise fail("must be a word or a table", f'{", ".join(words)}, {{ kind = ["visit"] }}')
        if value not in words:
            raise fail(f'knows no value "{shown(value)}"', nearest(value, words))
        return Filter(FilterMode(value))

    return convert


def _defaults(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise fail("must be a table", '{ owner = "alice@example.com" }')
    found = {}
    for name, text in value.items():
        check_field(name, DEFAULT_FIELDS, (name,), "as a default")
        if not isinstance(text, str):
            raise fail("must be text in quotes", at=(name,))
        found[name] = canonical(name, text, (name,))
    return found


def _role(value: object) -> str:
    text = text_of(value)
    if text not in ROLES:
        raise fail(f'knows no value "{shown(text)}"', nearest(text, ROLES))
    return text


def _everybody(value: object) -> str:
    text = text_of(value)
    if text != "all":
        raise fail(f'knows no value "{shown(text)}"', 'people = "all"')
    return text


def _secret_or_text(value: object) -> object:
    """Judged where it is resolved; here only that it can be one."""
    if not isinstance(value, str | dict):
        raise fail("must be text in quotes, or say where it is", '{ env = "…" }')
    return value


class WindowTable(Table):
    """``window = { past = "30d", future = "365d" }``."""

    past: Duration = timedelta(days=30)
    future: Duration = timedelta(days=365)


class LogTable(Table):
    """``log = { format = "auto", level = "info" }``."""

    format: Annotated[LogFormat, choice(LogFormat)] = LogFormat.AUTO
    level: Annotated[LogLevel, choice(LogLevel)] = LogLevel.INFO


class WebhooksTable(Table):
    """``[daemon.webhooks]``: where systems that tell of changes reach the daemon."""

    url: str = Field(min_length=1, description='url = "https://syncd.example.com/hooks/"')
    listen: Listen = Address("127.0.0.1", 9465)
    poll_interval: Interval | None = None
    spacing: Interval = timedelta(seconds=1)


class DaemonTable(Table):
    """``[daemon]``."""

    state: Annotated[Any, BeforeValidator(_secret_or_text)] = "sqlite:///state.db"
    poll_interval: Interval = timedelta(seconds=60)
    poll_fastest: Interval | None = None
    poll_slowest: Interval | None = None
    time_zone: ZoneName = "UTC"
    window: WindowTable = WindowTable()
    timeout: Interval | None = None
    workers: int = Field(default=32, ge=1, le=256)
    listen: Listen = Address("127.0.0.1", 8480)
    webhooks: WebhooksTable | None = None
    tokens: str = ""
    log: LogTable = LogTable()


class PeopleTable(Table):
    """``[people]``."""

    file: str = ""
    domains: list[Domain] = Field(default_factory=list)


class SystemTable(Table):
    """``[systems.NAME]``: its connector's options are judged by the manifest."""

    model_config = ConfigDict(extra="allow")

    connector: str = Field(min_length=1, description='connector = "caldav"')
    role: Annotated[str, BeforeValidator(_role)] = ""
    mapping: str = ""


class LimitsTable(Table):
    """``limits = { deletes = "10%", moves = "50%", writes_per_hour = 5000 }``."""

    deletes: Share = Limits().deletes
    moves: Share = Limits().moves
    writes_per_hour: int = Field(default=Limits().writes_per_hour, ge=1)


class ChannelTable(Table):
    """``[[bridges.channels]]``; what is ``None`` has a default that depends on the rest."""

    name: Name | None = None
    system: str = Field(min_length=1, description='system = "crm"')
    calendar: str = ""
    person: Email | None = None
    people: Annotated[Literal["all"] | None, BeforeValidator(_everybody)] = None
    admits: Annotated[Filter | None, BeforeValidator(_filter(ADMITS))] = None
    holds: Annotated[Filter | None, BeforeValidator(_filter(HOLDS))] = None
    on_exit: Annotated[OnExit, choice(OnExit)] = OnExit.WITHDRAW
    on_leave: Annotated[OnLeave, choice(OnLeave)] = OnLeave.KEEP
    direction: Annotated[Direction, choice(Direction)] = Direction.BOTH
    private: Annotated[Private, choice(Private)] = Private.STAY
    privacy: Annotated[Privacy, choice(Privacy)] = Privacy.FULL
    cancelled: Annotated[Cancelled, choice(Cancelled)] = Cancelled.REMOVE
    invite: bool = False
    defaults: Annotated[Mapping[str, str], BeforeValidator(_defaults)] = Field(default_factory=dict)


class BridgeTable(Table):
    """``[[bridges]]``."""

    name: Name = Field(description='name = "sales"')
    rules: str = Field(default="default", min_length=1)
    mode: Annotated[Mode, choice(Mode)] = Mode.BOTH
    limits: LimitsTable = LimitsTable()
    channels: list[ChannelTable] = Field(min_length=1, description="[[bridges.channels]]")


class NotifyTable(Table):
    """``[[notify]]``: who is told what is wrong. Its URL is a secret."""

    name: Name | None = None
    service: Annotated[Service, choice(Service)] = Field(description='service = "wecom"')
    url: Annotated[Any, BeforeValidator(_secret_or_text)] = Field(
        description='url = { env = "ROBOT_URL" }'
    )
    secret: Annotated[Any, BeforeValidator(_secret_or_text)] = None
    language: Annotated[Language, choice(Language)] = Language.EN
    topics: list[Annotated[Topic, choice(Topic)]] = Field(default=list(Topic), min_length=1)
    recovered: bool = True
    silent_after: Interval = timedelta(hours=1)


class ConfigTable(Table):
    """The whole file."""

    daemon: DaemonTable = DaemonTable()
    people: PeopleTable = PeopleTable()
    systems: dict[Name, SystemTable] = Field(min_length=1, description="[systems.crm]")
    bridges: list[BridgeTable] = Field(min_length=1, description="[[bridges]]")
    notify: list[NotifyTable] = Field(
        default_factory=list, max_length=16, description="at most 16 of [[notify]]"
    )
