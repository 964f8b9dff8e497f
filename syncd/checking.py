"""Sign-in, rights and clock of every channel: what ``syncd check`` asks.

So many channels of a system are asked at once as its manifest allows; one that does not answer
stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from syncd.config import BridgeSettings, ChannelSettings, Mode, Settings
from syncd.connecting import Connections
from syncd.connector import Health
from syncd.core.channel import Direction
from syncd.errors import ConfigError, ConnectorError
from syncd.pool import Job, Pool

CLOCK_LIMIT = 60.0
"""Seconds that a remote clock may differ from ours."""

_MEND = "mend the wrong one first (here: timedatectl), since rules compare times"

Told = Callable[[int, int], None]
"""Hears how many channels of how many have answered."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one channel. ``writes``: whether it has to be written to."""

    bridge: str
    channel: ChannelSettings
    health: Health
    writes: bool

    @property
    def clock_is_off(self) -> bool:
        """Whether the remote clock differs from ours by more than a minute."""
        skew = self.health.skew
        return skew is not None and abs(skew) > CLOCK_LIMIT

    @property
    def detail(self) -> str:
        """What the system tells, and by how much its clock is off."""
        told = [self.health.detail] if self.health.detail else []
        skew = self.health.skew
        if skew is not None and self.clock_is_off:
            way = "ahead of" if skew > 0 else "behind"
            told.append(f"its clock is {_long(abs(skew))} {way} this machine's: {_MEND}")
        return "; ".join(told)

    @property
    def is_right(self) -> bool:
        """Whether there is nothing to mend."""
        health = self.health
        return health.ok and (health.can_write or not self.writes) and not self.clock_is_off


def own_clock_is_off(found: Iterable[Checked]) -> bool:
    """Whether it is this machine's clock that is wrong: several systems differ from it alike."""
    off = {each.channel.system: each.health.skew or 0.0 for each in found if each.clock_is_off}
    return len(off) > 1 and max(off.values()) - min(off.values()) <= CLOCK_LIMIT


def check(
    settings: Settings,
    connections: Connections,
    pool: Pool,
    told: Told = lambda _done, _total: None,
) -> list[Checked]:
    """Every channel, in configured order. Raises ``ConfigError`` if a connector refuses its
    options; that a calendar is not there is what is wrong with that one channel."""
    connections.connect_all()
    asked = [(bridge, channel) for bridge in settings.bridges for channel in bridge.channels]
    jobs = [Job(channel.system, _asking(connections, b, channel)) for b, channel in asked]
    found: dict[int, Health] = {}
    for index, answer in pool.stream(jobs):
        found[index] = _failed(answer) if isinstance(answer, ConnectorError) else answer
        told(len(found), len(jobs))
    return [
        Checked(bridge.name, channel, found[index], _is_written(bridge, channel))
        for index, (bridge, channel) in enumerate(asked)
    ]


def _asking(
    connections: Connections, bridge: BridgeSettings, channel: ChannelSettings
) -> Callable[[], Health]:
    connector = connections.connector(bridge.name, channel)

    def ask() -> Health:
        try:
            return connector.check()
        except ConfigError as error:
            return Health(ok=False, detail=str(error))

    return ask


def _failed(error: ConnectorError) -> Health:
    return Health(ok=False, detail=f"{type(error).__name__}: {error}")


def _long(seconds: float) -> str:
    """A span in its two largest units."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def _is_written(bridge: BridgeSettings, channel: ChannelSettings) -> bool:
    return bridge.mode is Mode.BOTH and channel.direction is not Direction.FROM
