"""What is wrong with the configuration: collected, so that one start shows all of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from syncd.errors import ConfigError
from syncd.tomlfile import KeyPath, TomlFile


class ConfigErrors(ConfigError):
    """Several errors at once. ``errors`` are the single ones, in the order of the files."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        first = errors[0]
        self.errors = tuple(errors)
        self.file, self.line, self.key, self.hint = first.file, first.line, first.key, first.hint


class Problems:
    """Collects errors and warnings while files are read."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []
        self._warnings: list[str] = []

    def error(self, source: TomlFile, path: KeyPath, message: str, hint: str = "") -> None:
        """Something that must be mended, at ``path`` of ``source``."""
        self._errors.append(problem(source, path, message, hint))

    def warn(self, source: TomlFile, path: KeyPath, message: str, hint: str = "") -> None:
        """Something that works but is probably not meant, or not wise."""
        self._warnings.append(str(problem(source, path, message, hint)))

    def add(self, error: ConfigError) -> None:
        """An error, or all errors, that another file's reader has raised."""
        self._errors.extend(error.errors if isinstance(error, ConfigErrors) else (error,))

    def add_warnings(self, warnings: Iterable[str]) -> None:
        """Warnings of another file's reader."""
        self._warnings.extend(warnings)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each, in the order in which they were found, none of them twice."""
        return tuple(dict.fromkeys(self._warnings))

    def check(self) -> None:
        """Raises the ``ConfigError`` that was collected, or one ``ConfigErrors`` of several."""
        unique = {str(error): error for error in self._errors}
        errors = sorted(unique.values(), key=lambda error: (error.file, error.line))
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ConfigErrors(errors)


def problem(source: TomlFile, path: KeyPath, message: str, hint: str = "") -> ConfigError:
    """An error with the file, line and key of ``path``."""
    return ConfigError(
        message, file=source.name, line=source.line(path), key=key_text(path), hint=hint
    )


def key_text(path: KeyPath) -> str:
    """A path as people write it: without indexes, since the line says which one is meant."""
    return ".".join(part for part in path if isinstance(part, str))


def nearest(name: str, choices: Iterable[str]) -> str:
    """A hint: the valid name that ``name`` was probably meant to be, else all if they are few."""
    known = sorted(set(choices))
    folded = {choice.casefold(): choice for choice in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{folded[close[0]]}"?'
    if not known:
        return ""
    return f"one of {', '.join(known)}" if len(known) <= 24 else ""
