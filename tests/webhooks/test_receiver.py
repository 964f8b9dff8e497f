"""The door: anybody can knock, nobody learns anything, and nothing that is said is believed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from structlog.testing import capture_logs

from syncd import metrics
from syncd.connector import Notice, Receipt, Receives, Told
from syncd.doorbell import Doorbell, Expected, Rung, digest_of
from syncd.plugins import Plugins
from syncd.plugins import plugin as find
from syncd.values import Address
from syncd.web import Hooks, serve
from syncd.web.hooks import MOST_BODY
from tests.webhooks.herald import plugin, post

CHUNKED = "Transfer-Encoding: chunked\r\n"
OURS = {"X-Watch": "w1", "X-Secret": "the first one", "X-State": "changed"}


class Reader:
    """Reads nothing, and keeps what it was given."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def receive(self, notice: Notice) -> Receipt:
        self.notices.append(notice)
        return Receipt(200, notice.query.get("validationToken", "谢谢"))


@pytest.fixture
def woken() -> threading.Event:
    """Set once somebody has rung whom we know."""
    return threading.Event()


@pytest.fixture
def bell(woken: threading.Event) -> Doorbell:
    """With one watch that is ours."""
    made = Doorbell(woken.set)
    expected = Expected("sales/alice", (digest_of("the first one"), digest_of("the next one")))
    made.know({("谷歌", "w1"): expected})
    return made


@contextmanager
def serving(hooks: Hooks, kept: list[Any] | None = None) -> Iterator[str]:
    """The address of its system 谷歌. ``kept``: gets what is logged."""
    with capture_logs() as lines, serve(Address("127.0.0.1", 0), hooks, "webhooks"):
        (line,) = [each for each in lines if each["event"] == "webhooks served"]
        yield f"http://{line['listen']}/hooks/{quote('谷歌')}"
    if kept is not None:
        kept += lines


@pytest.fixture
def door(bell: Doorbell) -> Iterator[str]:
    """Of a system that is called 谷歌."""
    with serving(Hooks("/hooks/", {"谷歌": plugin}, bell)) as url:
        yield url


def counted(outcome: str) -> float:
    """How many notifications came to this."""
    value = metrics.registry.get_sample_value(
        "syncd_notifications_total", {"system": "谷歌", "outcome": outcome}
    )
    return value or 0.0


