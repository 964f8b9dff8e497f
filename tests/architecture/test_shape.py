"""The shape of the code: small files, honest names, reasons beside every exception."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

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
CLASS = re.compile(r"^\s*class\s+(\w+)", re.MULTILINE)
MACHINE = re.compile(r"(?<![\w.])/(?:work|home/\w+|Users/\w+|tmp/[a-z]{1,2}/|workspace)(?:/|\b)")
PROMISES = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def test_files_are_short() -> None:
    lengths = {source.name: len(source.text.splitlines()) for source in sources(*CODE)}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_names_say_something() -> None:
    empty = [each.name for each in sources(*CODE) if EMPTY_NAMES & set(each.module.split("."))]
    assert not empty
    classes = [(each.name, name) for each in sources(*CODE) for name in CLASS.findall(each.text)]
    assert len(classes) > len(sources(*CODE)) / 2
    assert not [each for each in classes if re.search(r"(?:Manager|Helper|Utils?)$", each[1])]


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


def test_only_the_daemon_catches_everything() -> None:
    found = [
        (source.name, line) for source in sources(*PRODUCT) for line in _catch_alls(source.tree)
    ]
    assert [name for name, _ in found] in ([], ["syncd/daemon.py"]), found


def _exemptions(source: Source) -> Iterator[tuple[int, str]]:
    if not EXEMPTION.search(source.text):
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and EXEMPTION.match(token.string):
            yield token.start[0], token.string


def test_exemptions_have_reasons() -> None:
    bare = [
        f"{source.name}:{line}: {comment}"
        for source in sources(*CODE)
        for line, comment in _exemptions(source)
        if not REASONED.match(comment)
    ]
    assert not bare


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
    assert not MACHINE.search("/var/lib/syncd and https://example.com")
