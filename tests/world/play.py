"""Playing steps against a deployment, letting it come to rest, judging, and shrinking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Protocol

from syncd.core.state import AppointmentId, Record
from tests.world import people
from tests.world.clock import WorldClock
from tests.world.company import Company
from tests.world.diary import Diary
from tests.world.faults import clear, is_clear, set_weather
from tests.world.hosts import Memory
from tests.world.steps import Act, Cycle, Expire, Kill, Leave, Pass, Restart, Return, Step, Weather
from tests.world.surface import Remote
from tests.world.verdict import judged

REST = 30
"""Cycles after which a deployment must have come to rest; each is one poll."""

POLL = 60
"""Seconds between cycles at rest."""

RELEASE = 25 * 3600
"""Seconds after which everything that was set aside is tried again."""


class Killed(BaseException):
    """The daemon died, as :meth:`Deployment.kill_at` had asked; remotes and store stand as is."""


class Deployment(Protocol):
    """A whole syncd in one thread, on the channels of a :class:`Stage`."""

    @property
    def channels(self) -> Mapping[str, Remote]:
        """The remotes, by channel."""
        ...

    @property
    def late(self) -> Collection[str]:
        """The channels that have answered what the daemon has not been told yet."""
        ...

    @property
    def away(self) -> Collection[str]:
        """The channels that are not configured just now."""
        ...

    def leave(self, channel: str) -> None:
        """Start anew without a channel."""
        ...

    def come_back(self, channel: str) -> None:
        """Start anew with a channel that had left."""
        ...

    def cycle(self) -> None:
        """Observe every channel, settle what is due, write what is owed. Raises ``Killed``."""
        ...

    def clear(self) -> None:
        """From now on no answer is late."""
        ...

    def kill_at(self, step: int) -> None:
        """The next cycle dies at its ``step``-th point (a write, a transaction, …), if it has one.

        Afterwards nothing is armed any more, whether or not it died.
        """
        ...

    def restart(self, backup: bool = False) -> None:
        """Start anew from the store, or from the last backup of it (made by the deployment)."""
        ...

    def records(self) -> Iterable[tuple[AppointmentId, Record]]:
        """All of history, as it stands in the store."""
        ...

    def answer(self) -> int:
        """A person answers all that was asked, and approves all that is held; how many."""
        ...


class Stage:
    """The remotes of a company, its people and their diary, before a deployment is there.

    ``hosts``: where the remotes come from.
    """

    def __init__(self, company: Company, seed: int, hosts: Memory | None = None) -> None:
        hosts = hosts or Memory()
        self.company = company
        self.clock = WorldClock()
        self.oracle = Diary(company)
        self.systems: dict[str, Remote] = {}
        hosts.begin(self.clock)
        for desk in company.desks:
            chance = Random(f"{seed}/{desk.name}")
            self.systems[desk.name] = hosts.open(desk, self.clock, chance)
        self._disturbed = False

    def run(self, step: Step, deployment: Deployment) -> None:
        """Take one step."""
        match step:
            case Act(verb="split", channel=channel) if channel in self.oracle.exchanged.away:
                pass  # the cut would be put back, and what goes on from it be another series
            case Act(channel=channel):
                desk = self.company.desk(channel)
                people.act(step, desk, self.systems[channel], self.oracle)
            case Weather(channel=channel):
                set_weather(step, self.systems[channel])
            case Expire(channel=channel, remade=remade):
                system = self.systems[channel]
                (system.remake if remade else system.expire_cursors)()
                if remade:
                    self.oracle.remade(channel)
            case Pass(seconds=seconds):
                self.clock.advance(seconds)
            case Kill(at=at):
                self._disturbed = True
                deployment.kill_at(at)
            case Restart(backup=backup):
                self._disturbed = True
                deployment.restart(backup)
            case Leave(channel=channel):
                self._disturbed = True
                deployment.leave(channel)
                self.oracle.left(channel)
            case Return(channel=channel):
                self._disturbed = True
                deployment.come_back(channel)
                self.oracle.returned(channel)
            case Cycle():
                self.cycle(deployment)

    def cycle(self, deployment: Deployment) -> None:
        """One cycle; a daemon that dies is started again."""
        calm = not self._disturbed and all(map(is_clear, self.systems.values()))
        calm = calm and not deployment.away
        before = {name: system.lists for name, system in self.systems.items()}
        self.oracle.looking({n: frozenset(system.items) for n, system in self.systems.items()})
        try:
            deployment.cycle()
        except Killed:
            calm = False
            deployment.restart()
        self._disturbed = False
        self.oracle.recorded(deployment.records())
        late = deployment.late
        listed = {name for name, each in self.systems.items() if each.lists > before[name]}
        self.oracle.looked(calm=calm and not late, listed=listed.difference(late))

    def come_to_rest(self, deployment: Deployment) -> list[str]:
        """Clear weather, nobody edits, all questions are answered: cycles until one writes nothing,
        twice a day apart."""
        for channel in sorted(deployment.away):
            self.run(Return(channel), deployment)
        for system in self.systems.values():
            clear(system)
        deployment.clear()
        for _ in range(2):
            complaints = self._answer_all(deployment)
            if complaints:
                return complaints
            self.clock.advance(RELEASE)
        before = self._writes()
        self.cycle(deployment)
        return [] if self._writes() == before else ["1: a further cycle writes again"]

    def _answer_all(self, deployment: Deployment) -> list[str]:
        for _ in range(REST):
            if not self._quieten(deployment):
                return [f"1: still writing after {REST} cycles"]
            if not deployment.answer():
                return []
        return [f"1: still asking after {REST} answers"]

    def _quieten(self, deployment: Deployment) -> bool:
        quiet = 0
        for _ in range(REST):
            before = self._writes()
            self.cycle(deployment)
            self.clock.advance(POLL)
            quiet = quiet + 1 if self._writes() == before else 0
            if quiet == 3:
                return True
        return False

    def _writes(self) -> int:
        return sum(system.writes for system in self.systems.values())


Deploy = Callable[[Stage], Deployment]
"""Makes a deployment for a stage: a connector for each system, ``company`` as its policy."""


def play(
    steps: Sequence[Step],
    company: Company,
    deploy: Deploy,
    seed: int = 0,
    hosts: Memory | None = None,
) -> list[str]:
    """Play ``steps``, let everything come to rest; the complaints."""
    stage = Stage(company, seed, hosts)
    deployment = deploy(stage)
    for step in steps:
        stage.run(step, deployment)
    return stage.come_to_rest(deployment) + judged(stage.oracle, stage.systems)


def shrink(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """As few of ``steps`` as still fail (delta debugging: ever smaller pieces are left out)."""
    left = list(steps)
    size = len(left) // 2
    while size:
        start = 0
        while start < len(left):
            fewer = left[:start] + left[start + size :]
            if fails(fewer):
                left = fewer
            else:
                start += size
        size //= 2
    return left
