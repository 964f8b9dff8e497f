"""The robots of WeCom, DingTalk and Feishu on loopback, as strict as the vendors; and a mailbox.

Each answers HTTP 200 with a code in the body, whatever is wrong: unknown token, wrong shape, a
text that is too long in bytes, a bad or old signature, a missing keyword, too many messages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
MINUTE, WINDOW = 60.0, 3600.0


@dataclass
class Vendor:
    """One robot's server. ``texts``: what was delivered into the group, in order.

    ``secret``: signatures are checked. ``keyword``: must occur. ``clock``: the server's. Knobs:
    ``answer`` is asked first and may answer (status, body, headers) in the vendor's stead;
    ``before`` is called before anything is answered (to hang, or to count).
    """

    kind: str
    secret: str = ""
    keyword: str = ""
    clock: Callable[[], float] = time.time
    texts: list[str] = field(default_factory=list)
    requests: int = 0
    answer: Callable[[], tuple[int, bytes, dict[str, str]] | None] = lambda: None
    before: Callable[[], None] = lambda: None
    url: str = ""
    arrivals: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """The vendor's answer to a request."""
        if "application/json" not in headers.get("content-type", ""):
            return _said(self.kind, "shape")
        try:
            told = json.loads(body.decode("utf-8"))
        except ValueError:
            return _said(self.kind, "shape")
        with self.lock:
            fault, text = _CHECKS[self.kind](self, path, told)
            if not fault and self.keyword and self.keyword not in text:
                fault = "keyword"
            if not fault and self._is_flooded():
                fault = "flood"
            if fault:
                return _said(self.kind, fault)
            self.texts.append(text)
        return _OK[self.kind]

    def _is_flooded(self) -> bool:
        """20 messages a minute (Feishu: 100), counted by the server's clock."""
        now = self.clock()
        self.arrivals = [at for at in self.arrivals if now - at < MINUTE] + [now]
        return len(self.arrivals) > (100 if self.kind == "feishu" else 20)


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _text(told: Any, most: int) -> tuple[str, str]:
    """(fault, text) of the body that WeCom and DingTalk share."""
    if not isinstance(told, dict) or told.get("msgtype") != "text":
        return "shape", ""
    if set(told) - {"msgtype", "text", "at"} or not isinstance(told.get("text"), dict):
        return "shape", ""
    text = told["text"].get("content")
    if not isinstance(text, str) or not text:
        return "shape", ""
    return ("length" if len(text.encode()) > most else ""), text


def _check_wecom(vendor: Vendor, path: str, told: Any) -> tuple[str, str]:
    parts = urlsplit(path)
    if parts.path != "/cgi-bin/webhook/send" or parse_qs(parts.query).get("key") != [TOKEN]:
        return "token", ""
    return _text(told, 2048)


def _check_dingtalk(vendor: Vendor, path: str, told: Any) -> tuple[str, str]:
    parts = urlsplit(path)
    query = parse_qs(parts.query)  # decodes once, as a server does
    if parts.path != "/robot/send" or query.get("access_token") != [TOKEN]:
        return "token", ""
    if vendor.secret:
        stamp, sign = (query.get(name, [""])[0] for name in ("timestamp", "sign"))
        if not stamp.isdigit() or abs(vendor.clock() - int(stamp) / 1000) > WINDOW:
            return "stamp", ""
        if sign != _signature(vendor.secret, f"{stamp}\n{vendor.secret}"):
            return "sign", ""
    return _text(told, 20_000)


def _check_feishu(vendor: Vendor, path: str, told: Any) -> tuple[str, str]:
    if path != f"/open-apis/bot/v2/hook/{TOKEN}":
        return "token", ""
    if not isinstance(told, dict) or len(json.dumps(told).encode()) > 20_480:
        return "shape", ""
    if vendor.secret:
        stamp, sign = told.get("timestamp"), told.get("sign")
        if not isinstance(stamp, str) or not stamp.isdigit():
            return "sign", ""
        if abs(vendor.clock() - int(stamp)) > WINDOW:
            return "stamp", ""
        if sign != _signature(f"{stamp}\n{vendor.secret}", ""):
            return "sign", ""
    if set(told) - {"timestamp", "sign", "msg_type", "content"} or told.get("msg_type") != "text":
        return "shape", ""
    content = told.get("content")
    text = content.get("text") if isinstance(content, dict) else None
    return ("", text) if isinstance(text, str) and text else ("shape", "")


