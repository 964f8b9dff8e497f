"""Whether a database cannot be had for now, or refuses us until somebody mends something.

SQLite has a number for each fault (https://www.sqlite.org/rescode.html), PostgreSQL a code of five
letters (https://www.postgresql.org/docs/current/errcodes-appendix.html; both read 2026-11). What
PostgreSQL answers to somebody who knocks reaches us as words alone: libpq keeps their code to
itself. So the words of a refusal are listed, and whatever else keeps us from a server is taken
to pass: who tries again in vain has lost nothing, who gives up in the night has lost the night.
"""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import InternalError, OperationalError, SQLAlchemyError

_FILE_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_PROTOCOL,
    }
)

_PASSING = ("08", "25", "40", "53", "55", "57", "58")
"""Classes: the connection, a server that only reads, collisions, no resources, locked, an
operator's intervention (57P01 shut down, 57P03 starting up), the server's own machine."""

_REFUSED = re.compile(
    r"authentication failed|no pg_hba\.conf entry|does not exist|not permitted to log in"
    r"|permission denied|not currently accepting connections|no password supplied"
    r"|certificate|does not support SSL|invalid port number|unsupported frontend protocol"
)
"""A password, a role, a database, a right or a certificate; in the server's English."""


def is_away(error: SQLAlchemyError) -> bool:
    """Whether to try again is all that is to be done."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _FILE_FAULTS
    code = getattr(cause, "sqlstate", None)
    if code:
        return str(code).startswith(_PASSING)
    if not isinstance(error, OperationalError | InternalError):
        return False
    return _REFUSED.search(str(cause)) is None
