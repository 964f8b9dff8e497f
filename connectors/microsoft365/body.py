"""Descriptions between plain text and the HTML that Exchange keeps. Pure.

Exchange stores every body as HTML and rewrites it: it adds head and body, line ends after tags
and attributes of its own. So a text is written with nothing that it would change (line breaks,
hard blanks where blanks would run together), and is read from any HTML.

What Teams adds to the body of its meetings stays as it is: without it Outlook no longer takes
the event for an online meeting (microsoft-graph-docs, ``event-update``: "preserve the online
meeting blob in the body").
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from syncd.core.model import clean_line, clean_text

_LINK = "▶ "
"""What the line begins with that shows the link to meet online."""

_BLOCKS = frozenset(
    {"p", "div", "tr", "li", "ul", "ol", "table", "blockquote", "pre", "section"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "article", "header", "footer"}
)
_SILENT = frozenset({"head", "style", "script", "title"})
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_TEAMS = re.compile(r"(?:<[^/<>][^<>]*>\s*)*_{20,}")
_MOST = 2_000_000


class _Reader(HTMLParser):
    """Collects the text of HTML, a line for each block and break."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._preformatted = 0
        self._open = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._end_line()
        elif tag in _BLOCKS:
            self._begin_block()
        if tag == "pre":
            self._preformatted += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._end_line()
        elif tag in _BLOCKS:
            self._begin_block()

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self._begin_block()
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._preformatted:
            self.parts.append(data)
            self._open = self._open and not data.strip()
            return
        text = _BLANKS.sub(" ", data)
        if self._open:
            text = text.lstrip(" ")
        if text:
            self.parts.append(text)
            self._open = False

    def _begin_block(self) -> None:
        if not self._open:
            self._end_line()

    def _end_line(self) -> None:
        if self.parts:
            self.parts[-1] = self.parts[-1].rstrip(" ")
        self.parts.append("\n")
        self._open = True


def text_of(content: str, *, is_html: bool) -> str:
    """The plain text of a body, without the blank lines around it."""
    if not is_html:
        return clean_text(content).strip("\n")
    reader = _Reader()
    reader.feed(content[:_MOST])
    reader.close()
    text = "".join(reader.parts).rstrip(" ").replace("\N{NO-BREAK SPACE}", " ")
    return clean_text(text).strip("\n")


def html_of(text: str) -> str:
    """HTML that shows ``text`` line by line and blank by blank."""
    lines = [_line(line) for line in text.split("\n")]
    return f"<div>{'<br>'.join(lines)}</div>"


def _line(line: str) -> str:
    last = len(line) - 1
    hard = [
        letter == " " and (place in (0, last) or line[place - 1] == " ")
        for place, letter in enumerate(line)
    ]
    return "".join(
        "&nbsp;" if is_hard else html.escape(letter, quote=False)
        for letter, is_hard in zip(line, hard, strict=True)
    )


def split_teams(content: str) -> tuple[str, str]:
    """The HTML before what Teams added, and what it added (empty if nothing)."""
    found = _TEAMS.search(content)
    if found is None or "teams" not in content[found.end() :].lower():
        return content, ""
    return content[: found.start()], content[found.start() :]


def with_link(description: str, link: str) -> str:
    """The text that shows a description and, in its last line, the link to meet online."""
    if not link:
        return description
    return f"{description}\n\n{_LINK}{link}" if description else f"{_LINK}{link}"


def without_link(text: str) -> tuple[str, str]:
    """The description and the link in a text that :func:`with_link` made, or a person changed."""
    before, _, last = text.rpartition("\n")
    if not last.startswith(_LINK.strip()):
        return text, ""
    return before.rstrip("\n"), clean_line(last.removeprefix(_LINK.strip()))
