"""TOML files that remember where each key stands.

``tomllib`` reads and judges the text but keeps no positions, so a scanner walks the same
text once more and notes the line of every key. The scanner only ever sees text that
``tomllib`` has accepted, which is why it checks nothing (TOML 1.0, https://toml.io/en/v1.0.0).
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from syncd.errors import ConfigError

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and array indexes (from 0) that lead to a value: ``("bridges", 0, "name")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_WHERE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML document: its values and the line of each.

    ``name`` is the path as messages show it. ``lines``: line (from 1) of every key, table
    header and array element.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)

    def line(self, path: KeyPath) -> int:
        """The line of ``path``, or of the nearest table above it that is written down."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 1


def read_toml(path: Path) -> TomlFile:
    """The TOML file at ``path``. Raises ``ConfigError`` (file and line) if it is none."""
    name = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("there is no such file", file=name) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=name) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(
            "is not UTF-8 text", file=name, line=line, hint="save the file as UTF-8"
        ) from None
    return parse_toml(text, name)


def parse_toml(text: str, name: str) -> TomlFile:
    """The TOML document in ``text``. Raises ``ConfigError`` (file and line) if it is none."""
    text = text.replace("\r\n", "\n")
    try:
        data = tomllib.loads(text)
        lines = _Scanner(text).scan()
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, name) from None
    except ValueError:
        raise ConfigError("a number in this file is too long", file=name) from None
    except RecursionError:
        raise ConfigError("tables or lists are nested too deeply", file=name) from None
    return TomlFile(name, data, lines)


def _syntax_error(message: str, text: str, name: str) -> ConfigError:
    """``tomllib`` puts the position into its message, and quotes no values there."""
    found = _WHERE.search(message)
    if found is None:
        what = message.removesuffix(" (at end of document)")
        return ConfigError(
            f"is not TOML: {what} at the end of the file", file=name, line=text.count("\n") + 1
        )
    what = message[: found.start()]
    return ConfigError(f"is not TOML: {what}", file=name, line=int(found.group(1)))


class _Scanner:
    """Walks a valid document and notes the line of each key."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [match.end() for match in re.finditer(r"\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}
        """How many elements each array of tables has so far."""

    def scan(self) -> dict[KeyPath, int]:
        """The line of every key path."""
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._array_header()
            elif self._text[self._at] == "[":
                self._at += 1
                table = self._note((), self._keys())
                self._skip(_SPACE)
                self._at += 1
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _array_header(self) -> KeyPath:
        self._at += 2
        keys = self._keys()
        path = self._note((), keys)
        index = self._tables.get(path, 0)
        self._tables[path] = index + 1
        self._lines[(*path, index)] = self._line()
        self._skip(_SPACE)
        self._at += 2
        return (*path, index)

    def _pair(self, table: KeyPath) -> None:
        path = self._note(table, self._keys())
        self._skip(_SPACE)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while self._text[self._at] != "]":
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)

    def _keys(self) -> list[str]:
        """The parts of a key, dotted or not, bare or quoted."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            found = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            if found is None:  # cannot be: tomllib has read this very key
                raise tomllib.TOMLDecodeError(f"Invalid key (at line {self._line()}, column 1)")
            keys.append(_unquoted(found.group()))
            self._at = found.end()
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _note(self, table: KeyPath, keys: list[str]) -> KeyPath:
        """Go from ``table`` along ``keys`` and note the line of what is new on the way."""
        path = table
        for place, key in enumerate(keys):
            path = (*path, key)
            self._lines.setdefault(path, self._line())
            if place < len(keys) - 1:
                path = self._resolve(path)
        return path

    def _resolve(self, path: KeyPath) -> KeyPath:
        """The table that a name inside a header means: of an array of tables, the last one."""
        count = self._tables.get(path)
        return path if count is None else (*path, count - 1)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()

    def _line(self) -> int:
        return bisect_right(self._starts, self._at) + 1


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])
