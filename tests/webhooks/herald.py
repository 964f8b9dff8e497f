"""A vendor that tells of changes, and its connector: CalDAV calendars with a herald beside them.

The herald is a server on loopback that grants watches, as Google and Microsoft do: it tries the
address with a challenge, tells that a watch has begun, and forgets it when its time is over. The
test says when it tells of what.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from connectors.caldav import plugin as caldav
from connectors.caldav.connector import CalDavConnector, Settings
from syncd.connector import Collection, Manifest, Notice, Receipt, System, Told, Watch
from syncd.errors import Rejected, Unavailable


@dataclass(slots=True)
class Granted:
    """One watch. ``answers``: the status of each notification that was sent."""

    id: str
    calendar: str
    address: str
    secret: str
    expires: datetime
    answers: list[int] = field(default_factory=list)

    def tell(self, state: str = "changed", *, secret: str | None = None) -> int:
        """Send a notification; the status of the answer."""
        headers = {"X-Watch": self.id, "X-State": state}
        headers["X-Secret"] = self.secret if secret is None else secret
        status, _ = post(self.address, headers)
        self.answers.append(status)
        return status


def post(address: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
    """One request to the daemon's door, tried again as vendors do: status and text."""
    request = urllib.request.Request(address, body, headers, method="POST")
    for _ in range(100):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8")
        except OSError:  # nobody listens for a moment, while it reloads
            time.sleep(0.05)
    return 0, ""


@dataclass(slots=True)
class Herald:
    """What the vendor knows. ``lasts``: how long a watch does. ``renews``: it keeps its id and its
    first secret when it is renewed; else it is another one. ``refuses``: nobody is told.
    ``greets``: it tells that a watch has begun. ``challenges``: it tries the address first."""

    lasts: timedelta = timedelta(days=7)
    renews: bool = False
    refuses: bool = False
    greets: bool = True
    challenges: bool = True
    url: str = ""
    granted: dict[str, Granted] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, calendar: str) -> Granted:
        """The last watch of a calendar that stands."""
        with self.lock:
            mine = [
                each
                for each in self.granted.values()
                if calendar.strip("/") in each.calendar or calendar.endswith(each.calendar)
            ]
            return mine[-1]

    def standing(self) -> list[Granted]:
        """All watches that stand."""
        with self.lock:
            return [each for each in self.granted.values() if each.expires > datetime.now(UTC)]

    def grant(self, told: dict[str, Any]) -> Granted | None:
        """A new watch, or the old one renewed."""
        self.requests.append((told["before"] and "renew") or "open")
        if self.refuses:
            return None
        if self.challenges:
            status, text = post(f"{told['address']}?challenge=%E4%BD%A0%2B1", {})
            if (status, text) != (200, "你+1"):
                self.unsound.append(f"challenge: {status} {text}")
                return None
        expires = datetime.now(UTC) + self.lasts
        with self.lock:
            known = self.granted.get(told["before"] or "")
            if known is not None and self.renews:
                known.expires = expires
                return known
            id = f"watch-{uuid4().hex[:12]}"
            fresh = Granted(id, told["calendar"], told["address"], told["secret"], expires)
            self.granted[id] = fresh
            if known is not None:
                del self.granted[known.id]
        if self.greets:
            fresh.tell("opened")
        return fresh

    def end(self, id: str) -> bool:
        """Nobody needs this watch any more."""
        self.requests.append("end")
        with self.lock:
            return self.granted.pop(id, None) is not None


@contextmanager
def herald() -> Iterator[Herald]:
    """A herald that listens until the block ends."""
    known = Herald()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            granted = known.grant(told)
            answer = {} if granted is None else {"id": granted.id, "until": granted.expires}
            self.reply(403 if granted is None else 200, answer)

        def do_DELETE(self) -> None:
            self.reply(200 if known.end(self.path.lstrip("/")) else 404, {})

        def reply(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told, default=datetime.isoformat).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class ToldCalendar(CalDavConnector):
    """A calendar whose changes a herald tells."""

    def __init__(self, settings: Settings, herald: str) -> None:
        super().__init__(settings)
        self._calendar, self._herald = settings.wanted or settings.start, herald

    def watch(self, address: str, secret: str, before: Watch | None) -> Watch:
        """See :class:`syncd.connector.Watches`."""
        told = {"address": address, "secret": secret, "calendar": self._calendar}
        told["before"] = before.id if before is not None else ""
        status, answer = _send("POST", self._herald, json.dumps(told).encode())
        if status != 200:
            raise Rejected(f"the herald answers {status}")
        expires = datetime.fromisoformat(answer["until"])
        return Watch(answer["id"], "resource", expires)

    def unwatch(self, watch: Watch) -> None:
        """See :class:`syncd.connector.Watches`."""
        _send("DELETE", f"{self._herald}/{watch.id}", None)


class ToldPlugin:
    """The connector ``told``."""

    @cached_property
    def manifest(self) -> Manifest:
        """That of CalDAV, and the herald's address."""
        options = {**caldav.manifest.options, "herald": "who tells"}
        return replace(caldav.manifest, name="told", options=options)

    def connect(self, system: System, collection: Collection) -> ToldCalendar:
        """A connector for one calendar."""
        options = dict(system.options)
        herald = str(options.pop("herald"))
        made = caldav.connect(replace(system, options=options), collection)
        return ToldCalendar(made._settings, herald)

    def receive(self, notice: Notice) -> Receipt:
        """See :class:`syncd.connector.Receives`."""
        if "challenge" in notice.query:
            return Receipt(200, notice.query["challenge"])
        watch = notice.headers.get("x-watch")
        if notice.method != "POST" or not watch:
            return Receipt(400, "no notification")
        secret, lost = notice.headers.get("x-secret", ""), notice.headers.get("x-state") == "lost"
        return Receipt(202, "", (Told(watch, secret, lost),))

    def sign_in(self, system: System, say: Any, ask: Any, *, browser: bool) -> str:
        """See :class:`syncd.connector.SignsIn`: as the herald is told to."""
        say(f"open {system.options['herald']}/consent, {browser=}")
        if ask is not None:
            ask("the code: ")
        return "王芳 <wang.fang@example.com>"


def _send(method: str, url: str, body: bytes | None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return answer.status, told
    except urllib.error.HTTPError as error:
        return error.code, {}
    except OSError as error:
        raise Unavailable(f"no answer: {type(error).__name__}") from None


plugin = ToldPlugin()
"""What the entry point names."""
