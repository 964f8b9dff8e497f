"""The files of a state: made for whom they belong to, and whether there is room for more."""

from __future__ import annotations

import errno
import os
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


def made_for_owner(path: Path) -> int:
    """The descriptor of a file that only its owner can read; made if it is not there.

    What root makes belongs to whom the folder belongs to, else the daemon could not open what
    ``syncd status`` of an administrator has made. Only of what is truly new: a link would
    hand over the file that it leads to. Raises ``OSError``.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file
