"""Connectors by name: entry points of the group ``syncd.connectors``, imported when asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from typing import Protocol, runtime_checkable

from syncd.connector import GROUP, Manifest, Plugin
from syncd.core.model import Appointment
from syncd.errors import ConfigError
from syncd.problems import nearest


@runtime_checkable
class Chooses(Protocol):
    """A plugin whose channels hold some series themselves, and of others single occurrences."""

    def expresses(self, appointment: Appointment) -> bool:
        """What the fidelity of its channels has as ``series``, also where none is reached. Pure."""
        ...


class Plugins(Mapping[str, Manifest]):
    """The manifests of all connectors that are installed; each is imported at its first use."""

    def __init__(self) -> None:
        self._found = _installed()

    def __getitem__(self, name: str) -> Manifest:
        """Raises ``KeyError`` for an unknown name, ``ConfigError`` for one that cannot start."""
        return _load(name, self._found[name]).manifest

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def plugin(name: str) -> Plugin:
    """The connector called ``name``.

    Raises ``ConfigError`` (with the nearest name, or what to install) if there is none or
    its libraries are missing.
    """
    found = _installed()
    if name not in found:
        raise ConfigError(f'no connector "{name}" is installed', hint=missing(name, found))
    return _load(name, found[name])


def missing(name: str, known: Mapping[str, object]) -> str:
    """What helps where the connector ``name`` is not among the ``known`` ones."""
    if name in _extras():
        return f'pip install "syncd[{name}]"'
    return nearest(name, known)


def _installed() -> Mapping[str, EntryPoint]:
    return _found_along(tuple(sys.path))


@cache
def _found_along(_path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """Reads what every package there says of itself, ten milliseconds: once is enough, since
    a process goes on with the packages that it has begun with."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(name: str, entry: EntryPoint) -> Plugin:
    try:
        loaded: Plugin = entry.load()
        manifest = loaded.manifest
    except ImportError as error:
        hint = f'pip install "syncd[{name}]"' if name in _extras() else ""
        lacking = error.name or "a module"
        raise ConfigError(
            f'the connector "{name}" cannot be used: {lacking} is missing', hint=hint
        ) from error
    except AttributeError as error:
        raise ConfigError(f'the connector "{name}" is not built for this syncd') from error
    if not isinstance(manifest, Manifest):
        raise ConfigError(f'the connector "{name}" has no manifest')
    return loaded


def _extras() -> frozenset[str]:
    try:
        return frozenset(metadata("syncd").get_all("Provides-Extra") or ())
    except PackageNotFoundError:
        return frozenset()