def raw(url: str, request: bytes) -> bytes:
    """What is answered to these bytes; nothing, if the line is broken."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as line:
        try:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: line.recv(65536), b""))
        except OSError:  # reset, or already taken down when this side ends
            return b""


@pytest.mark.parametrize("secret", ["the first one", "the next one"])
def test_who_knows_the_secret_is_heard(
    door: str, bell: Doorbell, woken: threading.Event, secret: str
) -> None:
    """Also the one of before, while a watch is renewed."""
    before = counted("accepted")
    assert post(door, OURS | {"X-Secret": secret})[0] == 202
    assert woken.wait(60)
    assert bell.rung().channels == {"sales/alice"}
    assert bell.rung().channels == frozenset()
    assert counted("accepted") == before + 1


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        (OURS | {"X-Secret": "the first on"}, "forged"),
        (OURS | {"X-Secret": ""}, "forged"),
        (OURS | {"X-Secret": digest_of("the first one")}, "forged"),
        (OURS | {"X-Watch": "w2"}, "unknown"),
        (OURS | {"X-Watch": "w2", "X-State": "lost"}, "unknown"),
        (OURS | {"X-Secret": "x", "X-State": "lost"}, "forged"),
    ],
)
def test_a_stranger_is_answered_alike_and_not_heard(
    door: str, bell: Doorbell, woken: threading.Event, headers: dict[str, str], outcome: str
) -> None:
    """Status and body are those that the owner of the secret gets; it is counted. Whoever has
    read the state knows the digest, which opens nothing."""
    before = counted(outcome)
    right = post(door, OURS | {"X-Secret": "the next one"})
    woken.clear()
    bell.rung()
    assert post(door, headers) == right
    assert not woken.is_set()
    assert bell.rung().channels | bell.rung().lost == frozenset()
    assert counted(outcome) == before + 1


def test_a_watch_of_one_system_is_none_of_another(bell: Doorbell, woken: threading.Event) -> None:
    with serving(Hooks("/hooks/", {"谷歌": plugin, "other": plugin}, bell)) as url:
        other = url.rpartition("/")[0] + "/other"
        assert post(other, OURS | {"X-Secret": "the next one"})[0] == 202
    assert not woken.is_set()


def test_a_watch_that_is_being_opened_is_heard_by_its_secret(
    door: str, bell: Doorbell, woken: threading.Event
) -> None:
    """Vendors tell of it before they tell us its id."""
    early = {"X-Watch": "not known yet", "X-Secret": "coming"}
    bell.expect("谷歌", "sales/wangfang", digest_of("coming"))
    assert post(door, early)[0] == 202
    assert woken.wait(60)
    assert bell.rung().channels == {"sales/wangfang"}
    woken.clear()
    bell.expect_no_more("sales/wangfang")
    assert post(door, early)[0] == 202
    assert not woken.is_set()


def test_a_lost_watch(door: str, bell: Doorbell, woken: threading.Event) -> None:
    assert post(door, OURS | {"X-Secret": "the next one", "X-State": "lost"})[0] == 202
    assert woken.wait(60)
    rung = bell.rung()
    assert rung.lost == rung.channels == {"sales/alice"}


@pytest.mark.parametrize("watch", ["w1", "not known yet"])
def test_a_watch_that_says_that_it_stands(
    bell: Doorbell, woken: threading.Event, watch: str
) -> None:
    """Nobody is woken for it, as nothing has changed; from a stranger it says nothing."""
    bell.expect("谷歌", "sales/alice", digest_of("the next one"))
    before = counted("confirmed")
    for secret in ("the next one", "another"):
        bell.ring("谷歌", Receipt(200, told=(Told(watch, secret, stands=True),)))
    assert bell.rung() == Rung(confirmed=frozenset({"sales/alice"}))
    assert bell.rung() == Rung()
    assert counted("confirmed") == before + 1
    assert not woken.is_set()


def test_a_handshake(door: str, woken: threading.Event) -> None:
    """What the vendor wants to read, as text and nothing else."""
    assert post(f"{door}?challenge=a%2Bb+%E4%BD%A0&challenge=second", {}) == (200, "a+b 你")
    parts = urlsplit(door)
    answer = raw(door, f"POST {parts.path}?challenge=<script> HTTP/1.0\r\n\r\n".encode())
    assert b"Content-Type: text/plain; charset=utf-8" in answer
    assert b"X-Content-Type-Options: nosniff" in answer
    assert not woken.is_set()


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/hooks", "/hooks/", "/hooks/nobody", "/other/{name}", "/hooks/{name}/"),
        *("/hooks/../x", "/hooks/%2e%2e", "/healthz", "/metrics", "/readyz"),
    ],
)
def test_there_is_nothing_else(door: str, path: str) -> None:
    """Neither other systems nor the health pages."""
    base = door.partition("/hooks/")[0]
    status, text = post(base + path.format(name=quote("谷歌")), OURS | {"X-Secret": "x"})
    assert (status, text) == (404, "not found\n")


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "status"),
    [
        ("PUT {} HTTP/1.0", "", b"", 405),
        ("DELETE {} HTTP/1.1", "", b"", 405),
        ("OPTIONS {} HTTP/1.0", "", b"", 405),
        ("BREW {} HTTP/1.0", "", b"", 501),
        ("GET {} HTTP/1.0", "", b"", 400),
        ("POST {} HTTP/1.0", "", b"", 400),
        ("POST {} HTTP/1.1", CHUNKED, b"x\r\nhello\r\n0\r\n\r\n", 400),
        ("POST {} HTTP/1.1", CHUNKED, b"\r\n", 400),
        ("POST {} HTTP/1.1", CHUNKED, b"5\r\nhello and more\r\n0\r\n\r\n", 400),
        ("POST {} HTTP/1.1", CHUNKED, b"-1\r\nhello\r\n", 400),
        ("POST {} HTTP/1.1", CHUNKED, b"ffffffff\r\nhello\r\n", 413),
        ("POST {} HTTP/1.1", CHUNKED, b"0" * 5000 + b"1\r\nh\r\n", 413),
        ("POST {} HTTP/1.1", CHUNKED + "Content-Length: 5\r\n", b"5\r\nhello\r\n", 400),
        ("POST {} HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n", b"5\r\nhello\r\n", 400),
        ("POST {} HTTP/1.0", "Content-Length: -1\r\n", b"", 400),
        ("POST {} HTTP/1.0", "Content-Length: 1\r\nContent-Length: 2\r\n", b"xx", 400),
        ("POST {} HTTP/1.0", "Content-Length: ²\r\n", b"x", 400),
        ("POST {} HTTP/1.0", "Content-Length: " + "9" * 5000 + "\r\n", b"", 413),
        ("POST {} HTTP/1.0", f"Content-Length: {MOST_BODY + 1}\r\n", b"", 413),
        ("POST {}?" + "a=1&" * 40 + " HTTP/1.0", "", b"", 400),
        ("POST {} HTTP/1.0", "X: y\r\n" * 200, b"", 431),
        ("POST {}" + "x" * 70000 + " HTTP/1.0", "", b"", 414),
    ],
)
def test_what_is_no_notification(
    door: str,
    woken: threading.Event,
    request_line: str,
    headers: str,
    body: bytes,
    status: int,
) -> None:
    """It is refused by its head alone, and the next one is heard."""
    line = request_line.format(urlsplit(door).path)
    answer = raw(door, f"{line}\r\n{headers}\r\n".encode() + body)
    assert f" {status} ".encode() in answer.partition(b"\r\n")[0]
    assert not woken.is_set()
    assert post(door, OURS | {"X-Secret": "the next one"})[0] == 202
    assert woken.wait(60)


def test_the_largest_body_and_one_byte_more(bell: Doorbell) -> None:
    """The plugin is given what fits, whole; of what does not fit nothing is read."""
    reader = Reader()
    with serving(Hooks("/hooks/", {"谷歌": reader}, bell)) as url:
        assert post(f"{url}?a=1", {"X-Some": "Thing"}, b"x" * MOST_BODY) == (200, "谢谢")
        (notice,) = reader.notices
        head = f"POST {urlsplit(url).path} HTTP/1.0\r\nContent-Length: {MOST_BODY + 1}\r\n\r\n"
        answer = raw(url, head.encode() + b"x" * (MOST_BODY + 1))
        assert answer == b"" or b" 413 " in answer
        assert len(reader.notices) == 1
    assert (notice.method, notice.query, notice.body) == ("POST", {"a": "1"}, b"x" * MOST_BODY)
    assert notice.headers["x-some"] == "Thing"


def test_a_body_in_pieces(bell: Doorbell) -> None:
    """As proxies pass it on that do not keep it back."""
    reader = Reader()
    with serving(Hooks("/hooks/", {"谷歌": reader}, bell)) as url:
        head = f"POST {urlsplit(url).path} HTTP/1.1\r\n{CHUNKED}\r\n".encode()
        pieces = b"5;name=x\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
        assert b" 200 " in raw(url, head + pieces)
        half = b"%x\r\n" % (MOST_BODY // 2) + b"y" * (MOST_BODY // 2) + b"\r\n"
        assert b" 200 " in raw(url, head + half + half + b"0\r\n\r\n")
        answer = raw(url, head + half + half + b"1\r\ny\r\n0\r\n\r\n")
        assert answer == b"" or b" 413 " in answer
        assert raw(url, head + b"5\r\nhel") == b""
    assert [each.body for each in reader.notices] == [b"hello0123456789", b"y" * MOST_BODY]


def test_a_body_that_ends_early_is_not_read(bell: Doorbell) -> None:
    reader = Reader()
    with serving(Hooks("/hooks/", {"谷歌": reader}, bell)) as url:
        head = f"POST {urlsplit(url).path} HTTP/1.0\r\nContent-Length: 100\r\n\r\nshort"
        assert raw(url, head.encode()) == b""
        assert post(url, {})[0] == 200
    assert len(reader.notices) == 1


def test_slow_ones_keep_nobody_out(
    bell: Doorbell, woken: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as many lines as are allowed drip heads and bodies and never end: those that have
    something to tell are heard all the while, and the slow ones are ended."""
    monkeypatch.setattr(Hooks, "bounds", replace(Hooks.bounds, seconds=1.0))
    hooks = Hooks("/hooks/", {"谷歌": plugin}, bell)
    others = set(threading.enumerate())  # other tests' servers may have such threads, too
    with serving(hooks) as url, ExitStack() as stack:
        parts = urlsplit(url)
        heads = [f"POST {parts.path} HTTP/1.0\r\nX-Slow: ".encode()]
        heads.append(f"POST {parts.path} HTTP/1.0\r\nContent-Length: 5000\r\n\r\nx".encode())
        slow = []
        for number in range(2 * Hooks.bounds.connections):
            line = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
            slow.append(stack.enter_context(line))
            line.sendall(heads[number % 2])
            if number % 16 == 0:
                assert post(url, OURS | {"X-Secret": "the next one"})[0] == 202
        mine = set(threading.enumerate()) - others
        requests = [each for each in mine if "process_request" in each.name]
        assert len(requests) <= Hooks.bounds.threads
        for line in slow:
            with suppress(ConnectionError):
                assert line.recv(1) == b""
        assert post(url, OURS | {"X-Secret": "the next one"})[0] == 202
    assert woken.is_set()


