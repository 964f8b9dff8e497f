"""What ``syncd status`` prints for people; times on the clock of ``[daemon] time_zone``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from syncd.cli.console import line, rows
from syncd.cli.show import MOST_LINES
from syncd.cli.tables import Column
from syncd.cli.times import local
from syncd.cli.writes import cause_lines

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))

Told: TypeAlias = Mapping[str, Any]
"""What is told to programs: see :mod:`syncd.cli.status`."""

Part: TypeAlias = str | tuple[str, str]
"""Text, or text and its colour."""


def print_status(told: Told, zone: str, now: datetime) -> None:
    """The channels as a table; then, a line or two each, what somebody should know."""
    _print_channels(told["channels"], now)
    if told["fault"]:
        line(("the state cannot be written: ", "red"), told["fault"])
        line("  nothing is written anywhere until it can")
    _Lines(told, zone, now).show()
    if told["paused"]:
        line("writing is stopped: syncd resume")
    for name in told["paused_bridges"]:
        line(f"{name}: writing is stopped: syncd resume --bridge {name}")
    if told["conflicts"]:
        verb = "waits" if told["conflicts"] == 1 else "wait"
        line(f"{told['conflicts']} {verb} for a person: syncd conflicts")


def print_changed(config: Path, daemon: Told | None, zone: str) -> None:
    """Under the errors of a configuration: that it is not the one which is at work."""
    if daemon is None:
        line("no daemon was ever started with this state; what is known of it:")
        return
    changed = datetime.fromtimestamp(config.stat().st_mtime, UTC)
    line(f"what is known all the same ({config} was changed at {local(changed, zone)}):")


def _print_channels(channels: Sequence[Told], now: datetime) -> None:
    columns = [
        Column("bridge", drop=2),
        Column("channel"),
        Column("system", drop=3),
        Column("copies", right=True),
        Column("last look"),
        Column("error", wraps=True),
    ]
    cells = [_cells(row, now) for row in channels]
    if any(row["watch"] for row in channels):
        columns.insert(-1, Column("told", drop=1))
        for row, shown in zip(channels, cells, strict=True):
            shown.insert(-1, ago(row["watch"]["told"], now) if row["watch"] else "")
    rows(columns, cells)


def _cells(row: Told, now: datetime) -> list[str]:
    looked = ago(row["looked"], now)
    return [row["bridge"], row["channel"], row["system"], str(row["copies"]), looked, row["error"]]


class _Lines:
    """The lines below the table. Nothing is printed where nothing is to be said."""

    def __init__(self, told: Told, zone: str, now: datetime) -> None:
        self._told, self._zone, self._now = told, zone, now
        self._lines: list[tuple[Part, ...]] = []
        self._has_times = False

    def show(self) -> None:
        """All of them; the zone once, if there are times in them."""
        self._daemon()
        self._unseen()
        self._each(self._told["owed"], self._owed)
        self._each(self._told["aside"], self._aside)
        for hold in self._told["holds"]:
            self._hold(hold)
        for each in self._told["approvals"]:
            self._approval(each)
        if self._has_times:
            line((f"times in {self._zone}", "dim"))
        for parts in self._lines:
            line(*parts)

    def _say(self, *parts: Part) -> None:
        self._lines.append(parts)

    def _daemon(self) -> None:
        daemon = self._told["daemon"]
        if daemon is None:
            return
        if not daemon["at_work"]:
            word = "not at work" if daemon["at_work"] is False else "perhaps at work"
            self._say(f"the daemon is {word}; it was last started at {self._at(daemon['since'])}")
            return
        read = daemon["configured"]
        when = "then" if read == daemon["since"] else f"at {self._at(read)}"
        since = self._at(daemon["since"])
        self._say(
            f"the daemon is at work since {since}, with the configuration that it read {when}"
        )
        if daemon["refused"]:
            self._say(("  it refused another: ", "red"), f"at {self._at(daemon['refused_at'])}:")
            for reason in daemon["refused"].splitlines():
                self._say(f"    {reason}")

    def _unseen(self) -> None:
        """What is not seen as it is, or was not."""
        told, now = self._told, self._now
        resting = {each["system"] for each in told["systems"]}
        for each in told["systems"]:
            channels = [row for row in told["channels"] if row["system"] == each["system"]]
            self._resting(each, len(channels))
        failing = [
            row for row in told["channels"] if row["failures"] and row["system"] not in resting
        ]
        self._each(failing, self._failing)
        watches = [
            {**row["watch"], "channel": f"{row['bridge']}/{row['channel']}"}
            for row in told["channels"]
            if row["watch"] and row["watch"]["state"] == "failing"
        ]
        self._each(watches, self._not_told)
        for each in told["behind"]:
            self._say(
                f"{each['bridge']}: the state was older than the systems {ago(each['at'], now)}"
            )
            self._say(f"  {each['appointments']} appointments were not in it; all was linked anew")
        self._each(
            told["unreadable"],
            lambda each: self._say("unreadable: {channel} {key}: {reason}".format(**each)),
        )
        for each in told["waiting"]:
            many = f"{each['copies']} rows of {each['series']} series"
            self._say(f"waiting: {each['channel']}: {many}, since {ago(each['since'], now)}")
            unseen = ", ".join(each["unseen"]) or "nothing"
            self._say(f"  the series may be in what is not seen: {unseen}")

    def _resting(self, each: Told, channels: int) -> None:
        self._say(f"left alone: {each['system']} ({each['state']}): {each['error']}")
        many = f"one channel tries for all {channels}" if channels > 1 else "one channel tries"
        sooner = " (at once: syncd reads its configuration again, or is started anew)"
        refused = sooner if each["fault"] == "refused" else ""
        self._say(f"  asked again {self._again(each['until'])}; {many}{refused}")

    def _failing(self, row: Told) -> None:
        again = self._again(row["retry_at"])
        self._say(f"not seen: {row['bridge']}/{row['channel']}: asked again {again}")

    def _not_told(self, each: Told) -> None:
        self._say(f"not told of, polled instead: {each['channel']}: {each['error']}")
        self._say(f"  tried again {self._again(each['retry_at'])}")

    def _owed(self, each: Told) -> None:
        many = "1 write" if each["writes"] == 1 else f"{each['writes']} writes"
        since = ago(each["since"], self._now)
        told = f"{each['channel']}: {many}, since {since}: {each['reason']}"
        self._say(("owed: ", "red"), told)
        self._say(f"  tried again {self._again(each['next'])}")

    def _aside(self, each: Told) -> None:
        what = f"{each['channel'] or 'every channel'} {each['field']}".rstrip()
        self._say(f"set aside: {each['appointment']} in {what}: {each['reason']}")
        self._say(
            f"  tried again {self._again(each['until'])}, or: syncd retry {each['appointment']}"
        )

    def _hold(self, each: Told) -> None:
        self._say(("held: ", "red"), f"{each['scope']}: {each['reason']}")
        causes = cause_lines(each["writes"], self._zone)
        self._has_times |= bool(causes)
        for told in causes:
            self._say(told)
        self._say(
            f"  {len(each['writes'])} writes wait until somebody looks: syncd approve {each['id']}"
        )

    def _approval(self, each: Told) -> None:
        pending = "; not all written yet" if each["pending"] else ""
        when = ago(each["at"], self._now)
        self._say(
            f"approved by {each['by']} {when}: {each['scope']}: {each['writes']} writes{pending}"
        )
        self._say(f"  they were held since: {each['reason']}")

    def _at(self, text: str) -> str:
        self._has_times = True
        return local(datetime.fromisoformat(text), self._zone)

    def _again(self, text: str | None) -> str:
        """When something is tried again: its time may be over, and its turn not come yet."""
        if text is None:
            return "at its next turn"
        seconds = int((datetime.fromisoformat(text) - self._now).total_seconds())
        return f"at {self._at(text)} (in {_span(seconds)})" if seconds > 0 else "at its next turn"

    def _each(self, found: Sequence[Told], show: Callable[[Told], None]) -> None:
        for each in found[:MOST_LINES]:
            show(each)
        if len(found) > MOST_LINES:
            self._say(f"… and {len(found) - MOST_LINES} more (--json shows all)")


def ago(looked: str | None, now: datetime) -> str:
    """How long ago, in words; nothing for a clock that went back."""
    if looked is None:
        return "never"
    return f"{_span(max(0, int((now - datetime.fromisoformat(looked)).total_seconds())))} ago"


def _span(seconds: int) -> str:
    for size, word in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"
