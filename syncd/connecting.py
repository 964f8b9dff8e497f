"""The connectors of a configuration, and what their channels carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import structlog

from syncd import metrics
from syncd.breakers import Breakers, Resting
from syncd.config import BridgeSettings, ChannelSettings, Settings
from syncd.connector import Collection, Connector, Counts, Plugin
from syncd.core.channel import Policy
from syncd.core.fidelity import Fidelity
from syncd.errors import ConnectorError, Unavailable
from syncd.pool import Job, Stopped
from syncd.remembered import remember_fidelity, remembered_fidelity
from syncd.store import Store
from syncd.surroundings import Surroundings
from syncd.target import Target
from syncd.troubles import Troubles, steady

NOT_REACHED = "not reached"
"""What is logged of a channel that does not say what it carries."""

log = structlog.get_logger("syncd.connecting")

Place = tuple[str, str]
"""A channel: its bridge and its name."""


@runtime_checkable
class Asks(Protocol):
    """A connector that has to ask its system what a collection carries. Its ``fidelity`` is a
    guess while there is no answer, and a guess is not what the collection said last: taken for
    that it would look like another configuration."""

    def asked_fidelity(self) -> Fidelity:
        """As the system says. Raises ``ConnectorError`` while it does not answer."""
        ...

    def guessed_fidelity(self) -> Fidelity:
        """What can be told without a request."""
        ...


@dataclass(slots=True)
class Reached:
    """What the channels of a bridge carry, by name. ``missing``: why the others never said.
    ``waited``: whom all the time that is configured was waited for just now, in vain."""

    fidelities: dict[str, Fidelity] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    waited: dict[str, Unavailable] = field(default_factory=dict)


class Connections:
    """One connector for each channel, made when it is first needed."""

    def __init__(self, settings: Settings, plugins: Mapping[str, Plugin], store: Store) -> None:
        self._settings, self._plugins, self._store = settings, plugins, store
        self._connectors: dict[Place, Connector] = {}
        self._counting: list[Counts] = []
        self._told: dict[Place, Fidelity] = {}
        self._waited: set[Place] = set()

    def connect_all(self) -> None:
        """Make every connector; makes no request. Raises ``ConfigError`` if one refuses its
        options."""
        for bridge in self._settings.bridges:
            for channel in bridge.channels:
                self.connector(bridge.name, channel)

    def connector(self, bridge: str, channel: ChannelSettings) -> Connector:
        """The connector of a channel. Raises ``ConfigError``."""
        place = (bridge, channel.name)
        if place not in self._connectors:
            system = self._settings.system(channel.system, self._store.installation)
            plugin = self._plugins[system.connector]
            connector = self._connectors[place] = plugin.connect(system, channel.collection)
            if isinstance(connector, Counts):
                self._counting.append(connector)
        return self._connectors[place]

    def spare(self, system: str, collection: Collection) -> Connector:
        """Another connector, for a collection that no channel need have; whoever asked closes
        it. Raises ``ConfigError``."""
        told = self._settings.system(system, self._store.installation)
        return self._plugins[told.connector].connect(told, collection)

    def reach(self, bridge: BridgeSettings, around: Surroundings) -> Reached:
        """What the channels carry, as they say or as they said last. Each is asked until it has
        answered once; a system that does not answer only as often as its circuit allows, and one
        that was waited for in vain only as often as it is looked at."""
        untold = [each for each in bridge.channels if (bridge.name, each.name) not in self._told]
        breakers, left = around.breakers, self._left_alone(bridge.name, around)
        asked = [each for each in untold if each.name not in left]
        jobs = [Job(each.system, self._asking(bridge.name, each, breakers)) for each in asked]
        reached = Reached()
        for each in untold:
            if each.name in left:
                self._guess(bridge.name, each, reached)
        for index, answer in around.pool.stream(jobs):
            self._take(bridge.name, asked[index], answer, reached, around.troubles)
        for channel in bridge.channels:
            known = self._told.get((bridge.name, channel.name))
            if known is not None:
                reached.fidelities[channel.name] = known
        breakers.publish()
        return reached

    def targets(self, bridge: BridgeSettings, reached: Reached, policy: Policy) -> Iterator[Target]:
        """The channels that can be worked with."""
        for channel in bridge.channels:
            if channel.name not in reached.fidelities:
                continue
            system = self._settings.systems[channel.system]
            yield Target(
                bridge.name,
                channel,
                self.connector(bridge.name, channel),
                self._plugins[system.connector].manifest,
                policy.channels[channel.name],
                system.mapping,
                self._settings.daemon.time_zone,
            )

    def made(self) -> Iterator[tuple[Place, Connector]]:
        """The connectors that there are."""
        yield from list(self._connectors.items())

    def requests(self) -> int:
        """How many requests all connectors have sent."""
        return sum(each.requests for each in self._counting)

    def close(self) -> None:
        """Let go of all connectors."""
        for _, connector in self.made():
            connector.close()

    def _asking(
        self, bridge: str, channel: ChannelSettings, breakers: Breakers
    ) -> Callable[[], Fidelity]:
        connector = self.connector(bridge, channel)

        def ask() -> Fidelity:
            return connector.asked_fidelity() if isinstance(connector, Asks) else connector.fidelity

        return lambda: breakers.ask(channel.system, ask)

    def _take(
        self,
        bridge: str,
        channel: ChannelSettings,
        answer: Fidelity | ConnectorError,
        reached: Reached,
        troubles: Troubles,
    ) -> None:
        id = f"{bridge}/{channel.name}"
        if not isinstance(answer, ConnectorError):
            self._told[bridge, channel.name] = answer
            kind = self._settings.systems[channel.system].connector
            remember_fidelity(self._store, id, answer, kind)
            self._waited.discard((bridge, channel.name))
            troubles.is_over(NOT_REACHED, id)
            return
        is_known = self._guess(bridge, channel, reached)
        if is_known and isinstance(answer, Unavailable) and answer.waited:
            # That was its look: to wait as long once more would tell nothing new.
            self._waited.add((bridge, channel.name))
            reached.waited[channel.name] = answer
        elif not isinstance(answer, Resting | Stopped):
            metrics.failed(channel.system, answer)
            name, reason = type(answer).__name__, str(answer)
            if troubles.is_news(NOT_REACHED, id, f"{name} {steady(reason)}"):
                log.warning(NOT_REACHED, channel=id, error=name, reason=reason)
        if not is_known:
            reached.missing[channel.name] = str(answer)

    def _guess(self, bridge: str, channel: ChannelSettings, reached: Reached) -> bool:
        """What it said last, or what can be told without asking. Whether there is either."""
        known = remembered_fidelity(self._store, f"{bridge}/{channel.name}")
        connector = self.connector(bridge, channel)
        if known is None and isinstance(connector, Asks):
            known = connector.guessed_fidelity()
        if known is not None:
            reached.fidelities[channel.name] = known
        return known is not None

    def _left_alone(self, bridge: str, around: Surroundings) -> set[str]:
        """The channels that were waited for in vain, until they are to be looked at again."""
        now, left = around.clock(), set()
        for name in [name for owner, name in self._waited if owner == bridge]:
            state = self._store.channel_state(f"{bridge}/{name}")
            if state is not None and state.retry_at is not None and state.retry_at > now:
                left.add(name)
        return left
