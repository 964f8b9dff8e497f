"""What a configuration that is refused still tells: where the state is, and the time zone.

For ``syncd status`` alone, which then shows what a running daemon has left in the state. What a
line tells does not depend on later ones, so that of a file which is no TOML the part before the
mistake is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.config.places import state_url
from syncd.config.schema import DaemonTable
from syncd.core.zones import UTC_ZONE, zone_info
from syncd.errors import ConfigError
from syncd.secrets import Secret, resolve
from syncd.tomlfile import TomlFile, parse_toml, read_toml


@dataclass(frozen=True, slots=True)
class Salvaged:
    """``state``: the store's URL, absolute. ``time_zone``: UTC where it cannot be read."""

    state: Secret
    time_zone: str


def salvage(path: Path, environ: Mapping[str, str] | None = None) -> Salvaged:
    """What ``path`` tells although it is refused. Raises ``ConfigError``: why it tells nothing."""
    daemon, whole = _daemon(path)
    text = daemon.get("state", DaemonTable().state if whole else None)
    if text is None:
        raise ConfigError(
            "daemon.state does not stand before the mistake", hint="mend the file, then look again"
        )
    folder = path.resolve().parent
    if not isinstance(text, str):
        text = resolve(text, folder, os.environ if environ is None else environ).secret.reveal()
    url, _ = state_url(text, folder)
    zone = daemon.get("time_zone", UTC_ZONE)
    if not isinstance(zone, str) or zone_info(zone) is None:
        zone = UTC_ZONE
    return Salvaged(Secret(url), zone)


def _daemon(path: Path) -> tuple[Mapping[str, object], bool]:
    """``[daemon]`` as far as it can be read, and whether that is all of the file."""
    try:
        return _table(read_toml(path)), True
    except ConfigError as error:
        if not error.line:
            raise
        mistake = error.line - 1
    lines = path.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    for end in _ends(lines, mistake):
        try:
            return _table(parse_toml("".join(lines[:end]), str(path))), False
        except ConfigError:
            continue
    return {}, False


def _ends(lines: list[str], mistake: int) -> Iterator[int]:
    """Where the part that is read may end: before the line of the mistake, and, as that may stand
    in the middle of a list, before each table above it."""
    yield mistake
    yield from (n for n in range(mistake - 1, -1, -1) if lines[n].lstrip().startswith("["))


def _table(source: TomlFile) -> Mapping[str, object]:
    found = source.data.get("daemon", {})
    return found if isinstance(found, Mapping) else {}
