"""``[systems.NAME]``: judged by the connector's manifest, secrets resolved and hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from syncd import plugins
from syncd.config.places import named_file
from syncd.config.schema import SystemTable
from syncd.config.settings import Option, SystemSettings
from syncd.connector import Manifest, TableMapping
from syncd.errors import ConfigError
from syncd.mapping import read_mapping
from syncd.problems import Problems, nearest
from syncd.secrets import Secret, has_password, is_reference, resolve
from syncd.tomlfile import KeyPath, TomlFile

OWN_KEYS = frozenset({"connector", "role", "mapping"})
"""Keys of a system that are not its connector's."""


@dataclass(frozen=True, slots=True)
class SystemReader:
    """Reads the systems of one configuration; what is wrong goes to ``problems``.

    ``timeout``: of one request, for the systems that have such an option and do not set it.
    """

    source: TomlFile
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    manifests: Mapping[str, Manifest]
    problems: Problems
    timeout: timedelta | None = None

    def read(self, name: str, table: SystemTable) -> SystemSettings | None:
        """The system ``name``; ``None`` if not even its connector is known."""
        at: KeyPath = ("systems", name)
        manifest = self._manifest(table.connector, (*at, "connector"))
        if manifest is None:
            return None
        self._check_options(at, table, manifest)
        options = {
            key: self._option((*at, key), value, secret=key in manifest.secrets)
            for key, value in (table.model_extra or {}).items()
        }
        if self.timeout is not None and "timeout" in manifest.options:
            options.setdefault("timeout", self.timeout.total_seconds())
        return SystemSettings(
            name=name,
            connector=table.connector,
            role=table.role or manifest.role,
            options={key: value for key, value in options.items() if value is not None},
            mapping=self._mapping(at, table) if table.mapping else None,
        )

    def _manifest(self, connector: str, at: KeyPath) -> Manifest | None:
        try:
            return self.manifests[connector]
        except KeyError:
            message = f'there is no connector "{connector}"'
            hint = plugins.missing(connector, self.manifests)
            self.problems.error(self.source, at, message, hint)
        except ConfigError as error:
            self.problems.error(self.source, at, error.message, error.hint)
        return None

    def _check_options(self, at: KeyPath, table: SystemTable, manifest: Manifest) -> None:
        given = set(table.model_extra or {})
        known = set(manifest.options) | manifest.required | manifest.secrets | OWN_KEYS
        for key in sorted(given - known):
            message = f'is no option of the connector "{manifest.name}"'
            self.problems.error(self.source, (*at, key), message, nearest(key, known))
        there = given | ({"mapping"} if table.mapping else set())
        for key in sorted(manifest.required - there):
            help_line = manifest.options.get(key, "")
            self.problems.error(self.source, (*at, key), "is missing", help_line)

    def _option(self, at: KeyPath, value: object, *, secret: bool) -> Option | None:
        if secret or is_reference(value):
            return self._secret(at, value)
        if isinstance(value, str) and has_password(value):
            return self._secret(at, value)
        return self._plain(at, value)

    def _secret(self, at: KeyPath, value: object) -> Secret | None:
        try:
            found = resolve(value, self.folder, self.environ)
        except ConfigError as error:
            self.problems.error(self.source, at, error.message, error.hint)
            return None
        if found.warning:
            self.problems.warn(self.source, at, found.warning)
        return found.secret

    def _plain(self, at: KeyPath, value: object) -> Option | None:
        if isinstance(value, str | int | float | bool):
            return value
        if isinstance(value, list):
            elements = [self._option((*at, i), each, secret=False) for i, each in enumerate(value)]
            return tuple(each for each in elements if each is not None)
        if isinstance(value, dict):
            items = {k: self._option((*at, k), each, secret=False) for k, each in value.items()}
            return {key: each for key, each in items.items() if each is not None}
        if isinstance(value, date | datetime | time):
            self.problems.error(self.source, at, "must be text: put it in quotes")
        return None

    def _mapping(self, at: KeyPath, table: SystemTable) -> TableMapping | None:
        place = (*at, "mapping")
        try:
            source, _ = named_file(table.mapping, "mappings", self.folder)
        except ConfigError as error:
            self._missing_file(place, error)
            return None
        try:
            mapping = read_mapping(source)
        except ConfigError as error:
            self.problems.add(error)
            return None
        if mapping.connector != table.connector:
            message = f'this mapping is for the connector "{mapping.connector}"'
            self.problems.error(self.source, place, message, f'not for "{table.connector}"')
        return mapping

    def _missing_file(self, at: KeyPath, error: ConfigError) -> None:
        """A file that is not there is mended where it is named, a bad one where it is bad."""
        if error.line:
            self.problems.add(error)
        else:
            message = f"{error.file}: {error.message}" if error.file else error.message
            self.problems.error(self.source, at, message, error.hint)
