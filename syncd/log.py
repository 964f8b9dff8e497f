"""Logs without secrets and personal data (invariant 11), for people and for machines.

What may be logged is listed, what is not listed is masked: a new key shows nothing until
somebody has thought about it. Texts that are shown are searched for what slips through:
known secrets, e-mail addresses, passwords in URLs and headers, telephone numbers. Of a foreign
library's log only the place is shown, of its exceptions class and frames: their words may
quote a title or a token.

Threads of a pool see a cycle's id only if the pool runs its work in ``contextvars.copy_context``.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from enum import Enum
from types import TracebackType
from typing import TextIO
from urllib.parse import quote, unquote, urlsplit

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from syncd.config.settings import LogFormat, LogLevel
from syncd.errors import SyncdError
from syncd.secrets import Secret

MASK = "[masked]"

TEXT_KEYS = frozenset(
    {"event", "level", "logger", "timestamp", "cycle", "installation", "version", "where"}
    | {"bridge", "channel", "system", "connector", "role", "mode", "verb", "thread", "path"}
    | {"operation", "rule", "state", "reason", "outcome", "error", "signal", "field", "record"}
    | {"file", "listen", "command", "winner", "since"}
)
"""Keys whose texts are shown, searched for what must not be there."""

ID_KEYS = frozenset(
    {"appointment", "slot", "key", "marker", "copy_version", "hold", "code", "timestamp", "cycle"}
)
"""Keys whose texts are shown although they can be long numbers."""

COUNT_LIMIT = 10_000_000
"""Numbers up to here are counts, sizes and times; longer ones may be telephone numbers."""

_SECRET_KEY = re.compile(
    r"pass|secret|token|credential|authori[sz]|cookie|api_?key|private_key|pin\b|otp", re.IGNORECASE
)
_SHORTEST_SECRET = 4
_LONG_SECRET = 100
_SHORTEST_PIECE = 20
_PIECES = re.compile(r"[\s\"',]+|\\[nr]")
_MOST_CAUSES = 8

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^\s/?#@]*(?:@[^\s/?#@]*)*@"), f"{MASK}@"),
    (re.compile(r"\b(bearer|basic|digest)\s+[^\s,;\"']+", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            r"([\w-]*(?:pass(?:word|wd)?|secret|token|api_?key|signature|sign)\"?'?\s*[=:]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s&,;\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"[^\s@<>\"'(),:;=/\[\]]+(?:@|%40)[^\s@<>\"'(),:;=/\[\]]+"), MASK),
)
_TELEPHONE = re.compile(r"(?<![\w.:-])\+?\d(?:[ ()-]{0,2}\d){9,}(?![\w:-])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Redactor:
    """A structlog processor that lets only listed keys and harmless values pass."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        texts = {part for secret in secrets for part in _parts(secret.reveal())}
        self._secrets = sorted((t for t in texts if len(t) >= _SHORTEST_SECRET), key=len)[::-1]

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        """Mask what is not known to be harmless; exceptions become class, place and our words."""
        cleaned: EventDict = {}
        for key, value in event.items():
            if key in ("exc_info", "stack_info", "_record", "_from_structlog"):
                cleaned[key] = value
            else:
                cleaned[self.text(str(key))] = self.value(str(key), value)
        raised = _raised(cleaned.pop("exc_info", None))
        cleaned.pop("stack_info", None)
        if raised is not None:
            cleaned["exception"] = self.exception(raised)
        return cleaned

    def value(self, key: str, value: object) -> object:
        """A value as it may be shown under ``key``."""
        if value is None or isinstance(value, bool):
            return value
        if _SECRET_KEY.search(key) or isinstance(value, Secret | bytes):
            return MASK
        if isinstance(value, BaseException):
            return self.words(value)
        if isinstance(value, Enum):
            return self.value(key, value.value)
        if isinstance(value, int | float):
            return value if abs(value) < COUNT_LIMIT else MASK
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, str):
            return self._shown(key, value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.value(str(k), v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(key, each) for each in value]
        if isinstance(value, date) and key in ID_KEYS | TEXT_KEYS:
            return value.isoformat()
        return MASK

    def text(self, text: str) -> str:
        """``text`` without known secrets and what looks like a secret, address or number."""
        return _TELEPHONE.sub(MASK, self._identifier(text))

    def _shown(self, key: str, text: str) -> str:
        if key in ID_KEYS:
            return self._identifier(text)
        return self.text(text) if key in TEXT_KEYS else MASK

    def _identifier(self, text: str) -> str:
        """As :meth:`text`, but long numbers stay: many vendors' ids are numbers."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return _CONTROL.sub(" ", text)

    def words(self, error: BaseException) -> str:
        """An exception in one line; only syncd's own errors say more than their class."""
        name = type(error).__qualname__
        return f"{name}: {self.text(str(error))}" if isinstance(error, SyncdError) else name

    def exception(self, error: BaseException) -> list[dict[str, object]]:
        """The error and its causes, each with its frames (file, line, function; no values)."""
        return [
            {"error": self.words(each), "frames": list(_frames(each.__traceback__))}
            for each in _chain(error)
        ]


def configure(
    format: LogFormat = LogFormat.AUTO,
    level: LogLevel = LogLevel.INFO,
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Log to ``stream`` (standard error), syncd's own lines and those of libraries alike.

    ``secrets`` are masked wherever they turn up. Call it again after the configuration was read.
    """
    output = sys.stderr if stream is None else stream
    if format is LogFormat.AUTO:
        format = LogFormat.CONSOLE if output.isatty() else LogFormat.JSON
    shared: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(output)
    handler.addFilter(_worth_a_line)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _withheld],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Redactor(secrets),
                *_renderers(format),
            ],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if getattr(each, "of_syncd", False)]:
        root.removeHandler(old)
    handler.of_syncd = True  # type: ignore[attr-defined]  # a mark, to find it again on SIGHUP
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # SIGHUP may change level and secrets
    )


@contextmanager
def cycle(identifier: str | int) -> Iterator[None]:
    """Every line that is logged within carries ``cycle``."""
    with bound_contextvars(cycle=identifier):
        yield


def _renderers(format: LogFormat) -> list[Processor]:
    if format is LogFormat.JSON:
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback  # the exception is text already
    return [
        _exception_as_text,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain),
    ]


def _exception_as_text(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    chain = event.pop("exception", None)
    if chain:
        event["exception"] = "\n".join(
            "\n  ".join((each["error"], *each["frames"])) for each in chain
        )
    return event


def _withheld(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A foreign line: its place instead of its words, which may quote what it was given."""
    record: logging.LogRecord = event["_record"]
    event["event"] = "a library's message, withheld"
    event["where"] = f"{record.module}:{record.lineno}"
    return event


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Libraries are heard from warnings on, whatever our own level is."""
    ours = hasattr(record, "_logger")  # structlog leaves its logger there
    return ours or record.levelno >= logging.WARNING


def _parts(secret: str) -> Iterator[str]:
    """A secret as it is and as URLs quote it; of a URL the password in it, of a key or a file of
    keys its long lines and words, likewise: an error may quote a piece of it."""
    yield secret
    yield quote(secret, safe="")
    if len(secret) >= _LONG_SECRET:
        yield from (each for each in _PIECES.split(secret) if _is_key(each))
    try:
        password = urlsplit(secret).password or ""
    except ValueError:
        return
    yield password
    yield unquote(password)


def _is_key(piece: str) -> bool:
    """Whether a piece of a long secret is one itself, not a word around it or an address."""
    return len(piece) >= _SHORTEST_PIECE and "://" not in piece and not piece.startswith("---")


def _raised(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MOST_CAUSES:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _frames(start: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(start, limit=-30):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
