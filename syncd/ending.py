"""Ten seconds after SIGTERM the daemon is gone, whatever it was doing."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 8.0
"""Seconds from the signal until what is still under way is abandoned."""


@contextmanager
def ended_in_time(abandoned: Callable[[], None]) -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGINT leave it ``PATIENCE`` seconds to end by itself.

    Then ``abandoned`` is called, in a thread of its own, and the process exits with 0. Nothing is
    lost by that: the store is transactional, and an intent tells the next start of each write that
    was begun. A thread watches over it, woken by the signal itself: the main thread sees no signal
    while it waits inside a library, for a locked database for example.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(ours, over, abandoned), daemon=True)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        theirs.close()
        watch.join()
        ours.close()


def _watch(line: socket.socket, over: threading.Event, abandoned: Callable[[], None]) -> None:
    """Each byte is the number of a signal; the line ends when all is over."""
    while number := line.recv(1):
        if number[0] in (signal.SIGTERM, signal.SIGINT) and not over.wait(PATIENCE):
            abandoned()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
