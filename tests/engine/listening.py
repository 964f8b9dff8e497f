"""A server that is dead: it takes connections, counts them, and closes them without a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Listener:
    """At ``url``. ``count``: connections so far. ``target``: where they are passed on to, once
    it is alive."""

    url: str
    count: int = 0
    target: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def since(self, before: int) -> int:
        """How many connections came since there were ``before``."""
        with self.lock:
            return self.count - before


@contextmanager
def dead_server() -> Iterator[Listener]:
    """A listener on loopback."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        listener = Listener(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread = threading.Thread(target=_serve, args=(server, listener), daemon=True)
        thread.start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(server: socket.socket, listener: Listener) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with listener.lock:
            listener.count += 1
        if listener.target:
            threading.Thread(target=_pass, args=(connection, listener), daemon=True).start()
        else:
            connection.close()


def _pass(connection: socket.socket, listener: Listener) -> None:
    place = urlsplit(listener.target)
    with connection, socket.create_connection((place.hostname or "", place.port or 0)) as there:
        back = threading.Thread(target=_pump, args=(there, connection), daemon=True)
        back.start()
        _pump(connection, there)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
