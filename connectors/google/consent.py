"""A colleague's own consent, for ``syncd auth``: loopback redirect with PKCE.

https://developers.google.com/identity/protocols/oauth2/native-app. On a machine without a browser
the person opens the address elsewhere and brings back the one to which Google sends the browser,
which shows an error there: nobody listens. (Google's device flow allows no calendar scope.)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from connectors.google.accounts import FREE_BUSY, SCOPE
from connectors.google.options import secret_table
from connectors.google.tokens import keep
from connectors.google.transport import Connections, post_form
from syncd.connector import System
from syncd.core.model import normalise_email
from syncd.errors import Unauthorized, Unavailable

PATIENCE = 600.0
"""Seconds in which somebody must have consented."""

_NOWHERE = "http://127.0.0.1:47823/"
"""Where a browser on another machine is sent; nobody needs to listen there."""

_SCOPES = f"openid email {SCOPE} {FREE_BUSY}"
_DONE = "Signed in. This window can be closed. / 登录成功，可以关闭此窗口。"


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of Google. ``verifier`` and ``state`` never leave this process before it."""

    client: Mapping[str, Any] = field(repr=False)
    redirect: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def address(self, account: str) -> str:
        """Where the person consents."""
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "client_id": self.client["client_id"],
            "redirect_uri": self.redirect,
            "response_type": "code",
            "scope": _SCOPES,
            "access_type": "offline",
            "prompt": "consent",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        hint = {"login_hint": account} if account else {}
        return f"{self.client['auth_uri']}?{urlencode({**asked, **hint})}"

    def code(self, came_back: str) -> str:
        """The code in the address to which the browser was sent. Raises ``Unauthorized``."""
        given = {key: values[0] for key, values in parse_qs(urlsplit(came_back).query).items()}
        if not hmac.compare_digest(given.get("state", "").encode(), self.state.encode()):
            raise Unauthorized("the address is not the one of this sign-in")
        if "code" not in given:
            error = given.get("error", "")
            said = error if error.isidentifier() else "no code"
            raise Unauthorized(f"Google did not agree: {said}")
        return given["code"]


def sign_in(
    system: System, say: Callable[[str], None], ask: Callable[[str], str] | None, *, browser: bool
) -> str:
    """Lead a person through Google's consent and keep the token; the account's address.

    Raises ``ConfigError``, ``Unauthorized``, ``Unavailable``.
    """
    client, account = _client(system), normalise_email(system.text("account"))
    if not browser and ask is None:
        raise system.wrong("account", "a sign-in needs somebody who can type, or a browser")
    if browser:
        request, came_back = _in_browser(client, account, say)
    else:
        request = _Request(client, _NOWHERE)
        say("Open this address in a browser, on any machine, and agree:")
        say(request.address(account))
        say("The browser then shows an error. Copy the address from its address bar.")
        came_back = ask("Address: ").strip() if ask is not None else ""
    granted = _exchange(system, request, request.code(came_back))
    found = _account(granted)
    if account and found != account:
        raise Unauthorized("somebody else has signed in than the account that is configured")
    if not granted.get("refresh_token"):
        raise Unauthorized("Google gave no lasting sign-in")
    parts = {key: str(client[key]) for key in ("client_id", "client_secret", "token_uri")}
    keep(system, found, {**parts, "refresh_token": str(granted["refresh_token"])})
    return found


def _client(system: System) -> Mapping[str, Any]:
    if not system.options.get("client_secrets"):
        hint = 'client_secrets = { file = "client.json" }'
        raise system.wrong("client_secrets", "is missing: a sign-in needs an OAuth client", hint)
    value = secret_table(system, "client_secrets")
    client = value.get("installed") or value.get("web")
    needed = ("client_id", "client_secret", "auth_uri", "token_uri")
    if not isinstance(client, Mapping) or not all(isinstance(client.get(k), str) for k in needed):
        raise system.wrong("client_secrets", "is no OAuth client of the type Desktop app")
    return client


def _in_browser(
    client: Mapping[str, Any], account: str, say: Callable[[str], None]
) -> tuple[_Request, str]:
    """What was asked, and the address that the browser was sent back to."""
    came: list[str] = []

    class Door(BaseHTTPRequestHandler):
        """Takes the browser's one request."""

        def do_GET(self) -> None:
            """What Google sends the browser to."""
            if "state=" in self.path:
                came.append(self.path)
            body = _DONE.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the path holds the code."""

    with HTTPServer(("127.0.0.1", 0), Door) as door:
        request = _Request(client, f"http://127.0.0.1:{door.server_address[1]}/")
        address = request.address(account)
        say("Agree in the browser. If none opens, open this address:")
        say(address)
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        until = time.monotonic() + PATIENCE
        while not came and time.monotonic() < until:
            door.timeout = max(0.1, until - time.monotonic())
            door.handle_request()
    if not came:
        raise Unavailable("nobody has agreed in time")
    return request, came[0]


def _exchange(system: System, request: _Request, code: str) -> Mapping[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": request.verifier,
        "redirect_uri": request.redirect,
        "client_id": str(request.client["client_id"]),
        "client_secret": str(request.client["client_secret"]),
    }
    timeout = system.number("timeout", 30, 600, "seconds")
    connections = Connections(timeout, system.file("ca_file"))
    try:
        return post_form(connections, str(request.client["token_uri"]), form)
    finally:
        connections.close()


def _account(granted: Mapping[str, Any]) -> str:
    """Whose consent it is, by the ID token. It came from Google itself over TLS, so its signature
    need not be checked (OpenID Connect Core, 3.1.3.7)."""
    parts = str(granted.get("id_token", "")).split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        email = normalise_email(str(claims["email"]))
    except (IndexError, ValueError, KeyError, TypeError):
        email = ""
    if not email:
        raise Unauthorized("Google does not say who has signed in")
    return email
