"""``[[bridges]]``: channels named, completed and expanded, rules judged against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from syncd.config.places import named_file
from syncd.config.schema import BridgeTable, ChannelTable
from syncd.config.settings import BridgeSettings, ChannelSettings, Limits, SystemSettings
from syncd.connector import Manifest
from syncd.core.channel import Direction, Filter, FilterMode, OnExit, OnLeave
from syncd.core.rules import RuleSet
from syncd.errors import ConfigError
from syncd.people import Colleague, People
from syncd.problems import Problems, nearest, problem
from syncd.rulefile import Names, read_rules
from syncd.tomlfile import KeyPath, TomlFile

CALENDAR_ROLES = frozenset({"calendar", "office"})
"""Roles whose channels admit only appointments with a customer, unless configured."""

_LOCAL_COLUMNS = frozenset({"name", "email", "aliases", "phone", "kind", "id", "until"})


@dataclass(frozen=True, slots=True)
class BridgeReader:
    """Reads the bridges of one configuration; what is wrong goes to ``problems``.

    ``today``: by which colleagues have left or not.
    """

    source: TomlFile
    folder: Path
    systems: Mapping[str, SystemSettings]
    manifests: Mapping[str, Manifest]
    people: People
    problems: Problems
    today: date
    _claimed: dict[tuple[str, str], KeyPath] = field(default_factory=dict)
    """Which written channel has a collection, over all bridges."""

    def read(self, tables: list[BridgeTable]) -> tuple[BridgeSettings, ...]:
        """All bridges."""
        for index, table in enumerate(tables):
            at: KeyPath = ("bridges", index)
            if table.name in [each.name for each in tables[:index]]:
                message = "another bridge has this name already"
                self.problems.error(self.source, (*at, "name"), message)
            self._claim(at, table)
        return tuple(self._bridge(("bridges", i), table) for i, table in enumerate(tables))

    def _claim(self, at: KeyPath, table: BridgeTable) -> None:
        """Note the collections of the written channels: each stands in one bridge, once."""
        for index, channel in enumerate(table.channels):
            place = (*at, "channels", index)
            if channel.people is not None:
                continue
            collection = (channel.system, channel.calendar.rstrip("/"))
            first = self._claimed.setdefault(collection, place)
            if first != place:
                line = self.source.line(first)
                message = f"this collection already stands in line {line}"
                self.problems.error(self.source, place, message, "one channel a collection")

    def _bridge(self, at: KeyPath, table: BridgeTable) -> BridgeSettings:
        channels: list[ChannelSettings] = []
        names: dict[str, int] = {}
        for index, channel in enumerate(table.channels):
            place = (*at, "channels", index)
            system = self._system(place, channel)
            if system is None:
                continue
            for each in self._staying(channel, self._channels(place, channel, system)):
                if each.name in names:
                    self._name_twice(place, channel, each, names[each.name])
                    continue
                names[each.name] = each.line
                channels.append(replace(each, order=len(channels)))
        if len(channels) == 1:
            self.problems.warn(self.source, at, "a bridge with one channel keeps nothing equal")
        return BridgeSettings(
            name=table.name,
            mode=table.mode,
            limits=Limits(
                deletes=table.limits.deletes,
                moves=table.limits.moves,
                writes_per_hour=table.limits.writes_per_hour,
            ),
            channels=tuple(channels),
            rules=self._rules((*at, "rules"), table, channels),
        )

    def _system(self, at: KeyPath, channel: ChannelTable) -> SystemSettings | None:
        system = self.systems.get(channel.system)
        written = self.source.data.get("systems", {})
        if system is None and channel.system not in written:
            message = f'there is no system "{channel.system}"'
            self.problems.error(
                self.source, (*at, "system"), message, nearest(channel.system, written)
            )
        return system

    def _name_twice(
        self, at: KeyPath, table: ChannelTable, channel: ChannelSettings, line: int
    ) -> None:
        message = f'the name "{channel.name}" already stands in line {line}'
        key = (*at, "name") if table.name else at
        self.problems.error(self.source, key, message, 'give it another: name = "…"')

    def _staying(
        self, table: ChannelTable, channels: Iterator[ChannelSettings]
    ) -> Iterator[ChannelSettings]:
        """Without the calendars of those who have left, unless something is withdrawn there."""
        for channel in channels:
            colleague = self.people.colleague(channel.person)
            if colleague is None or not colleague.has_left(self.today):
                yield channel
            elif not self._is_left_alone(table, colleague):
                yield replace(channel, **_LEFT)

    def _is_left_alone(self, table: ChannelTable, colleague: Colleague) -> bool:
        """Whether it is the calendar of somebody who has left and takes everything along."""
        withdrawn = table.on_leave is OnLeave.WITHDRAW and table.direction is not Direction.FROM
        return colleague.has_left(self.today) and not withdrawn

    def _channels(
        self, at: KeyPath, table: ChannelTable, system: SystemSettings
    ) -> Iterator[ChannelSettings]:
        if table.calendar and not self.manifests[system.connector].collections:
            message = f'the system "{system.name}" has only one collection'
            self.problems.error(self.source, (*at, "calendar"), message, "take calendar out")
        if table.people is not None:
            yield from self._everybody(at, table, system)
            return
        if table.calendar.startswith("{"):
            message = "stands for a column of the people file"
            self.problems.error(self.source, (*at, "calendar"), message, 'with people = "all"')
        if table.holds == Filter(FilterMode.OWN) and table.person is None:
            self.problems.error(
                self.source, (*at, "holds"), '"own" needs a person', 'person = "name@example.com"'
            )
        name = table.name or system.name
        line = self.source.line(at)
        yield _settings(table, system, name, table.person or "", table.calendar, line)

    def _everybody(
        self, at: KeyPath, table: ChannelTable, system: SystemSettings
    ) -> Iterator[ChannelSettings]:
        """A channel for each line of the people file with a value in the column."""
        column = self._column(at, table)
        if column is None:
            return
        chosen = [each for each in self.people.everybody if each.columns.get(column)]
        if not chosen:
            message = f'no line of the people file has a value in "{column}"'
            self.problems.warn(self.source, (*at, "calendar"), message)
        slugs = _slugs(chosen, self.people.domains)
        seen: dict[str, int] = {}
        for person in chosen:
            calendar = person.columns[column]
            bare = calendar.rstrip("/")
            if self._is_left_alone(table, person):
                continue  # before its calendar counts: a successor may have it
            if bare in seen:
                self._line_twice(person, seen[bare])
            elif self._free(at, (system.name, bare)):
                seen[bare] = person.line
                name = f"{system.name}-{slugs[person.email]}"
                line = self.source.line(at)
                yield _settings(table, system, name, person.email, calendar, line)

    def _free(self, at: KeyPath, collection: tuple[str, str]) -> bool:
        """A channel that is written out goes before ``people = "all"`` of its own bridge."""
        first = self._claimed.setdefault(collection, at)
        if first == at or first[:2] == at[:2]:
            return first == at
        line = self.source.line(first)
        message = f"a collection of these already stands in the bridge of line {line}"
        self.problems.error(self.source, at, message, "one bridge a collection")
        return False

    def _line_twice(self, person: Colleague, line: int) -> None:
        message = f"its calendar already stands in line {line}; it gets no channel"
        where = ConfigError(message, file=self.people.file, line=person.line)
        self.problems.add_warnings([str(where)])

    def _column(self, at: KeyPath, table: ChannelTable) -> str | None:
        for key in ("name", "person"):
            if getattr(table, key) is not None:
                message = 'does not go with people = "all"'
                self.problems.error(self.source, (*at, key), message, "it differs for everybody")
        place = (*at, "calendar")
        if not self.people.file:
            self.problems.error(self.source, (*at, "people"), "there is no people file", "[people]")
            return None
        if not (table.calendar.startswith("{") and table.calendar.endswith("}")):
            message = "must name a column of the people file"
            self.problems.error(self.source, place, message, f'"{{{table.system}}}"')
            return None
        if not self.people.columns:  # the file itself is bad, and that has been said
            return None
        column = table.calendar[1:-1].strip().lower()
        if column not in self.people.columns:
            known = set(self.people.columns) - {""} - (_LOCAL_COLUMNS - {"email"})
            message = f'the people file has no column "{column}"'
            self.problems.error(self.source, place, message, nearest(column, known))
            return None
        return column

    def _rules(self, at: KeyPath, table: BridgeTable, channels: list[ChannelSettings]) -> RuleSet:
        """Its rules. What a channel that could not be read is called may still be named."""
        written = {each.name or each.system for each in table.channels}
        names = Names(
            channels=frozenset(each.name for each in channels) | written,
            systems=frozenset(each.system for each in table.channels),
            roles=frozenset(each.role for each in channels),
        )
        try:
            source, shipped = named_file(table.rules, "mappings/rules", self.folder)
            loaded = read_rules(source, names)
        except ConfigError as error:
            if error.line:
                self.problems.add(error)
            else:
                self.problems.add(problem(self.source, at, error.message, error.hint))
            return RuleSet()
        if not shipped:
            self.problems.add_warnings(loaded.warnings)
        return loaded.rules


_LEFT: Mapping[str, Any] = {
    "holds": Filter(FilterMode.NONE),
    "admits": Filter(FilterMode.NONE),
    "direction": Direction.TO,
    "on_exit": OnExit.WITHDRAW,
}
"""The calendar of somebody who has left, from which what syncd put there is withdrawn: nothing
belongs there any more, and nothing that is done there counts."""


def _settings(
    table: ChannelTable,
    system: SystemSettings,
    name: str,
    person: str,
    calendar: str,
    line: int,
) -> ChannelSettings:
    customers = Filter(
        FilterMode.CUSTOMERS if system.role in CALENDAR_ROLES else FilterMode.ALL,
    )
    holds = Filter(FilterMode.OWN if person else FilterMode.ALL)
    return ChannelSettings(
        name=name,
        system=system.name,
        role=system.role,
        order=0,
        calendar=calendar,
        person=person,
        admits=table.admits or customers,
        holds=table.holds or holds,
        on_exit=table.on_exit,
        direction=table.direction,
        private=table.private,
        privacy=table.privacy,
        cancelled=table.cancelled,
        invite=table.invite,
        defaults=table.defaults,
        line=line,
    )


def _slugs(people: list[Colleague], domains: tuple[str, ...]) -> dict[str, str]:
    """A short name for each, by address, that does not depend on the order of the lines.

    The id, which stays when the address changes. Without one, the part before the @; where two
    share it, the whole address, except for who has the first of the company's domains (so a
    newcomer does not rename a colleague's channel).
    """
    ids = {each.email: each.id for each in people if each.id}
    local = {each.email: each.email.rpartition("@")[0] for each in people if not each.id}
    main = domains[0] if domains else ""
    taken = set(ids.values())
    shared = Counter(local.values())
    found = dict(ids)
    for email, part in local.items():
        short = shared[part] == 1 or (main and email == f"{part}@{main}")
        found[email] = part if short and part not in taken else email
    return found
