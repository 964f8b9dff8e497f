"""A command on a real terminal: a pseudo-terminal of this machine."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import termios
from fcntl import ioctl

from tests.office import Office
from tests.people.firm import Firm


def on_a_terminal(
    office: Office | Firm, *words: str, columns: int = 80, typed: str = ""
) -> tuple[int, str]:
    """The command with a terminal of this width: exit code, all that was shown. ``typed``: what
    a person answers."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**office.environment, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        office.command(*words),
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=office.folder,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(), shown.decode("utf-8", "replace")
