"""The line of every key, for any way to write it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.tomlfile import KeyPath, parse_toml


def _paths(value: Any, at: KeyPath = ()) -> set[KeyPath]:
    """Every path in a parsed document."""
    found: set[KeyPath] = {at} if at else set()
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        found |= _paths(inner, (*at, key))
    return found


HARD = '''\
# a comment with = and [brackets]
top = 1
"quoted.key" = "x # no comment"
'literal "key"' = 'y'
"\\u5ba2\\u6237" = 1
dotted.inner."third part" = 2
spaced . key = 3
text = """
[not.a.table]
not_a_key = 1
quotes: "" and \\""" and """""
after = \'\'\'
'' [[no]]
\'\'\'
list = [
    1, # one
    [2,
     3],
    { a = 1, b.c = [
        4,
        5 ] },
    "]", \'\'\'
]\'\'\',
]
empty = []
nothing = {}
inline = { x = { y = "}" }, z = [ { w = 1 }, { w = 2 } ] }
when = 1979-05-27 07:32:00
[table]
a = 1
[ table . "sub table" ]
b = 2
[[rows]]
c = 1
[[rows]]
c = 2
[rows.detail]
d = 3
[[rows.more]]
e = 4
[[rows.more]]
e = 5
f.g = 6
'''

LINES: dict[KeyPath, int] = {
    ("top",): 2,
    ("quoted.key",): 3,
    ('literal "key"',): 4,
    ("客户",): 5,
    ("dotted", "inner", "third part"): 6,
    ("spaced", "key"): 7,
    ("text",): 8,
    ("after",): 12,
    ("list", 0): 16,
    ("list", 1, 1): 18,
    ("list", 2): 19,
    ("list", 2, "b", "c", 1): 21,
    ("list", 4): 22,
    ("empty",): 25,
    ("inline", "z", 1, "w"): 27,
    ("when",): 28,
    ("table", "a"): 30,
    ("table", "sub table", "b"): 32,
    ("rows",): 33,
    ("rows", 0, "c"): 34,
    ("rows", 1): 35,
    ("rows", 1, "detail", "d"): 38,
    ("rows", 1, "more", 0, "e"): 40,
    ("rows", 1, "more", 1): 41,
    ("rows", 1, "more", 1, "f", "g"): 43,
}


def test_lines_of_a_hard_document() -> None:
    document = parse_toml(HARD, "hard.toml")
    assert {path: document.lines.get(path) for path in LINES} == LINES
    assert set(document.lines) == _paths(document.data)


def test_windows_line_ends() -> None:
    assert parse_toml(HARD.replace("\n", "\r\n"), "hard.toml").lines == parse_toml(HARD, "").lines


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    document = parse_toml("\n[a]\nb = 1\n\n[[c]]\nd = 1\n", "x.toml")
    assert document.line(("a", "missing")) == 2
    assert document.line(("c", 0, "missing")) == 5
    assert document.line(("nowhere",)) == 1


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)


def _basic(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    )


@st.composite
def _key(draw: st.DrawFn) -> str:
    key = draw(KEYS)
    bare = bool(key) and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
    if bare and draw(st.booleans()):
        return key
    return f"'{key}'" if "'" not in key and draw(st.booleans()) else _basic(key)


@st.composite
def _text(draw: st.DrawFn) -> str:
    text = draw(TEXTS)
    plain = text.isprintable()
    form = draw(st.sampled_from(["basic", "multi", "literal"]))
    if form == "multi" and plain and "\\" not in text and '"' not in text:
        return f'"""{draw(st.sampled_from(["", chr(10), "# x = ["]))}{text}"""'
    if form == "literal" and plain and "'" not in text:
        return f"'{text}'"
    return _basic(text)


SCALARS = st.one_of(
    _text(), st.integers(-9, 9).map(str), st.sampled_from(["true", "1.5", "1979-05-27", "-inf"])
)
GAPS = st.sampled_from(["", " ", "\n", " # [c] = {\n", "\n\n"])


@st.composite
def _array(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    elements = draw(st.lists(inner, max_size=3))
    body = ",".join(draw(GAPS) + each + draw(GAPS) for each in elements)
    comma = "," if draw(st.booleans()) and elements else ""
    return f"[{body}{comma}{draw(GAPS)}]"


@st.composite
def _inline(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    pairs = draw(st.lists(st.tuples(_key(), inner), max_size=3))
    return "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"


VALUES = st.recursive(SCALARS, lambda inner: _array(inner) | _inline(inner), max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """TOML-like text, most of it valid."""
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 6))):
        dotted = " . ".join(draw(st.lists(_key(), min_size=1, max_size=2)))
        form = draw(st.sampled_from(["pair", "pair", "table", "rows", "gap"]))
        if form == "pair":
            lines.append(f"{dotted} = {draw(VALUES)}{draw(st.sampled_from(['', '  # x']))}")
        elif form == "gap":
            lines.append(draw(st.sampled_from(["", "# [x]", "\t"])))
        else:
            lines.append(f"[{dotted}]" if form == "table" else f"[[ {dotted} ]]")
    return "\n".join(lines)


@settings(deadline=None)
@given(documents())
def test_every_key_that_toml_sees_has_a_line_and_no_other(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(ConfigError):
            parse_toml(text, "x.toml")
        return
    document = parse_toml(text, "x.toml")
    assert document.data == data or "nan" in text
    assert set(document.lines) == _paths(data)


@settings(deadline=None)
@given(documents(), st.integers(1, 5))
def test_lines_before_a_document_move_it_down(text: str, more: int) -> None:
    try:
        before = parse_toml(text, "x.toml").lines
    except ConfigError:
        return
    after = parse_toml("# one more\n" * more + text, "x.toml").lines
    assert after == {path: line + more for path, line in before.items()}


@settings(deadline=None)
@given(documents())
def test_a_bare_key_stands_in_its_line(text: str) -> None:
    try:
        document = parse_toml(text, "x.toml")
    except ConfigError:
        return
    lines = text.split("\n")
    for path, line in document.lines.items():
        key = path[-1]
        if isinstance(key, str) and key.isascii() and key.isalnum():
            assert key in lines[line - 1]
