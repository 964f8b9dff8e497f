"""Types of columns: text from anywhere, and moments."""

from __future__ import annotations

import json
import re
from datetime import datetime

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

from syncd.store.codec import from_micros, to_micros

_ESCAPE = "\x01"
_SURROGATE = re.compile("[\ud800-\udfff]")


class AnyText(TypeDecorator[str]):
    """Text from anywhere: what a database refuses (NUL, lone surrogates) is kept escaped.

    PostgreSQL has no NUL in text, and neither database takes a lone surrogate; one such item
    must not keep a whole look from being stored (invariant 9).
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as it is stored."""
        if value is None or _is_holdable(value):
            return value
        return _ESCAPE + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as it was given."""
        if value is not None and value.startswith(_ESCAPE):
            return str(json.loads(value[1:]))
        return value


class Instant(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970; comes back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The instant."""
        return None if value is None else from_micros(value)


def _is_holdable(text: str) -> bool:
    """Whether a database holds it as it is, and it is not taken for what was escaped."""
    # Most text is ASCII: to be told so takes no time, and every text that is stored is asked.
    if "\x00" in text or text.startswith(_ESCAPE):
        return False
    return text.isascii() or not _SURROGATE.search(text)
