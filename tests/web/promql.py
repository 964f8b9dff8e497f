"""As much of PromQL as is needed to know which metrics and labels an expression names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKENS = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<range>\[[^\]]*\])
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>])
    |(?P<blank>\s+)""",
    re.VERBOSE,
)
FUNCTIONS = frozenset(
    {"histogram_quantile", "increase", "rate", "sum", "max", "min", "time", "topk", "label_values"}
)
_GROUPING = frozenset({"by", "without", "on", "ignoring"})
_WORDS = frozenset({"and", "or", "unless", "bool"})


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric and the labels that it is asked for by."""

    metric: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Query:
    """What an expression names. ``grouped``: the labels that it sums by."""

    selectors: tuple[Selector, ...]
    grouped: frozenset[str]


class BadQuery(ValueError):
    """Not PromQL, or more of it than is understood here."""


def parse(expression: str) -> Query:
    """The metrics and labels of an expression. Raises ``BadQuery``."""
    tokens = list(_tokens(expression))
    _check_brackets(tokens)
    selectors: list[Selector] = []
    grouped: set[str] = set()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind != "name" or text in _WORDS:
            continue
        if text in _GROUPING:
            at, labels = _list(tokens, at)
            grouped |= labels
        elif following == "(" or following in _GROUPING:
            if text not in FUNCTIONS:
                raise BadQuery(f"no such function: {text}")
        else:
            names: frozenset[str] = frozenset()
            if following == "{":
                at, names = _matchers(tokens, at)
            selectors.append(Selector(text, names))
    return Query(tuple(selectors), frozenset(grouped))


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expression):
        match = _TOKENS.match(expression, at)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"not understood: {expression[at : at + 20]}")
        if match.lastgroup != "blank":
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return found


def _check_brackets(tokens: list[tuple[str, str]]) -> None:
    open_ones: list[str] = []
    for kind, text in tokens:
        if kind != "sign":
            continue
        if text in "({":
            open_ones.append(text)
        elif text in ")}" and (not open_ones or open_ones.pop() + text not in ("()", "{}")):
            raise BadQuery(f"{text} closes nothing")
    if open_ones:
        raise BadQuery(f"{open_ones[-1]} is not closed")


def _list(tokens: list[tuple[str, str]], at: int) -> tuple[int, frozenset[str]]:
    """The names between parentheses, and the place behind them."""
    end = next(i for i in range(at, len(tokens)) if tokens[i][1] == ")")
    return end + 1, frozenset(text for kind, text in tokens[at:end] if kind == "name")


def _matchers(tokens: list[tuple[str, str]], at: int) -> tuple[int, frozenset[str]]:
    """The labels between braces, and the place behind them."""
    end = next(i for i in range(at, len(tokens)) if tokens[i][1] == "}")
    inner = tokens[at + 1 : end]
    for index, (kind, _) in enumerate(inner):
        if kind == "name" and (index + 2 >= len(inner) or inner[index + 2][0] != "text"):
            raise BadQuery("a matcher without a value")
    return end + 1, frozenset(text for kind, text in inner if kind == "name")
