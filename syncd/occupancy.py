"""When channels are taken, as their systems tell it, and by what: ``syncd busy``.

Nothing is written, neither to a system nor to the state. What is known of a channel is what its
last look showed: a booking that somebody made since is not known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd import naming
from syncd.config import BridgeSettings, ChannelSettings, Settings
from syncd.connecting import Connections
from syncd.connector import Plugin, TellsBusy, Window
from syncd.core.belong import is_private
from syncd.core.bookings import Booking, Double, Use, booked, doubles, uses
from syncd.core.taken import Taken
from syncd.errors import ConfigError, ConnectorError, Rejected
from syncd.observe import patiently
from syncd.pool import Job
from syncd.problems import nearest
from syncd.store import Observed, Store
from syncd.surroundings import Surroundings

Told = Callable[[int, int], None]
"""Hears how many channels of how many have answered."""

PRIVATE = "(private)"
"""Stands for the title of what is not for everybody's eyes; ``syncd explain`` takes its id."""

Place = tuple[BridgeSettings, ChannelSettings]


@dataclass(frozen=True, slots=True)
class Occupied:
    """When a channel is taken. ``looked``: when it was last looked at. ``failed``: why its system
    does not tell, empty if it does."""

    bridge: str
    channel: str
    system: str
    looked: datetime | None = None
    uses: Sequence[Use] = ()
    failed: str = ""
    doubles: Sequence[Double] = field(default=())


def chosen(
    settings: Settings, plugins: Mapping[str, Plugin], names: Collection[str]
) -> list[Place]:
    """The channels of these names (``alice``, or ``sales/alice`` where two bridges have one), in
    configured order; without names all whose systems can tell. Raises ``ConfigError``."""
    there = [(bridge, channel) for bridge in settings.bridges for channel in bridge.channels]
    for name in names:
        meant = [place for place in there if name in _names(place)]
        if not meant:
            known = {each for place in there for each in _names(place)[:1]}
            hint = nearest(name, known)
            raise ConfigError(f"there is no channel {name!r}", key="CHANNEL", hint=hint)
        if not any(_tells(settings, plugins, place) for place in meant):
            kind = settings.systems[meant[0][1].system].connector
            message = f"{name}: a {kind} system does not tell when it is taken"
            raise ConfigError(message, key="CHANNEL")
    return [
        place
        for place in there
        if _tells(settings, plugins, place)
        and (not names or any(name in _names(place) for name in names))
    ]


def occupied(
    settings: Settings,
    connections: Connections,
    around: Surroundings,
    places: Sequence[Place],
    span: Window,
    told: Told = lambda _done, _total: None,
) -> list[Occupied]:
    """When ``places`` are taken in ``span``, in their order; one that fails stops no other."""
    jobs = [
        Job(channel.system, _asking(connections, around, bridge.name, channel, span))
        for bridge, channel in places
    ]
    answers: dict[int, Sequence[Taken] | ConnectorError] = {}
    for index, answer in around.pool.stream(jobs):
        answers[index] = answer
        told(len(answers), len(jobs))
    zone = settings.daemon.time_zone
    return [
        _compared(around.store, place, answers[index], span, zone)
        for index, place in enumerate(places)
    ]


def _names(place: Place) -> tuple[str, str]:
    bridge, channel = place
    return channel.name, f"{bridge.name}/{channel.name}"


def _tells(settings: Settings, plugins: Mapping[str, Plugin], place: Place) -> bool:
    return plugins[settings.systems[place[1].system].connector].manifest.free_busy


def _asking(
    connections: Connections,
    around: Surroundings,
    bridge: str,
    channel: ChannelSettings,
    span: Window,
) -> Callable[[], tuple[Taken, ...]]:
    connector = connections.connector(bridge, channel)

    def ask() -> tuple[Taken, ...]:
        if not isinstance(connector, TellsBusy):
            raise Rejected("its connector declares free_busy, and has no busy")
        retry = patiently(around.sleep)
        try:
            return around.breakers.ask(channel.system, lambda: retry(connector.busy, span))
        except ConfigError as error:  # the calendar is not there: nobody else's affair
            raise Rejected(str(error)) from error

    return ask


def _compared(
    store: Store, place: Place, answer: Sequence[Taken] | ConnectorError, span: Window, zone: str
) -> Occupied:
    bridge, channel = place
    state = store.channel_state(f"{bridge.name}/{channel.name}")
    looked = state.looked if state is not None else None
    if isinstance(answer, ConnectorError):
        failed = f"{type(answer).__name__}: {answer}"
        return Occupied(bridge.name, channel.name, channel.system, looked, failed=failed)
    shown = list(store.all_observed(f"{bridge.name}/{channel.name}"))
    found = uses(answer, _known(store, shown, span, zone))
    return Occupied(
        bridge.name, channel.name, channel.system, looked, found, doubles=doubles(found)
    )


def _known(store: Store, shown: Sequence[Observed], span: Window, zone: str) -> Iterator[Booking]:
    """What the copies of a channel take; titles as they were agreed."""
    titles = naming.titles(store, {each.appointment for each in shown if each.appointment})
    for item in shown:
        if item.copy is None or item.state != "present":
            continue
        reads, id = item.copy.reads, item.appointment or ""
        title = PRIVATE if is_private(reads) else titles.get(id) or reads.title
        booking = Booking(span.start, span.end, item.key, id, title)
        yield from booked(reads, booking, span.start, span.end, zone)
