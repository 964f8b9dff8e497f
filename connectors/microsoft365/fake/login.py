"""The sign-in of the fake: openid configuration, tokens for applications, device codes."""

from __future__ import annotations

import base64
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Login:
    """One tenant. ``token``: what every access token begins with. ``refuses``: an error that is
    answered instead. ``consented``: the person has entered the code."""

    tenant: str = "contoso.example"
    client_id: str = "00000000-0000-0000-0000-000000000001"
    secret: str = "app-Geheimnis-55"
    token: str = "token-Geheimnis-66"
    account: str = "alice@example.com"
    lives: int = 3600
    refuses: str = ""
    consented: bool = True
    asked: int = 0
    certificates: int = 0
    valid: set[str] = field(default_factory=set)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def expire(self) -> None:
        """No token that was given is taken any more."""
        self.valid.clear()

    def reply(self, method: str, path: str, form: dict[str, str], base: str) -> Reply:
        """What the tenant answers."""
        if not path.startswith(f"/{self.tenant}/"):
            return _json(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: no"})
        if path.endswith("/.well-known/openid-configuration"):
            return _json(200, self._configuration(base))
        if method == "POST" and path.endswith("/devicecode"):
            return _json(200, self._device())
        if method == "POST" and path.endswith("/token"):
            return self._token(form)
        return _json(404, {"error": "not_found"})

    def _configuration(self, base: str) -> dict[str, str]:
        root = f"{base}/{self.tenant}"
        return {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        }

    def _device(self) -> dict[str, Any]:
        return {
            "user_code": "ABCD-1234",
            "device_code": "device-1",
            "verification_uri": "https://login.example/device",
            "expires_in": 900,
            "interval": 0,
            "message": "enter the code",
        }

    def _token(self, form: dict[str, str]) -> Reply:
        self.asked += 1
        if self.refuses:
            return _json(401, {"error": self.refuses, "error_description": "AADSTS700000: no"})
        if form.get("client_id") != self.client_id:
            return _json(400, {"error": "unauthorized_client"})
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            return self._for_application(form)
        if kind.endswith("device_code"):
            if not self.consented:
                return _json(400, {"error": "authorization_pending"})
            return self._for_person()
        if kind == "refresh_token" and form.get("refresh_token", "").startswith("refresh-"):
            return self._for_person()
        return _json(400, {"error": "invalid_grant", "error_description": "AADSTS70008: no"})

    def _for_application(self, form: dict[str, str]) -> Reply:
        signed = form.get("client_assertion", "").count(".") == 2
        if not signed and form.get("client_secret") != self.secret:
            said = "AADSTS7000215: Invalid client secret provided."
            return _json(401, {"error": "invalid_client", "error_description": said})
        self.certificates += signed
        return _json(200, self._granted())

    def _for_person(self) -> Reply:
        claims = {
            "iss": "issuer",
            "aud": self.client_id,
            "sub": "subject",
            "exp": int(time.time()) + 3600,
            "iat": int(time.time()),
            "preferred_username": self.account,
            "oid": "oid-1",
            "tid": self.tenant,
        }
        token = ".".join((_encoded({"alg": "none"}), _encoded(claims), "x"))
        more = {
            "id_token": token,
            "refresh_token": f"refresh-{self.token}",
            "client_info": _encoded({"uid": "oid-1", "utid": self.tenant}),
        }
        return _json(200, self._granted() | more)

    def _granted(self) -> dict[str, Any]:
        token = f"{self.token}-{next(self._numbers)}"
        self.valid.add(token)
        return {"token_type": "Bearer", "access_token": token, "expires_in": self.lives}


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _json(status: int, value: object) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
