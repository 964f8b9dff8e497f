"""Whether there is room for more where a state file is kept."""

from __future__ import annotations

import errno
from pathlib import Path
from tempfile import TemporaryFile

ROOM = 1 << 20
"""Bytes that a cycle may need at least. SQLite goes on with less as long as its journal has
blocks left over, so that small writes say nothing."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""No other error is news: who may only read the state cannot make a file there either."""


def want_of_room(folder: Path) -> str:
    """Why nothing more can be stored in a folder; empty if there is room, or nobody knows.

    A file is truly written and thrown away: what the file system says is free does not count
    quotas and limits.
    """
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            left = memoryview(bytes(ROOM))
            while left:
                left = left[file.write(left) :]
    except OSError as error:
        return error.strerror or "" if error.errno in _FULL else ""
    return ""
