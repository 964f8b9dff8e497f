"""Whatever stands in the files, the answer is Settings or ConfigError, and no secret is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config import Settings
from syncd.errors import ConfigError

FILES = ("syncd.toml", "people.csv", "mappings/visits.toml", "mappings/rules/own.toml")

WORDS = (
    st.sampled_from(["all", "none", "own", "customers", "latest", "ask", "role:crm", "{cloud}", ""])
    | st.sampled_from(["0", "-1", "10%", "5m", "true", "1e400", "nan", "1979-05-27", "07:32:00"])
    | st.sampled_from(["[]", "{}", "[[]]", "'", '"', "[", "]", "=", ".", "a.b", "\0", "\n", "\r"])
    | st.sampled_from(["when", "status", "owner", "people", "system", "name", "prefer", "crm"])
    | st.sampled_from(["客户", "🔑", "sqlite://", "http://[", "\ufeff", "\u2028"])
)


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[str, str, int, int, str]]:
    """Edits of a file, at the places of its characters or its lines."""
    edit = st.tuples(
        st.sampled_from(FILES),
        st.sampled_from(["replace", "line", "duplicate", "value"]),
        st.integers(0, 2000),
        st.integers(0, 30),
        WORDS | st.text(max_size=4),
    )
    return draw(st.lists(edit, min_size=1, max_size=3))


def bent(text: str, how: str, at: int, length: int, word: str) -> str:
    """``text`` with one thing changed."""
    if how == "replace":
        at %= len(text) + 1
        return text[:at] + word + text[at + length :]
    lines = text.split("\n")
    at %= len(lines)
    if how == "value" and "=" in lines[at]:
        lines[at] = f"{lines[at].partition('=')[0]}= {word}"
    elif how == "line":
        del lines[at]
    else:
        lines.insert(length % len(lines), lines[at])
    return "\n".join(lines)


@given(edits())
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_settings_or_a_complaint(
    make_folder: Callable[[], Any], edits: list[tuple[str, str, int, int, str]]
) -> None:
    """Invariant 11 among them: complaints, warnings and settings do not show the secret."""
    folder = make_folder()
    for file, how, at, length, word in edits:
        text = (folder.path / file).read_bytes().decode("utf-8", "surrogatepass")
        folder.write(file, bent(text, how, at, length, word).encode("utf-8", "surrogatepass"))
    try:
        loaded = folder.load()
    except ConfigError as error:
        shown = str(error)
        assert all(line for line in shown.splitlines())
    else:
        assert isinstance(loaded, Settings)
        shown = repr(loaded)
    finally:
        shutil.rmtree(folder.path)
    assert "geheim-密码" not in shown


@pytest.mark.parametrize("file", FILES)
@given(data=st.binary(max_size=40))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes(make_folder: Callable[[], Any], file: str, data: bytes) -> None:
    folder = make_folder()
    folder.write(file, data)
    try:
        loaded: object = folder.load()
    except ConfigError as error:
        loaded = error
    shutil.rmtree(folder.path)
    assert isinstance(loaded, Settings | ConfigError)
