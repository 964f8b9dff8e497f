"""Real CalDAV servers as processes on loopback, for tests and benchmarks.

``with radicale() as server: server.calendar("work")`` makes a calendar and gives its URL.
Nobody else's server is touched: ports are free ones, folders are temporary.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30
_MAKE = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>{name}</D:displayname></D:prop></D:set></C:mkcalendar>"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``home`` is where its account's calendars are, with a slash at the end."""

    kind: str
    url: str
    home: str
    username: str
    password: str
    folder: Path
    process: subprocess.Popen[bytes]

    def calendar(self, name: str, path: str = "") -> str:
        """Make a calendar with this display name; answers its URL."""
        url = f"{self.home}{path or name}/"
        self.send("MKCALENDAR", url, _MAKE.format(name=name).encode())
        return url

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes, dict[str, str]]:
        """One plain request, as another client would send it: status, body, headers."""
        full = url if url.startswith("http") else self.url.rstrip("/") + url
        kind = "text/calendar; charset=utf-8" if method == "PUT" else "application/xml"
        request = urllib.request.Request(full, body, {"Content-Type": kind}, method=method)
        if self.username:
            secret = b64encode(f"{self.username}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {secret}")
        for key, value in (headers or {}).items():
            request.add_header(key, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)

    def files(self, calendar: str) -> dict[str, bytes]:
        """A calendar's items as they are on the server's disk, by file name; nobody is asked."""
        root = {"radicale": "collections/collection-root", "xandikos": "data"}[self.kind]
        folder = self.folder / root / calendar.removeprefix(self.url).strip("/")
        return {file.name: file.read_bytes() for file in folder.glob("*.ics")}

    def put(self, calendar: str, name: str, text: str) -> str:
        """Store an item; answers its key, the path of its URL."""
        url = f"{calendar}{name}"
        status, answer, _ = self.send("PUT", url, text.encode())
        assert status in (200, 201, 204), (status, answer[:300])
        return url[len(self.url.rstrip("/")) :]

    def get(self, url: str) -> str | None:
        """An item's body, ``None`` if it is not there."""
        status, body, _ = self.send("GET", url)
        return body.decode() if status == 200 else None

    def delete(self, url: str) -> int:
        """Remove an item or a calendar; answers the status."""
        return self.send("DELETE", url)[0]

    def stop(self) -> None:
        """End the process; starting the same server again is not offered."""
        stop(self.process)


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(process, port, folder)
        yield process
    finally:
        stop(process)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError((folder / "server.log").read_text(errors="replace")[-2000:])


@contextlib.contextmanager
def radicale(
    username: str = "alice", password: str = "", port: int = 0, most_bytes: int = 0
) -> Iterator[Server]:
    """A Radicale; with a ``password`` it asks for it, without any is taken. ``most_bytes``: of a
    request, if not as many as it takes by itself."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-radicale-"))
    port = port or free_port()
    auth = "auth-type=none"
    if password:
        (folder / "users").write_text(f"{username}:{password}\n")
        auth = "auth-type=htpasswd"
    options = [
        f"--server-hosts=127.0.0.1:{port}",
        f"--{auth}",
        f"--storage-filesystem-folder={folder / 'collections'}",
        "--logging-level=error",
    ]
    if most_bytes:
        options.append(f"--server-max-content-length={most_bytes}")
    if password:
        options += [
            f"--auth-htpasswd-filename={folder / 'users'}",
            "--auth-htpasswd-encryption=plain",
            "--auth-delay=0",
        ]
    url = f"http://127.0.0.1:{port}/"
    with _running(
        [sys.executable, "-m", "radicale", "--config=", *options], port, folder
    ) as process:
        yield Server(
            "radicale", url, f"{url}{username}/", username, password or "x", folder, process
        )


@contextlib.contextmanager
def xandikos(port: int = 0) -> Iterator[Server]:
    """A Xandikos with one principal; it asks for no password."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-xandikos-"))
    port = port or free_port()
    command = [
        *(sys.executable, "-m", "xandikos.web"),
        *("-d", str(folder / "data")),
        *("-l", "127.0.0.1", "-p", str(port)),
        *("--current-user-principal", "/user/"),
        *("--autocreate", "--defaults", "--no-detect-systemd"),
    ]
    url = f"http://127.0.0.1:{port}/"
    with _running(command, port, folder) as process:
        yield Server("xandikos", url, f"{url}user/calendars/", "", "", folder, process)