def test_nothing_of_it_is_logged(
    door: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11: neither secrets nor whoever sent them."""
    caplog.set_level("DEBUG")
    for secret in ("the next one", "a stranger's"):
        post(f"{door}?x=alice@example.com", OURS | {"X-Secret": secret})
    post(door.rpartition("/")[0] + "/alice@example.com", OURS | {"X-Secret": "the next one"})
    shown = capfd.readouterr()
    everything = caplog.text + shown.out + shown.err
    for word in ("next one", "stranger", "alice", "127.0.0.1"):
        assert word not in everything


def test_a_plugin_with_a_bug_harms_no_other(bell: Doorbell) -> None:
    """The line breaks, the log tells, the next system is heard."""

    class Broken:
        def receive(self, notice: Notice) -> Receipt:
            raise KeyError(notice.headers["x-secret"])

    hooks = Hooks("/hooks/", {"谷歌": plugin, "broken": Broken()}, bell)
    lines: list[Any] = []
    with serving(hooks, lines) as url:
        path = urlsplit(url.rpartition("/")[0] + "/broken").path
        assert raw(url, f"POST {path} HTTP/1.0\r\nX-Secret: s3cret\r\n\r\n".encode()) == b""
        assert post(url, OURS | {"X-Secret": "the next one"})[0] == 202
    failed = [each for each in lines if each["event"] == "an answer of the webhooks failed"]
    assert len(failed) == 1


HOSTILE = [
    b"",
    b"[" * MOST_BODY,
    b'{"value":' * 7000,
    b"\xff\xfe\x00",
    b"null",
    b'"value"',
    b'{"value": null}',
    b'{"value": [null, 1, "x", [], {}]}',
    b'{"value": [{"subscriptionId": 1, "clientState": {"a": 1}}]}',
    b'{"value": [{"subscriptionId": "a", "clientState": null, "lifecycleEvent": 7}]}',
    b'{"value": [{"subscriptionId": "\\ud800", "clientState": "\\ud800"}]}',
    b'{"value": [' + b'{"subscriptionId":"a"},' * 2000 + b"{}]}",
    b"1" * MOST_BODY,
    b"1e999999",
]


@pytest.mark.parametrize("name", sorted(Plugins()))
def test_no_plugin_breaks_on_anything(name: str, bell: Doorbell, woken: threading.Event) -> None:
    """Every connector that is installed and reads notifications: hostile bodies, headers and
    queries are answered, told of nobody that we know, and wake nobody."""
    found = find(name)
    if not isinstance(found, Receives):
        return
    headers = [{}, {"x-goog-channel-id": "w1", "x-goog-resource-state": "exists"}]
    headers.append({"x-goog-channel-token": "\ud800", **headers[1]})
    queries = [{}, {"validationToken": ""}, {"validationToken": "\x00\r\n<b>" * 1000}]
    for method in ("GET", "HEAD", "POST"):
        for body in HOSTILE:
            for head in headers:
                for query in queries:
                    receipt = found.receive(Notice(method, query, head, body))
                    assert 200 <= receipt.status < 500
                    receipt.body.encode("utf-8", "surrogatepass")
                    bell.ring("谷歌", receipt)
    assert not woken.is_set()
