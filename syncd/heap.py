"""How threads share the memory that they allocate."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""From glibc's ``malloc.h``."""

_LARGE = 131_072
"""Bytes from which a block is mapped on its own: glibc's default, which it would raise."""


def share_one_heap() -> None:
    """Let all threads allocate from one heap (glibc; elsewhere this does nothing).

    Else each has its own, and what one read and another has stored and freed stays unused in
    the first one's: a third more memory in a first synchronisation (``bench/README.md``). Large
    blocks (the answers of servers) stay out of it: once freed they would leave holes.
    https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
    """
    with suppress(OSError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_M_ARENA_MAX, 1)
        tune(_M_MMAP_THRESHOLD, _LARGE)
