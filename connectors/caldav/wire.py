"""The wire form: an iCalendar object (RFC 5545) as components of content lines.

Lines are kept as they came, so that a write changes only the lines it means to change. The
TEXT functions of the icalendar library are not used: its escaping turns ``\\N`` in ``C:\\New``
into a line end and its unescaping reads ``\\\\n`` as one (icalendar 7.3, seen in a test).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

MAX_BYTES = 1_000_000
"""The largest item that is read, in bytes; a real event is 1 to 20 kB."""

MAX_DEPTH = 8

_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;(?:[^":;]|"[^"]*")*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([^=;:"]+)=((?:[^";:]|"[^"]*")*)')
_ESCAPED = re.compile(r"\\([\\;,nN])")
_LIST_BREAK = re.compile(r"(?<!\\)((?:\\\\)*),")
_CARET = re.compile(r"\^([\^n'])")


class WireError(ValueError):
    """The text is no iCalendar object that can be used; says why in one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One unfolded content line. ``name`` is in upper case, empty if the line has no form.

    ``parameters`` is the raw text between name and value (with its leading ``;``), ``value``
    the raw value, still escaped.
    """

    name: str
    parameters: str
    value: str
    original: str = ""

    @property
    def text(self) -> str:
        """The line as it is written: exactly as it came, if it came."""
        return self.original or f"{self.name}{self.parameters}:{self.value}"

    def parameter(self, name: str) -> str:
        """The first value of a parameter, decoded; empty if it is not there."""
        for key, value in _PARAMETER.findall(self.parameters):
            if key.upper() == name:
                return decode_parameter(value)
        return ""

    def with_parameters(self, changes: dict[str, str | None]) -> Line:
        """The line with parameters set, or removed where ``None``; the others stay as they are."""
        kept = [
            f";{key}={value}"
            for key, value in _PARAMETER.findall(self.parameters)
            if key.upper() not in changes
        ]
        new = [
            f";{key}={encode_parameter(value)}"
            for key, value in changes.items()
            if value is not None
        ]
        return Line(self.name, "".join(kept + new), self.value)


@dataclass(slots=True)
class Component:
    """A component: its lines and inner components in the order they came."""

    name: str
    items: list[Line | Component] = field(default_factory=list)

    def lines(self, *names: str) -> list[Line]:
        """The lines with one of these names."""
        return [item for item in self.items if isinstance(item, Line) and item.name in names]

    def first(self, name: str) -> Line | None:
        """The first line with this name."""
        for item in self.items:
            if isinstance(item, Line) and item.name == name:
                return item
        return None

    def value(self, name: str) -> str:
        """The raw value of the first line with this name, trimmed; empty if there is none."""
        line = self.first(name)
        return line.value.strip() if line else ""

    def components(self, name: str) -> list[Component]:
        """The inner components with this name."""
        return [item for item in self.items if isinstance(item, Component) and item.name == name]

    def replace(self, names: tuple[str, ...], lines: list[Line]) -> None:
        """Put ``lines`` where the first line with one of ``names`` was; the others go."""
        place = len(self.items)
        kept: list[Line | Component] = []
        for item in self.items:
            if isinstance(item, Line) and item.name in names:
                place = min(place, len(kept))
            else:
                kept.append(item)
        if place > len(kept):
            place = next((n for n, it in enumerate(kept) if isinstance(it, Component)), len(kept))
        self.items = [*kept[:place], *lines, *kept[place:]]

    def copy(self) -> Component:
        """A component of its own with the same lines."""
        items = [item.copy() if isinstance(item, Component) else item for item in self.items]
        return Component(self.name, items)


def parse(text: str) -> Component:
    """The one VCALENDAR in ``text``. Raises :class:`WireError`."""
    if len(text) > MAX_BYTES:
        raise WireError(f"larger than {MAX_BYTES} characters")
    root = Component("")
    open_ones = [root]
    for raw in unfolded(text.removeprefix("\ufeff")):
        line = parse_line(raw)
        if line.name == "BEGIN":
            if len(open_ones) > MAX_DEPTH:
                raise WireError("components are nested too deeply")
            inner = Component(line.value.strip().upper())
            open_ones[-1].items.append(inner)
            open_ones.append(inner)
        elif line.name == "END":
            if len(open_ones) == 1 or open_ones[-1].name != line.value.strip().upper():
                raise WireError("BEGIN and END do not match")
            open_ones.pop()
        elif len(open_ones) == 1:
            raise WireError("not an iCalendar object")
        else:
            open_ones[-1].items.append(line)
    if len(open_ones) > 1:
        raise WireError("cut off: a component has no END")
    if len(root.items) != 1 or not root.components("VCALENDAR"):
        raise WireError("not exactly one VCALENDAR")
    return root.components("VCALENDAR")[0]


def unfolded(text: str) -> Iterator[str]:
    """The content lines of a text, without blank ones. Only CRLF and LF end a line."""
    whole = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    for raw in whole.split("\n"):
        line = raw.rstrip("\r")
        if line and not line.isspace():
            yield line


def parse_line(raw: str) -> Line:
    """One content line; a line without form keeps its text and has no name."""
    match = _LINE.fullmatch(raw)
    if match is None:
        return Line("", "", "", raw)
    name, parameters, value = match.groups()
    return Line(name.upper(), parameters, value, raw)


def serialise(calendar: Component) -> str:
    """The text of a component, folded at 75 octets, with CRLF."""
    parts: list[str] = []
    _write(calendar, parts)
    return "\r\n".join(parts) + "\r\n"


def _write(component: Component, parts: list[str]) -> None:
    parts.append(f"BEGIN:{component.name}")
    for item in component.items:
        if isinstance(item, Component):
            _write(item, parts)
        else:
            text = item.text
            parts.append(text if len(text) < 25 else fold(text))
    parts.append(f"END:{component.name}")


def fold(line: str) -> str:
    """A line in pieces of at most 75 octets, cut between characters.

    Radicale 3.9 turns a resource to mojibake if a fold lies inside a character (seen). A
    piece does not end in a blank, a backslash or a caret either, which some clients trim or
    read as a broken escape.
    """
    octets = line.encode("utf-8", "replace")
    if len(octets) <= 75:
        return line
    pieces: list[str] = []
    start, room = 0, 75
    while len(octets) - start > room:
        end = _cut(octets, start + room // 2, start + room)
        pieces.append(octets[start:end].decode())
        start, room = end, 74
    pieces.append(octets[start:].decode())
    return "\r\n ".join(pieces)


def _cut(octets: bytes, low: int, high: int) -> int:
    """Where to cut: the last calm place between two characters, else the last one at all."""
    last = 0
    for end in range(high, low, -1):
        if octets[end] & 0xC0 != 0x80:
            last = last or end
            if octets[end - 1] not in b" \t\\^" and octets[end] not in b" \t":
                return end
    return last


def text_line(name: str, text: str) -> Line:
    """A line with a TEXT value."""
    return Line(name, "", escape(text))


def escape(text: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11)."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def unescape(value: str) -> str:
    """The text of a TEXT value."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def texts(value: str) -> list[str]:
    """The texts of a value that is a list of TEXT."""
    marked = _LIST_BREAK.sub("\\1\x00", value)
    return [unescape(part) for part in marked.split("\x00")]


@lru_cache(maxsize=512)
def decode_parameter(value: str) -> str:
    """A parameter value without its quotes and its RFC 6868 encoding."""
    bare = value.strip().replace('"', "")
    found = {"^": "^", "n": "\n", "'": '"'}
    return _CARET.sub(lambda match: found[match[1]], bare) if "^" in bare else bare


def encode_parameter(value: str) -> str:
    """A parameter value: RFC 6868 encoded, quoted where it has to be."""
    encoded = value.replace("^", "^^").replace("\n", "^n").replace('"', "^'")
    return f'"{encoded}"' if re.search(r"[:;,^ ]", encoded) else encoded
