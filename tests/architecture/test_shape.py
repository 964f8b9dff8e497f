"""The shape of the code: small files, honest names, reasons beside every exception."""

from __future__ import annotations

import ast
import io
import re
import tokenize

import pytest

from tests.architecture.tree import CODE, PRODUCT, Source, sources, texts

MOST_LINES = 400
EMPTY_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "base", "common", "misc"}
)
EXEMPTION = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
REASONED = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z-]+(?:,\s*[a-z-]+)*\])"
    r"\s*(?:#|--|:)\s*\S.*\w"
)
MACHINE = re.compile(r"(?<![\w.])/(?:work|home/\w+|Users/\w+|tmp/[a-z]{1,2}/|workspace)(?:/|\b)")
PROMISES = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def _ids(source: Source) -> str:
    return source.name


@pytest.mark.parametrize("source", sources(*CODE), ids=_ids)
def test_files_are_short(source: Source) -> None:
    assert len(source.text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("source", sources(*CODE), ids=_ids)
def test_names_say_something(source: Source) -> None:
    assert not EMPTY_NAMES & set(source.module.split("."))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"(?:Manager|Helper|Utils?)$", node.name), node.name


def _catch_alls(tree: ast.Module) -> list[int]:
    """Lines of handlers that swallow ``Exception``, ``BaseException`` or everything.

    One that ends by raising the same again only tidies up: it swallows nothing.
    """
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        last = node.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        names = {"Exception"}
        if node.type is not None:
            names = {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
        if names & {"Exception", "BaseException"}:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("source", sources(*PRODUCT), ids=_ids)
def test_only_the_daemon_catches_everything(source: Source) -> None:
    allowed = 1 if source.name == "syncd/daemon.py" else 0
    assert len(_catch_alls(source.tree)) <= allowed


@pytest.mark.parametrize("source", sources(*CODE), ids=_ids)
def test_exemptions_have_reasons(source: Source) -> None:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and EXEMPTION.match(token.string):
            assert REASONED.match(token.string), f"line {token.start[0]}: {token.string}"


def test_no_machine_is_named() -> None:
    for name, text in texts(".py", ".toml", ".md", ".service", "Makefile", "run", "Containerfile"):
        if name != "tests/architecture/test_shape.py":
            assert not MACHINE.search(text), name


def test_nothing_is_promised_in_comments() -> None:
    for name, text in texts(".py", ".toml", ".md", "Makefile", "run"):
        if name != "tests/architecture/test_shape.py":
            found = PROMISES.search(text)
            assert found is None, f"{name}: {found}"


def test_what_the_searches_find() -> None:
    """Each search finds what it is for: else the tests above prove nothing."""
    assert _catch_alls(ast.parse("try:\n    go()\nexcept (KeyError, Exception):\n    pass"))
    assert _catch_alls(ast.parse("try:\n    go()\nexcept:\n    pass"))
    assert not _catch_alls(ast.parse("try:\n    go()\nexcept KeyError:\n    pass"))
    assert not _catch_alls(
        ast.parse("try:\n    go()\nexcept BaseException:\n    undo()\n    raise")
    )
    assert not REASONED.match("# type: ignore[arg-type]")
    assert not REASONED.match("# noqa: S311  #")
    assert not REASONED.match("# type: ignore  # for peace")
    assert REASONED.match("# noqa: S311  # demonstration data, not a secret")
    assert MACHINE.search("see /home/anna/syncd")
    assert not MACHINE.search("/var/lib/syncd and https://example.com/work/")
