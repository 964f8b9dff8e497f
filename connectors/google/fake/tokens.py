"""Google's token endpoint, as strict: google-auth runs against it for real.

Service accounts (RFC 7523): the assertion is checked with the public key, its times, its
audience (always Google's own address), its scope against what was delegated, its subject against
the users. Consents (RFC 6749, PKCE of RFC 7636): code, verifier, redirect address, client.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "https://oauth2.googleapis.com/token"
EVENTS = "https://www.googleapis.com/auth/calendar.events"
FREE_BUSY = "https://www.googleapis.com/auth/calendar.events.freebusy"
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ID = "77.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-geheim-Wort-77"  # noqa: S105  # of the fake


class Refused(Exception):
    """An answer of the token endpoint that is no token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description = error, description

    def body(self) -> dict[str, str]:
        """The JSON of the answer."""
        return {"error": self.error, "error_description": self.description}


@cache
def _key(_name: str) -> rsa.RSAPrivateKey:
    """A key of the service account. One of a name for all fakes of a process, and half as long as
    Google's: to find its primes, and to prove them at each sign-in, costs a hundred requests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # see above


@dataclass
class Tokens:
    """Who may sign in, and what was given out. ``lifetime``: seconds of an access token.
    ``unticked``: scopes that a person who consents does not grant."""

    users: set[str] = field(default_factory=set)
    delegated: set[str] = field(default_factory=lambda: {EVENTS, FREE_BUSY})
    lifetime: int = 3600
    consenting: str = ""
    unticked: set[str] = field(default_factory=set)
    issued: dict[str, tuple[str, float, frozenset[str]]] = field(default_factory=dict)
    refresh: dict[str, tuple[str, str]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    answered: int = 0
    account: str = "syncd@project-77.iam.gserviceaccount.com"
    key: str = "k1"

    def key_file(self, token_uri: str) -> str:
        """The key file of the service account, as the console gives it."""
        pem = _key(self.key).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project-77",
                "private_key_id": self.key,
                "private_key": pem.decode(),
                "client_email": self.account,
                "client_id": "107",
                "token_uri": token_uri,
            }
        )

    def client_file(self, base: str) -> str:
        """The file of an OAuth client for desktop apps."""
        return json.dumps(
            {
                "installed": {
                    "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET,
                    "auth_uri": f"{base}auth",
                    "token_uri": f"{base}token",
                    "redirect_uris": ["http://localhost"],
                }
            }
        )

    def user_of(self, header: str) -> str | None:
        """Whose the token in an Authorization header is; ``None`` if it is none (any more)."""
        user, until, _ = self.issued.get(header.removeprefix("Bearer "), ("", 0.0, None))
        return user if user and time.time() < until else None

    def scopes_of(self, header: str) -> frozenset[str]:
        """What the token in an Authorization header is good for."""
        return self.issued[header.removeprefix("Bearer ")][2]

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """The token endpoint. Raises :class:`Refused`."""
        self.answered += 1
        kind = form.get("grant_type")
        if kind == _JWT:
            return self._issue(*self._subject(form.get("assertion", "")))
        if kind == "refresh_token":
            self._check_client(form)
            user, scope = self.refresh.get(form.get("refresh_token", ""), ("", ""))
            if user not in self.users:
                raise Refused("invalid_grant", "Token has been expired or revoked.")
            return self._issue(user, scope)
        if kind == "authorization_code":
            return self._exchange(form)
        raise Refused("unsupported_grant_type", "Invalid grant_type")

    def _issue(self, user: str, scope: str) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(20)}"
        self.issued[token] = (user, time.time() + self.lifetime, frozenset(scope.split()))
        return {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}

    def _subject(self, assertion: str) -> tuple[str, str]:
        """Whom an assertion names, and for which scope."""
        try:
            signed, _, signature = assertion.rpartition(".")
            claims = json.loads(_decoded(signed.split(".")[1]))
            _key(self.key).public_key().verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError, IndexError):
            raise Refused("invalid_grant", "Invalid JWT Signature.") from None
        now = time.time()
        if claims.get("iss") != self.account or claims.get("aud") != AUDIENCE:
            raise Refused("invalid_grant", "Invalid JWT: issuer or audience")
        if not claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + 3600:
            raise Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        if not set(str(claims.get("scope", "")).split()) <= self.delegated or not claims["scope"]:
            raise Refused(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client"
                " not authorized for any of the scopes requested.",
            )
        subject = str(claims.get("sub", ""))
        if subject not in self.users:
            raise Refused("invalid_grant", "Invalid email or User ID")
        return subject, str(claims["scope"])

    def authorize(self, query: dict[str, str]) -> str:
        """The address to which a person who consents is sent back. Raises :class:`Refused`."""
        if not query.get("scope"):
            raise Refused("invalid_request", "Missing required parameter: scope")
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            raise Refused("invalid_client", "The OAuth client was not found.")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise Refused("invalid_request", "PKCE is missing")
        if not query.get("redirect_uri", "").startswith(("http://127.0.0.1", "http://localhost")):
            raise Refused("redirect_uri_mismatch", "no loopback address")
        code = f"4/{secrets.token_urlsafe(12)}"
        self.codes[code] = query
        back = {"code": code, "state": query.get("state", ""), "scope": query.get("scope", "")}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def _exchange(self, form: dict[str, str]) -> dict[str, Any]:
        self._check_client(form)
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge:
            raise Refused("invalid_grant", "Malformed auth code.")
        if asked["redirect_uri"] != form.get("redirect_uri"):
            raise Refused("redirect_uri_mismatch", "another address than before")
        user = self.consenting
        scope = " ".join(each for each in asked["scope"].split() if each not in self.unticked)
        answer = self._issue(user, scope)
        if asked.get("access_type") == "offline":
            answer["refresh_token"] = f"1//{secrets.token_urlsafe(20)}"
            self.refresh[answer["refresh_token"]] = user, scope
        if "openid" in asked.get("scope", "").split():
            claims = {"email": user, "email_verified": True, "aud": CLIENT_ID}
            packed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            answer["id_token"] = f"e30.{packed}.c2ln"
        return answer | {"scope": scope}

    def _check_client(self, form: dict[str, str]) -> None:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused("invalid_client", "The OAuth client was not found.")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
