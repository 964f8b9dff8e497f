"""Processes of syncd, forked from an interpreter that has imported it already.

Most of what a short syncd process computes is its imports. So each test process has one interpreter
that imports once (``python -m tests.warm``) and forks at each start. What it gives has its own
process id, environment, folder, files and signals, and ends as any interpreter does. Tests that are
about the start itself (the demo, terminals, services, wheels) execute the command instead.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

import typer

ROOT = Path(__file__).parents[1]

IMPORTED = (
    "syncd.cli.app",
    "syncd.daemon",
    "alembic.command",
    "connectors.caldav.connector",
    "connectors.sql.connector",
)


class Process:
    """A process of syncd, with what tests use of :class:`subprocess.Popen`."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._lock = line, threading.Lock()
        self.pid = int(line.recv(64))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        if self.returncode is None and self._has_ended(0):
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code once it has ended; negative for a signal.

        Raises:
            subprocess.TimeoutExpired: after ``timeout`` seconds.
        """
        if self.returncode is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired("syncd", timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def _has_ended(self, timeout: float | None) -> bool:
        waiting = select.poll()  # select() knows no file beyond the thousandth
        waiting.register(self._line, select.POLLIN)
        return bool(waiting.poll(None if timeout is None else 1000 * timeout))

    def _end(self) -> None:
        with self._lock:  # two threads may wait for it
            if self.returncode is None:
                self.returncode = int(self._line.recv(64))

    def send_signal(self, number: int) -> None:
        """Nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, out: int, errors: int
) -> Process:
    """``syncd WORDS`` in this folder; ``out`` and ``errors`` are file descriptors."""
    request = {"words": words, "environment": dict(environment), "folder": str(folder)}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        files = [nothing, out, errors, theirs.fileno()]
        socket.send_fds(_interpreter()[0], [json.dumps(request).encode()], files)
    finally:
        os.close(nothing)
        theirs.close()
    return Process(ours)


def run(
    words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """``syncd WORDS``, waited for."""
    with (
        TemporaryFile("w+", encoding="utf-8") as out,
        TemporaryFile("w+", encoding="utf-8") as err,
    ):
        code = start(words, environment, folder, out.fileno(), err.fileno()).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


@cache
def _interpreter() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The line to the warm interpreter, which ends when that is closed: with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.warm"]
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, cwd=ROOT)
    return ours, process


def _serve(line: socket.socket) -> Sequence[str] | None:
    """Fork at each request; returns in each child, with its words, and at the end with nothing."""
    awake, wake = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    while True:
        ready = select.select([line, awake], [], [])[0]
        if awake in ready:
            os.read(awake, 4096)
            _tell(children)
        if line not in ready:
            continue
        request, files, _, _ = socket.recv_fds(line, 1 << 20, 4)
        if not request:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in (line, *children.values()):
                each.detach()  # nobody shall close its number once more
            return _become(json.loads(request), files)
        children[pid] = socket.socket(fileno=files[3])
        children[pid].send(str(pid).encode())
        for each in files[:3]:
            os.close(each)


def _tell(children: dict[int, socket.socket]) -> None:
    """Tell whoever started them how children ended."""
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with children.pop(pid) as line:
                line.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Mapping[str, Mapping[str, str]], files: Sequence[int]) -> Sequence[str]:
    """Be the process that was asked for; answers its words."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, 256)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    extra = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [each for each in extra if each and each not in sys.path]
    return list(request["words"])


def command_built_once() -> None:
    """Typer builds its commands at each start: what is forked, or called again, has them."""
    build, app = typer.main.get_command, importlib.import_module("syncd.cli.app").app
    built = build(app)
    typer.main.get_command = lambda given: built if given is app else build(given)


def _run() -> int:
    """The command, to the end of the interpreter but for what that frees: of memory that is shared
    with the warm one, a copy is made for it, which takes longer than all else. The exit code."""
    try:
        importlib.import_module("syncd.cli").main()
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        return 1
    return code or 0


def _end(code: int) -> NoReturn:
    """As Python ends (``Py_FinalizeEx``): threads, then what is to run at exit, then what is left
    to print."""
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter calls
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    command_built_once()
    gc.collect()
    gc.freeze()
    given = _serve(socket.socket(fileno=os.dup(0)))
    if given is not None:
        sys.argv, __package__ = ["syncd", *given], None
        _end(_run())