_CHECKS = {"wecom": _check_wecom, "dingtalk": _check_dingtalk, "feishu": _check_feishu}
_OK: dict[str, dict[str, Any]] = {
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {
        "StatusCode": 0,
        "StatusMessage": "success",
        "code": 0,
        "data": {},
        "msg": "success",
    },
}
_FAULTS: dict[str, dict[str, tuple[int, str]]] = {
    "wecom": {
        "token": (93000, "invalid webhook url, hint: [1755605200], from ip: 192.0.2.1"),
        "shape": (40008, "invalid message type"),
        "length": (40058, "text.content exceed max length 2048. invalid Request Parameter"),
        "keyword": (40058, "text.content lacks"),
        "flood": (45009, "api freq out of limit, hint: [1773643642], from ip: 192.0.2.1"),
    },
    "dingtalk": {
        "token": (300005, "token is not exist"),
        "shape": (400105, "message type not supported"),
        "length": (460101, "message too long, exceed 20000 bytes"),
        "keyword": (310000, "错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词"),
        "stamp": (310000, "invalid timestamp, more: [https://ding-doc.dingtalk.com]"),
        "sign": (
            310000,
            "错误描述:机器人发送签名不匹配;解决方案:请确认签名和生成签名的时间戳必须都放在调用的网址中",
        ),
        "flood": (130101, "send too fast, exceed 20 times per minute"),
    },
    "feishu": {
        "token": (19001, "param invalid: incoming webhook access token invalid"),
        "shape": (9499, "Bad Request"),
        "keyword": (19024, "Key Words Not Found"),
        "stamp": (19021, "sign match fail or timestamp is not within one hour from current time"),
        "sign": (19021, "sign match fail or timestamp is not within one hour from current time"),
        "flood": (11232, "frequency limited psm[lark.oapi.app_platform_runtime]"),
    },
}


def _said(kind: str, fault: str) -> dict[str, Any]:
    code, words = _FAULTS[kind][fault]
    if kind == "feishu":
        return {"code": code, "data": {}, "msg": words}
    return {"errcode": code, "errmsg": words}


_PATHS = {
    "wecom": f"cgi-bin/webhook/send?key={TOKEN}",
    "dingtalk": f"robot/send?access_token={TOKEN}",
    "feishu": f"open-apis/bot/v2/hook/{TOKEN}",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vendor: Vendor

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        with self.vendor.lock:
            self.vendor.requests += 1
        self.vendor.before()
        own = self.vendor.answer()
        if own is None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            told = self.vendor.judge(self.path, body, headers)
            own = 200, json.dumps(told, ensure_ascii=False).encode(), {}
        status, content, extra = own
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for key, value in extra.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def robot(kind: str, *, context: Any = None, **knobs: Any) -> Iterator[Vendor]:
    """A robot's server until the block ends; ``url`` is its webhook. ``context``: for TLS."""
    vendor = Vendor(kind, **knobs)
    handler = type("Handler", (_Handler,), {"vendor": vendor})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    scheme = "http"
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    vendor.url = f"{scheme}://127.0.0.1:{server.server_port}/{_PATHS[kind]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """A mail server. ``letters``: what it took, whole. ``refuses``: it takes none."""

    letters: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuses: str = ""
    port: int = 0


class _Mail(StreamRequestHandler):
    """As much of RFC 5321 as a client needs that sends one letter."""

    box: Mailbox

    def handle(self) -> None:
        self._say("220 mail.example.com")
        for raw in self.rfile:
            line = raw.decode("utf-8").strip()
            verb = line[:4].upper()
            if verb == "QUIT":
                self._say("221 bye")
                return
            if verb == "RCPT" and self.box.refuses and self.box.refuses in line:
                self._say("550 no such user here")
                continue
            if verb == "RCPT":
                self.box.recipients.append(line)
            if verb == "DATA":
                self._say("354 go on")
                self._take()
            self._say("250 ok")

    def _take(self) -> None:
        lines = []
        for raw in self.rfile:
            if raw == b".\r\n":
                break
            lines.append(raw)
        self.box.letters.append(b"".join(lines))

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on loopback until the block ends."""
    box = Mailbox()
    handler = type("Handler", (_Mail,), {"box": box})
    server = ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
